# SPDX-License-Identifier: Apache-2.0
"""The backfill's task group from the perspective of a DAG author, and what its plan accepts and refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AirflowException, AirflowFailException
from airflow_provider_polaris.task_groups.backfill import BackfillPlanOperator
from airflow_provider_polaris.task_groups.polaris import PolarisBackfillTaskGroup

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
TARGET = "GET tables/T"
FACTS = {"type": "detail", "availability": "available"}


def group(**arguments: Any) -> PolarisBackfillTaskGroup:
    with DAG("koalas", schedule=None, start_date=START):
        return PolarisBackfillTaskGroup(
            **{
                "group_id": "backfill",
                "source_table": "S",
                "target_table": "T",
                "interval": "2024-01/P3M",
                "dimensions": ["city"],
                **arguments,
            }
        )


@pytest.fixture
def tables(server: Any, connect: Callable[..., str]) -> Any:
    """A project in which table "T" is partitioned by month."""
    connect(host=server.url)
    server.answer("GET", "/tables/T", 200, {"name": "T", "partitioningGranularity": "month", **FACTS})
    return server


def plan(made: PolarisBackfillTaskGroup, **context: Any) -> list[str]:
    """Render and run the plan."""
    given = {"ti": SimpleNamespace(start_date=START, try_number=1), **context}
    made.plan.render_template_fields(given)
    result = made.plan.execute(given)
    assert isinstance(result, list)
    return result


def refusal(made: PolarisBackfillTaskGroup, **context: Any) -> str:
    with pytest.raises(AirflowFailException) as caught:
        plan(made, **context)
    return str(caught.value)


def asked(server: Any) -> list[str]:
    return [f"{each.method} {each.path.split('/projects/')[1].partition('/')[2]}" for each in server.requests]


def test_group_has_a_plan_and_a_mapped_load() -> None:
    """The load waits for the plan, is limited, and names its instances."""
    made = group(tooltip="all again", default_args={"retries": 5}, pool="polaris", polaris_conn_id="other")
    assert [made.plan.task_id, made.load.task_id] == ["backfill.plan", "backfill.load"]
    assert made.plan.downstream_task_ids == {"backfill.load"}
    arguments = made.load.partial_kwargs
    assert arguments["max_active_tis_per_dagrun"] == 2
    assert arguments["map_index_template"] == "{{ task.interval }}"
    assert (arguments["pool"], arguments["retries"], arguments["polaris_conn_id"]) == ("polaris", 5, "other")
    assert (made.plan.retries, made.plan.polaris_conn_id, made.tooltip) == (5, "other", "all again")
    assert made.plan.job_arguments == {"source_table": "S", "target_table": "T", "dimensions": ["city"]}
    assert group().tooltip == "Load T from S by the month"


def test_group_refuses_what_it_decides_itself() -> None:
    """A lookback would make the pieces overlap."""
    with pytest.raises(TypeError) as caught:
        group(lookback="P1D", replace_all=True)
    assert str(caught.value) == ("PolarisBackfillTaskGroup sets lookback, replace_all of its jobs itself: omit it.")


def test_group_refuses_an_argument_that_nothing_takes() -> None:
    """A misspelt argument is refused."""
    with pytest.raises((TypeError, AirflowException), match="mesures"):
        group(mesures={"n": "COUNT(*)"})


def test_every_argument_is_described_and_a_template() -> None:
    """Those of the group, and those of its plan."""
    own = [name for name in inspect.signature(PolarisBackfillTaskGroup.__init__).parameters if name != "self"]
    for name in own:
        assert f":param {name}:" in PolarisBackfillTaskGroup.__doc__
    own = [
        name for name in inspect.signature(BackfillPlanOperator.__init__).parameters if name not in ("self", "kwargs")
    ]
    for name in own:
        assert f":param {name}:" in BackfillPlanOperator.__doc__
        assert name in BackfillPlanOperator.template_fields


@pytest.mark.parametrize(
    "arguments, pieces",
    [
        ({}, ["2024-01/P1M", "2024-02/P1M", "2024-03/P1M"]),
        ({"split_by": "P3M"}, ["2024-01/P3M"]),
        ({"split_by": "{{ params.step }}"}, ["2024-01/P3M"]),
        (
            {"interval": "{{ params.year }}/P1Y", "split_by": "quarter"},
            [f"2023-{month:02}/P3M" for month in (1, 4, 7, 10)],
        ),
        ({"interval": Interval.parse("2023-12/P2M")}, ["2023-12/P1M", "2024-01/P1M"]),
        ({"interval": "2023-12/P2M", "split_by": "year"}, ["2023-12/P1M", "2024-01/P1M"]),
    ],
)
def test_plan_cuts_the_interval_at_the_boundaries(tables, arguments, pieces) -> None:
    """In UTC, by the calendar; one read of the target and no job."""
    found = plan(group(**arguments), params={"year": 2023, "step": "quarter"})
    assert found == [Interval.parse(piece).to_wire() for piece in pieces]
    assert asked(tables) == [TARGET]


def test_plan_without_an_interval_takes_the_runs(tables) -> None:
    """The run of a year is loaded by the month."""
    year = {"data_interval_start": START, "data_interval_end": START.replace(year=2025)}
    assert len(plan(group(interval=None), **year)) == 12
    assert len(plan(group(interval="{{ params.interval }}"), params={"interval": None}, **year)) == 12
    assert plan(group(interval=None, partition_grain="month"), partition_key="2024-02-01T00:00:00") == [
        "2024-02-01T00:00:00.000Z/2024-03-01T00:00:00.000Z"
    ]


def test_plan_that_cuts_through_partitions_blames_split_by(tables) -> None:
    """The usual message, and the fix, before any job."""
    assert refusal(group(split_by="day")) == (
        "target.intervals[0] '2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z' does not fall on 'month' boundaries "
        "(the partitioning of table 'T'): Polaris replaces whole partitions, so it would refuse, or erase rows that "
        "the interval doesn't name. Use '2024-01-01T00:00:00.000Z/2024-02-01T00:00:00.000Z', the nearest aligned "
        "interval. The whole interval is aligned, so it is split_by 'day' that cuts through partitions: split by a "
        "coarser one."
    )


def test_plan_finds_a_cut_that_is_off_further_on(tables) -> None:
    """Weeks may start with a month but not end with one."""
    message = refusal(group(interval="2024-01-01/2024-04-01", split_by="week"))
    assert message.endswith("it is split_by 'week' that cuts through partitions: split by a coarser one.")


def test_plan_of_an_interval_that_is_off_blames_the_interval(tables) -> None:
    """Another split would not help."""
    assert refusal(group(interval="2024-01-15/2024-03-01")) == (
        "target.intervals[0] '2024-01-15T00:00:00.000Z/2024-02-01T00:00:00.000Z' does not fall on 'month' boundaries "
        "(the partitioning of table 'T'): Polaris replaces whole partitions, so it would refuse, or erase rows that "
        "the interval doesn't name. Use '2024-01-01T00:00:00.000Z/2024-02-01T00:00:00.000Z', the nearest aligned "
        "interval."
    )


def test_plan_into_a_table_that_is_missing_says_how_to_create_it(server, connect) -> None:
    """Errors of the jobs are found before the first one."""
    connect(host=server.url)
    server.answer("GET", "/tables/T", 404, {"code": "ResourceNotFound", "message": "no table"})
    assert refusal(group()).startswith("target.tableName 'T' does not exist and createTableIfNotExists is false.")
    assert len(plan(group(create_table_if_not_exists=True))) == 3


def test_plan_of_more_pieces_than_airflow_maps_is_refused(tables) -> None:
    """Without creating all of them, and without any request."""
    assert refusal(group(interval="2000/2100", split_by="second")) == (
        "interval '2000-01-01T00:00:00.000Z/2100-01-01T00:00:00.000Z' split by 'second' makes more than 1024 pieces, "
        "the maximum for one mapped task in Airflow ([core] max_map_length). Use a coarser split_by, or a shorter "
        "interval."
    )
    assert asked(tables) == []


def test_plan_of_an_append_needs_no_partitions(tables) -> None:
    """Appends accept any pieces."""
    assert len(plan(group(ingestion_mode="append", interval="2024-01-15/P2D", split_by="day"))) == 2
    assert asked(tables) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"split_by": "None"}, "split_by is 'None': it needs a value. Check the template that renders it."),
        (
            {"split_by": "fortnight"},
            (
                "split_by 'fortnight' is not a granularity of Polaris. Use one of millisecond, second, minute, "
                "five_minute, ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, day, week, month, "
                "quarter, year, all, or the ISO 8601 period of one, such as 'PT1H'."
            ),
        ),
        (
            {"dimensions": None},
            (
                "the job has no columns: neither mappings nor dimensions and measures are set. Name the columns of the "
                "target, for example dimensions=['city'], measures={'sessions': 'COUNT(*)'}."
            ),
        ),
    ],
)
def test_plan_with_an_argument_that_makes_no_job_says_why(tables, arguments, message) -> None:
    """Named with its value and the fix."""
    assert refusal(group(**arguments)) == message


def test_load_takes_every_argument_of_the_operator() -> None:
    """Except those that the group sets itself."""
    names = set(PolarisTableToTableOperator.template_fields) - {
        "interval",
        "source_interval",
        "target_intervals",
        "lookback",
        "replace_all",
        "partition_grain",
    }
    made = group(**{name: f"{{{{ params.{name} }}}}" for name in names})
    arguments = made.load.partial_kwargs
    assert {name: arguments[name] for name in names} == {name: f"{{{{ params.{name} }}}}" for name in names}
