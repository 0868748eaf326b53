# SPDX-License-Identifier: Apache-2.0
"""A run of the group without failures."""

from __future__ import annotations

from datetime import datetime, timezone

from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import World

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
#: The run that ends 30 days after that day.
RUN = datetime(2024, 7, 1, tzinfo=timezone.utc)


def test_run_moves_what_came_of_age(world: World) -> None:
    """Afterwards the rows of the run's own day are counted in the target, and nowhere else."""
    world.load("2024-06-01T01:10", "2024-06-01T01:20", "2024-06-01T05:00", "2024-06-02T01:00")
    assert Run(world, RUN).go() == "success"
    assert world.numbers(world.source) == {3: 1}
    assert world.numbers(world.target) == {0: 1, 1: 1, 2: 1}
    assert [job.type for job in world.jobs] == ["batch", "delete_data"]
