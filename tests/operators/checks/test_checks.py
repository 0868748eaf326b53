# SPDX-License-Identifier: Apache-2.0
"""Checks of what a job has written, on an emulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_polaris.emulator.server import EmulatorServer
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator
from airflow_provider_polaris.jobs.errors import PolarisJobFailedError, PolarisSpecError
from airflow_provider_polaris.operators.polaris import PolarisSqlJobOperator, PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AirflowFailException

DAY = "2026-11-19/2026-11-20"
SPAN = "'2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z'"
SESSIONS = [
    {"__time": "2026-11-19T01:00:00Z", "city": "Oslo", "length": 3},
    {"__time": "2026-11-19T02:00:00Z", "city": "Rome", "length": -4},
    {"__time": "2026-11-20T02:00:00Z", "city": "Rome", "length": 5},
]
PARIS = 'SUM("length") FILTER (WHERE "city" = \'Paris\') > 0'
RESTORE = (
    "The replaced rows, if there were any, are unused segments now. Polaris keeps them for up to 30 days, Druid until "
    "its clean-up. To restore them, delete the new rows with PolarisDeleteDataOperator and restore the older version "
    "with PolarisRestoreDataOperator: the example restore_interval does both."
)


@pytest.fixture
def emulator(emulator_server: EmulatorServer, connect: Any) -> Iterator[PolarisEmulator]:
    """A table with two rows on the day and one on the next."""
    with emulator_server.emulator(EmulatorSettings()) as running:
        handle = PolarisEmulator(running)
        connection = handle.connection
        connect(host=connection["host"], password=connection["password"], extra=connection["extra"])
        handle.load("sessions", SESSIONS)
        yield handle


def rollup(checks: Any, **arguments: Any) -> PolarisTableToTableOperator:
    given: dict[str, Any] = {
        "source_table": "sessions",
        "target_table": "hours",
        "interval": DAY,
        "dimensions": ["city"],
        "measures": {"length": 'SUM("length")'},
        "create_table_if_not_exists": True,
        "checks": checks,
        **arguments,
    }
    return PolarisTableToTableOperator(task_id="job", **given)


def refusal(operator: Any, context: dict[str, Any]) -> str:
    with pytest.raises(AirflowFailException) as error:
        operator.execute(context)
    return str(error.value)


def jobs(emulator: PolarisEmulator) -> list[dict[str, Any]]:
    return [each for each in emulator.jobs() if each["target"]["tableName"] != "sessions"]


def test_checks_that_are_met_let_the_task_succeed(emulator, context, task_log):
    """Aggregates are evaluated once, other conditions for each row; only the written interval counts."""
    checks = {"rows": "COUNT(*) = 2", "city": "\"city\" <> 'x'", "sum": {"check_statement": 'SUM("length") < 0 -- !'}}
    job_id = rollup(checks).execute(context)
    assert [job["id"] for job in jobs(emulator)] == [job_id]
    assert task_log()[-4:] == [
        "INFO Check 'rows' is met: COUNT(*) = 2. COUNT(*) is 2",
        "INFO Check 'city' is met: \"city\" <> 'x'. 0 of 2 rows don't meet it",
        'INFO Check \'sum\' is met: SUM("length") < 0 -- !. SUM("length") is -1',
        f"INFO All checks of table 'hours' are met in {SPAN} (2 rows).",
    ]


def test_checks_that_are_not_met_fail_the_task_without_a_retry(emulator, context):
    """The message has each condition with its value, and how to restore. A retry would find the same job."""
    checks = {"low": 'MIN("length") >= 0', "rows": "COUNT(*) > 0", "each": '"length" > 0', "null": PARIS}
    operator = rollup(checks)
    message = refusal(operator, context)
    (job,) = jobs(emulator)
    assert message == (
        f"Job {job['id']!r} completed, but 3 of 4 checks of table 'hours' are not met in "
        f'{SPAN} (2 rows): \'low\' (MIN("length") >= 0): MIN("length") is -4; '
        "'each' (\"length\" > 0): 1 of 2 rows don't meet it; 'null' ("
        f"{PARIS}): {PARIS[:-4]} is NULL. The rows of the job are in the table, and no asset event was emitted. "
        f"{RESTORE} If the rows are right, correct the check and mark the task as success; a cleared task "
        f"submits the job again. See {operator._run.url}"
    )
    context["ti"].try_number += 1
    with pytest.raises(AirflowFailException) as error:
        operator.execute(context)  # a retry in spite of that
    assert isinstance(error.value.__cause__, PolarisJobFailedError)
    assert len(jobs(emulator)) == 1


def test_wrong_column_names_the_argument(emulator, context):
    """A retry would get the same answer, so there is none."""
    operator = rollup({"rows": "COUNT(*) > 0", "typo": 'MAX("lenght") > 0'})
    message = refusal(operator, context)
    (job,) = jobs(emulator)
    assert message.startswith("checks['typo'] doesn't work on table 'hours': the service reports ")
    assert message.endswith(
        f"Its value is 'MAX(\"lenght\") > 0'. Job {job['id']!r} has completed: its rows are in the table and "
        "unchecked. Correct it: a retry would get the same answer."
    )


def test_statement_is_checked_in_the_interval_that_it_overwrites(emulator, context):
    """An INSERT is checked with the whole table, because it doesn't say where it writes."""
    within = "__time >= TIMESTAMP '2026-11-19 00:00:00' AND __time < TIMESTAMP '2026-11-20 00:00:00'"
    select = f'SELECT "__time", "city" FROM "sessions" WHERE {within} PARTITIONED BY DAY'
    checks = {"rows": "COUNT(*) = 2"}
    replace = PolarisSqlJobOperator(
        task_id="job",
        sql=f'REPLACE INTO "hours" OVERWRITE WHERE {within} {select}',
        create_table_if_not_exists=True,
        checks=checks,
    )
    replace.execute(context)
    context["ti"].run_id = "run-2"
    context.pop("task_state_store", None)
    insert = PolarisSqlJobOperator(task_id="job", sql=f'INSERT INTO "hours" {select}', checks=checks)
    message = refusal(insert, context)
    assert (
        "checks of table 'hours' are not met in all of time (4 rows): 'rows' (COUNT(*) = 2): COUNT(*) is 4." in message
    )
    assert "The job has added its rows and replaced none, so there is no older version to restore." in message


