# SPDX-License-Identifier: Apache-2.0
"""
Find out what a SELECT reads and returns, by its syntax tree; performs no I/O and never raises.

What can't be read for sure is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.expressions import read_tree
from airflow_provider_polaris.jobs.sql.ingestion.time_condition import literal_instant
from airflow_provider_polaris.jobs.sql.parsing import parse_query
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

_TIME: Final = "__time"
_DRUID: Final = ("", "druid")
#: Schemas whose tables hold no data of the project. Source: druid.apache.org/docs/latest/querying/sql-metadata-tables.
_OTHER_SCHEMAS: Final = ("lookup",)
#: Table functions that read files. APPEND reads tables, and an extension may add any other.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference and /docs/latest/querying/sql-functions (APPEND).
_FILES: Final = ("EXTERN", "HTTP", "INLINE", "LOCALFILES", "S3")
_NOTHING: Final = timedelta()
_MILLISECOND: Final = timedelta(milliseconds=1)
_FLIPPED: Final = {"GT": "LT", "GTE": "LTE", "LT": "GT", "LTE": "GTE"}


@dataclass(frozen=True)
class TableRead:
    """
    One place in a SELECT that reads a table.

    :param table: The table.
    :param span: An interval of ``__time`` outside of which no row is read there; None if the ``WHERE`` of that SELECT
        names none, or none that can be read for sure.
    """

    table: str
    span: Interval | None = None


@dataclass(frozen=True)
class Selection:
    """
    What a SELECT reads and returns.

    :param reads: Each place that reads a table, in the order of the text; without lookups and files.
    :param columns: Names of its columns, empty for one without a name; None if it has a ``*``.
    :param groups: Whether it merges rows: by ``GROUP BY``, ``DISTINCT`` or an aggregate function.
    :param keeps_time: Whether its ``__time`` is that of the only table it reads, unchanged or rounded down.
    :param time_granularity: Granularity of its ``__time``, if that is a plain column or rounded down; None if unknown.
    """

    reads: tuple[TableRead, ...]
    columns: tuple[str, ...] | None
    groups: bool
    keeps_time: bool
    time_granularity: Granularity | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables, each once, sorted."""
        return tuple(sorted({read.table for read in self.reads}))


def read_selection(select: str, zone: tzinfo) -> Selection | None:
    """
    Return what a SELECT reads and returns.

    :param select: The query, without ``PARTITIONED BY``.
    :param zone: Time zone of its ``TIMESTAMP`` literals.
    :return: None if it can't be parsed, or reads something else than tables, lookups, files and values.
    """
    from sqlglot import exp

    tree = parse_query(select)
    if not isinstance(tree, exp.Select):
        return None
    try:
        reads = list(_reads(tree, zone))
    except Exception:
        # As in parsing: any exception while a user's text is analyzed means unknown.
        return None
    if any(read is None for read in reads):
        return None
    found = tuple(read for read in reads if read is not None)
    keeps_time = len(found) == 1 and _keeps_time(tree)
    return Selection(found, _columns(tree), _groups(tree), keeps_time, _time_granularity(tree, keeps_time))


