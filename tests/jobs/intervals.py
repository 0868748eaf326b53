# SPDX-License-Identifier: Apache-2.0
"""Instants and intervals for the tests of Interval, and its error messages."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

UTC = timezone.utc
FORMS = "Write it as 'start/end' or 'start/period', for example '2024-06-01/2024-06-02' or '2024-06-01/P1D'."
SWAP = "is reversed: the end must be after the start. Swap the two, or pass data_interval_start and data_interval_end."
EMPTY = (
    "is empty: the end is not part of it, so it must lie at least a millisecond after the start. "
    "End with the first instant after the data; one day is '2024-06-01/2024-06-02' or '2024-06-01/P1D'. "
    "If it is the data interval of an Airflow run: those of a plain cron schedule are empty since Airflow 3, "
    "those of CronDataIntervalTimetable are not."
)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micro: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, micro, UTC)


NAIVE = utc(2024, 6, 1).replace(tzinfo=None)
JUNE_FIRST = (utc(2024, 6, 1), utc(2024, 6, 2))

instants = st.datetimes(
    min_value=utc(1, 1, 2).replace(tzinfo=None),
    max_value=utc(9990, 1, 1).replace(tzinfo=None),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=9.5))]),
)


@st.composite
def intervals(draw: st.DrawFn, longest: timedelta = timedelta(days=4000)) -> Interval:
    start = draw(instants)
    length = draw(st.timedeltas(min_value=timedelta(milliseconds=1), max_value=longest))
    return Interval(start, start + length)


# At most 20 buckets, so that a day isn't cut into milliseconds.
@st.composite
def intervals_with_granularity(draw: st.DrawFn) -> tuple[Interval, Granularity]:
    granularity = draw(st.sampled_from(Granularity))
    start = draw(instants.filter(lambda instant: instant.year < 4500))
    length = timedelta(days=3000)
    if granularity is not Granularity.ALL:
        length = min(length, 20 * (granularity.next(start) - granularity.floor(start)))
    return Interval(start, start + draw(st.timedeltas(timedelta(milliseconds=1), length))), granularity
