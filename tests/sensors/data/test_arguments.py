# SPDX-License-Identifier: Apache-2.0
"""The condition that the sensor's rendered arguments describe, and the message for invalid ones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.sensors.data_wait import read_condition
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition

NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
HOUR = Interval(NOON - timedelta(hours=1), NOON)
RUN = {"data_interval_start": HOUR.start, "data_interval_end": HOUR.end}
OTHER = Interval.parse("2024-01-01/P1D")


def condition(context: dict[str, Any] | None = None, **arguments: Any) -> DataCondition:
    sensor = PolarisDataSensor(**{"task_id": "wait", "table": "T", **arguments})
    names = ("table", "up_to", "slack", "min_rows", "interval", "filter_expression", "partition_grain")
    return read_condition(RUN if context is None else context, **{name: getattr(sensor, name) for name in names})


def minutes_before(moment: datetime, minutes: float) -> datetime:
    return moment - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, DataCondition("T", up_to=minutes_before(NOON, 5))),
        ({"slack": "PT0S"}, DataCondition("T", up_to=NOON)),
        ({"slack": "P1M", "up_to": "2024-03-31"}, DataCondition("T", up_to=datetime(2024, 2, 29, tzinfo=timezone.utc))),
        ({"up_to": "None", "interval": "None", "min_rows": "None"}, DataCondition("T", up_to=minutes_before(NOON, 5))),
        ({"up_to": "2024-06-01 14:00:00+02:00", "slack": "PT0S"}, DataCondition("T", up_to=NOON)),
        ({"up_to": NOON.astimezone(timezone(timedelta(hours=2)))}, DataCondition("T", up_to=minutes_before(NOON, 5))),
        ({"interval": "2024-01-01/P1D"}, DataCondition("T", up_to=minutes_before(OTHER.end, 5))),
        ({"interval": OTHER, "slack": "PT0S"}, DataCondition("T", up_to=OTHER.end)),
        ({"min_rows": "10"}, DataCondition("T", interval=HOUR, min_rows=10)),
        ({"min_rows": 10, "interval": OTHER}, DataCondition("T", interval=OTHER, min_rows=10)),
        (
            {"min_rows": 10, "up_to": NOON, "slack": "PT0S"},
            DataCondition("T", up_to=NOON, interval=HOUR, min_rows=10),
        ),
        (
            {"min_rows": 10, "up_to": NOON, "interval": OTHER, "slack": "PT0S"},
            DataCondition("T", up_to=NOON, interval=OTHER, min_rows=10),
        ),
        (
            {"filter_expression": "\"city\" = 'Oslo'"},
            DataCondition("T", up_to=minutes_before(NOON, 5), filter="\"city\" = 'Oslo'"),
        ),
    ],
)
def test_arguments_ask_for(arguments: dict[str, Any], expected: DataCondition) -> None:
    """By default the end of the run's interval; an argument replaces it."""
    assert condition(**arguments) == expected


def test_run_with_a_partition_waits_for_its_end() -> None:
    """A partitioned run has no data interval; its length comes from the key, or from partition_grain."""
    run = {"partition_key": "2024-06-01T11:00:00", "partition_date": HOUR.start}

    assert condition(run, partition_grain="hour", slack="PT0S") == DataCondition("T", up_to=NOON)


def test_explicit_instant_needs_no_interval_of_the_run() -> None:
    """A run that was triggered by an asset has none."""
    assert condition({}, up_to=NOON, slack="PT0S") == DataCondition("T", up_to=NOON)
    assert condition({}, min_rows=1, interval=OTHER) == DataCondition("T", interval=OTHER, min_rows=1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"table": ""}, "table is '': it needs a value. Check the template that renders it."),
        (
            {"table": "a\u200bb"},
            (
                "table 'a\\u200bb' contains U+200B (ZERO WIDTH SPACE), which is invisible and makes the name look "
                "like another. Remove it."
            ),
        ),
        (
            {"filter_expression": "1=1) OR (1=1"},
            (
                "filter_expression is not one SQL expression: ')' closes no bracket of the expression, at line 1, "
                "column 4, near '1=1) OR (1=1'. Correct the brackets."
            ),
        ),
        (
            {"filter_expression": '"a" = '},
            (
                "filter_expression is not one SQL expression: unexpected '=', at line 1, column 5, near '\"a\" = '. "
                "Write one value or condition."
            ),
        ),
        (
            {"filter_expression": "WHERE TRUE"},
            "filter_expression 'WHERE TRUE' begins with WHERE, which Polaris adds itself. Write 'TRUE'.",
        ),
        ({"min_rows": "-1"}, "min_rows '-1' is not a whole number of at least 0."),
        ({"min_rows": 0}, "min_rows 0 is always met. Wait for 1 or more, or omit the sensor."),
        (
            {"up_to": "soon"},
            "up_to 'soon' is not an ISO 8601 instant such as '2024-06-01' or '2024-06-01T00:00:00Z'.",
        ),
        ({"up_to": "5000-01-01"}, "up_to '5000-01-01' lies after the year 4999: no table has such data."),
        (
            {"up_to": "2024-06-01", "interval": "2024-01-01/P1D"},
            (
                "up_to '2024-06-01T00:00:00.000Z' and interval '2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z' "
                "both set the time up to which data is required. Pass only one of them, or add min_rows, which is "
                "counted in the interval."
            ),
        ),
        ({"slack": "-PT5M"}, "slack '-PT5M' is negative. Write a period such as 'PT5M', or 'PT0S' for none."),
        (
            {"slack": "5 minutes"},
            "period '5 minutes' is not an ISO 8601 period. Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or 'P1Y'.",
        ),
        (
            {"up_to": "0001-01-01", "slack": "P1D"},
            "up_to '-1000-01-01T00:00:00.000Z' less slack 'P1D' lies before the year 1.",
        ),
    ],
)
def test_argument_that_is_wrong_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    """One message with the argument and the fix."""
    with pytest.raises(PolarisSpecError) as caught:
        condition(**arguments)
    assert str(caught.value) == sentence


def test_run_without_an_interval_is_refused() -> None:
    """The same message as in the operators."""
    with pytest.raises(PolarisSpecError) as caught:
        condition({})
    assert str(caught.value) == (
        "this run has no interval: it has neither a data interval nor a partition, which is possible for a run that "
        "was triggered manually or by an asset. Set interval='START/END', or trigger the run with a logical date that "
        "has a data interval or with a partition key."
    )


def test_every_argument_but_the_times_of_the_sensor_is_templated() -> None:
    """Values that differ between runs can be templates."""
    assert set(PolarisDataSensor.template_fields) == {
        "table",
        "up_to",
        "interval",
        "min_rows",
        "filter_expression",
        "slack",
        "partition_grain",
        "polaris_conn_id",
        "deferrable",
    }
