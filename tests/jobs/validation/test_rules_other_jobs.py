# SPDX-License-Identifier: Apache-2.0
"""Each rule for jobs that delete, restore, drop or run SQL: its violation, its message, and a valid job."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
from airflow_provider_polaris.jobs.validation.rules import check_spec
from tests.jobs.specs import DAY, refusal, table


@pytest.mark.parametrize(
    "body, message",
    [
        (
            {"type": "delete_data", "target": table()},
            (
                "target.intervals [] is empty, and a delete_data job needs the intervals to delete. Name the "
                "intervals, or set deleteAll to true to delete all data of the table."
            ),
        ),
        (
            {"type": "delete_data", "target": table(intervals=[DAY]), "deleteAll": True},
            (
                "deleteAll True cannot be combined with target.intervals ['2024-06-01/2024-06-02']: a job "
                "deletes all data or "
                "those "
                "intervals. Leave one of the two out."
            ),
        ),
        (
            {"type": "restore_data", "target": table(intervals=[DAY]), "interval": DAY},
            (
                "target.intervals ['2024-06-01/2024-06-02'] cannot be combined with a restore_data job, which "
                "has none. "
                "Name the one interval to restore in 'interval'."
            ),
        ),
        (
            {"type": "drop_table", "target": table(intervals=[DAY])},
            (
                "target.intervals ['2024-06-01/2024-06-02'] cannot be combined with a drop_table job, which has none. "
                "Leave them out to drop the whole table, or use a delete_data job to delete the intervals."
            ),
        ),
        (
            {"type": "drop_table", "target": table(" x")},
            "target.tableName ' x' begins or ends with white space, which Polaris refuses. Write 'x'.",
        ),
        (
            {"type": "sql", "query": " "},
            "query ' ' is blank. Write an INSERT INTO or REPLACE INTO statement.",
        ),
        (
            {"type": "sql", "query": "-- INSERT\nselect 1"},
            (
                "query '-- INSERT\\nselect 1' begins with SELECT, but a sql job ingests. "
                "Write INSERT INTO or REPLACE INTO, or send a SELECT with PolarisHook.query."
            ),
        ),
    ],
)
def test_check_spec_other_job_that_breaks_a_rule_is_refused(body: dict[str, Any], message: str) -> None:
    """Deletions name their data once; restore and drop have no intervals; SQL jobs ingest."""
    assert refusal(parse_spec(body)) == message


@pytest.mark.parametrize(
    "body",
    [
        {"type": "delete_data", "target": table(intervals=["2024-06-01T07:00Z/PT1H", DAY])},
        {"type": "delete_data", "target": table(intervals=[]), "deleteAll": True},
        {"type": "restore_data", "target": table(intervals=[]), "interval": DAY, "versions": ["a", "b"]},
        {"type": "drop_table", "target": table()},
        {"type": "sql", "query": 'INSERT INTO "x" SELECT * FROM "y" PARTITIONED BY DAY'},
        {"type": "sql", "query": "/* SELECT */ REPLACE INTO x OVERWRITE ALL SELECT 1 PARTITIONED BY ALL"},
        {"type": "sql", "query": "'"},
    ],
)
def test_check_spec_other_job_that_keeps_the_rules_passes(body: dict[str, Any]) -> None:
    """Any interval may be deleted; an empty list is no interval; unparsable SQL is left to Polaris."""
    check_spec(parse_spec(body))
