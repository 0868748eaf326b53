# SPDX-License-Identifier: Apache-2.0
"""DuckDB lists as Druid's arrays: arguments, membership and text. NULL elements are equal to each other."""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.functions.casts import cast, implied
from airflow_provider_polaris.emulator.sql.values.java_numbers import is_negative_zero
from airflow_provider_polaris.emulator.sql.values.types import sql_name
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, MULTI_VALUE, Sql, can_fail, quote_text

ELEMENTS = {"stringArray": "string", "longArray": "long", "doubleArray": "double"}
"""Type of the elements of each array type. An array of FLOAT can be stored and read, and has no functions."""

ARRAYS = {element: array for array, element in ELEMENTS.items()}
"""Type of the array of each element type."""

_MAKERS = frozenset(
    {"", "ARRAY_TO_MV", "STRING_TO_MV", "MV_APPEND", "MV_PREPEND", "MV_CONCAT", "MV_SLICE", "MV_FILTER_ONLY"}
    | {"MV_FILTER_NONE"}
)
"""Functions whose result is a multi-value string; '' for a column."""

MOST_ELEMENTS = 100_000
"""Maximum number of elements that ``ARRAY_SLICE`` creates."""


def list_argument(call: Call, index: int) -> tuple[str, str]:
    """
    Translate an argument to a list.

    OBSERVED(Druid 33): a string is a list with one element; the string NULL is no list.

    :return: The SQL of the list and the type of its elements.
    """
    value = call.collection(index)
    _check_computed(call, value)
    if value.type in ELEMENTS:
        return value.text, ELEMENTS[value.type]
    if value.type == MULTI_VALUE:
        if not isinstance(call.nodes[index], (exp.Column, exp.Anonymous)) or _name(call.nodes[index]) not in _MAKERS:
            # OBSERVED(Druid 33): after a function of each value, NULL is a list of one NULL, or the list is one text.
            raise call.refuse("with a function of each value of a multi-value string")
        return value.text, "string"
    if value.type == "string":
        return f"CASE WHEN {value.text} IS NOT NULL THEN [{value.text}] END", "string"
    if value.type in ("null", "floatArray"):
        raise call.refuse(f"with {sql_name(value.type)} as an array")
    raise call.invalid()


def element_argument(call: Call, index: int, element: str) -> str:
    """
    Translate an argument to an element of a list.

    Druid compares a number with a text, or a double with a long, in a different way in each function; the emulator
    refuses them, except for a long that becomes a double.
    """
    value = call.value(index)
    _check_computed(call, value)
    converted = implied(value, element)
    if converted is None or value.type not in (element, "null", "long"):
        raise call.refuse(f"with {sql_name(value.type)} and an array of {sql_name(element)}: CAST one of them")
    return converted.text


def same_elements(call: Call, left: str, right: str) -> None:
    """Refuse two lists with elements of different types."""
    if left != right:
        raise call.refuse(f"with an array of {sql_name(left)} and an array of {sql_name(right)}: CAST one of them")


def array_of(element: str, text: str) -> Sql:
    """Return the SQL of an array."""
    return Sql(text, ARRAYS[element])


def or_null(values: str) -> str:
    """Build the values of a multi-value string; NULL has the value NULL."""
    return f"CASE WHEN len({values}) > 0 THEN {values} ELSE [NULL] END"


def build(elements: list[str], element: str) -> str:
    """Build a list of elements."""
    return f"CAST([{', '.join(elements)}] AS {DUCKDB_TYPES[element]}[])"


def has(items: str, wanted: str, element: str = "string") -> str:
    """Build the condition for an element to be in a list; NULL is found in a list with NULL."""
    return f"(len(list_filter({items}, lambda __list_item: {_is_same('__list_item', wanted, element)})) > 0)"


def common(items: str, wanted: str, element: str) -> str:
    """Build the list of the elements of ``wanted`` that are in the list."""
    return f"list_filter({wanted}, lambda __wanted_item: {has(items, '__wanted_item', element)})"


def offset_of(items: str, wanted: str, element: str) -> str:
    """Build the offset of the first equal element; NULL if there is none."""
    found = f"list_transform({items}, lambda __list_item: {_is_same('__list_item', wanted, element)})"
    return f"(nullif(list_position({found}, TRUE), 0) - 1)"


def _is_same(left: str, right: str, element: str) -> str:
    """Build the condition for two elements to be equal. OBSERVED(Druid 33): -0.0 isn't 0.0."""
    plain = f"{left} IS NOT DISTINCT FROM {right}"
    return f"({plain} AND ({is_negative_zero(left)} = {is_negative_zero(right)}))" if element == "double" else plain


def signed(items: str) -> str:
    """Build a list of pairs from a list of doubles; two such lists are equal if Druid's arrays are."""
    pair = f"{{'number': __signed, 'sign': {is_negative_zero('__signed')}}}"
    return f"list_transform({items}, lambda __signed: {pair})"


def index(call: Call, position: int) -> str:
    """
    Translate an argument to an offset.

    OBSERVED(Druid 33): NULL is 0. Beyond 32 bits Java drops the upper half of the number; the emulator refuses it.
    """
    if call.value(position).type != "long":
        raise call.refuse(f"unless argument {position + 1} is a whole number")
    _check_computed(call, call.value(position))
    number = call.long(position)
    message = quote_text(f"function '{call.name}' is not supported with a position of more than 32 bits")
    in_range = f"{number} IS NULL OR {number} BETWEEN -2147483648 AND 2147483647"
    return f"CASE WHEN {in_range} THEN coalesce({number}, 0) ELSE error({message}) END"


def piece(items: str, start: str, end: str | None) -> str:
    """
    Build the elements from an offset to an offset before the end.

    OBSERVED(Druid 33): an end beyond the list appends NULLs; a start below 0 or beyond the list, or an end before the
    start, gives NULL.
    """
    valid = f"{start} BETWEEN 0 AND len({items})"
    if end is None:
        return f"CASE WHEN {valid} THEN list_slice({items}, {start} + 1, len({items})) END"
    message = quote_text(f"an array of more than {MOST_ELEMENTS} elements is not supported")
    size = f"CASE WHEN {end} - {start} > {MOST_ELEMENTS} THEN error({message}) ELSE {end} - {start} END"
    cut = f"list_slice({items}, {start} + 1, least({end}, len({items})))"
    return f"CASE WHEN {valid} AND {end} >= {start} THEN list_resize({cut}, {size}) END"


def joined(items: str, element: str, separator: str) -> str:
    """
    Build the text of all elements.

    OBSERVED(Druid 33): an element NULL is the word ``null``, but a list of one NULL gives NULL. An empty list gives ''.
    """
    text = cast(Sql("__list_item", element), "string").text
    texts = f"list_transform({items}, lambda __list_item: coalesce({text}, 'null'))"
    only_null = f"(len({items}) = 1 AND {items}[1] IS NULL)"
    return (
        f"CASE WHEN {items} IS NULL OR {only_null} THEN NULL WHEN len({items}) = 0 THEN ''"
        f" ELSE array_to_string({texts}, {separator}) END"
    )


def _check_computed(call: Call, value: Sql) -> None:
    """Refuse a value that can fail: DuckDB computes it for rows with a list only, Druid for all rows."""
    if can_fail(value.text):
        raise call.refuse("with a value that can fail, such as a division of whole numbers")


def _name(node: exp.Expression) -> str:
    return str(node.this).upper() if isinstance(node, exp.Anonymous) else ""
