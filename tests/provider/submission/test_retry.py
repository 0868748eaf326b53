"""A retry: go on with the job of the try before, and submit only where that can't add rows twice."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisJobCanceledError, PolarisJobTimeoutError
from airflow_provider_polaris.submission.refusals import OVERRIDE
from tests.provider.submission.conftest import JOB_SECONDS, Death, Polaris, Task

MODES = ["append", "replace"]
FILTER = {"filterExpression": "\"city\" <> 'Oslo'"}


def refusal(task: Task, spec: Any, **options: Any) -> str:
    """Return the sentence with which a submit is refused; nothing may have been sent."""
    with pytest.raises(PolarisGuardError) as caught:
        task.submit(spec, **options)
    assert "POST" not in task.wire.asked
    return str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_active_resumes_it(mode: str, task: Task, polaris: Polaris) -> None:
    """The job of the try before runs on, and the next try waits for it."""
    job_id = task.submit(polaris.spec(mode)).job.job_id
    submitted = task.retry().submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id, submitted.is_finished) == ("resumed", job_id, False)
    assert task.wire.asked == ["describe"]
    assert task.kill.job_id == job_id


@pytest.mark.parametrize("mode", MODES)
def test_retry_killed_at_its_start_cancels_the_job_of_before(mode: str, task: Task, polaris: Polaris) -> None:
    """The record tells which job a kill is about, before Polaris is asked anything."""
    task.submit(polaris.spec(mode))
    task.retry().kill.thrown = True
    with pytest.raises(PolarisJobCanceledError):
        task.submit(polaris.spec(mode))
    assert task.wire.asked[0] == "cancel"
    assert "POST" not in task.wire.asked


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("repeat_append", [False, True])
def test_retry_job_completed_takes_its_result(mode: str, repeat_append: bool, task: Task, polaris: Polaris) -> None:
    """A job that did its work is never submitted again by a retry, whatever a parameter allows."""
    task.submit(polaris.spec(mode))
    polaris.finish()
    submitted = task.retry().submit(polaris.spec(mode), repeat_append=repeat_append)
    assert (submitted.outcome, submitted.is_finished, submitted.is_found) == ("resumed", True, True)
    assert len(polaris.jobs) == 1


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_completed_badly_hands_it_on_to_be_judged(mode: str, task: Task, polaris: Polaris) -> None:
    """That the rows aren't what was wanted is for the caller to see: the mend is a clear, not another job."""
    empty = polaris.spec(mode, filterExpression="\"city\" = 'Rome'")
    task.submit(empty)
    polaris.finish()
    submitted = task.retry().submit(empty)
    assert submitted.job.health is not None
    assert (submitted.is_finished, submitted.job.health.code) == (True, "no_rows_found")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_retry_job_without_effect_submits_again(end: str, mode: str, task: Task, polaris: Polaris) -> None:
    """What failed or was canceled wrote nothing, and is not taken for the new job later."""
    spec = polaris.spec(mode)
    if end == "failed":
        spec["mappings"] = [{"columnName": "city", "expression": "MV_TO_STRING(\"city\", ',')"}]
    job_id = task.submit(spec).job.job_id
    if end == "canceled":
        task.wire.cancel_job(job_id)
    polaris.finish()
    assert polaris.jobs[0].status == end
    task.retry().wire.posts = ["lost"]
    submitted = task.submit(spec)
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[1].id)
    assert task.store is not None
    assert task.store.record["past"] == [job_id]


