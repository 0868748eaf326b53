# SPDX-License-Identifier: Apache-2.0
"""Remove a SELECT around a UNION ALL that changes nothing but names, as Druid's planner does."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

_FROM = ("from", "from_")


def without_outer_select(node: exp.Expression) -> exp.Expression:
    """
    Return the UNION ALL of ``SELECT a, b FROM (SELECT ... UNION ALL SELECT ...)``, otherwise the query itself.

    OBSERVED(Druid 27), OBSERVED(Druid 33): the native engine, which runs no UNION ALL in a subquery, runs this one. The
    columns are all of the subquery's, in its order; they may have other names, and LIMIT may follow. Airflow's
    SQLColumnCheckOperator and SQLTableCheckOperator write such queries. Druid accepts more, such as a part of the
    columns or a LIMIT in the subquery; they stay refused.

    :param node: The outermost node of a query.
    """
    union = _union(node)
    if union is None:
        return node
    first: exp.Expression = union
    while isinstance(first, exp.Union):
        first = first.this
    if not isinstance(first, exp.Select):
        return node
    names = _new_names(node, [item.alias_or_name for item in first.expressions])
    if names is None:
        return node
    first.set("expressions", [_named(item, name) for item, name in zip(first.expressions, names, strict=True)])
    union.set("limit", node.args.get("limit"))
    return union


def _union(node: exp.Expression) -> exp.Union | None:
    """Return the UNION ALL of a SELECT without any other clause; None if there is none."""
    used = {name for name, value in node.args.items() if value}
    clause = next((node.args[name] for name in _FROM if node.args.get(name)), None)
    if not isinstance(node, exp.Select) or clause is None or not used <= {"expressions", "limit", *_FROM}:
        return None
    source = clause.this
    if not isinstance(source, exp.Subquery) or not isinstance(source.this, exp.Union):
        return None
    if not {name for name, value in source.args.items() if value} <= {"this", "alias"} or source.alias_column_names:
        return None
    union = source.this
    if any(union.args.get(part) is not None for part in ("order", "limit", "offset")):
        return None
    return union


def _new_names(node: exp.Expression, names: list[str]) -> list[str] | None:
    """Return the names that a SELECT gives to all columns of its subquery; None if it does anything else."""
    alias = node.args[next(name for name in _FROM if node.args.get(name))].this.alias
    if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Star):
        return names
    columns = [item.unalias() for item in node.expressions]
    if not all(isinstance(column, exp.Column) and column.table in ("", alias) for column in columns):
        return None
    if len(set(names)) < len(names) or [column.name for column in columns] != names:
        return None
    return [item.alias_or_name for item in node.expressions]


def _named(item: exp.Expression, name: str) -> Any:
    return exp.alias_(item.unalias(), name, quoted=True) if item.alias_or_name != name else item
