# SPDX-License-Identifier: Apache-2.0
"""
Validate a batch job's mappings and filter; performs no I/O.

Polaris checks the expressions that cannot be parsed here. Only those that would escape their place in the statement
are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, ColumnMapping, TableSource, UploadedSource
from airflow_provider_polaris.jobs.spec.misspelling import hint
from airflow_provider_polaris.jobs.sql.expressions import Reading, read_expression
from airflow_provider_polaris.jobs.sql.rollup import _COUNT, COUNT_OF_EVENTS
from airflow_provider_polaris.jobs.sql.single_expression import check_confined
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.instant import quote

_TIME: Final = "__time"


_LITERAL: Final = "Write a literal made from the data interval, such as TIMESTAMP '2024-06-01 00:00:00'."


def check_mappings(spec: BatchJobSpec, *, source: TableDescription | None, target: TableDescription | None) -> None:
    """
    Check each mapping, and all mappings together.

    :param source: Description of the source table, if known.
    :param target: Description of the target table, if it exists and is known.
    :raises PolarisSpecError: The message gives the field, its value, the rule and the fix.
    """
    if not spec.mappings:
        if slip := hint("mappings", spec.model_extra or ()):
            raise PolarisSpecError(f"mappings of the batch job is missing, so the job would write no column. {slip}")
        raise PolarisSpecError(
            "mappings [] is empty: Polaris ignores columns that are not mapped, so the job would write none. "
            'Map each column to keep, for example {"columnName": "city", "expression": "\\"city\\""}.'
        )
    positions: dict[str, int] = {}
    for index, mapping in enumerate(spec.mappings):
        if mapping.column_name in positions:
            raise PolarisSpecError(
                f"mappings[{index}].columnName {quote(mapping.column_name)} is already mapped by "
                f"mappings[{positions[mapping.column_name]}]. Remove one of the two."
            )
        positions[mapping.column_name] = index
        _check_mapping(mapping, f"mappings[{index}]", source, target)
    if isinstance(spec.source, UploadedSource) and _TIME not in positions:
        raise PolarisSpecError(
            f"mappings leave out {_TIME!r}, and a file has no such column by itself. "
            f'Add {{"columnName": "{_TIME}", "expression": "TIME_PARSE(\\"timestamp\\")"}}, with the name of your '
            "field."
        )
    if source is not None and source.type == "aggregate" and _COUNT not in positions:
        _check_automatic_count(spec, source)
    if isinstance(spec.source, TableSource) and spec.source.table_name == spec.target.table_name:
        _check_no_column_lost(spec, target or source)


def misread_constants(job: BatchJobSpec, columns: Collection[str] = ()) -> list[str]:
    """
    Return a warning for each mapping whose constant equals a column's name, because the column may be meant.

    :param job: The job.
    :param columns: Columns of the source. A constant is compared with them and with the name of its own mapping.
    :return: One sentence for each.
    """
    sentences = []
    for mapping in job.mappings:
        reading = read_expression(mapping.expression)
        name = None if reading is None else reading.constant
        if name is not None and (name == mapping.column_name or name in columns):
            sentences.append(
                f"Column {mapping.column_name!r} gets the text {name!r} in every row, because single quotes make a "
                f"text in SQL. If the column {name!r} of the source is meant, write its name in double quotes."
            )
    return sentences


def check_filter(expression: str | None, field: str = "filterExpression") -> None:
    """
    Check the filter condition.

    :param expression: The condition; None for none.
    :param field: Name of the argument, for the error message.
    :raises PolarisSpecError: The message gives the field, its value, the rule and the fix.
    """
    if expression is None:
        return
    shown = f"{field} {quote(expression)}"
    if not expression.strip():
        raise PolarisSpecError(f"{shown} is blank. Leave it out to take all rows.")
    if re.match(r"where\b", expression.strip(), re.IGNORECASE):
        raise PolarisSpecError(
            f"{shown} begins with WHERE, which Polaris adds itself. Write {quote(expression.strip()[5:].strip())}."
        )
    check_confined(expression, field)
    reading = read_expression(expression)
    if reading is None:
        return
    _check_clock(reading, shown)
    _check_names(reading, shown)
    if reading.aggregates:
        raise PolarisSpecError(
            f"{shown} aggregates with {' and '.join(reading.aggregates)}, but a filter sees one row at a time, "
            "before rollup. Filter on columns of the source, or aggregate first and filter when you query."
        )


def _check_mapping(
    mapping: ColumnMapping, path: str, source: TableDescription | None, target: TableDescription | None
) -> None:
    if not mapping.column_name.strip():
        raise PolarisSpecError(f"{path}.columnName {quote(mapping.column_name)} is blank. Write the name of a column.")
    shown = f"{path}.expression {quote(mapping.expression)}"
    if not mapping.expression.strip():
        raise PolarisSpecError(f"{shown} is blank. Write a SQL expression, such as '\"city\"'.")
    check_confined(mapping.expression, f"{path}.expression")
    reading = read_expression(mapping.expression)
    if reading is None:
        return
    _check_clock(reading, shown)
    _check_names(reading, shown)
    if "AVG" in reading.aggregates:
        raise PolarisSpecError(
            f"{shown} uses AVG, which can't be stored: merged rows would hold an average of averages. "
            "Map a SUM and a COUNT, and divide them when you query."
        )
    if reading.aggregates and not mapping.is_aggregation:
        raise PolarisSpecError(
            f"{shown} aggregates with {' and '.join(reading.aggregates)}, but isAggregation is "
            f"{'false' if mapping.is_aggregation is False else 'not set'}, so "
            f"Polaris may take {mapping.column_name!r} for a "
            'dimension. Set "isAggregation": true.'
        )
    if mapping.is_aggregation and reading.is_surely_scalar:
        raise PolarisSpecError(
            f"{shown} has no aggregate function, but isAggregation is true. "
            "Remove isAggregation, or aggregate, for example with MAX(...)."
        )
    if target is not None and mapping.column_name in target.measures and reading.is_surely_scalar:
        raise PolarisSpecError(
            f"{shown} has no aggregate function, but {mapping.column_name!r} is a measure of table {target.name!r}. "
            'Aggregate, for example with SUM(...), and set "isAggregation": true.'
        )
    if source is not None and source.type == "aggregate" and reading.counts_rows:
        raise PolarisSpecError(
            f"{shown} counts the stored rows of {source.name!r}, which is an aggregate table, not the events behind "
            f"them. Write {COUNT_OF_EVENTS.expression}, or SUM(1) if stored rows are what you mean."
        )


def _check_names(reading: Reading, shown: str) -> None:
    word = reading.unquoted_word
    if word is not None:
        raise PolarisSpecError(
            f"{shown} uses {word} as a name, but {word.upper()} is a reserved word of Druid SQL. "
            f'Write the name in double quotes: "{word}".'
        )


def _check_clock(reading: Reading, shown: str) -> None:
    if reading.clock_functions:
        raise PolarisSpecError(
            f"{shown} uses {' and '.join(reading.clock_functions)}, which Polaris freezes when the job begins, so "
            f"that a retry gives different rows. {_LITERAL}"
        )


def _check_automatic_count(spec: BatchJobSpec, source: TableDescription) -> None:
    if not any(mapping.is_aggregation for mapping in spec.mappings):
        return
    fix = f"Add {json.dumps(COUNT_OF_EVENTS.to_wire(), separators=(',', ':'))}."
    if source.columns is not None and _COUNT not in source.columns:
        fix = (
            f"It has no column {_COUNT!r} to sum, so map {_COUNT!r} to the SUM of the column that counts its events, "
            "or to SUM(1) if stored rows are what you mean."
        )
    raise PolarisSpecError(
        f"mappings leave out {_COUNT!r}, and the source {source.name!r} is an aggregate table: Polaris may add "
        f"COUNT(*), which counts stored rows and not the events behind them. {fix}"
    )


def _check_no_column_lost(spec: BatchJobSpec, table: TableDescription | None) -> None:
    if table is None or table.columns is None or spec.ingestion_mode != "replace":
        return
    lost = sorted(table.columns - {mapping.column_name for mapping in spec.mappings} - {_TIME})
    if lost:
        raise PolarisSpecError(
            f"mappings leave out {', '.join(map(repr, lost))} of table {table.name!r}, which is source and target: its "
            "rows would lose their values there. Map each column, or write into another table."
        )
