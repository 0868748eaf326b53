# SPDX-License-Identifier: Apache-2.0
"""Render the condition that a time lies in an interval; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_polaris.jobs.time.instant import OPEN_START, format_instant
from airflow_provider_polaris.jobs.time.interval import Interval


def inside(time: str, span: Interval) -> str:
    r"""
    Return the SQL condition for a time in an interval; the start belongs to it, the end does not.

    An open start is written as ``0``, as in the sample of docs.imply.io/polaris/api-ingest-table. The Jobs API uses
    ``-1000-01-01``. OBSERVED(Druid 27 and 33): a query fails with status 500 if an interval in SQL starts before the
    year 0.

    >>> inside('"__time"', Interval.parse("-1000-01-01T00:00:00.000Z/2024-01-01"))
    'TIME_IN_INTERVAL("__time", \\'0/2024-01-01T00:00:00.000Z\\')'

    :param time: SQL of a timestamp.
    :param span: The interval.
    """
    start = "0" if span.start == OPEN_START else format_instant(span.start)
    return f"TIME_IN_INTERVAL({time}, '{start}/{format_instant(span.end)}')"


def inside_any(time: str, spans: Iterable[Interval]) -> str:
    """Return the SQL condition for a time in one of several intervals, without brackets."""
    return " OR ".join(inside(time, span) for span in spans)
