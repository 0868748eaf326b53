# SPDX-License-Identifier: Apache-2.0
"""Runs of partitions of a cron expression: the meaning of their keys."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.runtime.intervals.messages import NO_INTERVAL, Fails, empty_cron, unaligned
from tests.runtime.intervals.rows import GRAIN, V32, V33, Row, backfill, by_hand, first, rows_here, since
from tests.runtime.intervals.timetables import cron_partition, scheduler_class

if AIRFLOW_VERSION < V32:
    pytest.skip("partitions came with Airflow 3.2", allow_module_level=True)

TABLE = [
    Row(
        "partitions of hours",
        cron_partition("0 * * * *", run_offset=-1),
        first,
        since(V32, "2023-12-31T23/PT1H"),
        "hour",
    ),
    Row(
        "partitions of hours, backfill",
        cron_partition("0 * * * *", run_offset=-1),
        backfill("2024-02-28T23:00", "2024-02-29T00:00"),
        since(V33, ("2024-02-28T23/PT1H", "2024-02-29/PT1H")),
        "hour",
    ),
    Row("partitions of days", cron_partition("0 0 * * *", run_offset=-1), first, since(V32, "2023-12-31/P1D")),
    Row(
        "partitions of days, keys of days",
        cron_partition("0 6 * * *", run_offset=-1, key_format="%Y-%m-%d"),
        first,
        since(V32, "2023-12-31/P1D"),
    ),
    Row("partitions of weeks", cron_partition("0 0 * * 1", run_offset=-1), first, since(V32, "2023-12-25/P1W")),
    Row("partitions of months", cron_partition("0 0 1 * *", run_offset=-1), first, since(V32, "2023-12/P1M"), "month"),
    Row(
        "partitions of months, backfill",
        cron_partition("0 0 1 * *"),
        backfill("2024-01-01", "2024-02-01"),
        since(V33, ("2024-01/P1M", "2024-02/P1M")),
        "month",
    ),
    Row(
        "partitions of quarters",
        cron_partition("0 0 1 */3 *", run_offset=-1),
        first,
        since(V32, "2023-10/P3M"),
        "quarter",
    ),
    Row("partitions of years", cron_partition("0 0 1 1 *", run_offset=-1), first, since(V32, "2023/P1Y"), "year"),
    Row(
        "partitions, by hand with a key",
        cron_partition("0 0 1 * *"),
        by_hand(None, "2024-02-01T00:00:00"),
        since(V32, "2024-02/P1M"),
        "month",
    ),
    Row("partitions, by hand without a key", cron_partition("0 0 * * *"), by_hand(None), since(V32, NO_INTERVAL)),
    Row(
        "partitions, by hand with a date",
        cron_partition("0 0 * * *"),
        by_hand(),
        since(V32, empty_cron("2024-03-15T12:34")),
    ),
    Row(
        "partitions, a key of one's own",
        cron_partition("0 0 * * *", key_format="%d.%m.%Y"),
        first,
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "partitions, keys shorter than the cron",
        cron_partition("0 6 * * 1", key_format="%Y-%m-%d"),
        first,
        since(
            V32,
            Fails(
                "partition '2024-01-01' has the format of one day, but the next partition by cron '0 6 * * 1' starts "
                "at 2024-01-08T06:00:00.000Z, so the time between would be in no partition. Set partition_grain (to "
                "'day' if that is intended), or set interval='START/END'."
            ),
        ),
    ),
    Row(
        "partitions, keys shorter than the cron, with a grain",
        cron_partition("0 6 * * 1", key_format="%Y-%m-%d"),
        by_hand(None, "2024-01-01", grain="week"),
        since(V32, "2024-01-01/P1W"),
        arguments=GRAIN,
    ),
    Row(
        "partitions of the scheduler's class",
        scheduler_class("trigger", "CronPartitionTimetable", "0 0 * * *", timezone="UTC", key_format="%d.%m.%Y"),
        first,
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "partitions at six",
        cron_partition("0 6 * * *"),
        first,
        since(V32, unaligned("2024-01-01T06:00/2024-01-02T06:00", "2024-01-01/2024-01-03")),
    ),
    Row(
        "partitions at six, with a grain",
        cron_partition("0 6 * * *"),
        by_hand(None, "2024-01-01T06:00:00", grain="day"),
        since(V32, "2024-01-01/P1D"),
        arguments=GRAIN,
    ),
    Row(
        "partitions of local days",
        cron_partition("0 0 * * *", "Europe/Berlin"),
        first,
        since(V32, unaligned("2024-01-01T23:00/2024-01-02T23:00", "2024-01-01/2024-01-03", "Europe/Berlin")),
    ),
    Row(
        "partitions of local days, the clocks change",
        cron_partition("0 0 * * *", "Europe/Berlin"),
        # Airflow 3.2 writes these keys in UTC and passes no date to a task; later ones use the timetable's zone.
        by_hand(None, "2024-03-31T00:00:00" if AIRFLOW_VERSION >= V33 else "2024-03-30T23:00:00"),
        since(V32, "2024-03-30T23/2024-03-31T22"),
        "hour",
    ),
    Row(
        "partitions of local days, keys of days",
        cron_partition("0 0 * * *", "Europe/Berlin", key_format="%Y-%m-%d"),
        first,
        since(V32, "2024-01-01T23/2024-01-02T23"),
        "hour",
    ),
    Row(
        "partitions of local days, keys of days, the clocks change",
        cron_partition("0 6 * * *", "Europe/Berlin", key_format="%Y-%m-%d"),
        by_hand(None, "2024-03-31"),
        since(V32, "2024-03-30T23/2024-03-31T22"),
        "hour",
    ),
]


@pytest.mark.parametrize("row", rows_here(TABLE), ids=lambda row: row.what)
def test_interval_of_a_run_is_that_of_the_table(row: Row) -> None:
    """Each run that this Airflow creates has the interval of the table, or fails with its message."""
    assert row.found == row.wanted
