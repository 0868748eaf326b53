# SPDX-License-Identifier: Apache-2.0
"""A job that would lose rows is refused before it is sent, and the table is unchanged."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.operators.guards.options import GuardOptions
from tests.operators.guards.conftest import AFTERNOON, DAY, TWO_DAYS, World, empty, said, shrunk

FIRST, SECOND, THIRD = (f"2024-06-0{day}T00:00:00.000Z/2024-06-0{day + 1}T00:00:00.000Z" for day in (1, 2, 3))


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="test.guards")


def test_check_target_absent_submits(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The first rollup into a table that doesn't exist passes, and one line gives the counts."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    decision = world.attempt(world.rollup())
    counted = f"{world.source!r} has 2 rows for the job, which replaces 0 rows of {world.target!r}"
    assert (decision.action, decision.reason, decision.source_rows) == ("submit", f"{counted}.", 2)
    assert said(caplog) == [f"Counted by day: {counted}."]


def test_check_source_as_before_submits(world: World) -> None:
    """A rollup that runs again over the same source passes, also with new rows."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T01:20:00Z")
    world.attempt(world.rollup())
    assert world.attempt(world.rollup()).action == "submit"
    world.load("2024-06-01T23:00:00Z")
    assert world.attempt(world.rollup()).action == "submit"
    assert [row["__count"] for row in world.rows()] == [2, 1]


def test_check_source_aged_out_refuses(world: World) -> None:
    """The classic disaster: the source of an old rollup is empty, and the rollup runs again."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.rollup())
    world.forget("TRUE")
    assert world.refusal(world.rollup()) == empty(world)
    assert len(world.rows()) == 2


def test_check_half_of_the_source_aged_out_refuses(world: World) -> None:
    """Half of a day is missing in the source: the rollup of the day has counted more events than are left."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z", "2024-06-01T13:30:00Z")
    world.attempt(world.rollup())
    world.forget(AFTERNOON)
    what = f"of the 3 rows that {DAY!r} was built from, the source {world.source!r} has 1"
    assert world.refusal(world.rollup()) == shrunk(world, what)
    assert len(world.rows()) == 2


def test_check_half_gone_from_a_plain_copy_refuses(world: World) -> None:
    """A copy without rollup is counted by its rows."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.copy())
    world.forget(AFTERNOON)
    what = f"of the 2 rows that {DAY!r} was built from, the source {world.source!r} has 1"
    assert world.refusal(world.copy()) == shrunk(world, what)


def test_check_days_gone_names_them_merged(world: World) -> None:
    """Of four days two are missing: they are named as one interval, the others aren't."""
    world.load(*(f"2024-06-0{day}T10:00:00Z" for day in (1, 2, 3, 4)))
    days = "2024-06-01T00:00:00.000Z/2024-06-05T00:00:00.000Z"
    world.attempt(world.rollup(days))
    gone = "2024-06-02T00:00:00.000Z/2024-06-04T00:00:00.000Z"
    world.forget("TRUE", gone)
    what = f"{gone!r} has rows there and none in the source {world.source!r}"
    assert world.refusal(world.rollup(days)) == shrunk(world, what)


def test_check_many_days_gone_names_five(world: World) -> None:
    """A long list of missing days is shortened."""
    world.load(*(f"2024-06-{day:02}T10:00:00Z" for day in range(1, 15)))
    days = "2024-06-01T00:00:00.000Z/2024-06-15T00:00:00.000Z"
    world.attempt(world.rollup(days))
    world.forget("MOD(TIME_EXTRACT(\"__time\", 'DAY'), 2) = 1", days)
    text = world.refusal(world.rollup(days))
    assert "'2024-06-09T00:00:00.000Z/2024-06-10T00:00:00.000Z' and 2 more has rows there" in text