UNBALANCED = (
    "checks['a'] is not one SQL expression: ')' closes no bracket of the expression, at line 1, column 13, near "
    "'COUNT(*) > 0)'. Correct the brackets."
)
OF_ANOTHER_OPERATOR = (
    "checks['a'] is {'null_check': {'equal_to': 0}}. Write a condition, such as 'MIN(\"bytes\") >= 0', or "
    "{'check_statement': condition}; for a part of the rows: COUNT(*) FILTER (WHERE ...) = 0."
)
NUMBER = "checks['a'] 5 is a number, not text. Write it in quotes; if another task returns it, return it as text there."


@pytest.mark.parametrize(
    ("condition", "message"),
    [("COUNT(*) > 0)", UNBALANCED), ({"null_check": {"equal_to": 0}}, OF_ANOTHER_OPERATOR), (5, NUMBER)],
)
def test_malformed_literal_is_refused_when_the_dag_is_parsed(condition, message):
    """Templates are left to the task."""
    with pytest.raises(PolarisSpecError) as error:
        rollup({"a": condition, "b": "{{ params.b }}"})
    assert str(error.value) == message


def test_checks_are_refused_before_the_job_is_submitted(emulator, context):
    """A text that isn't SQL, and a task that doesn't wait for its job."""
    assert refusal(rollup({"a": "COUNT(*) >"}), context).startswith("checks['a'] is not one SQL expression: ")
    assert refusal(rollup({"a": "1 = 1"}, wait_for_completion=False), context) == (
        "checks need wait_for_completion=True: they check the rows of a completed job. Remove one of the two."
    )
    assert jobs(emulator) == []


def test_rendered_text_of_json_is_read(emulator, context):
    """As a template of a param returns it without native rendering."""
    assert rollup('{"rows": "COUNT(*) = 2"}').execute(context)
    assert rollup("None").execute(context)


def test_openlineage_reports_each_check(emulator, context):
    """Also those that are not met: Airflow's provider asks after a failure, too."""
    pytest.importorskip("airflow.providers.openlineage")
    operator = rollup({"rows": "COUNT(*) > 0", "low": 'MIN("length") >= 0'})
    refusal(operator, context)
    (output,) = operator.get_openlineage_facets_on_complete(None).outputs
    facet = output.facets["dataQualityAssertions"]
    assert [(each.assertion, each.success) for each in facet.assertions] == [("rows", True), ("low", False)]


def test_dry_run_lists_the_checks(emulator, context, task_log):
    """After the guards."""
    rollup({"rows": "COUNT(*) > 0"}).dry_run(context)
    lines = [line for line in task_log() if "written rows" in line]
    assert lines == ["INFO After the job, the task would check the written rows:\n- rows: COUNT(*) > 0\n"]
