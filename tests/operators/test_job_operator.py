# SPDX-License-Identifier: Apache-2.0
"""PolarisJobOperator, and with it the behavior of all operators: submit, push, wait, evaluate."""

from __future__ import annotations

import json

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisAuthError,
    PolarisJobCanceledError,
    PolarisJobFailedError,
    PolarisProtocolError,
    PolarisSpecError,
)
from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.runtime.compat import AirflowFailException, BaseOperatorLink
from tests.operators.conftest import JOB

SPEC = {
    "type": "batch",
    "source": {"type": "table", "tableName": "Koalas Source"},
    "target": {"type": "table", "tableName": "Koalas Rollup", "intervals": ["2026-11-19/2026-11-20"]},
    "ingestionMode": "replace",
    "mappings": [{"columnName": "city", "expression": '"city"'}],
    "someNewField": {"a": 1},
}


def operator(**arguments):
    return PolarisJobOperator(**{"task_id": "job", "spec": SPEC, **arguments})


class OwnLink(BaseOperatorLink):
    name = "Own"

    def get_link(self, operator, *, ti_key):
        return "own"


@pytest.mark.parametrize("has_job", [True, False])
def test_links_of_a_task_that_has_run_are_not_stored_again(jobs, clock, context, ti, has_job):
    """It has pushed them itself. Airflow would read and store each, and log an error for a missing one."""

    class WithOwnLink(PolarisJobOperator):
        operator_extra_links = (OwnLink(), *PolarisJobOperator.operator_extra_links)

    jobs.accept()
    jobs.is_now("failed")
    task = WithOwnLink(task_id="job", spec=SPEC if has_job else {"type": "batch"})
    with pytest.raises(PolarisJobFailedError if has_job else AirflowFailException):
        task.execute(context)
    assert [link.name for link in task.operator_extra_links] == ["Own"]
    assert [key for key, _ in ti.pushed if key.endswith("_url")] == ["polaris_job_url", "polaris_table_url"] * has_job


def test_links_of_a_resumed_task_are_not_stored_again(context):
    """The process before the deferral has pushed them."""
    task = operator()
    with pytest.raises(PolarisProtocolError):
        task.resume_execution("execute_complete", {"event": {}, "wait": None}, context)
    assert task.operator_extra_links == ()
    assert len(PolarisJobOperator.operator_extra_links) == 2


def test_execute_with_a_good_job_submits_waits_and_returns_its_id(jobs, clock, context, ti, task_log):
    """A job that completes: one POST of exactly the spec, XComs, one log line for each event."""
    jobs.accept()
    jobs.is_now("pending")
    jobs.has(metrics={"numRowsProcessed": 100000, "numRowsPersisted": 240, "numBytesProcessed": 5}, progress=0.5)
    steps = {1: "running", 2: "running", 3: "completed"}
    clock.then = lambda count: jobs.is_now(
        steps[count], startedTimestamp="2026-11-20T06:00:01Z", completedTimestamp="2026-11-20T06:00:31Z"
    )

    assert operator().execute(context) == JOB

    assert jobs.submitted == [SPEC]
    assert clock.sleeps == [30, 30, 30]
    url = f"{jobs.server.url}/v1/projects/00000000-0000-4000-8000-000000000001"
    assert ti.pushed == [
        ("polaris_job_url", f"{url}/jobs/{JOB}"),
        ("polaris_table_url", f"{url}/tables/Koalas%20Rollup"),
        (
            "polaris_job",
            {
                "id": JOB,
                "status": "pending",
                "intervals": None,
                "rows_processed": None,
                "rows_persisted": None,
                "bytes": None,
                "seconds": None,
                "adopted": False,
            },
        ),
        (
            "polaris_job",
            {
                "id": JOB,
                "status": "completed",
                "intervals": None,
                "rows_processed": 100000,
                "rows_persisted": 240,
                "bytes": 5,
                "seconds": 30.0,
                "adopted": False,
            },
        ),
    ]
    see = f"{url}/jobs/{JOB}"
    assert task_log() == [
        f"INFO Submitted job {JOB!r} (batch into 'Koalas Rollup'), pending. See {see}",
        f"INFO Job {JOB!r} is 'pending'. See {see}",
        f"INFO Job {JOB!r} is 'running', was 'pending', 30 s into the wait. See {see}",
        f"INFO Job {JOB!r} is 50 % done, 30 s into the wait. See {see}",
        f"INFO Job {JOB!r} is 'completed', was 'running', 90 s into the wait. See {see}",
        f"INFO Job {JOB!r} completed: 100,000 rows read, 240 rows stored. See {see}",
    ]


