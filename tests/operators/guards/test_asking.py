# SPDX-License-Identifier: Apache-2.0
"""A guard with the value ``ask`` reports what it found, instead of refusing the job."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.operators.approval.findings import Finding
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.operators.guards.conftest import AFTERNOON, DAY, World

pytestmark = pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="this Airflow can't ask a person")


def loss(world: World, what: str, **where: list[str]) -> Finding:
    sentence = f"the job would replace rows of table {world.target!r} that it can't reproduce: {what}."
    kinds = {kind: tuple(where.get(kind, ())) for kind in ("emptied", "fewer", "collateral")}
    return Finding("on_shrink", sentence, kinds, {"events": 2 if "fewer" in where else 0, "replaced": 2})


def test_check_shrink_ask_reports_the_loss(world: World) -> None:
    """The sentence, the interval and the numbers are those of the refusal."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z", "2024-06-01T13:30:00Z")
    world.attempt(world.rollup())
    world.forget(AFTERNOON)
    decision = world.check(world.rollup(), on_shrink="ask")
    what = f"of the 3 rows that {DAY!r} was built from, the source {world.source!r} has 1"
    assert (decision.action, decision.findings) == ("submit", (loss(world, what, fewer=[DAY]),))


def test_check_empty_source_ask_reports_both_guards_at_once(world: World) -> None:
    """There is one question; a guard that fails is not overruled by one that asks."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.rollup())
    world.forget("TRUE")
    empty = Finding(
        "on_empty_source",
        f"the source {world.source!r} has no rows in {DAY!r}. The job could empty that part of table {world.target!r}.",
    )
    what = f"{DAY!r} has rows there and none in the source {world.source!r}"
    both = world.check(world.rollup(), on_empty_source="ask", on_shrink="ask")
    assert both.findings == (empty, loss(world, what, emptied=[DAY]))
    assert world.check(world.rollup(), on_empty_source="ask", on_shrink="submit").findings == (empty,)
    with pytest.raises(PolarisGuardError, match=r"^the job would replace rows"):
        world.check(world.rollup(), on_empty_source="ask")


def test_check_nothing_found_asks_nothing(world: World) -> None:
    """A job that loses nothing is submitted without a question."""
    world.load("2024-06-01T01:10:00Z")
    world.attempt(world.rollup())
    asks = {"on_empty_source": "ask", "on_shrink": "ask", "on_retention": "ask"}
    assert world.check(world.rollup(), **asks).findings == ()


@pytest.mark.parametrize("others", ["fail", "submit"], ids=["counted", "not counted"])
def test_check_retention_ask_reports_once_what_would_be_dropped(world: World, others: str) -> None:
    """Before and after the counts the guard checks the same partitions."""
    world.load("2024-06-01T10:00:00Z")
    world.create(world.target, storagePolicy={"retain": {"type": "period", "period": "P14D"}})
    decision = world.check(world.copy(), on_retention="ask", on_empty_source=others, on_shrink=others)
    sentence = (
        f"the storage policy of table {world.target!r} retains 'P14D', so the service would immediately drop what the "
        f"job writes to {DAY!r}."
    )
    assert decision.findings == (Finding("on_retention", sentence, {"dropped": (DAY,)}),)
