# SPDX-License-Identifier: Apache-2.0
"""Before Airflow 3.3, or with durable=False: marker and list decide; without them an append is submitted only once."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisGuardError
from tests.operators.submission.conftest import MODES, Death, Polaris, Task, api_error


def die(task: Task, spec: object) -> None:
    """Submit, and die before the answer is read."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(spec)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ["active", "completed"])
def test_retry_finds_the_job_by_its_marker(end: str, mode: str, old_task: Task, polaris: Polaris) -> None:
    """The marker is derived from values that Airflow always provides, so it needs no store."""
    die(old_task, polaris.spec(mode))
    if end == "completed":
        polaris.finish()
    submitted = old_task.retry().submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.is_terminal) == ("adopted", end == "completed")
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_visible_late_is_found(mode: str, old_task: Task, polaris: Polaris) -> None:
    """The time of the POST wasn't stored, so the wait starts with the retry."""
    old_task.wire.visible_after = 50
    die(old_task, polaris.spec(mode))
    assert old_task.retry().submit(polaris.spec(mode)).outcome == "adopted"


@pytest.mark.parametrize("mode", MODES)
def test_retry_nothing_found_submits(mode: str, old_task: Task, polaris: Polaris) -> None:
    """The list contains all jobs since the run started, and none is ours."""
    old_task.wire.foreign({**polaris.spec(mode), "context": {"airflow": "somebody"}})
    assert old_task.retry().submit(polaris.spec(mode)).outcome == "submitted"
    assert old_task.wire.clock.slept == 60  # type: ignore[attr-defined]


def test_retry_after_failed_tries_takes_the_latest_job(old_task: Task, polaris: Polaris) -> None:
    """Tries of one epoch share a marker; failed ones are ignored."""
    old_task.wire.cancel_job(old_task.submit(polaris.append()).job.job_id)
    polaris.running.emulator.jobs.advance_due_jobs()
    second = old_task.retry().submit(polaris.append())
    assert second.outcome == "submitted"
    third = old_task.retry().submit(polaris.append())
    assert (third.outcome, third.job.job_id) == ("adopted", second.job.job_id)


def test_retry_two_effective_jobs_with_our_marker_refuses(old_task: Task, polaris: Polaris) -> None:
    """That should be impossible, and needs a person to check."""
    first = old_task.submit(polaris.append()).job.job_id
    second = old_task.wire.foreign(old_task.wire.sent[0])
    with pytest.raises(PolarisGuardError) as caught:
        old_task.retry().submit(polaris.append())
    assert str(caught.value).startswith(
        f"jobs {second!r} (batch into {polaris.table!r}, 'pending') and {first!r} (batch into "
        f"{polaris.table!r}, 'pending') carry the marker of this task, but it should have one job. "
        "Adopting another"
    )


def test_retry_spec_changed_append_names_the_field(old_task: Task, polaris: Polaris) -> None:
    """Without a record the echo shows the differences."""
    die(old_task, polaris.append())
    with pytest.raises(PolarisGuardError, match="the spec has changed since: field 'filterExpression'"):
        old_task.retry().submit(polaris.append(filterExpression="\"city\" = 'Oslo'"))


@pytest.mark.parametrize("reading", ["drops", "refuses"])
def test_retry_spec_changed_marker_not_echoed_append_fails_closed(
    reading: str, old_task: Task, polaris: Polaris
) -> None:
    """An unmarked job with another spec may be the one that this task submitted before it changed."""
    old_task.wire.echoes_markers = reading == "refuses"
    old_task.wire.refuses_markers = reading == "refuses"
    die(old_task, polaris.append())
    with pytest.raises(PolarisGuardError, match="this task has run before"):
        old_task.retry().submit(polaris.append(filterExpression="\"city\" = 'Oslo'"))
    assert len(polaris.jobs) == 1


