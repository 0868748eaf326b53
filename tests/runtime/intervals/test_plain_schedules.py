# SPDX-License-Identifier: Apache-2.0
"""Runs without data intervals of their schedule: plain schedules, no schedule, and assets without partitions."""

from __future__ import annotations

import pytest

from tests.runtime.intervals.airflow_runs import author
from tests.runtime.intervals.messages import NO_INTERVAL, empty_cron, empty_delta, empty_other
from tests.runtime.intervals.rows import (
    ABSENT,
    ASK,
    DAY,
    NONE,
    START,
    V2,
    V3,
    V32,
    V33,
    Row,
    assets,
    backfill,
    by_hand,
    first,
    rows_here,
    since,
)
from tests.runtime.intervals.timetables import (
    asset_kind,
    asset_or_plain_cron,
    asset_or_time,
    cron_data,
    events,
    scheduler_class,
)

TABLE = [
    # Plain cron: data intervals on Airflow 2, empty ones on Airflow 3.
    Row("plain cron, scheduled", lambda: "0 0 * * *", first, {V2: "2024-01-01/P1D", V3: empty_cron("2024-01-01")}),
    Row(
        "plain cron, by hand",
        lambda: "0 0 * * *",
        by_hand(),
        {V2: "2024-03-14/P1D", V3: empty_cron("2024-03-15T12:34")},
    ),
    Row(
        "plain preset, scheduled",
        lambda: "@monthly",
        first,
        {
            V2: "2024-01/P1M",
            V3: empty_cron("2024-01-01", "0 0 1 * *"),
            V32: empty_cron("2024-01-01", "@monthly"),
            V33: empty_cron("2024-01-01", "0 0 1 * *"),
        },
    ),
    Row(
        "plain cron, backfill",
        lambda: "0 0 * * *",
        backfill("2024-02-29", "2024-02-29"),
        {V2: "2024-02-29/P1D", V3: empty_cron("2024-02-29")},
    ),
    Row(
        "plain cron with a param",
        lambda: "0 0 * * *",
        by_hand(interval="2024-02-29/P1D"),
        "2024-02-29/P1D",
        arguments=ASK,
    ),
    Row(
        "cron trigger, scheduled",
        lambda: author("CronTriggerTimetable")("0 6 * * *", timezone="UTC"),
        first,
        empty_cron("2024-01-01T06:00", "0 6 * * *"),
    ),
    Row(
        "cron trigger of the scheduler's class",
        scheduler_class("trigger", "CronTriggerTimetable", "0 6 * * *", timezone="UTC"),
        first,
        empty_cron("2024-01-01T06:00", "0 6 * * *"),
    ),
    Row("timedelta, scheduled", lambda: DAY, first, {V2: "2024-01-01/P1D", V3: empty_delta("2024-01-01")}),
    Row(
        "two crons, scheduled",
        lambda: author("MultipleCronTriggerTimetable")("0 6 * * *", "0 9 * * *", timezone="UTC"),
        first,
        {V2: ABSENT, V3: empty_other("2024-01-01T06:00", "MultipleCronTriggerTimetable")},
    ),
    # No schedule at all.
    Row("no schedule", lambda: None, first, NONE),
    Row("no schedule, by hand", lambda: None, by_hand(), empty_other("2024-03-15T12:34", "NullTimetable")),
    Row(
        "no schedule, by hand without a date",
        lambda: None,
        by_hand(None),
        {V2: empty_other("2026-11-20T06:00", "NullTimetable"), V3: NO_INTERVAL},
    ),
    Row(
        "no schedule, by hand with a param", lambda: None, by_hand(None, interval="2024/P1Y"), "2024/P1Y", arguments=ASK
    ),
    Row("no schedule, backfill", lambda: None, backfill("2024-01-01", "2024-01-02"), NONE),
    Row("days, by hand without a date", cron_data("0 0 * * *"), by_hand(None), {V2: "2026-11-19/P1D", V3: NO_INTERVAL}),
    Row(
        "days, by hand with a param",
        cron_data("0 0 * * *"),
        by_hand(interval="2024-02/P1M"),
        "2024-02/P1M",
        arguments=ASK,
    ),
    Row("days, by hand with the param left empty", cron_data("0 0 * * *"), by_hand(), "2024-03-14/P1D", arguments=ASK),
    Row("days, scheduled, param unused", cron_data("0 0 * * *"), first, "2024-01-01/P1D", arguments=ASK),
    Row("once", lambda: "@once", first, empty_other("2024-01-01", "OnceTimetable")),
    Row("events", events, first, empty_other("2024-01-02", "EventsTimetable")),
    # Assets without partitions.
    Row(
        "assets", lambda: [author("Asset")("koalas")], assets((START, START + DAY)), {V2: "2024-01-01/P1D", V3: ABSENT}
    ),
    Row("assets, no partition", lambda: [author("Asset")("koalas")], assets(), since(V3, NO_INTERVAL)),
    Row(
        "assets, by hand", lambda: [author("Asset")("koalas")], by_hand(), empty_other("2024-03-15T12:34", asset_kind())
    ),
    Row("assets or time, scheduled", asset_or_time, first, "2024-01-01/P1D"),
    Row("assets or time, by hand", asset_or_time, by_hand(), "2024-03-14/P1D"),
    Row("assets or plain cron, scheduled", asset_or_plain_cron, first, empty_cron("2024-01-01T06:00", "0 6 * * *")),
]


@pytest.mark.parametrize("row", rows_here(TABLE), ids=lambda row: row.what)
def test_interval_of_a_run_is_that_of_the_table(row: Row) -> None:
    """Each run that this Airflow creates has the interval of the table, or fails with its message."""
    assert row.found == row.wanted
