# SPDX-License-Identifier: Apache-2.0
"""
Describe a Druid data source as a table, with the fields that ``TableDescription`` and ``TableStorage`` read; no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

#: Word for a partitioning or resolution that is none of the package's granularities; it is parsed as unknown.
UNKNOWN: Final = "unknown"

#: SQL of the published segments of a table, by whether they are loaded.
#: OBSERVED(Druid 27): a query of sys.segments with MAX of a text, or with a product of columns, fails with status 500.
#: ``num_rows`` is 0 until the broker has read a segment's metadata, so the number of rows is not taken from it.
SEGMENTS_SQL: Final = (
    'SELECT "is_available", COUNT(*) AS "segments", SUM("size") AS "bytes" '
    "FROM sys.segments WHERE datasource = ? AND is_published = 1 AND is_overshadowed = 0 GROUP BY 1"
)

#: SQL of the newest segment of a table.
NEWEST_SQL: Final = (
    'SELECT "start", "end" FROM sys.segments WHERE datasource = ? AND is_published = 1 AND is_overshadowed = 0 '
    "ORDER BY 1 DESC LIMIT 1"
)

#: SQL of the columns of a table, in their order.
COLUMNS_SQL: Final = (
    "SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'druid' AND TABLE_NAME = ? "
    "ORDER BY ORDINAL_POSITION"
)

#: SQL types, and the package's words for them. Source: druid.apache.org/docs/latest/querying/sql-data-types.
_TYPES: Final[Mapping[str, str]] = {
    "TIMESTAMP": "timestamp",
    "VARCHAR": "string",
    "BIGINT": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
}


@dataclass(frozen=True)
class TableFacts:
    """
    The answers about one table.

    :param segments: Rows of :data:`SEGMENTS_SQL`.
    :param newest: Rows of :data:`NEWEST_SQL`.
    :param columns: Rows of :data:`COLUMNS_SQL`; empty until the broker knows the table.
    :param metadata: Answer of the segment metadata query; empty if no segment is loaded.
    :param rules: Retention rules of the table, then those of the cluster.
    """

    segments: Sequence[Mapping[str, Any]]
    newest: Sequence[Mapping[str, Any]]
    columns: Sequence[Mapping[str, Any]]
    metadata: Sequence[Mapping[str, Any]]
    rules: Sequence[Mapping[str, Any]] = ()


def describe_table(name: str, facts: TableFacts) -> dict[str, Any]:
    """
    Return the description of a table.

    A table is ``available`` once all its published segments are loaded. A rolled-up table is of type ``aggregate``, and
    its aggregated columns are its measures.

    :param name: Name of the table.
    :param facts: The answers.
    """
    merged = _mapping(facts.metadata[0]) if facts.metadata else {}
    measures = _mapping(merged.get("aggregators"))
    total, loaded = _sum(facts.segments, "bytes"), _sum(_available(facts.segments), "bytes")
    count, here = _sum(facts.segments, "segments"), _sum(_available(facts.segments), "segments")
    table: dict[str, Any] = {
        "name": name,
        "type": "aggregate" if merged.get("rollup") is True else "detail",
        "availability": "available" if facts.columns and count == here else "unavailable",
        "partitioningGranularity": partitioning(facts.newest) or UNKNOWN,
        "segmentCount": count,
        "totalDataSizeBytes": total,
        "precachedDataSizeBytes": loaded,
        "schema": [
            {
                "name": str(column.get("COLUMN_NAME")),
                "dataType": _TYPES.get(str(column.get("DATA_TYPE")), str(column.get("DATA_TYPE")).lower()),
                "type": "measure" if column.get("COLUMN_NAME") in measures else "dimension",
            }
            for column in facts.columns
        ],
    }
    if merged:
        table["timeResolution"] = _resolution(merged.get("queryGranularity"))
    if policy := retention(facts.rules):
        table["storagePolicy"] = {"retain": policy}
    return table


def partitioning(newest: Sequence[Mapping[str, Any]]) -> str | None:
    """
    Return the granularity of a table's newest segment; None if it has none of the package's.

    >>> partitioning([{"start": "2024-06-01T00:00:00.000Z", "end": "2024-06-02T00:00:00.000Z"}])
    'day'

    :param newest: Rows of :data:`NEWEST_SQL`; None for an empty list.
    """
    if not newest:
        return None
    try:
        span = Interval.parse(f"{newest[0].get('start')}/{newest[0].get('end')}")
    except PolarisSpecError:
        # Joda's eternity, which a table that is partitioned by ALL has, is out of the package's range.
        return Granularity.ALL.value if str(newest[0].get("start")).startswith("-146136543") else None
    for granularity in Granularity:
        if span.is_aligned(granularity) and len(list(_two(span, granularity))) == 1:
            return granularity.value
    return None


def retention(rules: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """
    Return which data the retention rules keep; None if they keep everything.

    The first rule that matches a segment decides (druid.apache.org/docs/latest/operations/rule-configuration).

    :param rules: Rules of the table, then those of the cluster.
    """
    period, intervals = None, []
    for rule in rules:
        kind = rule.get("type")
        if kind == "loadForever":
            return None
        if kind == "loadByPeriod" and period is None:
            period = rule.get("period")
        elif kind == "loadByInterval":
            intervals.append(rule.get("interval"))
        elif kind == "dropBeforeByPeriod":
            return {"type": "period", "period": rule.get("period")}
        elif kind == "dropForever":
            return {"type": "period", "period": period, "intervals": intervals}
    return None


def _two(span: Interval, granularity: Granularity) -> Sequence[Interval]:
    """Return the first two buckets of an interval."""
    found = []
    for bucket in span.buckets(granularity):
        found.append(bucket)
        if len(found) == 2:
            break
    return found


def _resolution(value: Any) -> str:
    if isinstance(value, str):
        return {"NONE": "millisecond"}.get(value, value.lower())
    return _period(value) if isinstance(value, Mapping) else "millisecond" if value is None else UNKNOWN


def _period(value: Mapping[str, Any]) -> str:
    if value.get("type") == "none":
        return "millisecond"
    period = value.get("period")
    return period if isinstance(period, str) and value.get("timeZone") in (None, "UTC") else UNKNOWN


def _available(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row.get("is_available") == 1]


def _sum(rows: Sequence[Mapping[str, Any]], key: str) -> int:
    return sum(value for row in rows if isinstance(value := row.get(key), int))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