def test_retry_among_strangers_append_submits_if_markers_are_echoed(old_task: Task, polaris: Polaris) -> None:
    """Ours would have its own marker, whatever its spec."""
    other = polaris.append(filterExpression="\"city\" = 'Oslo'")
    old_task.wire.foreign(other)
    old_task.wire.foreign({**other, "context": {"airflow": "somebody"}})
    assert old_task.retry().submit(polaris.append()).outcome == "submitted"


def test_retry_spec_changed_replace_settles(old_task: Task, polaris: Polaris) -> None:
    """As with a record."""
    die(old_task, polaris.replace())
    assert old_task.retry().submit(polaris.replace(filterExpression="\"city\" = 'Oslo'")).outcome == "replaced"


def test_retry_marker_not_echoed_append_refuses(old_task: Task, polaris: Polaris) -> None:
    """The single equivalent job may be another task's."""
    old_task.wire.echoes_markers = False
    die(old_task, polaris.append())
    with pytest.raises(PolarisGuardError, match=polaris.jobs[0].id):
        old_task.retry().submit(polaris.append())


def test_retry_marker_not_echoed_replace_adopts(old_task: Task, polaris: Polaris) -> None:
    """An equivalent replace of another task has the same effect."""
    old_task.wire.echoes_markers = False
    die(old_task, polaris.replace())
    assert old_task.retry().submit(polaris.replace()).job.job_id == polaris.jobs[0].id


def test_retry_marker_not_echoed_replace_of_an_earlier_run_is_not_adopted(old_task: Task, polaris: Polaris) -> None:
    """A job that is older than the run may have read other data."""
    old_task.wire.echoes_markers = False
    old_task.wire.foreign(polaris.replace())
    old_task.wire.clock.advance(3600)  # type: ignore[attr-defined]
    old_task.run_started = old_task.wire.clock.now()
    assert old_task.retry().submit(polaris.replace()).outcome == "submitted"


@pytest.mark.parametrize("again", ["retry", "clear"])
def test_without_store_and_marker_append_fails_closed(again: str, old_task: Task, polaris: Polaris) -> None:
    """It can't be known, so the rows aren't added again."""
    old_task.marker = "off"
    old_task.submit(polaris.append())
    getattr(old_task, again)()
    with pytest.raises(PolarisGuardError, match="this task has run before"):
        old_task.submit(polaris.append())
    assert old_task.wire.asked == []
    assert old_task.submit(polaris.append(), repeat_append=True).outcome == "submitted"


@pytest.mark.parametrize("again", ["retry", "clear"])
def test_without_store_and_marker_replace_proceeds(again: str, old_task: Task, polaris: Polaris) -> None:
    """The same replace twice has the same effect."""
    old_task.marker = "off"
    old_task.submit(polaris.replace())
    polaris.finish()
    assert getattr(old_task, again)().submit(polaris.replace()).outcome == "submitted"
    assert old_task.wire.asked == ["POST"]


@pytest.mark.parametrize("mode", MODES)
def test_clear_finds_the_old_epochs_job_and_settles_it(mode: str, old_task: Task, polaris: Polaris) -> None:
    """The markers of earlier epochs can be computed again."""
    old_task.submit(polaris.spec(mode))
    submitted = old_task.clear().submit(polaris.spec(mode))
    assert submitted.outcome == "replaced"
    assert polaris.jobs[0].status == "canceled"
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ["active", "completed"])
def test_retry_after_a_clear_whose_first_try_failed_early_sees_the_old_job(
    end: str, mode: str, old_task: Task, polaris: Polaris
) -> None:
    """The try after the clear could not reach Polaris; the next one has to make the same decision."""
    old = old_task.submit(polaris.spec(mode)).job.job_id
    if end == "completed":
        polaris.finish()
    else:
        old_task.wire.clock.advance(11 * 60)  # type: ignore[attr-defined]
    old_task.clear().wire.list_errors = [api_error(403, "no")]
    with pytest.raises(PolarisApiError):
        old_task.submit(polaris.spec(mode))
    old_task.retry()
    if (mode, end) == ("append", "completed"):
        with pytest.raises(PolarisGuardError, match=old):
            old_task.submit(polaris.append())
        return
    assert old_task.submit(polaris.spec(mode)).outcome == ("replaced" if end == "active" else "submitted")
    new = old_task.retry().submit(polaris.spec(mode))
    assert (new.outcome, new.job.job_id) == ("adopted", polaris.jobs[1].id)


