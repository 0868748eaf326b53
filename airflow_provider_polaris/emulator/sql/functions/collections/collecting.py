# SPDX-License-Identifier: Apache-2.0
"""
Aggregates that collect the values of rows: ARRAY_AGG, ARRAY_CONCAT_AGG, STRING_AGG and LISTAGG.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-aggregations: the order of the values is that in which the
rows are processed; the emulator uses the order of time. The query fails if the values have more than 1,024 bytes, or
more than the optional last argument. OBSERVED(Druid 33): with DISTINCT the values are sorted, NULL first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from airflow_provider_polaris.emulator.sql.functions.aggregation import Aggregation
from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.functions.collections import lists
from airflow_provider_polaris.emulator.sql.functions.collections.sorting import sort
from airflow_provider_polaris.emulator.sql.functions.optimizer.left_out_casts import (
    has_cast_back_to_text,
    has_cast_to_number,
)
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, sql_name
from airflow_provider_polaris.emulator.sql.values.values import Sql, quote_text, string

_DEFAULT_BYTES, _LEAST_BYTES = 1024, 10
"""OBSERVED(Druid 33): the default and the smallest limit."""


def array_agg(call: Aggregation) -> Sql:
    """``ARRAY_AGG([DISTINCT] value[, bytes])``: all values, NULL included; NULL for no rows."""
    value = call.value(0)
    if value.type not in lists.ARRAYS:
        raise call.refuse(f"for {sql_name(value.type)}")
    if has_cast_back_to_text(call):
        raise call.refuse("over a CAST to a number and back to VARCHAR")
    return lists.array_of(value.type, _limited(call, _collected(call, value), value.type, 1))


def array_concat_agg(call: Aggregation) -> Sql:
    """``ARRAY_CONCAT_AGG([DISTINCT] array[, bytes])``: the elements of all arrays; NULL if all arrays are NULL."""
    array = call.value(0)
    if array.type not in lists.ELEMENTS:
        if array.type in ("null", "floatArray"):
            raise call.refuse(f"for {sql_name(array.type)}")
        raise call.invalid()
    element = lists.ELEMENTS[array.type]
    items = f"flatten({_collected(call, array, f'{array.text} IS NOT NULL', distinct=False)})"
    if call.is_distinct:
        # list_distinct drops NULL.
        values = sort(f"list_distinct({items})", element, items)
        items = f"CASE WHEN {lists.has(items, 'NULL')} THEN list_concat([NULL], {values}) ELSE {values} END"
    return lists.array_of(element, _limited(call, items, element, 1))


def string_agg(call: Aggregation) -> Sql:
    """``STRING_AGG([DISTINCT] value, separator[, bytes])``: the text of all values that are not NULL."""
    value = call.value(0)
    if value.type not in ("string", "long", "double"):
        raise call.refuse(f"for {sql_name(value.type)}")
    if has_cast_to_number(call):
        # OBSERVED(Druid 33): the text has the values before the CAST.
        raise call.refuse("over a CAST to a number")
    separator = call.separator(1)
    if {"'", "\\"} & set(separator):
        # OBSERVED(Druid 33): the separator becomes a part of an expression as it is, which fails or changes it.
        raise call.refuse(f"with the separator {separator!r}")
    # OBSERVED(Druid 33): with DISTINCT, numbers are sorted as texts.
    items = _collected(call, cast(value, "string"), f"{value.text} IS NOT NULL")
    return string(f"array_to_string({_limited(call, items, 'string', 2)}, {quote_text(separator)})")


def _collected(call: Aggregation, value: Sql, *conditions: str, distinct: bool | None = None) -> str:
    """Build the list of the values."""
    if call.storing:
        # OBSERVED(Druid 27): a task with ARRAY_AGG fails.
        raise call.refuse("as a measure")
    if call.is_distinct and distinct is None:
        zeros = call.over(f"list({value.text})", f"{value.text} = 0", *conditions)
        return sort(call.over(f"list(DISTINCT {value.text})", *conditions), value.type, zeros)
    order = ""
    with suppress(SqlInvalid):  # a subquery or a join has no __time, or several
        order = f" ORDER BY {call.time_column()}"
    return call.over(f"list({value.text}{order})", *conditions)


def _limited(call: Aggregation, items: str, element: str, position: int) -> str:
    """
    Let the query fail if the values have too many bytes.

    OBSERVED(Druid 33): an array has 5 bytes, each value 1, each number further 8, each text 4 and its UTF-8.
    """
    if len(call) > position and call.value(position).type == "string":
        raise call.refuse("with a text as maximum")
    limit = call.constant_long(position) if len(call) > position else _DEFAULT_BYTES
    if limit < _LEAST_BYTES:
        raise SqlInvalid(f"function '{call.name}' needs a maximum of {_LEAST_BYTES} bytes or more, not {limit}")
    content = "4 + strlen(__counted)" if element == "string" else "8"
    sizes = f"list_transform({items}, lambda __counted: CASE WHEN __counted IS NULL THEN 1 ELSE 1 + {content} END)"
    size = f"(5 + coalesce(list_sum({sizes}), 0))"
    message = f"concat('Exceeded memory usage when aggregating, size [', {size}, '] is larger than max [{limit}]')"
    return f"CASE WHEN {size} > {limit} THEN error({message}) ELSE {items} END"


FUNCTIONS: dict[str, tuple[Callable[[Aggregation], Sql], int, int]] = {
    "ARRAY_AGG": (array_agg, 1, 2),
    "ARRAY_CONCAT_AGG": (array_concat_agg, 1, 2),
    "STRING_AGG": (string_agg, 2, 3),
    "LISTAGG": (string_agg, 2, 3),
}
