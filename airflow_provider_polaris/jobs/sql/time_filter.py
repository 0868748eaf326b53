# SPDX-License-Identifier: Apache-2.0
"""Render the condition that a time lies in an interval; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from airflow_provider_polaris.jobs.time.instant import OPEN_START, format_instant
from airflow_provider_polaris.jobs.time.interval import Interval


def inside(time: str, span: Interval) -> str:
    r"""
    Return the SQL condition for a time in an interval; the start belongs to it, the end does not.

    An open start is written as ``0``, as in the sample of docs.imply.io/polaris/api-ingest-table. The Jobs API uses
    ``-1000-01-01``. OBSERVED(Druid 27 and 33): a query fails with status 500 if an interval in SQL starts before the
    year 0.

    >>> inside('"__time"', Interval.parse("-1000-01-01T00:00:00.000Z/2024-01-01"))
    'TIME_IN_INTERVAL("__time", \'0/2024-01-01T00:00:00.000Z\')'

    :param time: SQL of a timestamp.
    :param span: The interval.
    """
    start = "0" if span.start == OPEN_START else format_instant(span.start)
    return f"TIME_IN_INTERVAL({time}, '{start}/{format_instant(span.end)}')"


def between(time: str, span: Interval) -> str:
    """
    Return the SQL condition for a time in an interval, by two comparisons with literals in UTC.

    OBSERVED(Druid 27): OVERWRITE WHERE takes only these. Without a lower bound the interval is aligned with no
    partitioning, and no literal is earlier than the year 1.

    >>> print(between('"__time"', Interval.parse("2024-06-01T00:00Z/PT1H")))
    "__time" >= TIMESTAMP '2024-06-01 00:00:00' AND "__time" < TIMESTAMP '2024-06-01 01:00:00'

    :param time: SQL of a timestamp.
    :param span: The interval.
    """
    return f"{time} >= {_literal(span.start)} AND {time} < {_literal(span.end)}"


def _literal(instant: datetime) -> str:
    text = "0001-01-01T00:00:00.000Z" if instant == OPEN_START else format_instant(instant)
    return "TIMESTAMP '" + text[:-1].replace("T", " ").removesuffix(".000") + "'"


def inside_any(time: str, spans: Iterable[Interval]) -> str:
    """Return the SQL condition for a time in one of several intervals, without brackets."""
    return " OR ".join(inside(time, span) for span in spans)
