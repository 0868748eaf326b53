"""A piece of DuckDB SQL with its type, and the conversions between types that Druid makes on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_polaris.emulator.sql.values.types import sql_name

NUMERIC = frozenset({"long", "double", "float"})
TEMPORAL = frozenset({"timestamp", "date"})
SCALAR = NUMERIC | TEMPORAL | {"string", "boolean", "null"}

DUCKDB_TYPES = {
    "timestamp": "TIMESTAMP",
    "date": "TIMESTAMP",
    "string": "VARCHAR",
    "long": "BIGINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
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

    :param text: SQL that can stand anywhere an operand can (in parentheses where needed).
    :param type: Polaris data type, or ``boolean``, ``date``, ``null``, ``interval``.
    :param constant: For literals the value: str, int, float, bool; for timestamps microseconds since 1970.
    """

    text: str
    type: str
    constant: str | int | float | bool | None = None


def string(text: str) -> Sql:
    """Type a piece of SQL as a string."""
    return Sql(text, "string")


def long(text: str) -> Sql:
    """Type a piece of SQL as a long."""
    return Sql(text, "long")


def double(text: str) -> Sql:
    """Type a piece of SQL as a double."""
    return Sql(text, "double")


def boolean(text: str) -> Sql:
    """Type a piece of SQL as a boolean."""
    return Sql(text, "boolean")


def timestamp(text: str) -> Sql:
    """Type a piece of SQL as a timestamp."""
    return Sql(text, "timestamp")


def quote_text(value: str) -> str:
    """
    Write a DuckDB string literal.

    >>> quote_text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """
    Write a DuckDB identifier.

    >>> print(quote_name('my "own" table'))
    "my ""own"" table"
    """
    return '"' + name.replace('"', '""') + '"'


def describe_types(name: str, values: Sequence[Sql]) -> str:
    """Write a call with the types of its arguments, as Druid's messages do: ``UPPER(<BIGINT>)``."""
    return f"{name}({', '.join(f'<{sql_name(value.type)}>' for value in values)})"


def common_type(types: Sequence[str]) -> str | None:
    """
    Find the type that all of these convert to without being asked.

    :return: None where there is none.

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
