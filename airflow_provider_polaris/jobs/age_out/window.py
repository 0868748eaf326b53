"""
Which part of a table a run ages: whole time partitions, each taken by exactly one run; performs no I/O.

A run of the interval [s, e) takes [floor(s - P), floor(e - P)), where P is the age and floor rounds down to time
partitions. Runs whose intervals follow each other take what follows each other, whatever the lengths of months, and
never ask the clock: a backfill takes what the run of that day would have taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.time.period import Period, add_months

_NOTHING: Final = Period()


def read_age(text: str) -> Period:
    """
    Read how old data is to be.

    :param text: ISO 8601 period.
    :raises PolarisSpecError: It is none, or not positive.
    """
    try:
        age = Period.parse(text)
    except PolarisSpecError as error:
        raise PolarisSpecError(f"older_than: {error}") from None
    if age == _NOTHING or age.months < 0 or age.weeks < 0 or age.exact < timedelta():
        raise PolarisSpecError(f"older_than {quote(text)} is no age. Write how old data is to be, such as 'P30D'.")
    return age


def partitions_in_common(
    source: TableDescription, target: TableDescription | None, target_name: str, partitioned_by: Granularity | None
) -> Granularity:
    """
    Return the coarsest of the granularities that an interval has to fall on to be copied and deleted whole.

    :param source: The table that data is taken from.
    :param target: The table that it goes to; None if it is to be created.
    :param target_name: Its name.
    :param partitioned_by: What the copy writes, if that is set. A table to be created counts as partitioned by it, else
        by day (docs.imply.io/polaris/partitioning).
    :raises PolarisSpecError: A partitioning is unknown or is none, or two of them don't nest.
    """
    found = [(_known(source, "source_table"), f"the partitions of source_table {source.name!r}")]
    if target is not None:
        found.append((_known(target, "target_table"), f"the partitions of target_table {target.name!r}"))
    if partitioned_by is not None:
        found.append((partitioned_by, "partitioned_by"))
    elif target is None:
        found.append((Granularity.DAY, f"the default of the new target_table {target_name!r}"))
    for granularity, origin in found:
        if granularity is Granularity.ALL:
            raise PolarisSpecError(
                f"{origin} {'is' if origin == 'partitioned_by' else 'are'} 'all', so that no part of it can be "
                "replaced or deleted by itself. Use a table that is partitioned by time."
            )
    for (one, origin), (other, other_origin) in combinations(found, 2):
        if not (one.divides(other) or other.divides(one)):
            raise PolarisSpecError(
                f"{origin} ({one.value}) and {other_origin} ({other.value}) don't nest, so that no interval falls on "
                "both. Use a target whose partitions are a multiple or a part of the source's."
            )
    return max((granularity for granularity, _ in found), key=list(Granularity).index)


def aged_interval(run: Interval, age: Period, partition: Granularity) -> Interval | None:
    """
    Return what a run ages.

    >>> day = Interval.parse("2024-07-01/P1D")
    >>> aged_interval(day, Period.parse("P30D"), Granularity.DAY)
    <Interval 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z>
    >>> aged_interval(day, Period.parse("P1M"), Granularity.MONTH) is None
    True
    >>> aged_interval(Interval.parse("2023-03-28/P1D"), Period.parse("P1M"), Granularity.HOUR)
    <Interval 2023-02-28T00:00:00.000Z/2023-03-01T00:00:00.000Z>

    :param run: The interval of the run.
    :param age: Counted back from both of its ends.
    :param partition: What the interval falls on.
    :return: None if no partition comes of age in this run.
    :raises PolarisSpecError: That is outside of the years 1 to 9999.
    """
    try:
        start, end = (partition.floor(_back(instant, age)) for instant in (run.start, run.end))
    except OverflowError:
        raise PolarisSpecError(
            f"older_than counted back from the run's interval {run.to_wire()!r} leaves the years 1 to 9999."
        ) from None
    return None if start == end else Interval(start, end)


def bounding_interval(intervals: Sequence[Interval]) -> Interval:
    """
    Return the smallest interval that contains all of them.

    :param intervals: At least one.
    """
    return Interval(min(each.start for each in intervals), max(each.end for each in intervals))


def _back(instant: datetime, age: Period) -> datetime:
    """
    Count back so that what is later stays later, as :meth:`Period.add_to` doesn't at the ends of months.

    A month before 31 March 05:00 there is no such day: all of February is a month old by then, and no more.

    :raises OverflowError: The result is not in the years 1 to 9999.
    """
    moved = add_months(instant, -age.months)
    if moved.day != instant.day:
        midnight = moved.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        moved = add_months(midnight, 1)
    return moved - timedelta(weeks=age.weeks) - age.exact


def _known(table: TableDescription, argument: str) -> Granularity:
    if table.partitioning is None:
        raise PolarisSpecError(
            f"{argument} {table.name!r} has a time partitioning that this package doesn't know, so that nobody can "
            "tell what would be replaced or deleted. Look for a newer version of this package."
        )
    return table.partitioning
