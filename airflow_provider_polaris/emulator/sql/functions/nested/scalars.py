# SPDX-License-Identifier: Apache-2.0
"""
``JSON_VALUE``: a text, a number or a boolean in JSON, converted to a type.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-json-functions. OBSERVED(Druid 33): the path of an object,
or of an array that contains one, has no value. Where the result depends on how the segments store the column, the query
fails: for other arrays, and for some texts as numbers.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.functions.nested.extraction import found
from airflow_provider_polaris.emulator.sql.functions.nested.paths import Path, parse
from airflow_provider_polaris.emulator.sql.values.json_text import java_double
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, NUMERIC, Sql, quote_text

_DECIMAL = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
_UNSURE = quote_text(
    rf"(?i)\s*(true|false|[+-]?nan|[+-]?infinity|[+-]?0x[0-9a-f.]+p[+-]?[0-9]+[fd]?|{_DECIMAL}[fd])\s*"
    r"|[+-]?\p{Nd}+"
)
"""Texts that Druid reads as a number in one kind of column, but not in another."""
_NUMBER = "CAST(__text AS DOUBLE)"
_RETURNING = {
    "VARCHAR": "string",
    "CHAR": "string",
    "BIGINT": "long",
    "DOUBLE": "double",
    "DOUBLE PRECISION": "double",
    "DECIMAL": "double",
    "BOOLEAN": "boolean",
}
"""INTEGER and FLOAT are refused. OBSERVED(Druid 33): what they give depends on how the segments store the column."""


def json_value(call: Call) -> Sql:
    """``JSON_VALUE(value, path [RETURNING type])``, a text by default."""
    written = call.constant_text(2) if len(call) > 2 else "VARCHAR"
    if written not in _RETURNING:
        raise call.refuse(f"with RETURNING {written}")
    value = returning(call, _RETURNING[written])
    return replace(value, subtype="DECIMAL") if written == "DECIMAL" else value


def reads_as(node: exp.Expression, target: str) -> bool:
    """
    Return whether the operand of a CAST is read as RETURNING.

    OBSERVED(Druid 33): JSON_VALUE is, without a type of its own.
    """
    is_json_value = isinstance(node, exp.Anonymous) and str(node.this).upper() == "JSON_VALUE"
    return is_json_value and len(node.expressions) == 2 and target in ("long", "double")


def returning(call: Call, target: str) -> Sql:
    """
    Build JSON_VALUE with a type.

    :param call: Its arguments; a third one is not read.
    :param target: ``string``, ``long``, ``double`` or ``boolean``. OBSERVED(Druid 33): where a number of a column
        becomes text, as in UPPER or a CAST, it is the text in the JSON, which may be no number.
    """
    path = parse(call, 1)
    value = call.value(0)
    if target == "boolean" and _is_inside_expression(call):
        raise call.refuse("with RETURNING BOOLEAN for a column, unless it is a condition of WHERE or a result")
    if value.type == "string" and not path:
        if target != "string":
            raise call.refuse("with RETURNING for a text that is not JSON")
        return replace(value, constant=None)  # OBSERVED(Druid 33): a CAST of it is not checked as one of a literal is
    if value.type in ("string", "null"):
        return Sql(f"CAST(NULL AS {DUCKDB_TYPES[target]})", target)
    branches = " ".join(f"WHEN '{kind}' THEN {sql}" for kind, sql in _CONVERSIONS[target](call, path).items())
    scalar = (
        f"list_transform([json_extract_string(__part, '$')], lambda __text: CASE json_type(__part) {branches} END)[1]"
    )
    array = f"CASE WHEN {_is_flat('__part')} THEN {_refused(call, 'with the path of an array', target)} END"
    sql = f"CASE json_type(__part) WHEN 'ARRAY' THEN {array} ELSE {scalar} END"
    if _is_element_of_column(call, path):
        refused = _refused(call, "with an index of an array without objects in a column: use JSON_QUERY", target)
        is_flat = _is_flat(found(call, path[:-1]))
        sql = f"CASE WHEN json_type(__part) <> 'NULL' AND {is_flat} THEN {refused} ELSE {sql} END"
    text = f"CAST(list_transform([{found(call, path)}], lambda __part: {sql})[1] AS {DUCKDB_TYPES[target]})"
    is_number_of_column = target in NUMERIC and isinstance(call.nodes[0].unnest(), exp.Column)
    return Sql(text, target, written=returning(call, "string").text if is_number_of_column else None)


def _is_inside_expression(call: Call) -> bool:
    """
    Return whether JSON_VALUE of a column is part of an expression or of GROUP BY.

    OBSERVED(Druid 33): there, a number or a boolean is false or NULL in some expressions, and in GROUP BY.
    """
    parent = call.nodes[0].parent.parent if call.nodes[0].parent else None
    if not isinstance(call.nodes[0].unnest(), exp.Column):
        return False
    if isinstance(parent, (exp.Alias, exp.Select)):
        return _groups(parent)
    while isinstance(parent, (exp.And, exp.Or, exp.Paren)):
        parent = parent.parent
    return not (parent is None or isinstance(parent, (exp.Where, exp.Filter)))


def _groups(item: exp.Expression) -> bool:
    select = item if isinstance(item, exp.Select) else item.find_ancestor(exp.Select)
    return select is not None and select.args.get("group") is not None


def _is_element_of_column(call: Call, path: Path) -> bool:
    """
    Return whether the value is an element of an array in a column.

    OBSERVED(Druid 33): ``$.tags[0]`` is NULL for a flat array if another row of the segment has a nested one there.
    """
    is_element = bool(path) and isinstance(path[-1], int) and path[-1] >= 0
    return is_element and isinstance(call.nodes[0].unnest(), exp.Column)


def _is_flat(json: str) -> str:
    return f"(json_type({json}) = 'ARRAY' AND NOT list_has_any(json_type({json}, '$[*]'), ['OBJECT', 'ARRAY']))"


def _string(call: Call, _path: Path) -> dict[str, str]:
    """Return the conversion of the DuckDB variable ``__text`` by the type of the JSON value."""
    return {
        "VARCHAR": "__text",
        "BOOLEAN": "CASE __text WHEN 'true' THEN '1' ELSE '0' END",
        "BIGINT": "__text",
        "UBIGINT": f"CAST({_whole(call)} AS VARCHAR)",
        "DOUBLE": java_double(_NUMBER),
    }


def _long(call: Call, path: Path) -> dict[str, str]:
    rounded = (
        f"CASE WHEN {_NUMBER} >= 9223372036854775807.0 THEN {2**63 - 1} "
        f"WHEN {_NUMBER} <= -9223372036854775808.0 THEN {-(2**63)} ELSE CAST(trunc({_NUMBER}) AS BIGINT) END"
    )
    number = rounded
    if path and isinstance(path[-1], int):
        # An array of texts and numbers is stored as texts, which aren't read as a fraction.
        refused = _refused(call, "with RETURNING BIGINT for a fraction in an array", "long")
        number = f"CASE WHEN {_NUMBER} <> trunc({_NUMBER}) THEN {refused} ELSE {rounded} END"
    digits = f"regexp_full_match(__text, {quote_text('[+-]?[0-9]+')})"
    # OBSERVED(Druid 33): the text '1e3' is 1000 in a result, and 0 in an expression.
    return {
        "VARCHAR": (
            f"CASE WHEN {digits} THEN {_whole(call)} "
            f"WHEN regexp_full_match(__text, {quote_text(_DECIMAL)}) OR regexp_full_match(__text, {_UNSURE}) "
            f"THEN {_refused(call, 'with RETURNING BIGINT for such a text', 'long')} END"
        ),
        "BOOLEAN": "CASE __text WHEN 'true' THEN 1 ELSE 0 END",
        "BIGINT": "CAST(__text AS BIGINT)",
        "UBIGINT": _whole(call),
        "DOUBLE": number,
    }


def _double(call: Call, _path: Path) -> dict[str, str]:
    return {
        "VARCHAR": (
            f"CASE WHEN regexp_full_match(__text, {quote_text(_DECIMAL)}) AND NOT regexp_full_match(__text, '-0+') "
            f"THEN {_NUMBER} WHEN regexp_full_match(__text, {_UNSURE}) "
            f"THEN {_refused(call, 'with RETURNING DOUBLE for such a text', 'double')} END"
        ),
        "BOOLEAN": "CAST(CASE __text WHEN 'true' THEN 1 ELSE 0 END AS DOUBLE)",
        "BIGINT": _NUMBER,
        "UBIGINT": f"CAST({_whole(call)} AS DOUBLE)",
        "DOUBLE": _NUMBER,
    }


def _boolean(call: Call, _path: Path) -> dict[str, str]:
    """OBSERVED(Druid 33): a number is true if it is positive; below 1, some are and some aren't."""
    refused = _refused(call, "with RETURNING BOOLEAN for a number between 0 and 1", "boolean")
    return {
        "VARCHAR": _refused(call, "with RETURNING BOOLEAN for a text", "boolean"),
        "BOOLEAN": "__text = 'true'",
        "BIGINT": f"{_NUMBER} > 0",
        "UBIGINT": f"{_whole(call)} > 0",
        "DOUBLE": f"CASE WHEN {_NUMBER} > 0 AND {_NUMBER} < 1 THEN {refused} ELSE {_NUMBER} > 0 END",
    }


def _whole(call: Call) -> str:
    """Build a number of 64 bits from ``__text``."""
    return f"coalesce(TRY_CAST(__text AS BIGINT), {_refused(call, 'with a whole number of more than 64 bits', 'long')})"


def _refused(call: Call, why: str, target: str) -> str:
    message = f"function '{call.name}' is not supported {why}"
    return f"CAST(error({quote_text(message)}) AS {DUCKDB_TYPES[target]})"


_CONVERSIONS = {"string": _string, "long": _long, "double": _double, "boolean": _boolean}

FUNCTIONS: Table = {
    # The parser makes the type behind RETURNING a third argument.
    "JSON_VALUE": (json_value, 2, 3),
}
