# SPDX-License-Identifier: Apache-2.0
"""
The plan of one age-out run: what it copies and how the copy is proven, as JSON for XCom; performs no I/O.

The proof method is chosen before the copy. It compares a column of the target that counts the rows of the source; or
the rows, if the copy merges none; or it uses the metrics of the copy job (``numRowsProcessed`` and
``numRowsPersisted``, docs.imply.io/polaris/ingestion-status-reference).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.row_counts import Count
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec
from airflow_provider_polaris.jobs.sql.expressions import read_expression
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.single_expression import enclose
from airflow_provider_polaris.jobs.sql.time_filter import inside_any
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval

_ROWS: Final = "COUNT(*)"
_COUNT_OF_ROWS: Final = re.compile(r"\s*COUNT\s*\(\s*(\*|1)\s*\)\s*", re.IGNORECASE)
_SUM_OF_COUNTS: Final = re.compile(r'\s*SUM\s*\(\s*"__count"\s*\)\s*', re.IGNORECASE)
#: SUM ignores rows without a count, so they would be lost unnoticed; -1 means that there are such rows.
_EVENTS: Final = 'CASE WHEN COUNT("__count") = COUNT(*) THEN SUM("__count") ELSE -1 END'


@dataclass(frozen=True)
class ProofMethod:
    """
    The method that proves that the target contains the data of the source.

    :param kind: ``measure``: a column of the target counts rows; ``rows``: the rows are compared; ``metrics``: the
        metrics of the copy job are used.
    :param source: SQL over the source, for each time partition. Its result must equal that of ``target``.
    :param target: SQL over the target, for each time partition. For ``metrics`` both count rows.
    """

    kind: Literal["measure", "rows", "metrics"]
    source: str = _ROWS
    target: str = _ROWS

    @property
    def by_partition(self) -> bool:
        """Whether each time partition can be compared separately."""
        return self.kind != "metrics"

    def __str__(self) -> str:
        if self.kind == "metrics":
            return "the numbers of the copy job (numRowsProcessed, numRowsPersisted)"
        return (
            f"{self.target} of the target against {'the rows' if self.source == _ROWS else 'the events'} of the source"
        )


def choose_method(spec: BatchJobSpec, source: TableDescription, target: TableDescription | None) -> ProofMethod:
    """
    Choose the method that proves a copy.

    A mapping of the job is used as proof. The ``__count`` that Polaris adds is not used, because it is not documented
    when Polaris adds it.

    :param spec: Spec of the copy.
    :param source: Table that the copy reads.
    :param target: Table that the copy writes; None if the copy creates it.
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
    Refuse a copy that moves rows to other time partitions, because then the partitions cannot be compared.

    :param spec: Spec of the copy.
    :raises PolarisSpecError: The copy may move rows.
    """
    for mapping in spec.mappings:
        if mapping.column_name != "__time":
            continue
        reading = read_expression(mapping.expression)
        if reading is not None and reading.column == "__time":
            continue
        floor = reading.time_floor if reading is not None else None
        if floor is None or not floor.of_time or floor.has_origin:
            raise PolarisSpecError(
                f"the copy computes __time from {quote(mapping.expression)}: rows may move to other time partitions, "
                "so the copy cannot be proven before the source is deleted. "
                "Keep __time unchanged or round it down: TIME_FLOOR(\"__time\", 'PT1H')."
            )


@dataclass(frozen=True)
class Window:
    """
    Consecutive time partitions.

    :param interval: ISO 8601 interval, UTC.
    :param rows: Number of stored rows in the source.
    :param counted: Count of the source by the proof method.
    """

    interval: str
    rows: int
    counted: int


@dataclass(frozen=True)
class AgingPlan:
    """
    The data that a run ages out, with the counts of the source at planning time.

    :param source: Table from which data is aged out.
    :param target: Table to which it is copied.
    :param granularity: Time partitions that fit both tables.
    :param windows: Windows in time order; never empty.
    :param way: The proof method.
    :param filter: SQL condition of the copy; None for none.
    :param context: Query context, so that counts and copy read the same rows.
    :param may_replace: Whether rows of the target may be replaced without evidence that the source still has all rows.
    :param job: Id of the copy job; None before it is submitted.
    :param segments: Ids of the segments of the source; None if the service can't name them.
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
    segments: tuple[str, ...] | None = None

    @property
    def spans(self) -> tuple[Interval, ...]:
        """The intervals of the windows."""
        return tuple(Interval.parse(window.interval) for window in self.windows)

    @property
    def buckets(self) -> tuple[Interval, ...]:
        """The time partitions of the windows."""
        return tuple(bucket for span in self.spans for bucket in span.buckets(self.granularity))

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON for XCom; without segments in the form of earlier releases."""
        plan = {
            **asdict(self),
            "granularity": self.granularity.value,
            "context": dict(self.context),
            "windows": [asdict(window) for window in self.windows],
            "intervals": [window.interval for window in self.windows],
        }
        segments = plan.pop("segments")
        return plan if segments is None else {**plan, "segments": list(segments)}

    @classmethod
    def from_json(cls, value: Any, field: str) -> AgingPlan:
        """
        Parse the output of :meth:`to_json`.

        :param field: Name of the value, for the error message.
        :raises PolarisSpecError: The value is not a plan.
        """
        try:
            values = {name: each for name, each in dict(value).items() if name != "intervals"}
            segments = values.get("segments")
            return cls(
                **{
                    **values,
                    "granularity": Granularity(values["granularity"]),
                    "windows": tuple(Window(**window) for window in values["windows"]),
                    "way": ProofMethod(**values["way"]),
                    "segments": None if segments is None else tuple(map(str, segments)),
                }
            )
        except (TypeError, KeyError, ValueError):
            raise PolarisSpecError(
                f"{field} {quote(value)} is not the output of the previous task. Clear the first task of the group "
                "and all downstream tasks."
            ) from None

    def source_sql(self) -> str:
        """Return the SQL that counts the source by time partition."""
        return count_sql(self.source, self.granularity, self.way.source, self.spans, self.filter)

    @property
    def source_words(self) -> dict[str, str]:
        """The parts of :meth:`source_sql` that the user wrote, by argument name."""
        return {} if self.filter is None else {"filter_expression": self.filter}

    @property
    def target_words(self) -> dict[str, str]:
        """The parts of :meth:`target_sql` that the user wrote, by argument name."""
        return {"the measure that counts rows": self.way.target} if self.way.kind == "measure" else {}

    def target_sql(self) -> str:
        """Return the SQL that counts the target by time partition."""
        return count_sql(self.target, self.granularity, self.way.target, self.spans)


def count_sql(
    table: str, granularity: Granularity, counted: str, spans: Sequence[Interval], condition: str | None = None
) -> str:
    """
    Return the SQL that counts a table by time partition: ``bucket``, ``n`` rows, ``events``.

    :param counted: SQL of the second count, besides rows.
    :param spans: Intervals to count.
    :param condition: SQL condition on rows; None for all rows.
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
    Return the SQL that counts the oldest time partitions with rows.

    :param before: Only partitions that end at or before the start of this interval.
    :param most: Maximum number of partitions.
    """
    until = Interval(Interval.ETERNITY.start, before.start)
    return f"{count_sql(table, granularity, counted, (until,), condition)}\nORDER BY 1\nLIMIT {most}"


def query_context(context: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Return the query context with which a filter has the same meaning in a count as in a job.

    :param context: Context of the job.
    """
    return {"sqlTimeZone": (context or {}).get("sqlTimeZone", "UTC")}


def make_windows(counts: Mapping[Interval, Count]) -> tuple[Window, ...]:
    """
    Join consecutive time partitions to windows.

    :param counts: Count of each partition.
    :return: The windows in time order.
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
    within = inside_any('"__time"', spans)
    return f"({within})" + (f"\n  AND {enclose(condition, 'filter_expression')}" if condition is not None else "")
