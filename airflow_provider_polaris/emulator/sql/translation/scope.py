"""Which columns an expression may name, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_polaris.emulator.sql.values.types import Column, SqlInvalid, canonical
from airflow_provider_polaris.emulator.sql.values.values import Sql, quote_name

TIME_COLUMN = "__time"


@dataclass(frozen=True)
class Field:
    """
    A column in reach.

    :param name: Its name, as the SQL writes it; case sensitive, while DuckDB's names are not.
    :param type: Canonical data type.
    :param sql: How DuckDB reaches it.
    """

    name: str
    type: str
    sql: str


@dataclass(frozen=True)
class Source:
    """One relation of a FROM clause; ``name`` is its alias or the table's name, None for a bare expression."""

    name: str | None
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Scope:
    """The relations that a SELECT reads, in the order of its FROM clause."""

    sources: tuple[Source, ...] = ()

    def find(self, name: str, qualifier: str | None = None) -> tuple[Field, Sql]:
        """
        Look a column up.

        :raises SqlInvalid: No relation has it, or more than one.
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
        return field, Sql(field.sql, field.type)

    def fields(self, qualifier: str | None = None) -> list[Field]:
        """List the columns that ``*`` or ``qualifier.*`` stands for."""
        sources = [source for source in self.sources if qualifier is None or source.name == qualifier]
        if not sources:
            raise SqlInvalid(f"Table '{qualifier}' not found" if qualifier else "SELECT * needs a FROM clause")
        return [field for source in sources for field in source.fields]


def bare_scope(columns: Sequence[Column]) -> Scope:
    """Put columns in reach by their quoted names alone."""
    fields = tuple(Field(column.name, canonical(column.data_type), quote_name(column.name)) for column in columns)
    return Scope((Source(None, fields),))
