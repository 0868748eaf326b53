# SPDX-License-Identifier: Apache-2.0
"""Dry runs of operators: the whole log, the requests to Polaris, and what never happens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisNotFoundError, PolarisSpecError
from airflow_provider_polaris.operators.polaris import (
    PolarisDeleteDataOperator,
    PolarisDropTableOperator,
    PolarisJobOperator,
    PolarisRestoreDataOperator,
    PolarisTableToTableOperator,
)
from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSkipException

PROJECT = "00000000-0000-4000-8000-000000000001"
MARKER = (
    "The task adds 'airflow' to 'context': 32 hexadecimal digits by which a retry recognizes its job. If "
    "the service answers 400, the job is sent again without it."
)
NO_PLACE = "The job is sent unchanged, because its type takes no marker."
FINE = "No problems were found."


def rollup(**arguments: Any) -> PolarisTableToTableOperator:
    values = {
        "dimensions": {"city": 'UPPER("city")'},
        "measures": {"longest": 'MAX("length")'},
        "rollup_granularity": "hour",
        "create_table_if_not_exists": True,
        **arguments,
    }
    return PolarisTableToTableOperator(task_id="rollup", source_table="Raw", target_table="Hourly Rollup", **values)


def drop(**arguments: Any) -> PolarisDropTableOperator:
    return PolarisDropTableOperator(task_id="drop", table_name="Raw", confirm_table_name="Raw", **arguments)


def test_dry_run_of_table_to_table_says_everything_and_asks_for_tables_only(tables, context, said):
    """Interval and origin, request, marker, SQL, tables and guards; two requests, and none is a POST."""
    tables.has("Raw", city="string", length="long")
    rollup().dry_run(context)

    body = {
        "type": "batch",
        "source": {
            "type": "table",
            "interval": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z",
            "tableName": "Raw",
        },
        "target": {
            "type": "table",
            "intervals": ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"],
            "tableName": "Hourly Rollup",
        },
        "createTableIfNotExists": True,
        "ingestionMode": "replace",
        "mappings": [
            {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
            {"columnName": "city", "expression": 'UPPER("city")'},
            {"columnName": "longest", "expression": 'MAX("length")', "isAggregation": True},
        ],
        "maxParseExceptions": 2147483647,
        "replaceAll": False,
        "context": {"failOnEmptyInsert": True},
    }
    assert said() == [
        "INFO Dry run of task 'rollup': nothing is submitted, counted or written.",
        "INFO Interval 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z, from the run's data interval.",
        (
            "INFO The request for the job:\nPOST "
            f"{tables.server.url}/v1/projects/{PROJECT}/jobs\n{json.dumps(body, indent=2)}\n{MARKER}\nIf "
            "the service answers 400 again, it is sent without 'failOnEmptyInsert' in 'context'.\n"
        ),
        (
            "INFO The equivalent SQL, in UTC:\n"
            'REPLACE INTO "Hourly Rollup"\n'
            "OVERWRITE WHERE \"__time\" >= TIMESTAMP '2024-06-01 00:00:00' "
            "AND \"__time\" < TIMESTAMP '2024-06-02 00:00:00'\n"
            "SELECT\n"
            '  TIME_FLOOR("__time", \'PT1H\') AS "__time",\n'
            '  UPPER("city") AS "city",\n'
            '  MAX("length") AS "longest"\n'
            'FROM "Raw"\n'
            "WHERE (TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'))\n"
            "GROUP BY 1, 2\n"
            "-- PARTITIONED BY the target table's own granularity; DAY if the job creates it\n"
        ),
        (
            f"INFO Tables, as {tables.server.url} describes them:\n"
            "- source 'Raw': detail, available, partitioned by day, 1,234 rows in all.\n"
            "- 'Raw' has the columns '__time', 'city', 'length', which the job reads.\n"
            "- target 'Hourly Rollup' does not exist; the job creates it, partitioned by day.\n"
        ),
        (
            "INFO Right before the request the task would:\n"
            "- wait until 'Raw' is available, 10 minutes at most\n"
            "- wait for other jobs that work on the same partitions of 'Hourly Rollup' (on_conflict='wait')\n"
            "- fail if the storage policy of 'Hourly Rollup' would drop what is written (on_retention='fail')\n"
            "- count the rows of 'Raw' for the job, by a query, and fail if there are none (on_empty_source='fail')\n"
            "- count the rows of 'Hourly Rollup' that would be replaced, by a query, and fail if there are any that "
            "'Raw' no longer has (on_shrink='fail')\n"
        ),
        f"INFO End of the dry run of task 'rollup'. {FINE}",
    ]
    assert sorted(tables.asked) == ["GET tables/Hourly%20Rollup", "GET tables/Raw"]


def test_dry_run_shows_the_request_that_the_task_then_makes(tables, context, said, monkeypatch):
    """Except for the marker, the body in the log is the body on the wire."""
    tables.server.answer("POST", "/jobs", 201, {"id": "j1", "type": "sql", "executionStatus": "pending"})
    operator = PolarisJobOperator(
        task_id="sql",
        spec={"type": "sql", "query": 'INSERT INTO "b" SELECT * FROM "ä" PARTITIONED BY DAY', "context": {"x": 1}},
        wait_for_completion=False,
    )
    operator.dry_run(context)
    (request,) = [each for each in said() if "The request" in each]
    shown = json.loads(request[request.index("\n{") : request.rindex("\n}") + 2])

    from airflow_provider_polaris.hooks.polaris import PolarisHook

    assert tables.asked == ["GET tables/b"]
    PolarisHook().submit_job(operator.plan_job(context, PolarisHook()))
    assert json.loads(tables.server.requests[-1].body) == shown


def test_dry_run_without_an_argument_takes_the_context_of_the_rendering(tables, context, said):
    """Airflow passes nothing to dry_run(), but the interval of the run and the rendered values are available."""
    tables.has("Raw", city="string", length="long")
    operator = rollup(filter_expression="\"city\" <> '{{ word }}'")
    operator.render_template_fields({**context, "word": "Oslo"})
    operator.dry_run()

    (request,) = [each for each in said() if "The request" in each]
    assert '"interval": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"' in request
    assert '"filterExpression": "\\"city\\" <> \'Oslo\'"' in request


def test_dry_run_of_a_wrong_spec_raises_what_the_task_would_fail_with(tables, context, said):
    """The same message; nothing is requested and nothing submitted."""
    operator = rollup(interval="2024-06-01/2024-06-01")
    with pytest.raises(PolarisSpecError) as dry:
        operator.dry_run(context)
    with pytest.raises(AirflowFailException) as real:
        operator.execute(context)

    assert str(dry.value) == str(real.value)
    assert str(dry.value) == (
        "interval '2024-06-01/2024-06-01' is empty: the end is not part of it, so it must lie at least a millisecond "
        "after the start. End with the first instant after the data; one day is '2024-06-01/2024-06-02' or "
        "'2024-06-01/P1D'. If it is the data interval of an Airflow run: those of a plain cron schedule are empty "
        "since Airflow 3, those of CronDataIntervalTimetable are not."
    )
    assert [each for each in tables.asked if not each.startswith("GET tables/")] == []


def test_dry_run_of_a_wrong_option_raises_as_the_task_would(tables, context, said):
    """Options of the wait are parsed, too."""
    with pytest.raises(PolarisSpecError) as caught:
        drop(deferrable="maybe").dry_run(context)
    assert str(caught.value) == (
        "deferrable 'maybe' is neither true nor false. Pass True or False, or a template of one."
    )


def test_dry_run_of_a_missing_table_to_delete_from_raises_as_the_task_would(tables, context, said):
    """Requests that the plan itself needs are made in the dry run, too."""
    operator = PolarisDeleteDataOperator(task_id="delete", table_name="Raw", intervals="2024-06-01/P1D")
    with pytest.raises(PolarisNotFoundError):
        operator.dry_run(context)


@pytest.mark.parametrize(
    "operator",
    [
        rollup,
        lambda: PolarisDeleteDataOperator(task_id="rollup", table_name="Raw", intervals="2024-06-01/P1D"),
        lambda: rollup(ingestion_mode="append", interval="2024-06-01/P1D"),
    ],
    ids=["replace", "delete", "append"],
)
def test_dry_run_without_an_answer_plans_all_the_same_and_says_so(server, tables, context, said, operator):
    """One request, one line with the reason, no exception; the job is shown as far as it is known."""
    server.answers.clear()
    for name in ("Raw", "Hourly%20Rollup"):
        server.answer("GET", f"/tables/{name}", 503, {"code": "Busy", "message": "come back"})
    operator().dry_run(context)

    (asked,) = tables.asked
    path = f"/v1/projects/{PROJECT}/{asked.removeprefix('GET ')}"
    (warning,) = [each for each in said() if each.startswith("WARNING")]
    assert warning == (
        f"WARNING Tables and columns were not checked, nor the parts of the job that depend on them: GET {path} "
        "answered 503 'Busy': come back. The service, or a proxy in front of it, failed."
    )
    assert any(each.startswith("INFO The request for the job:\nPOST ") for each in said())
    assert said()[-1] == (
        "INFO End of the dry run of task 'rollup'. The job was planned, but its tables could not be read."
    )


def test_dry_run_by_a_user_class_that_needs_its_table_says_so(server, tables, context, said):
    """An operator that reads tables itself can't be planned without; that is a line, no exception."""

    class Careful(PolarisDropTableOperator):
        def plan_job(self, context: Any, hook: Any) -> Any:
            hook.get_table("Raw")
            return super().plan_job(context, hook)

    server.answer("GET", "/tables/Raw", 403, {"code": "Forbidden", "message": "no"})
    Careful(task_id="drop", table_name="Raw", confirm_table_name="Raw").dry_run(context)

    head, line = said()
    assert head == "INFO Dry run of task 'drop': nothing is submitted, counted or written."
    assert line.startswith(
        "WARNING The job can't be planned, because its tables could not be read: GET "
        f"/v1/projects/{PROJECT}/tables/Raw answered 403 'Forbidden': no."
    )


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        (drop, "drop_table"),
        (lambda: PolarisDeleteDataOperator(task_id="delete", table_name="Raw", delete_all=True), "delete_data"),
        (
            lambda: PolarisRestoreDataOperator(task_id="restore", table_name="Raw", interval="2024-06-01/P1D"),
            "restore_data",
        ),
    ],
    ids=["drop", "delete", "restore"],
)
def test_dry_run_of_a_job_without_sql_says_so(tables, context, said, operator, kind):
    """No SQL, no marker, no guards; the request is shown."""
    tables.has("Raw")
    operator().dry_run(context)

    lines = said()
    assert json.loads(lines[1][lines[1].index("{") : lines[1].rindex("}") + 1])["type"] == kind
    assert lines[1].endswith(f"\n{NO_PLACE}\n")
    assert lines[2] == f"INFO A job of type {kind!r} has no equivalent SQL."
    assert [each for each in lines if "Right before" in each] == []


