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
    "json": "JSON",
    "stringArray": "VARCHAR[]",
    "longArray": "BIGINT[]",
    "doubleArray": "DOUBLE[]",
    "floatArray": "FLOAT[]",
    MULTI_VALUE: "VARCHAR[]",
    "HLLSketch": "VARCHAR[]",
    "thetaSketch": "VARCHAR[]",
    "quantilesDoublesSketch": "DOUBLE[]",
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
    :param subtype: ``INTEGER`` for a long that a query's result narrows to 32 bits, ``DECIMAL`` for a double that is a
        decimal number to Druid's planner, ``REAL`` for a long that Druid computes as a double, ``MIXED`` for a double
        that Druid computes as a long in some rows, ``ESTIMATE`` for a double that is not converted to text, ``SKETCH``
        for one that is not converted at all, ``NULL`` for a text that is a literal NULL to some functions; None for all
        others.
    :param cast_from: For a CAST, the type of the value that it converts: Druid uses this value instead in some places,
        also if the CAST is in a subquery. OBSERVED(Druid 33).
    :param written: SQL of the text that a CAST to VARCHAR gives, if it is another one than that of the value.
    """

    text: str
    type: str
    constant: str | int | float | bool | None = None
    subtype: str | None = None
    cast_from: str | None = None
    written: str | None = None


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


_NARROWED = ("INTEGER", "DECIMAL")
_FAILS = "/* fails in Druid */"


def failure(message: str) -> str:
    """
    Build SQL that fails in rows for which Druid fails, too.

    :param message: SQL of the message.
    """
    return f"error({message} {_FAILS})"


def can_fail(text: str) -> bool:
    """Whether SQL has a :func:`failure`; other errors are values that the emulator lacks."""
    return _FAILS in text


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


def common_number(values: Sequence[Sql]) -> tuple[str, str | None]:
    """
    Return type and subtype of the result of arithmetic with these values.

    OBSERVED(Druid 33): of a float and a double, the first one counts; a float and a decimal give a double; a text takes
    the type of the numbers beside it.
    """
    kind, subtype = "null", None
    for value in values:
        if value.type not in NUMERIC:
            continue
        if kind in ("null", "long") and (kind, value.type) != ("long", "long"):
            kind, subtype = value.type, value.subtype
        elif value.type == "long":
            subtype = subtype if kind != "long" else common_subtype(subtype, value.subtype)
        elif "DECIMAL" in (subtype, value.subtype) and subtype != value.subtype:
            kind, subtype = "double", None
    if kind == "null":
        return ("double", "DECIMAL") if any(value.type == "string" for value in values) else ("long", "INTEGER")
    return kind, subtype


def common_subtype(left: str | None, right: str | None) -> str | None:
    """Return the subtype of a column that has values of both; one that limits the use of a value counts."""
    return left if left == right else next((one for one in (left, right) if one not in (None, *_NARROWED)), None)


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
