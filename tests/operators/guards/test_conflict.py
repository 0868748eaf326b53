# SPDX-License-Identifier: Apache-2.0
"""A job waits for other jobs that work on the same partitions of its target, or is refused."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisGuardUnansweredError,
    PolarisJobCanceledError,
    PolarisServerError,
)
from tests.operators.guards.conftest import DAY, TWO_DAYS, World, said

OTHER_DAY = "2024-06-05T00:00:00.000Z/2024-06-06T00:00:00.000Z"

#: The service names the key of a job that no task has made.
USER = "created by 'api-key-pok_...'"


@pytest.fixture
def busy(slow_world: World) -> World:
    """A source with data, on an emulator where jobs take 1,000 s."""
    world = slow_world
    world.create(world.source)
    world.create(world.target)
    return world


def check(world: World, *intervals: str, own_jobs: tuple[str, ...] = (), spec: Any = None, **options: str) -> Any:
    """Run the guards without counts: queries take their time here, too."""
    lets_pass = {"on_empty_source": "submit", "on_shrink": "submit"}
    return world.check(spec or copy(world, *intervals), own_jobs=own_jobs, **lets_pass, **options)


def copy(world: World, *intervals: str, **changes: Any) -> dict[str, Any]:
    return world.copy(*intervals, context={"failOnEmptyInsert": False}, **changes)


def submit(world: World, *intervals: str, **changes: Any) -> str:
    return str(world.client.create_job(copy(world, *intervals, **changes))["id"])


def append(world: World, **changes: Any) -> dict[str, Any]:
    spec = copy(world, ingestionMode="append", **changes)
    del spec["target"]["intervals"]
    return spec


def in_the_way(world: World, job: str, status: str = "pending") -> str:
    return (
        f"job {job!r} (batch into {world.target!r}, {status!r}, {USER}) works on the same time partitions of table "
        f"{world.target!r} as the job of this task would ({DAY!r}), and on_conflict is 'fail'. Nothing was submitted. "
        "Clear the task when it has ended, or run the task with on_conflict='wait' "
        "(on_conflict='{{ params.on_conflict }}' allows it for one run)."
    )


def test_check_no_other_job_submits_at_once(busy: World) -> None:
    """Without a conflict there is no wait."""
    check(busy)
    check(busy, on_conflict="fail")
    assert busy.clock.sleeps == []


def test_check_other_job_fail_refuses(busy: World) -> None:
    """Another active job of the same interval is named, with the fix."""
    job = submit(busy, TWO_DAYS)
    assert busy.refusal(copy(busy), on_empty_source="submit", on_shrink="submit", on_conflict="fail") == in_the_way(
        busy, job
    )


def test_check_other_job_wait_waits_for_its_end(busy: World, caplog: pytest.LogCaptureFixture) -> None:
    """The guard waits until the other job has ended, with one line for each change of state."""
    caplog.set_level(logging.INFO, logger="test.guards")
    job = submit(busy)
    check(busy)
    assert sum(busy.clock.sleeps) == 1020
    named = f"job {job!r} (batch into {busy.target!r}, "
    assert said(caplog) == [
        f"Waiting, because {named}'pending', {USER}) works on the same partitions of {busy.target!r}.",
        f"Waiting, because {named}'running', {USER}) works on the same partitions of {busy.target!r}.",
        f"No other job works on these partitions of {busy.target!r} now.",
        (
            f"The row-loss check is off for table {busy.target!r}, because on_empty_source='submit' and "
            "on_shrink='submit'. No rows were counted."
        ),
    ]


def test_check_other_interval_submits(busy: World) -> None:
    """A job of other partitions, or of another table, is no conflict."""
    submit(busy, OTHER_DAY)
    target, busy.target = busy.target, f"{busy.target} too"
    submit(busy)
    busy.target = target
    check(busy, on_conflict="fail")


def test_check_hours_of_one_day_partition_refuses(busy: World) -> None:
    """Two hours of a table that is partitioned by day lie in one partition, which the service may replace whole."""
    job = submit(busy, "2024-06-01T03:00:00.000Z/2024-06-01T04:00:00.000Z", partitionedBy="hour")
    hour = "2024-06-01T05:00:00.000Z/2024-06-01T06:00:00.000Z"
    spec = copy(busy, hour, partitionedBy="hour")
    text = busy.refusal(spec, on_empty_source="submit", on_shrink="submit", on_conflict="fail")
    assert text == in_the_way(busy, job).replace(DAY, hour)


def test_check_own_job_submits(busy: World) -> None:
    """Jobs of the task itself are handled elsewhere."""
    job = submit(busy)
    check(busy, own_jobs=(job,), on_conflict="fail")


def test_check_appends_side_by_side_submit(busy: World) -> None:
    """Two appends don't conflict; an append and a replace do."""
    busy.client.create_job(append(busy))
    check(busy, spec=append(busy), on_conflict="fail")
    job = submit(busy)
    text = busy.refusal(append(busy), on_empty_source="submit", on_shrink="submit", on_conflict="fail")
    assert text == in_the_way(busy, job)


