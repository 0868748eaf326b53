# SPDX-License-Identifier: Apache-2.0
"""A table's description of its retained, precached and loaded data."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.tables.storage_policy import StoragePolicy, TableStorage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

NOW = datetime(2024, 7, 1, tzinfo=timezone.utc)


def policy(**value: Any) -> StoragePolicy:
    read = StoragePolicy.from_wire(value)
    assert read is not None
    return read


@pytest.mark.parametrize(
    "day, keeps",
    [
        ("2024-06-16/P1D", False),
        ("2024-06-17/P1D", True),
        ("2024-06-10/P1W", False),
        ("2024-06-01/P1M", True),
        ("2024-06-30/P1D", True),
        ("2024-07-01/P1D", True),
        ("2030-01-01/P1D", True),
    ],
)
def test_keeps_period_counts_back_from_now(day: str, keeps: bool) -> None:
    """A partition is kept while a part of it is younger than the period; the future is always kept."""
    assert policy(type="period", period="P14D").keeps(Interval.parse(day), NOW) is keeps


@pytest.mark.parametrize(
    "day, keeps",
    [("2024-01-31/P1D", False), ("2024-02-01/P1D", True), ("2024-06-30/P1D", False), ("2024-07/P1M", True)],
)
def test_keeps_intervals_stay(day: str, keeps: bool) -> None:
    """Fixed intervals are kept; other past data isn't."""
    assert policy(type="intervals", intervals=["2024-02-01/2024-03-01"]).keeps(Interval.parse(day), NOW) is keeps


def test_keeps_intervals_and_period_add_up() -> None:
    """Data that one of the two keeps is kept."""
    both = policy(type="intervals", intervals=["2024-02-01/2024-03-01"], period="P14D")
    kept = [both.keeps(Interval.parse(f"{day}/P1D"), NOW) for day in ("2024-02-02", "2024-05-01", "2024-06-20")]
    assert kept == [True, False, True]
    assert both.shown == "2024-02-01/2024-03-01 and P14D"


def test_keeps_period_longer_than_the_calendar_keeps_all() -> None:
    """A period that reaches back before the year 1 keeps everything."""
    assert policy(type="period", period="P9000Y").keeps(Interval.parse("0002-01-01/P1D"), NOW)


def test_from_wire_shows_intervals_without_a_period() -> None:
    """A missing part of the policy isn't shown."""
    texts = ["2024-02-01/2024-03-01", "2024-05-01/2024-06-01"]
    expected = StoragePolicy(tuple(map(Interval.parse, texts)), None, " and ".join(texts))
    assert policy(type="intervals", intervals=texts) == expected


@pytest.mark.parametrize("value", [None, {}, "P3M", {"type": "period"}, {"type": "period", "period": "soon"}])
def test_from_wire_unreadable_policy_is_none(value: Any) -> None:
    """A missing or unknown policy is None."""
    assert StoragePolicy.from_wire(value) is None


def table(**values: Any) -> TableStorage:
    payload = {"name": "t", "availability": "available", "totalDataSizeBytes": 9, "precachedDataSizeBytes": 9}
    return TableStorage.from_wire({**payload, **values})


def test_from_wire_reads_what_the_guards_need() -> None:
    """Each property of the description has its field."""
    retain = {"type": "period", "period": "P1M"}
    schema = [{"type": "dimension", "name": "city"}]
    assert table(availability="UNAVAILABLE", storagePolicy={"retain": retain}, schema=schema) == TableStorage(
        name="t", availability="unavailable", retain=policy(**retain), columns=frozenset(["city"])
    )


@pytest.mark.parametrize(
    "values, is_wholly",
    [
        ({}, True),
        ({"availability": "AVAILABLE", "storagePolicy": {"retain": {"type": "period", "period": "P1D"}}}, True),
        ({"storagePolicy": {"cached": {"type": "period", "period": "P99Y"}}}, False),
        ({"storagePolicy": {"cached": None}}, True),
        ({"precachedDataSizeBytes": 8}, False),
        ({"totalDataSizeBytes": None}, True),
        ({"availability": "unavailable"}, False),
        ({"availability": None}, False),
    ],
)
def test_is_wholly_precached_needs_certainty(values: dict[str, Any], is_wholly: bool) -> None:
    """A policy, missing bytes or an unknown availability: then rows may be invisible."""
    assert table(**values).is_wholly_precached is is_wholly


@pytest.mark.parametrize(
    "values, resolution",
    [
        ({}, Granularity.MILLISECOND),
        ({"timeResolution": "hour"}, Granularity.HOUR),
        ({"timeResolution": "hour", "queryGranularity": {"type": "simple", "granularity": "day"}}, Granularity.DAY),
        ({"queryGranularity": {"type": "period", "period": "P2D"}}, None),
        ({"timeResolution": "fortnight"}, None),
    ],
)
def test_time_resolution_is_read(values: dict[str, Any], resolution: Granularity | None) -> None:
    """``queryGranularity`` takes precedence; a resolution that isn't Polaris' own is unknown."""
    assert table(**values).time_resolution is resolution


@pytest.mark.parametrize(
    "values, is_empty",
    [
        ({}, False),
        ({"segmentCount": 0, "totalRows": 0}, True),
        ({"segmentCount": 0}, True),
        ({"segmentCount": 0, "totalRows": 5}, False),
    ],
)
def test_is_empty_needs_no_segment_and_no_row(values: dict[str, Any], is_empty: bool) -> None:
    """A table is empty only according to its description."""
    assert table(**values).is_empty is is_empty