def test_execute_without_waiting_submits_and_asks_nothing_more(jobs, clock, context, ti):
    """wait_for_completion=False: one request, the same XComs as far as known."""
    jobs.accept()
    assert operator(wait_for_completion="False").execute(context) == JOB
    assert jobs.asked == ["POST jobs"]
    assert [key for key, _ in ti.pushed] == ["polaris_job_url", "polaris_table_url", "polaris_job"]
    assert ti.xcom("polaris_job")["status"] == "pending"


def test_execute_with_a_job_that_failed_by_its_spec_fails_without_retry(jobs, clock, context, ti, task_log):
    """The error has Polaris' code, text, log entries and the next step, and the log is copied."""
    jobs.accept()
    jobs.is_now(
        "failed", health={"status": "error", "code": "query_not_supported", "message": "No such function 'FOO'"}
    )
    entry = {
        "timestamp": "2026-11-20T06:00:02Z",
        "healthStatus": "error",
        "code": "query_not_supported",
        "message": "FOO at 1:8",
    }
    jobs.has(logs=[entry])
    with pytest.raises(AirflowFailException) as caught:
        operator().execute(context)
    url = ti.xcom("polaris_job_url")
    assert str(caught.value) == (
        f"Job {JOB!r} (batch into 'Koalas Rollup') failed after 0 s with 'query_not_supported': \"No such "
        "function 'FOO'\". Its log contains: 'FOO at 1:8' (query_not_supported). Rewrite the expression or query that "
        f"the service can't run. A retry would fail in the same way. See {url}"
    )
    assert isinstance(caught.value.__cause__, PolarisJobFailedError)
    assert f"ERROR Log of job {JOB!r}: 2026-11-20T06:00:02Z error query_not_supported: 'FOO at 1:8'" in task_log()
    assert ti.xcom("polaris_job")["status"] == "failed"


def test_execute_with_a_failure_that_may_pass_raises_it_typed(jobs, clock, context):
    """An internal error of Polaris is left to retries and retry policies."""
    jobs.accept()
    jobs.is_now("failed", health={"status": "error", "code": "internal_error", "message": "boom"})
    jobs.has()
    with pytest.raises(PolarisJobFailedError) as caught:
        operator().execute(context)
    assert caught.value.code == "internal_error"


def test_execute_with_a_canceled_job_raises_it_typed(jobs, clock, context, ti):
    """A job that a user canceled fails the task; a retry may submit another."""
    jobs.accept()
    jobs.is_now("canceled", health=None, lastModifiedBy={"username": "kim@example.com"})
    jobs.has()
    with pytest.raises(PolarisJobCanceledError) as caught:
        operator().execute(context)
    assert str(caught.value) == (
        f"Job {JOB!r} (batch into 'Koalas Rollup') was canceled after 0 s, last changed by 'kim@example.com'. "
        "Find out who canceled it and why, then clear the task to submit the job again. "
        f"See {ti.xcom('polaris_job_url')}"
    )


@pytest.mark.parametrize("fail_on_warning, fails", [(False, False), ("True", True)])
def test_execute_with_a_warning_goes_by_fail_on_warning(jobs, clock, context, fail_on_warning, fails):
    """A warning is a success unless fail_on_warning is set."""
    jobs.accept()
    jobs.is_now("completed", health={"status": "warn", "code": "invalid_rows_found"})
    jobs.has(metrics={"numRowsProcessed": 3, "numRowsPersisted": 2})
    if not fails:
        assert operator(fail_on_warning=fail_on_warning).execute(context) == JOB
        return
    with pytest.raises(AirflowFailException, match="which counts as failure because fail_on_warning=True"):
        operator(fail_on_warning=fail_on_warning).execute(context)


def test_execute_with_a_replace_that_read_nothing_fails(jobs, clock, context, ti):
    """A replace without rows has emptied its interval, which is no success."""
    jobs.accept()
    jobs.is_now("completed")
    jobs.has(metrics={"numRowsProcessed": 0, "numRowsPersisted": 0})
    with pytest.raises(AirflowFailException, match="completed after 0 s, but it processed 0 rows"):
        operator().execute(context)
    assert ti.xcom("polaris_job")["rows_processed"] == 0


def test_execute_without_metrics_and_progress_succeeds(jobs, clock, context, ti, task_log):
    """Optional requests don't decide: a completed job succeeds although its metrics can't be read."""
    jobs.accept()
    jobs.is_now("running")
    clock.then = lambda count: jobs.is_now("completed")
    assert operator().execute(context) == JOB
    assert ti.xcom("polaris_job")["rows_processed"] is None
    (warning,) = [line for line in task_log() if line.startswith("WARNING")]
    assert warning.startswith(f"WARNING The metrics of job {JOB!r} can't be read: GET /v1/projects/")


