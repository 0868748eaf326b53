"""
What one run of an age-out does and how it is proven, as plain JSON that goes from task to task; performs no I/O.

The way of proving is decided before anything is copied: by a column of the target that counts the rows of the source,
by the rows themselves where none are merged, or else by what the copy job says of itself (``numRowsProcessed`` and
``numRowsPersisted``, docs.imply.io/polaris/ingestion-status-reference).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.row_counts import Count, RowCountQuery
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec
from airflow_provider_polaris.jobs.sql.expressions import quote_identifier, read_expression
from airflow_provider_polaris.jobs.sql.single_expression import enclose
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval

_ROWS: Final = "COUNT(*)"
_COUNT_OF_ROWS: Final = re.compile(r"\s*COUNT\s*\(\s*(\*|1)\s*\)\s*", re.IGNORECASE)
_SUM_OF_COUNTS: Final = re.compile(r'\s*SUM\s*\(\s*"__count"\s*\)\s*', re.IGNORECASE)
#: Rows without a number would be summed as nothing, and nobody would miss them; -1 says that there are such rows.
_EVENTS: Final = 'CASE WHEN COUNT("__count") = COUNT(*) THEN SUM("__count") ELSE -1 END'


@dataclass(frozen=True)
class ProofMethod:
    """
    How it is proven that the target has what the source has.

    :param kind: ``measure``: a column of the target counts; ``rows``: rows are rows; ``metrics``: the copy job's own.
    :param source: SQL over the source that must give the same number as
    :param target: SQL over the target, in each time partition; for ``metrics`` both count rows.
    """

    kind: Literal["measure", "rows", "metrics"]
    source: str = _ROWS
    target: str = _ROWS

    @property
    def by_partition(self) -> bool:
        """Whether each time partition can be compared by itself."""
        return self.kind != "metrics"

    def __str__(self) -> str:
        if self.kind == "metrics":
            return "the numbers of the copy job (numRowsProcessed, numRowsPersisted)"
        return (
            f"{self.target} of the target against {'the rows' if self.source == _ROWS else 'the events'} of the source"
        )


def choose_method(spec: BatchJobSpec, source: TableDescription, target: TableDescription | None) -> ProofMethod:
    """
    Decide how to prove a copy.

    The ``__count`` that Polaris adds by itself is not relied on, because nobody knows for sure when it does; a mapping
    of the job is.

    :param spec: The copy.
    :param source: What it reads.
    :param target: What it writes; None if it is to be created.
    """
    is_rollup = source.type == "aggregate"
    pattern = _SUM_OF_COUNTS if is_rollup else _COUNT_OF_ROWS
    for mapping in spec.mappings:
        if mapping.is_aggregation and pattern.fullmatch(mapping.expression):
            column = quote_identifier(mapping.column_name)
            return ProofMethod("measure", _EVENTS if is_rollup else _ROWS, f"SUM({column})")
    merges = any(mapping.is_aggregation for mapping in spec.mappings) or (target and target.type == "aggregate")
    return ProofMethod("metrics") if merges else ProofMethod("rows")


def check_time_stays(spec: BatchJobSpec) -> None:
    """
    Refuse a copy that moves rows in time: they would have to be looked for elsewhere than where they came from.

    :param spec: The copy.
    :raises PolarisSpecError: It does.
    """
    for mapping in spec.mappings:
        reading = read_expression(mapping.expression) if mapping.column_name == "__time" else None
        if mapping.column_name != "__time" or (reading is not None and reading.column == "__time"):
            continue
        floor = reading.time_floor if reading is not None else None
        if floor is None or not floor.of_time or floor.has_origin:
            raise PolarisSpecError(
                f"the copy makes __time of {quote(mapping.expression)}: its rows may land in other time partitions "
                "than they come from, so that nobody can tell whether all have arrived before the source is deleted. "
                "Leave __time as it is or round it down: TIME_FLOOR(\"__time\", 'PT1H')."
            )


@dataclass(frozen=True)
class Window:
    """
    A stretch of time partitions, one after the other.

    :param interval: ISO 8601, UTC.
    :param rows: Rows of the source, stored ones.
    :param counted: What they count by the way of proving.
    """

    interval: str
    rows: int
    counted: int


@dataclass(frozen=True)
class AgingPlan:
    """
    What is aged, and what the source had of it when it was counted.

    :param source: Table that data is taken from.
    :param target: Table that it goes to.
    :param granularity: Time partitions that both fall on.
    :param windows: In the order of time; never empty.
    :param way: How it is proven.
    :param filter: SQL condition of the copy; None for none.
    :param context: Query context, so that counts see what the copy sees.
    :param may_replace: Whether rows of the target may be replaced without evidence that the source still has them all.
    :param job: The copy job; None before there is one.
    """

    source: str
    target: str
    granularity: Granularity
    windows: tuple[Window, ...]
    way: ProofMethod
    filter: str | None
    context: Mapping[str, Any]
    may_replace: bool = False
    job: str | None = None

    @property
    def spans(self) -> tuple[Interval, ...]:
        """Intervals of the windows."""
        return tuple(Interval.parse(window.interval) for window in self.windows)

    @property
    def buckets(self) -> tuple[Interval, ...]:
        """The time partitions."""
        return tuple(bucket for span in self.spans for bucket in span.buckets(self.granularity))

    def to_json(self) -> dict[str, Any]:
        """Write it for XCom."""
        return {
            **asdict(self),
            "granularity": self.granularity.value,
            "context": dict(self.context),
            "windows": [asdict(window) for window in self.windows],
            "intervals": [window.interval for window in self.windows],
        }

    @classmethod
    def from_json(cls, value: Any, field: str) -> AgingPlan:
        """
        Read what :meth:`to_json` wrote.

        :param field: What the value is called, for the error.
        :raises PolarisSpecError: It is something else.
        """
        try:
            values = {name: each for name, each in dict(value).items() if name != "intervals"}
            return cls(
                **{
                    **values,
                    "granularity": Granularity(values["granularity"]),
                    "windows": tuple(Window(**window) for window in values["windows"]),
                    "way": ProofMethod(**values["way"]),
                }
            )
        except (TypeError, KeyError, ValueError):
            raise PolarisSpecError(
                f"{field} {quote(value)} is not what the task before leaves. Clear the first task of the group with "
                "all that come after it."
            ) from None

    def source_sql(self) -> str:
        """Count the source by time partition."""
        return count_sql(self.source, self.granularity, self.way.source, self.spans, self.filter)

    @property
    def source_words(self) -> dict[str, str]:
        """What of :meth:`source_sql` the user wrote, by the name of the argument."""
        return {} if self.filter is None else {"filter_expression": self.filter}

    @property
    def target_words(self) -> dict[str, str]:
        """What of :meth:`target_sql` the user wrote, likewise."""
        return {"the measure that counts rows": self.way.target} if self.way.kind == "measure" else {}

    def target_sql(self) -> str:
        """Count the target by time partition."""
        return count_sql(self.target, self.granularity, self.way.target, self.spans)


def count_sql(
    table: str, granularity: Granularity, counted: str, spans: Sequence[Interval], condition: str | None = None
) -> str:
    """
    Return the SQL that counts a table by time partition: ``bucket``, ``n`` rows, ``events``.

    :param counted: SQL of what is counted besides rows.
    :param spans: Where.
    :param condition: Of rows; None for all.
    :raises PolarisSpecError: The condition is not one SQL expression.
    """
    return (
        f'SELECT TIME_FLOOR("__time", \'{granularity.period}\', NULL, \'UTC\') AS "bucket", COUNT(*) AS "n", '
        f'{counted} AS "events"\nFROM {quote_identifier(table)}\nWHERE {_where(spans, condition)}\nGROUP BY 1'
    )


def oldest_sql(
    table: str, granularity: Granularity, counted: str, before: Interval, most: int, condition: str | None
) -> str:
    """
    Return the SQL that counts the oldest time partitions that have rows.

    :param before: Those that end where this interval begins, or earlier.
    :param most: How many.
    """
    until = Interval(Interval.ETERNITY.start, before.start)
    return f"{count_sql(table, granularity, counted, (until,), condition)}\nORDER BY 1\nLIMIT {most}"


def read_counts(rows: Iterable[Mapping[str, Any]], granularity: Granularity) -> dict[Interval, Count]:
    """
    Read the answer to one of these queries.

    :return: Count of each time partition that has rows; ``events`` is negative where it is unknown.
    :raises PolarisProtocolError: It is no such answer.
    """
    return RowCountQuery(granularity, (), (), True, "", "", {}).read(rows)


def query_context(context: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Return the query context with which a filter means for a count what it means for a job.

    :param context: The job's.
    """
    return {"sqlTimeZone": (context or {}).get("sqlTimeZone", "UTC")}


def make_windows(counts: Mapping[Interval, Count]) -> tuple[Window, ...]:
    """
    Join time partitions that follow each other.

    :param counts: Count of each.
    :return: In the order of time.
    """
    windows: list[Window] = []
    end = None
    for bucket in sorted(counts):
        count = counts[bucket]
        rows, counted = count.rows, count.events or 0
        if windows and bucket.start == end:
            last = windows.pop()
            whole = Interval(Interval.parse(last.interval).start, bucket.end)
            windows.append(Window(whole.to_wire(), last.rows + rows, last.counted + counted))
        else:
            windows.append(Window(bucket.to_wire(), rows, counted))
        end = bucket.end
    return tuple(windows)


def _where(spans: Sequence[Interval], condition: str | None) -> str:
    within = " OR ".join(f"TIME_IN_INTERVAL(\"__time\", '{span.to_wire()}')" for span in spans)
    return f"({within})" + (f"\n  AND {enclose(condition, 'filter_expression')}" if condition is not None else "")
