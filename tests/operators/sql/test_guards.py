# SPDX-License-Identifier: Apache-2.0
"""The count of a SELECT over several tables."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.hooks.count_query import CountQuery
from airflow_provider_polaris.hooks.row_count import RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisGuardError
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.operators.guards.counted_tables import CountedTables
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.operators.sql.guards import StatementGuards
from airflow_provider_polaris.runtime.deadline import Deadline

VALUES = [{"type": "BIGINT", "value": 1}]


class Client:
    """Stores the queries; has no asynchronous SQL."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    def start_query(self, sql: str, **options: Any) -> Any:
        self.sent.append((sql, options))
        raise PolarisApiError("POST /query/sql/statements answered 404.", status=404)

    def query(self, sql: str, **options: Any) -> list[Any]:
        self.sent.append((sql, options))
        return [{"n": 2}]


def counter(client: Any, clock: Any) -> RowCounter:
    return RowCounter(lambda: client, Deadline(clock, lambda: False, None), None)


@pytest.fixture
def guards(clock: Any) -> StatementGuards:
    """The guards of a REPLACE from three tables."""
    spec = {
        "type": "sql",
        "query": 'REPLACE INTO "t" OVERWRITE ALL SELECT * FROM "a" WHERE "x" = ? PARTITIONED BY DAY',
        "context": {"sqlTimeZone": "UTC"},
        "parameters": VALUES,
    }
    hook: Any = SimpleNamespace()
    limits = Deadline(clock, lambda: False, None)
    return StatementGuards(hook, spec, ["a", "b", "c"], GuardOptions(), limits=limits, log=None)


def test_select_is_counted_with_its_parameters_and_judged_by_a_table_with_data(guards: StatementGuards) -> None:
    """A table without data means that Druid doesn't have it."""
    wire = [{"name": "a", "totalRows": 0, "segmentCount": 0}, {"name": "b", "totalRows": 5}, {"name": "c"}]
    sources = [TableInfo.from_wire({"type": "detail", **each}) for each in wire]
    plan = guards.plan_counts(None)
    query = guards.source_query(plan, sources)
    assert (query.sql, query.words) == (plan.source_sql, plan.source_words)
    assert (query.table.name, [table.name for table in query.other_tables]) == ("b", ["c", "a"])
    assert (query.parameters, query.as_job) == (VALUES, True)


def test_select_from_files_only_is_judged_by_an_available_table(guards: StatementGuards) -> None:
    """There is no table that a query could miss."""
    query = guards.source_query(guards.plan_counts(None), [])
    assert (query.table, query.other_tables) == (TableStorage("t", "available"), [])


def test_synchronous_sql_counts_only_if_every_table_is_at_hand(clock: Any) -> None:
    """One table of a join that is not precached makes the count unreliable."""
    client, table = Client(), TableStorage("a", "available")
    partial = TableStorage("b", "available", has_cached_policy=True)
    (rows,) = counter(client, clock).start([CountQuery("SELECT 1", table, as_job=False, other_tables=[partial])])
    with pytest.raises(PolarisGuardError, match="because table 'b' has a storage policy that precaches a part of"):
        rows()
    assert len(client.sent) == 1


def test_parameters_are_sent_with_the_counted_select_only(clock: Any) -> None:
    """Both ways of counting; the other queries of a count have no '?'."""
    client, table = Client(), TableStorage("a", "available")
    queries = [
        CountQuery("SELECT ?", table, as_job=False, parameters=VALUES),
        CountQuery("SELECT 1", table, as_job=False),
    ]
    assert [rows() for rows in counter(client, clock).start(queries)] == [[{"n": 2}], [{"n": 2}]]
    view = {"context": {"includeSegmentSource": "NONE"}}
    assert client.sent == [
        ("SELECT ?", {**view, "parameters": VALUES}),
        ("SELECT 1", view),
        ("SELECT ?", {"context": {}, "parameters": VALUES}),
        ("SELECT 1", {"context": {}}),
    ]


def test_query_with_other_parameters_is_another_query() -> None:
    """So a resumed task never takes its rows."""
    table = TableStorage("a", "available")
    digests = {CountQuery("SELECT ?", table, parameters=[{"type": "BIGINT", "value": each}]).digest for each in (1, 2)}
    assert len(digests | {CountQuery("SELECT ?", table).digest}) == 3


def test_target_that_a_wait_has_made_old_is_not_kept_as_absent(guards: StatementGuards, clock: Any) -> None:
    """A resumed task would count no rows of it, so it repeats all checks instead."""
    memory: dict[str, Any] = {}
    guards._counting = CountedTables(memory, clock)
    target = TableInfo.from_wire({"type": "detail", "name": "t"})
    guards._job = replace(guards._job, sources=())
    guards._keep([], target)
    assert memory == {}
    guards._keep([], None)
    assert (memory["sources"], memory["target"]) == ([], None)
