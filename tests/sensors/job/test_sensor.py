# SPDX-License-Identifier: Apache-2.0
"""PolarisJobSensor in poke and reschedule mode: evaluates as the operators do, never cancels."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_polaris.jobs.errors import PolarisAuthError, PolarisJobFailedError
from airflow_provider_polaris.runtime.compat import (
    AIRFLOW_VERSION,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_provider_polaris.sensors.polaris import PolarisJobSensor
from tests.operators.conftest import JOB


def sensor(**arguments):
    return PolarisJobSensor(**{"task_id": "wait", "job_id": JOB, **arguments})


def test_execute_waits_until_the_job_has_completed(jobs, airflow_sleeps, context, ti, task_log):
    """Pokes until the end, returns nothing, pushes link and facts."""
    jobs.is_now("pending")
    jobs.has(metrics={"numRowsProcessed": 7, "numRowsPersisted": 2}, progress=0.25)
    airflow_sleeps.then = lambda count: jobs.is_now(["running", "completed"][count - 1])

    assert sensor().execute(context) is None

    assert airflow_sleeps.sleeps == [30, 30]
    url = f"{jobs.server.url}/v1/projects/00000000-0000-4000-8000-000000000001/jobs/{JOB}"
    assert [key for key, _ in ti.pushed] == ["polaris_job_url", "polaris_job"]
    assert ti.xcom("polaris_job_url") == url
    assert ti.xcom("polaris_job") == {
        "id": JOB,
        "status": "completed",
        "intervals": None,
        "rows_processed": 7,
        "rows_persisted": 2,
        "bytes": None,
        "seconds": None,
        "adopted": None,
    }
    assert [line for line in task_log() if "Success criteria" not in line] == [
        f"INFO Job {JOB!r} is 'pending'. See {url}",
        f"INFO Job {JOB!r} is 'running', was 'pending', 30 s into the wait. See {url}",
        f"INFO Job {JOB!r} is 25 % done, 30 s into the wait. See {url}",
        f"INFO Job {JOB!r} is 'completed', was 'running', 60 s into the wait. See {url}",
        f"INFO Job {JOB!r} completed: 7 rows read, 2 rows stored. See {url}",
    ]
    assert not any(request.startswith("POST") for request in jobs.asked)


def test_timeout_in_the_worker_says_how_the_job_was(jobs, airflow_sleeps, context, ti, task_log):
    """Airflow's own error doesn't mention the job."""
    jobs.is_now("running")

    with pytest.raises(AirflowSensorTimeout):
        sensor(timeout=100).execute(context)

    assert task_log()[-1] == (
        f"ERROR Job {JOB!r} was still 'running' when the sensor's timeout of 100 s had passed; it runs on, "
        "because a sensor cancels nothing. Raise timeout= or find out why the job takes so long. See "
        f"{ti.xcom('polaris_job_url')}"
    )


def test_poke_of_a_failed_job_fails_at_once(jobs, clock, context, ti, task_log):
    """The result of the job can't change, so there is no retry; the log is copied."""
    jobs.is_now("failed", health={"status": "error", "code": "internal_error", "message": "boom"})
    jobs.has(logs=[{"timestamp": None, "healthStatus": "error", "code": "x", "message": "worker lost"}])
    with pytest.raises(AirflowFailException) as caught:
        sensor().poke(context)
    assert str(caught.value).startswith(
        f"Job {JOB!r} (batch into 'Koalas Rollup') failed with 'internal_error': 'boom'."
    )
    assert isinstance(caught.value.__cause__, PolarisJobFailedError)
    assert task_log()[-3] == f"ERROR Log of job {JOB!r}: error x: 'worker lost'"
    assert ti.xcom("polaris_job")["status"] == "failed"


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_execute_with_soft_fail_skips(jobs, airflow_sleeps, context, status):
    """soft_fail skips the sensor if the job failed."""
    jobs.is_now(status, health={"status": "error", "code": "internal_error"})
    jobs.has()
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).execute(context)


@pytest.mark.parametrize("job_id", ["", "None", None, " "])
def test_poke_without_a_job_id_says_so(jobs, clock, context, job_id):
    """An id that a template rendered empty is no job to wait for."""
    with pytest.raises(AirflowFailException) as caught:
        sensor(job_id=job_id).poke(context)
    assert str(caught.value) == f"job_id is {job_id!r}: it needs a value. Check the template that renders it."
    assert jobs.asked == []


