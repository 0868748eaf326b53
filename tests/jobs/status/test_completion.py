# SPDX-License-Identifier: Apache-2.0
"""Which results are a success, and the whole error message for the others."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisAuthError,
    PolarisError,
    PolarisGuardError,
    PolarisJobCanceledError,
    PolarisJobError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisServerError,
    PolarisSpecError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.status.completion import completion_error, is_permanent_failure, merge_logs
from airflow_provider_polaris.jobs.status.error_codes import ERROR_ADVICE, WARNING_ADVICE
from airflow_provider_polaris.jobs.status.state import Health, JobState, LogEntry

URL = "https://acme.app.imply.io/jobs/j1"
DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
RESTORE = (
    f"So the service may have emptied 'events_hourly' in '{DAY}'. It keeps replaced data soft-deleted for up to 30 "
    "days: list the table's unused segments for the older version, delete what is live there now, and run a "
    "restore_data job with that interval and version (docs.imply.io/polaris/manage-deleted-data). Check that the "
    "source has rows in the interval that pass the filter before you clear the task."
)


def job(status: str = "completed", health: Health | None = None, mode: str | None = "append", **more: Any) -> JobState:
    more = {"target_table": "events_hourly", "target_intervals": (DAY,), **more}
    return JobState("j1", "batch", status, health=health, ingestion_mode=mode, **more)


def error_of(state: JobState, **arguments: Any) -> PolarisJobError:
    error = completion_error(state, **arguments)
    assert error is not None
    return error


@pytest.mark.parametrize("health", [None, Health("ok"), Health("warn", "invalid_rows_found"), Health("new word")])
def test_judge_completed_job_without_error_succeeds(health: Health | None) -> None:
    """Completed with ok, a warning, or an unknown word is a success."""
    assert completion_error(job(health=health)) is None


def test_judge_completed_append_without_rows_succeeds() -> None:
    """An append that found no rows has done no harm."""
    health = Health("warn", "no_rows_found")
    assert completion_error(job(health=health), metrics={"numRowsProcessed": 0, "numRowsPersisted": 0}) is None


@pytest.mark.parametrize(
    "metrics",
    [None, {}, {"numRowsProcessed": 5}, {"numRowsProcessed": None, "numRowsPersisted": 3}, {"numRowsProcessed": "0"}],
)
def test_judge_replace_without_evidence_of_emptiness_succeeds(metrics: dict[str, Any] | None) -> None:
    """Missing or unreadable numbers prove nothing."""
    assert completion_error(job(mode="replace"), metrics=metrics) is None


def test_judge_failed_job_tells_code_words_time_log_and_next_step() -> None:
    """The error has job, table, seconds, the vendor's code and text, the log entries, the fix and the page."""
    health = Health(
        "error",
        "query_not_supported",
        "Cannot use \"ts\"\nin 'x'",
        (LogEntry("t1", "error", "query_not_supported", "Cannot use \"ts\"\nin 'x'"),),
    )
    logs = [LogEntry("t0", "ok", None, "started"), LogEntry("t1", "error", "planner", "column not found")]
    error = error_of(job("failed", health), logs=logs, seconds=751.4, console_url=URL)
    assert type(error) is PolarisJobFailedError
    assert str(error) == (
        "Job 'j1' (batch into 'events_hourly') failed after 751 s with 'query_not_supported': "
        "'Cannot use \"ts\"\\nin \\'x\\''. "
        "Its log contains: 'column not found' (planner); 'started'. "
        "Rewrite the expression or query that the service can't run. A retry would fail in the same way. "
        f"See {URL}"
    )
    assert (error.job_id, error.state, error.code, error.console_url) == ("j1", "failed", "query_not_supported", URL)


@pytest.mark.parametrize("health", [None, Health("error"), Health("ok")])
def test_judge_failed_job_without_reason_says_so(health: Health | None) -> None:
    """A failure without a reason from Polaris still has a next step."""
    assert str(error_of(job("failed", health, target_table=None))) == (
        "Job 'j1' (batch) failed and the service gave no reason. "
        "Read the job's log and its page in the console. A retry may help."
    )


