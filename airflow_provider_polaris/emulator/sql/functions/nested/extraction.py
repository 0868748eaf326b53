# SPDX-License-Identifier: Apache-2.0
"""
Read parts of JSON: ``JSON_QUERY`` and ``JSON_KEYS``.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-json-functions. OBSERVED(Druid 33): a text is a value
without parts, it is not parsed.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.functions.nested.paths import Path, duckdb_path, parse
from airflow_provider_polaris.emulator.sql.values.values import Sql, quote_text


def json_query(call: Call) -> Sql:
    """``JSON_QUERY(value, path)``: the part at the path as JSON; NULL if it is missing or null."""
    path = parse(call, 1)
    value = call.value(0)
    if value.type == "null" or (value.type == "string" and path):
        return Sql("CAST(NULL AS JSON)", "json")
    if value.type == "string":
        return Sql(f"CASE WHEN {value.text} IS NOT NULL THEN to_json({value.text}) END", "json")
    return Sql(_present(call, path), "json")


def json_keys(call: Call) -> Sql:
    """``JSON_KEYS(value, path)``: the keys of an object, the indexes of an array as texts; otherwise NULL."""
    call.characters(1)
    path = parse(call, 1)
    if call.value(0).type in ("null", "string"):
        return Sql("CAST(NULL AS VARCHAR[])", "stringArray")
    if call.nodes[0].find(exp.Column) is None:
        # OBSERVED(Druid 33): its planner fails for an array without elements.
        raise call.refuse("with constants only")
    indexes = (
        "list_transform(range(CAST(json_array_length(__found) AS BIGINT)), lambda __number: CAST(__number AS VARCHAR))"
    )
    keys = f"CASE json_type(__found) WHEN 'OBJECT' THEN json_keys(__found) WHEN 'ARRAY' THEN {indexes} END"
    return Sql(f"list_transform([{_present(call, path)}], lambda __found: {keys})[1]", "stringArray")


def found(call: Call, path: Path) -> str:
    """
    Build the part at the path.

    :raises SqlNotSupported: The first argument is not JSON.
    """
    if call.value(0).type != "json":
        raise call.refuse("with a value that is not JSON")
    return f"json_extract({call.value(0).text}, {quote_text(duckdb_path(path))})"


def _present(call: Call, path: Path) -> str:
    part = found(call, path)
    return f"CASE WHEN json_type({part}) <> 'NULL' THEN {part} END"


FUNCTIONS: Table = {
    "JSON_QUERY": (json_query, 2, 2),
    "JSON_KEYS": (json_keys, 2, 2),
}
