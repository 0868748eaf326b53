# SPDX-License-Identifier: Apache-2.0
"""The arguments of a function call, checked and converted to the types that its rewrite requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.casts import cast, implied
from airflow_provider_polaris.emulator.sql.time.instants import Period, parse_period
from airflow_provider_polaris.emulator.sql.time.zones import Zone, parse_zone
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported, sql_name
from airflow_provider_polaris.emulator.sql.values.values import (
    ARRAYS,
    MULTI_VALUE,
    NUMERIC,
    SCALAR,
    TEMPORAL,
    Sql,
    common_type,
    describe_types,
)


class Call:
    """
    One function call.

    :param name: Name of the function, in upper case.
    :param nodes: Its parsed arguments; each is translated on request.
    :param translate: Function that translates a node.
    :param filters: Whether the call is in a WHERE clause, where Druid's filters replace some functions.
    """

    def __init__(
        self,
        name: str,
        nodes: Sequence[exp.Expression],
        translate: Callable[[exp.Expression], Sql],
        *,
        filters: bool = False,
    ) -> None:
        self.name = name
        self.filters = filters
        self.nodes = nodes
        self._translate = translate
        self._values: dict[int, Sql] = {}

    def __len__(self) -> int:
        return len(self.nodes)

    def value(self, index: int) -> Sql:
        """
        Translate an argument, of any type except a multi-value string.

        :raises SqlNotSupported: It is a multi-value string.
        """
        value = self.collection(index)
        if value.type == MULTI_VALUE:
            raise self.refuse("with a multi-value string here")
        return value

    def collection(self, index: int) -> Sql:
        """Translate an argument that may be a multi-value string."""
        if index not in self._values:
            self._values[index] = self._translate(self.nodes[index])
        return self._values[index]

    def values(self) -> list[Sql]:
        """Translate all arguments."""
        return [self.value(index) for index in range(len(self.nodes))]

    def has(self, index: int) -> bool:
        """Whether an optional argument is present and is not the literal NULL."""
        return index < len(self.nodes) and not isinstance(self.nodes[index], exp.Null)

    def text(self, index: int) -> str:
        """
        Translate an argument to a string; numbers are converted to text implicitly, as in Druid.

        GUESS: like CAST.
        """
        value = self.value(index)
        return cast(value, "string").text if value.type in NUMERIC else self._as(value, "string")

    def number(self, index: int) -> Sql:
        """Translate an argument to a long, a double or a float; NULL becomes a long."""
        value = self.value(index)
        if value.type == "null":
            return Sql("CAST(NULL AS BIGINT)", "long")
        if value.type == "string":
            raise self.refuse("with text where a number is expected: CAST it")
        if value.type not in NUMERIC:
            raise self.invalid()
        return value

    def long(self, index: int) -> str:
        """Translate an argument to a whole number."""
        return self._as(self.value(index), "long")

    def double(self, index: int) -> str:
        """Translate an argument to a double."""
        return self._as(self.value(index), "double")

    def boolean(self, index: int) -> str:
        """Translate an argument to a boolean."""
        return self._as(self.value(index), "boolean")

    def time(self, index: int) -> str:
        """Translate an argument to a timestamp; a string is parsed implicitly, as in Druid."""
        value = self.value(index)
        if value.type in TEMPORAL:
            return value.text
        return self._as(value, "timestamp")

    def scalar(self, index: int) -> Sql:
        """Translate an argument that is not an array, a sketch or an object."""
        value = self.value(index)
        if value.type in ARRAYS:
            raise self.refuse(f"for {sql_name(value.type)}")
        if value.type not in SCALAR:
            raise self.invalid()
        return value

    def same_type(self, *indexes: int) -> tuple[list[str], str]:
        """Translate arguments to their common type; if all are NULL, to a string."""
        values = [self.value(index) for index in indexes]
        types = {value.type for value in values}
        kind = common_type([value.type for value in values])
        if kind is None and "string" in types and types & NUMERIC:
            raise self.refuse("with text and a number: CAST one of them")
        if kind is None and types & ARRAYS and types <= ARRAYS | {"null"}:
            raise self.refuse("with arrays of different types")
        if kind is None:
            raise self.invalid()
        kind = "string" if kind == "null" else kind
        return [self._as(value, kind) for value in values], kind

    def constant_text(self, index: int) -> str:
        """Return an argument that must be a string literal."""
        constant = self.value(index).constant
        if self.value(index).type != "string" or not isinstance(constant, str):
            raise self.refuse(f"unless argument {index + 1} is a string literal")
        return constant

    def constant_long(self, index: int) -> int:
        """Return an argument that must be a literal whole number."""
        constant = self.value(index).constant
        if self.value(index).type != "long" or not isinstance(constant, int):
            raise self.refuse(f"unless argument {index + 1} is a whole number written as a literal")
        return constant

    def period(self, index: int) -> Period:
        """Return an argument that must be a literal ISO 8601 period."""
        return parse_period(self.constant_text(index))

    def zone(self, index: int) -> Zone | None:
        """Return an optional time zone; None for UTC."""
        return parse_zone(self.constant_text(index)) if self.has(index) else None

    def origin(self, index: int) -> int | None:
        """Return an optional origin, a timestamp literal, in microseconds since 1970."""
        if not self.has(index):
            return None
        value = implied(self.value(index), "timestamp")
        if value is None:
            raise self.invalid()
        if not isinstance(value.constant, int):
            raise self.refuse(f"unless argument {index + 1} is a timestamp literal")
        return value.constant

    def unit(self, index: int) -> str:
        """Return an argument that is an unquoted time unit such as ``DAY``."""
        node = self.nodes[index]
        if isinstance(node, exp.Column) and not node.table and isinstance(node.this, exp.Identifier):
            return str(node.name).upper()
        raise SqlInvalid(f"function '{self.name}' expects a time unit such as DAY as argument {index + 1}")

    def refuse(self, why: str) -> SqlNotSupported:
        """Build the exception for an unsupported use of this function; ``why`` continues the sentence."""
        return SqlNotSupported(f"function '{self.name}' is not supported {why}", self.name)

    def invalid(self) -> SqlInvalid:
        """Build the exception for arguments of the wrong type, with Druid's text."""
        values = []
        for index in range(len(self.nodes)):
            with suppress(SqlInvalid, SqlNotSupported):
                values.append(self.value(index))
        return SqlInvalid(f"Cannot apply '{self.name}' to arguments of type '{describe_types(self.name, values)}'")

    def _as(self, value: Sql, kind: str) -> str:
        converted = implied(value, kind)
        if converted is None:
            raise self.invalid()
        return converted.text


Rewrite = Callable[[Call], Sql]
"""Converts a call to DuckDB SQL."""

Table = dict[str, tuple[Rewrite, int, int]]
"""Maps the name of a function to its rewrite and the minimum and maximum number of arguments."""
