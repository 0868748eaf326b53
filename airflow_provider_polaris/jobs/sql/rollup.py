# SPDX-License-Identifier: Apache-2.0
"""Convert the operators' rollup arguments to the API's mappings; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import ColumnMapping
from airflow_provider_polaris.jobs.sql.expressions import read_expression
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.single_expression import check_confined
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote


def build_mappings(
    dimensions: Sequence[str] | Mapping[str, str] | None = None,
    measures: Mapping[str, str] | None = None,
    rollup_granularity: str | Granularity | None = None,
    source_is_rollup: bool = False,
) -> list[ColumnMapping]:
    """
    Build the mappings of a rollup: first the rounded ``__time``, then dimensions, then measures.

    >>> for mapping in build_mappings(["city"], {"longest": 'MAX("session_length")'}, "hour"):
    ...     print(mapping.column_name, mapping.expression, mapping.is_aggregation)
    __time TIME_FLOOR("__time", 'PT1H') None
    city "city" None
    longest MAX("session_length") True

    :param dimensions: Columns to copy unchanged, or name and Druid SQL expression of each.
    :param measures: Name and aggregate expression of each.
    :param rollup_granularity: Polaris' word (``hour``) or an ISO 8601 period (``PT1H``) to round ``__time`` down to.
        If None, Polaris copies ``__time`` unchanged.
    :param source_is_rollup: The source is an aggregate table. A mapping that sums the number of events (``__count``) is
        added, because the ``COUNT(*)`` that Polaris adds would count stored rows. Nothing is added without measures, or
        if one of them has that name.
    :raises PolarisSpecError: The message gives the field, its value, the rule and the fix.
    """
    columns = _columns(dimensions)
    aggregates = _named_expressions("measures", measures or {})
    _check_names(columns, aggregates)
    _check_kinds(columns, aggregates)
    mappings = []
    if rollup_granularity is not None:
        mappings.append(ColumnMapping(column_name="__time", expression=_time_floor(rollup_granularity)))
    mappings += [ColumnMapping(column_name=name, expression=text) for name, text in columns.items()]
    mappings += [
        ColumnMapping(column_name=name, expression=text, is_aggregation=True) for name, text in aggregates.items()
    ]
    if source_is_rollup and aggregates and COUNT_OF_EVENTS.column_name not in aggregates:
        mappings.append(COUNT_OF_EVENTS)
    return mappings


def _columns(dimensions: Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    if dimensions is None:
        return {}
    if isinstance(dimensions, Mapping):
        return _named_expressions("dimensions", dimensions)
    if isinstance(dimensions, str) or not isinstance(dimensions, Sequence):
        raise PolarisSpecError(
            f"dimensions {quote(dimensions)} is a {type(dimensions).__name__}, not a list of columns or an object of "
            "expressions. Write ['city'], or {'city': 'UPPER(\"city\")'}."
        )
    columns: dict[str, str] = {}
    for index, name in enumerate(dimensions):
        field = f"dimensions[{index}]"
        _check_name(field, name)
        if name in columns:
            raise PolarisSpecError(f"{field} {quote(name)} is already in the list. Remove one of the two.")
        columns[name] = quote_identifier(name)
    return columns


def _named_expressions(field: str, expressions: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(expressions, Mapping):
        raise PolarisSpecError(
            f"{field} {quote(expressions)} is a {type(expressions).__name__}, not an object of names and expressions. "
            "Write {'longest': 'MAX(\"session_length\")'}."
        )
    for name, expression in expressions.items():
        _check_name(f"{field} key", name)
        if not isinstance(expression, str) or not expression.strip():
            raise PolarisSpecError(
                f"{field}[{name!r}] {quote(expression)} is not a SQL expression. Write one as text, such as '\"city\"'."
            )
    return dict(expressions)


def _check_name(field: str, name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise PolarisSpecError(f"{field} {quote(name)} is not the name of a column. Write it as text.")


def _check_names(columns: Mapping[str, str], aggregates: Mapping[str, str]) -> None:
    if not columns and not aggregates:
        raise PolarisSpecError(
            "dimensions and measures are both empty, so the job would write no column. Name at least one."
        )
    for field, names in (("dimensions", columns), ("measures", aggregates)):
        if "__time" in names:
            raise PolarisSpecError(
                f"{field} has '__time', which is mapped by rollup_granularity. Remove it and set rollup_granularity, "
                "or write all of it as mappings."
            )
    if COUNT_OF_EVENTS.column_name in columns:
        raise PolarisSpecError(
            f"dimensions has {COUNT_OF_EVENTS.column_name!r}, which holds the number of events of each row and must be "
            f"summed. Move it to measures as {{{COUNT_OF_EVENTS.column_name!r}: {COUNT_OF_EVENTS.expression!r}}}."
        )
    for name in aggregates:
        if name in columns:
            raise PolarisSpecError(
                f"measures has {quote(name)}, which is already a dimension. Give the measure another name, "
                f"such as {quote('sum_' + name)}."
            )


def _check_kinds(columns: Mapping[str, str], aggregates: Mapping[str, str]) -> None:
    """Check with the argument names; the rules for specs would name mappings, which the user did not write."""
    for name, text in columns.items():
        check_confined(text, f"dimensions[{name!r}]")
        reading = read_expression(text)
        if reading is not None and reading.aggregates:
            raise PolarisSpecError(
                f"dimensions[{name!r}] {quote(text)} aggregates with {' and '.join(reading.aggregates)}, and a "
                "dimension is a value of a single row. Move it to measures."
            )
    for name, text in aggregates.items():
        check_confined(text, f"measures[{name!r}]")
        reading = read_expression(text)
        if reading is not None and reading.is_surely_scalar:
            raise PolarisSpecError(
                f"measures[{name!r}] {quote(text)} has no aggregate function. Aggregate, for example with MAX(...), or "
                "move it to dimensions."
            )


def _time_floor(rollup_granularity: str | Granularity) -> str:
    granularity = Granularity.parse(rollup_granularity, field="rollup_granularity")
    if granularity.period is None:
        raise PolarisSpecError(
            f"rollup_granularity {granularity.value!r} has no period to round time down to. Use 'year' or finer, "
            "or write all of it as mappings."
        )
    return f"TIME_FLOOR(\"__time\", '{granularity.period}')"


_COUNT: Final = "__count"


#: Mapping for a re-rollup, in place of the COUNT(*) that Polaris adds. Source: docs.imply.io/polaris/api-ingest-table.
COUNT_OF_EVENTS: Final = ColumnMapping(column_name=_COUNT, expression=f'SUM("{_COUNT}")', is_aggregation=True)