def test_execute_where_progress_is_unsupported_asks_for_it_once(jobs, clock, context):
    """A job type without progress answers 400, and no further request is sent."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(metrics={"numRowsProcessed": 1})
    jobs.server.answer("GET", f"/jobs/{JOB}/progress", 400, {"code": "BadRequest", "message": "no"})
    clock.then = lambda count: jobs.is_now("completed" if count == 3 else "running")
    operator().execute(context)
    assert jobs.asked.count(f"GET jobs/{JOB}/progress") == 1


def test_execute_with_a_refused_spec_fails_without_retry(jobs, clock, context):
    """A 400 to the POST would occur again."""
    jobs.server.answer("POST", "/jobs", 400, {"code": "BadArgument", "message": "unknown column 'ctiy'"})
    with pytest.raises(AirflowFailException, match=r"answered 400 'BadArgument': .*unknown column 'ctiy'"):
        operator().execute(context)


def test_execute_with_a_refused_key_raises_it_typed(jobs, clock, context):
    """401 is left to retries and retry policies."""
    jobs.server.answer("POST", "/jobs", 401, {"message": "no"})
    with pytest.raises(PolarisAuthError):
        operator(spec={**SPEC, "ingestionMode": "append", "target": {"type": "table", "tableName": "t"}}).execute(
            context
        )


def test_execute_with_an_ambiguous_submit_that_cannot_be_resolved_is_retried(jobs, clock, context):
    """It is unknown whether the job exists: this try searches for it, and so does the next before it submits."""
    jobs.server.answer("POST", "/jobs", 503, {"message": "later"})
    jobs.server.answer("GET", "/jobs", 503, {"message": "later"})
    with pytest.raises(
        PolarisAmbiguousSubmitError, match="A retry of this task searches for the job before it sends it again"
    ):
        operator().execute(context)
    assert jobs.asked.count("POST jobs") == 1


def test_execute_that_lost_sight_of_its_job_raises_it_typed(jobs, clock, context):
    """A retry resumes the job; the class is that of the failed polls."""
    jobs.accept()
    jobs.server.answer("GET", f"/jobs/{JOB}/status", 401, {"message": "key revoked"})
    with pytest.raises(PolarisAuthError) as caught:
        operator().execute(context)
    assert str(caught.value).startswith(f"gave up waiting for job {JOB!r}, never seen")
    assert sum(clock.sleeps) == 15 * 60


@pytest.mark.parametrize(
    "spec, message",
    [
        (None, "spec is None: a job needs one, such as {'type': 'batch', ...}."),
        ("[]", "spec [] is a list, not a dictionary."),
        (
            "{'type': 1}",
            (
                "spec \"{'type': 1}\" is not the JSON text of an object: Expecting property name enclosed in double "
                "quotes: line 1 column 2 (char 1). In a template, use the filter tojson."
            ),
        ),
        ({"source": {}}, "type of the job spec is missing"),
        ({"type": "streaming"}, "type 'streaming' is a job that never ends, so no task can wait for it."),
        (
            {**SPEC, "replaceAll": True},
            "replaceAll True cannot be combined with target.intervals ['2026-11-19/2026-11-20']",
        ),
    ],
    ids=["None", "list", "no JSON", "no type", "streaming", "broken rule"],
)
def test_execute_with_a_wrong_spec_fails_before_any_request(jobs, clock, context, spec, message):
    """An invalid spec fails without a request and without a retry."""
    with pytest.raises(AirflowFailException) as caught:
        operator(spec=spec).execute(context)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value.__cause__, PolarisSpecError)
    assert jobs.asked == []


def test_execute_with_json_text_submits_the_object(jobs, clock, context):
    """A spec that a template rendered is text."""
    jobs.accept()
    operator(spec=json.dumps(SPEC), wait_for_completion=False).execute(context)
    assert jobs.submitted == [SPEC]


def test_execute_writes_rendered_intervals_as_polaris_does(jobs, clock, context):
    """A rendered data interval is not ISO 8601; no other field of a spec is changed."""
    rendered = "2026-11-19 00:00:00+00:00/2026-11-20 00:00:00+00:00"
    wire = "2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z"
    spec = {
        **SPEC,
        "source": {"type": "table", "tableName": "a", "interval": "2026-11-19 00:00/P2D", "extra": 1},
        "target": {"type": "table", "tableName": "b", "intervals": [rendered, "2026-11-20/P1D"]},
    }
    restore = {"type": "restore_data", "target": {"type": "table", "tableName": "b"}, "interval": rendered}
    jobs.accept()
    operator(spec=spec, wait_for_completion=False).execute(context)
    operator(spec=restore, wait_for_completion=False, durable=False).execute(context)
    posted = jobs.posted
    del posted[0]["context"]
    assert posted == [
        {
            **spec,
            "source": {
                "type": "table",
                "tableName": "a",
                "interval": "2026-11-19T00:00:00.000Z/2026-11-21T00:00:00.000Z",
                "extra": 1,
            },
            "target": {"type": "table", "tableName": "b", "intervals": [wire, "2026-11-20/P1D"]},
        },
        {**restore, "interval": wire},
    ]


def test_execute_with_an_unknown_type_passes_it_on_with_a_warning(jobs, clock, context, task_log):
    """A newer job type is sent unchecked, and the log states it."""
    jobs.accept(type="compaction")
    operator(spec={"type": "compaction", "x": 1}, wait_for_completion=False).execute(context)
    assert jobs.posted == [{"type": "compaction", "x": 1}]
    assert task_log()[0] == (
        "WARNING This package has no rules for jobs of type 'compaction'; the spec is sent unchecked."
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"wait_for_completion": "maybe"},
            "wait_for_completion 'maybe' is neither true nor false. Pass True or False, or a template of one.",
        ),
        ({"poll_interval": "soon"}, "poll_interval 'soon' is not a positive number of seconds, such as 30."),
        ({"poll_interval": 0}, "poll_interval 0 is not a positive number of seconds, such as 30."),
        ({"poll_interval": None}, "poll_interval None is not a positive number of seconds, such as 30."),
        ({"timeout": "-1"}, "timeout '-1' is not a positive number of seconds, such as 30."),
        ({"polaris_conn_id": ""}, "polaris_conn_id is '': it needs a value. Check the template that renders it."),
    ],
)
def test_execute_with_an_argument_that_cannot_be_read_names_it(jobs, clock, context, arguments, message):
    """An argument with an invalid rendered value is named, before any request."""
    with pytest.raises(AirflowFailException) as caught:
        operator(**arguments).execute(context)
    assert str(caught.value) == message
    assert jobs.asked == []


def test_execute_takes_arguments_as_templates_render_them(jobs, clock, context):
    """Numbers and None arrive as text; the rendered values are not overwritten."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(metrics={})
    clock.then = lambda count: jobs.is_now("completed")
    task = operator(poll_interval="7", timeout="None", cancel_on_kill="true", cancel_on_timeout="FALSE")
    task.execute(context)
    assert clock.sleeps == [7]
    assert (task.poll_interval, task.timeout, task.cancel_on_timeout, task.spec) == ("7", "None", "FALSE", SPEC)


