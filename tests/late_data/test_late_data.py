# SPDX-License-Identifier: Apache-2.0
"""Late rows and a run with a lookback, against the emulator."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, AirflowFailException
from tests.operators.conftest import FakeTI, MemoryStore
from tests.task_groups.age_out.world import MAPPINGS, World


def roll(world: World, day: int, **arguments: Any) -> None:
    """Run the rollup of one day of June."""
    start = datetime(2024, 6, day, tzinfo=timezone.utc)
    task = PolarisTableToTableOperator(
        task_id="job",
        source_table=world.source,
        target_table=world.target,
        mappings=MAPPINGS,
        partitioned_by="day",
        create_table_if_not_exists=True,
        **arguments,
    )
    store = {"task_state_store": MemoryStore()} if AIRFLOW_VERSION >= (3, 3) else {}
    context = {"ti": FakeTI(run_id=f"{world.number}-{day}-{arguments}"), **store}
    task.execute({**context, "data_interval_start": start, "data_interval_end": start + timedelta(days=1)})


def test_lookback_brings_late_rows_into_the_day_before(world: World) -> None:
    """The next day's run rolls the previous day up again, in one job, and counts nothing twice."""
    world.load("2024-06-01T01:10")
    roll(world, 1)
    world.load("2024-06-01T05:00", "2024-06-02T01:00")
    roll(world, 2)
    assert world.numbers(world.target) == {0: 1, 2: 1}
    roll(world, 2, lookback="P1D")
    assert world.numbers(world.target) == {0: 1, 1: 1, 2: 1}
    assert len(world.jobs) == 3


def test_lookback_over_rows_that_the_source_has_lost_is_refused(world: World) -> None:
    """The guard checks everything that is replaced, so an aged-out previous day isn't emptied."""
    world.load("2024-06-01T01:10", "2024-06-02T01:00")
    roll(world, 1)
    world.delete("2024-06-01/P1D")
    with pytest.raises(AirflowFailException) as caught:
        roll(world, 2, lookback="P1D")
    assert "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z" in str(caught.value)
    assert world.numbers(world.target) == {0: 1}
    roll(world, 2, lookback="P1D", on_shrink="submit")
    assert world.numbers(world.target) == {1: 1}
