# SPDX-License-Identifier: Apache-2.0
"""The rollup of a day on a real Druid: its rows, and one task with effect whatever dies in between."""

from __future__ import annotations

import signal
from operator import itemgetter

import psutil
import pytest
from harness.checks import ROLLUP
from harness.druid import TARGET
from harness.waiting import eventually

pytestmark = pytest.mark.e2e_druid

SUBMIT = "^/druid/v2/sql/task"
STATUS = "^/druid/indexer/v1/task/[^/]+/status"


def check_rows(druid):
    """Check that the target has the rows that the emulator stores."""
    rows = eventually(
        lambda: druid.query(f'SELECT "city", "max_session_length", "__count" FROM "{TARGET}"'), bool, what="rows"
    )
    assert sorted(rows, key=itemgetter("city")) == ROLLUP


def check_one_job(druid, *, ended="SUCCESS"):
    """Check that there is one job, which ended so, and return its id."""
    (job,) = druid.jobs()
    assert job["statusCode"] == ended
    return job["id"]


@pytest.mark.parametrize("way", [pytest.param("synchronous", marks=pytest.mark.druid_smoke), "deferred"])
def test_rollup_stores_the_rows_of_the_emulator(druid, run_dag, way):
    """The same DAG as on Polaris; only the connection differs."""
    task = run_dag(way)
    task.wait_for("success")
    check_rows(druid)
    job = check_one_job(druid)
    assert task.xcom() == job
    facts = task.xcom("polaris_job")
    assert (facts["id"], facts["status"]) == (job, "completed")
    assert (facts["rows_processed"], facts["rows_persisted"], facts["adopted"]) == (3, 2, False)


@pytest.mark.parametrize("way", ["synchronous", pytest.param("deferred", marks=pytest.mark.druid_smoke)])
def test_lost_answer_to_the_submission_leaves_one_job(druid, run_dag, gateway, way):
    """The task exists; the same id is sent again, which Druid refuses, and the task is taken for what it is."""
    gateway.rule("lose_answer", "POST", SUBMIT)
    run_dag(way).wait_for("success")
    check_rows(druid)
    check_one_job(druid)


def test_pages_of_a_proxy_for_a_while_leave_one_job(druid, run_dag, gateway):
    """Somebody else's 503 says nothing about Druid."""
    gateway.rule("page", "POST", SUBMIT, times=2)
    run_dag("synchronous").wait_for("success")
    check_rows(druid)
    check_one_job(druid)


@pytest.mark.parametrize("way", ["synchronous_retried", "deferred_retried"])
def test_worker_killed_between_post_and_record_leaves_one_job(druid, run_dag, gateway, way):
    """The retry takes over the job of the first try: an append is not doubled."""
    rule = gateway.rule("hold_answer", "POST", SUBMIT)
    task = run_dag(way)
    eventually(rule.seen.is_set, bool, what="the submission")
    eventually(druid.jobs, bool, what="a job")
    psutil.Process(task.pid()).send_signal(signal.SIGKILL)
    gateway.clear()
    task.wait_for("success", within=600)
    check_rows(druid)
    job = check_one_job(druid)
    assert (task.xcom(), task.xcom("polaris_job")["adopted"]) == (job, True)


def test_full_task_slots_delay_the_submission(airflow, druid, run_dag, gateway):
    """Two free slots are needed; the task says so, submits nothing until they are free, and then one job."""
    occupied = druid.occupy(druid.free_slots() - 1)
    task = run_dag("synchronous")
    told = "Druid has 1 free task slot"
    eventually(lambda: airflow.task_log(task), lambda log: told in log, what=f"{told!r} in the log")
    assert gateway.count("POST", SUBMIT) == 0
    druid.free(occupied)
    task.wait_for("success", within=600)
    check_rows(druid)
    check_one_job(druid)


@pytest.fixture
def held_job(druid, run_dag, gateway):
    """Return a function that runs a DAG whose job waits for a task slot, and returns the task and what holds it."""

    def run(way):
        occupied = druid.occupy(druid.free_slots() - 2)
        rule = gateway.rule("hold", "POST", SUBMIT)
        task = run_dag(way)
        eventually(rule.seen.is_set, bool, what="the submission")
        occupied += druid.occupy(1)  # one slot is left, for the controller; its worker waits
        gateway.clear()
        eventually(druid.jobs, bool, what="a job")
        return task, occupied

    return run


def see_waiting(gateway, task):
    """Wait until the task's trigger polls the job."""
    task.wait_for("deferred")
    before = gateway.count("GET", STATUS)
    eventually(lambda: gateway.count("GET", STATUS), lambda seen: seen >= before + 2, what="two polls of the job")


def test_task_marked_failed_while_deferred_shuts_the_job_down(druid, gateway, held_job):
    """The triggerer cancels what nobody waits for."""
    task, _ = held_job("deferred")
    see_waiting(gateway, task)
    task.mark("failed")
    eventually(druid.jobs, lambda seen: [one["statusCode"] for one in seen] == ["FAILED"], what="the end of the job")


def test_triggerer_killed_while_deferred_succeeds(airflow, druid, gateway, held_job):
    """The next triggerer waits for the same job."""
    task, occupied = held_job("deferred")
    see_waiting(gateway, task)
    (triggerer,) = airflow.triggerers()
    triggerer.kill()
    airflow.start_triggerer()
    druid.free(occupied)
    task.wait_for("success", within=600)
    check_rows(druid)
    check_one_job(druid)


def test_cleared_task_ends_its_job_and_submits_another(druid, gateway, held_job):
    """The first job is shut down; the second one has effect."""
    task, _ = held_job("deferred")
    see_waiting(gateway, task)
    task.clear()
    eventually(druid.jobs, lambda seen: seen and seen[0]["statusCode"] == "FAILED", what="the end of the first job")
    druid.restart_indexer()
    eventually(druid.jobs, lambda seen: len(seen) == 2, what="a second job")
    task.wait_for("success", within=600)
    check_rows(druid)
    assert [one["statusCode"] for one in druid.jobs()] == ["FAILED", "SUCCESS"]


def test_job_that_dies_with_druids_own_process_is_submitted_again(druid, held_job):
    """The indexer is killed in the middle of a job; the retry submits a new one, and the append is not doubled."""
    task, _ = held_job("synchronous_retried")
    druid.restart_indexer()
    task.wait_for("success", within=900)
    check_rows(druid)
    assert [one["statusCode"] for one in druid.jobs()][-1] == "SUCCESS"
    assert [one["statusCode"] for one in druid.jobs()].count("SUCCESS") == 1
