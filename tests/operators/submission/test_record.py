# SPDX-License-Identifier: Apache-2.0
"""The record: stored before the job, read back, and never the reason why an existing job is lost."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisRecordError
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.operators.submission.record import RECORD_KEY, Record, Records
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.operators.submission.conftest import MemoryStore, Polaris, Task

RECORD = Record(
    epoch=2,
    fingerprint={"type": "ab"},
    since=datetime(2026, 11, 20, 6, tzinfo=timezone.utc),
    api="https://acme.us-east-1.aws.api.imply.io",
    project="p1",
    table="Koalas Rollup",
    past=("j0",),
    job_id="j1",
    sent=datetime(2026, 11, 20, 6, 1, tzinfo=timezone.utc),
    marker="sent",
)
STORED = {
    "v": 1,
    "epoch": 2,
    "fingerprint": {"type": "ab"},
    "since": "2026-11-20T06:00:00.000Z",
    "api": "https://acme.us-east-1.aws.api.imply.io",
    "project": "p1",
    "table": "Koalas Rollup",
    "past": ["j0"],
    "job_id": "j1",
    "sent": "2026-11-20T06:01:00.000Z",
    "marker": "sent",
}
UNWRITTEN = (
    "Without it, a retry could submit the job twice, so nothing was submitted. Retry the task when Airflow's API "
    "server works again, check [state_store] max_value_storage_bytes, or set durable=False to work without the store."
)

log = logging.getLogger("test.submission")


def test_record_is_stored_under_its_old_names() -> None:
    """Records outlive upgrades: neither key nor format may change."""
    assert RECORD_KEY == "polaris_job"
    assert RECORD.to_json() == STORED
    assert Record.from_json(STORED) == RECORD


def test_record_of_a_job_that_was_not_sent_has_no_job_and_no_table() -> None:
    """Nothing of a missing field becomes the text None."""
    unsent = replace(RECORD, table=None, job_id=None, sent=None)
    assert Record.from_json({**STORED, "table": None, "job_id": None, "sent": None}) == unsent
    assert Record.from_json(unsent.to_json()) == unsent


def test_record_remembers_a_hundred_past_jobs() -> None:
    """A value in the store has a size limit."""
    many = tuple(f"j{number}" for number in range(150))
    assert replace(RECORD, past=many).to_json()["past"] == list(many[50:])


@pytest.mark.parametrize(
    "value", ["text", [], {}, {**STORED, "v": 2}, {**STORED, "since": "soon"}, {**STORED, "marker": "perhaps"}]
)
def test_load_of_something_else_warns_and_counts_as_missing(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An unreadable record proves only that the task has run before."""
    store = MemoryStore()
    store.set(RECORD_KEY, value)
    records = Records(store, log)
    with caplog.at_level(logging.WARNING, "test.submission"):
        assert records.load() is None
    assert records.was_unreadable
    (record,) = caplog.records
    assert record.getMessage() == (
        f"The record 'polaris_job' in the task state store is unreadable and is treated as missing: {quote(value)}"
    )


def test_load_of_a_store_that_does_not_answer_fails_the_task() -> None:
    """Continuing without the store would be a guess."""

    class Dead(MemoryStore):
        def get(self, key: str, default: Any = None) -> Any:
            raise OSError("no supervisor")

    with pytest.raises(PolarisRecordError) as caught:
        Records(Dead(), log).load()
    assert str(caught.value) == (
        "Airflow's task state store failed (OSError('no supervisor')), so it is unknown whether this "
        "task already has a job. Nothing was submitted. Retry the task when Airflow's API server "
        "works again."
    )


def test_submit_record_is_there_before_the_post(task: Task, polaris: Polaris) -> None:
    """A worker that dies during the POST has left a record."""
    assert task.store is not None
    store, create = task.store, task.wire._create
    seen: list[Any] = []

    def look(spec: Any) -> Any:
        seen.append(store.record)
        return create(spec)

    task.wire._create = look  # type: ignore[method-assign]
    submitted = task.submit(polaris.append())
    (before,) = seen
    assert before["job_id"] is None
    assert before["sent"] == before["since"]
    assert (before["project"], before["table"]) == (polaris.running.settings.project_id, polaris.table)
    assert store.record == {**before, "job_id": submitted.job.job_id}


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no store")
def test_submit_record_never_expires(task: Task, polaris: Polaris) -> None:
    """A task may be cleared after a year."""
    from airflow.sdk import NEVER_EXPIRE

    task.submit(polaris.append())
    assert task.store is not None
    assert all(retention is NEVER_EXPIRE for retention in task.store.retentions)


