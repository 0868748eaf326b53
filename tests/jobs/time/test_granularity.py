# SPDX-License-Identifier: Apache-2.0
"""Granularity: words and periods, buckets by the calendar, and which granularity divides which."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pendulum
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.period import Period

UTC = timezone.utc
WORDS = (
    "millisecond, second, minute, five_minute, ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, "
    "day, week, month, quarter, year, all"
)

instants = st.datetimes(datetime.min, datetime.max.replace(year=4990), timezones=st.just(UTC))  # noqa: DTZ901 (bounds)
granularities = st.sampled_from(Granularity)


@pytest.mark.parametrize(
    ("text", "granularity"),
    [
        ("hour", Granularity.HOUR),
        ("HOUR", Granularity.HOUR),
        (" fifteen_minute ", Granularity.FIFTEEN_MINUTE),
        ("PT1H", Granularity.HOUR),
        ("pt1h", Granularity.HOUR),
        ("PT60M", Granularity.HOUR),
        ("PT3600S", Granularity.HOUR),
        ("PT0.001S", Granularity.MILLISECOND),
        ("PT30M", Granularity.THIRTY_MINUTE),
        ("PT24H", Granularity.DAY),
        ("P1W", Granularity.WEEK),
        ("P3M", Granularity.QUARTER),
        ("P12M", Granularity.YEAR),
        ("all", Granularity.ALL),
    ],
)
def test_parse_word_or_period_gives_the_granularity(text: str, granularity: Granularity) -> None:
    """Polaris' word in any case and every form of the same period are parsed."""
    assert Granularity.parse(text) is granularity


@pytest.mark.parametrize("granularity", list(Granularity))
def test_parse_own_word_and_own_period_is_the_identity(granularity: Granularity) -> None:
    """Each granularity is parsed from its word, its str() and its period."""
    assert Granularity.parse(granularity.value) is Granularity.parse(str(granularity)) is Granularity(f"{granularity}")
    assert (granularity.period is None) == (granularity is Granularity.ALL)
    if granularity.period is not None:
        assert Granularity.parse(granularity.period) is granularity


@pytest.mark.parametrize("text", ["hourly", "", "P7D", "PT2H", "-PT1H", "P", "none", "PT0S", "P1W7D"])
def test_parse_what_polaris_does_not_have_lists_what_it_has(text: str) -> None:
    """Unknown words and periods, including seven days, are refused with the list of words."""
    with pytest.raises(PolarisSpecError) as caught:
        Granularity.parse(text, field="rollup_granularity")
    assert str(caught.value) == (
        f"rollup_granularity {text!r} is not a granularity of Polaris. "
        f"Use one of {WORDS}, or the ISO 8601 period of one, such as 'PT1H'."
    )


def test_parse_something_other_than_text_is_refused() -> None:
    """A number is refused like an unknown word."""
    with pytest.raises(PolarisSpecError, match=r"^granularity 3600 is not a granularity of Polaris\. "):
        Granularity.parse(3600)  # type: ignore[arg-type]


def test_words_are_exactly_those_of_the_vendor() -> None:
    """The words equal those of partitioning and time resolution in the vendor's SDK."""
    enums = pytest.importorskip("polaris.sdk.project_api.models", reason="polaris-sdk is not installed")
    vendor = (enums.PartitioningGranularity, enums.TablePartitioningGranularity, enums.TimeResolution)
    assert {member.value for member in Granularity} == {member.value for enum in vendor for member in enum}


@given(granularities, instants)
def test_floor_and_next_enclose_the_instant(granularity: Granularity, instant: datetime) -> None:
    """Every instant is in one bucket, whose ends are their own floor."""
    start, end = granularity.floor(instant), granularity.next(instant)
    assert start <= instant < end
    assert granularity.floor(start) == granularity.ceil(start) == start
    assert granularity.floor(end) == end
    assert granularity.floor(end - timedelta(microseconds=1)) == start
    assert granularity.ceil(instant) == (start if instant == start else end)


@given(st.sampled_from(["WEEK", "MONTH", "QUARTER", "YEAR", "DAY", "HOUR"]), instants)
def test_floor_agrees_with_pendulum(name: str, instant: datetime) -> None:
    """Calendar buckets equal those that pendulum computes."""
    there = pendulum.instance(instant)
    expected = there.first_of("quarter").start_of("day") if name == "QUARTER" else there.start_of(name.lower())
    assert Granularity[name].floor(instant) == expected


def test_floor_of_another_zone_is_the_utc_bucket() -> None:
    """Days are UTC days, whatever the zone of the instant; the result is a plain datetime in UTC."""
    floored = Granularity.DAY.floor(pendulum.datetime(2024, 6, 2, 1, 30, tz="Europe/Berlin"))
    assert floored == datetime(2024, 6, 1, tzinfo=UTC)
    assert type(floored) is datetime
    assert floored.tzinfo is UTC