@pytest.mark.parametrize("mode", MODES)
def test_retry_key_rotated_adopts(mode: str, task: Task, polaris: Polaris, connect: Any) -> None:
    """Who submitted, by Polaris' reckoning, is no part of whose job it is."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.spec(mode))
    task.wire.close()
    extra = {
        "project_id": polaris.running.settings.project_id,
        "auth": "oauth",
        "client_id": "emulator",
        "client_secret": "emulator_secret",
        "token_url": f"{polaris.running.base_url}/auth/realms/emulator/protocol/openid-connect/token",
    }
    connect("polaris_default", extra=extra, host=polaris.running.base_url, password=None)
    del task.wire._connection
    foreign = task.wire.foreign({**polaris.spec(mode), "context": {"airflow": "x"}})
    assert polaris.jobs[0].created_by != polaris.jobs[1].created_by
    submitted = task.retry().submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[0].id)
    assert foreign != submitted.job.job_id


def test_retry_spec_changed_job_active_replace_settles_and_submits(task: Task, polaris: Polaris) -> None:
    """Two replaces must not run side by side; the old one is canceled and has ended before the new one is sent."""
    old = task.submit(polaris.replace()).job.job_id
    submitted = task.retry().submit(polaris.replace(**FILTER))
    assert submitted.outcome == "settled"
    assert submitted.job.job_id != old
    assert polaris.jobs[0].status == "canceled"
    assert task.wire.asked == ["describe", "cancel", "status", "POST"]
    assert polaris.rows() == 1


def test_retry_spec_changed_job_active_append_fails_and_names_the_field(task: Task, polaris: Polaris) -> None:
    """To cancel somebody's rows half-way isn't for a retry to decide."""
    old = task.submit(polaris.append()).job.job_id
    source = {"type": "table", "tableName": "Koalas Source", "interval": "2024-06-01/2024-06-02"}
    assert refusal(task.retry(), polaris.append(**FILTER, source=source)) == (
        f"Polaris job {old!r} (batch into {polaris.table!r}), which an earlier try of this task submitted, is still "
        "'pending', and this try asks for something else: fields 'filterExpression' and 'source.interval' changed "
        "since. Both would add their rows, so nothing was submitted. Cancel the job and clear the task, or put back "
        f"what changed and clear it. {OVERRIDE}"
    )
    assert polaris.jobs[0].desired == "running"


def test_retry_spec_changed_job_active_append_with_repeat_append_settles(task: Task, polaris: Polaris) -> None:
    """The override does what a replace would do."""
    task.submit(polaris.append())
    assert task.retry().submit(polaris.append(**FILTER), repeat_append=True).outcome == "settled"
    assert polaris.rows() == 1


def test_retry_spec_changed_job_completed_replace_submits(task: Task, polaris: Polaris) -> None:
    """The new replace takes the place of what the old one wrote."""
    task.submit(polaris.replace())
    polaris.finish()
    assert task.retry().submit(polaris.replace(**FILTER)).outcome == "submitted"
    assert polaris.rows() == 1


def test_retry_spec_changed_job_completed_append_refuses(task: Task, polaris: Polaris) -> None:
    """The rows are in already."""
    old = task.submit(polaris.append()).job.job_id
    polaris.finish()
    assert refusal(task.retry(), polaris.append(**FILTER)) == (
        f"Polaris job {old!r} (batch into {polaris.table!r}), which this task submitted before, has completed: its "
        "rows are in, and submitting again because the job changed (filterExpression) would add rows twice. Nothing "
        f"was submitted. If its rows are what you want, mark the task as success. {OVERRIDE}"
    )


def test_retry_append_turned_into_replace_of_other_days_counts_as_append(task: Task, polaris: Polaris) -> None:
    """What the old job adds is what counts, too."""
    task.submit(polaris.append())
    polaris.finish()
    assert "has completed" in refusal(task.retry(), polaris.replace())


def test_retry_replace_turned_into_append_settles_nothing_and_fails(task: Task, polaris: Polaris) -> None:
    """Nor is a running replace canceled for the sake of an append."""
    task.submit(polaris.replace())
    assert "'ingestionMode' and 'target.intervals' changed" in refusal(task.retry(), polaris.append())


@pytest.mark.parametrize("mode", MODES)
def test_retry_spec_written_otherwise_is_the_same(mode: str, task: Task, polaris: Polaris) -> None:
    """Another notation of the same interval, and defaults written out, change nothing."""
    one = polaris.spec(mode)
    two = {**one, "replaceAll": False, "filterExpression": None, "maxParseExceptions": 2147483647}
    if mode == "replace":
        days = ["2024-06-02T00:00:00Z/P1D", "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]
        two["target"] = {**one["target"], "intervals": days}
    task.submit(one)
    assert task.retry().submit(two).outcome == "resumed"


def forget(task: Task) -> str:
    """Let Polaris forget the job; return its id."""
    assert task.store is not None
    record = {**task.store.record, "job_id": "00000000-0000-7000-8000-000000000000"}
    task.store.set("polaris_job", record)
    return str(record["job_id"])


def test_retry_stored_id_unknown_replace_submits(task: Task, polaris: Polaris) -> None:
    """A job that Polaris has forgotten stands in no replace's way, once it can't be a new one any more."""
    task.submit(polaris.replace())
    forget(task)
    assert task.retry().submit(polaris.replace()).outcome == "submitted"
    assert task.wire.clock.slept == 120  # type: ignore[attr-defined]


def test_retry_stored_id_unknown_append_refuses(task: Task, polaris: Polaris) -> None:
    """Whether its rows are in can't be known."""
    task.submit(polaris.append())
    gone = forget(task)
    assert refusal(task.retry(), polaris.append()) == (
        f"Polaris job {gone!r}, which this task submitted before, isn't known in project "
        f"'{polaris.running.settings.project_id}' any more (404), so nobody can tell whether its rows are in table "
        f"{polaris.table!r}. Nothing was submitted. Look there: if they are, mark the task as success. {OVERRIDE}"
    )
    assert task.submit(polaris.append(), repeat_append=True).outcome == "submitted"


