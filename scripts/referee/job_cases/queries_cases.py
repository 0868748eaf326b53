# SPDX-License-Identifier: Apache-2.0
"""Random queries of the kinds that the package itself sends, made by its own functions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from jobs_cases import HOURS, SOURCE, make_rows, make_sequences

from airflow_provider_polaris.jobs.age_out.plan import choose_method, count_sql, oldest_sql, query_context
from airflow_provider_polaris.jobs.guards.row_counts import plan_counts
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition, select

#: Another table: it has the columns of a rollup.
COUNTS: Final = "counts"
COLUMNS: Final = {"city": "string", "n": "long", "price": "double", "__count": "long"}
_GRAINS: Final = tuple(Granularity(name) for name in ("hour", "six_hour", "day", "week", "month", "quarter", "year"))
#: No condition is negated: Druid 27 and 33 differ where it is NULL.
_FILTERS: Final = (None, "\"city\" = 'Oslo'", '"city" IS NULL', '"n" > 0 OR "price" < 1', "UPPER(\"city\") LIKE 'O%'")


@dataclass(frozen=True)
class Query:
    """
    A query and the context that the package sends with it.

    :param kind: The part of the package that sends it.
    """

    kind: str
    sql: str
    context: Mapping[str, Any] = field(default_factory=dict)


def make_counts(rng: random.Random) -> list[dict[str, Any]]:
    """Make the rows of a table with ``__count``, sometimes null."""
    return [{**row, "__count": rng.choice((1, 1, 2, 5, None))} for row in make_rows(rng)]


def make_queries(rng: random.Random, count: int, prefix: str) -> Iterator[Query]:
    """
    Make queries.

    :param prefix: Beginning of the names of the tables.
    """
    kinds: list[Callable[[random.Random, str], list[Query]]] = [_guard, _sensor, _age_out, _total]
    made = 0
    while made < count:
        for query in rng.choice(kinds)(rng, prefix):
            yield query
            made += 1


def _guard(rng: random.Random, prefix: str) -> list[Query]:
    """The counts before a replace: source and target."""
    sequence = next(iter(make_sequences(rng, 1, prefix)))
    for spec in sequence.jobs:
        if spec.get("ingestionMode") != "replace":
            continue
        source = rng.choice((SOURCE, COUNTS))
        target = COUNTS if spec["mappings"][-1].get("isAggregation") else SOURCE
        job = parse_spec(
            {
                **spec,
                "source": {**spec["source"], "tableName": prefix + source},
                "target": {**spec["target"], "tableName": prefix + target},
                "mappings": [_known(mapping, source) for mapping in spec["mappings"]],
            }
        )
        assert isinstance(job, BatchJobSpec)
        plan = plan_counts(job, target=_describe(prefix, target), storage=TableStorage.from_wire({"name": "t"}))
        return [Query("guard", sql, plan.context) for sql in (plan.source_sql, plan.target_sql)]
    return []


def _sensor(rng: random.Random, prefix: str) -> list[Query]:
    """The data that sensors and triggers wait for, several conditions in one query."""
    table = prefix + rng.choice((SOURCE, COUNTS))
    conditions = []
    for _ in range(rng.randint(1, 4)):
        up_to = rng.choice((None, *HOURS))
        rows = rng.choice((None, 1, 10)) if up_to is not None else 1
        span = _span(rng, Granularity("hour"))
        conditions.append(DataCondition(table, up_to, None if rows is None else span, rows, rng.choice(_FILTERS)))
    return [Query("sensor", select(conditions), {"sqlTimeZone": "UTC"})]


def _age_out(rng: random.Random, prefix: str) -> list[Query]:
    """The counts by which an age-out plans and proves, and the search for the oldest partitions."""
    source = rng.choice((SOURCE, COUNTS))
    grain = rng.choice(_GRAINS)
    counted = "COUNT(*)" if source == SOURCE else 'SUM("__count")'
    mapping = {"columnName": "rows", "expression": counted}
    spec = parse_spec(
        {
            "type": "batch",
            "source": {"type": "table", "tableName": prefix + source},
            "target": {"type": "table", "tableName": "target"},
            "mappings": [{**mapping, "isAggregation": True}],
        }
    )
    assert isinstance(spec, BatchJobSpec)
    way = choose_method(spec, _describe(prefix, source), None)
    condition = rng.choice(_FILTERS)
    spans = [_span(rng, grain) for _ in range(rng.randint(1, 3))]
    before = _span(rng, grain)
    context = query_context(None)
    return [
        Query("proof", count_sql(prefix + source, grain, way.source, spans, condition), context),
        Query("oldest", oldest_sql(prefix + source, grain, way.source, before, rng.randint(1, 5), condition), context),
    ]


def _total(rng: random.Random, prefix: str) -> list[Query]:
    """The total of a table, and the connection's check."""
    table = prefix + rng.choice((SOURCE, COUNTS))
    return [Query("total", f'SELECT COUNT(*) AS "n" FROM "{table}"'), Query("connection", "SELECT 1")]


def _known(mapping: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the mapping without ``__count`` of a source that has none."""
    if source == SOURCE and "__count" in mapping["expression"]:
        return {**mapping, "expression": "COUNT(*)"}
    return dict(mapping)


def _describe(prefix: str, table: str) -> TableDescription:
    schema = [{"name": name, "dataType": kind} for name, kind in COLUMNS.items()]
    kind = "aggregate" if table == COUNTS else "detail"
    return TableDescription.from_wire(
        {"name": prefix + table, "type": kind, "partitioningGranularity": "day", "schema": schema}
    )


def _span(rng: random.Random, grain: Granularity) -> Interval:
    start = rng.choice(HOURS)
    return Interval(start, start + timedelta(hours=rng.choice((1, 24, 24 * 40)))).widen(grain)
