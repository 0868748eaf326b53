# SPDX-License-Identifier: Apache-2.0
"""The intervals that a job writes, read from Polaris' descriptions."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.guards.conflicts import is_append, overlap, written_intervals
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
ALL = (Interval.ETERNITY,)
ONE = (Interval.parse(DAY),)


def job(kind: str = "batch", **values: Any) -> dict[str, Any]:
    return {"id": "j", "executionStatus": "running", "type": kind, "target": {"tableName": "t"}, **values}


def with_intervals(*intervals: str) -> dict[str, Any]:
    return {"target": {"tableName": "t", "intervals": list(intervals)}}


MOVED = [{"columnName": "__time", "expression": "TIME_SHIFT(\"__time\", 'P1D', 1)"}]
FLOORED = [{"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"}]
APPEND = {"ingestionMode": "append", "source": {"tableName": "s", "interval": DAY}}


@pytest.mark.parametrize(
    "described, intervals",
    [
        (job(**with_intervals(DAY)), ONE),
        (job(ingestionMode="replace", spec={"replaceAll": True}), ALL),
        (job(**APPEND), ONE),
        (job(**APPEND, mappings=FLOORED), ONE),
        (job(**APPEND, mappings=[{"columnName": "__time", "expression": '"__time"'}]), ONE),
        (job(**APPEND, mappings=[{"columnName": "city", "expression": "((("}]), ONE),
        (job(**APPEND, mappings=MOVED), ALL),
        (job(**APPEND, spec={"mappings": MOVED}), ALL),
        (job(**APPEND, mappings=[{"columnName": "__time", "expression": "((("}]), ALL),
        (job(ingestionMode="append", source={"type": "uploaded"}), ALL),
        (job("sql", query="INSERT INTO t SELECT 1 PARTITIONED BY DAY"), ALL),
        (job("delete_data", **with_intervals(DAY)), ONE),
        (job("delete_data", deleteAll=True), ALL),
        (job("restore_data", interval=DAY), ONE),
        (job("drop_table"), ALL),
        (job(**with_intervals("whenever")), ALL),
    ],
)
def test_works_on_description_tells(described: dict[str, Any], intervals: tuple[Interval, ...]) -> None:
    """A description without limits may mean any interval."""
    assert written_intervals(described, is_whole=True) == intervals


@pytest.mark.parametrize(
    "row, intervals",
    [
        (job(**with_intervals(DAY)), ONE),
        (job(**with_intervals()), None),
        (job(), None),
        (job("drop_table"), ALL),
        (job(**with_intervals("whenever")), None),
    ],
)
def test_works_on_list_may_not_tell(row: dict[str, Any], intervals: tuple[Interval, ...] | None) -> None:
    """A row without intervals proves nothing: the list may omit them."""
    assert written_intervals(row, is_whole=False) == intervals


@pytest.mark.parametrize(
    "described, appends",
    [
        (job(**APPEND), True),
        (job("sql", query="INSERT INTO t SELECT 1"), True),
        (job("sql", query="REPLACE INTO t OVERWRITE ALL SELECT 1"), False),
        (job(ingestionMode="replace"), False),
        (job("delete_data"), False),
        (job("restore_data"), False),
    ],
)
def test_is_append_tells_what_only_adds(described: dict[str, Any], appends: bool) -> None:
    """Only batch and sql jobs append."""
    assert is_append(described) is appends


@pytest.mark.parametrize(
    "ours, theirs, partition, meets",
    [
        ("2024-06-01/P1D", "2024-06-02/P1D", Granularity.DAY, False),
        ("2024-06-01/P1D", "2024-06-02/P1D", Granularity.MONTH, True),
        ("2024-06-01T03:00Z/PT1H", "2024-06-01T09:00Z/PT1H", Granularity.DAY, True),
        ("2024-06-01T03:00Z/PT1H", "2024-06-01T09:00Z/PT1H", Granularity.HOUR, False),
        ("9999-12-31/PT1H", "9999-12-31/PT1H", Granularity.YEAR, True),
    ],
)
def test_overlap_counts_whole_partitions(ours: str, theirs: str, partition: Granularity, meets: bool) -> None:
    """Two jobs conflict if they write to a common partition."""
    assert overlap((Interval.parse(ours),), (Interval.parse(theirs),), partition) is meets
