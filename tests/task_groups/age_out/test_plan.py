# SPDX-License-Identifier: Apache-2.0
"""What the first task refuses, and how to allow it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.task_groups.age_out.common import MORNING, NOON, RUN, stream
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import MAPPINGS


def test_open_stream_is_refused(world) -> None:
    """It would add rows to the aged data; a backfill of an old day uses the current time."""
    world.load(MORNING)
    job = stream(world, "P31D")
    oldest = (world.clock.now() - timedelta(days=31)).strftime("%Y-%m-%d")
    message = Run(world, RUN).go()
    assert message.startswith(
        f"failed plan: streaming job '{job}' into table '{world.source}' accepts rows from {oldest}"
    )
    assert message.endswith(
        "on (lateMessageRejectionPeriod 'P31D'), and data up to 2024-06-02T00:00:00.000Z would be aged: a late row "
        "would arrive after its partition was deleted. Nothing was changed. Set older_than to more than that period, "
        "or shorten the period. If no such rows will arrive, run the group with on_open_stream='continue' "
        "(on_open_stream='{{ params.on_open_stream }}' allows it for one run)."
    )
    assert world.jobs[-1].type == "streaming"
    assert Run(world, RUN, on_open_stream="continue").go() == "success"
    assert Run(world, RUN).go().startswith("skipped")  # no data remains for which rows could be late


def test_stream_that_refuses_such_rows_passes(world) -> None:
    """By its own period, or by Polaris' default of thirty days; an ended stream doesn't count."""
    world.load(MORNING)
    ended = stream(world, "P100D")
    world.hook.cancel_job(ended)
    world.hook.get_job(ended)
    stream(world, None)
    assert Run(world, RUN).go() == "success"


def test_filter_is_refused_unless_the_rest_may_go(world) -> None:
    """The deletion removes the rows that the copy excluded."""
    world.load(MORNING)
    world.load(NOON, city="Rome")
    condition = "\"city\" = 'Oslo'"
    assert Run(world, RUN, filter_expression=condition).go() == (
        f"failed plan: filter_expression {condition!r} excludes rows from the copy, but the deletion removes them, "
        "too. Pass drop_filtered=True to delete them without a copy, or remove the filter."
    )
    assert Run(world, RUN, filter_expression=condition, drop_filtered=True, mappings=MAPPINGS[:3]).go() == (
        "failed plan: drop_filtered=True needs a measure that counts the rows, such as measures={'rows': 'COUNT(*)'}: "
        "the numbers of the copy job don't distinguish rows that were filtered out from rows that were lost."
    )
    assert Run(world, RUN, filter_expression=condition, drop_filtered="True").go() == "success"
    assert (world.numbers(world.source), world.numbers(world.target)) == ({}, {0: 1})


def test_filter_that_polaris_refuses_is_named(world) -> None:
    """A wrong column in the filter is the user's to correct, so the task fails without a retry."""
    world.load(MORNING)
    message = Run(world, RUN, filter_expression='"ctiy" IS NULL', drop_filtered=True).go()
    start, _, end = message.partition(": the service reports ")
    assert start == f"failed plan: filter_expression doesn't work on table '{world.source}'"
    assert end.startswith("\"Column 'ctiy' not found in any table; known are ")


def test_measure_that_the_target_does_not_have_is_named(world) -> None:
    """Rows of the target can't be counted by a measure that the target lacks."""
    world.load(MORNING)
    assert Run(world, RUN).go() == "success"
    world.load(MORNING)
    mappings = [{**each, "columnName": "number"} if each["expression"] == "COUNT(*)" else each for each in MAPPINGS]
    message = Run(world, RUN, mappings=mappings).go()
    start, _, end = message.partition(": the service reports ")
    assert start == f"failed plan: the measure that counts rows doesn't work on table '{world.target}'"
    assert end.startswith("\"Column 'number' not found in any table; known are ")
    assert " Its value is 'SUM(\"number\")'. Nothing was submitted. Correct it: " in end


