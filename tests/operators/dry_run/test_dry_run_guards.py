# SPDX-License-Identifier: Apache-2.0
"""The description of the guards of a table-to-table job."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.operators.guards.messages import describe_source_guards
from airflow_provider_polaris.operators.guards.options import GuardOptions

WAIT = "wait until 'a' is available, 10 minutes at most"
CONFLICT = "wait for other jobs that work on the same partitions of 'b' (on_conflict='wait')"
RETENTION = "fail if the storage policy of 'b' would drop what is written (on_retention='fail')"
SHRINK = (
    "count the rows of 'b' that would be replaced, by a query, and fail if there are any that 'a' no longer has "
    "(on_shrink='fail')"
)
NO_COUNT = "count nothing, because on_empty_source and on_shrink are 'submit'"


def empty(words: str, value: str) -> str:
    return f"count the rows of 'a' for the job, by a query, and {words} (on_empty_source={value!r})"


@pytest.mark.parametrize(
    ("mode", "options", "lines"),
    [
        ("replace", {}, [WAIT, CONFLICT, RETENTION, empty("fail if there are none", "fail"), SHRINK]),
        (
            "replace",
            {"on_empty_source": "skip", "on_shrink": "submit", "on_retention": "submit"},
            [WAIT, CONFLICT, empty("be skipped if there are none", "skip")],
        ),
        (
            "replace",
            {"on_empty_source": "succeed", "on_conflict": "fail"},
            [
                WAIT,
                "fail if another job works on the same partitions of 'b' (on_conflict='fail')",
                RETENTION,
                empty("succeed without a job if there are none and the target has none either", "succeed"),
                SHRINK,
            ],
        ),
        (
            "replace",
            {"on_empty_source": "submit"},
            [WAIT, CONFLICT, RETENTION, empty("continue if there are none", "submit"), SHRINK],
        ),
        ("replace", {"on_empty_source": "submit", "on_shrink": "submit"}, [WAIT, CONFLICT, RETENTION, NO_COUNT]),
        ("append", {}, [WAIT, CONFLICT, RETENTION, "count nothing, because the job appends"]),
    ],
)
def test_guards_are_described_as_their_options_say(mode, options, lines):
    """Each option changes its own line."""
    assert describe_source_guards(GuardOptions.read(**options), mode, source="a", target="b") == lines


def test_filter_by_which_nothing_can_be_counted_is_said_to_fail():
    """The task would fail before any request, so nothing else is listed."""
    lines = describe_source_guards(GuardOptions.read(), "replace", source="a", target="b", condition="((")
    assert lines == [
        (
            "fail, because filter_expression is not one SQL expression: '(' is never closed, at line 1, column 2, near "
            "'(('. Correct the brackets."
        )
    ]


def test_guards_of_an_age_out_are_described_with_what_comes_on_top():
    """The copy adds its own guards to those of any copy; the deletion repeats the proof."""
    from airflow_provider_polaris.task_groups.age_out.copy import AgeOutCopyOperator
    from airflow_provider_polaris.task_groups.age_out.delete import AgeOutDeleteOperator

    copy = AgeOutCopyOperator(
        task_id="copy", plan={}, first_task="plan", source_table="a", target_table="b", ingestion_mode="append"
    )
    assert copy.describe_guards() == (
        "wait for other jobs that change 'a' where it is copied",
        WAIT,
        CONFLICT,
        RETENTION,
        "count nothing, because the job appends",
        "fail if a planned partition no longer has rows, may have been aged before, or has other segments",
    )
    assert AgeOutDeleteOperator(task_id="delete", proof={}, first_task="plan").describe_guards() == (
        "wait for other jobs that change the two tables there, and for those that read the source",
        "repeat the proof, by queries, that the target has all rows, and fail if it doesn't",
    )
