# SPDX-License-Identifier: Apache-2.0
"""
Derive the source columns of a query over several tables: joins, subqueries, ``WITH``; performs no I/O and never raises.

A column whose table is ambiguous is unknown: a wrong edge in a lineage graph is worse than a missing one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from airflow_provider_polaris.jobs.sql.column_lineage import Kind, columns_of
from airflow_provider_polaris.jobs.sql.parsing import parse_query

_DRUID: Final = ("", "druid")


class TableColumn(NamedTuple):
    """
    One source column of a value.

    :param column: Name of the column in its table.
    :param kind: See :data:`~airflow_provider_polaris.jobs.sql.column_lineage.Kind`.
    :param table: The table.
    """

    column: str
    kind: Kind
    table: str


Sources = tuple[TableColumn, ...] | None
"""The sources of a value; None if they are unknown."""


class _Unknown(Exception):  # noqa: N818 (never leaves this module)
    """Raised for a query whose columns can't be derived."""


def query_columns(select: str) -> dict[str, Sources] | None:
    """
    Return the sources of each column of a query.

    >>> found = query_columns('SELECT UPPER(c."name") AS "name", s."n" FROM "s" JOIN "c" ON s."id" = c."id"')
    >>> found["name"]
    (TableColumn(column='name', kind='transformation', table='c'),)

    :param select: The query, without ``PARTITIONED BY``.
    :return: None if unknown: it can't be parsed, or returns all columns of a table by ``*``.
    """
    tree = parse_query(select)
    if tree is None:
        return None
    try:
        return _query(tree, {})
    except Exception:
        # As in parsing: any exception while a user's text is analyzed means unknown.
        return None


#: The columns of a relation; None for a table, which may have any.
_Relation = dict[str, Sources] | str


def _query(node: Any, named: Mapping[str, _Relation]) -> dict[str, Sources]:
    from sqlglot import exp

    clause = node.args.get("with_") or node.args.get("with")
    for cte in clause.expressions if clause is not None else ():
        named = {**named, cte.alias: _query(cte.this, named)}
    if isinstance(node, exp.Subquery):
        return _query(node.this, named)
    if isinstance(node, exp.Union):
        sides = [_query(side, named) for side in (node.this, node.expression)]
        pairs = zip(sides[0].items(), sides[1].values(), strict=True)
        return {name: None if left is None or right is None else _merged(left + right) for (name, left), right in pairs}
    if not isinstance(node, exp.Select) or not node.expressions or node.args.get("laterals"):
        raise _Unknown
    relations = dict(_relations(node, named))
    columns: dict[str, Sources] = {}
    for name, sources in _items(node, relations):
        if name in columns:
            raise _Unknown
        columns[name] = sources
    return columns


def _relations(node: Any, named: Mapping[str, _Relation]) -> Iterator[tuple[str, _Relation]]:
    from sqlglot import exp

    first = node.args.get("from_") or node.args.get("from")
    parts = [] if first is None else [first.this, *(join.this for join in node.args.get("joins") or ())]
    for part in parts:
        if isinstance(part, exp.Subquery):
            yield part.alias, _query(part, named)
        elif isinstance(part, exp.Table) and isinstance(part.this, exp.Identifier) and part.db in _DRUID:
            relation = named.get(part.name) if not part.db else None
            yield part.alias_or_name, part.name if relation is None else relation
        else:
            raise _Unknown


def _items(node: Any, relations: Mapping[str, _Relation]) -> Iterator[tuple[str, Sources]]:
    from sqlglot import exp

    for item in node.expressions:
        if item.is_star:
            wanted = item.table if isinstance(item, exp.Column) else ""
            for alias, relation in relations.items():
                if wanted in ("", alias):
                    if isinstance(relation, str):
                        raise _Unknown
                    yield from relation.items()
        else:
            yield item.alias_or_name, _sources(item.unalias(), relations)


def _sources(value: Any, relations: Mapping[str, _Relation]) -> Sources:
    from sqlglot import exp

    if value.find(exp.Query) is not None:
        return None
    tree = value.copy()
    whole = tree.unnest()
    found: tuple[TableColumn, ...] = ()
    for column, aggregated in columns_of(tree):
        inner = _column(column, relations)
        if inner is None:
            return None
        outer: Kind = "identity" if column is whole else "aggregation" if aggregated else "transformation"
        found += tuple(TableColumn(one.column, _stronger(outer, one.kind), one.table) for one in inner)
    return _merged(found)


def _column(column: Any, relations: Mapping[str, _Relation]) -> Sources:
    name, alias = str(column.name), column.table
    if alias:
        candidates = [relations[alias]] if alias in relations else []
    else:
        candidates = [one for one in relations.values() if isinstance(one, str) or name in one]
    if len(candidates) != 1 or column.args.get("db"):
        return None
    (relation,) = candidates
    return (TableColumn(name, "identity", relation),) if isinstance(relation, str) else relation.get(name)


def _stronger(left: Kind, right: Kind) -> Kind:
    order: tuple[Kind, ...] = ("identity", "transformation", "aggregation")
    return max(left, right, key=order.index)


def _merged(sources: tuple[TableColumn, ...]) -> tuple[TableColumn, ...]:
    """Keep each column once, with the strongest way in which it contributes."""
    kinds: dict[tuple[str, str], Kind] = {}
    for one in sources:
        key = (one.table, one.column)
        kinds[key] = _stronger(kinds.get(key, one.kind), one.kind)
    return tuple(TableColumn(column, kind, table) for (table, column), kind in kinds.items())
