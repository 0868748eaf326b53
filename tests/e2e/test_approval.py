# SPDX-License-Identifier: Apache-2.0
"""A person answers what a task asks: the guard of a copy, and the approval of an age-out."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from harness.questions import answer, asks_again, question
from harness.rest import Task
from harness.waiting import eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(tuple(map(int, version("apache-airflow").split(".")[:2])) < (3, 1), reason="can't ask a person"),
]

CITY = [{"columnName": "city", "expression": '"city"'}]
FOUND = (
    "the job would replace rows of table 'Koalas Copy' that it can't reproduce: of the 6 rows that "
    "'2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z' was built from, the source 'Koalas Source' has 3."
)
ROWS = 'SELECT COUNT(*) AS "n" FROM "{}"'


@pytest.fixture
def lossy(polaris):
    """Let the target have each row twice, so that a replace would lose three of six."""
    for _ in range(2):
        polaris.copy_day("2024-06-01", "Koalas Copy", CITY)
    return polaris


def copies(polaris):
    """Return the jobs of tasks, without the two that made the target."""
    return polaris.jobs()[2:]


def rows(polaris, table):
    return polaris.query(ROWS.format(table))[0]["n"]


@pytest.mark.parametrize("way", [pytest.param("asks", marks=pytest.mark.smoke), "asks_deferrable"])
def test_approved_copy_runs_once(airflow, run_dag, lossy, way):
    """The task waits without a worker and without a job; a second answer changes nothing."""
    task = run_dag(way)
    asked = question(task)
    assert f"- T{FOUND[1:]} (`on_shrink`)" in asked["body"]
    assert (asked["subject"], asked["options"]) == ("Approve the job of task 'rollup'?", ["Approve", "Reject"])
    assert copies(lossy) == []
    airflow.see_worker_free(task)
    assert answer(task, "Approve") == 200
    assert answer(task, "Reject") == 409
    task.wait_for("success")
    (job,) = copies(lossy)
    assert (job["executionStatus"], task.xcom()) == ("completed", job["id"])
    assert rows(lossy, "Koalas Copy") == 3
    assert "approved the job. The checks are repeated before it is submitted." in airflow.task_log(task)


@pytest.mark.smoke
def test_rejected_copy_fails_without_retry_and_without_a_job(airflow, run_dag, lossy):
    """The log says who rejected what."""
    task = run_dag("asks")
    question(task)
    airflow.see_worker_free(task)
    assert answer(task, "Reject") == 200
    task.wait_for("failed")
    assert (copies(lossy), rows(lossy, "Koalas Copy")) == ([], 6)
    assert task.look()["try_number"] == 1
    assert f"rejected the job: {FOUND} Nothing was submitted" in airflow.task_log(task)


def test_copy_without_an_answer_in_time_fails_without_retry(airflow, run_dag, lossy):
    """The time limit is the end, although the task has retries."""
    task = run_dag("asks_briefly")
    task.wait_for("failed")
    assert (copies(lossy), task.look()["try_number"]) == ([], 1)
    assert "nobody answered in time whether its job may be submitted" in airflow.task_log(task)


def test_copy_takes_the_default_answer(airflow, run_dag, lossy):
    """Nobody answers, and the default is to approve."""
    task = run_dag("asks_with_default")
    task.wait_for("success")
    assert len(copies(lossy)) == 1
    assert "the default answer (nobody answered in time) approved the job." in airflow.task_log(task)


def test_task_cleared_while_it_asks_asks_again(airflow, run_dag, lossy):
    """The next attempt shows the same question; its answer leads to one job."""
    task = run_dag("asks")
    first = question(task)
    airflow.see_worker_free(task)
    task.clear()
    again = asks_again(task, 2)
    assert again["body"] == first["body"]
    airflow.see_worker_free(task, attempt=2)
    assert answer(task, "Approve") == 200
    task.wait_for("success")
    assert len(copies(lossy)) == 1


def test_task_cleared_with_another_finding_does_not_show_the_old_one(airflow, run_dag, lossy):
    """Airflow would show the text of the first attempt, so the second one fails instead of asking."""
    task = run_dag("asks")
    question(task)
    airflow.see_worker_free(task)
    lossy.append([{"timestamp": "2024-06-01T05:00:00Z", "city": "Oslo", "session_length": 1}], "more.json")
    task.clear()
    eventually(task.look, lambda seen: (seen["try_number"], seen["state"]) == (2, "failed"), what="the second attempt")
    assert copies(lossy) == []
    assert "because it asked about something else in an earlier try." in airflow.task_log(task, 2)


def test_tables_that_change_for_the_worse_after_the_question_fail_the_task(airflow, run_dag, lossy):
    """The approval was for three lost rows, and now six would be lost."""
    task = run_dag("asks")
    question(task)
    airflow.see_worker_free(task)
    lossy.copy_day("2024-06-01", "Koalas Copy", CITY)
    assert answer(task, "Approve") == 200
    task.wait_for("failed")
    assert rows(lossy, "Koalas Copy") == 9
    assert "the checks after the answer found more than" in airflow.task_log(task)


def test_task_marked_failed_while_it_asks_submits_nothing(airflow, run_dag, lossy):
    """A late answer doesn't start the task again."""
    task = run_dag("asks")
    question(task)
    airflow.see_worker_free(task)
    task.mark("failed")
    answer(task, "Approve")
    assert (task.state(), copies(lossy)) == ("failed", [])


@pytest.mark.parametrize(("option", "deleted"), [("Approve", "success"), ("Reject", "skipped")])
def test_age_out_deletes_what_a_person_approves(airflow, run_dag, polaris, option, deleted):
    """The question has the numbers of the proof; a rejection leaves the rows in both tables."""
    delete = run_dag("age_out_asks", "age_out.delete")
    approve = Task(delete.api, delete.dag_id, delete.run_id, "age_out.approve")
    asked = question(approve)
    assert asked["subject"] == "Delete 3 rows of table 'Koalas Source'?"
    assert "| 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z | 3 |" in asked["body"]
    airflow.see_worker_free(approve)
    assert answer(approve, option) == 200
    eventually(delete.state, lambda state: state == deleted, what=f"the deletion to be {deleted}")
    assert rows(polaris, "Koalas Source") == (1 if option == "Approve" else 4)
    assert rows(polaris, "Koalas Archive") == 3
    verb = "approved" if option == "Approve" else "rejected"
    assert f"{verb} the deletion." in airflow.task_log(approve)
