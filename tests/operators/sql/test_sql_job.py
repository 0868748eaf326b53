# SPDX-License-Identifier: Apache-2.0
"""PolarisSqlJobOperator on an emulator: what it submits, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_polaris.emulator.server import running_emulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression
from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.operators.polaris import PolarisSqlJobOperator
from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSkipException
from tests.operators.conftest import FakeTI, MemoryStore

DAY_1 = "__time >= TIMESTAMP '2026-11-19 00:00:00' AND __time < TIMESTAMP '2026-11-20 00:00:00'"
SELECT = (
    'SELECT s."__time", c."country", s."length" FROM "sessions" s JOIN "cities" c ON s."city" = c."city" WHERE '
    f"s.{DAY_1.replace('AND ', 'AND s.')}"
)
REPLACE = f'REPLACE INTO "by country" OVERWRITE WHERE {DAY_1} {SELECT} PARTITIONED BY DAY'
SESSIONS = [
    {"__time": "2026-11-19T01:00:00Z", "city": "Oslo", "length": 3},
    {"__time": "2026-11-19T02:00:00Z", "city": "Rome", "length": 4},
    {"__time": "2026-11-20T02:00:00Z", "city": "Rome", "length": 5},
]
CITIES = [
    {"__time": "2026-01-01T00:00:00Z", "city": "Oslo", "country": "NO"},
    {"__time": "2026-01-01T00:00:00Z", "city": "Rome", "country": "IT"},
]


@pytest.fixture
def emulator(connect: Any) -> Iterator[PolarisEmulator]:
    """Two tables to join."""
    with running_emulator(EmulatorSettings()) as running:
        handle = PolarisEmulator(running)
        connection = handle.connection
        connect(host=connection["host"], password=connection["password"], extra=connection["extra"])
        handle.load("sessions", SESSIONS)
        handle.load("cities", CITIES)
        yield handle


def task(sql: str = REPLACE, **arguments: Any) -> PolarisSqlJobOperator:
    return PolarisSqlJobOperator(task_id="job", sql=sql, create_table_if_not_exists=True, **arguments)


def again(ti: FakeTI) -> None:
    """Let the next execution be that of a cleared task."""
    ti.max_tries += 1
    ti.try_number += 1


def another_run(context: dict[str, Any], run_id: str) -> None:
    context["ti"].run_id = run_id
    if "task_state_store" in context:
        context["task_state_store"] = MemoryStore()


def refusal(operator: PolarisSqlJobOperator, context: dict[str, Any]) -> str:
    with pytest.raises(AirflowFailException) as error:
        operator.execute(context)
    return str(error.value)


def rows(emulator: PolarisEmulator) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in emulator.query('SELECT "country", "length" FROM "by country"'))


def test_a_replace_is_counted_submitted_and_repeatable(emulator, context, ti, task_log):
    """The job has the statement without its semicolon, its parameters, the zone, and the empty check."""
    sql = REPLACE.replace("WHERE s.", 'WHERE s."length" > ? AND s.') + " ;\n"
    operator = task(sql, parameters=[1], interval="2026-11-19/2026-11-20", context={"maxNumTasks": 2})
    job_id = operator.execute(context)
    (job,) = [each for each in emulator.jobs() if each["type"] == "sql"]
    marker = job["spec"]["context"].pop("airflow")
    assert job["spec"]["context"].pop("airflowOrigin")["task"] == "job"
    assert len(marker) == 32
    assert job["id"] == job_id
    assert job["spec"] == {
        "type": "sql",
        "query": sql[:-3],
        "context": {"failOnEmptyInsert": True, "sqlTimeZone": "UTC", "maxNumTasks": 2},
        "createTableIfNotExists": True,
        "parameters": [{"type": "BIGINT", "value": 1}],
    }
    assert rows(emulator) == [("IT", 4), ("NO", 3)]
    assert ti.xcom("polaris_job")["intervals"] == ["2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z"]
    assert "INFO Counted by day: the SELECT returns 2 rows; the job replaces 0 rows of 'by country'." in task_log()
    again(ti)
    task(sql, parameters=[{"type": "BIGINT", "value": 1}]).execute(context)
    assert rows(emulator) == [("IT", 4), ("NO", 3)]
    assert "INFO Counted by day: the SELECT returns 2 rows; the job replaces 2 rows of 'by country'." in task_log()


def test_a_replace_that_would_lose_rows_is_refused(emulator, context, ti):
    """The classic disaster: the table is rolled again after a source was aged out, wholly or in part."""
    task().execute(context)
    before = rows(emulator)
    emulator.load("sessions", SESSIONS[:1], mode="replace")
    again(ti)
    assert refusal(task(), context) == (
        "the job would replace rows of table 'by country' that it can't reproduce: "
        "'2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z' has 2 there and 1 in the result of sql. Nothing was "
        "submitted, and the table is unchanged. If old data of its sources was deleted on purpose, the table has the "
        "only remaining copy: don't run this task again for that time. To replace the rows anyway, run the task with "
        "on_shrink='submit' (on_shrink='{{ params.on_shrink }}' allows it for one run)."
    )
    emulator.load("sessions", SESSIONS[2:], mode="replace")
    assert refusal(task(), context) == (
        "the SELECT of sql returns no rows in '2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z'. The job could empty "
        "that part of table 'by country', so nothing was submitted. Check that its tables were loaded, that their old "
        "data was not deleted, and that its conditions fit. If the result is meant to be empty, run the task with "
        "on_empty_source='skip', which leaves the target as it is, or run the task with on_empty_source='submit' "
        "(on_empty_source='{{ params.on_empty_source }}' allows it for one run)."
    )
    with pytest.raises(AirflowSkipException, match="The task is skipped, because on_empty_source is 'skip'"):
        task(on_empty_source="skip").execute(context)
    assert refusal(task(on_empty_source="succeed"), context).startswith(
        "the job would replace rows of table 'by country' that it can't reproduce: "
        "'2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z' has rows there and none in the result of sql"
    )
    assert rows(emulator) == before
    lost = refusal(task(on_empty_source="submit", on_shrink="submit"), context)
    assert "but it found no rows ('no_rows_found')" in lost
    assert rows(emulator) == []


def test_an_empty_result_of_an_empty_target_may_succeed(emulator, context):
    """No job is made."""
    sql = REPLACE.replace('"city" WHERE', '"city" WHERE s."city" = \'x\' AND')
    emulator.load("by country", [{"__time": "2026-01-01T00:00:00Z", "country": "FR", "length": 1}])
    assert task(sql, on_empty_source="succeed").execute(context) is None
    assert [job for job in emulator.jobs() if job["type"] == "sql"] == []


def test_a_cleared_insert_is_refused_unless_asked_for(emulator, context, ti):
    """Its rows would be there twice."""
    insert = f'INSERT INTO "by country" {SELECT} PARTITIONED BY DAY'
    task(insert).execute(context)
    again(ti)
    assert "repeat_append=True" in refusal(task(insert), context)
    assert rows(emulator) == [("IT", 4), ("NO", 3)]
    task(insert, repeat_append=True).execute(context)
    assert rows(emulator) == [("IT", 4), ("IT", 4), ("NO", 3), ("NO", 3)]


@pytest.mark.parametrize(
    ("sql", "arguments", "message"),
    [
        (
            REPLACE,
            {"interval": "2026-11-18/2026-11-19"},
            (
                "sql replaces '2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z', and the task's interval is "
                "'2026-11-18T00:00:00.000Z/2026-11-19T00:00:00.000Z'."
            ),
        ),
        (
            REPLACE,
            {"parameters": ["x"]},
            ("parameters has 1 values, and sql has 0 '?'. Give one value for each '?', in order."),
        ),
        (
            REPLACE.replace('s."__time",', "?,"),
            {"parameters": [None]},
            (
                "parameters[0] None is a NoneType, whose SQL type "
                "is not known. Write {'type': 'VARCHAR', 'value': 'x'} with the type that you mean."
            ),
        ),
        (
            REPLACE.replace('"sessions" s', '"nope" s'),
            {},
            (
                "table 'nope', which sql reads, does not exist in project "
                "'00000000-0000-4000-8000-000000000001'. Check its name and connection "
                "'polaris_default'."
            ),
        ),
        (
            'INSERT INTO "sessions" SELECT * FROM "sessions" PARTITIONED BY DAY',
            {},
            ("sql reads table 'sessions', which is also the target: INSERT would double its rows."),
        ),
        (f"{SELECT}", {}, "sql (line 1, column 1) has 'SELECT' where INSERT or REPLACE is expected."),
        (
            REPLACE,
            {"context": {"sqlTimeZone": "Europe/Berlin"}},
            (
                "sql replaces '2026-11-18T23:00:00.000Z/2026-11-19T23:00:00.000Z', which does not fall on 'day' "
                "boundaries (PARTITIONED BY of sql)"
            ),
        ),
    ],
)
def test_what_would_do_harm_is_refused_before_the_request(emulator, context, sql, arguments, message):
    """Permanent: a retry would end in the same way."""
    before = len(emulator.jobs())
    assert refusal(task(sql, **arguments), context).startswith(message)
    assert len(emulator.jobs()) == before


def test_a_union_that_druid_would_split_is_refused(emulator, context):
    """By name, at the top level."""
    sql = 'INSERT INTO "t" SELECT * FROM "sessions" UNION ALL SELECT * FROM "sessions" PARTITIONED BY DAY'
    assert "has a UNION at its top level, of which Druid may run only the first part" in refusal(task(sql), context)


def test_another_job_on_the_same_day_is_a_conflict_and_one_of_another_day_is_none(connect, context):
    """Also if it is a SQL job, whose intervals are in its statement."""
    with running_emulator(EmulatorSettings(progression=Progression.parse("polls=1000"))) as running:
        emulator = PolarisEmulator(running)
        connection = emulator.connection
        connect(host=connection["host"], password=connection["password"], extra=connection["extra"])
        emulator.load("sessions", SESSIONS)
        emulator.load("cities", CITIES)
        # The counts would wait as long as the jobs.
        quick = {"on_empty_source": "submit", "on_shrink": "submit", "wait_for_completion": False}
        other = REPLACE.replace("2026-11-20", "2026-11-21").replace("2026-11-19", "2026-11-20")
        another_run(context, "another")
        task(other, **quick).execute(context)
        another_run(context, "run-1")
        task(on_conflict="fail", **quick).execute(context)
        another_run(context, "run-2")
        assert "on the same time partitions of table 'by country' as the job of this task would" in refusal(
            task(on_conflict="fail", **quick), context
        )


def test_what_the_storage_policy_would_drop_is_refused(emulator, context):
    """Before anything is counted."""
    emulator.load("by country", [{"__time": "2026-01-01T00:00:00Z", "country": "FR", "length": 1}])
    hook = PolarisHook("polaris_default")
    table = hook.get_table("by country")
    retain = {"type": "intervals", "intervals": ["2026-01-01/2026-02-01"]}
    hook.get_client().update_table("by country", {**table, "storagePolicy": {"retain": retain}})
    assert "immediately drop what the job writes to '2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z'" in refusal(
        task(), context
    )
    assert task(on_retention="submit").execute(context)


def test_a_dry_run_shows_statement_tables_and_guards(emulator, context, task_log):
    """Nothing is counted or submitted."""
    before = len(emulator.jobs())
    task().dry_run(context)
    text = "\n".join(task_log())
    assert "- wait until 'cities', 'sessions' can be read, 10 minutes at most" in text
    assert "- count the rows of the SELECT, by a query, and fail if there are none (on_empty_source='fail')" in text
    assert REPLACE in text
    assert len(emulator.jobs()) == before


def test_the_operator_reads_sql_files_and_renders_them():
    """The statement is a template, also in a file."""
    assert PolarisSqlJobOperator.template_ext == (".sql",)
    assert set(PolarisSqlJobOperator.template_fields_renderers) == {
        "sql",
        "parameters",
        "source_tables",
        "context",
        "checks",
    }
