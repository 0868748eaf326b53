# SPDX-License-Identifier: Apache-2.0
"""The lookback of PolarisTableToTableOperator: an earlier start, or an error."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace

import pendulum
import pytest

from airflow_provider_polaris.jobs.time.interval import Interval
from tests.operators.table_to_table import operator, refusal

pytestmark = pytest.mark.usefixtures("unguarded")

UTC = timezone.utc
#: The data interval of the fixture ``context``.
DAY = "2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z"


@pytest.mark.parametrize(
    "lookback, start",
    [
        ("P1D", "2026-11-18"),
        (" P1D ", "2026-11-18"),
        ("PT24H", "2026-11-18"),
        ("P2W", "2026-11-05"),
        ("P1M", "2026-10-19"),
        ("P1Y", "2025-11-19"),
    ],
)
def test_lookback_starts_the_runs_interval_earlier(tables, clock, context, task_log, lookback, start):
    """The intervals that are read and replaced begin earlier and end as before, and the log states both."""
    operator(lookback=lookback).execute(context)
    (spec,) = tables.submitted
    whole = f"{start}T00:00:00.000Z/2026-11-20T00:00:00.000Z"
    assert spec["source"]["interval"] == whole
    assert spec["target"]["intervals"] == [whole]
    assert task_log()[0] == f"INFO Interval {whole}, from the run's data interval and {lookback.strip()} of lookback."


def test_lookback_of_months_goes_by_the_calendar(tables, clock, context, task_log):
    """A month before March is all of February, also in a leap year."""
    tables.table("Koalas Rollup", partitioningGranularity="month")
    context["data_interval_start"] = datetime(2024, 3, 1, tzinfo=UTC)
    context["data_interval_end"] = datetime(2024, 4, 1, tzinfo=UTC)
    operator(lookback="P1M").execute(context)
    assert tables.submitted[0]["target"]["intervals"] == ["2024-02-01T00:00:00.000Z/2024-04-01T00:00:00.000Z"]


def test_lookback_starts_a_partition_earlier(tables, clock, context, task_log):
    """A partitioned run has a lookback, too."""
    run = {"ti": context["ti"], "partition_key": "2026-11-19"}
    operator(lookback="P1D").execute(run)
    whole = "2026-11-18T00:00:00.000Z/2026-11-20T00:00:00.000Z"
    assert tables.submitted[0]["target"]["intervals"] == [whole]
    assert task_log()[0] == (
        f"INFO Interval {whole}, from partition '2026-11-19' (one day, from its key) and P1D of lookback."
    )


@pytest.mark.parametrize("interval", ["2026-11-10/P1D", Interval.parse("2026-11-10/P1D")])
def test_lookback_starts_the_argument_interval_earlier(tables, clock, context, task_log, interval):
    """An interval from a template is the run's own in another form, so it begins earlier, too."""
    operator(lookback="P1D", interval=interval).execute(context)
    whole = "2026-11-09T00:00:00.000Z/2026-11-11T00:00:00.000Z"
    assert tables.submitted[0]["target"]["intervals"] == [whole]
    assert task_log()[0] == f"INFO Interval {whole}, from the argument and P1D of lookback."


@pytest.mark.parametrize("lookback", [None, "None"])
def test_lookback_of_none_leaves_the_interval(tables, clock, context, task_log, lookback):
    """A param without a value means none."""
    operator(lookback=lookback).execute(context)
    assert tables.submitted[0]["target"]["intervals"] == [DAY]
    assert task_log()[0] == f"INFO Interval {DAY}, from the run's data interval."


def test_lookback_is_a_template(tables, clock, context):
    """A param can set a longer lookback for one run."""
    task = operator(lookback="{{ params.lookback }}")
    task.render_template_fields({**context, "params": {"lookback": "P3D"}})
    task.execute(context)
    assert tables.submitted[0]["target"]["intervals"] == ["2026-11-16T00:00:00.000Z/2026-11-20T00:00:00.000Z"]


def test_lookback_off_the_partitions_says_that_it_is_the_lookback(tables, clock, context):
    """The message also states that the interval is aligned without the lookback."""
    assert refusal(operator(lookback="PT12H"), context) == (
        "target.intervals[0] '2026-11-18T12:00:00.000Z/2026-11-20T00:00:00.000Z' does not fall on 'day' boundaries "
        "(the partitioning of table 'Koalas Rollup'): Polaris replaces whole partitions, so it would refuse, or erase "
        "rows that the interval doesn't name. Use '2026-11-18T00:00:00.000Z/2026-11-20T00:00:00.000Z', the nearest "
        "aligned interval. Without lookback 'PT12H' it does: use a lookback of whole partitions."
    )
    assert tables.submitted == []


def test_lookback_of_a_local_day_blames_the_zone(tables, clock, context):
    """If the interval is unaligned without lookback, too, the zone is named and not the lookback."""
    context["dag"] = SimpleNamespace(
        timetable=SimpleNamespace(expression="0 0 * * *", timezone=pendulum.timezone("Europe/Berlin"))
    )
    context["data_interval_start"] = datetime(2026, 11, 18, 23, tzinfo=UTC)
    context["data_interval_end"] = datetime(2026, 11, 19, 23, tzinfo=UTC)
    message = refusal(operator(lookback="P1D"), context)
    assert "It falls on them in 'Europe/Berlin'" in message
    assert "lookback" not in message


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"lookback": "1d"},
            "lookback: period '1d' is not an ISO 8601 period. Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or 'P1Y'.",
        ),
        ({"lookback": ""}, "lookback is '': it needs a value. Check the template that renders it."),
        (
            {"lookback": "-P1D"},
            (
                "lookback '-P1D' is not positive. Write how much earlier the interval begins, such as 'P1D', or "
                "None for no lookback."
            ),
        ),
        (
            {"lookback": "P0D"},
            (
                "lookback 'P0D' is not positive. Write how much earlier the interval begins, such as 'P1D', or "
                "None for no lookback."
            ),
        ),
        (
            {"lookback": "P3000Y"},
            (
                f"lookback 'P3000Y' counted back from the start of '{DAY}' is outside the years 1 to 9999. Use a "
                "shorter one, or omit lookback."
            ),
        ),
        (
            {"lookback": "P1D", "ingestion_mode": "append"},
            (
                "lookback 'P1D' can't be combined with ingestion_mode 'append': rows that an earlier run added would "
                "be added again. Set ingestion_mode to 'replace', or omit lookback."
            ),
        ),
        (
            {"lookback": "P1D", "replace_all": True},
            "lookback 'P1D' has no effect with replace_all=True, which replaces everything. Omit one of the two.",
        ),
        (
            {"lookback": "P1D", "source_interval": "2026-11-01/P1M"},
            (
                "lookback 'P1D' can't be combined with source_interval: it needs one interval that is both read and "
                "replaced. Write the earlier start there, or omit lookback."
            ),
        ),
        (
            {"lookback": "P1D", "source_interval": DAY, "target_intervals": [DAY]},
            (
                "lookback 'P1D' can't be combined with source_interval and target_intervals: it needs one interval "
                "that is both read and replaced. Write the earlier start there, or omit lookback."
            ),
        ),
    ],
)
def test_lookback_that_makes_no_sense_says_why(tables, clock, context, arguments, message):
    """The message gives name and value; no request is made."""
    assert refusal(operator(**arguments), context) == message
    assert tables.asked == []
