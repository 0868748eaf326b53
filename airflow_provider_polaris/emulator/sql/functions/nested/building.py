# SPDX-License-Identifier: Apache-2.0
"""
Make JSON and write it as text: ``PARSE_JSON``, ``TRY_PARSE_JSON``, ``TO_JSON_STRING``, ``JSON_OBJECT``.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-json-functions. OBSERVED(Druid 33): a boolean is 1 or 0 in
JSON, a time its milliseconds; the text ``null`` is NULL.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.values import json_text
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import TEMPORAL, Sql, failure, long, quote_text, string

_FIRST_SIZE = 16
"""Number of buckets of an empty ``java.util.HashMap``; it doubles when three quarters are used."""
_UNIT = 2**32

_PREFIX = (
    r"'(?s)\s*-?[0-9][0-9.eE+-]*\s.*|\s*(true|false|null)[^A-Za-z0-9_$].*|\s*\""
    r'(?:[^"\\]|\\.)*'
    r"\".+|\s*\{.*\}.*\S.*|\s*\[.*\].*\S.*|.*\\u[dD][89aAbBcC].*'"
)
"""
Invalid texts that Druid may read: it ignores what follows a value, and allows half of a surrogate pair. Other invalid
texts are NULL, or an error, in Druid, too.
"""


def parse_json(*, lenient: bool) -> Rewrite:
    """Build the rewrite of PARSE_JSON, or of TRY_PARSE_JSON, which gives NULL for text that is not JSON."""

    def rewrite(call: Call) -> Sql:
        value = call.value(0)
        if value.type == "null":
            raise SqlInvalid("Illegal use of 'NULL'")
        if value.type != "string":
            raise call.invalid()
        text = value.text
        valid = f"json_valid({text}) AND {json_text.is_strict(text)}"
        bad = "NULL" if lenient else failure(f"'Function[parse_json] bad string input [' || {text} || ']'")
        return Sql(
            f"CASE WHEN {text} IS NULL THEN NULL "
            f"WHEN NOT coalesce({valid}, FALSE) THEN CASE WHEN regexp_full_match({text}, {_PREFIX}) "
            f"THEN CAST({_refused(call, 'with text behind the value, or half of a surrogate pair')} AS JSON) "
            f"ELSE CAST({bad} AS JSON) END "
            f"WHEN {json_text.repeats_key(text)} "
            f"THEN CAST({_refused(call, 'with an object that has a key twice')} AS JSON) "
            f"WHEN json_type({text}) <> 'NULL' THEN json_extract({text}, '$') END",
            "json",
        )

    return rewrite


def to_json_string(call: Call) -> Sql:
    """``TO_JSON_STRING(value)``; NULL for NULL."""
    return string(_written(call, 0))


def json_object(call: Call) -> Sql:
    """
    ``JSON_OBJECT('key': value, ...)``, whose keys are in the order of a ``java.util.HashMap``; the last of two counts.

    The parser makes keys and values the arguments in turn.
    """
    if len(call) % 2:
        raise SqlInvalid("Function[json_object] must have an even number of arguments")
    values = {}
    for index in range(0, len(call), 2):
        if call.value(index).type != "string":
            raise SqlInvalid("Function[json_object] field name must be a STRING")
        if call.value(index + 1).type == "null":
            raise call.refuse("with a bare NULL: CAST it")
        values[call.constant_text(index)] = index + 1
    pairs = [
        f"to_json({quote_text(key)}) || ':' || coalesce({_written(call, values[key])}, 'null')"
        for key in _hash_order(list(values))
    ]
    inside = " || ',' || ".join(pairs) or "''"
    return Sql(f"CAST('{{' || {inside} || '}}' AS JSON)", "json")


def _written(call: Call, index: int) -> str:
    value = call.value(index)
    if value.type == "boolean":
        value = long(f"CAST({value.text} AS BIGINT)")
    elif value.type in TEMPORAL:
        value = cast(value, "long")
    if value.type == "null":
        return "CAST(NULL AS VARCHAR)"
    if value.type == "json":
        return f"CASE WHEN {value.text} IS NOT NULL THEN {json_text.canonical(value.text)} END"
    if value.type == "float" and not isinstance(call.nodes[index].unnest(), exp.Column):
        # OBSERVED(Druid 33): a constant is not rounded to a FLOAT.
        raise call.refuse("with a FLOAT that is not a column")
    if value.type in ("double", "float"):
        return json_text.java_double(f"CAST({value.text} AS DOUBLE)")
    if value.type == "long" and value.written is not None:
        # OBSERVED(Druid 33): the text 1e3 is 1000 elsewhere and 0 here.
        raise call.refuse("with JSON_VALUE of a column with RETURNING BIGINT")
    if value.type in ("string", "long"):
        return f"CASE WHEN {value.text} IS NOT NULL THEN CAST(to_json({value.text}) AS VARCHAR) END"
    raise call.refuse(f"with a value of type {value.type}")


def _refused(call: Call, why: str) -> str:
    message = f"function '{call.name}' is not supported {why}"
    return f"error({quote_text(message)})"


def _hash_order(keys: list[str]) -> list[str]:
    size = _FIRST_SIZE
    while len(keys) > size * 3 // 4:
        size *= 2
    return sorted(keys, key=lambda key: _spread(key) % size)


def _spread(key: str) -> int:
    """Return ``String.hashCode`` with the upper half of its bits mixed into the lower."""
    units = key.encode("utf-16-be", "surrogatepass")
    code = 0
    for index in range(0, len(units), 2):
        code = (31 * code + int.from_bytes(units[index : index + 2], "big")) % _UNIT
    return code ^ (code >> 16)


FUNCTIONS: Table = {
    "PARSE_JSON": (parse_json(lenient=False), 1, 1),
    "TRY_PARSE_JSON": (parse_json(lenient=True), 1, 1),
    "TO_JSON_STRING": (to_json_string, 1, 1),
    "JSON_OBJECT": (json_object, 0, 1000),
}
