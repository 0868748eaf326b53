# SPDX-License-Identifier: Apache-2.0
"""
Read a job's status, result, XCom and log for a task.

Operators and sensors share this module. The caller passes hook, log and time. Nothing here submits, cancels, sleeps or
reads the clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisJobError, PolarisSpecError
from airflow_provider_polaris.jobs.status.completion import completion_error
from airflow_provider_polaris.jobs.status.state import JobState, LogEntry, parse_log
from airflow_provider_polaris.jobs.status.statuses import TERMINAL_STATUSES, normalize_status
from airflow_provider_polaris.jobs.time.interval import Interval

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.status.wait_tracker import Message, WaitTracker


#: XCom key of :class:`JobFacts`. It is stored and read by users' code: never rename it.
JOB_XCOM_KEY: Final = "polaris_job"


#: Most lines of a job's log that are copied.
_MOST_LOG_LINES: Final = 100


_LEVELS: Final = {"error": logging.ERROR, "warn": logging.WARNING}


T = TypeVar("T")


class JobFacts(TypedDict):
    """
    XCom ``polaris_job``: the same keys in every mode, None if unknown.

    ``intervals`` are ISO 8601 in UTC: the replaced intervals, otherwise the intervals that were read. ``seconds`` is
    the run time by Polaris' clock. ``adopted`` is True if the job was found instead of submitted; None in a sensor.
    """

    id: str
    status: str
    intervals: list[str] | None
    rows_processed: int | None
    rows_persisted: int | None
    bytes: int | None
    seconds: float | None
    adopted: bool | None


@dataclass(frozen=True)
class JobStatus:
    """
    The status of a job at one poll.

    :param status: ``executionStatus``.
    :param state: The whole description, only if the job has ended.
    :param metrics: The answer to the request for its metrics, which was sent at the same time.
    """

    status: str
    state: JobState | None = None
    metrics: Future[dict[str, Any]] | None = None


@dataclass(frozen=True)
class JobResult:
    """
    The result of a job that has ended.

    :param facts: The XCom value.
    :param error: Why the job counts as failed; None if it succeeded.
    """

    facts: JobFacts
    error: PolarisJobError | None


def fetch_status(hook: PolarisHook, job_id: str, *, has_ended: bool = False) -> JobStatus:
    """
    Return a job's status. If it has ended, also return its whole description and its metrics, requested together.

    :param hook: The hook.
    :param job_id: The job.
    :param has_ended: Whether the job has ended, as far as is known, so that its status is not requested first.
    :raises PolarisError: The request failed. An error of the metrics is in their future.
    """
    if not has_ended:
        status = hook.get_job_status(job_id)
        if normalize_status(status) not in TERMINAL_STATUSES:
            return JobStatus(status)
    client = hook.get_client()
    end = client.end_reads(job_id)
    description, metrics = end.join(client, hook.ask_together(end.requests))
    state = JobState.from_wire(description.result())
    return JobStatus(state.status, state, metrics) if state.is_terminal else JobStatus(state.status)


def fetch_result(
    hook: PolarisHook,
    state: JobState,
    *,
    fail_on_warning: bool,
    adopted: bool | None,
    seconds: float | None,
    log: Any,
    metrics: Future[dict[str, Any]] | None = None,
) -> JobResult:
    """
    Return and log the result of a job that has ended. If it failed, copy Polaris' log of the job.

    Metrics and log entries are requested once. If that fails, status and health determine the result.

    :param hook: The hook.
    :param state: Description of the job after its end.
    :param fail_on_warning: Count a warning as a failure.
    :param adopted: Whether the job was found instead of submitted; None if unknown.
    :param seconds: How long the caller waited, for the error.
    :param log: Logger of the task.
    :param metrics: The answer to the request for the metrics, if it was sent already.
    """
    url = hook.job_url(state.job_id, state.target_table or "")
    fetch = (lambda: hook.get_job_metrics(state.job_id)) if metrics is None else metrics.result
    totals = _best_effort(fetch, "metrics", state.job_id, log)
    facts = job_facts(state, metrics=totals, adopted=adopted)
    error = completion_error(state, metrics=totals, fail_on_warning=fail_on_warning, console_url=url, seconds=seconds)
    if error is None:
        log.info(
            "Job %r completed: %s rows read, %s rows stored. See %s",
            state.job_id,
            _known(facts["rows_processed"]),
            _known(facts["rows_persisted"]),
            url,
        )
        return JobResult(facts, None)
    wire_log = _best_effort(lambda: hook.get_job_logs(state.job_id), "log", state.job_id, log)
    entries = parse_log(wire_log) or (state.health.log if state.health is not None else ())
    copy_log(state.job_id, entries, log)
    error = completion_error(
        state, metrics=totals, fail_on_warning=fail_on_warning, console_url=url, seconds=seconds, logs=entries
    )
    return JobResult(facts, error)


def job_facts(state: JobState, *, metrics: Mapping[str, Any] | None = None, adopted: bool | None) -> JobFacts:
    """
    Return the XCom value of a job.

    :param state: Last description of the job.
    :param metrics: ``totals`` of its metrics, if known.
    :param adopted: Whether the job was found instead of submitted.
    """
    totals = metrics or {}
    return JobFacts(
        id=state.job_id,
        status=state.status,
        intervals=_intervals(state),
        rows_processed=_whole(totals.get("numRowsProcessed")),
        rows_persisted=_whole(totals.get("numRowsPersisted")),
        bytes=_whole(totals.get("numBytesProcessed")),
        seconds=state.seconds,
        adopted=adopted,
    )


def copy_log(job_id: str, entries: tuple[LogEntry, ...], log: Any) -> None:
    """Copy the entries of a job's log into the task's log, line by line."""
    for entry in entries[:_MOST_LOG_LINES]:
        level = _LEVELS.get(entry.health_status or "", logging.INFO)
        log.log(level, "Log of job %r: %s", job_id, entry)
    if len(entries) > _MOST_LOG_LINES:
        log.warning("Log of job %r: %d more entries.", job_id, len(entries) - _MOST_LOG_LINES)


def log_messages(log: Any, messages: Sequence[Message]) -> None:
    """Log the messages of a tracker."""
    for level, text in messages:
        log.log(level, "%s", text)


class ProgressLogger:
    """
    Log the progress of a job when it changes; errors have no effect on the task.

    :param hook: The hook.
    :param tracker: Records what was already logged.
    :param log: Logger of the task.
    """

    def __init__(self, hook: PolarisHook, tracker: WaitTracker, log: Any) -> None:
        self._hook = hook
        self._tracker = tracker
        self._log = log
        self._supported = True

    def report(self, now: datetime) -> None:
        """Request the progress once, unless this job type has none."""
        if not self._supported:
            return
        try:
            done = self._hook.get_job_progress(self._tracker.job_id)
        except PolarisError as error:
            self._log.debug("The progress of job %r can't be read: %s", self._tracker.job_id, error)
            return
        self._supported = done is not None
        log_messages(self._log, self._tracker.progress(done, now))


def _best_effort(request: Callable[[], T], what: str, job_id: str, log: Any) -> T | None:
    """Return the result of an optional request; None if it failed."""
    try:
        return request()
    except PolarisError as error:
        log.warning("The %s of job %r can't be read: %s", what, job_id, error)
        return None


def _intervals(state: JobState) -> list[str] | None:
    texts = state.target_intervals or ((state.source_interval,) if state.source_interval else ())
    if not texts and state.type == "sql":
        # Imported here, because the module loads slowly and few jobs need it.
        from airflow_provider_polaris.jobs.sql.ingestion.statement import described_statement

        statement = described_statement(state.body)
        texts = tuple(map(str, statement.intervals)) if statement is not None else ()
    intervals = []
    for text in texts:
        try:
            interval = Interval.parse(text)
        except PolarisSpecError:
            intervals.append(text)  # unparsed, as Polaris wrote it
            continue
        if interval != Interval.ETERNITY:
            intervals.append(interval.to_wire())
    return intervals or None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _known(value: int | None) -> str:
    return "an unknown number of" if value is None else f"{value:,}"
