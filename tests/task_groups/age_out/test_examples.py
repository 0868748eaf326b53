# SPDX-License-Identifier: Apache-2.0
"""Example DAGs that age and restore, task by task against the emulator; the aging demo runs two of them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.examples.test_examples_parse import _parse
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import World

EXAMPLES = Path(__file__).resolve().parents[3] / "dags_examples"
JUNE = datetime(2024, 6, 1, tzinfo=timezone.utc), datetime(2024, 7, 1, tzinfo=timezone.utc)


def example(name: str) -> Any:
    return _parse(EXAMPLES / f"{name}.py").dags[name]


def execute(world: World, name: str, task_id: str, **context: Any) -> Any:
    """Run one task of an example for June."""
    operator = example(name).task_dict[task_id]
    given = {**Run(world, *JUNE).context("plan"), **context}
    given["ti"].try_number = 1
    operator.render_template_fields(given)
    return operator.execute(given)


def test_age_in_place_makes_days_of_hours_and_can_run_twice(world) -> None:
    """The month has fewer rows with the same count; July is unchanged."""
    world.load("2024-06-01T01:10", "2024-06-01T01:20", "2024-06-01T09:00", "2024-06-30T23:00", "2024-07-01T00:30")
    world.load("2024-07-01T05:30")
    world.run(
        {
            "type": "batch",
            "createTableIfNotExists": True,
            "source": {"type": "table", "tableName": world.source},
            "target": {"type": "table", "tableName": "Koalas Rollup"},
            "mappings": [
                {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
                {"columnName": "city", "expression": '"city"'},
                {"columnName": "max_session_length", "expression": 'MAX("weight")', "isAggregation": True},
            ],
        }
    )
    sql = 'SELECT "__time", "__count" AS "n", "max_session_length" AS "m" FROM "Koalas Rollup" ORDER BY 1'
    assert [(row["n"], row["m"]) for row in world.hook.query(sql)] == [(2, 4), (1, 16), (1, 64), (1, 256), (1, 1024)]
    for _ in range(2):
        execute(world, "koalas_age_in_place", "coarsen")
        assert [tuple(row.values()) for row in world.hook.query(sql)] == [
            ("2024-06-01T00:00:00.000Z", 3, 16),
            ("2024-06-30T00:00:00.000Z", 1, 64),
            ("2024-07-01T00:00:00.000Z", 1, 256),
            ("2024-07-01T05:00:00.000Z", 1, 1024),
        ]


def test_restore_takes_the_version_of_the_time_that_is_named(world) -> None:
    """A day was replaced twice, the second time by mistake: the first replacement is restored."""
    world.load("2024-06-01T01:10", "2024-06-02T01:00")
    day = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
    world.compact(day, "day")
    world.clock.advance(60)
    as_of = world.clock.now()
    world.clock.advance(60)
    world.delete(day)
    world.load("2024-06-01T05:00")
    assert world.numbers(world.source) == {1: 1, 2: 1}
    params = {"table": world.source, "interval": "2024-06-01/P1D", "as_of": as_of.isoformat()}
    choose = example("restore_interval").task_dict["choose"].python_callable
    versions = choose(params)
    assert len(versions) == 1
    execute(world, "restore_interval", "make_way", params=params)
    restore = example("restore_interval").task_dict["restore"]
    context = {**Run(world, *JUNE).context("plan"), "params": params}
    context["ti"].try_number = 1
    context["ti"].run.xcoms["choose", "return_value"] = '["%s"]' % versions[0]  # noqa: UP031
    restore.render_template_fields(context)
    restore.execute(context)
    assert world.numbers(world.source) == {0: 1, 1: 1}
    with pytest.raises(ValueError, match="nothing was replaced or deleted since then"):
        choose({**params, "as_of": world.clock.now().isoformat()})


def test_restore_of_an_interval_inside_a_segment_is_refused(world) -> None:
    """The whole segment would be restored, and rows outside the interval would conflict, or be lost."""
    world.load("2024-06-01T01:10")
    world.delete("2024-06-01/P1D")
    params = {"table": world.source, "interval": "2024-06-01T01/PT1H", "as_of": "2024-06-30T00:00:00Z"}
    with pytest.raises(ValueError, match=r"reaches further: use an interval that contains it\."):
        example("restore_interval").task_dict["choose"].python_callable(params)
    with pytest.raises(AirflowFailException, match="does not fall on the partitions"):
        execute(world, "restore_interval", "make_way", params=params)
