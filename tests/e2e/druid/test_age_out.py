# SPDX-License-Identifier: Apache-2.0
"""The packaged example of an age-out on a real Druid: it ages, proves and deletes a day, which can be restored."""

from __future__ import annotations

from operator import itemgetter

import pytest
from harness.druid import ARCHIVE, SOURCE
from harness.waiting import eventually

pytestmark = pytest.mark.e2e_druid

DAY = f"""SELECT "city", "session_length" FROM "{SOURCE}" WHERE FLOOR("__time" TO DAY) = TIMESTAMP '2024-06-01'"""
TASKS = ("plan", "copy", "prove", "delete")


@pytest.fixture
def default_connection(airflow, druid, gateway):
    """Let the connection of the examples lead to Druid; drop the archive, and restore the source."""
    airflow.api.add_connection({"connection_id": "polaris_default", **druid.connection(gateway)})
    druid.drop(ARCHIVE)
    yield
    airflow.api.ask("DELETE", "/connections/polaris_default")
    druid.drop(ARCHIVE)
    druid.drop(SOURCE)  # the next test fills it


def test_example_ages_proves_and_deletes_a_day_that_can_be_restored(airflow, druid, gateway, default_connection):
    """Each row is in one of the two tables; the restored day has its rows."""
    eventually(lambda: airflow.api.knows_dag("koalas_age_out"), bool, what="the example")
    before = sorted(druid.query(DAY), key=itemgetter("session_length"))
    assert len(before) == 3
    run = airflow.api.ask("POST", "/dags/koalas_age_out/dagRuns", {"logical_date": "2024-07-02T00:00:00Z"})
    path = f"/dags/koalas_age_out/dagRuns/{run['dag_run_id']}"
    eventually(
        lambda: airflow.api.ask("GET", path)["state"],
        lambda seen: seen in ("success", "failed"),
        what="the end",
        within=900,
    )
    found = airflow.api.ask("GET", f"{path}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["state"] for task in found} == {f"age_out.{name}": "success" for name in TASKS}
    assert eventually(lambda: druid.query(DAY), lambda rows: not rows, what="the end of the aged day") == []
    archived = druid.query(f'SELECT "city", "sessions", "max_session_length" FROM "{ARCHIVE}"')
    assert sorted(archived, key=itemgetter("city")) == [
        {"city": "BERLIN", "sessions": 2, "max_session_length": 30},
        {"city": "OSLO", "sessions": 1, "max_session_length": 5},
    ]
    assert gateway.count("POST", "^/druid/coordinator/.*/markUnused") == 1
    airflow.run("koalas_restore").wait_for("success")
    back = eventually(lambda: druid.query(DAY), lambda rows: len(rows) == 3, what="the restored day")
    assert sorted(back, key=itemgetter("session_length")) == before
