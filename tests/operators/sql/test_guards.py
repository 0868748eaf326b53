# SPDX-License-Identifier: Apache-2.0
"""Counts over several tables."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.operators.sql.guards import StatementCounter, _Parameterized


def test_synchronous_sql_counts_only_if_every_table_is_at_hand() -> None:
    """One table of a join that is not precached makes the count unreliable."""
    tables = [TableStorage("a", "available"), TableStorage("b", "available", has_cached_policy=True)]
    counter = StatementCounter(lambda: None, None, None, tables)  # type: ignore[arg-type]
    with pytest.raises(PolarisGuardError, match="because table 'b' has a storage policy that precaches a part of"):
        counter._check_all_at_hand(tables[0], as_job=False)


def test_parameters_are_sent_with_the_counted_select_only() -> None:
    """The other queries of a count have no '?'."""
    sent: list[tuple[str, Any]] = []

    class Client:
        def query(self, sql: str, **options: Any) -> list[Any]:
            sent.append((sql, options))
            return []

        start_query = query
        get_query = "as it is"

    values = [{"type": "BIGINT", "value": 1}]
    client: Any = _Parameterized(Client, "SELECT ?", values)  # type: ignore[arg-type]
    client.query("SELECT ?")
    client.start_query("SELECT ?", context={"a": 1})
    client.query("SELECT 1", context={"a": 1})
    assert sent == [
        ("SELECT ?", {"parameters": values}),
        ("SELECT ?", {"context": {"a": 1}, "parameters": values}),
        ("SELECT 1", {"context": {"a": 1}}),
    ]
    assert client.get_query == "as it is"