def test_retry_stored_id_unknown_for_a_moment_resumes(task: Task, polaris: Polaris) -> None:
    """Right after the POST a 404 proves nothing."""
    right = task.submit(polaris.append()).job.job_id
    forget(task)
    get_job = task.wire.get_job
    started = task.wire.clock.now()

    def lagging(job_id: str) -> dict[str, Any]:
        is_there = (task.wire.clock.now() - started).total_seconds() >= 20
        return get_job(right if is_there else job_id)

    task.wire.get_job = lagging  # type: ignore[method-assign]
    assert task.retry().submit(polaris.append()).outcome == "resumed"


def elsewhere(task: Task, **changes: Any) -> None:
    """Let the record be of another project."""
    assert task.store is not None
    task.store.set("polaris_job", {**task.store.record, "project": "p-old", "api": "https://old", **changes})


@pytest.mark.parametrize("mode", MODES)
def test_retry_record_of_another_project_fails_and_names_both(mode: str, task: Task, polaris: Polaris) -> None:
    """A retry doesn't move to another project; a person decides."""
    old = task.submit(polaris.spec(mode)).job.job_id
    elsewhere(task)
    ours = polaris.running.settings.project_id
    how = " and run it with repeat_append=True" if mode == "append" else ""
    assert refusal(task.retry(), polaris.spec(mode)) == (
        f"an earlier try of this task submitted Polaris job {old!r} to project 'p-old' at https://old, but connection "
        f"'polaris_default' leads to project {ours!r} now, where that job can't be seen. Nothing was submitted. Point "
        f"the connection back to project 'p-old' and retry. Clear the task{how} to submit to project {ours!r} instead."
    )
    assert task.wire.asked == []


def test_retry_record_of_another_project_without_anything_sent_submits(task: Task, polaris: Polaris) -> None:
    """A record that says that nothing is on its way ties the task to nothing."""
    task.submit(polaris.append())
    elsewhere(task, job_id=None, sent=None)
    assert task.retry().submit(polaris.append()).outcome == "submitted"


@pytest.mark.parametrize("mode", MODES)
def test_retry_of_a_task_cleared_while_running_resumes(mode: str, task: Task, polaris: Polaris) -> None:
    """To Airflow a clear of a running task looks like a retry; unless the job was canceled there is no harm."""
    job_id = task.submit(polaris.spec(mode)).job.job_id
    assert task.retry().submit(polaris.spec(mode)).job.job_id == job_id


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_asked_to_cancel_waits_for_its_end_and_submits(mode: str, task: Task, polaris: Polaris) -> None:
    """A job whose cancel was asked for is never gone on with."""
    old = task.submit(polaris.spec(mode)).job.job_id
    task.wire.cancel_job(old)
    assert polaris.jobs[0].desired == "canceled"
    submitted = task.retry().submit(polaris.spec(mode))
    assert submitted.job.job_id != old
    assert polaris.jobs[0].status == "canceled"
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_still_active_after_it_was_asked_to_cancel_is_settled(
    mode: str, task: Task, polaris: Polaris
) -> None:
    """A cancel takes its time."""
    from airflow_provider_polaris.emulator.faults import Freeze

    task.wire.cancel_job(task.submit(polaris.spec(mode)).job.job_id)
    jobs = polaris.running.emulator.jobs
    jobs.freeze = Freeze("running", 3)
    try:
        assert task.retry().submit(polaris.spec(mode)).outcome == "settled"
    finally:
        jobs.freeze = None
    assert polaris.rows() == 3


def completed_all_the_same(task: Task, polaris: Polaris) -> str:
    """Let the job complete although it was asked to cancel; return its id."""
    from dataclasses import replace

    polaris.finish()
    jobs = polaris.running.emulator.jobs
    job = polaris.jobs[0]
    jobs._jobs[job.id] = replace(job, desired="canceled")
    return str(job.id)