def test_judge_failed_job_with_a_new_code_passes_it_through() -> None:
    """An unknown code is shown and gets the general advice."""
    error = error_of(job("failed", Health("error", "quantum_foam", "too much")), seconds=0.2)
    assert str(error) == (
        "Job 'j1' (batch into 'events_hourly') failed after 0 s with 'quantum_foam': 'too much'. "
        "Read the job's log and its page in the console. A retry may help."
    )
    assert error.code == "quantum_foam"


@pytest.mark.parametrize("code", ERROR_ADVICE)
def test_judge_every_error_code_gives_its_own_advice(code: str) -> None:
    """Each code of Polaris has one next step, and states whether a retry helps."""
    message = str(error_of(job("failed", Health("error", code, "vendor text"))))
    retry = "A retry would fail in the same way." if ERROR_ADVICE[code].repeats else "A retry may help."
    assert message == (
        f"Job 'j1' (batch into 'events_hourly') failed with {code!r}: 'vendor text'. {ERROR_ADVICE[code].text} {retry}"
    )


def test_advice_covers_exactly_the_codes_of_the_vendor() -> None:
    """The tables have exactly the codes of the vendor's SDK."""
    enums = pytest.importorskip("polaris.sdk.project_api.models", reason="polaris-sdk is not installed")
    assert set(ERROR_ADVICE) == {code.value for code in enums.JobErrorCodeV2}
    assert set(WARNING_ADVICE) == {code.value for code in enums.JobWarningCodeV2}


def test_judge_log_shows_the_three_worst_entries_once() -> None:
    """Errors come before warnings, repetitions are shown once, the rest is counted."""
    logs = [
        LogEntry("t1", "ok", None, "one"),
        LogEntry("t2", "warn", "w", "two"),
        LogEntry("t3", "error", "e", "three"),
        LogEntry("t4", "error", "e", "three"),
        LogEntry("t5", None, None, "four"),
        LogEntry("t6", None, None, None),
    ]
    message = str(error_of(job("failed", Health("error", "internal_error")), logs=logs))
    assert message == (
        "Job 'j1' (batch into 'events_hourly') failed with 'internal_error'. "
        "Its log contains: 'three' (e); 'two' (w); 'one'; and 1 more. "
        "If it fails again, contact Imply support with the job id. A retry may help."
    )


def test_judge_canceled_job_names_who_changed_it() -> None:
    """A canceled job fails with its own class and names the user of the last change."""
    health = Health("error", "canceled", "Job was canceled.")
    error = error_of(job("canceled", health, modified_by="ann@example.com"), seconds=12, console_url=URL)
    assert type(error) is PolarisJobCanceledError
    assert str(error) == (
        "Job 'j1' (batch into 'events_hourly') was canceled after 12 s, last changed by 'ann@example.com': "
        "'Job was canceled.'. Find out who canceled it and why, then clear the task to submit the job again. "
        f"See {URL}"
    )
    assert (error.state, error.code) == ("canceled", "canceled")


def test_judge_completed_with_health_error_fails_without_advice_to_retry() -> None:
    """Completed with an error is a failure, but its data may be written: a user must check first."""
    error = error_of(job(health=Health("error", "cannot_parse_source", "row 7")))
    assert str(error) == (
        "Job 'j1' (batch into 'events_hourly') completed, but its health is 'error' with "
        "'cannot_parse_source': 'row 7'. Fix the input, or raise max_parse_exceptions to skip unreadable rows. "
        "Its data may be written: check 'events_hourly' before you clear the task."
    )
    assert is_permanent_failure(error)


def test_judge_warning_with_fail_on_warning_fails() -> None:
    """fail_on_warning makes a warning a failure, which the error states."""
    state = job(health=Health("warn", "invalid_rows_found", log=(LogEntry(None, "warn", None, "2 rows"),)))
    error = error_of(state, fail_on_warning=True, seconds=5)
    assert str(error) == (
        "Job 'j1' (batch into 'events_hourly') completed after 5 s, but its health is 'warn' with "
        "'invalid_rows_found', which counts as failure because fail_on_warning=True. Its log contains: '2 rows'. "
        "Check the rows that do not match the declared schema. "
        "Its data is written: mark the task as success if that is right, or clear the task."
    )
    assert is_permanent_failure(error)


