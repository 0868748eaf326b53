# SPDX-License-Identifier: Apache-2.0
"""
Describe a Druid task as a job, with the fields that ``JobState.from_wire`` reads; performs no I/O.

A task of this package carries its job spec in the context. Any other task is described by its SQL and its destination.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from airflow_provider_polaris.client.druid.translation.reports import error_of
from airflow_provider_polaris.client.druid.translation.statement import SPEC_KEY
from airflow_provider_polaris.client.druid.translation.states import execution_status
from airflow_provider_polaris.client.druid.translation.task_ids import parse_task_id
from airflow_provider_polaris.jobs.spec.context import EMPTY_INSERT_KEY, MARKER_KEY
from airflow_provider_polaris.jobs.spec.origin import ORIGIN_KEY
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant

#: Type of a task that runs a multi-stage query.
CONTROLLER: Final = "query_controller"

#: Type of a task that does nothing.
NOOP: Final = "noop"

#: Types of tasks that write to a table and end. A compaction rewrites segments, so it conflicts as a job does.
#: Source: druid.apache.org/docs/latest/ingestion/tasks.
_WRITING: Final = frozenset({CONTROLLER, "compact", "index", "index_parallel", "index_hadoop"})

#: Types of jobs that change no rows, only which segments are used. A ``noop`` or ``kill`` task records such a job.
DATA_TYPES: Final = frozenset({"delete_data", "restore_data", "drop_table"})

#: Prefix of the group of a ``noop`` task that records a job; the type of the job follows. The list of tasks shows it.
RECORD_GROUP: Final = "airflow-"

#: Name of the data source that the tasks of asynchronous SELECTs have. OBSERVED(Druid 27).
_SELECT: Final = "__query_select"

#: An interval in a task that has no bound. OBSERVED(Druid 27): Joda's eternity.
_ETERNITY: Final = "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"


def context_of(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return the query context of a task, with the keys that the submission had.

    :param task: ``payload`` of the task.
    """
    sent = task.get("sqlQueryContext")
    if isinstance(sent, Mapping):
        return sent
    query = _mapping(_mapping(task.get("spec")).get("query"))
    return _mapping(query.get("context")) or _mapping(task.get("context"))


