# SPDX-License-Identifier: Apache-2.0
"""Interval: accepted texts, and the messages for refused ones."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from tests.jobs.intervals import EMPTY, FORMS, JUNE_FIRST, SWAP, utc

NO_VALUE = (
    "has no value where an instant belongs: this run has no data interval. "
    "Set the interval yourself, for example from params, or give the DAG a timetable with data intervals."
)
NO_INSTANT = "is not an ISO 8601 instant such as '2024-06-01' or '2024-06-01T00:00:00Z'"
NO_PERIOD = "is not an ISO 8601 period such as 'P1D', 'P1M' or 'PT6H'"


@pytest.mark.parametrize(
    "text",
    [
        "2024-06-01/2024-06-02",
        "2024-06-01/P1D",
        "P1D/2024-06-02",
        "2024-06-01/P0Y0M0W1DT0H0M0.0S",
        "2024-06-01/PT24H",
        "2024-06-01/pt1440m",
        "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z",
        "2024-06-01T00:00:00Z/2024-06-02T00:00:00Z",
        "2024-06-01t00:00:00z/2024-06-02t00:00z",
        "2024-06-01T00/2024-06-02T00",
        "2024-06-01T00:00:00+00:00/2024-06-02T00:00:00+00:00",
        "2024-06-01 00:00:00+00:00/2024-06-02 00:00:00+00:00",
        "2024-06-01 00:00:00 +00:00 / 2024-06-02 00:00:00 +00:00",
        "  2024-06-01 00:00:00/2024-06-02 00:00:00\n",
        "2024-06-01T02:00:00+02:00/2024-06-01T18:30:00-05:30",
        "2024-06-01T02:00:00+0200/2024-06-01T19:00:00-05",
        "2024-06-01T00:19:32+00:19:32/P1D",
        "2024-06-01T00:00:00.000000000Z/2024-06-02T00:00:00,000000999Z",
        "2024-05-31T24:00:00Z/2024-06-01T24:00",
        "20240601/20240602",
        "20240601T000000/20240602T000000Z",
        "2024-153/2024-154",
        "2024153/P1D",
        "2024-W22-6/2024-W22-7",
        "2024W226/P1D",
        "+2024-06-01/P1D",
    ],
)
def test_parse_every_form_of_one_day_gives_that_day(text: str) -> None:
    """One day in any form is the same day in UTC."""
    interval = Interval.parse(text)
    assert (interval.start, interval.end) == JUNE_FIRST
    assert interval.to_wire() == str(interval) == "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2015-07-01/P100D", utc(2015, 7, 1), utc(2015, 10, 9)),
        ("2024/2025", utc(2024, 1, 1), utc(2025, 1, 1)),
        ("2024-02/2024-03", utc(2024, 2, 1), utc(2024, 3, 1)),
        ("2024-01/P1M", utc(2024, 1, 1), utc(2024, 2, 1)),
        ("2024-01-31/P1M", utc(2024, 1, 31), utc(2024, 2, 29)),
        ("P1M/2023-03-31", utc(2023, 2, 28), utc(2023, 3, 31)),
        ("2024-01-01/P3M", utc(2024, 1, 1), utc(2024, 4, 1)),
        ("2024-02-29/P1Y", utc(2024, 2, 29), utc(2025, 2, 28)),
        ("2024-12-15/P1Y2M3W4DT5H6M7.089S", utc(2024, 12, 15), utc(2026, 3, 12, 5, 6, 7, 89_000)),
        ("2024-W01/P1W", utc(2024, 1, 1), utc(2024, 1, 8)),
        ("2024-06-01T10:30/PT0.001S", utc(2024, 6, 1, 10, 30), utc(2024, 6, 1, 10, 30, 0, 1_000)),
        ("0001-01-02/0999-01-01", utc(1, 1, 2), utc(999, 1, 1)),
        ("-1000-01-01T00:00:00.000Z/2024-06-01", utc(1, 1, 1), utc(2024, 6, 1)),
        ("0000-06-01/2024-06-01", utc(1, 1, 1), utc(2024, 6, 1)),
    ],
)
def test_parse_periods_and_short_dates_follow_the_calendar(text: str, start: datetime, end: datetime) -> None:
    """Months, quarters and years are calendar units, missing parts are the first, a year before 1 is an open start."""
    interval = Interval.parse(text)
    assert (interval.start, interval.end) == (start, end)


def test_parse_what_airflow_templates_render_gives_the_data_interval() -> None:
    """A pendulum instant of any zone, rendered by Jinja or with isoformat(), is parsed exactly."""
    start = pendulum.datetime(2024, 3, 31, tz="Europe/Berlin")
    end = start.add(days=1)
    expected = Interval(start, end)
    assert expected.duration == timedelta(hours=23)
    for rendered in (f"{start}/{end}", f"{start.isoformat()}/{end.isoformat()}", f"{start} / {end}"):
        assert Interval.parse(rendered) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"interval '' is empty. {FORMS}"),
        ("  ", f"interval '  ' is empty. {FORMS}"),
        (
            "None/None",
            f"interval 'None/None' {NO_VALUE}",
        ),
        (
            "2024-06-01/none",
            f"interval '2024-06-01/none' {NO_VALUE}",
        ),
        ("2024-06-01", f"interval '2024-06-01' needs exactly one '/' between a start and an end. {FORMS}"),
        ("2024-06-01/", f"interval '2024-06-01/' needs exactly one '/' between a start and an end. {FORMS}"),
        ("/", f"interval '/' needs exactly one '/' between a start and an end. {FORMS}"),
        (
            "R5/2024-06-01/P1D",
            f"interval 'R5/2024-06-01/P1D' needs exactly one '/' between a start and an end. {FORMS}",
        ),
        (
            "2025-02-01/2025-01-01",
            f"interval '2025-02-01/2025-01-01' {SWAP}",
        ),
        (
            "2024-06-01/2024-06-01",
            f"interval '2024-06-01/2024-06-01' {EMPTY}",
        ),
        (
            "2024-06-01T00:00:00.000100Z/2024-06-01T00:00:00.000900Z",
            f"interval '2024-06-01T00:00:00.000100Z/2024-06-01T00:00:00.000900Z' {EMPTY}",
        ),
        ("P1D/P1D", f"interval 'P1D/P1D' has periods on both sides, so it has no position in time. {FORMS}"),
        (
            "2024-06-01/P",
            f"interval '2024-06-01/P' has the end 'P', which {NO_PERIOD}. {FORMS}",
        ),
        (
            "2024-06-01/-P1D",
            f"interval '2024-06-01/-P1D' has the end '-P1D', which {NO_PERIOD}. {FORMS}",
        ),
        (
            "2024-06-01/02",
            (
                "interval '2024-06-01/02' has a shortened end '02', which Polaris doesn't read. "
                "Write the end in full, with year, month and day."
            ),
        ),
        (
            "2024-06-01T00:00/08:00",
            (
                "interval '2024-06-01T00:00/08:00' has a shortened end '08:00', which Polaris doesn't read. "
                "Write the end in full, with year, month and day."
            ),
        ),
        ("yesterday/today", f"interval 'yesterday/today' has the start 'yesterday', which {NO_INSTANT}. {FORMS}"),
        ("2024-06-01/tomorrow", f"interval '2024-06-01/tomorrow' has the end 'tomorrow', which {NO_INSTANT}. {FORMS}"),
        (
            "2024-06-01/٢٠٢٤-٠٦-٠٢",
            f"interval '2024-06-01/٢٠٢٤-٠٦-٠٢' has the end '٢٠٢٤-٠٦-٠٢', which {NO_INSTANT}. {FORMS}",
        ),
        ("202406/202407", f"interval '202406/202407' has the start '202406', which {NO_INSTANT}. {FORMS}"),
        (
            "2024-06-01/+10000-01-01",
            (
                "interval '2024-06-01/+10000-01-01' has the end '+10000-01-01', "
                f"which lies after the year 9999; '5000-01-01' stands for an open end. {FORMS}"
            ),
        ),
        (
            "9999-01-01/P1Y",
            "interval '9999-01-01/P1Y' reaches outside the years 1 to 9999. Shorten the period, or write both ends.",
        ),
        (
            "P2W/0001-01-02",
            "interval 'P2W/0001-01-02' reaches outside the years 1 to 9999. Shorten the period, or write both ends.",
        ),
        (
            "2023-02-29/P1D",
            (f"interval '2023-02-29/P1D' has the start '2023-02-29', which is not a day of the calendar. {FORMS}"),
        ),
        (
            "2023-366/P1D",
            f"interval '2023-366/P1D' has the start '2023-366', which is not a day of the calendar. {FORMS}",
        ),
        (
            "2024-W53/P1W",
            f"interval '2024-W53/P1W' has the start '2024-W53', which is not a day of the calendar. {FORMS}",
        ),
        (
            "0001-01-01T00:00+01:00/P1D",
            (
                "interval '0001-01-01T00:00+01:00/P1D' has the start '0001-01-01T00:00+01:00', "
                f"which lies outside the years 1 to 9999 in UTC. {FORMS}"
            ),
        ),
        (
            "2024-06-01T23:59:60Z/P1D",
            (
                "interval '2024-06-01T23:59:60Z/P1D' has the start '2024-06-01T23:59:60Z', "
                f"which has no time of day: there is no 23:59:60. {FORMS}"
            ),
        ),
        (
            "2024-06-01T25:00/P1D",
            (
                "interval '2024-06-01T25:00/P1D' has the start '2024-06-01T25:00', "
                f"which has no time of day: there is no 25:00:00. {FORMS}"
            ),
        ),
        (
            "2024-06-01T24:30/P1D",
            (
                "interval '2024-06-01T24:30/P1D' has the start '2024-06-01T24:30', "
                f"which has no time of day: there is no 24:30:00. {FORMS}"
            ),
        ),
        ("08:00/2024-06-02", f"interval '08:00/2024-06-02' has the start '08:00', which {NO_INSTANT}. {FORMS}"),
        (
            "2024-06-01T00:00+24:00/P1D",
            (
                "interval '2024-06-01T00:00+24:00/P1D' has the start '2024-06-01T00:00+24:00', "
                f"which has no offset: there is no +24:00. {FORMS}"
            ),
        ),
    ],
)
def test_parse_what_is_no_interval_says_field_value_rule_and_mend(text: str, message: str) -> None:
    """The error names the field, the value, the problem and the fix."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse(text)
    assert str(caught.value) == message


