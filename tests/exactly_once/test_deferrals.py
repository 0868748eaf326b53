# SPDX-License-Identifier: Apache-2.0
"""A process that dies around a deferral before its job was submitted: after the next try one job has an effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.exactly_once.conftest import Airflow, Table
from tests.exactly_once.deferrals import CELLS, counts, die_around_a_deferral
from tests.operators.submission.conftest import FakeClock


@pytest.mark.parametrize(("wait", "death", "outcome", "has_store"), CELLS)
def test_retry_leaves_one_job_with_effect(
    wait: Callable[[Any], None],
    death: Callable[..., None],
    outcome: str,
    has_store: bool,
    clock: FakeClock,
    table: Table,
    counted: list[str],
) -> None:
    """An append, so that a second job would add its rows twice."""
    airflow = Airflow(clock, table, "append", True, has_store)
    die_around_a_deferral(airflow, wait, death)
    counted.clear()
    airflow.retry().defer()
    assert counted == [f"polaris.submit.{outcome}"]
    table.finish()
    assert [job.had_effect for job in table.jobs] == [True]
    assert table.rows() == {"01": 4, "02": 2}


@pytest.mark.parametrize(
    ("wait", "death", "outcome", "has_store"), [cell for cell in CELLS if cell.values[0] is counts]
)
def test_clear_leaves_one_job_with_effect(
    wait: Callable[[Any], None],
    death: Callable[..., None],
    outcome: str,
    has_store: bool,
    clock: FakeClock,
    table: Table,
) -> None:
    """A replace runs again, and the job of before the clear is canceled."""
    airflow = Airflow(clock, table, "plain_replace", True, has_store)
    die_around_a_deferral(airflow, wait, death)
    had_job = len(table.jobs)
    assert had_job == (outcome != "submitted")
    airflow.clear().execute()
    assert [job.status for job in table.jobs] == ["canceled"] * had_job + ["completed"]
    assert table.rows() == {"01": 2, "02": 1}
