# SPDX-License-Identifier: Apache-2.0
"""
Functions of multi-value strings.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-multivalue-string-functions. OBSERVED(Druid 33): the values
for NULL, for no values and for positions outside of the values. A string is a multi-value string with one value.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.functions.collections import arrays, lists
from airflow_provider_polaris.emulator.sql.functions.collections.splitting import split
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE, SCALAR, Sql, boolean, quote_text


def multi_value(_element: str, text: str) -> Sql:
    """Return the SQL of a multi-value string."""
    return Sql(text, MULTI_VALUE)


def to_array(call: Call) -> Sql:
    """``MV_TO_ARRAY(column)``: Druid takes a column of a table only."""
    value, node = call.collection(0), call.nodes[0]
    if not isinstance(node, exp.Column):
        raise SqlInvalid("Function[mv_to_array] argument should be an identifier expression. Use array() instead")
    if value.type not in ("string", MULTI_VALUE):
        raise call.refuse("unless its argument is a string column")
    _check_stored(call, value)
    return Sql(lists.list_argument(call, 0)[0], "stringArray")


def from_string(call: Call) -> Sql:
    """``STRING_TO_MV(text, separator)``."""
    return Sql(split(call), MULTI_VALUE)


def contains(call: Call) -> Sql:
    """
    ``MV_CONTAINS(column, values)``: whether the column has the value, or all values of the array.

    OBSERVED(Druid 33): NULL has the value NULL. In a WHERE clause, a value NULL in the column makes it unknown whether
    the column has another value, so that ``NOT`` excludes the row.
    """
    items = _column(call)
    conditions = [_has(call, items, value) for value in _literals(call)]
    return boolean(f"({' AND '.join(conditions)})")


def overlap(call: Call) -> Sql:
    """
    ``MV_OVERLAP(column, values)``: whether the column has one of the values; NULL and NOT as in MV_CONTAINS.

    OBSERVED(Druid 33): no column overlaps with the literal NULL, unlike with ``ARRAY[NULL]``.
    """
    items = _column(call)
    if not call.has(1):
        return boolean("FALSE")
    conditions = [_has(call, items, value) for value in _literals(call)]
    return boolean(f"({' OR '.join(conditions)})")


def filter_only(call: Call) -> Sql:
    """``MV_FILTER_ONLY(column, ARRAY[...])``: the values that are in the array; NULL if there is none."""
    return _filtered(call, "{}")


def filter_none(call: Call) -> Sql:
    """``MV_FILTER_NONE(column, ARRAY[...])``: the values that are not in the array; NULL if there is none."""
    return _filtered(call, "NOT {}")


def _filtered(call: Call, condition: str) -> Sql:
    if not isinstance(call.nodes[1], exp.Array):
        raise call.invalid()
    if call.collection(0).type in SCALAR - {"string", "null"}:
        raise call.refuse("of a value that is no text")  # Druid takes it
    items, _ = lists.list_argument(call, 0)
    wanted = lists.build([_literal(value) for value in _literals(call)], "string")
    kept = f"list_filter({items}, lambda __value: {condition.format(lists.has(wanted, '__value'))})"
    # OBSERVED(Druid 33): the result has no value if the only one is NULL.
    return Sql(f"CASE WHEN len({kept}) > 1 OR {kept}[1] IS NOT NULL THEN {kept} END", MULTI_VALUE)


def _column(call: Call) -> str:
    """Return the values of a column; [NULL] for NULL."""
    value = call.collection(0)
    if not isinstance(call.nodes[0], exp.Column) or value.type not in ("string", MULTI_VALUE):
        raise call.refuse("unless its argument is a string column")
    _check_stored(call, value)
    return f"[{value.text}]" if value.type == "string" else lists.or_null(value.text)


def _check_stored(call: Call, value: Sql) -> None:
    """Refuse a column of a subquery, which Druid replaces by its expression."""
    # Only the names of stored columns are quoted.
    if not value.text.endswith('"'):
        raise call.refuse("for a column of a subquery")


def _has(call: Call, items: str, value: str | None) -> str:
    found = lists.has(items, _literal(value))
    if value is None or not call.filters:
        return found
    return f"CASE WHEN {found} THEN TRUE WHEN {lists.has(items, 'NULL')} THEN NULL ELSE FALSE END"


def _literals(call: Call) -> list[str | None]:
    """Return the values of the second argument: a string, NULL, or an array of them."""
    node = call.nodes[1]
    nodes = node.expressions if isinstance(node, exp.Array) else [node]
    if not nodes:
        raise SqlInvalid("Require at least 1 argument")
    if not all(isinstance(one, exp.Null) or (isinstance(one, exp.Literal) and one.is_string) for one in nodes):
        raise call.refuse("unless argument 2 has only string literals and NULL")
    return [None if isinstance(one, exp.Null) else str(one.this) for one in nodes]


def _literal(value: str | None) -> str:
    return "NULL" if value is None else quote_text(value)


FUNCTIONS: Table = {
    "MV_TO_ARRAY": (to_array, 1, 1),
    "STRING_TO_MV": (from_string, 2, 2),
    "MV_LENGTH": (arrays.length, 1, 1),
    "MV_OFFSET": (arrays.element(0), 2, 2),
    "MV_ORDINAL": (arrays.element(1), 2, 2),
    "MV_OFFSET_OF": (arrays.position(0), 2, 2),
    "MV_ORDINAL_OF": (arrays.position(1), 2, 2),
    "MV_CONTAINS": (contains, 2, 2),
    "MV_OVERLAP": (overlap, 2, 2),
    "MV_PREPEND": (arrays.add(multi_value, array=1), 2, 2),
    "MV_APPEND": (arrays.add(multi_value, array=0), 2, 2),
    "MV_CONCAT": (arrays.concat(multi_value), 2, 2),
    "MV_SLICE": (arrays.piece(multi_value), 2, 3),
    "MV_TO_STRING": (arrays.to_string, 2, 2),
    "MV_FILTER_ONLY": (filter_only, 2, 2),
    "MV_FILTER_NONE": (filter_none, 2, 2),
}

LIST_ARGUMENTS = {
    "MV_TO_ARRAY": (0,),
    "MV_LENGTH": (0,),
    "MV_OFFSET": (0,),
    "MV_ORDINAL": (0,),
    "MV_OFFSET_OF": (0,),
    "MV_ORDINAL_OF": (0,),
    "MV_CONTAINS": (0,),
    "MV_OVERLAP": (0,),
    "MV_PREPEND": (1,),
    "MV_APPEND": (0,),
    "MV_CONCAT": (0, 1),
    "MV_SLICE": (0,),
    "MV_TO_STRING": (0,),
    "MV_FILTER_ONLY": (0,),
    "MV_FILTER_NONE": (0,),
}
