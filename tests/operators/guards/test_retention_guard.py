# SPDX-License-Identifier: Apache-2.0
"""Data that the target's storage policy would drop immediately isn't written; a loading source is waited for."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardUnansweredError
from tests.operators.guards.conftest import DAY, World, said

TWO_WEEKS = "2024-05-25T00:00:00.000Z/2024-06-08T00:00:00.000Z"


def retaining(world: World, **policy: Any) -> None:
    """Create the target, with a storage policy."""
    world.create(world.target, storagePolicy={"retain": policy})


def dropped(world: World, shown: str, where: str, now: str = "2024-07-01T00:00:00.000Z") -> str:
    return (
        f"the storage policy of table {world.target!r} retains {shown!r}, so at {now} the service "
        f"would immediately drop what the job writes to {where!r}. Nothing was submitted. Extend the table's "
        "retention, or write to another table. To submit the job anyway, run the task with on_retention='submit' "
        "(on_retention='{{ params.on_retention }}' allows it for one run)."
    )


@pytest.fixture
def filled(world: World) -> World:
    world.load("2024-05-25T10:00:00Z", "2024-06-01T10:00:00Z")
    return world


def test_check_retain_shorter_refuses_before_counting(filled: World) -> None:
    """Everything that is written would be dropped, which needs no count."""
    retaining(filled, type="period", period="P14D")
    before = filled.asked("POST /query/sql/statements")
    assert filled.refusal(filled.copy()) == dropped(filled, "P14D", DAY)
    assert filled.asked("POST /query/sql/statements") == before


def test_check_retain_drops_a_part_refuses(filled: World) -> None:
    """Of two weeks the first day has rows and is outside: that day is named."""
    retaining(filled, type="period", period="P31D")
    day = "2024-05-25T00:00:00.000Z/2024-05-26T00:00:00.000Z"
    after_the_count = "2024-07-01T00:00:00.500Z"
    assert filled.refusal(filled.copy(TWO_WEEKS)) == dropped(filled, "P31D", day, after_the_count)


def test_check_retain_drops_a_part_without_rows_submits(filled: World) -> None:
    """Without rows in the source, nothing is dropped."""
    retaining(filled, type="period", period="P31D")
    spec = filled.copy("2024-05-26T00:00:00.000Z/2024-06-08T00:00:00.000Z")
    assert filled.check(spec).action == "submit"


def test_check_retain_drops_a_part_uncounted_refuses(filled: World) -> None:
    """Without counts every day of the interval may have rows."""
    retaining(filled, type="period", period="P31D")
    text = filled.refusal(filled.copy(TWO_WEEKS), on_empty_source="submit", on_shrink="submit")
    assert text == dropped(filled, "P31D", "2024-05-25T00:00:00.000Z/2024-05-31T00:00:00.000Z")


def test_check_retain_append_refuses(filled: World) -> None:
    """An append into the past is dropped as well."""
    retaining(filled, type="intervals", intervals=["2024-06-03/2024-06-04"], period="P7D")
    spec = filled.copy(ingestionMode="append")
    del spec["target"]["intervals"]
    assert filled.refusal(spec) == dropped(filled, "2024-06-03/2024-06-04 and P7D", DAY)


def test_check_retain_month_partition_is_kept_whole(world: World) -> None:
    """A policy drops whole partitions: a month that overlaps it is kept, including its first day."""
    world.control("PATCH", "/assumptions", {"existing_count": "never"})
    world.load("2024-06-01T10:00:00Z", "2024-06-30T10:00:00Z")
    columns = [{"name": "city", "dataType": "string", "type": "dimension"}]
    world.create(
        world.target,
        type="aggregate",
        partitioningGranularity="month",
        schema=[*columns, {"name": "last", "dataType": "long", "type": "measure"}],
        storagePolicy={"retain": {"type": "period", "period": "P14D"}},
    )
    month = "2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z"
    spec = world.rollup(month, partitionedBy="month")
    for _ in range(2):
        assert world.attempt(spec).action == "submit"
        assert len(world.rows()) == 2


def test_check_retention_submit_passes(filled: World) -> None:
    """``on_retention='submit'`` allows dropping the rows."""
    retaining(filled, type="period", period="P14D")
    assert filled.check(filled.copy(), on_retention="submit").action == "submit"


def set_availability(world: World, availability: str) -> None:
    world.control("PATCH", f"/tables/{quote(world.source)}", {"availability": availability})


def test_check_source_loading_waits(filled: World, caplog: pytest.LogCaptureFixture) -> None:
    """A source whose segments are being loaded, as after the job before, is waited for."""
    caplog.set_level(logging.INFO, logger="test.guards")
    filled.control("PATCH", f"/tables/{quote(filled.source)}", {"loadSeconds": 45})
    assert filled.check(filled.copy()).action == "submit"
    assert filled.clock.sleeps == [30, 30, 0.5]
    assert said(caplog)[0] == f"Waiting until table {filled.source!r} is available: its data is being loaded."


def test_check_source_never_loaded_is_no_refusal(filled: World) -> None:
    """After ten minutes the task fails with an error that a retry may fix."""
    set_availability(filled, "unavailable")
    with pytest.raises(PolarisGuardUnansweredError) as caught:
        filled.check(filled.copy())
    assert str(caught.value) == (
        f"source_table {filled.source!r} is still 'unavailable': not all of its data is loaded, and "
        "the service refuses to read such a table. Nothing was submitted. Check the table. A retry of this "
        "task waits again."
    )
    assert sum(filled.clock.sleeps) == 600


def test_check_source_deleting_refuses(filled: World) -> None:
    """A table that is being deleted never becomes available again."""
    set_availability(filled, "deleting")
    assert filled.refusal(filled.copy()) == (
        f"source_table {filled.source!r} is being deleted, so nothing can be read from it. Nothing was submitted. Use "
        "another table."
    )
