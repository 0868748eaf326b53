"""Interval: what it reads, what it refuses and in which words, and the algebra of aligning and cutting."""

from __future__ import annotations

import copy
import os
import pickle
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisSpecError
from airflow_provider_polaris.jobs.granularity import Granularity
from airflow_provider_polaris.jobs.interval import Interval

UTC = timezone.utc
FORMS = "Write it as 'start/end' or 'start/period', for example '2024-06-01/2024-06-02' or '2024-06-01/P1D'."


SWAP = "is reversed: the end must be after the start. Swap the two, or pass data_interval_start and data_interval_end."
EMPTY = (
    "is empty: the end is not part of it, so it must lie at least a millisecond after the start. "
    "End with the first instant after the data; one day is '2024-06-01/2024-06-02' or '2024-06-01/P1D'."
)
NO_VALUE = (
    "has no value where an instant belongs: this run has no data interval. "
    "Set the interval yourself, for example from params, or give the DAG a timetable with data intervals."
)
NO_INSTANT = "is not an ISO 8601 instant such as '2024-06-01' or '2024-06-01T00:00:00Z'"
NO_PERIOD = "is not an ISO 8601 period such as 'P1D', 'P1M' or 'PT6H'"


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


# 20 buckets at most, so that a day isn't cut into milliseconds.
@st.composite
def intervals_with_granularity(draw: st.DrawFn) -> tuple[Interval, Granularity]:
    granularity = draw(st.sampled_from(Granularity))
    start = draw(instants.filter(lambda instant: instant.year < 4500))
    length = timedelta(days=3000)
    if granularity is not Granularity.ALL:
        length = min(length, 20 * (granularity.next(start) - granularity.floor(start)))
    return Interval(start, start + draw(st.timedeltas(timedelta(milliseconds=1), length))), granularity


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
    """One day, however it is written, is the same day in UTC."""
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
    """Months, quarters and years are calendar ones, missing parts are the first, a year before 1 is an open start."""
    interval = Interval.parse(text)
    assert (interval.start, interval.end) == (start, end)


def test_parse_what_airflow_templates_render_gives_the_data_interval() -> None:
    """A pendulum instant of any zone, rendered by Jinja or with isoformat(), is read back exactly."""
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
        ("P1D/P1D", f"interval 'P1D/P1D' has a period on both sides and thus no place in time. {FORMS}"),
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
    """The error is one sentence chain that names the field, the value, what is wrong and what to write instead."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse(text)
    assert str(caught.value) == message


def test_parse_with_a_field_name_puts_it_in_the_message() -> None:
    """The caller's name of the field is what the user sees."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse("2025/2024", field="source_interval")
    assert str(caught.value) == (f"source_interval '2025/2024' {SWAP}")


def test_parse_something_other_than_text_names_its_type() -> None:
    """A value that isn't text is refused as such, not with an AttributeError."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse(["2024-06-01/P1D"])  # type: ignore[arg-type]
    assert str(caught.value) == f"interval ['2024-06-01/P1D'] is a list, not text. {FORMS}"


def test_parse_huge_text_is_refused_with_a_short_message() -> None:
    """Ten megabytes in a field don't become ten megabytes of log."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse("1" * 10_000_000)
    assert str(caught.value) == (
        f"interval '{'1' * 119}… (10000002 characters) needs exactly one '/' between a start and an end. {FORMS}"
    )


@given(st.text(alphabet="0123456789-+:TZPWMYDH/. ", max_size=40))
def test_parse_random_text_gives_an_interval_or_a_spec_error(text: str) -> None:
    """Garbage never gives another exception."""
    try:
        interval = Interval.parse(text)
    except PolarisSpecError:
        return
    assert interval.start < interval.end


@pytest.fixture
def _far_away_local_zone() -> Iterator[None]:
    """Put the process into a zone that is nowhere near UTC."""
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


@given(intervals())
def test_wire_round_trip_is_the_identity(interval: Interval) -> None:
    """What is written is read back as the same interval."""
    assert Interval.parse(interval.to_wire()) == interval


def test_wire_of_eternity_is_the_vendors_default() -> None:
    """The open interval is written as Polaris writes its default, and read back."""
    assert Interval.ETERNITY.to_wire() == "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"
    assert Interval.parse("-1000-01-01/5000-01-01") == Interval.ETERNITY
    assert Interval.ETERNITY.start == datetime.min.replace(tzinfo=UTC)


