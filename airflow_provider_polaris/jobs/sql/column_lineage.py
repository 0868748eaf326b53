# SPDX-License-Identifier: Apache-2.0
"""
Derive the source columns of each target column; performs no I/O and never raises.

sqlglot parses the job's mappings or statement. It is imported inside functions, so that the import of an operator stays
fast. An ambiguous lineage is *unknown*: a wrong edge in a lineage graph is worse than a missing one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from airflow_provider_polaris.jobs.sql.expressions import KNOWN, calls_of, is_bare_clock
from airflow_provider_polaris.jobs.sql.functions import AGGREGATES
from airflow_provider_polaris.jobs.sql.parsing import LONGEST_EXPRESSION, druid_dialect, parse_sql

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec

#: How a column contributes to a value: unchanged, computed within a row, or aggregated over rows.
Kind = Literal["identity", "transformation", "aggregation"]

#: The schema of tables, which is optional in a statement. Source: docs.imply.io/polaris/sql-ingestion-reference.
_SCHEMA: Final = "druid"

#: Functions whose first argument is a unit of time, an unquoted word that sqlglot parses as a column.
_TAKES_UNIT: Final = frozenset({"TIMESTAMPADD", "TIMESTAMPDIFF"})


class ColumnSource(NamedTuple):
    """
    One source column of a value.

    :param column: Name of the column in the source.
    :param kind: See :data:`Kind`.
    """

    column: str
    kind: Kind


class StatementLineage(NamedTuple):
    """
    Lineage of a statement.

    :param source: The single table that it reads.
    :param target: The table that it writes.
    :param columns: As :func:`column_lineage` returns, without unnamed columns.
    """

    source: str
    target: str
    columns: dict[str, tuple[ColumnSource, ...] | None]


def column_lineage(
    spec: BatchJobSpec, source_columns: Collection[str] | None = None
) -> dict[str, tuple[ColumnSource, ...] | None]:
    """
    Return the sources of each column that a job's mappings write.

    If a job over a table has mappings but none for ``__time``, Polaris copies ``__time`` unchanged
    (docs.imply.io/polaris/api-ingest-table), so the result contains it. The result does not contain the ``__count``
    that Polaris adds: it counts rows and has no source column. Without mappings the result is empty, because the
    columns of such a job are not documented.

    :param spec: The job.
    :param source_columns: As in :func:`expression_lineage`.
    :return: Sources as in :func:`expression_lineage`, by name of the target column, in the order of the mappings.
    """
    found = {
        mapping.column_name: expression_lineage(
            mapping.expression, is_aggregation=mapping.is_aggregation, source_columns=source_columns
        )
        for mapping in spec.mappings
    }
    if found and spec.source.type == "table" and "__time" not in found:
        return {"__time": (ColumnSource("__time", "identity"),), **found}
    return found


def expression_lineage(
    expression: str, *, is_aggregation: bool | None = None, source_columns: Collection[str] | None = None
) -> tuple[ColumnSource, ...] | None:
    """
    Return the columns that an expression reads, and how each contributes.

    A column in a condition is a source, too. A column that is both aggregated and not counts as aggregated. Window
    functions count as transformations, because they do not merge rows.

    >>> expression_lineage('SUM(CASE WHEN "pays" THEN "price" END)')
    (ColumnSource(column='pays', kind='aggregation'), ColumnSource(column='price', kind='aggregation'))
    >>> expression_lineage("COUNT(*)"), expression_lineage('UPPER("city"'), expression_lineage('("city")')
    ((), None, (ColumnSource(column='city', kind='identity'),))

    :param expression: Druid SQL, as in a mapping.
    :param is_aggregation: ``isAggregation`` of the mapping. It decides if the expression calls only functions that are
        unknown to this package, and no known aggregate.
    :param source_columns: Known columns of the source. An unquoted word that is not one of them may be an SQL keyword,
        so the result is unknown. A quoted name is always a column, because a table may have more columns than it
        declares (docs.imply.io/polaris/table-schema).
    :return: Each column once, in the order of the expression; empty if it reads none. None if unknown: the expression
        cannot be parsed, has a subquery, or qualifies a column with its table.
    """
    tree = parse_sql(expression)
    return None if tree is None else _sources(tree, marked=is_aggregation is True, source_columns=source_columns)


def statement_lineage(query: str, source_columns: Collection[str] | None = None) -> StatementLineage | None:
    """
    Return the lineage of an ``INSERT INTO`` or ``REPLACE INTO`` that selects from one table.

    >>> found = statement_lineage('INSERT INTO "hourly" SELECT UPPER("city") AS "town" FROM "raw" PARTITIONED BY DAY')
    >>> found.source, found.target, found.columns["town"]
    ('raw', 'hourly', (ColumnSource(column='city', kind='transformation'),))

    :param query: The statement of a SQL job.
    :param source_columns: As in :func:`expression_lineage`.
    :return: None if unknown: the statement cannot be parsed, reads more than one table (a join, a subquery, a
        ``WITH``, a ``UNION``) or files, selects ``*``, or lists the columns of the target.
    """
    from sqlglot import exp

    target, tree = _select_of(query, "SELECT")
    if target is None or not isinstance(tree, exp.Select) or tree.find(exp.With, exp.Join, exp.Lateral) is not None:
        return None
    origin = tree.find(exp.From)
    table = origin.this if origin is not None else None
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        return None
    if table.db not in ("", _SCHEMA) or len(list(tree.find_all(exp.Query))) > 1:
        return None
    if any(isinstance(item.unalias(), exp.Star) or item.is_star for item in tree.expressions):
        return None
    tables = frozenset((table.alias_or_name,))
    columns = {
        item.alias_or_name: _sources(item.unalias(), marked=False, source_columns=source_columns, tables=tables)
        for item in tree.expressions
        if isinstance(item, exp.Alias | exp.Column)
    }
    return StatementLineage(str(table.name), target, columns)


def tables_read(query: str) -> tuple[str, ...] | None:
    """
    Return the tables that an ``INSERT INTO`` or ``REPLACE INTO`` reads, joins and subqueries included.

    >>> tables_read('INSERT INTO t WITH w AS (SELECT * FROM "raw") SELECT a FROM w JOIN u ON w.x = u.x')
    ('raw', 'u')

    :param query: The statement of a SQL job.
    :return: Each table once, sorted; without files, lookups and system tables. None if the query cannot be parsed.
    """
    from sqlglot import exp

    target, tree = _select_of(query, "SELECT", "WITH")
    return None if target is None or not isinstance(tree, exp.Query) else tables_of(tree)


def tables_of(tree: Any) -> tuple[str, ...] | None:
    """
    Return the tables that a parsed SELECT reads; as :func:`tables_read`.

    :param tree: sqlglot's tree of a query.
    """
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    try:
        # A scope distinguishes names of a WITH from tables, even if a WITH has the name of a table.
        sources = [source for scope in traverse_scope(tree) for source in scope.sources.values()]
    except Exception:
        return None
    tables = (source for source in sources if isinstance(source, exp.Table))
    return tuple(
        sorted(
            {
                str(table.name)
                for table in tables
                if isinstance(table.this, exp.Identifier) and table.db in ("", _SCHEMA)
            }
        )
    )


def _sources(
    tree: Any, *, marked: bool, source_columns: Collection[str] | None, tables: Collection[str] = ()
) -> tuple[ColumnSource, ...] | None:
    from sqlglot import exp

    if tree.find(exp.Query) is not None:
        return None
    whole = tree.unnest()
    kinds: dict[str, Kind] = {}
    for column, aggregated in columns_of(tree, marked=marked):
        name = str(column.name)
        if (column.table and column.table not in tables) or not _is_surely_column(column, source_columns):
            return None
        if column is whole:
            kinds[name] = "identity"
        elif aggregated:
            kinds[name] = "aggregation"
        else:
            kinds.setdefault(name, "transformation")
    return tuple(ColumnSource(name, kind) for name, kind in kinds.items())


def _select_of(query: str, *openings: str) -> tuple[str | None, Any]:
    """Extract the ``SELECT`` of a query, because sqlglot cannot parse Druid's ``OVERWRITE`` and ``PARTITIONED``."""
    import sqlglot

    if len(query) > LONGEST_EXPRESSION:
        return None, None
    dialect = druid_dialect()
    try:
        tokens = [token for token in dialect().tokenize(query) if token.text != ";"]
        # The original text, so that a quoted word is not a keyword; only its first word, as in "PARTITIONED BY".
        words = [query[token.start : token.end + 1].upper().split()[0] for token in tokens]
        if words[0] not in ("INSERT", "REPLACE") or words[1] != "INTO":
            return None, None
        name = 4 if words[3] == "." else 2
        start = next(index for index, word in enumerate(words) if word in openings)
        if words[name + 1] not in (*openings, "OVERWRITE"):
            return None, None
        end = next((index for index, word in enumerate(words) if word in ("PARTITIONED", "CLUSTERED")), len(words))
        text = query[tokens[start].start : tokens[end - 1].end + 1]
        return tokens[name].text, sqlglot.parse_one(text, read=dialect)
    except Exception:
        # As in expressions: any exception while a user's text is parsed, our own StopIteration included, means unknown.
        return None, None


