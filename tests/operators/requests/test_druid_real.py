# SPDX-License-Identifier: Apache-2.0
"""The requests of a task on a real Druid 27: ``pytest -m druid tests/operators/requests``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.client import DruidClient, DruidSettings
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from tests.operators.conftest import FakeTI, MemoryStore, through_airflow
from tests.operators.requests.test_druid import COUNTS, END, FIRST, POST, Rounds, rounds  # noqa: F401  # the fixture
from tests.operators.test_druid import context, rollup  # noqa: F401  # the fixture
from tests.operators.test_druid_real import URL, wait

pytestmark = pytest.mark.druid

SOURCE, TARGET = f"requests source {os.getpid()}", f"requests hours {os.getpid()}"
FILL = f"""REPLACE INTO "{SOURCE}" OVERWRITE ALL SELECT TIME_PARSE(t) AS __time, city, length
FROM (VALUES ('2024-06-01T00:10:00Z', 'a', 1), ('2024-06-01T05:00:00Z', 'b', 2)) AS v(t, city, length)
PARTITIONED BY DAY"""
#: Reads of a state before the test gives up.
MOST_READS = 600


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[DruidClient]:
    """A source with two rows of the day."""
    connection = json.dumps({"conn_type": "apache_druid", "host": URL})
    monkeypatch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", connection)
    with DruidClient(DruidSettings.from_host(URL)) as client:
        assert wait(client, client.create_job({"type": "sql", "query": FILL})["id"]) == "completed"
        yield client
        for table in (SOURCE, TARGET):
            client.create_job({"type": "drop_table", "target": {"type": "table", "tableName": table}})


def run(client: DruidClient, context: Any, rounds: Rounds) -> list[list[str]]:  # noqa: F811
    """Run a deferrable rollup to its end; return its round trips. Triggers fire when what they wait for has ended."""
    found: list[list[str]] = []
    arguments = {"source_table": SOURCE, "target_table": TARGET, "deferrable": True}
    method, kwargs = "execute", {}
    for _ in range(9):
        operator = rollup(**arguments)
        rounds.take()
        try:
            assert getattr(operator, method)(context, **kwargs)
            return found + rounds.take()
        except TaskDeferred as deferred:
            found += rounds.take()
            trigger = deferred.trigger
            event: dict[str, Any] = {"status": "due"}
            if isinstance(trigger, PolarisJobTrigger):
                status = wait(client, trigger.job_id)
                event = {"status": "ended", "job_id": trigger.job_id, "state": status, "message": "it has ended"}
            else:
                assert trigger.kind == "queries"
                for query in trigger.ids:
                    await_query(client, query)
            method, kwargs = deferred.method_name, through_airflow({**deferred.kwargs, "event": event})
    raise AssertionError("the task never ends")


def await_query(client: DruidClient, query: str) -> None:
    for _ in range(MOST_READS):
        if client.get_query(query)["state"] in ("SUCCESS", "FAILED"):
            return
        time.sleep(0.2)
    raise AssertionError(f"query {query!r} never ends")


def test_replace_needs_no_more_requests_than_on_the_fake(real: DruidClient, context: Any, rounds: Rounds) -> None:  # noqa: F811
    """Except for further looks at the counts and at the rows."""
    for name in (SOURCE, TARGET):
        again = {**context, "ti": FakeTI(run_id=name), "task_state_store": MemoryStore()}
        found = run(real, again, rounds)
    start, look = COUNTS
    submission = found.index(POST)
    begin = [each for number, each in enumerate(found[:submission]) if each != look or found[number - 1] == start]
    # After a deferral for the counts, another worker reads the target and looks at the slots again.
    assert begin in ([FIRST, *COUNTS], [FIRST, *COUNTS, ["POST sql"], ["GET workers"]])
    assert found[submission + 1 : submission + 3] == END
