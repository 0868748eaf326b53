# SPDX-License-Identifier: Apache-2.0
"""The same deaths on a service that accepts an id once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.exactly_once.conftest import Airflow
from tests.exactly_once.deferrals import CELLS, die_around_a_deferral
from tests.exactly_once.druid import DruidTable
from tests.exactly_once.test_crash_matrix_druid import clock, table  # noqa: F401  # the fixtures
from tests.operators.submission.conftest import FakeClock


@pytest.mark.parametrize(("wait", "death", "outcome", "has_store"), CELLS)
def test_retry_leaves_one_job_with_effect(
    wait: Callable[[Any], None],
    death: Callable[..., None],
    outcome: str,
    has_store: bool,
    clock: FakeClock,  # noqa: F811
    table: DruidTable,  # noqa: F811
    counted: list[str],
) -> None:
    """An append, so that a second job would add its rows twice."""
    airflow = Airflow(clock, table, "append", True, has_store)
    die_around_a_deferral(airflow, wait, death)
    table.druid.faults = []
    counted.clear()
    airflow.retry().defer()
    assert counted == [f"polaris.submit.{outcome}"]
    table.finish()
    assert [job.status for job in table.jobs] == ["completed"]
    assert table.count() == 3


@pytest.mark.parametrize(("wait", "death", "outcome", "has_store"), CELLS)
def test_clear_leaves_one_job_with_effect(
    wait: Callable[[Any], None],
    death: Callable[..., None],
    outcome: str,
    has_store: bool,
    clock: FakeClock,  # noqa: F811
    table: DruidTable,  # noqa: F811
) -> None:
    """A replace runs again, and the job of before the clear is canceled."""
    airflow = Airflow(clock, table, "plain_replace", True, has_store)
    die_around_a_deferral(airflow, wait, death)
    table.druid.faults = []
    had_job = len(table.jobs)
    assert had_job == (outcome != "submitted")
    airflow.clear().execute()
    table.finish()
    assert [job.status for job in table.jobs] == ["canceled"] * had_job + ["completed"]
    assert table.count() == 3
