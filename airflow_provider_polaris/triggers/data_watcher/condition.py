# SPDX-License-Identifier: Apache-2.0
"""
The data that a task waits for, as SQL, and the evaluation of the answer. Pure: performs no I/O and reads no clock.

All conditions on a table fit into one SELECT. Each condition reads only the time range that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.single_expression import enclose
from airflow_provider_polaris.jobs.sql.time_filter import inside, inside_any
from airflow_provider_polaris.jobs.time.instant import (
    OPEN_END,
    UnreadableInstantError,
    format_instant,
    parse_instant,
    quote,
)
from airflow_provider_polaris.jobs.time.interval import Interval, merge

#: The newest row is searched from this long before the wanted instant, to report the progress of the data.
_SEARCH_BEFORE: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class TableData:
    """
    Result of one query of a table.

    :param has_table: Whether the table exists.
    :param newest: ``__time`` of the newest row, if one exists from 1 day before the wanted instant on.
    :param rows: Rows in the interval; None if not counted.
    """

    has_table: bool
    newest: datetime | None = None
    rows: int | None = None


@dataclass(frozen=True)
class DataCondition:
    """
    Condition on a table. At least one of ``up_to`` and ``min_rows`` is set.

    :param table: The table.
    :param up_to: Requires a row of this instant or later.
    :param interval: Interval in which ``min_rows`` are counted.
    :param min_rows: Minimum number of rows.
    :param filter: Count only rows that meet this SQL condition.
    """

    table: str
    up_to: datetime | None = None
    interval: Interval | None = None
    min_rows: int | None = None
    filter: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the condition as JSON scalars by field name."""
        return {
            "table": self.table,
            "up_to": None if self.up_to is None else format_instant(self.up_to),
            "interval": None if self.interval is None else self.interval.to_wire(),
            "min_rows": self.min_rows,
            "filter": self.filter,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DataCondition:
        """Parse the result of :meth:`to_json`."""
        up_to, interval = fields["up_to"], fields["interval"]
        return cls(
            table=fields["table"],
            up_to=None if up_to is None else parse_instant(up_to),
            interval=None if interval is None else Interval.parse(interval),
            min_rows=fields["min_rows"],
            filter=fields["filter"],
        )

    @property
    def windows(self) -> tuple[Interval, ...]:
        """The time ranges that the query reads."""
        spans = [] if self.up_to is None else [Interval(self._search_start, OPEN_END)]
        return (*spans, self.interval) if self.min_rows is not None and self.interval is not None else tuple(spans)

    def columns(self, number: int) -> list[str]:
        """
        Return the SELECT columns of this condition.

        :param number: Suffix of the column names.
        :raises PolarisSpecError: The filter is not one SQL expression.
        """
        columns = []
        if self.up_to is not None:
            rows = self._filter(Interval(self._search_start, OPEN_END))
            # The count is needed, too: the MAX of no rows depends on how the service treats NULL.
            columns += [f'MAX("__time") {rows} AS "newest{number}"', f'COUNT(*) {rows} AS "recent{number}"']
        if self.min_rows is not None and self.interval is not None:
            columns.append(f'COUNT(*) {self._filter(self.interval)} AS "rows{number}"')
        return columns

    def read(self, row: Mapping[str, Any] | None, number: int) -> TableData:
        """
        Parse the answer.

        :param row: The single row of the answer; None for a table without data.
        :param number: As for :meth:`columns`.
        :raises PolarisProtocolError: The answer is malformed.
        """
        newest = rows = None
        if self.up_to is not None and row is not None and _whole(row, f"recent{number}"):
            newest = _instant(row, f"newest{number}")
        if self.min_rows is not None:
            rows = 0 if row is None else _whole(row, f"rows{number}")
        return TableData(True, newest, rows)

    def is_met(self, seen: TableData) -> bool:
        """Return whether the table meets the condition."""
        if self.up_to is not None and (seen.newest is None or seen.newest < self.up_to):
            return False
        return self.min_rows is None or (seen.rows is not None and seen.rows >= self.min_rows)

    def describe(self, seen: TableData) -> str:
        """Return a log sentence with the found and the wanted data."""
        name = f"table {self.table!r}" + ("" if self.filter is None else " (rows that pass filter_expression)")
        if not seen.has_table:
            return f"Waiting for data of {name}, which does not exist (yet)."
        found = []
        if self.up_to is not None:
            newest = f"newest row {format_instant(seen.newest)}" if seen.newest is not None else self._no_row
            found.append(f"{newest}, wanted {format_instant(self.up_to)} or later")
        if self.min_rows is not None and self.interval is not None:
            found.append(f"{seen.rows:,} rows in {self.interval.to_wire()!r}, wanted {self.min_rows:,}")
        begin = f"The data of {name} is there" if self.is_met(seen) else f"Waiting for data of {name}"
        return f"{begin}: {'; '.join(found)}."

    @property
    def _no_row(self) -> str:
        return f"no row since {format_instant(self._search_start)}"

    @property
    def _search_start(self) -> datetime:
        assert self.up_to is not None
        return self.up_to - _SEARCH_BEFORE if self.up_to > _EPOCH else self.up_to

    def _filter(self, span: Interval) -> str:
        terms = [inside('"__time"', span)]
        if self.filter is not None:
            terms.append(enclose(self.filter, "filter_expression"))
        return f"FILTER (WHERE {' AND '.join(terms)})"


def select(conditions: Sequence[DataCondition]) -> str:
    """
    Return the SQL that evaluates all conditions on a table.

    :param conditions: At least one; all on the same table.
    :raises PolarisSpecError: A filter is not one SQL expression.
    """
    columns = [column for number, condition in enumerate(conditions) for column in condition.columns(number)]
    spans = merge(span for condition in conditions for span in condition.windows)
    within = inside_any('"__time"', spans)
    listed = ",\n  ".join(columns)
    return f"SELECT\n  {listed}\nFROM {quote_identifier(conditions[0].table)}\nWHERE {within}"


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolarisProtocolError(
            f"The service answered a count with {name} {quote(value)}, which is no whole number."
        )
    return value


def _instant(row: Mapping[str, Any], name: str) -> datetime:
    value = row.get(name)
    try:
        if isinstance(value, str):
            return parse_instant(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=value)
    except (UnreadableInstantError, OverflowError):
        pass
    raise PolarisProtocolError(f"The service answered a query with {name} {quote(value)}, which is no instant.")