def test_retry_job_asked_to_cancel_that_completed_append_refuses(task: Task, polaris: Polaris) -> None:
    """The cancel came too late: the rows are in, though somebody didn't want them."""
    task.submit(polaris.append())
    old = completed_all_the_same(task, polaris)
    assert refusal(task.retry(), polaris.append()) == (
        f"Polaris job {old!r} (batch into {polaris.table!r}), which this task submitted before, has completed: its "
        "rows are in, and submitting again because somebody wanted that job canceled would add rows twice. Nothing was "
        f"submitted. If its rows are what you want, mark the task as success. {OVERRIDE}"
    )


def test_retry_job_asked_to_cancel_that_completed_replace_submits(task: Task, polaris: Polaris) -> None:
    """A replace is done again, as whoever canceled it expects."""
    task.submit(polaris.replace())
    completed_all_the_same(task, polaris)
    assert task.retry().submit(polaris.replace()).outcome == "submitted"


def test_retry_old_job_that_never_ends_is_waited_for_ten_minutes(task: Task, polaris: Polaris) -> None:
    """The wait for the old job is bounded, and nothing is sent beside it."""
    old = task.submit(polaris.replace()).job.job_id
    jobs = polaris.running.emulator.jobs
    from airflow_provider_polaris.emulator.faults import Freeze

    jobs.freeze = Freeze("running")
    try:
        with pytest.raises(PolarisJobTimeoutError) as caught:
            task.retry().submit(polaris.replace(**FILTER))
    finally:
        jobs.freeze = None
    assert str(caught.value) == (
        f"Polaris job {old!r} of an earlier try is still 'running' 600 s after it was to be canceled, and no other may "
        "take its place before it has ended; nothing was submitted. Look at the job, then retry the task, which waits "
        "again."
    )
    assert "POST" not in task.wire.asked


@pytest.mark.parametrize("mode", MODES)
def test_retry_intent_without_job_submits_after_the_visibility_wait(mode: str, task: Task, polaris: Polaris) -> None:
    """The try before wrote down what it was about to do and died before it did it."""
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.spec(mode))
    task.wire.clock.advance(25)  # type: ignore[attr-defined]
    assert task.retry().submit(polaris.spec(mode)).outcome == "submitted"
    # The client may have tried to connect for 60 s; what it sent then may be visible 60 s later.
    assert task.wire.clock.slept == 95  # type: ignore[attr-defined]
    assert polaris.rows() == 3


def test_retry_intent_whose_worker_had_a_clock_ahead_waits_two_minutes_at_most(task: Task, polaris: Polaris) -> None:
    """Another worker's clock can't keep this one waiting."""
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append())
    assert task.store is not None
    task.store.set("polaris_job", {**task.store.record, "sent": "2036-01-01T00:00:00.000Z"})
    task.retry().submit(polaris.append())
    assert task.wire.clock.slept == 120  # type: ignore[attr-defined]


@pytest.mark.parametrize("hours", [0, 5])
def test_retry_intent_job_completed_is_adopted_and_finished(hours: int, task: Task, polaris: Polaris) -> None:
    """A job whose id nobody read did its work; its result is taken."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    polaris.finish()
    task.wire.clock.advance(hours * 3600)  # type: ignore[attr-defined]
    submitted = task.retry().submit(polaris.append())
    assert (submitted.outcome, submitted.is_finished) == ("adopted", True)
    assert polaris.rows() == 3


def test_retry_intent_with_another_target_finds_the_job_of_the_old_one(task: Task, polaris: Polaris) -> None:
    """The record says in which table's list the job is, whatever the spec says now."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    other = polaris.append(target={"type": "table", "tableName": "Another Rollup"})
    assert "field 'target.tableName' changed since" in refusal(task.retry(), other)


def test_retry_intent_changed_replace_never_cancels_a_job_without_our_marker(task: Task, polaris: Polaris) -> None:
    """What merely asks for the same as the old spec may be another task's."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.replace())
    assert polaris.jobs[0].id in refusal(task.retry(), polaris.replace(**FILTER))
    assert polaris.jobs[0].desired == "running"


def test_retry_intent_unmarked_twin_append_refuses(task: Task, polaris: Polaris) -> None:
    """The one job that asks for the same may be another task's."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    assert polaris.jobs[0].id in refusal(task.retry(), polaris.append())