@pytest.mark.parametrize(
    ("health", "metrics", "reason"),
    [
        (Health("warn", "no_rows_found"), None, "it found no rows ('no_rows_found')"),
        (Health("warn", "multiple", log=(LogEntry(code="no_rows_found"),)), {}, "it found no rows ('no_rows_found')"),
        (Health("ok"), {"numRowsProcessed": 0, "numRowsPersisted": 0}, "it processed 0 rows"),
        (None, {"numRowsProcessed": 0}, "it processed 0 rows"),
        (None, {"numRowsProcessed": 7, "numRowsPersisted": 0}, "it stored 0 rows of the 7 that it processed"),
        (None, {"numRowsPersisted": 0}, "it stored 0 rows"),
    ],
)
def test_judge_replace_without_rows_fails_and_names_the_way_back(
    health: Health | None, metrics: dict[str, Any] | None, reason: str
) -> None:
    """A replace without rows may have emptied its intervals: it fails, and the error describes the restore."""
    error = error_of(job(health=health, mode="replace"), metrics=metrics, seconds=3, console_url=URL)
    assert type(error) is PolarisJobFailedError
    assert str(error) == (
        f"Job 'j1' (batch into 'events_hourly') completed after 3 s, but {reason}. {RESTORE} See {URL}"
    )
    assert is_permanent_failure(error)


def test_judge_sql_replace_without_rows_fails_too() -> None:
    """The same applies to a sql job that replaces, although its intervals are only in the SQL."""
    state = JobState("j1", "sql", "completed", query='REPLACE INTO "t" OVERWRITE ALL SELECT 1')
    error = error_of(state, metrics={"numRowsProcessed": 0})
    assert str(error).startswith(
        "Job 'j1' (sql) completed, but it processed 0 rows. So the service may have emptied the target table. It keeps"
    )


def test_judge_takes_the_seconds_of_the_job_if_none_are_given() -> None:
    """Polaris' own timestamps give the duration if the caller doesn't pass it."""
    state = JobState.from_wire(
        {
            "id": "j1",
            "type": "batch",
            "executionStatus": "failed",
            "createdTimestamp": "2024-06-01T00:00:00Z",
            "startedTimestamp": "2024-06-01T00:00:10Z",
            "completedTimestamp": "2024-06-01T00:01:10Z",
        }
    )
    assert str(error_of(state)).startswith("Job 'j1' (batch) failed after 60 s and the service gave no reason.")


@pytest.mark.parametrize("status", ["running", "unknown", "brand new"])
def test_judge_job_that_has_not_ended_is_refused(status: str) -> None:
    """Only an ended job can be evaluated; describe may lag behind the status."""
    with pytest.raises(ValueError) as caught:
        completion_error(job(status))
    assert str(caught.value) == (
        f"job 'j1' (batch into 'events_hourly') is {status!r}: only an ended job can be evaluated; keep waiting."
    )


def failed(state: str, code: str | None = None) -> PolarisJobFailedError:
    return PolarisJobFailedError("…", job_id="j1", state=state, code=code)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PolarisSpecError("…"), True),
        (PolarisGuardError("…"), True),
        (failed("failed", "query_not_supported"), True),
        (failed("failed", "too_many_time_buckets"), True),
        (failed("failed", "could_not_connect_to_source"), False),
        (failed("failed", "internal_error"), False),
        (failed("failed", "multiple"), False),
        (failed("failed", "never heard of"), False),
        (failed("failed"), False),
        (failed("completed", "no_rows_found"), True),
        (failed("completed"), True),
        (failed("unknown"), True),
        (PolarisJobCanceledError("…", job_id="j1", state="canceled", code="canceled"), False),
        (PolarisJobTimeoutError("…", job_id="j1", state="running"), False),
        (PolarisAuthError("…", status=401), False),
        (PolarisServerError("…", status=503), False),
        (PolarisTransportError("…"), False),
        (PolarisAmbiguousSubmitError("…"), False),
    ],
)
def test_is_deterministic_tells_what_a_retry_repeats(error: PolarisError, expected: bool) -> None:
    """Errors of spec or input, and those that a user must check, fail at once; others may be retried."""
    assert is_permanent_failure(error) is expected


def test_merge_logs_keeps_each_entry_once_in_order() -> None:
    """The endpoint's entries come first; the health adds only new ones."""
    one, two, three = (LogEntry(message=text) for text in ("one", "two", "three"))
    assert merge_logs(job("failed", Health("error", log=(two, three))), [one, two]) == (one, two, three)
    assert merge_logs(job("failed"), []) == ()
