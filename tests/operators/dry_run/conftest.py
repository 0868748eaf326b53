# SPDX-License-Identifier: Apache-2.0
"""Tables on the scripted server, and dry runs of tasks against them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

PROJECT = "00000000-0000-4000-8000-000000000001"


class Tables:
    """The tables of the server, and the requests that it received."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def has(self, name: str, **columns: str) -> Callable[..., None]:
        """Add a table with columns and their types; the returned function changes the rest."""
        listed = [{"name": "__time", "dataType": "timestamp"}]
        listed += [{"name": column, "dataType": kind} for column, kind in columns.items()]

        def change(**values: Any) -> None:
            payload = {
                "name": name,
                "type": "detail",
                "partitioningGranularity": "day",
                "availability": "available",
                "schemaMode": "flexible",
                "totalRows": 1234,
                "schema": listed,
                **values,
            }
            self.server.answer("GET", f"/tables/{name.replace(' ', '%20')}", 200, payload)

        change()
        return change

    @property
    def asked(self) -> list[str]:
        """``METHOD path`` of every request, below the project."""
        return [f"{each.method} {each.path.split('/projects/')[1].partition('/')[2]}" for each in self.server.requests]


@pytest.fixture
def tables(server: Any, connect: Any) -> Tables:
    """Point the default connection to a server without tables."""
    connect(host=server.url)
    return Tables(server)


@pytest.fixture
def context() -> dict[str, Any]:
    """Return the context of a run with the data interval of one day."""
    day = datetime(2024, 6, 1, tzinfo=timezone.utc)
    ti = SimpleNamespace(
        dag_id="koalas",
        run_id="run-1",
        task_id="rollup",
        map_index=-1,
        max_tries=0,
        start_date=None,
        try_number=1,
    )
    return {"ti": ti, "data_interval_start": day, "data_interval_end": day + timedelta(days=1)}


@pytest.fixture
def said(logged: Any) -> Any:
    """Return a function that returns the operators' log lines so far, as ``LEVEL text``."""
    from airflow_provider_polaris.operators.base import PolarisBaseOperator

    return logged(PolarisBaseOperator)


@pytest.fixture
def findings(tables: Tables, context: Any, said: Any) -> Callable[[Any], list[str]]:
    """Return a function that runs a dry run of a task and returns the lines about its tables."""

    def run(operator: Any) -> list[str]:
        operator.dry_run(context)
        (block,) = [each for each in said() if "Tables, as" in each]
        head, *lines = block.split("\n")
        assert head.split(" ", 1)[1] == f"Tables, as {tables.server.url} describes them:"
        assert head.startswith("WARNING") == any(line.startswith("!") for line in lines)
        return [line for line in lines if line]

    return run
