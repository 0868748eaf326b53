"""
Which columns of the source each column of the target comes from; performs no I/O and never fails.

Read from the job's mappings, or its statement, with sqlglot, which is imported inside functions because importing an
operator must stay cheap. What can't be read for sure is *unknown*: a wrong arrow in a lineage graph is worse than none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from airflow_provider_polaris.jobs.sql.expressions import (
    KNOWN,
    LONGEST_EXPRESSION,
    calls_of,
    druid_dialect,
    is_bare_clock,
    parse_sql,
)
from airflow_provider_polaris.jobs.sql.functions import AGGREGATES

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec

#: What happens to a value on its way: nothing, something row by row, or many rows become one value.
Kind = Literal["identity", "transformation", "aggregation"]

#: The schema of tables, which a statement may name. Source: docs.imply.io/polaris/sql-ingestion-reference.
_SCHEMA: Final = "druid"

#: Functions whose first argument is a unit of time, a bare word that sqlglot takes for a column.
_TAKES_UNIT: Final = frozenset({"TIMESTAMPADD", "TIMESTAMPDIFF"})


class ColumnSource(NamedTuple):
    """
    One column that a value is made of.

    :param column: Name of the column in the source.
    :param kind: See :data:`Kind`.
    """

    column: str
    kind: Kind


class StatementLineage(NamedTuple):
    """
    What a statement reads and writes.

    :param source: The one table that it reads.
    :param target: The table that it writes.
    :param columns: As :func:`column_lineage` returns; without columns that have no name of their own.
    """

    source: str
    target: str
    columns: dict[str, tuple[ColumnSource, ...] | None]


def column_lineage(
    spec: BatchJobSpec, source_columns: Collection[str] | None = None
) -> dict[str, tuple[ColumnSource, ...] | None]:
    """
    Return the sources of each column that a job writes by its mappings.

    A job over a table that maps other columns but no ``__time`` takes that as it is
    (docs.imply.io/polaris/api-ingest-table), so it is listed. The ``__count`` that Polaris adds is not: it counts rows
    and comes from no column. What a job without any mapping writes is not documented, so nothing is listed.

    :param spec: The job.
    :param source_columns: As in :func:`expression_lineage`.
    :return: By name of the target column, in the order of the mappings: its sources as in :func:`expression_lineage`.
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
    Return the columns that an expression reads, and what it does with each.

    Conditions count: a column that decides which value is taken is a source like the value's own. A column that is both
    aggregated and not is aggregated. Window functions transform, because they keep the rows apart.

    >>> expression_lineage('SUM(CASE WHEN "pays" THEN "price" END)')
    (ColumnSource(column='pays', kind='aggregation'), ColumnSource(column='price', kind='aggregation'))
    >>> expression_lineage("COUNT(*)"), expression_lineage('UPPER("city"'), expression_lineage('("city")')
    ((), None, (ColumnSource(column='city', kind='identity'),))

    :param expression: Druid SQL, as in a mapping.
    :param is_aggregation: What the mapping says of itself; it decides where the expression calls functions that this
        package doesn't know, and no aggregate that it knows.
    :param source_columns: What the source is known to have. A word without quotes that isn't among them may be a word
        of SQL, so the answer is unknown. Names in quotes are columns even if they aren't listed, because a table may
        have more columns than it declares (docs.imply.io/polaris/table-schema).
    :return: Each column once, in the order of the expression; empty if it reads none; None if it is unknown: it can't
        be parsed, has a subquery, or names a column together with its table.
    """
    tree = parse_sql(expression)
    return None if tree is None else _sources(tree, marked=is_aggregation is True, source_columns=source_columns)


def statement_lineage(query: str, source_columns: Collection[str] | None = None) -> StatementLineage | None:
    """
    Read an ``INSERT INTO`` or ``REPLACE INTO`` that selects from one table.

    >>> found = statement_lineage('INSERT INTO "hourly" SELECT UPPER("city") AS "town" FROM "raw" PARTITIONED BY DAY')
    >>> found.source, found.target, found.columns["town"]
    ('raw', 'hourly', (ColumnSource(column='city', kind='transformation'),))

    :param query: The statement of a SQL job.
    :param source_columns: As in :func:`expression_lineage`.
    :return: None if it is unknown: it can't be parsed, reads anything but one table (a join, a subquery, a
        ``WITH``, a ``UNION``, files), selects ``*``, or lists the columns of the target.
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
    Return the tables that an ``INSERT INTO`` or ``REPLACE INTO`` reads, also where their columns get mixed.

    >>> tables_read('INSERT INTO t WITH w AS (SELECT * FROM "raw") SELECT a FROM w JOIN u ON w.x = u.x')
    ('raw', 'u')

    :param query: The statement of a SQL job.
    :return: Each once, sorted; without files, lookups and system tables. None if it can't be parsed.
    """
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    target, tree = _select_of(query, "SELECT", "WITH")
    if target is None or not isinstance(tree, exp.Query):
        return None
    try:
        # A scope knows which names are those of a WITH, also where one hides a table.
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
    for column, aggregated in _columns(tree, marked):
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
    """Cut the ``SELECT`` out of a statement, because sqlglot doesn't read Druid's ``OVERWRITE`` and ``PARTITIONED``."""
    import sqlglot

    if len(query) > LONGEST_EXPRESSION:
        return None, None
    dialect = druid_dialect()
    try:
        tokens = [token for token in dialect().tokenize(query) if token.text != ";"]
        # As written, so that what stands in quotes is no keyword; the first word only, as in "PARTITIONED BY".
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
        # As in expressions: whatever a parser throws at a user's text, a StopIteration of ours included, means unknown.
        return None, None


def _columns(tree: Any, marked: bool) -> Iterator[tuple[Any, bool]]:
    """Yield each column with whether an aggregate function takes it, its filter and order included."""
    from sqlglot import exp

    modifiers = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)
    calls = list(calls_of(tree))
    names = {id(node): name for name, node in calls}
    aggregates = {id(node) for name, node in calls if name in AGGREGATES}
    if marked and not aggregates:
        aggregates = {id(node) for name, node in calls if isinstance(node, exp.Anonymous) and name not in KNOWN}
    # By hand and from the top, because asking each column for its ancestors takes forever in a sum of thousands.
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