def test_floor_of_a_naive_datetime_is_refused() -> None:
    """Without a zone there is no instant and no bucket."""
    with pytest.raises(PolarisSpecError) as caught:
        Granularity.HOUR.floor(datetime(2024, 6, 1, tzinfo=UTC).replace(tzinfo=None))
    assert str(caught.value) == (
        "datetime.datetime(2024, 6, 1, 0, 0) is not an instant: a datetime with a time zone is needed. "
        "Add tzinfo=timezone.utc, or write it as ISO 8601 text, where a missing zone means UTC."
    )


def test_next_after_the_last_bucket_is_refused() -> None:
    """The end of the calendar, and of 'all', is an error that names the bucket, not an OverflowError."""
    with pytest.raises(PolarisSpecError) as caught:
        Granularity.MONTH.next(datetime(9999, 12, 31, tzinfo=UTC))
    assert str(caught.value) == (
        "the 'month' that starts at 9999-12-01T00:00:00.000Z ends after the last instant there is. "
        "Use an earlier end; 5000-01-01T00:00:00.000Z stands for an open one."
    )
    with pytest.raises(PolarisSpecError, match=r"^the 'all' that starts at 5000-01-01T00:00:00\.000Z ends after"):
        Granularity.ALL.next(datetime(5000, 1, 1, tzinfo=UTC))


@given(granularities, granularities, st.lists(instants, min_size=1, max_size=30))
def test_divides_means_that_coarser_boundaries_are_mine_too(
    mine: Granularity, coarser: Granularity, moments: list[datetime]
) -> None:
    """If one divides the other, no bucket of the coarser is cut by a boundary of the finer."""
    assume(mine.divides(coarser))
    for moment in moments:
        assert mine.floor(coarser.floor(moment)) == coarser.floor(moment)
        if coarser is not Granularity.ALL:
            assert mine.floor(coarser.next(moment)) == coarser.next(moment)
        assert coarser.floor(mine.floor(moment)) == coarser.floor(moment)


@pytest.mark.parametrize("mine", list(Granularity))
@pytest.mark.parametrize("coarser", [member for member in Granularity if member is not Granularity.ALL])
def test_divides_is_false_only_where_a_counterexample_exists(mine: Granularity, coarser: Granularity) -> None:
    """Over four years of days, hours and ten minutes, "does not divide" is always shown by some bucket boundary."""
    steps = [timedelta(minutes=5) * count for count in range(300)] + [timedelta(days=count) for count in range(1500)]
    start = datetime(2023, 1, 1, tzinfo=UTC)
    boundaries = {coarser.floor(start + step) for step in steps}
    if coarser is Granularity.MILLISECOND:
        boundaries.add(start + timedelta(milliseconds=1))
    if coarser is Granularity.SECOND:
        boundaries.add(start + timedelta(seconds=1))
    if coarser is Granularity.MINUTE:
        boundaries.add(start + timedelta(minutes=1))
    assert mine.divides(coarser) == all(mine.floor(boundary) == boundary for boundary in boundaries)


def test_divides_known_pairs() -> None:
    """Pairs that are often confused."""
    yes = [
        ("six_hour", "day"),
        ("ten_minute", "thirty_minute"),
        ("week", "week"),
        ("week", "all"),
        ("day", "week"),
        ("month", "year"),
    ]
    no = [
        ("six_hour", "eight_hour"),
        ("ten_minute", "fifteen_minute"),
        ("week", "month"),
        ("week", "year"),
        ("all", "year"),
    ]
    assert [pair for pair in yes if not Granularity(pair[0]).divides(Granularity(pair[1]))] == []
    assert [pair for pair in no if Granularity(pair[0]).divides(Granularity(pair[1]))] == []


def test_is_coarser_than_orders_from_millisecond_to_all() -> None:
    """Each member is coarser than all earlier ones and not coarser than itself and the later ones."""
    members = list(Granularity)
    for index, member in enumerate(members):
        assert [other for other in members if member.is_coarser_than(other)] == members[:index]


@given(instants, st.integers(0, 30), st.integers(0, 60), st.integers(0, 400), st.integers(0, 10**6))
def test_period_add_agrees_with_pendulum(instant: datetime, months: int, weeks: int, days: int, seconds: int) -> None:
    """A period moves an instant as pendulum does: months first, limited to the month's last day, then the rest."""
    period = Period.parse(f"P{months}M{weeks}W{days}DT{seconds}S")
    expected = pendulum.instance(instant).add(months=months).add(weeks=weeks, days=days, seconds=seconds)
    assert period.add_to(instant) == expected
