# SPDX-License-Identifier: Apache-2.0
"""The arguments of a function call, checked and converted to the types that its rewrite requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.casts import cast, decimal_text, implied
from airflow_provider_polaris.emulator.sql.functions.subtypes import REAL_PART, check_real_text, unusable
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
    common_number,
    common_type,
    describe_types,
    quote_text,
)


class Call:
    """
    One function call.

    :param name: Name of the function, in upper case.
    :param nodes: Its parsed arguments; each is translated on request.
    :param translate: Function that translates a node.
    :param filters: Whether the call is in a WHERE clause, where Druid's filters replace some functions.
    :param native: Whether Druid may compute a condition by a native filter: in WHERE, HAVING and aggregates.
    :param selects: Whether it is in a condition on rows or groups, whose parts Druid computes in its own order.
    :param source: Returns the expression of the subquery that a column is; None for a column of a table.
    """

    def __init__(
        self,
        name: str,
        nodes: Sequence[exp.Expression],
        translate: Callable[[exp.Expression], Sql],
        *,
        filters: bool = False,
        native: bool = False,
        selects: bool = False,
        source: Callable[[exp.Column], exp.Expression | None] = lambda _: None,
    ) -> None:
        self.name = name
        self.filters = filters
        self.native = native
        self.selects = selects
        self.source = source
        self.nodes = nodes
        self.translate = translate
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
            value = self.translate(self.nodes[index])
            if (words := unusable(value, self.name)) is not None:
                raise self.refuse(words)
            self._values[index] = value
        return self._values[index]

    def without(self, text: str, condition: str, words: str) -> str:
        """Build a value that fails, as not supported, in the rows for which a condition is true."""
        return f"CASE WHEN {condition} THEN error({quote_text(self.refuse(words).message)}) ELSE {text} END"

    def values(self) -> list[Sql]:
        """Translate all arguments."""
        return [self.value(index) for index in range(len(self.nodes))]

    def has(self, index: int) -> bool:
        """Whether an optional argument is present and isn't the literal NULL."""
        return index < len(self.nodes) and not isinstance(self.nodes[index], exp.Null)

    def text(self, index: int) -> str:
        """
        Translate an argument to a string; every scalar is converted to text implicitly, as by CAST.

        OBSERVED(Druid 33): UPPER, LENGTH, CONCAT, LIKE and REPLACE convert; others, see :meth:`characters`, don't.
        """
        if self.value(index).type in ARRAYS:
            raise self.invalid()
        return cast(self.scalar(index), "string").text

    def characters(self, index: int) -> str:
        """Translate an argument that must be a string; Druid converts nothing else, and refuses a literal NULL."""
        return self._exactly(index, {"string"}).text

    def integer(self, index: int) -> str:
        """Translate an argument that must be a long; Druid converts nothing else, and refuses a literal NULL."""
        return self._exactly(index, {"long"}).text

    def exact_number(self, index: int) -> Sql:
        """Translate an argument that must be a number; Druid converts nothing else, and refuses a literal NULL."""
        return self._exactly(index, NUMERIC)

    def number(self, index: int) -> Sql:
        """Translate an argument to a long, a double or a float; a text becomes a double."""
        value = self._number_or_text(index)
        if value.type == "null":
            raise self.refuse("of the literal NULL")
        if value.type == "string":
            return Sql(cast(decimal_text(value), "double").text, "double", subtype="DECIMAL")
        return self._exactly(index, NUMERIC)

    def numbers(self, *indexes: int) -> tuple[list[str], str, str | None]:
        """Translate the operands of arithmetic to their common type; return it with its subtype."""
        values = [self._number_or_text(index) for index in indexes]
        kind, subtype = common_number(values)
        check_real_text(self.refuse, values)
        if not all(value.type in NUMERIC | {"string", "null"} for value in values):
            raise self.refuse("of the literal NULL") if "null" in {each.type for each in values} else self.invalid()
        return [cast(value, "double" if kind == "float" else kind).text for value in values], kind, subtype

    def _number_or_text(self, index: int) -> Sql:
        value = self.value(index)
        if value.type == "string" and value.constant is None and self.nodes[index].find(exp.Column) is None:
            raise self.refuse("of a text that is computed from literals")  # Druid's planner fails if it is no number
        return value

    def long(self, index: int) -> str:
        """Translate a number to a whole number; the fraction of a double is dropped."""
        return cast(self.exact_number(index), "long").text

    def double(self, index: int) -> str:
        """Translate an argument to a double; a text is parsed."""
        return cast(self.number(index), "double").text

    def boolean(self, index: int) -> str:
        """Translate an argument to a boolean."""
        converted = implied(self.value(index), "boolean")
        if converted is None:
            raise self.invalid()
        return converted.text

    def time(self, index: int) -> str:
        """Translate an argument that must be a timestamp; Druid converts nothing else, and refuses a literal NULL."""
        return self._exactly(index, {"timestamp"}).text

    def date_or_time(self, index: int) -> str:
        """Translate an argument that must be a timestamp or a date."""
        if self.value(index).type == "null":
            raise self.refuse("of the literal NULL")
        return self._exactly(index, TEMPORAL).text

    def scalar(self, index: int) -> Sql:
        """Translate an argument that is not an array, a sketch or an object."""
        value = self.value(index)
        if value.type in ARRAYS:
            raise self.refuse(f"for {sql_name(value.type)}")
        if value.type not in SCALAR:
            raise self.invalid()
        return value

    def results(self, *indexes: int) -> tuple[list[str], str, str | None]:
        """
        Translate the results of CASE or COALESCE to their common type.

        OBSERVED(Druid 33): beside a text, numbers and times become text; if all are NULL, the result is a text.
        """
        values = [self.value(index) for index in indexes]
        types = {value.type for value in values} - {"null"}
        if not types:
            return [cast(value, "string").text for value in values], "string", "NULL"
        if types <= NUMERIC:
            kind, subtype = common_number(values)
            if subtype == "REAL" and any(each.subtype != "REAL" and each.constant is None for each in values):
                raise self.refuse(REAL_PART)  # a whole number of more than 2^53 stays one, in its rows
            return [cast(value, kind).text for value in values], kind, subtype
        common = "string" if "string" in types and types <= SCALAR else common_type(sorted(types))
        if common is None and types <= NUMERIC | TEMPORAL:
            # Druid answers with a time, in some cases with a number.
            raise self.refuse(f"with values of different types: {describe_types(self.name, values)}")
        if common is None and types <= ARRAYS:
            raise self.refuse("with arrays of different types")
        if common is None:
            raise self.invalid()
        if common in ARRAYS and len({self.nodes[index].unnest() for index in indexes}) == 1 < len(indexes):
            # OBSERVED(Druid 33): the optimizer leaves the function out, and then reads the column in another way.
            raise self.refuse("with the same array everywhere")
        return [cast(value, common).text for value in values], common, None

    def comparable(self, *indexes: int) -> tuple[list[Sql], str]:
        """
        Translate the operands of a comparison to their common type.

        OBSERVED(Druid 33): beside a number, a time or a date, a text is parsed; as a date, it has no hours.
        """
        values = [self.value(index) for index in indexes]
        types = {value.type for value in values} - {"null"}
        if types == {"date", "string"}:
            kind = "date"
        elif types - {"string"} and types <= NUMERIC | {"string"}:
            check_real_text(self.refuse, values)
            is_long = types <= {"long", "string"} and not any(value.subtype == "REAL" for value in values)
            kind = "long" if is_long else "double"
        else:
            found = common_type(sorted(types))
            if found is None and "boolean" in types and types <= SCALAR:
                raise self.refuse(f"with values of different types: {describe_types(self.name, values)}")
            if found is None and types <= ARRAYS:
                raise self.refuse("with arrays of different types")
            if found is None:
                raise self.invalid()
            kind = "string" if found == "null" else found
        return [value if value.type == kind else cast(value, kind) for value in values], kind

    def constant_text(self, index: int) -> str:
        """Return an argument that must be a string literal."""
        self.characters(index)
        constant = self.value(index).constant
        if not isinstance(constant, str):
            raise self.refuse(f"unless argument {index + 1} is a string literal")
        return constant

    def separator(self, index: int) -> str:
        """Return a string literal; Druid also takes other scalars there, which are refused by name."""
        if self.value(index).type in SCALAR - {"string", "null"}:
            raise self.refuse(f"unless argument {index + 1} is a string literal")
        return self.constant_text(index)

    def constant_long(self, index: int) -> int:
        """Return an argument that must be a literal whole number."""
        self.integer(index)
        constant = self.value(index).constant
        if not isinstance(constant, int):
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
        if value is None or self.value(index).type == "string":
            raise self.invalid()
        if not isinstance(value.constant, int):
            raise self.refuse(f"unless argument {index + 1} is a timestamp literal")
        return value.constant

    def refuse(self, why: str) -> SqlNotSupported:
        """Build the exception for an unsupported use of this function; ``why`` continues the sentence."""
        return SqlNotSupported(f"function '{self.name}' is not supported {why}", self.name)

    def invalid(self) -> SqlInvalid | SqlNotSupported:
        """Build the exception for arguments of the wrong type, with Druid's text; an INTERVAL may be valid there."""
        values = []
        for index in range(len(self.nodes)):
            with suppress(SqlInvalid, SqlNotSupported):
                values.append(self.value(index))
        if any(value.type == "interval" for value in values):
            return self.refuse("of an INTERVAL")
        return SqlInvalid(f"Cannot apply '{self.name}' to arguments of type '{describe_types(self.name, values)}'")

    def _exactly(self, index: int, kinds: Collection[str]) -> Sql:
        value = self.value(index)
        if value.type == "null":
            raise SqlInvalid(f"Illegal use of 'NULL' as argument {index + 1} of '{self.name}'")
        if value.type not in kinds:
            raise self.invalid()
        return value


Rewrite = Callable[[Call], Sql]
"""Converts a call to DuckDB SQL."""

Table = dict[str, tuple[Rewrite, int, int]]
"""Maps the name of a function to its rewrite and the minimum and maximum number of arguments."""