def test_constructor_drops_what_is_finer_than_a_millisecond_downwards() -> None:
    """Intervals that touch still touch after their ends lost the microseconds."""
    middle = utc(2024, 6, 1, 0, 0, 0, 1_999)
    first, second = Interval(utc(2024, 6, 1), middle), Interval(middle, utc(2024, 6, 2))
    assert first.end == second.start == utc(2024, 6, 1, 0, 0, 0, 1_000)


def test_constructor_turns_any_zone_and_pendulum_into_plain_utc() -> None:
    """Ends are plain datetimes in UTC, so that equal intervals are equal in every way."""
    interval = Interval(pendulum.datetime(2024, 6, 1, 2, tz="Europe/Berlin"), utc(2024, 6, 2))
    assert type(interval.start) is datetime
    assert interval.start.tzinfo is UTC
    assert repr(interval) == "<Interval 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z>"
    assert hash(interval) == hash(Interval(*JUNE_FIRST))


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (
            NAIVE,
            utc(2024, 6, 2),
            (
                "datetime.datetime(2024, 6, 1, 0, 0) is not an instant: a datetime with a time zone is needed. "
                "Add tzinfo=timezone.utc, or write it as ISO 8601 text, where a missing zone means UTC."
            ),
        ),
        (
            utc(2024, 6, 2),
            utc(2024, 6, 1),
            f"interval '2024-06-02T00:00:00.000Z/2024-06-01T00:00:00.000Z' {SWAP}",
        ),
        (
            utc(2024, 6, 1),
            utc(2024, 6, 1),
            f"interval '2024-06-01T00:00:00.000Z/2024-06-01T00:00:00.000Z' {EMPTY}",
        ),
        (
            datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
            utc(2024, 6, 1),
            "'0001-01-01T00:00:00+01:00' lies outside the years 1 to 9999 in UTC.",
        ),
    ],
)
def test_constructor_refuses_naive_reversed_and_empty(start: datetime, end: datetime, message: str) -> None:
    """An interval that exists is never empty, reversed or without a zone."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval(start, end)
    assert str(caught.value) == message


def test_interval_is_immutable_ordered_and_picklable() -> None:
    """Intervals are values: fixed, sortable by start then end, and equal after a trip through pickle and copy."""
    day, later = Interval.parse("2024-06-01/P1D"), Interval.parse("2024-06-01/P2D")
    with pytest.raises(AttributeError):
        day.start = utc(2020, 1, 1)  # type: ignore[misc]
    assert sorted([later, day]) == [day, later]
    assert pickle.loads(pickle.dumps(day)) == copy.deepcopy(day) == day


@given(intervals_with_granularity())
def test_align_contains_is_aligned_and_changes_nothing_twice(case: tuple[Interval, Granularity]) -> None:
    """The aligned interval contains the old one, is aligned, is its own alignment, and is the smallest."""
    interval, granularity = case
    aligned = interval.align(granularity)
    assert aligned.contains(interval)
    assert aligned.is_aligned(granularity)
    assert aligned.align(granularity) == aligned
    assert interval.is_aligned(granularity) == (aligned == interval)
    assert granularity.next(aligned.start) > interval.start
    assert granularity.floor(interval.end - timedelta(milliseconds=1)) < interval.end


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        (Granularity.FIVE_MINUTE, "2024-05-15T10:15:00.000Z/2024-05-15T10:30:00.000Z"),
        (Granularity.FIFTEEN_MINUTE, "2024-05-15T10:15:00.000Z/2024-05-15T10:30:00.000Z"),
        (Granularity.SIX_HOUR, "2024-05-15T06:00:00.000Z/2024-05-15T12:00:00.000Z"),
        (Granularity.EIGHT_HOUR, "2024-05-15T08:00:00.000Z/2024-05-15T16:00:00.000Z"),
        (Granularity.DAY, "2024-05-15T00:00:00.000Z/2024-05-16T00:00:00.000Z"),
        (Granularity.WEEK, "2024-05-13T00:00:00.000Z/2024-05-20T00:00:00.000Z"),
        (Granularity.MONTH, "2024-05-01T00:00:00.000Z/2024-06-01T00:00:00.000Z"),
        (Granularity.QUARTER, "2024-04-01T00:00:00.000Z/2024-07-01T00:00:00.000Z"),
        (Granularity.YEAR, "2024-01-01T00:00:00.000Z/2025-01-01T00:00:00.000Z"),
        (Granularity.ALL, "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"),
    ],
)
def test_align_known_dates_give_known_buckets(granularity: Granularity, expected: str) -> None:
    """The buckets are those of the calendar in UTC, weeks from Monday."""
    assert Interval.parse("2024-05-15T10:16/2024-05-15T10:29").align(granularity).to_wire() == expected


def test_is_aligned_the_vendors_own_example_agrees() -> None:
    """Day partitioning takes whole days and refuses eight hours of one (docs.imply.io/polaris/api-replace-data)."""
    assert Interval.parse("2022-06-01/2022-06-09").is_aligned(Granularity.DAY)
    eight_hours = Interval.parse("2022-06-01T00:00:00Z/2022-06-01T08:00:00Z")
    assert not eight_hours.is_aligned(Granularity.DAY)
    assert not eight_hours.is_aligned(Granularity.SIX_HOUR)
    assert eight_hours.is_aligned(Granularity.EIGHT_HOUR)
    assert not Interval.parse("2022-06-01T08:00Z/2022-06-02").is_aligned(Granularity.DAY)


def test_is_aligned_all_holds_for_eternity_only() -> None:
    """The one bucket of 'all' is all of time."""
    assert Interval.ETERNITY.is_aligned(Granularity.ALL)
    assert Interval.ETERNITY.is_aligned(Granularity.YEAR)
    assert not Interval.parse("2024/2025").is_aligned(Granularity.ALL)


@given(intervals_with_granularity())
def test_buckets_cover_the_interval_exactly(case: tuple[Interval, Granularity]) -> None:
    """Pieces touch, start and end where the interval does, and each lies in one bucket."""
    interval, granularity = case
    pieces = list(interval.buckets(granularity))
    assert pieces[0].start == interval.start
    assert pieces[-1].end == interval.end
    assert all(before.end == after.start for before, after in pairwise(pieces))
    if granularity is Granularity.ALL:
        assert pieces == [interval]
    else:
        assert all(
            granularity.floor(piece.start) == granularity.floor(piece.end - timedelta(milliseconds=1))
            for piece in pieces
        )
        assert all(piece.is_aligned(granularity) for piece in pieces[1:-1])


def test_buckets_at_the_end_of_the_calendar_stop_there() -> None:
    """The last bucket that can be written doesn't ask for the one after it."""
    end = Interval.parse("9999-12-30/9999-12-31T23:00")
    assert [piece.to_wire() for piece in end.buckets(Granularity.DAY)] == [
        "9999-12-30T00:00:00.000Z/9999-12-31T00:00:00.000Z",
        "9999-12-31T00:00:00.000Z/9999-12-31T23:00:00.000Z",
    ]