def test_dry_run_with_the_marker_off_says_that_nothing_is_added(server, tables, connect, context, said):
    """submit_marker of the connection decides, as for the task."""
    connect(host=server.url, extra={"project_id": PROJECT, "submit_marker": "off"})
    PolarisJobOperator(task_id="sql", spec={"type": "sql", "query": "INSERT INTO x"}).dry_run(context)
    (request,) = [each for each in said() if "The request" in each]
    assert request.endswith(
        "\nThe job is sent unchanged, because submit_marker of connection 'polaris_default' is 'off'.\n"
    )


def test_execute_with_the_variable_in_a_task_test_runs_dry_and_skips(tables, context, said, monkeypatch):
    """Both variables are set, as by ``airflow tasks test --env-vars``: nothing is submitted."""
    tables.has("Raw")
    monkeypatch.setenv("AIRFLOW_TEST_MODE", "True")
    monkeypatch.setenv("POLARIS_DRY_RUN", "true")
    with pytest.raises(AirflowSkipException) as caught:
        drop().execute(context)

    assert str(caught.value) == "This was a dry run, because POLARIS_DRY_RUN is set; nothing was submitted."
    assert said()[-1] == f"INFO End of the dry run of task 'drop'. {FINE}"
    assert tables.asked == ["GET tables/Raw"]