def test_retry_intent_unmarked_twin_replace_adopts(task: Task, polaris: Polaris) -> None:
    """A replace that asks for the same does the same."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.replace())
    assert task.retry().submit(polaris.replace()).job.job_id == polaris.jobs[0].id


def test_retry_intent_that_went_out_unmarked_is_not_expected_to_be_marked(task: Task, polaris: Polaris) -> None:
    """The record says that the marker was refused, so a job without one may be ours."""
    task.wire.foreign({**polaris.append(filterExpression="\"city\" = 'Oslo'"), "context": {"airflow": "somebody"}})
    task.wire.refuses_markers = True
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    assert polaris.jobs[1].id in refusal(task.retry(), polaris.append())


def test_retry_intent_that_went_out_marked_fears_no_unmarked_twin(task: Task, polaris: Polaris) -> None:
    """Where other jobs show their markers ours would, too."""
    task.wire.foreign({**polaris.append(), "context": {"airflow": "somebody"}})
    task.wire.foreign(polaris.append())
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append())
    assert task.retry().submit(polaris.append()).outcome == "submitted"


def test_retry_intent_does_not_adopt_a_twin_from_before(task: Task, polaris: Polaris) -> None:
    """A replace of an hour ago read other data."""
    task.wire.echoes_markers = False
    task.wire.foreign(polaris.replace())
    task.wire.clock.advance(3600)  # type: ignore[attr-defined]
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.replace())
    assert task.retry().submit(polaris.replace()).outcome == "submitted"


@pytest.mark.parametrize(("minutes", "outcome"), [(0.5, "adopted"), (5, "submitted")])
def test_retry_intent_adopts_no_twin_that_was_there_before_it(
    minutes: float, outcome: str, task: Task, polaris: Polaris
) -> None:
    """What it read may have been incomplete; clocks that differ by a minute at most are allowed for."""
    task.wire.echoes_markers = False
    task.wire.foreign(polaris.replace())
    task.wire.clock.advance(minutes * 60)  # type: ignore[attr-defined]
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.replace())
    assert task.retry().submit(polaris.replace()).outcome == outcome


def test_retry_append_fears_a_twin_of_minutes_before(task: Task, polaris: Polaris) -> None:
    """A worker's clock may be wrong by ten minutes, and rows would be there twice."""
    task.wire.echoes_markers = False
    foreign = task.wire.foreign(polaris.append())
    task.wire.clock.advance(5 * 60)  # type: ignore[attr-defined]
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append())
    assert foreign in refusal(task.retry(), polaris.append())


@pytest.mark.parametrize("marker", ["auto", "off"])
@pytest.mark.parametrize("has_ended", [False, True])
def test_retry_without_record_replace_takes_nobody_elses_job(
    has_ended: bool, marker: str, task: Task, polaris: Polaris
) -> None:
    """The try before failed before it sent anything; a job from the console may have run before its source was full."""
    task.marker = marker
    foreign = task.wire.foreign(polaris.replace())
    if has_ended:
        polaris.finish()
    submitted = task.retry().submit(polaris.replace())
    assert submitted.outcome == "submitted"
    assert submitted.job.job_id != foreign
    assert [job.desired for job in polaris.jobs] == ["running", "running"]


@pytest.mark.parametrize("marker", ["auto", "off"])
def test_retry_without_record_append_refuses_what_may_be_its_own(marker: str, task: Task, polaris: Polaris) -> None:
    """A record can be lost; a job that asks for the same may have added this task's rows."""
    task.marker = marker
    foreign = task.wire.foreign(polaris.append())
    assert foreign in refusal(task.retry(), polaris.append())


def test_retry_past_jobs_stay_excluded_over_many_tries(task: Task, polaris: Polaris) -> None:
    """Every job that is done with stays so."""
    ids = []
    for _ in range(3):
        ids.append(task.submit(polaris.append()).job.job_id)
        task.wire.cancel_job(ids[-1])
        task.retry()
    task.submit(polaris.append())
    assert task.store is not None
    assert task.store.record["past"] == ids


def test_retry_since_is_written_once_an_epoch(task: Task, polaris: Polaris) -> None:
    """A job of the first try isn't put out of reach by the second one's clock."""
    assert task.store is not None
    task.wire.cancel_job(task.submit(polaris.append()).job.job_id)
    first = task.store.record["since"]
    polaris.finish()
    task.retry().submit(polaris.append())
    assert task.store.record["since"] == first
    polaris.finish()
    task.clear().submit(polaris.append(), repeat_append=True)
    assert task.store.record["since"] > first


def test_job_seconds_outlast_every_wait() -> None:
    """The tests above rely on jobs that don't end by themselves while something is waited for."""
    assert JOB_SECONDS > 600
