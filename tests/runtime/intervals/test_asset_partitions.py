# SPDX-License-Identifier: Apache-2.0
"""Runs of partitions that come from assets: the meaning of their keys, mapped and rolled up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.runtime.intervals.airflow_runs import author
from tests.runtime.intervals.messages import NO_INTERVAL, no_date, no_length, unaligned
from tests.runtime.intervals.rows import GRAIN, NONE, START, V32, V33, Row, assets, backfill, by_hand, rows_here, since
from tests.runtime.intervals.timetables import mapper, partitioned, rollup

if AIRFLOW_VERSION < V32:
    pytest.skip("partitions came with Airflow 3.2", allow_module_level=True)

TABLE = [
    Row(
        "assets, the same key",
        partitioned(),
        assets("2024-01-01T07:00:00", START + timedelta(hours=7)),
        since(V32, no_length("2024-01-01T07:00:00")),
        "hour",
    ),
    Row(
        "assets, the same key, with a grain",
        partitioned(),
        by_hand(None, "2024-01-01T07:00:00", grain="PT1H"),
        since(V32, "2024-01-01T07/PT1H"),
        "hour",
        GRAIN,
    ),
    Row("assets, the same key of a day", partitioned(), assets("2024-01-01"), since(V32, "2024-01-01/P1D")),
    Row("assets, no date", partitioned(), assets("us-east"), since(V32, no_date("us-east"))),
    Row(
        "assets by hour",
        partitioned(mapper("StartOfHourMapper")),
        assets("2024-01-01T07:08:09"),
        since(V32, "2024-01-01T07/PT1H"),
        "hour",
    ),
    Row(
        "assets by day",
        partitioned(mapper("StartOfDayMapper")),
        assets("2024-01-01T07:00:00"),
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "assets by week",
        partitioned(mapper("StartOfWeekMapper")),
        assets("2024-01-03T07:00:00"),
        since(V32, "2024-01-01/P1W"),
    ),
    Row(
        "assets by month",
        partitioned(mapper("StartOfMonthMapper")),
        assets("2024-02-29T07:00:00"),
        since(V32, "2024-02/P1M"),
        "month",
    ),
    Row(
        "assets by quarter",
        partitioned(mapper("StartOfQuarterMapper")),
        assets("2024-05-31T07:00:00"),
        since(V32, "2024-04/P3M"),
        "quarter",
    ),
    Row(
        "assets by year",
        partitioned(mapper("StartOfYearMapper")),
        assets("2024-05-31T07:00:00"),
        since(V32, "2024/P1Y"),
        "year",
    ),
    Row(
        "assets by day, by hand",
        partitioned(mapper("StartOfDayMapper")),
        by_hand(None, "2024-02-29"),
        since(V32, "2024-02-29/P1D"),
    ),
    Row(
        "assets by day, by hand without a key",
        partitioned(mapper("StartOfDayMapper")),
        by_hand(None),
        since(V32, NO_INTERVAL),
    ),
    Row(
        "assets by day, backfill",
        partitioned(mapper("StartOfDayMapper")),
        backfill("2024-01-01", "2024-01-02"),
        since(V32, NONE),
    ),
    Row(
        "hours to a day",
        rollup("StartOfDayMapper", "DayWindow"),
        assets("2024-01-01T07:00:00"),
        since(V33, "2024-01-01/P1D"),
    ),
    Row(
        "days to a week",
        rollup("StartOfWeekMapper", "WeekWindow", input_format="%Y-%m-%d"),
        assets("2024-01-03"),
        since(V33, "2024-01-01/P1W"),
    ),
    Row(
        "days to a month",
        rollup("StartOfMonthMapper", "MonthWindow", input_format="%Y-%m-%d"),
        assets("2024-02-29"),
        since(V33, "2024-02/P1M"),
        "month",
    ),
    Row(
        "months to a quarter",
        rollup("StartOfQuarterMapper", "QuarterWindow", input_format="%Y-%m"),
        assets("2024-05"),
        since(V33, "2024-04/P3M"),
        "quarter",
    ),
    Row(
        "months to a year",
        rollup("StartOfYearMapper", "YearWindow", input_format="%Y-%m"),
        assets("2024-05"),
        since(V33, "2024/P1Y"),
        "year",
    ),
    Row(
        "hours to a day, by hand",
        rollup("StartOfDayMapper", "DayWindow"),
        by_hand(None, "2024-02-29"),
        since(V33, "2024-02-29/P1D"),
    ),
    Row(
        "hours to a local day",
        rollup("StartOfDayMapper", "DayWindow", timezone="Europe/Berlin"),
        assets("2024-06-01T07:00:00"),
        since(V33, unaligned("2024-05-31T22:00/2024-06-01T22:00", "2024-05-31/2024-06-02", "Europe/Berlin")),
    ),
    Row(
        "a chain to a day",
        partitioned(
            lambda: author("ChainMapper")(
                author("StartOfHourMapper")(), author("StartOfDayMapper")(input_format="%Y-%m-%dT%H")
            )
        ),
        assets("2024-01-01T07:00:00"),
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "a week to its days",
        partitioned(
            lambda: author("FanOutMapper")(
                upstream_mapper=author("StartOfWeekMapper")(input_format="%Y-%m-%d"), window=author("WeekWindow")()
            )
        ),
        assets("2024-01-01"),
        since(V33, "2024-01-07/P1D"),
    ),
    Row(
        "partitions at run time",
        lambda: author("PartitionedAtRuntime")(),
        by_hand(None, "2024-01"),
        since(V33, "2024-01/P1M"),
        "month",
    ),
]


@pytest.mark.parametrize("row", rows_here(TABLE), ids=lambda row: row.what)
def test_interval_of_a_run_is_that_of_the_table(row: Row) -> None:
    """Each run that this Airflow creates has the interval of the table, or fails with its message."""
    assert row.found == row.wanted
