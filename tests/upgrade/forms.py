# SPDX-License-Identifier: Apache-2.0
"""
What a release leaves behind for the next one: in Airflow's database, in XCom, in the state stores, at Polaris, and in
users' code.

``python -m tests.upgrade.forms`` writes it down for the version in the tree, once before each release. What an earlier
release wrote is never written anew.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_polaris import __version__
from airflow_provider_polaris.jobs.age_out.plan import AgingPlan, ProofMethod, make_windows
from airflow_provider_polaris.jobs.guards.row_counts import Count
from airflow_provider_polaris.jobs.idempotency.fingerprint import fingerprint
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.operators.job_run.deferred_submission import submission_deferral
from airflow_provider_polaris.operators.job_run.options import JobOptions
from airflow_provider_polaris.operators.job_run.run import JobRun
from airflow_provider_polaris.operators.submission.record import Record
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.operators.submission.try_memory import TryMemory
from airflow_provider_polaris.runtime.waits import Condition, WaitElsewhere, WaitMemory
from airflow_provider_polaris.sensors import data_wait
from airflow_provider_polaris.sensors import job_wait as watch
from airflow_provider_polaris.triggers.data import DataEvent
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition
from airflow_provider_polaris.triggers.polaris import PolarisDataTrigger, PolarisJobTrigger, PolarisTableUpdatedTrigger
from airflow_provider_polaris.triggers.table_watcher.cursor import Cursor
from airflow_provider_polaris.triggers.wait import PolarisWaitTrigger
from tests.upgrade.names import names

HERE = Path(__file__).parent
VERSION = ".".join(__version__.split(".")[:2])

_API, _PROJECT = "https://acme.us-east-1.aws.api.imply.io", "00000000-0000-4000-8000-000000000001"
_URL = "https://acme.app.imply.io/jobs/job-1"
_BEGIN = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
_TASK = TaskIdentity("dag", "manual__2026-11-20", "rollup", -1, 2, 1, was_cleared=False, first_try_ever=True)
_SPEC = {
    "type": "batch",
    "ingestionMode": "replace",
    "source": {"type": "table", "tableName": "Koalas Source", "interval": "2026-11-19T00:00:00Z/2026-11-20T00:00:00Z"},
    "target": {"type": "table", "tableName": "Koalas Rollup", "intervals": ["2026-11-19T00:00:00Z/P1D"]},
    "mappings": [
        {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
        {"columnName": "longest", "expression": 'MAX("session_length")', "isAggregation": True},
    ],
    "filterExpression": "\"city\" <> 'Perth'",
    "context": {"sqlTimeZone": "UTC"},
}

#: A default that Polaris fills in counts as missing.
_ALL_DEFAULTS = {
    "type": "batch",
    "ingestionMode": "append",
    "createTableIfNotExists": False,
    "replaceAll": False,
    "maxParseExceptions": 2147483647,
    "source": {"type": "table", "tableName": "Koalas Source", "interval": Interval.ETERNITY.to_wire()},
    "target": {"type": "table", "tableName": "Koalas Copy"},
    "mappings": [{"columnName": "__time", "expression": '  "__time"  '}],
}
_DELETION = {
    "type": "delete_data",
    "deleteAll": False,
    "softDelete": False,
    "target": {"type": "table", "tableName": "Koalas Source", "intervals": ["2026-11-19/P1D", "2026-11-20/P1D"]},
}


def forms() -> dict[str, Any]:
    """Return it by the name of its file, as JSON."""
    return {
        "triggers": [_row(trigger) for trigger in _triggers()],
        "deferrals": _deferrals(),
        "job_events": _job_events(),
        "data_events": _data_events(),
        "records": [record.to_json() for record in _records()],
        "table_cursor": Cursor(_PROJECT, _BEGIN, frozenset({"job-2"}), {"job-1": _BEGIN}).to_json(),
        "aging_plans": [_aging_plan(job).to_json() for job in (None, "job-1")],
        "at_polaris": {
            "jobs": [{"spec": spec, "fingerprint": fingerprint(spec)} for spec in (_SPEC, _ALL_DEFAULTS, _DELETION)],
            "task": ["dag", "manual__2026-11-20", "rollup", -1, 2],
            "place": [_API, _PROJECT],
            "marker": _TASK.marker(_API, _PROJECT),
        },
    }


def identity(task: list[Any]) -> TaskIdentity:
    """Return the task that ``task`` of ``at_polaris`` stands for."""
    dag, run, name, index, epoch = task
    return TaskIdentity(dag, run, name, index, epoch, 1, was_cleared=False, first_try_ever=True)


def _row(trigger: Any) -> dict[str, Any]:
    classpath, kwargs = trigger.serialize()
    return {"classpath": classpath, "kwargs": kwargs}


def _triggers() -> list[Any]:
    all_given = PolarisJobTrigger(
        "job-1",
        "polaris_other",
        12.5,
        started=1763618400.25,
        deadline=1763622000.0,
        cancel_on_timeout=True,
        cancel_on_kill=True,
        pending_warning=None,
        console_url=_URL,
    )
    condition = _condition().to_json()
    return [
        PolarisJobTrigger("job-1"),
        all_given,
        PolarisDataTrigger(condition.pop("table"), "polaris_other", 12.5, **condition),
        PolarisDataTrigger("Koalas Source", up_to="2026-11-20T06:00:00Z"),
        PolarisTableUpdatedTrigger("Koalas Source"),
        PolarisTableUpdatedTrigger("Koalas Source", "polaris_other", 12.5, include_deletions=True),
        PolarisWaitTrigger(
            "queries", ["query-1", "query-2"], "polaris_other", not_before=1763618400.25, deadline=1.5e9
        ),
        PolarisWaitTrigger("time", [], not_before=1763618400.25, deadline=1763622000.0),
    ]


def _condition() -> DataCondition:
    day = Interval.parse("2026-11-19T00:00:00Z/2026-11-20T00:00:00Z")
    return DataCondition("Koalas Source", _BEGIN, day, 10, "\"city\" <> 'Perth'")


def _deferrals() -> dict[str, Any]:
    options = JobOptions(
        wait_for_completion=True,
        deferrable=True,
        poll_interval=30.0,
        timeout=3600.0,
        pending_warning_after=1800.0,
        cancel_on_kill=True,
        cancel_on_timeout=True,
        fail_on_warning=False,
    )
    hook: Any = SimpleNamespace(polaris_conn_id="polaris_default")
    clock: Any = SimpleNamespace(now=lambda: _BEGIN)
    kill: Any = None
    run = JobRun(hook, options, kill, clock, None, None, None, _BEGIN, job_id="job-1", url=_URL)
    ti: Any = SimpleNamespace(start_date=None)
    job = watch.DeferredJobWait("job-1", "polaris_default", _URL, _BEGIN.timestamp(), 30.0, 1800.0, False, 3600.0)
    data = data_wait.DeferredDataWait(_condition().to_json(), "polaris_default", 60.0, 3600.0)
    queries = Condition("queries", ("query-1", "query-2"))
    deferrals = {
        "operators.polaris.PolarisTableToTableOperator": submission_deferral(
            _run_before_its_job(hook, options, clock), WaitElsewhere(queries, _BEGIN + timedelta(minutes=10), 1.0)
        ),
        "operators.polaris.PolarisJobOperator": run.deferral(),
        "sensors.polaris.PolarisJobSensor": watch.JobWait(hook, job, ti, None, 0.0).deferral(None),
        "sensors.polaris.PolarisDataSensor": data_wait.DataWait(hook, data, ti, None).deferral(None),
    }
    return {name: {key: made[key] for key in ("method_name", "kwargs")} for name, made in deferrals.items()}


def _run_before_its_job(hook: Any, options: JobOptions, clock: Any) -> JobRun:
    kill: Any = None
    log: Any = SimpleNamespace(info=lambda *_: None)
    memory = TryMemory(
        spec=_SPEC,
        optional_context=["failOnEmptyInsert"],
        guard_options=asdict(GuardOptions()),
        counting={"at": 1763618400.25, "sources": [{"name": "Koalas Source", "type": "detail"}], "target": None},
        reconciled={"record": _records()[0].to_json(), "past": ["job-0"], "replaced": None, "number": 1},
        passed=1763618400.25,
        throttled=_records()[0].to_json(),
        sent=True,
        waits=WaitMemory(
            {"query-1": 1763618400.25},
            {"0123456789abcdef": "query-1"},
            {"conflict on b": "[]"},
            {"counts": [1.0, 2]},
            3,
        ),
    )
    return JobRun(hook, options, kill, clock, _BEGIN + timedelta(hours=1), None, log, _BEGIN, memory=memory)


def _job_events() -> list[Any]:
    trigger = PolarisJobTrigger("job-1")
    return [
        trigger._event("ended", "completed", "Job 'job-1' has ended with 'completed'"),
        trigger._event("timeout", "running", "job 'job-1' still 'running' at the deadline"),
        trigger._event("gave_up", None, "job 'job-1' was not seen once in 15 min"),
    ]


def _data_events() -> list[DataEvent]:
    return [
        {
            "status": "met",
            "newest": "2026-11-20T06:00:00Z",
            "rows": 12,
            "message": "the data of table 'Koalas Source' is there",
            "is_lasting": False,
        },
        {"status": "gave_up", "newest": None, "rows": None, "message": "no answer for 15 min", "is_lasting": True},
    ]


def _records() -> list[Record]:
    intent = Record(2, fingerprint(_SPEC), _BEGIN, _API, _PROJECT, "Koalas Rollup")
    job = Record(2, fingerprint(_SPEC), _BEGIN, _API, _PROJECT, None, ("job-0",), "job-1", _BEGIN, "sent")
    return [intent, job]


def _aging_plan(job: str | None) -> AgingPlan:
    days = Interval.parse("2026-11-18T00:00:00Z/2026-11-20T00:00:00Z").buckets(Granularity.DAY)
    return AgingPlan(
        source="Koalas Source",
        target="Koalas Archive",
        granularity=Granularity.DAY,
        windows=make_windows({day: Count(10, 20) for day in days}),
        way=ProofMethod("measure", "COUNT(*)", 'SUM("rows")'),
        filter=None,
        context={"sqlTimeZone": "UTC"},
        job=job,
    )


def write(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(exist_ok=True)
    for name, value in forms().items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
    (folder / "names.txt").write_text("\n".join(names()) + "\n")


if __name__ == "__main__":
    write(HERE / VERSION)