def _reads(tree: Any, zone: tzinfo) -> Iterator[TableRead | None]:
    """Yield each read of a table; None for one that is unknown."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    seen: dict[int, TableRead | None] = {}
    other = set()
    for scope in traverse_scope(tree):
        for table in scope.tables:
            source = scope.sources.get(table.alias_or_name)
            if isinstance(source, exp.Table) and source is table:
                if _reads_files(table.this) or table.db in _OTHER_SCHEMAS:
                    other.add(id(table))
                elif _is_plain(table):
                    span = _span(scope.expression, table.alias_or_name, len(scope.selected_sources) == 1, zone)
                    seen[id(table)] = TableRead(str(table.name), span)
                else:
                    seen[id(table)] = None
            elif source is not None and not isinstance(source, exp.Table) and not table.db:
                other.add(id(table))  # a name of a WITH
            else:
                seen[id(table)] = None
    for table in tree.find_all(exp.Table, bfs=False):
        if id(table) not in other:
            yield seen.get(id(table))


def _is_plain(table: Any) -> bool:
    from sqlglot import exp

    is_named = isinstance(table.this, exp.Identifier) and not table.catalog and table.db in _DRUID
    return is_named and table.args.get("sample") is None


def _reads_files(relation: Any) -> bool:
    """Return whether a relation is a function that reads files; an input source may also be a table of Druid."""
    from sqlglot import exp

    calls = relation.expressions if isinstance(relation, exp.Anonymous) and relation.name.upper() == "TABLE" else ()
    if len(calls) != 1 or not isinstance(calls[0], exp.Anonymous) or calls[0].name.upper() not in _FILES:
        return False
    return not any('"druid"' in literal.name for literal in calls[0].find_all(exp.Literal))


def _span(select: Any, alias: str, is_alone: bool, zone: tzinfo) -> Interval | None:
    """Return the interval to which the terms of a WHERE, joined by AND, restrict ``__time`` of a relation."""
    from sqlglot import exp

    where = select.args.get("where") if isinstance(select, exp.Select) else None
    if where is None:
        return None
    start, end = Interval.ETERNITY.start, Interval.ETERNITY.end
    is_bounded = False
    for term in _terms(where.this):
        bounds = _bounds(term, alias, is_alone, zone)
        if bounds is not None:
            is_bounded = True
            start, end = max(start, bounds[0]), min(end, bounds[1])
    try:
        return Interval(start, end) if is_bounded else None
    except PolarisSpecError:
        return None  # contradictory terms: nothing is read


def _terms(condition: Any) -> Iterator[Any]:
    from sqlglot import exp

    node = condition.unnest()
    if isinstance(node, exp.And):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield node


def _bounds(term: Any, alias: str, is_alone: bool, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """Return the half-open bounds of a term about ``__time``; None if it says nothing about it, or nothing sure."""
    from sqlglot import exp

    first, last = Interval.ETERNITY.start, Interval.ETERNITY.end

    def is_time(node: Any) -> bool:
        node = node.unnest()
        if not isinstance(node, exp.Column) or node.name != _TIME or node.args.get("db"):
            return False
        return node.table == alias or (is_alone and not node.table)

    if isinstance(term, exp.Between) and is_time(term.this) and not term.args.get("symmetric"):
        low, high = (_instant(term.args[name], zone) for name in ("low", "high"))
        return None if low is None or high is None else (low, high + _MILLISECOND)
    if isinstance(term, exp.GT | exp.GTE | exp.LT | exp.LTE):
        word = type(term).__name__
        if is_time(term.left):
            instant = _instant(term.right, zone)
        elif is_time(term.right):
            instant, word = _instant(term.left, zone), _FLIPPED[word]
        else:
            return None
        if instant is None:
            return None
        after = instant + (_MILLISECOND if word in ("GT", "LTE") else _NOTHING)
        return (after, last) if word in ("GT", "GTE") else (first, after)
    if isinstance(term, exp.Anonymous) and term.name.upper() == "TIME_IN_INTERVAL" and len(term.expressions) == 2:
        column, text = term.expressions
        # Druid reads an interval without a zone in that of the query.
        if (
            zone is timezone.utc
            and is_time(column)
            and isinstance(text, exp.Literal)
            and text.is_string
            and "P" not in text.name.upper()
        ):
            try:
                span = Interval.parse(str(text.name))
            except PolarisSpecError:
                return None
            return (span.start, span.end)
    return None


def _instant(node: Any, zone: tzinfo) -> datetime | None:
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.Cast) and node.to.this in (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ):
        text = node.this
        if isinstance(text, exp.Literal) and text.is_string:
            try:
                return literal_instant(str(text.name), zone)
            except ValueError:
                return None
    return None


def _columns(tree: Any) -> tuple[str, ...] | None:
    from sqlglot import exp

    if any(isinstance(item.unalias(), exp.Star) or item.is_star for item in tree.expressions):
        return None
    named = (exp.Alias, exp.Column)
    return tuple(str(item.alias_or_name) if isinstance(item, named) else "" for item in tree.expressions)


def _groups(tree: Any) -> bool:
    if tree.args.get("group") is not None or tree.args.get("distinct") is not None:
        return True
    return any(read_tree(item.unalias().copy()).aggregates for item in tree.expressions)


def _keeps_time(tree: Any) -> bool:
    from sqlglot import exp

    # The time could come from any other relation. A lookup has only the columns k and v.
    relations = [each for each in tree.find_all(exp.Table) if each.db not in _OTHER_SCHEMAS]
    if len(list(tree.find_all(exp.Query))) != 1 or len(relations) != 1 or tree.find(exp.Values, exp.Lateral):
        return False
    if any(_TIME in each.alias_column_names for each in tree.find_all(exp.Unnest)):
        return False
    for item in tree.expressions:
        if isinstance(item, exp.Star) or item.is_star:
            return True
        if item.alias_or_name == _TIME:
            value = item.unalias()
            if isinstance(value, exp.Column):
                return str(value.name) == _TIME
            floor = read_tree(value.copy()).time_floor
            return floor is not None and floor.of_time and not floor.has_origin
    return False


def _time_granularity(tree: Any, keeps_time: bool) -> Granularity | None:
    from sqlglot import exp

    for item in tree.expressions:
        if item.alias_or_name != _TIME or isinstance(item, exp.Star) or item.is_star:
            continue
        value = item.unalias()
        if isinstance(value, exp.Column):
            return Granularity.MILLISECOND
        floor = read_tree(value.copy()).time_floor
        if floor is None or floor.has_origin or floor.zone not in (None, "UTC"):
            return None
        try:
            return Granularity.parse(floor.period)
        except PolarisSpecError:
            return None
    return Granularity.MILLISECOND if keeps_time else None