def test_check_replace_meets_append_of_its_interval(busy: World) -> None:
    """An append writes to its source's interval; without one it may write anywhere."""
    elsewhere = append(busy)
    elsewhere["source"]["interval"] = OTHER_DAY
    busy.client.create_job(elsewhere)
    check(busy, on_conflict="fail")
    anywhere = append(busy)
    del anywhere["source"]["interval"]
    job = busy.client.create_job(anywhere)["id"]
    text = busy.refusal(copy(busy), on_empty_source="submit", on_shrink="submit", on_conflict="fail")
    assert text == in_the_way(busy, job)


def test_check_list_hides_intervals_describes(busy: World) -> None:
    """If the list lacks the intervals, the jobs are described."""
    busy.control("PATCH", "/assumptions", {"summary_intervals": "hide"})
    submit(busy, OTHER_DAY)
    check(busy, on_conflict="fail")
    job = submit(busy)
    text = busy.refusal(copy(busy), on_empty_source="submit", on_shrink="submit", on_conflict="fail")
    assert text == in_the_way(busy, job)


def test_check_list_hides_intervals_describes_twenty_once(busy: World, caplog: pytest.LogCaptureFixture) -> None:
    """At most twenty jobs are described, each once for the whole wait; one warning states that there are more."""
    busy.control("PATCH", "/assumptions", {"summary_intervals": "hide"})
    for _ in range(21):
        submit(busy, OTHER_DAY)
    job = submit(busy)
    before = busy.asked("GET /jobs/{name}")
    check(busy)
    assert busy.asked("GET /jobs/{name}") == before + 20
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning == (
        f"2 active jobs of {busy.target!r} were not checked: the list doesn't contain their intervals, "
        "and the limit of 20 jobs to read individually is reached. One of them may work on the same "
        "partitions."
    )
    assert busy.client.get_job_status(job) == "completed"


def test_check_wait_ends_after_an_hour(busy: World) -> None:
    """Without a deadline the guard gives up after an hour, with an error that a retry may fix."""
    job = submit(busy)
    busy.control("POST", "/faults", {"effect": "job_status", "jobStatus": "running", "times": None})
    with pytest.raises(PolarisGuardUnansweredError) as caught:
        check(busy)
    assert str(caught.value) == (
        f"job {job!r} (batch into {busy.target!r}, 'running', {USER}) works on the same time partitions "
        f"of table {busy.target!r} as the job of this task would ({DAY!r}), still after 3600 s. Nothing "
        "was submitted. Check that job and cancel it if it hangs. A retry of this task waits again."
    )
    assert sum(busy.clock.sleeps) == 3600


def test_check_wait_ends_at_the_deadline(busy: World) -> None:
    """The task's deadline ends the wait, however late it is."""
    submit(busy)
    busy.control("POST", "/faults", {"effect": "job_status", "jobStatus": "running", "times": None})
    busy.deadline = busy.clock.now() + timedelta(seconds=7000)
    with pytest.raises(PolarisGuardUnansweredError):
        check(busy)
    assert sum(busy.clock.sleeps) == 7000


def test_check_wait_ends_with_a_kill(busy: World) -> None:
    """A task that is killed while it waits stops at once."""
    submit(busy)
    busy.stop = lambda: len(busy.clock.sleeps) == 2
    with pytest.raises(PolarisJobCanceledError) as caught:
        check(busy)
    assert str(caught.value) == "the task was killed before it submitted its job."
    assert busy.clock.sleeps == [30, 30]


def test_check_wait_survives_a_failed_look(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll without an answer doesn't end a long wait; a first one does."""
    submit(busy)
    iter_jobs = busy.hook.iter_jobs

    def flaky(**filters: Any) -> Any:
        if len(busy.clock.sleeps) == 3:
            raise PolarisServerError("GET /jobs answered 503.", status=503)
        return iter_jobs(**filters)

    monkeypatch.setattr(busy.hook, "iter_jobs", flaky)
    check(busy)
    assert sum(busy.clock.sleeps) == 1020


def test_check_after_a_wait_looks_at_the_source_again(busy: World) -> None:
    """Changes of the source during the wait count."""
    submit(busy)

    def delete(count: int) -> None:
        if count == 30:
            busy.control("PATCH", f"/tables/{quote(busy.source)}", {"availability": "deleting"})

    busy.clock.then = delete
    text = busy.refusal(copy(busy), on_empty_source="submit", on_shrink="submit")
    assert text == (
        f"source_table {busy.source!r} is being deleted, so nothing can be read from it. Nothing was submitted. Use "
        "another table."
    )


def test_check_other_job_is_named_with_the_task_that_made_it(busy: World) -> None:
    """The list doesn't show it, so the job is read once; what another client wrote there is shown on one line."""
    origin = {"dag": "koalas", "task": "rollup", "run": "manual__1\n\x1b[2J", "mapIndex": 3, "try": 2}
    spec = copy(busy)
    job = str(busy.client.create_job({**spec, "context": {**spec["context"], "airflowOrigin": origin}})["id"])
    before = busy.asked("GET /jobs/{name}")
    assert busy.refusal(copy(busy), on_empty_source="submit", on_shrink="submit", on_conflict="fail") == in_the_way(
        busy, job
    ).replace(
        USER,
        "made by task 'rollup' (map index 3) of DAG 'koalas', run 'manual__1\ufffd\ufffd[2J', try 2",
    )
    assert busy.asked("GET /jobs/{name}") == before + 1