@pytest.mark.parametrize(
    "variables",
    [{"POLARIS_DRY_RUN": "true"}, {"AIRFLOW_TEST_MODE": "True"}, {"AIRFLOW_TEST_MODE": "True", "POLARIS_DRY_RUN": "0"}],
    ids=["on a worker", "in a test", "switched off"],
)
def test_execute_otherwise_submits_the_job(tables, context, said, monkeypatch, variables):
    """A variable that a worker inherits has no effect; a task test logs request and SQL."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tables.server.answer("POST", "/jobs", 422, {"code": "Bad", "message": "no"})
    context["ti"].__dict__.update(dag_id="d", run_id="r", task_id="t", map_index=-1, max_tries=0)
    with pytest.raises(AirflowFailException):
        drop(durable=False).execute(context)

    assert tables.asked == ["POST jobs", "GET tables/Raw"], "what may be the reason is looked for after the refusal"
    in_test = ["INFO The request for the job:", "INFO A job of type 'drop_table' has no equivalent SQL."]
    shown = [head for each in said() if (head := each.partition("\n")[0]) in in_test]
    assert shown == (in_test if "AIRFLOW_TEST_MODE" in variables else [])


def test_execute_in_a_task_test_of_airflow_2_shows_the_request(tables, context, said):
    """Before 3.0 the task instance has the flag, and no variable is set."""
    context["ti"].__dict__.update(dag_id="d", run_id="r", task_id="t", map_index=-1, max_tries=0, test_mode=True)
    tables.server.answer("POST", "/jobs", 422, {"code": "Bad", "message": "no"})
    with pytest.raises(AirflowFailException):
        drop(durable=False).execute(context)
    assert said()[0].startswith("INFO The request for the job:\n")


def test_dry_run_with_a_connection_that_is_set_up_wrong_raises_as_the_task_would(connect, context, said):
    """If no task could reach Polaris, that is an error and no finding."""
    connect(extra={"project_id": PROJECT, "verify": "/nowhere/ca.pem"})
    with pytest.raises(PolarisSpecError) as dry:
        rollup().dry_run(context)
    with pytest.raises(AirflowFailException) as real:
        rollup().execute(context)
    assert str(dry.value) == str(real.value)