def is_same_work(task: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    """
    Return whether a task does the work of a submission: its context has the same job spec, marker and settings.

    The SQL is not compared. It is made from the spec and from the target table, which may have changed since.
    Neither is the origin: another try of the task may have submitted it.

    :param task: ``payload`` of the task.
    :param context: The context that was sent, with the job spec, without ids.
    """
    theirs = context_of(task)
    return all(theirs.get(key, _MISSING) == value for key, value in context.items() if key not in _NOT_COMPARED)


def is_block(task: Mapping[str, Any]) -> bool:
    """
    Return whether a task does nothing but hold the id of a marker, so that no submission can take it.

    :param task: ``payload`` of the task.
    """
    context = context_of(task)
    return task.get("type") == NOOP and MARKER_KEY in context and SPEC_KEY not in context


def describe(task: Mapping[str, Any], status: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the description of a job.

    :param task: ``payload`` of the task.
    :param status: ``status`` of the task's status.
    :param report: Payload of the report; empty if there is none.
    """
    context = context_of(task)
    spec = context.get(SPEC_KEY)
    kept = {key: value for key, value in context.items() if key not in _OF_DRUID}
    whole = (
        {**spec, **({"context": kept} if kept else {})}
        if isinstance(spec, Mapping)
        else _foreign_spec(task, status, kept)
    )
    kind = str(whole.get("type"))
    job = {**summarize(status, kind=kind), "spec": whole, "query": task.get("sqlQuery")}
    # The spec of a SQL job has no target; the task's data source is its table.
    job["target"] = whole.get("target") or job.get("target")
    health: dict[str, Any] = {"status": "ok"}
    if job["executionStatus"] in ("failed", "canceled"):
        code, message = error_of(report, status.get("errorMsg"))
        # A report of a task that was shut down may show a consequence of that, such as WorkerRpcFailed.
        code = "canceled" if job["executionStatus"] == "canceled" else code or "unknown"
        health = {"status": "error", "code": code, "message": message}
    started, completed = _start_of(report), end_of(report)
    if job["executionStatus"] in ("completed", "failed", "canceled"):
        if completed is not None:
            job["completedTimestamp"] = _text(completed)
        job["health"] = health
    job["startedTimestamp"] = None if started is None else _text(started)
    return {key: value for key, value in job.items() if value is not None}


def summarize(status: Mapping[str, Any], *, kind: str = "batch") -> dict[str, Any]:
    """
    Return the summary of a job, without its spec.

    It has no time of completion, unless it records a deletion, a restore or a drop: the list has only the time of
    creation and the time that the task ran, not the time that it waited between the two.

    :param status: Entry of the list of tasks, or ``status`` of a task's status.
    :param kind: Type of the job, as :func:`kind_of_row` returns it.
    """
    table = status.get("dataSource")
    word = execution_status(status)
    return {
        "id": status.get("id"),
        "type": kind,
        "executionStatus": word,
        "createdTimestamp": status.get("createdTime"),
        # Its segments were marked before the task was created, and nothing that can be queried changes later.
        **({"completedTimestamp": status.get("createdTime")} if kind in DATA_TYPES and word == "completed" else {}),
        "target": {"type": "table", "tableName": table} if table else None,
    }


def kind_of_row(row: Mapping[str, Any], types: Collection[str]) -> str | None:
    """
    Return the job type of an entry of the list of tasks; None if it is no job of these types.

    A task of a query may be a ``batch`` or a ``sql`` job, so it matches both. The records of deletions, restores and
    drops are jobs. Workers, SELECTs and other tasks that add no rows (noop, kill) are not: a coordinator that kills
    unused segments removes nothing that could be queried.

    :param row: The entry.
    :param types: Job types; empty for all.
    """
    recorded = _recorded_kind(row)
    if recorded is not None:
        return recorded if not types or recorded in types else None
    if row.get("type") not in _WRITING or row.get("dataSource") == _SELECT:
        return None
    if not types or "batch" in types:
        return "batch"
    return "sql" if "sql" in types and row.get("type") == CONTROLLER else None


def _recorded_kind(row: Mapping[str, Any]) -> str | None:
    """Return the type of the job that a task of this package records; None for any other task."""
    if parse_task_id(str(row.get("id"))) is None:
        return None
    if row.get("type") == "kill":
        return "delete_data"
    kind = str(row.get("groupId")).removeprefix(RECORD_GROUP)
    return kind if row.get("type") == "noop" and kind in DATA_TYPES else None


def _foreign_spec(task: Mapping[str, Any], status: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a task that another client submitted, as far as the task shows it."""
    destination = _mapping(_mapping(task.get("spec")).get("destination"))
    chunks = destination.get("replaceTimeChunks")
    intervals = [str(each) for each in chunks if each != _ETERNITY] if isinstance(chunks, list) else []
    target: dict[str, Any] = {"type": "table", "tableName": destination.get("dataSource") or status.get("dataSource")}
    if intervals:
        target["intervals"] = intervals
    if status.get("type") != CONTROLLER:
        if compacted := _compacted(task):
            target["intervals"] = [compacted]
        return {"type": "batch", "target": target, "ingestionMode": "replace"}
    return {"type": "sql", "target": target, "query": task.get("sqlQuery"), "context": dict(context)}


def _compacted(task: Mapping[str, Any]) -> str | None:
    """
    Return the interval that a compaction rewrites; None if it isn't given by one.

    Source: druid.apache.org/docs/latest/data-management/manual-compaction (``ioConfig.inputSpec``).
    """
    interval = _mapping(_mapping(task.get("ioConfig")).get("inputSpec")).get("interval")
    return interval if isinstance(interval, str) else None


def end_of(report: Mapping[str, Any]) -> datetime | None:
    """
    Return the time at which a query ended; None if the report has none.

    :param report: Payload of the report.
    """
    start, length = _start_of(report), _mapping(report.get("status")).get("durationMs")
    if start is None or type(length) is not int or length < 0:
        return None
    return start + timedelta(milliseconds=length)


def _start_of(report: Mapping[str, Any]) -> datetime | None:
    text = _mapping(report.get("status")).get("startTime")
    try:
        return parse_instant(text) if isinstance(text, str) else None
    except UnreadableInstantError:
        return None


def _text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_MISSING: Final = object()

#: Keys of a context that don't change the work of a task.
_NOT_COMPARED: Final = frozenset({EMPTY_INSERT_KEY, ORIGIN_KEY})

#: Keys of a context that the client or Druid adds. OBSERVED(Druid 27).
_OF_DRUID: Final = frozenset(
    {
        SPEC_KEY,
        "sqlQueryId",
        "queryId",
        "sqlInsertSegmentGranularity",
        "sqlReplaceTimeChunks",
        "__user",
        "forceTimeChunkLock",
        "useLineageBasedSegmentAllocation",
    }
)
