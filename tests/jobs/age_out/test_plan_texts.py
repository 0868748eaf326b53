# SPDX-License-Identifier: Apache-2.0
"""What a plan says and asks: found by changes of the code that no test noticed (``make mutation``)."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.age_out.plan import AgingPlan, ProofMethod, Window, make_windows, oldest_sql
from airflow_provider_polaris.jobs.guards.row_counts import Count
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (ProofMethod("metrics"), "the numbers of the copy job (numRowsProcessed, numRowsPersisted)"),
        (ProofMethod("rows"), "COUNT(*) of the target against the rows of the source"),
        (ProofMethod("measure", 'SUM("n")', 'SUM("n")'), 'SUM("n") of the target against the events of the source'),
    ],
)
def test_method_of_proof_says_what_it_compares(method: ProofMethod, text: str) -> None:
    """The sentence is in the log of the plan."""
    assert str(method) == text


def test_oldest_partitions_are_counted_with_the_filter_of_the_copy() -> None:
    """Without it, the plan would take partitions of which the copy takes no row."""
    sql = oldest_sql("a", Granularity.DAY, "COUNT(*)", Interval.parse(DAY), 3, "\"city\" <> 'Perth'")

    condition = sql.split("\nWHERE ")[1]
    assert condition == (
        "(TIME_IN_INTERVAL(\"__time\", '0/2024-06-01T00:00:00.000Z'))\n"
        "  AND (\n\"city\" <> 'Perth'\n)\nGROUP BY 1\nORDER BY 1\nLIMIT 3"
    )


def test_partition_whose_events_are_unknown_counts_none() -> None:
    """The proof compares what was counted, and nothing that was invented."""
    assert make_windows({Interval.parse(DAY): Count(10, None)}) == (Window(DAY, 10, 0),)


def test_plan_passes_the_segments_of_the_source_through_xcom() -> None:
    """The proof and the deletion on a Druid compare them; a plan without them has no such key."""
    window, method = Window(DAY, 1, 1), ProofMethod("rows")
    plan = AgingPlan("a", "b", Granularity.DAY, (window,), method, None, {}, segments=("s", "t"))

    assert plan.to_json()["segments"] == ["s", "t"]
    assert AgingPlan.from_json(plan.to_json(), "plan") == plan
