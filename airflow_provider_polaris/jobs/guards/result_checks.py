# SPDX-License-Identifier: Apache-2.0
"""
Build the query that checks what a job has written, and read its answer; performs no I/O.

A check is a condition in Druid SQL. One with an aggregate function is evaluated once, over all rows. One without is
evaluated for each row, and must be true for all of them. NULL is not true, as in Airflow's ``SQLTableCheckOperator``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.guards.conflicts import written_intervals
from airflow_provider_polaris.jobs.sql.expressions import read_expression
from airflow_provider_polaris.jobs.sql.functions import AGGREGATES
from airflow_provider_polaris.jobs.sql.ingestion.column_flow import query_columns
from airflow_provider_polaris.jobs.sql.ingestion.statement import described_statement
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.single_expression import enclose
from airflow_provider_polaris.jobs.sql.time_filter import inside_any
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval

#: Strings, quoted names and comments, which contain no call; brackets; and names.
_PART: Final = re.compile(
    r"""'[^']*'|"[^"]*"|--[^\n\r]*|/\*.*?\*/|(?P<open>\()|(?P<close>\))|(?P<name>[A-Za-z_]\w*)""", re.DOTALL
)
_FILTER: Final = re.compile(r"\s*FILTER\s*(?=\()", re.IGNORECASE)
#: Aggregates whose value says nothing to a person: sketches.
_UNREADABLE: Final = frozenset({"BLOOM_FILTER", "TDIGEST_GENERATE_SKETCH", "MEAN_TIMESERIES", "TIMESERIES"})
#: Most values that one condition shows.
_MOST_VALUES: Final = 4
_ZONE: Final = "sqlTimeZone"


@dataclass(frozen=True)
class WrittenRows:
    """
    What a job has written.

    :param table: Its target.
    :param intervals: Where it wrote; all of time if that is the whole table, or unknown.
    :param columns: Names of the columns that it wrote, as far as they are known.
    :param context: Query context in which its times are read.
    """

    table: str
    intervals: tuple[Interval, ...]
    columns: frozenset[str]
    context: Mapping[str, Any]

    @classmethod
    def of_job(cls, table: str, job: Mapping[str, Any], spec: Mapping[str, Any]) -> WrittenRows:
        """
        Read what a job has written from its description.

        :param table: Its target.
        :param job: The description.
        :param spec: The spec in it.
        """
        mappings = spec.get("mappings")
        columns = {each.get("columnName") for each in mappings or () if isinstance(each, Mapping)}
        statement = described_statement(job)
        if statement is not None:
            columns |= set(query_columns(statement.select) or ())
        context = spec.get("context")
        zone = context.get(_ZONE) if isinstance(context, Mapping) else None
        return cls(
            table,
            written_intervals(job, is_whole=True) or (Interval.ETERNITY,),
            frozenset(name for name in columns if isinstance(name, str)),
            {_ZONE: zone or "UTC"},
        )


@dataclass(frozen=True)
class CheckedValue:
    """
    The result of one check.

    :param name: Name of the check.
    :param condition: Its condition, as the user wrote it.
    :param is_met: Whether it is true.
    :param found: What was found, as the end of a sentence.
    """

    name: str
    condition: str
    is_met: bool
    found: str


@dataclass(frozen=True)
class _Check:
    name: str
    condition: str
    is_for_each_row: bool
    values: tuple[str, ...]

    @classmethod
    def of(cls, name: str, condition: str) -> _Check:
        reading = read_expression(condition)
        values = () if re.search(r"\bSELECT\b", condition, re.IGNORECASE) else aggregate_calls(condition)
        return cls(name, condition, reading is not None and reading.is_surely_scalar, values[:_MOST_VALUES])

    def select(self, number: int) -> list[str]:
        condition = enclose(self.condition, field_of(self.name))
        met, unmet = ("0", "1") if self.is_for_each_row else ("1", "0")
        case = f"CASE WHEN {condition} THEN {met} ELSE {unmet} END"
        if self.is_for_each_row:
            case = f"SUM({case})"
        values = [f'{enclose(text, "")} AS "value_{number}_{index}"' for index, text in enumerate(self.values)]
        return [f'{case} AS "check_{number}"', *values]

    def read(self, number: int, row: Mapping[str, Any], rows: int) -> CheckedValue:
        answer = row.get(f"check_{number}")
        if self.is_for_each_row:
            found = f"{answer or 0:,} of {rows:,} rows don't meet it" if rows else "there are no rows to check"
            return CheckedValue(self.name, self.condition, rows > 0 and answer == 0, found)
        shown = [f"{text} is {_show(row.get(f'value_{number}_{index}'))}" for index, text in enumerate(self.values)]
        return CheckedValue(self.name, self.condition, answer == 1, ", ".join(shown) or "it is false or NULL")


