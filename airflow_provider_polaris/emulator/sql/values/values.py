# SPDX-License-Identifier: Apache-2.0
"""DuckDB SQL with its type, and Druid's implicit conversions between types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_polaris.emulator.sql.values.types import sql_name

NUMERIC = frozenset({"long", "double", "float"})
TEMPORAL = frozenset({"timestamp", "date"})
ARRAYS = frozenset({"stringArray", "longArray", "doubleArray", "floatArray"})
MULTI_VALUE = "multiValueString"
"""Type of a string with several values, a list in DuckDB. Polaris and its users call this type ``string``, too."""
SCALAR = NUMERIC | TEMPORAL | {"string", "boolean", "null"}

DUCKDB_TYPES = {
    "timestamp": "TIMESTAMP",
    "date": "TIMESTAMP",
    "string": "VARCHAR",
    "long": "BIGINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "stringArray": "VARCHAR[]",
    "longArray": "BIGINT[]",
    "doubleArray": "DOUBLE[]",
    "floatArray": "FLOAT[]",
    MULTI_VALUE: "VARCHAR[]",
    "HLLSketch": "VARCHAR[]",
    "thetaSketch": "VARCHAR[]",
    "variance": "STRUCT(n BIGINT, mean DOUBLE, m2 DOUBLE)",
    "longStringPair": "STRUCT(t TIMESTAMP, v VARCHAR)",
}
"""DuckDB type of a value of each type. A ``date`` is a timestamp at midnight, as in Druid."""


@dataclass(frozen=True)
class Sql:
    """
    DuckDB SQL and the type of its value.

    :param text: SQL that is valid as an operand (with parentheses if needed).
    :param type: Polaris data type, or ``boolean``, ``date``, ``null``, ``interval``.
    :param constant: For literals, the value: str, int, float, bool; for timestamps microseconds since 1970.
    """

    text: str
    type: str
    constant: str | int | float | bool | None = None


def string(text: str) -> Sql:
    """Return SQL with the type string."""
    return Sql(text, "string")


def long(text: str) -> Sql:
    """Return SQL with the type long."""
    return Sql(text, "long")


def double(text: str) -> Sql:
    """Return SQL with the type double."""
    return Sql(text, "double")


def boolean(text: str) -> Sql:
    """Return SQL with the type boolean."""
    return Sql(text, "boolean")


def timestamp(text: str) -> Sql:
    """Return SQL with the type timestamp."""
    return Sql(text, "timestamp")


def quote_text(value: str) -> str:
    """
    Quote a text as a DuckDB string literal.

    >>> quote_text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """
    Quote a name as a DuckDB identifier.

    >>> print(quote_name('my "own" table'))
    "my ""own"" table"
    """
    return '"' + name.replace('"', '""') + '"'


def describe_types(name: str, values: Sequence[Sql]) -> str:
    """Format a call with the types of its arguments, as in Druid's messages: ``UPPER(<BIGINT>)``."""
    return f"{name}({', '.join(f'<{sql_name(value.type)}>' for value in values)})"


def common_type(types: Sequence[str]) -> str | None:
    """
    Return the type to which all of these types convert implicitly.

    :return: None if there is no such type.

    >>> common_type(["long", "null", "double"]), common_type(["string", "long"])
    ('double', None)
    """
    seen = {kind for kind in types if kind != "null"}
    if not seen:
        return "null"
    if len(seen) == 1:
        return seen.pop()
    if seen <= NUMERIC:
        return "double"
    if seen <= TEMPORAL | {"string"} and seen & TEMPORAL:
        return "timestamp"
    return None
