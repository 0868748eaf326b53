# SPDX-License-Identifier: Apache-2.0
"""The output columns of a SELECT: their expressions, names and types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.aggregates import FUNCTIONS as AGGREGATES
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import only
from airflow_provider_polaris.emulator.sql.translation.scope import Field, Scope
from airflow_provider_polaris.emulator.sql.values import java_numbers as java
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported, sql_name
from airflow_provider_polaris.emulator.sql.values.values import (
    MULTI_VALUE,
    Sql,
    common_subtype,
    common_type,
    quote_name,
)

_WRITTEN = "CAST(error('JSON_VALUE of a subquery as VARCHAR is not supported: write RETURNING VARCHAR') AS VARCHAR)"


def expand(expressions: Sequence[exp.Expression], scope: Scope) -> list[tuple[str, exp.Expression]]:
    """Return name and expression of each output column of a SELECT; ``*`` is expanded."""
    items: list[tuple[str, exp.Expression]] = []
    for node in expressions:
        star = node.this if isinstance(node, exp.Column) else node
        if isinstance(star, exp.Star):
            only(star)
            qualifier = node.table if isinstance(node, exp.Column) else None
            for source in scope.sources:
                if qualifier in (None, source.name):
                    items += [(field.name, _reference(field.name, source.name)) for field in source.fields]
            scope.fields(qualifier)
        elif isinstance(node, exp.Alias):
            only(node, "this", "alias")
            items.append((node.alias, node.this))
        elif isinstance(node, exp.Column):
            items.append((node.name, node))
        else:
            items.append((f"EXPR${len(items)}", node))
    return items


def replace_aliases(condition: exp.Expression, expressions: Sequence[exp.Expression]) -> exp.Expression:
    """
    Replace the aliases in a condition of HAVING by their expressions.

    OBSERVED(Druid 33): an alias hides a column of the same name, but not in the arguments of an aggregate.

    :param expressions: The SELECT list.
    :raises SqlInvalid: Two columns have the alias.
    """
    aliased = [node for node in expressions if isinstance(node, exp.Alias)]

    def replaced(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and not node.table:
            named = [alias for alias in aliased if alias.alias == node.name]
            if len(named) > 1:
                raise SqlInvalid(f"Column '{node.name}' is ambiguous")
            return exp.Paren(this=named[0].this.copy()) if named else node
        if isinstance(node, exp.Query) or (isinstance(node, exp.Anonymous) and str(node.this).upper() in AGGREGATES):
            return node
        for part in list(node.iter_expressions()):
            other = replaced(part)
            if other is not part:
                part.replace(other)
        return node

    return replaced(condition.copy())


def _reference(name: str, source: str | None) -> exp.Expression:
    table = exp.to_identifier(source, quoted=True) if source is not None else None
    return exp.Column(this=exp.to_identifier(name, quoted=True), table=table)


def output_name(name: str, index: int, outermost: bool) -> str:
    """Return the quoted name of an output column: the query's own name in the result, ``c1``, ``c2``, ... in
    subqueries.
    """
    return quote_name(name) if outermost else f"c{index}"


def output_fields(
    items: Sequence[tuple[str, exp.Expression]], values: Sequence[Sql], scope: Scope
) -> tuple[Field, ...]:
    """Return the columns of a SELECT, as a query sees them that has it as a subquery."""
    sources = {field.sql: field for source in scope.sources for field in source.fields}
    fields = []
    for index, ((name, item), value) in enumerate(zip(items, values, strict=True), 1):
        column = sources.get(value.text)
        stored, expression = (column.stored, column.expression) if column is not None else (None, item)
        written = _WRITTEN if value.written is not None else None
        fields.append(Field(name, value.type, f"c{index}", stored, value.subtype, value.cast_from, expression, written))
    return tuple(fields)


def check_equal_names(fields: Sequence[Field]) -> None:
    """
    Refuse columns of a result that have one name and different types.

    OBSERVED(Druid 33): for the rows of a table it fails with "conflicting types".

    :raises SqlNotSupported: There are such columns.
    """
    types: dict[str, str] = {}
    for field in fields:
        other = types.setdefault(field.name, field.type)
        if other != field.type:
            raise SqlNotSupported(
                f"two columns with the name '{field.name}' and the types {sql_name(other)} and "
                f"{sql_name(field.type)} are not supported"
            )


def common_field(left: Field, right: Field) -> Field:
    """Return the column of a UNION ALL, with the type to which both sides convert."""
    kind = common_type((left.type, right.type))
    if MULTI_VALUE in (left.type, right.type) and left.type != right.type:
        raise SqlNotSupported(f"UNION ALL of {sql_name(left.type)} and {sql_name(right.type)} is not supported")
    if kind is None or (kind == "timestamp" and "string" in (left.type, right.type)):
        raise SqlInvalid(f"Type mismatch in column '{left.name}' of UNION ALL")
    stored_column = left.stored if left.stored == right.stored else None
    subtype, cast_from = common_subtype(left.subtype, right.subtype), left.cast_from or right.cast_from
    expression = left.expression or right.expression
    return replace(left, type=kind, stored=stored_column, subtype=subtype, cast_from=cast_from, expression=expression)


def finished(value: Sql, *, outermost: bool) -> Sql:
    """
    Convert a value to a type that a column can have; in the result of the query, to the value that Druid shows.

    :raises SqlNotSupported: The value is an interval.
    """
    if value.type == "null":
        return Sql("CAST(NULL AS VARCHAR)", "string")
    if value.type == "float" and outermost:
        # OBSERVED(Druid 33): the digits that a float needs, 0.1 and not 0.10000000149011612.
        return Sql(f"CAST(CAST({java.double_to_float(value.text)} AS VARCHAR) AS DOUBLE)", "float")
    if value.subtype == "INTEGER" and value.constant is None and outermost:
        return Sql(java.long_to_int(value.text), "long")
    if value.type == "interval":
        raise SqlNotSupported("INTERVAL as a value is not supported")
    return value
