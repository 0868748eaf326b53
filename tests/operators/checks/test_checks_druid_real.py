# SPDX-License-Identifier: Apache-2.0
"""Checks on a real Druid 27, which learns of new tables and columns late: ``pytest -m druid tests/operators``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_polaris.client import DruidClient, DruidSettings
from airflow_provider_polaris.operators.polaris import PolarisSqlJobOperator, PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.operators.conftest import FakeTI, MemoryStore
from tests.operators.test_druid_real import URL, fill

pytestmark = pytest.mark.druid


@pytest.fixture
def source(connect: Any) -> Iterator[str]:
    """A table of its own, which is dropped with its targets."""
    name = f"checks-{uuid.uuid4().hex[:8]}"
    connect("polaris_default", conn_type="apache_druid", host=URL, password=None, extra={})
    with DruidClient(DruidSettings.from_host(URL)) as client:
        fill(client, name)
        yield name
        for table in (name, f"{name}-target"):
            client.create_job({"type": "drop_table", "target": {"type": "table", "tableName": table}})


def run(operator: Any) -> str:
    ti = FakeTI(run_id=uuid.uuid4().hex)
    return str(operator.execute({"ti": ti, "task_state_store": MemoryStore()}))


def test_new_table_and_new_column_are_checked_after_the_job(source: str) -> None:
    """The first run creates the table, the second adds a column."""

    def rollup(**measures: str) -> PolarisTableToTableOperator:
        return PolarisTableToTableOperator(
            task_id="job",
            source_table=source,
            target_table=f"{source}-target",
            replace_all=True,
            source_interval="1970-01-01/2100-01-01",
            create_table_if_not_exists=True,
            partitioned_by="day",
            rollup_granularity="hour",
            dimensions=["city"],
            measures={"sessions": "COUNT(*)", **measures},
            poll_interval=1,
            checks={
                "sessions": 'SUM("sessions") = 3000',
                "each": '"city" IS NOT NULL AND "city" <> \'\'',
                **{name: f'MAX("{name}") > 0' for name in measures},
            },
        )

    assert run(rollup())
    assert run(rollup(longest='MAX("session_length")'))


def test_statement_that_misses_its_checks_names_the_values(source: str) -> None:
    """A join, an aggregate with FILTER, a condition for each row, and NULL."""
    sql = (
        f'REPLACE INTO "{source}-target" OVERWRITE ALL SELECT s."__time", s."city", s."session_length", l."most" FROM '
        f'"{source}" s JOIN (SELECT "city", MAX("session_length") AS "most" FROM "{source}" GROUP BY 1) l ON s."city" '
        '= l."city" PARTITIONED BY DAY'
    )
    operator = PolarisSqlJobOperator(
        task_id="job",
        sql=sql,
        create_table_if_not_exists=True,
        poll_interval=1,
        checks={
            "met": '"most" >= "session_length"',
            "filter": "COUNT(*) FILTER (WHERE \"city\" = 'Atlantis') > 0",
            "each": '"session_length" < 0',
            "time": "MAX(\"__time\") < TIMESTAMP '2001-01-01'",
        },
    )
    with pytest.raises(AirflowFailException) as error:
        run(operator)
    message = str(error.value)
    assert "but 3 of 4 checks of table" in message
    assert "COUNT(*) FILTER (WHERE \"city\" = 'Atlantis') is 0; " in message
    assert "'each' (\"session_length\" < 0): 3,000 of 3,000 rows don't meet it" in message
    assert 'MAX("__time") is \'2' in message