def test_buckets_of_eternity_are_lazy() -> None:
    """All of time has endless milliseconds; the first two can be had."""
    pieces = Interval.ETERNITY.buckets(Granularity.MILLISECOND)
    assert next(pieces).end == next(pieces).start == utc(1, 1, 1, 0, 0, 0, 1_000)


@given(intervals(), st.integers(min_value=1, max_value=30), st.integers(min_value=0, max_value=999))
def test_split_pieces_merge_to_the_interval(interval: Interval, parts: int, extra: int) -> None:
    """Pieces are no longer than the step, touch, and together are the interval."""
    step = interval.duration // parts // timedelta(milliseconds=1) * timedelta(milliseconds=1) + timedelta(
        milliseconds=extra + 1
    )
    pieces = interval.split(step)
    assert all(piece.duration <= step for piece in pieces)
    assert all(piece.duration == step for piece in pieces[:-1])
    assert all(before.end == after.start for before, after in pairwise(pieces))
    assert Interval(pieces[0].start, pieces[-1].end) == interval


def test_split_step_longer_than_interval_returns_one_piece() -> None:
    """A long step cuts nothing."""
    day = Interval.parse("2024-06-01/P1D")
    assert day.split(timedelta(days=2)) == day.split(timedelta(days=1)) == [day]


def test_split_by_granularity_cuts_at_its_boundaries() -> None:
    """A granularity cuts where its buckets do, not from the interval's start."""
    assert [piece.to_wire() for piece in Interval.parse("2024-01-31/2024-02-02").split(Granularity.MONTH)] == [
        "2024-01-31T00:00:00.000Z/2024-02-01T00:00:00.000Z",
        "2024-02-01T00:00:00.000Z/2024-02-02T00:00:00.000Z",
    ]


