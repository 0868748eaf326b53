# SPDX-License-Identifier: Apache-2.0
"""
Describe a Druid data source as a table, with the fields that ``TableDescription`` and ``TableStorage`` read; no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.client.http.json_body import read_json
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

#: Word for a partitioning or resolution that is none of the package's granularities; it is parsed as unknown.
UNKNOWN: Final = "unknown"

#: Segments of which the rows are read.
#: OBSERVED(Druid 27): a query of sys.segments with MAX of a text, or with a product of columns, fails with status 500.
#: ``num_rows`` is 0 until the broker has read a segment's metadata, so the number of rows is not taken from it.
_CURRENT: Final = "is_published = 1 AND is_overshadowed = 0"

#: SQL of the columns of a table, in their order.
COLUMNS_SQL: Final = (
    "SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'druid' AND TABLE_NAME = ? "
    "ORDER BY ORDINAL_POSITION"
)

#: What a row of :func:`stored_sql` is about.
_SEGMENTS, _NEWEST, _COLUMN = 1, 2, 3

#: SQL types, and the package's words for them. Source: druid.apache.org/docs/latest/querying/sql-data-types.
_TYPES: Final[Mapping[str, str]] = {
    "TIMESTAMP": "timestamp",
    "VARCHAR": "string",
    "BIGINT": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
}


@dataclass(frozen=True)
class StoredTable:
    """
    What the system tables say about one table.

    :param segments: Published segments by whether they are loaded: ``is_available``, ``segments``, ``bytes``.
    :param newest: ``start``, ``end`` and ``metrics`` of the newest segment in a list; empty if there is none.
    :param columns: ``COLUMN_NAME`` and ``DATA_TYPE``, in their order; empty until the broker knows the table.
    """

    segments: Sequence[Mapping[str, Any]] = ()
    newest: Sequence[Mapping[str, Any]] = ()
    columns: Sequence[Mapping[str, Any]] = ()

    @property
    def partitioning(self) -> str | None:
        """As :func:`partitioning`."""
        return partitioning(self.newest)

    @property
    def measures(self) -> frozenset[str]:
        """Names of the columns that the newest segment aggregates. OBSERVED(Druid 27): a JSON array of texts."""
        text = self.newest[0].get("metrics") if self.newest else None
        names = read_json(text.encode()) if isinstance(text, str) else None
        return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return [str(column.get("COLUMN_NAME")) for column in self.columns]


def stored_sql(names: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """
    Return one statement for all that the system tables say about some tables, and its parameters.

    Its rows are for :func:`stored_tables`.

    OBSERVED(Druid 27): no two parts of a UNION may read the same table with the same condition; otherwise the answer is
    500 "Got a sink null to which there is no match source type!".

    :param names: Names of the tables, each once; at least one.
    """
    listed = ", ".join("?" for _ in names)
    segments = (
        f'SELECT {_SEGMENTS} AS "part", datasource AS "name", \'\' AS "first", \'\' AS "second", \'\' AS "third", '
        '"is_available" AS "number", COUNT(*) AS "segments", SUM("size") AS "bytes" '
        f'FROM sys.segments WHERE datasource IN ({listed}) AND {_CURRENT} GROUP BY datasource, "is_available"'
    )
    newest = (
        f'SELECT {_NEWEST}, datasource, "start", "end", "metrics", 0, 0, 0 '
        'FROM (SELECT datasource, "start", "end", "metrics" '
        f'FROM sys.segments WHERE datasource = ? AND {_CURRENT} AND "start" <> \'\' ORDER BY "start" DESC LIMIT 1)'
    )
    columns = (
        f"SELECT {_COLUMN}, TABLE_NAME, COLUMN_NAME, DATA_TYPE, '', ORDINAL_POSITION, 0, 0 "
        f"FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'druid' AND TABLE_NAME IN ({listed})"
    )
    parameters = [{"type": "VARCHAR", "value": name} for name in (*names, *names, *names)]
    return " UNION ALL ".join([segments, *(newest for _ in names), columns]), parameters


def stored_tables(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, StoredTable]:
    """
    Return what the rows of :func:`stored_sql` say about each table.

    :param names: Names of the tables.
    :param rows: The rows, in any order.
    """
    found = {}
    for name in names:
        own = [row for row in rows if row.get("name") == name]
        found[name] = StoredTable(
            segments=[
                {"is_available": row.get("number"), "segments": row.get("segments"), "bytes": row.get("bytes")}
                for row in own
                if row.get("part") == _SEGMENTS
            ],
            newest=[
                {"start": row.get("first"), "end": row.get("second"), "metrics": row.get("third")}
                for row in own
                if row.get("part") == _NEWEST
            ],
            columns=[
                {"COLUMN_NAME": row.get("first"), "DATA_TYPE": row.get("second")}
                for row in sorted(own, key=lambda row: int(row.get("number") or 0))
                if row.get("part") == _COLUMN
            ],
        )
    return found


def describe_table(
    name: str, stored: StoredTable, metadata: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """
    Return the description of a table.

    A table is ``available`` once all its published segments are loaded. A rolled-up table is of type ``aggregate``, and
    its aggregated columns are its measures.

    :param name: Name of the table.
    :param stored: What the system tables say.
    :param metadata: Answer of the segment metadata query, for this table only; empty if no segment is loaded.
    :param rules: Retention rules of the table, then those of the cluster; empty if they don't matter.
    """
    total, loaded = _sum(stored.segments, "bytes"), _sum(_available(stored.segments), "bytes")
    count, here = _sum(stored.segments, "segments"), _sum(_available(stored.segments), "segments")
    measures = stored.measures
    table: dict[str, Any] = {
        "name": name,
        "type": "aggregate" if _common(metadata, "rollup") is True else "detail",
        "availability": "available" if stored.columns and count == here else "unavailable",
        "partitioningGranularity": stored.partitioning or UNKNOWN,
        "segmentCount": count,
        "totalDataSizeBytes": total,
        "precachedDataSizeBytes": loaded,
        "schema": [
            {
                "name": str(column.get("COLUMN_NAME")),
                "dataType": _TYPES.get(str(column.get("DATA_TYPE")), str(column.get("DATA_TYPE")).lower()),
                "type": "measure" if column.get("COLUMN_NAME") in measures else "dimension",
            }
            for column in stored.columns
        ],
    }
    if metadata:
        table["timeResolution"] = _resolution(_common(metadata, "queryGranularity"))
    if policy := retention(rules):
        table["storagePolicy"] = {"retain": policy}
    return table


def metadata_of(name: str, metadata: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """
    Return the metadata of a table's segments, from that of several tables.

    >>> metadata_of("a", [{"id": "a_2024-06-01T00:00:00.000Z_x"}, {"id": "a_b_2024-06-01T00:00:00.000Z_x"}])
    [{'id': 'a_2024-06-01T00:00:00.000Z_x'}]

    :param name: Name of the table.
    :param metadata: The answer, with one entry for each segment. Its id is the table, the start of its interval, and
        more (OBSERVED(Druid 33)).
    """
    own = re.compile(re.escape(name) + r"_-?\d+-\d\d-\d\dT")
    return [each for each in metadata if own.match(str(each.get("id")))]


def partitioning(newest: Sequence[Mapping[str, Any]]) -> str | None:
    """
    Return the granularity of a table's newest segment; None if it has none of the package's.

    >>> partitioning([{"start": "2024-06-01T00:00:00.000Z", "end": "2024-06-02T00:00:00.000Z"}])
    'day'

    :param newest: Start and end of that segment in a list; empty if there is none.
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


def _common(metadata: Sequence[Mapping[str, Any]], key: str) -> Any:
    """Return the value that all segments have; None if they differ."""
    first = metadata[0].get(key) if metadata else None
    return first if all(each.get(key) == first for each in metadata) else None


def _available(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row.get("is_available") == 1]


def _sum(rows: Sequence[Mapping[str, Any]], key: str) -> int:
    return sum(value for row in rows if isinstance(value := row.get(key), int))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
