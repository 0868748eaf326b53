# SPDX-License-Identifier: Apache-2.0
"""
Evaluate the result of an ended job and build the error for a bad result; performs no I/O.

The error quotes Polaris' code and message verbatim and the relevant log entries, and gives the next step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisGuardError,
    PolarisJobCanceledError,
    PolarisJobError,
    PolarisJobFailedError,
    PolarisSpecError,
    with_link,
)
from airflow_provider_polaris.jobs.status.error_codes import ERROR_ADVICE, WARNING_ADVICE, Advice
from airflow_provider_polaris.jobs.status.state import NO_ROWS_FOUND, JobState, LogEntry

_MOST_LOG_ENTRIES: Final = 3
_UNKNOWN_CODE: Final = Advice("Read the job's log and its page in the console.", repeats=False)


def completion_error(
    state: JobState,
    *,
    metrics: Mapping[str, Any] | None = None,
    fail_on_warning: bool = False,
    console_url: str | None = None,
    logs: Sequence[LogEntry] = (),
    seconds: float | None = None,
) -> PolarisJobError | None:
    """
    Return the error of an ended job; None if it succeeded.

    ``completed`` with health ``ok`` or ``warn`` succeeds; health ``error``, ``failed`` and ``canceled`` fail. A replace
    that completed without rows (code ``no_rows_found``, or 0 rows processed or persisted in the metrics) fails too:
    it has emptied its intervals, and the error describes how to restore them. An append without rows succeeds.

    :param state: From a describe response, the only one with both health and spec.
    :param metrics: ``totals`` of the metrics endpoint; None or missing numbers prove nothing.
    :param fail_on_warning: Treat every health except ``ok`` as failure.
    :param console_url: Page of the job, if known.
    :param logs: Entries of the logs endpoint, if they were fetched.
    :param seconds: Duration of the job, if the caller measured it; otherwise Polaris' timestamps are used.
    :return: The error to raise. It is not raised here, so that the caller can copy the job's log first.
    :raises ValueError: The job has not ended. The status endpoint may be ahead of describe; keep waiting.
    """
    if not state.is_terminal:
        raise ValueError(f"{state.describe()}: only an ended job can be evaluated; keep waiting.")
    if state.status == "failed":
        verdict, fix = _failed(state)
    elif state.status == "canceled":
        verdict, fix = _canceled(state)
    elif state.health is not None and state.health.is_error:
        verdict, fix = _completed_with_error(state)
    elif no_rows := _why_empty(state, metrics or {}):
        verdict, fix = f", but {no_rows}", _restore(state)
    elif not state.is_success(fail_on_warning=fail_on_warning):
        verdict, fix = _completed_with_warning(state)
    else:
        return None

    verb = "was canceled" if state.status == "canceled" else state.status
    took = state.seconds if seconds is None else seconds
    after = "" if took is None else f" after {took:.0f} s"
    parts = [
        f"Job {state.job_id!r} ({state.purpose}) {verb}{after}{verdict}.",
        _log_sentence(state, logs),
        fix,
    ]
    error_class = PolarisJobCanceledError if state.status == "canceled" else PolarisJobFailedError
    return error_class(
        with_link(" ".join(part for part in parts if part), console_url),
        job_id=state.job_id,
        state=state.status,
        code=state.health.code if state.health is not None else None,
        console_url=console_url,
    )


def is_permanent_failure(error: PolarisError) -> bool:
    """
    Whether a retry would fail in the same way or do harm, so that the task must fail at once.

    True for an invalid spec, an error of a guard, a job that failed with a code that its spec or input causes, a job
    that completed but does not count as success (its data is written; a person decides), and a wait that gave up while
    the result of the job was unknown. False for unknown codes, for canceled and timed-out jobs, and for errors of the
    network or the service, 401 and 403 included: retries and retry policies handle those.

    >>> is_permanent_failure(PolarisJobFailedError("…", job_id="j1", state="failed", code="row_too_large"))
    True
    >>> is_permanent_failure(PolarisJobFailedError("…", job_id="j1", state="failed", code="internal_error"))
    False
    """
    if isinstance(error, PolarisSpecError | PolarisGuardError):
        return True
    if not isinstance(error, PolarisJobFailedError):
        return False
    if error.state == "failed":
        return ERROR_ADVICE.get(error.code or "", _UNKNOWN_CODE).repeats
    return True


def merge_logs(state: JobState, logs: Sequence[LogEntry]) -> tuple[LogEntry, ...]:
    """Return every log entry once: first those of the logs endpoint, then those that only the health contains."""
    return tuple(dict.fromkeys([*logs, *(state.health.log if state.health is not None else ())]))


def _failed(state: JobState) -> tuple[str, str]:
    health = state.health
    if health is None or not (health.code or health.message):
        return " and the service gave no reason", _UNKNOWN_CODE.sentences
    return _reason(health.code, health.message), ERROR_ADVICE.get(health.code or "", _UNKNOWN_CODE).sentences


def _canceled(state: JobState) -> tuple[str, str]:
    by = f", last changed by {state.modified_by!r}" if state.modified_by else ""
    message = f": {state.health.message!r}" if state.health is not None and state.health.message else ""
    return f"{by}{message}", "Find out who canceled it and why, then clear the task to submit the job again."


def _completed_with_error(state: JobState) -> tuple[str, str]:
    assert state.health is not None
    advice = ERROR_ADVICE.get(state.health.code or "", _UNKNOWN_CODE)
    return (
        f", but its health is 'error'{_reason(state.health.code, state.health.message)}",
        f"{advice.text} Its data may be written: check {_target(state)} before you clear the task.",
    )


def _completed_with_warning(state: JobState) -> tuple[str, str]:
    assert state.health is not None
    advice = WARNING_ADVICE.get(state.health.code or "", "Read the job's log for the reason.")
    reason = f"{state.health.status!r}{_reason(state.health.code, state.health.message)}"
    return (
        f", but its health is {reason}, which counts as failure because fail_on_warning=True",
        f"{advice} Its data is written: mark the task as success if that is right, or clear the task.",
    )


def _reason(code: str | None, message: str | None) -> str:
    return (f" with {code!r}" if code else "") + (f": {message!r}" if message else "")


def _why_empty(state: JobState, metrics: Mapping[str, Any]) -> str | None:
    """
    Return the evidence that a replace wrote no rows; None for other jobs, or without evidence.

    Source: docs.imply.io/polaris/ingestion-status-reference (numRowsProcessed counts parsed rows, numRowsPersisted
    counts stored rows); polaris-sdk 20250425.14.0 (no_rows_found).
    """
    if not state.is_replace:
        return None
    if state.health is not None and NO_ROWS_FOUND in state.health.codes:
        return f"it found no rows ({NO_ROWS_FOUND!r})"
    processed, persisted = (_count(metrics, name) for name in ("numRowsProcessed", "numRowsPersisted"))
    if processed == 0:
        return "it processed 0 rows"
    if persisted == 0:
        return "it stored 0 rows" + ("" if processed is None else f" of the {processed} that it processed")
    return None


def _count(metrics: Mapping[str, Any], name: str) -> int | None:
    value = metrics.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _restore(state: JobState) -> str:
    """Describe the restore. Sources: docs.imply.io/polaris/manage-deleted-data and /api-restore-data."""
    where = f" in {' and '.join(map(repr, state.target_intervals))}" if state.target_intervals else ""
    return (
        f"So the service may have emptied {_target(state)}{where}. It keeps replaced data soft-deleted for up to "
        "30 days: list the table's unused segments for the older version, delete what is live there now, and run a "
        "restore_data job with that interval and version (docs.imply.io/polaris/manage-deleted-data). Check that the "
        "source has rows in the interval that pass the filter before you clear the task."
    )


def _target(state: JobState) -> str:
    return repr(state.target_table) if state.target_table else "the target table"


def _log_sentence(state: JobState, logs: Sequence[LogEntry]) -> str:
    known = state.health.message if state.health is not None else None
    entries = [entry for entry in merge_logs(state, logs) if entry.message and entry.message != known]
    severity = {"error": 0, "warn": 1}
    entries.sort(key=lambda entry: severity.get(entry.health_status or "", 2))
    # The endpoint and the health contain the same entries, sometimes with different timestamps.
    unique = list({(entry.code, entry.message): entry for entry in reversed(entries)}.values())[::-1]
    if not unique:
        return ""
    shown = "; ".join(
        f"{entry.message!r}" + (f" ({entry.code})" if entry.code else "") for entry in unique[:_MOST_LOG_ENTRIES]
    )
    rest = len(unique) - _MOST_LOG_ENTRIES
    return f"Its log contains: {shown}" + (f"; and {rest} more." if rest > 0 else ".")