def test_submit_record_that_was_swallowed_fails_the_task(task: Task, polaris: Polaris) -> None:
    """A worker only logs a warning when Airflow rejects a value, so it is read back."""
    assert task.store is not None
    task.store.swallows = True
    with pytest.raises(PolarisRecordError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"the task can't store its record 'polaris_job' in Airflow's task state store (it can't be read back). "
        f"{UNWRITTEN}"
    )
    assert task.wire.asked == []


def test_submit_record_that_cannot_be_written_fails_the_task(task: Task, polaris: Polaris) -> None:
    """No record, no job; the store may work again for a retry."""

    def fail(value: Any) -> None:
        raise OSError("no supervisor")

    assert task.store is not None
    task.store.before_set = fail
    with pytest.raises(PolarisRecordError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"the task can't store its record 'polaris_job' in Airflow's task state store (OSError('no supervisor')). "
        f"{UNWRITTEN}"
    )
    assert task.wire.asked == []
    assert PolarisRecordError.retryable


def test_submit_id_that_cannot_be_written_warns_and_goes_on(
    task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """The job exists: failing now would not help, and the next try finds it by its marker."""

    def fail(value: Any) -> None:
        if value["job_id"]:
            raise OSError("no supervisor")

    assert task.store is not None
    task.store.before_set = fail
    with caplog.at_level(logging.WARNING, "test.submission"):
        job_id = task.submit(polaris.append()).job.job_id
    assert [record.getMessage() for record in caplog.records] == [
        (
            "Airflow's task state store doesn't accept the record 'polaris_job'; a retry will search for "
            "the job: OSError('no supervisor')"
        )
    ]
    submitted = task.retry().submit(polaris.append())
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", job_id)


def test_submit_unreadable_record_on_a_first_try_is_a_trace(task: Task, polaris: Polaris) -> None:
    """A task with a record has run before, whatever Airflow reports; an append isn't submitted on a guess."""
    assert task.store is not None
    task.store.set(RECORD_KEY, {"v": 2})
    with pytest.raises(PolarisGuardError, match="this task has run before"):
        task.submit(polaris.append())
    assert task.submit(polaris.replace()).outcome == "submitted"


@pytest.mark.parametrize("mode", ["append", "replace"])
@pytest.mark.parametrize("marker", ["auto", "off"])
def test_retry_without_record_looks_before_it_submits(mode: str, marker: str, task: Task, polaris: Polaris) -> None:
    """A store that was cleaned, or a try that failed early: the list decides, and there is nothing to wait for."""
    task.marker = marker
    assert task.retry().submit(polaris.spec(mode)).outcome == "submitted"
    # Without a marker no job in the list is certainly this task's, which is all that a replace needs.
    assert task.wire.asked == (["POST"] if (mode, marker) == ("replace", "off") else ["list", "POST"])
    assert task.wire.clock.slept == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_retry_without_record_adopts_and_writes_the_record_anew(mode: str, task: Task, polaris: Polaris) -> None:
    """A lost record loses no job."""
    job_id = task.submit(polaris.spec(mode)).job.job_id
    assert task.store is not None
    task.store.clear()
    assert task.retry().submit(polaris.spec(mode)).outcome == "adopted"
    assert task.store.record["job_id"] == job_id
    assert task.retry().submit(polaris.spec(mode)).outcome == "resumed"


def test_retry_adopted_job_is_written_down(task: Task, polaris: Polaris) -> None:
    """The next try need not search for it again."""
    task.wire.posts = [KeyboardInterrupt(), "lost"]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append())
    job_id = task.retry().submit(polaris.append()).job.job_id
    assert task.store is not None
    assert task.store.record["job_id"] == job_id
