# SPDX-License-Identifier: Apache-2.0
"""
Render a job spec as the equivalent Druid SQL, for people and for lineage; performs no I/O and never raises.

Polaris generates SQL for an existing job (``query`` of docs.imply.io/polaris/api-manage-job). This module renders SQL
in the same form before the job exists, or if its description lacks ``query``. The SQL is never sent to Polaris.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, ColumnMapping, SqlJobSpec, parse_spec
from airflow_provider_polaris.jobs.spec.sources import TableSource
from airflow_provider_polaris.jobs.sql.expressions import find_aggregates
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.single_expression import find_flaw
from airflow_provider_polaris.jobs.sql.time_filter import between, inside, inside_any
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

#: Granularities with a keyword after PARTITIONED BY; the others are written as TIME_FLOOR.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference.
_WORDS: Final = frozenset({Granularity.HOUR, Granularity.DAY, Granularity.MONTH, Granularity.YEAR, Granularity.ALL})

#: Comment for a job that uses the table's granularity. Source: docs.imply.io/polaris/partitioning.
_PARTITIONED_AS_BEFORE: Final = "-- PARTITIONED BY the target table's own granularity; DAY if the job creates it"


def job_statement(spec: Mapping[str, Any]) -> str | None:
    r"""
    Render a job as the equivalent SQL statement.

    The form is that of the sample in docs.imply.io/polaris/api-ingest-table: ``GROUP BY`` numbers the columns without
    aggregation, and ``__time`` of a table is copied unchanged if no mapping writes it. Instants are in UTC. The
    statement omits ``__count``, which Polaris adds to some rollups, and the job's context. If a mapping has no
    ``isAggregation``, an aggregate function in its expression decides instead of the target's schema.

    >>> mappings = [{"columnName": "longest", "expression": 'MAX("length")', "isAggregation": True}]
    >>> print(job_statement({"type": "batch", "source": {"type": "table", "tableName": "raw"}, "partitionedBy": "day",
    ...                      "target": {"type": "table", "tableName": "hourly"}, "mappings": mappings}))
    INSERT INTO "hourly"
    SELECT
      "__time" AS "__time",
      MAX("length") AS "longest"
    FROM "raw"
    GROUP BY 1
    PARTITIONED BY DAY

    :param spec: The JSON object for Polaris, or the spec that Polaris echoes.
    :return: For a sql job its unchanged ``query``. None for a job without equivalent SQL (``delete_data``,
        ``restore_data``, ``drop_table``: Druid SQL has no DELETE and no DROP), for a spec that cannot be parsed, and
        for a spec with an expression that would escape its place in the statement.
    """
    try:
        job = parse_spec(spec)
        if isinstance(job, SqlJobSpec):
            return job.query if job.query.strip() else None
        return _batch_statement(job) if isinstance(job, BatchJobSpec) and not _is_torn(job) else None
    except Exception:
        # A spec may be invalid in ways that only Polaris detects; render no statement rather than a wrong one.
        return None


def selected_columns(job: BatchJobSpec) -> list[ColumnMapping]:
    """
    Return the columns that a job computes: its mappings, and ``__time`` of a table if they omit it.

    Empty without mappings, because the columns of such a job are not documented.

    :param job: The job.
    """
    names = {mapping.column_name for mapping in job.mappings}
    if names and "__time" not in names and isinstance(job.source, TableSource):
        return [ColumnMapping(column_name="__time", expression='"__time"'), *job.mappings]
    return list(job.mappings)


def grouping_columns(selected: Sequence[ColumnMapping]) -> list[ColumnMapping]:
    """
    Return the columns by which a job groups rows; empty if it merges no rows, or all rows into one.

    :param selected: As :func:`selected_columns` returns.
    """
    grouped = [column for column in selected if not _aggregates(column)]
    return grouped if len(grouped) < len(selected) else []


def _batch_statement(job: BatchJobSpec) -> str | None:
    selected = selected_columns(job)
    replaces = job.ingestion_mode == "replace"
    overwrite = _overwrite(job) if replaces else None
    if not selected or (replaces and overwrite is None):
        return None
    lines = [f"{'REPLACE' if replaces else 'INSERT'} INTO {quote_identifier(job.target.table_name)}"]
    if overwrite is not None:
        lines.append(overwrite)
    columns = (f"  {_closed(column.expression)} AS {quote_identifier(column.column_name)}" for column in selected)
    lines += ["SELECT", ",\n".join(columns), f"FROM {_origin(job)}"]
    if terms := list(_terms(job)):
        lines.append("WHERE " + "\n  AND ".join(f"({_closed(term)})" for term in terms))
    if grouped := grouping_columns(selected):
        lines.append("GROUP BY " + ", ".join(str(selected.index(column) + 1) for column in grouped))
    lines.append(_PARTITIONED_AS_BEFORE if job.partitioned_by is None else _partitioned(job.partitioned_by))
    if job.clustering_columns:
        lines.append("CLUSTERED BY " + ", ".join(map(quote_identifier, job.clustering_columns)))
    return "\n".join(lines)


def _is_torn(job: BatchJobSpec) -> bool:
    texts = (job.filter_expression or "", *(mapping.expression for mapping in job.mappings))
    return any(find_flaw(text) is not None for text in texts)


def _aggregates(column: ColumnMapping) -> bool:
    if column.is_aggregation is not None:
        return column.is_aggregation
    return bool(find_aggregates(column.expression))


def _overwrite(job: BatchJobSpec) -> str | None:
    """Return the ``OVERWRITE`` clause; None without intervals and ``replaceAll``, which is not documented."""
    if job.replace_all:
        return "OVERWRITE ALL"
    bounds = [between('"__time"', span) for span in job.target.spans]
    if len(bounds) == 1:
        return f"OVERWRITE WHERE {bounds[0]}"
    return "OVERWRITE WHERE " + "\n  OR ".join(f"({each})" for each in bounds) if bounds else None


def _terms(job: BatchJobSpec) -> Iterator[str]:
    """Yield the conditions, with the replaced intervals, as in docs.imply.io/polaris/sql-ingestion-reference."""
    replaced = job.target.spans if job.ingestion_mode == "replace" else ()
    if isinstance(job.source, TableSource):
        span = job.source.span
        if span != Interval.ETERNITY:
            yield inside('"__time"', span)
        if replaced and replaced != (span,):
            yield inside_any('"__time"', replaced)
    if job.filter_expression and job.filter_expression.strip():
        yield job.filter_expression


def _origin(job: BatchJobSpec) -> str:
    if isinstance(job.source, TableSource):
        return quote_identifier(job.source.table_name)
    # Source: docs.imply.io/polaris/sql-ingestion-reference (POLARIS_SOURCE).
    described = json.dumps(job.source.to_wire(), sort_keys=True, ensure_ascii=False)
    return "TABLE(POLARIS_SOURCE('" + described.replace("'", "''") + "'))"


def _partitioned(word: str) -> str:
    granularity = Granularity.parse(word)
    if granularity in _WORDS:
        return f"PARTITIONED BY {granularity.value.upper()}"
    return f"PARTITIONED BY TIME_FLOOR(\"__time\", '{granularity.period}')"


def _closed(text: str) -> str:
    """Add a line break if the text may end in a comment, which would hide the text that follows."""
    return text + "\n" if "--" in text else text