def columns_of(tree: Any, *, marked: bool = False) -> Iterator[tuple[Any, bool]]:
    """
    Yield each column of an expression, and whether it is an argument, filter or order of an aggregate function.

    :param tree: The syntax tree by sqlglot.
    :param marked: Whether the expression is an aggregation, if it calls no known aggregate function.
    """
    from sqlglot import exp

    modifiers = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)
    calls = list(calls_of(tree))
    names = {id(node): name for name, node in calls}
    aggregates = {id(node) for name, node in calls if name in AGGREGATES}
    if marked and not aggregates:
        aggregates = {id(node) for name, node in calls if isinstance(node, exp.Anonymous) and name not in KNOWN}
    # Walk from the top with a stack, because a search for the ancestors of each column is slow in a sum of thousands.
    stack = [(tree, False, False)]
    while stack:
        node, aggregated, windowed = stack.pop()
        if isinstance(node, exp.Column):
            if not is_bare_clock(node):
                yield node, aggregated
            continue
        inner = node
        while isinstance(inner, modifiers):
            inner = inner.this
        if id(inner) in aggregates and not windowed:
            aggregated = True
        children = list(node.iter_expressions())
        if names.get(id(node)) in _TAKES_UNIT and children and _is_bare(children[0]):
            del children[0]
        for child in reversed(children):
            applied = isinstance(node, exp.Window) or (windowed and isinstance(node, modifiers))
            stack.append((child, aggregated, applied and child is node.this))


def _is_surely_column(column: Any, source_columns: Collection[str] | None) -> bool:
    return source_columns is None or not _is_bare(column) or str(column.name) in source_columns


def _is_bare(node: Any) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Column) and not node.table and not node.this.args.get("quoted")