def test_check_shrink_submit_passes(world: World) -> None:
    """``on_shrink='submit'`` allows losing the rows, and the target isn't counted."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.rollup())
    world.forget(AFTERNOON)
    decision = world.attempt(world.rollup(), on_shrink="submit")
    assert decision.reason == (
        f"{world.source!r} has 1 rows for the job; the rows that {world.target!r} loses were not counted, because "
        "on_shrink='submit'."
    )
    assert len(world.rows()) == 1


def test_check_empty_source_skip_skips(world: World) -> None:
    """``on_empty_source='skip'`` skips the task and leaves the target unchanged."""
    world.load("2024-06-01T01:10:00Z")
    world.attempt(world.rollup())
    world.forget("TRUE")
    decision = world.attempt(world.rollup(), on_empty_source="skip")
    assert (decision.action, decision.reason) == (
        "skip",
        f"the source {world.source!r} has no rows in {DAY!r}. The task is skipped, because on_empty_source is 'skip'.",
    )
    assert len(world.rows()) == 1


def test_check_empty_source_succeed_needs_no_job_where_the_target_is_empty_too(world: World) -> None:
    """A quiet day succeeds without a job, whatever on_shrink is: there are no rows to lose."""
    world.load("2024-06-01T01:10:00Z")
    world.attempt(world.rollup())
    for on_shrink in ("fail", "submit"):
        decision = world.attempt(world.rollup(SECOND), on_empty_source="succeed", on_shrink=on_shrink)
        assert decision.action == "succeed"
        assert decision.reason == (
            f"the source {world.source!r} has no rows in {SECOND!r}. The target has none to replace, so "
            "the task succeeds without a job."
        )
    assert len(world.rows()) == 1


def test_check_empty_source_succeed_over_rows_is_for_on_shrink_to_say(world: World) -> None:
    """Rows of the target are neither accepted as right nor erased without a request."""
    world.load("2024-06-01T01:10:00Z")
    world.attempt(world.rollup())
    world.forget("TRUE")
    what = f"{DAY!r} has rows there and none in the source {world.source!r}"
    assert world.refusal(world.rollup(), on_empty_source="succeed") == shrunk(world, what)
    assert world.check(world.rollup(), on_empty_source="succeed", on_shrink="submit").action == "submit"


def test_check_empty_source_submit_passes_where_nothing_is_lost(world: World) -> None:
    """An empty day may be loaded, but not over rows: on_shrink decides that."""
    world.load("2024-06-01T01:10:00Z")
    world.attempt(world.rollup())
    assert world.check(world.rollup(SECOND), on_empty_source="submit").action == "submit"
    world.forget("TRUE")
    what = f"{DAY!r} has rows there and none in the source {world.source!r}"
    assert world.refusal(world.rollup(), on_empty_source="submit") == shrunk(world, what)


def test_check_both_submit_asks_nothing(world: World) -> None:
    """With both set to submit there is no delay: no SQL is sent."""
    world.load("2024-06-01T01:10:00Z")
    before = world.asked("POST /query/sql/statements")
    decision = world.check(world.rollup(SECOND), on_empty_source="submit", on_shrink="submit")
    assert (decision.action, decision.reason, decision.source_rows) == ("submit", "No rows were counted.", None)
    assert world.asked("POST /query/sql/statements") == before


def test_check_filter_drops_all_counts_as_empty(world: World) -> None:
    """Rows that don't pass the job's filter don't count."""
    world.load("2024-06-01T01:10:00Z")
    spec = world.rollup(filterExpression="\"city\" = 'Bern' -- for now")
    assert world.refusal(spec) == empty(world, which=" that pass filter_expression")


