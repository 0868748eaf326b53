# SPDX-License-Identifier: Apache-2.0
"""Data classes and exceptions of the translation's interface, independent of sqlglot and DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SPELLINGS = {
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
    "string": "string",
    "varchar": "string",
    "long": "long",
    "bigint": "long",
    "double": "double",
    "float": "float",
    "json": "json",
    "complex<json>": "json",
    "hllsketch": "HLLSketch",
    "thetasketch": "thetaSketch",
    "quantilesdoublessketch": "quantilesDoublesSketch",
    "variance": "variance",
    "longstringpair": "longStringPair",
    "stringarray": "stringArray",
    "longarray": "longArray",
    "doublearray": "doubleArray",
    "floatarray": "floatArray",
}

_SQL_NAMES = {
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
    "long": "BIGINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "null": "NULL",
    "interval": "INTERVAL",
    "json": "COMPLEX<json>",
    "complex": "OTHER",
    "stringArray": "VARCHAR ARRAY",
    "longArray": "BIGINT ARRAY",
    "doubleArray": "DOUBLE ARRAY",
    "floatArray": "FLOAT ARRAY",
    "multiValueString": "multi-value VARCHAR",
}


class SqlNotSupported(Exception):  # noqa: N818  # names an event
    """
    Raised if the emulator doesn't support the SQL, which may be valid; the emulator never guesses a result.

    :param message: One sentence that names what is not supported.
    :param function: The unsupported function in upper case, or None.
    """

    def __init__(self, message: str, function: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.function = function


class SqlInvalid(Exception):  # noqa: N818
    """
    Raised for invalid SQL: it can't be parsed, uses an unknown column, or has an aggregate in a wrong place.

    :param message: One sentence, with Druid's text if it is known.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Column:
    """
    A column of a table or of a query's result.

    :param name: Name, case sensitive.
    :param data_type: Polaris data type in the vendor's spelling (``TableColumnDataType`` of polaris-sdk
        20250425.14.0: ``timestamp``, ``string``, ``long``, ``double``, ``HLLSketch``, ...); query results also have
        ``boolean``.
    """

    name: str
    data_type: str


@dataclass(frozen=True)
class Expression:
    """
    A translated expression.

    :param sql: DuckDB SQL; columns stand in double quotes without a qualifier.
    :param data_type: Polaris data type of the value.
    :param is_aggregate: True if it is, or contains, an aggregate.
    :param uses: Names of the columns that it reads.
    :param constants: Names of the multi-value columns that a filter compares with one value.
    """

    sql: str
    data_type: str
    is_aggregate: bool
    uses: frozenset[str]
    constants: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TableRelation:
    """
    The DuckDB relation of a table's rows.

    :param relation_sql: SQL for DuckDB's ``FROM``: a quoted name or a SELECT in parentheses.
    :param columns: Its columns; the relation has a column with the name of each.
    """

    relation_sql: str
    columns: Sequence[Column]


@dataclass(frozen=True)
class Query:
    """
    A translated query.

    :param sql: One DuckDB SELECT.
    :param columns: Its output columns, in order. Two may have one name. OBSERVED(Druid 27, Druid 33).
    """

    sql: str
    columns: tuple[Column, ...]


def canonical(data_type: str) -> str:
    """
    Return the canonical name of a data type; an unknown type is returned unchanged.

    >>> canonical("VARCHAR"), canonical("string_array")
    ('string', 'stringArray')
    """
    return _SPELLINGS.get(data_type.lower().replace("_", ""), data_type)


def sql_name(data_type: str) -> str:
    """
    Return the name of a data type in Druid's messages.

    >>> sql_name("long"), sql_name("HLLSketch")
    ('BIGINT', 'COMPLEX<HLLSketch>')
    """
    return _SQL_NAMES.get(data_type, f"COMPLEX<{data_type}>")
