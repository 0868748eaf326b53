# SPDX-License-Identifier: Apache-2.0
"""
Build the normalized specification of a job, with all defaults, and its SQL. Performs no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, Interval, format_instant
from airflow_provider_polaris.emulator.wire.models import BatchJob, Mapping_

COUNT_COLUMN: Final = "__count"
TIME_COLUMN: Final = "__time"

# DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference: PARTITIONED BY takes HOUR, DAY, MONTH,
# YEAR, ALL, and any period as TIME_FLOOR. OBSERVED 2023-09-13 (api-ingest-table): PARTITIONED BY DAY.
_PARTITIONED_BY: Final[Mapping[str, str]] = {
    "second": "TIME_FLOOR(\"__time\", 'PT1S')",
    "minute": "TIME_FLOOR(\"__time\", 'PT1M')",
    "five_minute": "TIME_FLOOR(\"__time\", 'PT5M')",
    "ten_minute": "TIME_FLOOR(\"__time\", 'PT10M')",
    "fifteen_minute": "TIME_FLOOR(\"__time\", 'PT15M')",
    "thirty_minute": "TIME_FLOOR(\"__time\", 'PT30M')",
    "hour": "HOUR",
    "six_hour": "TIME_FLOOR(\"__time\", 'PT6H')",
    "eight_hour": "TIME_FLOOR(\"__time\", 'PT8H')",
    "day": "DAY",
    "week": "TIME_FLOOR(\"__time\", 'P1W')",
    "month": "MONTH",
    "quarter": "TIME_FLOOR(\"__time\", 'P3M')",
    "year": "YEAR",
    "all": "ALL",
}


def normalize_spec(
    job: BatchJob, source: Mapping[str, Any], intervals: Sequence[Interval], mappings: Sequence[Mapping_]
) -> dict[str, Any]:
    """
    Return the specification as Polaris echoes it.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table: defaults are filled in, an
    absent ``isAggregation`` or ``filterExpression`` is null, ``target.intervals`` is ``[]``. GUESS: intervals have the
    format of the vendor's default, and fields that the sample lacks (``replaceAll``, ``partitionedBy``,
    ``clusteringColumns``, ``context``) are echoed only if they differ from their default.

    :param job: The request.
    :param source: The source with its defaults.
    :param intervals: The target's intervals.
    :param mappings: The mappings, including those that Polaris adds.
    :return: A JSON object.
    """
    spec: dict[str, Any] = {
        "source": dict(source),
        "target": {
            "tableName": job.target.table_name,
            "type": "table",
            "intervals": [str(interval) for interval in intervals],
        },
        "createTableIfNotExists": job.create_table_if_not_exists,
        "filterExpression": job.filter_expression,
        "ingestionMode": job.ingestion_mode,
        "mappings": [
            {"columnName": one.column_name, "expression": one.expression, "isAggregation": one.is_aggregation}
            for one in mappings
        ],
        "maxParseExceptions": job.max_parse_exceptions,
        "type": "batch",
        "desiredExecutionStatus": "running",
    }
    if job.replace_all:
        spec["replaceAll"] = True
    if job.partitioned_by is not None:
        spec["partitionedBy"] = job.partitioned_by
    if job.clustering_columns:
        spec["clusteringColumns"] = list(job.clustering_columns)
    if job.context is not None:
        spec["context"] = dict(job.context)
    return spec


def query_text(
    spec: Mapping[str, Any],
    *,
    aggregations: Sequence[bool],
    source_interval: Interval | None,
    intervals: Sequence[Interval],
    partitioning: str,
) -> str:
    r"""
    Return the SQL of a batch job.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table for an append from a table.
    GUESS for other jobs: the filter and the replaced intervals are further terms of WHERE, REPLACE has the form of
    https://docs.imply.io/polaris/sql-ingestion-reference, files are read with POLARIS_SOURCE.

    :param spec: The echoed specification.
    :param aggregations: Whether each mapping is an aggregation.
    :param source_interval: Interval that the job reads from a source table.
    :param intervals: Intervals that the job replaces.
    :param partitioning: Partitioning granularity of the job.
    :return: SQL with ``\n`` between the lines.
    """
    selected = [(_name(one["columnName"]), one["expression"]) for one in spec["mappings"]]
    grouped = [not aggregation for aggregation in aggregations]
    if all(one["columnName"] != TIME_COLUMN for one in spec["mappings"]):
        selected.insert(0, (_name(TIME_COLUMN), _name(TIME_COLUMN)))
        grouped.insert(0, True)
    lines = [
        f"{'REPLACE' if spec['ingestionMode'] == 'replace' else 'INSERT'} INTO {_name(spec['target']['tableName'])}"
    ]
    if spec["ingestionMode"] == "replace":
        lines.append(_overwrite(intervals))
    lines.append("SELECT")
    lines.append(",\n".join(f" {expression} AS {name}" for name, expression in selected))
    lines.append(f"FROM {_from(spec['source'])}")
    terms = [f"TIME_IN_INTERVAL({_name(TIME_COLUMN)}, '{_bound(source_interval)}')"] if source_interval else []
    if source_interval and intervals:
        inside = [f"TIME_IN_INTERVAL({_name(TIME_COLUMN)}, '{_bound(interval)}')" for interval in intervals]
        terms.append(" OR ".join(inside))
    if spec["filterExpression"] is not None:
        terms.append(spec["filterExpression"])
    if terms:
        lines.append("WHERE " + " AND ".join(f"({term})" for term in terms))
    if any(aggregations):
        ordinals = (str(ordinal) for ordinal, is_grouped in enumerate(grouped, start=1) if is_grouped)
        lines.append("GROUP BY " + ", ".join(ordinals))
    lines.append(f"PARTITIONED BY {_PARTITIONED_BY[partitioning]}")
    if spec.get("clusteringColumns"):
        lines.append("CLUSTERED BY " + ", ".join(_name(column) for column in spec["clusteringColumns"]))
    return "\n".join(lines)


def _overwrite(intervals: Sequence[Interval]) -> str:
    if not intervals:
        return "OVERWRITE ALL"
    pieces = (
        f'("__time" >= {_timestamp(interval.start)} AND "__time" < {_timestamp(interval.end)})'
        for interval in intervals
    )
    return "OVERWRITE WHERE " + " OR ".join(pieces)


def _from(source: Mapping[str, Any]) -> str:
    if source["type"] == "table":
        return _name(source["tableName"])
    described = json.dumps(source, sort_keys=True, separators=(",", ":")).replace("'", "''")
    return f"TABLE(POLARIS_SOURCE('{described}'))"


def _bound(interval: Interval) -> str:
    # OBSERVED 2023-09-13 (api-ingest-table): the lower bound -1000 is 0 in the SQL, but not in the spec.
    start = "0" if interval.start == EARLIEST else format_instant(interval.start)
    return f"{start}/{format_instant(interval.end)}"


def _timestamp(moment: datetime) -> str:
    if moment == EARLIEST:
        return "TIMESTAMP '0001-01-01 00:00:00'"  # OBSERVED(Druid 27): it reads no earlier literal
    return "TIMESTAMP '" + format_instant(moment)[:-1].replace("T", " ").removesuffix(".000") + "'"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
