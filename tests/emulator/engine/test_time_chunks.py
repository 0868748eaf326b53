# SPDX-License-Identifier: Apache-2.0
"""Time chunks: SQL numbers a row's chunk, Python converts the number back, and both agree with the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import duckdb
import pytest

from airflow_provider_polaris.emulator.engine.time_chunks import (
    chunk_interval,
    from_ms,
    iso,
    load_base,
    parse_iso,
    segment_number_sql,
    timestamp_literal,
    to_ms,
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]


MOMENT = utc(2024, 2, 29, 13, 47, 58, 123000)
CASES = [
    ("second", utc(2024, 2, 29, 13, 47, 58), utc(2024, 2, 29, 13, 47, 59)),
    ("minute", utc(2024, 2, 29, 13, 47), utc(2024, 2, 29, 13, 48)),
    ("five_minute", utc(2024, 2, 29, 13, 45), utc(2024, 2, 29, 13, 50)),
    ("ten_minute", utc(2024, 2, 29, 13, 40), utc(2024, 2, 29, 13, 50)),
    ("fifteen_minute", utc(2024, 2, 29, 13, 45), utc(2024, 2, 29, 14)),
    ("thirty_minute", utc(2024, 2, 29, 13, 30), utc(2024, 2, 29, 14)),
    ("hour", utc(2024, 2, 29, 13), utc(2024, 2, 29, 14)),
    ("six_hour", utc(2024, 2, 29, 12), utc(2024, 2, 29, 18)),
    ("eight_hour", utc(2024, 2, 29, 8), utc(2024, 2, 29, 16)),
    ("day", utc(2024, 2, 29), utc(2024, 3, 1)),
    ("week", utc(2024, 2, 26), utc(2024, 3, 4)),
    ("month", utc(2024, 2, 1), utc(2024, 3, 1)),
    ("quarter", utc(2024, 1, 1), utc(2024, 4, 1)),
    ("year", utc(2024, 1, 1), utc(2025, 1, 1)),
]


def number(granularity: str, instant: datetime, load: int = 7) -> int:
    sql = f"SELECT {segment_number_sql(granularity, load, timestamp_literal(instant))}"
    return int(duckdb.execute(sql).fetchall()[0][0])


@pytest.mark.parametrize(("granularity", "start", "end"), CASES)
def test_chunk_of_an_instant_is_the_calendars(granularity: str, start: datetime, end: datetime) -> None:
    """Every granularity gives the calendar's bucket, also in a leap year."""
    found = number(granularity, MOMENT)
    assert chunk_interval(granularity, found) == (to_ms(start), to_ms(end))
    assert load_base(7) <= found < load_base(8)


@pytest.mark.parametrize(("granularity", "start", "end"), CASES)
def test_chunk_is_half_open(granularity: str, start: datetime, end: datetime) -> None:
    """The first instant belongs to the chunk, the end to the next one."""
    assert number(granularity, start) == number(granularity, end - timedelta(milliseconds=1))
    assert number(granularity, start) < number(granularity, end)


@pytest.mark.parametrize("granularity", [case[0] for case in CASES])
@pytest.mark.parametrize("instant", [utc(1, 1, 1), utc(1969, 12, 31, 23, 59, 59, 999000), utc(9999, 12, 31, 23, 59)])
def test_chunk_at_the_ends_of_the_calendar_contains_its_instant(granularity: str, instant: datetime) -> None:
    """Times before 1970 round down, and the year 9999 doesn't overflow."""
    start, end = chunk_interval(granularity, number(granularity, instant))
    assert start <= to_ms(instant) < end


def test_chunk_of_all_holds_everything() -> None:
    """Granularity 'all' has one chunk."""
    assert number("all", utc(1, 1, 1)) == number("all", utc(9999, 12, 31)) == load_base(7)
    start, end = chunk_interval("all", load_base(7))
    assert (from_ms(start), iso(end)) == (utc(1, 1, 1), "9999-12-31T23:59:59.999Z")


@pytest.mark.parametrize("granularity", ["day", "month", "all"])
def test_segment_number_of_a_null_time_is_null(granularity: str) -> None:
    """A null __time belongs to no chunk."""
    sql = f"SELECT {segment_number_sql(granularity, 7, 'CAST(NULL AS TIMESTAMP)')}"
    assert duckdb.execute(sql).fetchall() == [(None,)]


def test_segment_number_of_an_unknown_granularity_is_refused() -> None:
    """An unknown granularity is never used as SQL."""
    with pytest.raises(ValueError) as caught:
        segment_number_sql("fortnight", 1, "t")
    assert str(caught.value) == "granularity 'fortnight' is unknown"


@pytest.mark.parametrize("milliseconds", [-62_135_596_800_000, -1, 0, 1_719_792_000_123, 253_402_300_799_999])
def test_iso_text_reads_back(milliseconds: int) -> None:
    """Versions are written as ISO text and compared as text, so years have four digits."""
    text = iso(milliseconds)
    assert len(text) == len("2024-01-01T00:00:00.000Z")
    assert parse_iso(text) == milliseconds
