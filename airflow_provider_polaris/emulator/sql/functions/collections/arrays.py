# SPDX-License-Identifier: Apache-2.0
"""
Arrays and their functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-array-functions. OBSERVED(Druid 33): the values for NULL,
for empty arrays and for positions outside of an array.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.functions.collections import lists
from airflow_provider_polaris.emulator.sql.functions.collections.splitting import split
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, sql_name
from airflow_provider_polaris.emulator.sql.values.values import (
    ARRAYS,
    MULTI_VALUE,
    NUMERIC,
    SCALAR,
    Sql,
    boolean,
    long,
    quote_text,
    string,
)

Wrap = Callable[[str, str], Sql]
"""Builds a value from the type of the elements and the SQL of a list."""


def array(call: Call) -> Sql:
    """``ARRAY[a, ...]``: a long among doubles is a double; NULLs alone are strings."""
    if not len(call):
        raise SqlInvalid("Require at least 1 argument")
    types = {value.type for value in call.values()} - {"null"}
    if types == {"long", "timestamp"}:
        raise call.refuse("of BIGINT and TIMESTAMP")
    if len(types) > 1 and not types <= NUMERIC:
        raise SqlInvalid("Parameters must be of the same type")
    texts, kind, _ = call.results(*range(len(call)))
    if kind not in lists.ARRAYS:
        raise call.refuse(f"of {sql_name(kind)}")
    return lists.array_of(kind, lists.build(texts, kind))


def length(call: Call) -> Sql:
    """``ARRAY_LENGTH(array)``."""
    value = call.collection(0)
    if value.type in SCALAR - {"string", "null"}:
        raise call.refuse(f"for {sql_name(value.type)}")
    items, _ = lists.list_argument(call, 0)
    return long(f"len({items})")


def element(first: int) -> Rewrite:
    """
    Build the rewrite of ARRAY_OFFSET or ARRAY_ORDINAL: an element, NULL outside of the array.

    :param first: The position of the first element.
    """

    def rewrite(call: Call) -> Sql:
        items, kind = lists.list_argument(call, 0)
        if kind == "long" and isinstance(call.nodes[0], exp.Anonymous):
            _check_known_width(call)
        at = lists.index(call, 1)
        return Sql(f"CASE WHEN {at} >= {first} THEN list_extract({items}, {at} + {1 - first}) END", kind)

    return rewrite


def position(first: int) -> Rewrite:
    """
    Build the rewrite of ARRAY_OFFSET_OF or ARRAY_ORDINAL_OF: the first position of a value, NULL if it isn't found.

    :param first: The position of the first element.
    """

    def rewrite(call: Call) -> Sql:
        items, kind = lists.list_argument(call, 0)
        if call.value(1).type not in (kind, "null"):
            # OBSERVED(Druid 33): an array of doubles doesn't have the long 2.
            raise call.refuse(f"with {sql_name(call.value(1).type)} and an array of {sql_name(kind)}: CAST one of them")
        return long(f"({lists.offset_of(items, lists.element_argument(call, 1, kind), kind)} + {first})")

    return rewrite


def contains(call: Call) -> Sql:
    """
    ``ARRAY_CONTAINS(array, value)``: whether the array has the value, or every element of the second array.

    OBSERVED(Druid 33): false if the second array is NULL and the first one isn't.
    """
    items, kind = lists.list_argument(call, 0)
    value = call.collection(1)
    _check_no_case(call)
    if value.type not in (*lists.ELEMENTS, MULTI_VALUE):
        found = lists.has(items, lists.element_argument(call, 1, kind), kind)
    else:
        if not isinstance(call.nodes[1], (exp.Column, exp.Array)):
            # OBSERVED(Druid 33): NULL as the result of a function is like the value NULL.
            raise call.refuse("with a function as the second array")
        items, wanted, kind = _two_arrays(call)
        found = f"(len({lists.common(items, wanted, kind)}) = len({wanted}))"
        if value.type == MULTI_VALUE:
            # OBSERVED(Druid 33): here a multi-value string NULL is a list of one NULL.
            found = f"CASE WHEN {wanted} IS NULL THEN {lists.has(items, 'NULL')} ELSE {found} END"
        found = f"coalesce({found}, FALSE)"
    return boolean(f"CASE WHEN {items} IS NOT NULL THEN {found} END")


def overlap(call: Call) -> Sql:
    """``ARRAY_OVERLAP(a, b)``: whether the arrays have an element in common; false if only ``b`` is NULL."""
    _check_no_case(call)
    if call.collection(1).type == "string":
        raise call.refuse("with text as an array")
    if call.filters and isinstance(call.nodes[0], exp.Array):
        # OBSERVED(Druid 33): an error of the planner in a WHERE clause.
        raise call.refuse("with a literal as the first array in a WHERE clause")
    items, wanted, kind = _two_arrays(call)
    found = f"coalesce(len({lists.common(items, wanted, kind)}) > 0, FALSE)"
    return boolean(f"CASE WHEN {items} IS NOT NULL THEN {found} END")


def scalar_in_array(call: Call) -> Sql:
    """``SCALAR_IN_ARRAY(value, array)``: NULL for NULL, unless the array has NULL."""
    _check_no_case(call)
    if call.collection(1).type in ("string", MULTI_VALUE):
        raise call.invalid()
    items, kind = lists.list_argument(call, 1)
    value = lists.element_argument(call, 0, kind)
    found = lists.has(items, value, kind)
    return boolean(f"CASE WHEN {items} IS NULL OR ({value} IS NULL AND NOT {found}) THEN NULL ELSE {found} END")


def _check_known_width(call: Call) -> None:
    """Refuse an element of what a function adds to ``ARRAY[1, 2]``. OBSERVED(Druid 33): it has 32 bits."""
    for made in call.nodes[0].find_all(exp.Array):
        if all(isinstance(each, (exp.Literal, exp.Neg, exp.Null)) for each in made.expressions):
            raise call.refuse("of a function of an ARRAY of literal whole numbers")


def _check_no_case(call: Call) -> None:
    """Refuse CASE. OBSERVED(Druid 33): each branch has the condition, and may read a column in two ways."""
    nullifs = [node for node in call.nodes if isinstance(node, exp.Anonymous) and str(node.this).upper() == "NULLIF"]
    if nullifs or any(isinstance(node.unnest(), exp.Case) for node in call.nodes):
        raise call.refuse("with CASE as an argument")


def _two_arrays(call: Call) -> tuple[str, str, str]:
    """
    Translate two arrays with elements of one type.

    OBSERVED(Druid 33): ``ARRAY[s]`` is an array of longs if s is NULL, and texts of the other array are then NULL, too.
    """
    (items, kind), (wanted, other) = lists.list_argument(call, 0), lists.list_argument(call, 1)
    lists.same_elements(call, kind, other)
    made = call.nodes[0].unnest()
    if kind != "long" and isinstance(made, exp.Array) and not made.find(exp.Literal) and not is_constant(call.nodes[1]):
        unknown = f"len({items}) > 0 AND list_count({items}) = 0 AND list_count({wanted}) > 0"
        items = call.without(items, unknown, "of an ARRAY of NULL only")
    return items, wanted, kind


def _check_known_type(call: Call, position: int, kind: str) -> None:
    """Refuse to add to ``ARRAY[s]``. OBSERVED(Druid 33): it is an array of longs if all elements are NULL."""
    for made in call.nodes[position].find_all(exp.Array):
        if kind != "long" and not any(isinstance(element, exp.Literal) for element in made.expressions):
            raise call.refuse("with an ARRAY that has no literal")


def add(wrap: Wrap, *, array: int) -> Rewrite:
    """
    Build the rewrite of ARRAY_PREPEND, ARRAY_APPEND, MV_PREPEND or MV_APPEND: NULL if the array is NULL.

    :param array: Index of the argument that is the array. The element is added on the side on which it is written.
    """

    def rewrite(call: Call) -> Sql:
        items, kind = lists.list_argument(call, array)
        _check_known_type(call, array, kind)
        added = lists.build([lists.element_argument(call, 1 - array, kind)], kind)
        both = (items, added) if array == 0 else (added, items)
        return wrap(kind, f"CASE WHEN {items} IS NOT NULL THEN list_concat({', '.join(both)}) END")

    return rewrite


def concat(wrap: Wrap) -> Rewrite:
    """Build the rewrite of ARRAY_CONCAT or MV_CONCAT: NULL if one of the arrays is NULL."""

    def rewrite(call: Call) -> Sql:
        (left, kind), (right, other) = lists.list_argument(call, 0), lists.list_argument(call, 1)
        lists.same_elements(call, kind, other)
        both = f"{left} IS NOT NULL AND {right} IS NOT NULL"
        return wrap(kind, f"CASE WHEN {both} THEN list_concat({left}, {right}) END")

    return rewrite


def piece(wrap: Wrap) -> Rewrite:
    """Build the rewrite of ARRAY_SLICE or MV_SLICE."""

    def rewrite(call: Call) -> Sql:
        items, kind = lists.list_argument(call, 0)
        end = lists.index(call, 2) if len(call) > 2 else None
        return wrap(kind, lists.piece(items, lists.index(call, 1), end))

    return rewrite


def to_string(call: Call) -> Sql:
    """``ARRAY_TO_STRING(array, separator)``. OBSERVED(Druid 33): NULL is an empty separator."""
    if call.value(1).type in ARRAYS:
        raise call.refuse("with an array as the separator")  # Druid takes it
    items, kind = lists.list_argument(call, 0)
    return string(lists.joined(items, kind, quote_text(call.separator(1) if call.has(1) else "")))


def from_string(call: Call) -> Sql:
    """``STRING_TO_ARRAY(text, separator)``."""
    return Sql(split(call), "stringArray")


def to_multi_value(call: Call) -> Sql:
    """``ARRAY_TO_MV(array)``: the elements as text."""
    if call.collection(0).type in SCALAR - {"null", "string"}:
        raise call.refuse("of a value that is no array")  # Druid takes it
    items, kind = lists.list_argument(call, 0)
    texts = cast(Sql("__list_item", kind), "string").text
    return Sql(items if kind == "string" else f"list_transform({items}, lambda __list_item: {texts})", MULTI_VALUE)


FUNCTIONS: Table = {
    "ARRAY_LENGTH": (length, 1, 1),
    "ARRAY_OFFSET": (element(0), 2, 2),
    "ARRAY_ORDINAL": (element(1), 2, 2),
    "ARRAY_OFFSET_OF": (position(0), 2, 2),
    "ARRAY_ORDINAL_OF": (position(1), 2, 2),
    "ARRAY_CONTAINS": (contains, 2, 2),
    "ARRAY_OVERLAP": (overlap, 2, 2),
    "SCALAR_IN_ARRAY": (scalar_in_array, 2, 2),
    "ARRAY_PREPEND": (add(lists.array_of, array=1), 2, 2),
    "ARRAY_APPEND": (add(lists.array_of, array=0), 2, 2),
    "ARRAY_CONCAT": (concat(lists.array_of), 2, 2),
    "ARRAY_SLICE": (piece(lists.array_of), 2, 3),
    "ARRAY_TO_STRING": (to_string, 2, 2),
    "STRING_TO_ARRAY": (from_string, 2, 2),
    "ARRAY_TO_MV": (to_multi_value, 1, 1),
}

LIST_ARGUMENTS = {
    "ARRAY_LENGTH": (0,),
    "ARRAY_OFFSET": (0,),
    "ARRAY_ORDINAL": (0,),
    "ARRAY_OFFSET_OF": (0,),
    "ARRAY_ORDINAL_OF": (0,),
    "ARRAY_CONTAINS": (0, 1),
    "ARRAY_OVERLAP": (0, 1),
    "SCALAR_IN_ARRAY": (1,),
    "ARRAY_PREPEND": (1,),
    "ARRAY_APPEND": (0,),
    "ARRAY_CONCAT": (0, 1),
    "ARRAY_SLICE": (0,),
    "ARRAY_TO_STRING": (0,),
    "ARRAY_TO_MV": (0,),
}