@pytest.mark.parametrize("step", [timedelta(), timedelta(days=-1), timedelta(microseconds=1500)])
def test_split_step_not_positive_or_too_fine_is_refused(step: timedelta) -> None:
    """A step must advance by whole milliseconds."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse("2024-06-01/P1D").split(step)
    assert str(caught.value) == (
        f"step {step!r} can't cut an interval: it must be a positive number of whole milliseconds. "
        "Pass timedelta(days=1), for example, or a Granularity."
    )


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("P1D", "2024-02-01T00:00:00.000Z/2024-03-02T00:00:00.000Z"),
        ("P1M", "2024-02-29T00:00:00.000Z/2024-04-01T00:00:00.000Z"),
        ("-P1M", "2023-12-31T00:00:00.000Z/2024-02-01T00:00:00.000Z"),
        ("-P1Y", "2023-01-31T00:00:00.000Z/2023-03-01T00:00:00.000Z"),
        (timedelta(hours=-1), "2024-01-30T23:00:00.000Z/2024-02-29T23:00:00.000Z"),
    ],
)
def test_shift_moves_both_ends_by_the_calendar(period: str | timedelta, expected: str) -> None:
    """Both ends move by the same period; months are calendar ones."""
    assert Interval.parse("2024-01-31/2024-03-01").shift(period).to_wire() == expected


@given(
    intervals(),
    st.timedeltas(timedelta(days=-100), timedelta(days=100)).map(lambda step: step - step % timedelta(milliseconds=1)),
)
def test_shift_there_and_back_is_the_identity(interval: Interval, step: timedelta) -> None:
    """An exact shift can be undone."""
    try:
        moved = interval.shift(step)
    except PolarisSpecError:
        assert interval.start.year == 1
        return
    if moved.start != Interval.ETERNITY.start and interval.end != Interval.ETERNITY.end != moved.end:
        assert moved.shift(-step) == interval


def test_shift_open_ends_stay_open() -> None:
    """All of time moved by a day is all of time."""
    assert Interval.ETERNITY.shift("P1D") == Interval.ETERNITY
    assert Interval.parse("-1000-01-01/2024-06-01").shift("-P1D").to_wire() == (
        "-1000-01-01T00:00:00.000Z/2024-05-31T00:00:00.000Z"
    )


@pytest.mark.parametrize(
    ("interval", "period", "message"),
    [
        (
            "9999-01-01/9999-02-01",
            "P1Y",
            "interval '9999-01-01T00:00:00.000Z/9999-02-01T00:00:00.000Z' moved by 'P1Y' leaves the years 1 to 9999.",
        ),
        (
            "2024-06-01/P1D",
            "tomorrow",
            "period 'tomorrow' is not an ISO 8601 period. Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or 'P1Y'.",
        ),
        (
            "2024-06-01/P1D",
            "P999999999DT24H",
            "period 'P999999999DT24H' is longer than all of time (years 1 to 9999).",
        ),
    ],
)
def test_shift_out_of_the_calendar_is_refused(interval: str, period: str, message: str) -> None:
    """A shift that can't be made says why."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse(interval).shift(period)
    assert str(caught.value) == message


def test_contains_and_overlaps_are_half_open() -> None:
    """The start belongs to the interval, the end doesn't; intervals that touch have nothing in common."""
    day, next_day = Interval.parse("2024-06-01/P1D"), Interval.parse("2024-06-02/P1D")
    assert day.contains(day.start)
    assert not day.contains(day.end)
    assert day.contains(pendulum.datetime(2024, 6, 2, 1, tz="Europe/Berlin"))
    assert day.contains(day)
    assert not day.contains(Interval.parse("2024-06-01/P2D"))
    assert not day.overlaps(next_day)
    assert day.intersection(next_day) is None


def test_contains_naive_datetime_is_refused() -> None:
    """A datetime without a zone is no instant."""
    with pytest.raises(PolarisError, match=r"^datetime\.datetime\(2024, 6, 1, 0, 0\) is not an instant"):
        Interval.parse("2024-06-01/P1D").contains(NAIVE)


@given(intervals(), intervals())
def test_intersection_lies_in_both_and_exists_exactly_when_they_overlap(one: Interval, other: Interval) -> None:
    """The intersection is the same from both sides and contained in both."""
    common = one.intersection(other)
    assert common == other.intersection(one)
    assert (common is not None) == one.overlaps(other)
    assert common is None or (one.contains(common) and other.contains(common))
