# SPDX-License-Identifier: Apache-2.0
"""
Compute the part of a table that a run ages out: whole time partitions, each in exactly one run; performs no I/O.

A run of the interval [s, e) ages out [floor(s - P), floor(e - P)), where P is the age and floor rounds down to time
partitions. Consecutive runs age out consecutive intervals, for months of any length. The current time is never used: a
backfill ages out the same data as the original run.
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
    Parse the minimum age of data to age out.

    :param text: ISO 8601 period.
    :raises PolarisSpecError: The text is not a period, or the period is not positive.
    """
    try:
        age = Period.parse(text)
    except PolarisSpecError as error:
        raise PolarisSpecError(f"older_than: {error}") from None
    if age == _NOTHING or age.months < 0 or age.weeks < 0 or age.exact < timedelta():
        raise PolarisSpecError(
            f"older_than {quote(text)} is not a positive period. Write the minimum age of the data, such as 'P30D'."
        )
    return age


def partitions_in_common(
    source: TableDescription, target: TableDescription | None, target_name: str, partitioned_by: Granularity | None
) -> Granularity:
    """
    Return the granularity to which an interval must be aligned, so that whole partitions are copied and deleted.

    :param source: Table from which data is aged out.
    :param target: Table to which it is copied; None if the copy creates it.
    :param target_name: Name of the target.
    :param partitioned_by: Granularity that the copy writes, if set. It applies to a new table, which is otherwise
        partitioned by day (docs.imply.io/polaris/partitioning).
    :raises PolarisSpecError: A partitioning is unknown or ``all``, or two of them do not nest.
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
                f"{origin} {'is' if origin == 'partitioned_by' else 'are'} 'all', so no part of the table can be "
                "replaced or deleted separately. Use a table that is partitioned by time."
            )
    for (one, origin), (other, other_origin) in combinations(found, 2):
        if not (one.divides(other) or other.divides(one)):
            raise PolarisSpecError(
                f"{origin} ({one.value}) and {other_origin} ({other.value}) don't nest, so no interval is aligned to "
                "both. Use a target whose partitions are a multiple or a fraction of the source's."
            )
    return max((granularity for granularity, _ in found), key=list(Granularity).index)


def aged_interval(run: Interval, age: Period, partition: Granularity) -> Interval | None:
    """
    Return the interval that a run ages out.

    >>> day = Interval.parse("2024-07-01/P1D")
    >>> aged_interval(day, Period.parse("P30D"), Granularity.DAY)
    <Interval 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z>
    >>> aged_interval(day, Period.parse("P1M"), Granularity.MONTH) is None
    True
    >>> aged_interval(Interval.parse("2023-03-28/P1D"), Period.parse("P1M"), Granularity.HOUR)
    <Interval 2023-02-28T00:00:00.000Z/2023-03-01T00:00:00.000Z>

    :param run: The interval of the run.
    :param age: Age, counted back from both ends of the run's interval.
    :param partition: Granularity to which the result is aligned.
    :return: None if no partition reaches the age in this run.
    :raises PolarisSpecError: The result lies outside of the years 1 to 9999.
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
    Return the smallest interval that contains all intervals.

    :param intervals: At least one.
    """
    return Interval(min(each.start for each in intervals), max(each.end for each in intervals))


def _back(instant: datetime, age: Period) -> datetime:
    """
    Subtract an age and keep the order of instants, which :meth:`Period.add_to` does not at the ends of months.

    There is no 31 February: one month before 31 March 05:00 is 1 March 00:00, so exactly all of February is a month
    old.

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
            f"{argument} {table.name!r} has a time partitioning that this package does not support, so the partitions "
            "to replace or delete are unknown. Install a newer version of this package."
        )
    return table.partitioning