def test_poke_with_a_warning_goes_by_fail_on_warning(jobs, clock, context):
    """The evaluation is that of the operators."""
    jobs.is_now("completed", health={"status": "warn", "code": "invalid_rows_found"})
    jobs.has(metrics={"numRowsProcessed": 1, "numRowsPersisted": 1})
    assert sensor().poke(context) is True
    with pytest.raises(AirflowFailException, match="fail_on_warning=True"):
        sensor(fail_on_warning="true").poke(context)


def test_execute_in_poke_mode_tolerates_failing_polls_for_15_minutes(jobs, airflow_sleeps, context):
    """A key rotation doesn't fail a wait; a key that stays wrong does, with its own error."""
    jobs.server.answer("GET", f"/jobs/{JOB}/status", 401, {"message": "no"})
    with pytest.raises(PolarisAuthError, match="gave up waiting"):
        sensor().execute(context)
    assert sum(airflow_sleeps.sleeps) == 15 * 60


def test_execute_in_poke_mode_recovers(jobs, airflow_sleeps, context):
    """Polls may fail for a while and then succeed."""
    jobs.server.answer("GET", f"/jobs/{JOB}/status", 503, {"message": "maintenance"})
    jobs.has(metrics={})
    airflow_sleeps.then = lambda count: jobs.is_now("completed") if count == 10 else None
    sensor().execute(context)
    assert len(airflow_sleeps.sleeps) == 10


def test_poke_in_reschedule_mode_takes_a_failing_poll_for_no_result(jobs, clock, context, ti):
    """Pokes share no state, so a single failure proves nothing, however late it is."""
    jobs.server.answer("GET", f"/jobs/{JOB}/status", 401, {"message": "no"})
    ti.first_poke = clock.now() - timedelta(hours=6)
    assert sensor(mode="reschedule").poke(context) is False


def test_poke_in_reschedule_mode_gives_up_a_job_that_is_not_there(jobs, clock, context, ti):
    """A wrong id fails 15 minutes after the first poke, not at the sensor's timeout."""
    jobs.server.answer("GET", f"/jobs/{JOB}/status", 404, {"code": "NotFound", "message": "no such job"})
    ti.first_poke = clock.now() - timedelta(minutes=14)
    assert sensor(mode="reschedule").poke(context) is False
    ti.first_poke = None
    assert sensor(mode="reschedule").poke(context) is False
    ti.first_poke = clock.now() - timedelta(minutes=15)
    with pytest.raises(AirflowFailException) as caught:
        sensor(mode="reschedule").poke(context)
    assert str(caught.value).startswith(
        f"Job {JOB!r} does not exist, 15 min and more after the first poke: GET /v1/projects/"
    )


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="Airflow 2 asks its database for the first poke")
def test_execute_in_reschedule_mode_frees_the_worker_between_pokes(jobs, clock, context):
    """One poll for each process: reschedule while the job is active, succeed at the end."""
    jobs.is_now("running")
    jobs.has(metrics={}, progress=0.1)
    with pytest.raises(BaseException) as caught:  # its class moved between Airflow's versions
        sensor(mode="reschedule").execute(context)
    assert type(caught.value).__name__ == "AirflowRescheduleException"
    jobs.is_now("completed")
    assert sensor(mode="reschedule").execute(context) is None
    assert clock.sleeps == []


def test_poke_pushes_the_link_once_per_process(jobs, clock, context, ti):
    """The link is pushed before the first poll, and not again at each poll."""
    jobs.is_now("running")
    jobs.has(progress=0.1)
    task = sensor()
    assert task.poke(context) is False
    assert task.poke(context) is False
    assert [key for key, _ in ti.pushed] == ["polaris_job_url"]


def test_on_kill_leaves_the_job_alone(jobs, clock, context):
    """A sensor didn't submit the job and doesn't cancel it."""
    jobs.is_now("running")
    jobs.has(progress=0.1)
    task = sensor()
    task.poke(context)
    task.on_kill()
    assert not any(request.startswith("POST") for request in jobs.asked)


def test_templates_cover_job_connection_and_judgement():
    """Values that differ between runs are templated; the tuple is fixed; Airflow's own arguments keep their meaning."""
    assert PolarisJobSensor.template_fields == (
        "job_id",
        "polaris_conn_id",
        "fail_on_warning",
        "deferrable",
        "pending_warning_after",
    )
    task = sensor(job_id="{{ params.job }}")
    task.render_template_fields({"params": {"job": JOB}})
    assert task.job_id == JOB
    assert (task.poke_interval, sensor(poke_interval=5).poke_interval) == (30, 5)