def test_time_that_moves_is_refused(world) -> None:
    """The proof could not detect missing rows."""
    world.load(MORNING)
    mappings = [{"columnName": "__time", "expression": 'TIMESTAMPADD(DAY, 1, "__time")'}, *MAPPINGS[1:]]
    assert Run(world, RUN, mappings=mappings).go().startswith("failed plan: the copy computes __time from ")


def test_copy_of_real_time_rows_is_refused(world) -> None:
    """They would be copied and not deleted."""
    world.load(MORNING)
    assert Run(world, RUN, context={"includeSegmentSource": "REALTIME"}).go() == (
        "failed plan: context includeSegmentSource 'REALTIME' would copy rows that are still in a stream's memory, and "
        "these are not deleted: they would be in both tables. Remove it."
    )


def test_table_that_is_its_own_target_is_refused(world) -> None:
    """The copied rows would be deleted."""
    assert Run(world, RUN, target_table=world.source).go() == (
        f"failed plan: target_table '{world.source}' is also the source, so the copied rows would be deleted. Roll a "
        "table up in place with PolarisTableToTableOperator alone, from a finer to a coarser rollup_granularity."
    )


def test_source_that_does_not_exist_is_refused(world) -> None:
    """One message with its name."""
    assert Run(world, RUN, source_table="Nothing").go() == (
        f"failed plan: source_table 'Nothing' does not exist in project '{world.hook.project_id}'. Check its name and "
        "connection 'polaris_default'."
    )


@pytest.mark.parametrize("argument", ["source_table", "target_table"])
def test_name_that_deceives_is_refused(world, argument) -> None:
    """The log shows what is copied and deleted."""
    assert Run(world, RUN, **{argument: "a\u200bb"}).go() == (
        f"failed plan: {argument} 'a\\u200bb' contains U+200B (ZERO WIDTH SPACE), which is invisible and makes the "
        "name look like another. Remove it."
    )


@pytest.mark.parametrize(
    "argument, otherwise", [("on_open_stream", "continue"), ("on_aged_target", "replace")], ids=["stream", "target"]
)
def test_unknown_choice_is_refused(world, argument, otherwise) -> None:
    """A misspelt value must not disable a guard."""
    assert Run(world, RUN, **{argument: "yes"}).go() == (
        f"failed plan: {argument} 'yes' is neither 'fail' nor {otherwise!r}."
    )


def test_uncached_rows_without_asynchronous_sql_are_refused(make_world) -> None:
    """Synchronous SQL doesn't read them, so it proves nothing."""
    world = make_world(storage_policy={"cached": {"type": "period", "period": "P10D"}})
    world.load(MORNING)
    world.has_no_asynchronous_sql()
    message = Run(world, RUN).go()
    assert message.startswith(
        "failed plan: the rows that the job would read and replace can't be counted: asynchronous SQL is unavailable "
        "(POST /v1/projects/"
    )
    assert message.endswith(
        f"), and synchronous SQL is not reliable, because table '{world.source}' has a storage policy that precaches a "
        "part of its data only. Nothing was submitted. Enable asynchronous SQL for the project and the API key, or "
        "precache all data of the table."
    )
    world.control("DELETE", "/faults")
    assert Run(world, RUN).go() == "success"
    assert world.numbers(world.source) == {}


def test_real_time_rows_are_neither_counted_nor_deleted(world) -> None:
    """They stay in the source, and a later run logs what to do with them."""
    world.load(MORNING)
    world.load(NOON, handed_over=False)
    assert Run(world, RUN).go() == "success"
    assert (world.numbers(world.source), world.numbers(world.target)) == ({1: 1}, {0: 1})


def test_param_without_a_value_means_the_interval_of_the_run(world) -> None:
    """A template renders None to text, also with native rendering."""
    world.load(MORNING)
    assert Run(world, RUN, interval="None").go() == "success"
