# SPDX-License-Identifier: Apache-2.0
"""
Analyze Druid SQL expressions (mappings, filters); performs no I/O, changes no text and never raises.

An expression that sqlglot cannot parse is *unknown*: this package draws no conclusion, and Polaris decides.
sqlglot is imported inside functions, so that the import of an operator stays fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.sql.functions import AGGREGATES, CLOCK, SCALARS
from airflow_provider_polaris.jobs.sql.parsing import parse_sql
from airflow_provider_polaris.jobs.sql.reserved_words import unquoted_word

#: Known functions of Polaris, in upper case.
KNOWN: Final = AGGREGATES | CLOCK | SCALARS


#: Functions without parentheses that sqlglot parses as columns.
_BARE_CLOCK: Final = frozenset({"LOCALTIME", "LOCALTIMESTAMP"})


_PERIOD_BY_UNIT: Final = {
    "SECOND": "PT1S",
    "MINUTE": "PT1M",
    "HOUR": "PT1H",
    "DAY": "P1D",
    "WEEK": "P1W",
    "MONTH": "P1M",
    "QUARTER": "P3M",
    "YEAR": "P1Y",
}


@dataclass(frozen=True, slots=True)
class TimeFloor:
    """
    An expression that rounds a time down.

    :param period: ISO 8601 period, as written; ``FLOOR(... TO HOUR)`` and ``DATE_TRUNC('hour', ...)`` give PT1H.
    :param of_time: The rounded time is the plain column ``__time``.
    :param zone: Time zone argument of ``TIME_FLOOR``, if any; otherwise the buckets are in UTC.
    :param has_origin: ``TIME_FLOOR`` has an origin argument, so its buckets may start at any time.
    """

    period: str
    of_time: bool
    zone: str | None = None
    has_origin: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """
    The analyzed content of an expression.

    :param aggregates: Upper-case names of aggregate functions, in the order written. Excludes window functions
        (``SUM(x) OVER (...)``) and functions in a subquery, because they do not aggregate the rows of the job.
    :param functions: Upper-case names of all functions.
    :param has_unknown_function: It calls an unknown function, which may be an aggregate.
    :param counts_rows: It has a ``COUNT`` without ``DISTINCT``.
    :param column: Name of the column, if the expression is only a column.
    :param time_floor: See :class:`TimeFloor`; None if the expression does not round a time down.
    :param constant: The text, if the expression is only a string literal.
    :param unquoted_word: A reserved word that it uses as a name without double quotes.
    """

    aggregates: tuple[str, ...]
    functions: frozenset[str]
    has_unknown_function: bool
    counts_rows: bool
    column: str | None
    time_floor: TimeFloor | None
    constant: str | None
    unquoted_word: str | None

    @property
    def clock_functions(self) -> tuple[str, ...]:
        """Sorted names of the functions that depend on the time at which the job runs."""
        return tuple(sorted(self.functions & CLOCK))

    @property
    def is_surely_scalar(self) -> bool:
        """Whether the expression has neither an aggregate nor an unknown function."""
        return not self.aggregates and not self.has_unknown_function


def read_expression(expression: str) -> Reading | None:
    """
    Parse one Druid SQL expression.

    :param expression: A mapping's or filter's text.
    :return: None if the expression cannot be parsed.
    """
    tree = parse_sql(expression)
    return None if tree is None else read_tree(tree)


def read_tree(tree: Any) -> Reading:
    """
    Analyze the syntax tree of an expression.

    :param tree: The tree by sqlglot, not a part of another one.
    """
    from sqlglot import exp

    calls = list(calls_of(tree))
    return Reading(
        aggregates=tuple(dict.fromkeys(name for name, node in calls if name in AGGREGATES and _aggregates_rows(node))),
        functions=frozenset(name for name, _ in calls),
        has_unknown_function=any(isinstance(node, exp.Anonymous) and name not in KNOWN for name, node in calls),
        counts_rows=any(name == "COUNT" and _aggregates_rows(node) and not _is_distinct(node) for name, node in calls),
        column=_column_name(tree),
        time_floor=_time_floor(tree),
        constant=str(tree.unnest().name) if _is_text(tree.unnest()) else None,
        unquoted_word=unquoted_word(tree),
    )


def find_aggregates(expression: str) -> tuple[str, ...]:
    """
    Return the aggregate functions of an expression.

    >>> find_aggregates('CASE WHEN SUM("a") > 0 THEN MAX("b") END'), find_aggregates('UPPER("MAX")')
    (('SUM', 'MAX'), ())

    :return: As :attr:`Reading.aggregates`; empty if the expression can't be parsed.
    """
    reading = read_expression(expression)
    return reading.aggregates if reading else ()


def calls_of(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield each function call with its upper-case name, in the order written."""
    from sqlglot import exp

    for node in tree.dfs():
        if isinstance(node, exp.Anonymous):
            yield str(node.name).upper(), node
        elif isinstance(node, exp.Func) and not isinstance(node, exp.Connector):
            name = "STRING_AGG" if isinstance(node, exp.GroupConcat) else str(node.sql_name()).upper()
            yield name, node
        elif is_bare_clock(node):
            yield node.name.upper(), node


def is_bare_clock(node: Any) -> bool:
    """Whether a column node is really a function without parentheses."""
    from sqlglot import exp

    if not isinstance(node, exp.Column) or node.table or node.this.args.get("quoted"):
        return False
    return node.name.upper() in _BARE_CLOCK


def _aggregates_rows(call: Any) -> bool:
    from sqlglot import exp

    modifiers = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)
    wrapped = call
    while isinstance(wrapped.parent, modifiers) and wrapped.arg_key == "this":
        wrapped = wrapped.parent
    if isinstance(wrapped.parent, exp.Window) and wrapped.arg_key == "this":
        return False
    return call.find_ancestor(exp.Query) is None


def _is_distinct(call: Any) -> bool:
    from sqlglot import exp

    return any(isinstance(argument, exp.Distinct) for argument in call.expressions)


def _column_name(tree: Any) -> str | None:
    from sqlglot import exp

    node = tree.unnest()
    return str(node.name) if isinstance(node, exp.Column) and not node.table else None


def _time_floor(tree: Any) -> TimeFloor | None:
    from sqlglot import exp

    node = tree.unnest()
    if isinstance(node, exp.Floor) and node.args.get("to") is not None:
        period = _PERIOD_BY_UNIT.get(str(node.args["to"].name).upper())
        return TimeFloor(period, _column_name(node.this) == "__time") if period else None
    if not isinstance(node, exp.Anonymous):
        return None
    name, arguments = str(node.name).upper(), node.expressions
    if name == "DATE_TRUNC" and len(arguments) == 2 and _is_text(arguments[0]):
        period = _PERIOD_BY_UNIT.get(str(arguments[0].name).upper())
        return TimeFloor(period, _column_name(arguments[1]) == "__time") if period else None
    if name == "TIME_FLOOR" and len(arguments) >= 2 and _is_text(arguments[1]):
        origin, zone = [*arguments[2:4], None, None][:2]
        return TimeFloor(
            period=str(arguments[1].name),
            of_time=_column_name(arguments[0]) == "__time",
            zone=None if zone is None or isinstance(zone, exp.Null) else str(zone.name),
            has_origin=origin is not None and not isinstance(origin, exp.Null),
        )
    return None


def _is_text(node: Any) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Literal) and bool(node.is_string)
