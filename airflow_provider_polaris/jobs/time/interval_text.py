# SPDX-License-Identifier: Apache-2.0
"""Parse the text of an interval, and refuse what is not one with the reason and the fix; performs no I/O."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant, quote
from airflow_provider_polaris.jobs.time.period import Period

FORMS: Final = "Write it as 'start/end' or 'start/period', for example '2024-06-01/2024-06-02' or '2024-06-01/P1D'."
#: An end without the parts that it shares with the start, as ISO 8601 allows: '02', '06-02', '08:00', '02T08:00'.
_SHORTENED_END: Final = re.compile(
    r"(\d{2}-)?\d{2}([T\x20]\d{2}(:\d{2})*)?|T?\d{2}(:\d{2})+(\.\d+)?Z?", re.IGNORECASE | re.ASCII
)


def split_text(text: str, field: str) -> tuple[str, str]:
    """Return the two sides of an interval's text."""
    if not isinstance(text, str):
        raise PolarisSpecError(f"{field} {quote(text)} is a {type(text).__name__}, not text. {FORMS}")
    sides = [side.strip() for side in text.split("/")]
    if any(side.lower() in ("none", "null") for side in sides):
        raise PolarisSpecError(
            f"{field} {quote(text)} has no value where an instant belongs: this run has no data interval. "
            "Set the interval yourself, for example from params, or give the DAG a timetable with data intervals."
        )
    if sides == [""]:
        raise PolarisSpecError(f"{field} {quote(text)} is empty. {FORMS}")
    if len(sides) != 2 or not all(sides):
        raise PolarisSpecError(f"{field} {quote(text)} needs exactly one '/' between a start and an end. {FORMS}")
    return sides[0], sides[1]


def parse_side(side: str, which: str, text: str, field: str) -> datetime | Period:
    """Parse one side of an interval; ``which`` is ``start`` or ``end``, for the message."""
    if side.lstrip("+-")[:1] in ("P", "p"):
        try:
            period = Period.parse(side)
        except PolarisSpecError:
            period = None
        if period is None or side.startswith("-"):
            raise PolarisSpecError(
                f"{field} {quote(text)} has the {which} {quote(side)}, "
                f"which is not an ISO 8601 period such as 'P1D', 'P1M' or 'PT6H'. {FORMS}"
            )
        return period
    if which == "end" and _SHORTENED_END.fullmatch(side):
        raise PolarisSpecError(
            f"{field} {quote(text)} has a shortened end {quote(side)}, which Polaris doesn't read. "
            "Write the end in full, with year, month and day."
        )
    try:
        return parse_instant(side)
    except UnreadableInstantError as error:
        raise PolarisSpecError(f"{field} {quote(text)} has the {which} {quote(side)}, which {error}. {FORMS}") from None


def check_order(start: datetime, end: datetime, field: str, text: str) -> None:
    """Refuse an interval that is empty or reversed."""
    if start == end:
        raise PolarisSpecError(
            f"{field} {quote(text)} is empty: the end is not part of it, so it must lie at least a millisecond after "
            "the start. End with the first instant after the data; "
            "one day is '2024-06-01/2024-06-02' or '2024-06-01/P1D'. If it is the data interval of an Airflow run: "
            "those of a plain cron schedule are empty since Airflow 3, those of CronDataIntervalTimetable are not."
        )
    if start > end:
        raise PolarisSpecError(
            f"{field} {quote(text)} is reversed: the end must be after the start. "
            "Swap the two, or pass data_interval_start and data_interval_end."
        )