@dataclass(frozen=True)
class ResultChecks:
    """
    The checks of one job.

    :param written: What the job has written.
    :param conditions: Condition of each check, by its name.
    """

    written: WrittenRows
    conditions: Mapping[str, str]

    @cached_property
    def _checks(self) -> list[_Check]:
        return [_Check.of(name, condition) for name, condition in self.conditions.items()]

    @property
    def words(self) -> dict[str, str]:
        """The user's parts of the query, by argument name."""
        return {field_of(name): condition for name, condition in self.conditions.items()}

    def sql(self) -> str:
        """
        Return the query, which answers one row.

        :raises PolarisSpecError: A condition is not one SQL expression.
        """
        columns = ['COUNT(*) AS "n"']
        for number, check in enumerate(self._checks):
            columns += check.select(number)
        lines = ",\n  ".join(columns)
        where = ""
        if Interval.ETERNITY not in self.written.intervals:
            where = f"\nWHERE {inside_any(quote_identifier('__time'), self.written.intervals)}"
        return f"SELECT\n  {lines}\nFROM {quote_identifier(self.written.table)}{where}"

    def read(self, rows: Sequence[Mapping[str, Any]]) -> tuple[int, list[CheckedValue]]:
        """
        Parse the answer to the query.

        :param rows: One row; none if the table has no data at all.
        :return: Number of stored rows, and the result of each check.
        :raises PolarisProtocolError: The answer has another format.
        """
        row = rows[0] if rows else {}
        number = row.get("n", 0 if not rows else None)
        if not isinstance(number, int) or len(rows) > 1:
            raise PolarisProtocolError(
                f"The service answered the checks with {len(rows)} rows and n {quote(number)}, not with one row and a "
                "whole number."
            )
        return number, [check.read(index, row, number) for index, check in enumerate(self._checks)]


def field_of(name: str) -> str:
    """Return how messages name a check."""
    return f"checks[{name!r}]"


def aggregate_calls(condition: str) -> tuple[str, ...]:
    """
    Return the outermost calls of aggregate functions in a condition, as they are written, each once.

    >>> aggregate_calls('SUM("a") FILTER (WHERE "b" > 0) >= 0.5 * COUNT(*) AND "MAX(x)" <> 2')
    ('SUM("a") FILTER (WHERE "b" > 0)', 'COUNT(*)')

    :param condition: A condition with balanced brackets and quotes.
    """
    calls: dict[str, None] = {}
    at = 0
    while found := _PART.search(condition, at):
        at = found.end()
        name = (found["name"] or "").upper()
        opening = re.compile(r"\s*(?=\()").match(condition, at)
        if name not in AGGREGATES or name in _UNREADABLE or name.startswith("DS_") or opening is None:
            continue
        at = _after_bracket(condition, opening.end())
        if (clause := _FILTER.match(condition, at)) is not None:
            at = _after_bracket(condition, clause.end())
        calls[condition[found.start() : at]] = None
    return tuple(calls)


def _after_bracket(text: str, at: int) -> int:
    """Return the index after the bracket that closes the one at an index."""
    depth = 0
    for found in _PART.finditer(text, at):
        depth += bool(found["open"]) - bool(found["close"])
        if depth == 0 and found["close"]:
            return found.end()
    return len(text)


def _show(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else quote(value)