def test_retry_after_a_clear_with_nothing_found_append_refuses(old_task: Task, polaris: Polaris) -> None:
    """Without a trace of the old job, the retry of a clear is refused like the clear."""
    old_task.clear().retry()
    with pytest.raises(PolarisGuardError, match="this task has run before"):
        old_task.submit(polaris.append())


def test_retry_that_airflow_takes_for_a_clear_resumes(old_task: Task, polaris: Polaris) -> None:
    """Fewer retries in a new version of the DAG make a retry look like a clear; the marker shows the difference."""
    job_id = old_task.submit(polaris.append()).job.job_id
    old_task.retries = 2
    assert old_task.retry().identity.was_cleared
    submitted = old_task.submit(polaris.append())
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", job_id)


@pytest.mark.parametrize("mode", MODES)
def test_mapped_tasks_and_dags_with_equal_specs_get_a_job_each(mode: str, old_task: Task, polaris: Polaris) -> None:
    """Twin tasks that lose their answers at the same time find their own jobs, by marker."""
    wire = old_task.wire
    twins = [
        Task(wire, polaris, None, map_index=0),
        Task(wire, polaris, None, map_index=1),
        Task(wire, polaris, None, dag_id="other"),
    ]
    for twin in twins:
        die(twin, polaris.spec(mode))
    found = [twin.retry().submit(polaris.spec(mode)).job.job_id for twin in twins]
    assert found == [job.id for job in polaris.jobs]


def test_mapped_tasks_with_equal_specs_without_marker_append_refuses(old_task: Task, polaris: Polaris) -> None:
    """Not even a single job can be adopted: it may be the twin's."""
    twins = [Task(old_task.wire, polaris, None, map_index=index, marker="off") for index in (0, 1)]
    twins[0].submit(polaris.append())
    twins[1].wire.posts = ["nothing"]
    with pytest.raises(PolarisGuardError, match=polaris.jobs[0].id):
        twins[1].submit(polaris.append())


@pytest.fixture
def deletion(polaris: Polaris) -> dict[str, object]:
    """A job of a type that takes no marker."""
    return {"type": "delete_data", "target": {"type": "table", "tableName": polaris.table}, "deleteAll": True}


class Deletions:
    """Jobs that the emulator doesn't run, as Polaris would list and describe them."""

    def __init__(self, task: Task) -> None:
        self.wire = task.wire
        self.bodies: dict[str, dict[str, object]] = {}
        task.wire.submit_job = self.submit  # type: ignore[method-assign]
        task.wire.get_job = self.bodies.__getitem__  # type: ignore[method-assign,assignment]
        task.wire.iter_jobs = lambda **_: iter(list(self.bodies.values()))  # type: ignore[method-assign]

    def submit(self, spec: dict[str, object], *, repeat_throttled: bool) -> dict[str, object]:
        job_id = f"d{len(self.bodies)}"
        created = self.wire.clock.now().isoformat()
        self.bodies[job_id] = {
            **spec,
            "id": job_id,
            "executionStatus": "running",
            "createdTimestamp": created,
            "spec": spec,
        }
        if self.wire.posts:
            self.wire.posts.pop()
            raise Death
        return self.bodies[job_id]


def test_retry_of_a_job_that_takes_no_marker_is_found_by_what_it_asks_for(
    old_task: Task, deletion: dict[str, object]
) -> None:
    """Two equal deletions have the effect of one, whoever submitted them."""
    deletions = Deletions(old_task)
    die(old_task, deletion)
    assert old_task.retry().submit(deletion).outcome == "adopted"
    assert list(deletions.bodies) == ["d0"]
