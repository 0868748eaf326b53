# SPDX-License-Identifier: Apache-2.0
"""Reading who made a job: few requests, no errors, no secrets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.hooks.job_origin import JobMakers
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError, PolarisServerError
from airflow_provider_polaris.jobs.status.state import JobState

SECRET = "pok_s3cret-s3cret"
ORIGIN = {"dag": "koalas", "task": "rollup", "run": f"manual__{SECRET}"}


def error(kind: type[Any], status: int) -> Any:
    return kind("no", status=status, method="GET", path="/jobs/j")


class FakeHook:
    """Describes jobs that ``ORIGIN`` made, or fails."""

    def __init__(self, *answers: Any) -> None:
        self.settings = SimpleNamespace(secrets=lambda: (SECRET,))
        self.answers = list(answers)
        self.asked: list[str] = []

    def get_job(self, job_id: str) -> dict[str, Any]:
        self.asked.append(job_id)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return {"id": job_id, "spec": {"context": {"airflowOrigin": ORIGIN}}}


def row(job_id: str, kind: str = "batch", **fields: Any) -> JobState:
    """Return an entry of the list."""
    return JobState.from_wire({"id": job_id, "type": kind, "executionStatus": "running", **fields})


def test_job_of_the_list_is_read_once_and_the_key_in_it_is_masked() -> None:
    """Somebody may have put the connection's key into the id of a run."""
    hook = FakeHook()
    makers = JobMakers(hook)  # type: ignore[arg-type]
    for _ in range(2):
        assert makers.describe(row("j")) == (
            "'j' (batch, 'running', made by task 'rollup' of DAG 'koalas', run 'manual__***')"
        )
    assert hook.asked == ["j"]


def test_job_that_needs_no_request_gets_none() -> None:
    """A description has the context, and the type of a deletion has none."""
    hook = FakeHook()
    makers = JobMakers(hook)  # type: ignore[arg-type]
    described = row("j", spec={"context": {"airflowOrigin": ORIGIN}})
    assert makers.origin(described) is not None
    assert makers.describe(row("d", "delete_data", createdBy={"username": f"etl {SECRET}"})) == (
        "'d' (delete_data, 'running', created by 'etl ***')"
    )
    assert makers.describe(row("s", "streaming")) == "'s' (streaming, 'running')"
    assert hook.asked == []


@pytest.mark.parametrize(
    ("failure", "asked"),
    [(error(PolarisNotFoundError, 404), ["a", "b"]), (error(PolarisServerError, 503), ["a"])],
    ids=["404", "503"],
)
def test_failed_read_is_no_error(failure: Exception, asked: list[str]) -> None:
    """A service that is down is asked only once; a job that has just been removed says nothing about others."""
    hook = FakeHook(failure)
    makers = JobMakers(hook)  # type: ignore[arg-type]
    assert [makers.origin(row(name)) is None for name in "ab"] == [True, len(asked) == 1]
    assert hook.asked == asked


def test_reads_are_limited() -> None:
    """Each read is a request."""
    hook = FakeHook()
    makers = JobMakers(hook, most_reads=2)  # type: ignore[arg-type]
    assert [makers.origin(row(name)) is None for name in "abc"] == [False, False, True]
    assert hook.asked == ["a", "b"]
