# SPDX-License-Identifier: Apache-2.0
"""The columns that an expression may use, and their SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.values.types import Column, SqlInvalid, canonical
from airflow_provider_polaris.emulator.sql.values.values import Sql, quote_name

TIME_COLUMN = "__time"


@dataclass(frozen=True)
class Field:
    """
    A visible column.

    :param name: Its name in the SQL; case sensitive, unlike DuckDB's names.
    :param type: Canonical data type.
    :param sql: Its DuckDB SQL.
    :param stored: Name of the table's column that it is; None if it is computed.
    :param subtype: That of its :class:`Sql`; the same for ``cast_from`` and ``written``.
    :param expression: The expression of a subquery that it is: Druid's optimizer puts it in place of the column.
    """

    name: str
    type: str
    sql: str
    stored: str | None = None
    subtype: str | None = None
    cast_from: str | None = None
    expression: exp.Expression | None = None
    written: str | None = None


@dataclass(frozen=True)
class Source:
    """
    One relation of a FROM clause.

    :param name: Its alias or the table's name; None for a bare expression.
    :param is_scan: Whether its rows are those of a table, neither joined nor grouped nor limited.
    :param is_whole: Whether they are all rows of a table.
    """

    name: str | None
    fields: tuple[Field, ...]
    is_scan: bool = False
    is_whole: bool = False


@dataclass(frozen=True)
class Scope:
    """The relations that a SELECT reads, in the order of its FROM clause."""

    sources: tuple[Source, ...] = ()

    @property
    def is_scan(self) -> bool:
        """Whether a SELECT reads rows of a table, neither joined nor grouped nor limited."""
        return bool(self.sources) and all(source.is_scan for source in self.sources)

    def find(self, name: str, qualifier: str | None = None) -> tuple[Field, Sql]:
        """
        Find a column.

        :raises SqlInvalid: No relation or more than one has the column.
        """
        sources = [source for source in self.sources if qualifier is None or source.name == qualifier]
        if qualifier is not None and not sources:
            raise SqlInvalid(f"Table '{qualifier}' not found")
        found = [field for source in sources for field in source.fields if field.name == name]
        if len(found) > 1:
            raise SqlInvalid(f"Column '{name}' is ambiguous")
        if not found:
            where = f"table '{qualifier}'" if qualifier is not None else "any table"
            known = ", ".join(f"'{field.name}'" for source in sources for field in source.fields)
            raise SqlInvalid(f"Column '{name}' not found in {where}; known are {known or 'none'}")
        field = found[0]
        value = Sql(field.sql, field.type, subtype=field.subtype, cast_from=field.cast_from, written=field.written)
        return field, value

    def fields(self, qualifier: str | None = None) -> list[Field]:
        """Return the columns of ``*`` or ``qualifier.*``."""
        sources = [source for source in self.sources if qualifier is None or source.name == qualifier]
        if not sources:
            raise SqlInvalid(f"Table '{qualifier}' not found" if qualifier else "SELECT * needs a FROM clause")
        return [field for source in sources for field in source.fields]


def bare_scope(columns: Sequence[Column]) -> Scope:
    """Build a scope of columns without a relation name."""
    fields = tuple(Field(column.name, canonical(column.data_type), quote_name(column.name)) for column in columns)
    return Scope((Source(None, fields, is_whole=True),))