def test_parse_with_a_field_name_puts_it_in_the_message() -> None:
    """The message has the caller's name of the field."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse("2025/2024", field="source_interval")
    assert str(caught.value) == (f"source_interval '2025/2024' {SWAP}")


def test_parse_something_other_than_text_names_its_type() -> None:
    """A value that isn't text is refused as such, not with an AttributeError."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse(["2024-06-01/P1D"])  # type: ignore[arg-type]
    assert str(caught.value) == f"interval ['2024-06-01/P1D'] is a list, not text. {FORMS}"


def test_parse_huge_text_is_refused_with_a_short_message() -> None:
    """A value of 10 MB is shortened in the message."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse("1" * 10_000_000)
    assert str(caught.value) == (
        f"interval '{'1' * 119}… (10000002 characters) needs exactly one '/' between a start and an end. {FORMS}"
    )


@given(st.text(alphabet="0123456789-+:TZPWMYDH/. ", max_size=40))
def test_parse_random_text_gives_an_interval_or_a_spec_error(text: str) -> None:
    """Invalid text never raises another exception."""
    try:
        interval = Interval.parse(text)
    except PolarisSpecError:
        return
    assert interval.start < interval.end


@pytest.fixture
def _far_away_local_zone() -> Iterator[None]:
    """Set a time zone of the process that is far from UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("_far_away_local_zone")
def test_parse_in_another_local_zone_still_means_utc() -> None:
    """The machine's zone changes nothing: a missing zone is UTC and days are UTC days."""
    interval = Interval.parse("2024-06-01/2024-06-02")
    assert (interval.start, interval.end) == JUNE_FIRST
    assert interval.to_wire() == "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
    assert interval.is_aligned(Granularity.DAY)
