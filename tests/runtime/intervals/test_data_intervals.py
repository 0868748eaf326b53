# SPDX-License-Identifier: Apache-2.0
"""Runs with a data interval: hours to years, scheduled, manual and in a backfill, and local days."""

from __future__ import annotations

import pytest

from tests.runtime.intervals.airflow_runs import author
from tests.runtime.intervals.messages import unaligned
from tests.runtime.intervals.rows import DAY, Row, backfill, by_hand, first, rows_here
from tests.runtime.intervals.timetables import cron_data, scheduler_class

TABLE = [
    # Data intervals: the same with every version, scheduled, manual and in a backfill.
    Row("hours, scheduled", cron_data("0 * * * *"), first, "2024-01-01T00/2024-01-01T01", "hour"),
    Row("hours, by hand", cron_data("0 * * * *"), by_hand(), "2024-03-15T11/2024-03-15T12", "hour"),
    Row(
        "hours, backfill",
        cron_data("0 * * * *"),
        backfill("2024-02-28T22:00", "2024-02-29T00:00"),
        ("2024-02-28T22/PT1H", "2024-02-28T23/PT1H", "2024-02-29/PT1H"),
        "hour",
    ),
    Row("days, scheduled", cron_data("0 0 * * *"), first, "2024-01-01/P1D"),
    Row("days, by hand", cron_data("0 0 * * *"), by_hand(), "2024-03-14/P1D"),
    Row(
        "days, backfill",
        cron_data("0 0 * * *"),
        backfill("2024-02-29", "2024-03-01"),
        ("2024-02-29/P1D", "2024-03-01/P1D"),
    ),
    Row("weeks, scheduled", cron_data("0 0 * * 1"), first, "2024-01-01/P1W"),
    Row("weeks, by hand", cron_data("0 0 * * 1"), by_hand(), "2024-03-04/P1W"),
    Row("months, scheduled", cron_data("0 0 1 * *"), first, "2024-01/P1M", "month"),
    Row("months, by hand", cron_data("0 0 1 * *"), by_hand(), "2024-02/P1M", "month"),
    Row(
        "months, backfill",
        cron_data("@monthly"),
        backfill("2024-01-15", "2024-03-02"),
        ("2024-02/P1M", "2024-03/P1M"),
        "month",
    ),
    Row("quarters, scheduled", cron_data("0 0 1 */3 *"), first, "2024-01/P3M", "quarter"),
    Row("quarters, by hand", cron_data("0 0 1 */3 *"), by_hand(), "2023-10/P3M", "quarter"),
    Row("years, scheduled", cron_data("0 0 1 1 *"), first, "2024/P1Y", "year"),
    Row(
        "years, backfill",
        cron_data("0 0 1 1 *"),
        backfill("2020-01-01", "2021-12-31"),
        ("2020/P1Y", "2021/P1Y"),
        "year",
    ),
    Row("days by timedelta, scheduled", lambda: author("DeltaDataIntervalTimetable")(DAY), first, "2024-01-01/P1D"),
    Row(
        "days by timedelta, by hand",
        lambda: author("DeltaDataIntervalTimetable")(DAY),
        by_hand(),
        unaligned("2024-03-14T12:34/2024-03-15T12:34", "2024-03-14/2024-03-16"),
    ),
    Row(
        "days of a trigger, scheduled",
        lambda: author("CronTriggerTimetable")("0 0 * * *", timezone="UTC", interval=DAY),
        first,
        "2023-12-31/P1D",
    ),
    # The wrong partitions, the wrong zone.
    Row(
        "days into months",
        cron_data("0 0 * * *"),
        first,
        unaligned("2024-01-01/2024-01-02", "2024-01-01/2024-02-01", granularity="month"),
        "month",
    ),
    Row(
        "local days, scheduled",
        cron_data("0 0 * * *", "Europe/Berlin"),
        first,
        unaligned("2024-01-01T23:00/2024-01-02T23:00", "2024-01-01/2024-01-03", "Europe/Berlin"),
    ),
    Row(
        "local days, by hand",
        cron_data("0 0 * * *", "Europe/Berlin"),
        by_hand(),
        unaligned("2024-03-13T23:00/2024-03-14T23:00", "2024-03-13/2024-03-15", "Europe/Berlin"),
    ),
    Row(
        "local days, backfill of the day the clocks change",
        cron_data("0 0 * * *", "Europe/Berlin"),
        backfill("2024-03-30T23:00", "2024-03-30T23:00"),
        unaligned("2024-03-30T23:00/2024-03-31T22:00", "2024-03-30/2024-04-01", "Europe/Berlin"),
    ),
    Row("local days into hours", cron_data("0 0 * * *", "Europe/Berlin"), first, "2024-01-01T23/2024-01-02T23", "hour"),
    Row(
        "local months",
        cron_data("0 0 1 * *", "America/New_York"),
        first,
        unaligned("2024-01-01T05:00/2024-02-01T05:00", "2024-01-01/2024-03-01", "America/New_York", "month"),
        "month",
    ),
    Row(
        "local days of the scheduler's class",
        scheduler_class("interval", "CronDataIntervalTimetable", "0 0 * * *", timezone="Europe/Berlin"),
        first,
        unaligned("2024-01-01T23:00/2024-01-02T23:00", "2024-01-01/2024-01-03", "Europe/Berlin"),
    ),
]


@pytest.mark.parametrize("row", rows_here(TABLE), ids=lambda row: row.what)
def test_interval_of_a_run_is_that_of_the_table(row: Row) -> None:
    """Each run that this Airflow creates has the interval of the table, or fails with its message."""
    assert row.found == row.wanted