def test_check_constant_named_like_a_column_of_the_source_warns(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The operator has already warned of a constant with the name of its own column."""
    world.load("2024-06-01T01:10:00Z")
    constants = {"place": "'city'", "city": "'city'", "kind": "'raw'"}
    mappings = [{"columnName": name, "expression": text} for name, text in constants.items()]
    world.check(world.rollup(mappings=mappings))
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        (
            "Column 'place' gets the text 'city' in every row, because single quotes make a text in SQL. If the column "
            "'city' of the source is meant, write its name in double quotes."
        )
    ]


@pytest.mark.parametrize("text", ["1=1) OR (1=1", '"city" = ', "(1=1"])
def test_check_filter_that_is_not_one_expression_asks_nothing(world: World, text: str) -> None:
    """The counts would not match the filter, so they don't wait for the source either."""
    with pytest.raises(PolarisSpecError, match=r"^filter_expression is not one SQL expression: "):
        world.check(world.rollup(filterExpression=text))
    with pytest.raises(PolarisGuardError, match="does not exist"):
        world.check(world.rollup(filterExpression=text), on_empty_source="submit", on_shrink="submit")


def test_check_filter_narrowed_refuses(world: World) -> None:
    """A rollup with a new filter doesn't replace the rows that it excludes."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T02:10:00Z")
    world.attempt(world.rollup())
    spec = world.rollup(filterExpression=f"NOT ({AFTERNOON}) AND TIME_EXTRACT(\"__time\", 'HOUR') > 1")
    what = f"of the 2 rows that {DAY!r} was built from, the source {world.source!r} has 1 that pass filter_expression"
    assert world.refusal(spec) == shrunk(world, what)


def test_check_several_intervals_are_all_counted(world: World) -> None:
    """Each interval is counted, and the time between them isn't."""
    world.load("2024-06-01T10:00:00Z", "2024-06-02T10:00:00Z", "2024-06-03T10:00:00Z")
    days = "2024-06-01T00:00:00.000Z/2024-06-04T00:00:00.000Z"
    world.attempt(world.rollup(days))
    world.forget("TRUE", SECOND)
    spec = world.rollup()
    spec["source"]["interval"] = days
    spec["target"]["intervals"] = [FIRST, THIRD]
    assert world.attempt(spec).action == "submit"
    world.forget("TRUE", THIRD)
    what = f"{THIRD!r} has rows there and none in the source {world.source!r}"
    assert world.refusal(spec) == shrunk(world, what)


def test_check_table_replaces_itself_submits(world: World) -> None:
    """Aging inside one table, from minutes to hours, passes, and again."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T01:20:00Z", table=world.target)
    world.source = world.target
    spec = world.copy()
    spec["mappings"].insert(0, {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"})
    assert world.attempt(spec).action == "submit"
    assert world.attempt(spec).action == "submit"


def test_check_table_weeds_itself_submits(world: World) -> None:
    """A filter on a table that replaces itself selects the rows to remove, but not a whole day of them."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z", "2024-06-02T13:20:00Z", table=world.target)
    world.source = world.target
    spec = world.copy(TWO_DAYS, filterExpression=f"NOT ({AFTERNOON})")
    what = f"{SECOND!r} has rows there and none in the source {world.source!r} that pass filter_expression"
    assert world.refusal(spec) == shrunk(world, what)
    assert world.check(world.copy(filterExpression=f"NOT ({AFTERNOON})")).action == "submit"


def test_check_moved_time_is_counted_where_it_goes(world: World) -> None:
    """Rows that the job moves to another day count there."""
    world.load("2024-06-01T10:00:00Z")
    spec = world.copy(SECOND)
    spec["source"]["interval"] = FIRST
    spec["mappings"].insert(0, {"columnName": "__time", "expression": "TIME_SHIFT(\"__time\", 'P1D', 1)"})
    assert world.attempt(spec).action == "submit"
    assert world.attempt(spec).action == "submit"
    world.forget("TRUE")
    assert world.refusal(spec) == empty(world, repr(SECOND))


def test_check_append_counts_nothing(world: World) -> None:
    """An append replaces nothing, so nothing is counted."""
    world.load("2024-06-01T10:00:00Z")
    spec = world.copy(ingestionMode="append")
    del spec["target"]["intervals"]
    before = world.asked("POST /query/sql/statements")
    assert world.check(spec).reason == "No rows were counted."
    assert world.asked("POST /query/sql/statements") == before


def test_check_source_absent_refuses(world: World) -> None:
    """A source that doesn't exist is named, with the project."""
    assert world.refusal(world.rollup()) == (
        f"source_table {world.source!r} does not exist in project '00000000-0000-4000-8000-000000000001'. Check its "
        "name and connection 'polaris_default'."
    )


@pytest.mark.parametrize(
    "argument, value, known",
    [
        ("on_empty_source", "Ignore", "'fail', 'ask', 'skip', 'succeed' or 'submit'"),
        ("on_shrink", "skip", "'fail', 'ask' or 'submit'"),
        ("on_conflict", "submit", "'wait' or 'fail'"),
        ("on_retention", "wait", "'fail', 'ask' or 'submit'"),
    ],
)
def test_read_unknown_word_refuses(argument: str, value: str, known: str) -> None:
    """A misspelt option disables nothing."""
    with pytest.raises(PolarisSpecError) as caught:
        GuardOptions.read(**{argument: value})
    assert str(caught.value) == f"{argument} {value!r} is not a known value. Write {known}."


def test_read_rendered_words_in_any_case() -> None:
    """A rendered template is parsed."""
    assert GuardOptions.read(on_empty_source=" Skip ", on_shrink="SUBMIT") == GuardOptions("skip", "submit")


def test_guard_error_is_lasting(world: World) -> None:
    """A retry would find the same, so the task fails immediately."""
    from airflow_provider_polaris.runtime.failure import is_permanent

    assert is_permanent(PolarisGuardError("no"))
