# SPDX-License-Identifier: Apache-2.0
"""Translate the FROM clause: tables, subqueries and joins become DuckDB relations with generated names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.conditions import as_condition
from airflow_provider_polaris.emulator.sql.translation.from_clause.join_conditions import (
    check_condition,
    check_keys,
)
from airflow_provider_polaris.emulator.sql.translation.from_clause.unnest import unnested
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import only
from airflow_provider_polaris.emulator.sql.translation.scope import Field, Scope, Source
from airflow_provider_polaris.emulator.sql.translation.translator import Translator
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported, TableRelation, canonical
from airflow_provider_polaris.emulator.sql.values.values import quote_name

_JOINS = {
    ("", ""): "CROSS JOIN",
    ("", "CROSS"): "CROSS JOIN",
    ("", "INNER"): "JOIN",
    ("LEFT", ""): "LEFT JOIN",
    ("RIGHT", ""): "RIGHT JOIN",
    ("FULL", ""): "FULL JOIN",
}


@dataclass(frozen=True)
class Derived:
    """
    A translated SELECT.

    :param sql: DuckDB SQL without surrounding parentheses.
    :param fields: The output columns, in order; their DuckDB names are ``c1``, ``c2``, ...
    :param is_scan: Whether it returns rows of a table, neither joined nor grouped nor limited.
    :param is_whole: Whether it is a scan of all rows, of stored columns only.
    """

    sql: str
    fields: tuple[Field, ...]
    is_scan: bool = False
    is_whole: bool = False


Environment = Mapping[str, Derived]
"""The visible common table expressions, by name."""


@dataclass(frozen=True)
class Relations:
    """
    Translates FROM clauses.

    :param table: Returns a table by name.
    :param select: Translates a subquery.
    :param make_translator: Creates the translator of join conditions.
    :param aliases: Generates names that are unique in the query, because DuckDB's names ignore case and Druid's don't.
    """

    table: Callable[[str], TableRelation | None]
    select: Callable[[exp.Expression, Environment], Derived]
    make_translator: Callable[[Scope, str], Translator]
    aliases: Iterator[str]

    def translate(
        self, first: exp.Expression, joins: Sequence[exp.Expression], environment: Environment
    ) -> tuple[str, Scope]:
        """
        Translate the relations of one FROM clause.

        :return: The SQL after ``FROM``, and the visible columns.
        """
        if isinstance(first, exp.Unnest):
            sql, source = unnested(first, Scope(), self.make_translator, next(self.aliases))
        else:
            sql, source = self._relation(first, environment)
        sources = [source]
        for join in joins:
            if isinstance(join.this, exp.Unnest):
                added, source = self._unnest_join(join, Scope(tuple(sources)))
                sources.append(source)
                sql += added
                continue
            only(join, "this", "side", "kind", "on")
            right, source = self._relation(join.this, environment)
            if source.name is not None and any(source.name == other.name for other in sources):
                raise SqlInvalid(f"Duplicate relation name '{source.name}' in FROM clause")
            sources.append(replace(source, is_scan=False))
            sql += self._join(join, right, Scope(tuple(sources)))
        return sql, Scope(tuple(sources))

    @staticmethod
    def check_filter(condition: exp.Expression, scope: Scope, translator: Translator) -> None:
        """
        Check the WHERE clause of joined relations, of which Druid's planner moves a part into the join.

        :raises SqlNotSupported: It has an equality that can't be the key of a join.
        """
        check_keys(condition, scope, translator)

    def _unnest_join(self, join: exp.Expression, scope: Scope) -> tuple[str, Source]:
        side, kind = str(join.args.get("side") or ""), str(join.args.get("kind") or "").upper()
        if side or kind not in ("", "CROSS") or join.args.get("on") is not None:
            raise SqlNotSupported("UNNEST is not supported here: only after a comma or CROSS JOIN, without ON")
        only(join, "this", "kind")
        sql, source = unnested(join.this, scope, self.make_translator, next(self.aliases))
        if any(source.name == other.name for other in scope.sources if other.name is not None):
            raise SqlInvalid(f"Duplicate relation name '{source.name}' in FROM clause")
        return f", {sql}", source

    def _join(self, join: exp.Expression, right: str, scope: Scope) -> str:
        condition = join.args.get("on")
        side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
        kind = "" if kind == "OUTER" else kind
        if (side, kind) == ("", "") and condition is not None:
            kind = "INNER"
        word = _JOINS.get((side, kind))
        if word is None:
            raise SqlNotSupported(f"{f'{side} {kind}'.strip()} JOIN is not supported")
        if (condition is None) != (word == "CROSS JOIN"):
            raise SqlInvalid(f"{word} {'needs' if condition is None else 'takes no'} ON condition")
        if condition is None:
            return f" {word} {right}"
        translator = self.make_translator(scope, "ON")
        text = as_condition(translator.translate(condition), "ON")
        check_condition(word, condition, scope, translator)
        return f" {word} {right} ON {text}"

    def _relation(self, node: exp.Expression, environment: Environment) -> tuple[str, Source]:
        alias = _alias(node)
        name = next(self.aliases)
        if isinstance(node, exp.Subquery):
            only(node, "this", "alias")
            return _place(self.select(node.this, environment), name, alias)
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise SqlNotSupported(f"FROM {node.sql()[:120]!r} is not supported: only tables and subqueries are")
        only(node, "this", "db", "alias")
        schema = node.text("db")
        if schema not in ("", "druid"):
            raise SqlNotSupported(f"schema '{schema}' is not supported: only tables of schema 'druid' can be queried")
        if not schema and node.name in environment:
            return _place(environment[node.name], name, alias or node.name)
        found = self.table(node.name)
        if found is None:
            raise SqlInvalid(f"Object '{node.name}' not found")
        fields = tuple(
            Field(column.name, canonical(column.data_type), f"{name}.{quote_name(column.name)}", column.name)
            for column in found.columns
        )
        return f"{found.relation_sql} AS {name}", Source(alias or node.name, fields, is_scan=True, is_whole=True)


def _place(derived: Derived, name: str, alias: str | None) -> tuple[str, Source]:
    fields = tuple(replace(field, sql=f"{name}.{field.sql}") for field in derived.fields)
    return f"({derived.sql}) AS {name}", Source(alias, fields, derived.is_scan, derived.is_whole)


def _alias(node: exp.Expression) -> str | None:
    alias = node.args.get("alias")
    if alias is None:
        return None
    if not isinstance(alias, exp.TableAlias) or alias.args.get("columns"):
        raise SqlNotSupported(f"a list of column names after {node.alias!r} is not supported")
    return str(alias.name)