def test_templates_of_a_file_are_read_and_rendered(tmp_path, monkeypatch):
    """A spec may be the path of a .json file, whose text is a template."""
    from airflow_provider_polaris.runtime.compat import BaseOperator

    assert issubclass(PolarisJobOperator, BaseOperator)
    dag_class = pytest.importorskip("airflow.providers.common.compat.sdk").DAG
    (tmp_path / "job.json").write_text('{"type": "drop_table", "target": {"tableName": "{{ params.table }}"}}')
    with dag_class("d", schedule=None, template_searchpath=str(tmp_path)):
        task = operator(spec="job.json")
    task.render_template_fields({"params": {"table": "old"}})
    assert json.loads(task.spec) == {"type": "drop_table", "target": {"tableName": "old"}}


def test_templates_of_file_names_inside_a_spec_are_text():
    """An uploaded file named x.json inside a spec is no template file."""
    task = operator(spec={"source": {"fileList": ["{{ params.day }}.json", "koalas.json"]}})
    task.render_template_fields({"params": {"day": "2026-11-20"}})
    assert task.spec == {"source": {"fileList": ["2026-11-20.json", "koalas.json"]}}


def test_templates_cover_every_argument_of_its_own():
    """Each argument can be set by a param instead of a deployment."""
    assert set(PolarisJobOperator.template_fields) == {
        "spec",
        "polaris_conn_id",
        "wait_for_completion",
        "deferrable",
        "poll_interval",
        "timeout",
        "pending_warning_after",
        "cancel_on_kill",
        "cancel_on_timeout",
        "fail_on_warning",
        "durable",
        "repeat_append",
    }
    assert type(PolarisJobOperator.template_fields) is tuple
