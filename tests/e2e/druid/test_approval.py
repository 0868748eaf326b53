# SPDX-License-Identifier: Apache-2.0
"""A statement with a join, a check of its result, and an age-out that a person approves, on a real Druid."""

from __future__ import annotations

from operator import itemgetter

import pytest
from harness.questions import answer, asks_again, question
from harness.rest import Task
from harness.waiting import eventually

pytestmark = pytest.mark.e2e_druid

DAG_ID = "shares_approved"
SHARES, ARCHIVE = "Koalas Shares", "Koalas Shares Archive"
DAY = f'SELECT "city", "percent_of_longest" FROM "{SHARES}"'


@pytest.fixture
def no_results(druid):
    """Drop what an earlier run wrote."""
    for table in (SHARES, ARCHIVE):
        druid.drop(table)
    yield
    for table in (SHARES, ARCHIVE):
        druid.drop(table)


def test_rejected_deletion_keeps_the_rows_and_an_approved_one_deletes_them(
    airflow, druid, gateway, connection, no_results
):
    """The result of the join is checked, archived, and deleted only when the person says so; only they may answer."""
    eventually(lambda: airflow.api.knows_dag(DAG_ID), bool, what="the DAG")
    body = {"logical_date": "2024-06-02T00:00:00Z", "conf": {"connection": connection}}
    run = airflow.api.ask("POST", f"/dags/{DAG_ID}/dagRuns", body)["dag_run_id"]
    approve, delete = (Task(airflow.api, DAG_ID, run, f"age_out.{name}") for name in ("approve", "delete"))
    asked = question(approve, within=900)
    assert asked["subject"] == f"Delete 2 rows of table '{SHARES}'?"
    assert "| 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z | 2 |" in asked["body"]
    rows = [{"city": "Berlin", "percent_of_longest": 100.0}, {"city": "berlin", "percent_of_longest": 100.0}]
    assert sorted(druid.query(DAY), key=itemgetter("city")) == rows
    archived = druid.query(f'SELECT "city", "sessions", "longest" FROM "{ARCHIVE}"')
    assert sorted(archived, key=itemgetter("city")) == [
        {"city": "Berlin", "sessions": 1, "longest": 10},
        {"city": "berlin", "sessions": 1, "longest": 30},
    ]
    airflow.see_worker_free(approve)
    assert answer(approve, "Approve", user="ben") == 403
    assert answer(approve, "Reject", user="ada") == 200
    eventually(delete.state, lambda state: state == "skipped", what="the skipped deletion")
    assert len(druid.query(DAY)) == 2
    assert gateway.count("POST", "^/druid/coordinator/.*/markUnused") == 0
    approve.clear(downstream=True)
    asks_again(approve, 2)
    airflow.see_worker_free(approve, attempt=2)
    assert answer(approve, "Approve", user="ada") == 200
    delete.wait_for("success", within=600)
    # OBSERVED(Druid 27): a table whose last segment is deleted is unknown.
    eventually(druid.tables, lambda tables: SHARES not in tables, what="the end of the deleted day")
    assert gateway.count("POST", "^/druid/coordinator/.*/markUnused") == 1
    assert "'ada' (id 'ada') approved the deletion." in airflow.task_log(approve, 2)
