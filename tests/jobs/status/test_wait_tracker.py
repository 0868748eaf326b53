# SPDX-License-Identifier: Apache-2.0
"""WaitTracker: the end of a wait, its continuation, and its log lines."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisThrottledError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.status.completion import is_permanent_failure
from airflow_provider_polaris.jobs.status.wait_tracker import WaitDecision, WaitTracker

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
URL = "https://acme.app.imply.io/jobs/j1"
DOWN = PolarisServerError("GET /v1/projects/p1/jobs/j1/status answered 503. Try later.", status=503)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def info(text: str) -> tuple[int, str]:
    return logging.INFO, f"Job 'j1' {text}"


def warning(text: str) -> tuple[int, str]:
    return logging.WARNING, f"Job 'j1' {text}"


@pytest.fixture
def tracker() -> WaitTracker:
    return WaitTracker("j1", now=START)


@pytest.mark.parametrize("status", ["completed", "failed", "canceled", "COMPLETED"])
def test_saw_terminal_status_ends_the_wait(tracker: WaitTracker, status: str) -> None:
    """A terminal status ends the wait; the result is evaluated elsewhere."""
    verdict = tracker.record_status(status, at(1))
    assert verdict == WaitDecision("ended", (info(f"is {status.lower()!r}"),))
    assert tracker.status == status.lower()


def test_saw_logs_one_line_a_change_and_none_a_poll(tracker: WaitTracker) -> None:
    """Ten polls with two changes are three lines."""
    polls = ["pending", "pending", "pending", "running", "running", "running", "running", "running", "completed"]
    lines = [
        line for count, status in enumerate(polls) for line in tracker.record_status(status, at(30 * count)).messages
    ]
    assert lines == [
        info("is 'pending'"),
        info("is 'running', was 'pending', 90 s into the wait"),
        info("is 'completed', was 'running', 4 min into the wait"),
    ]


def test_messages_carry_the_console_url() -> None:
    """If the page is known, each line and each error contains its URL."""
    tracker = WaitTracker("j1", now=START, deadline=at(60), console_url=URL)
    assert tracker.record_status("running", at(0)).messages == (info(f"is 'running'. See {URL}"),)
    error = tracker.record_status("running", at(60)).error
    assert isinstance(error, PolarisJobTimeoutError)
    assert str(error) == (
        "Job 'j1' was still 'running' at the deadline 2025-01-01T00:01:00Z, 60 s into the wait. "
        f"Raise timeout= or execution_timeout=, whichever set the deadline, or split the interval. See {URL}"
    )
    assert (error.job_id, error.state, error.console_url) == ("j1", "running", URL)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("idle", "a job that receives no data, which is normal only for streaming jobs"),
        ("suspended", "a job that was suspended by a user and can be resumed"),
    ],
)
def test_saw_idle_and_suspended_wait_for_ever_and_warn_once(tracker: WaitTracker, status: str, meaning: str) -> None:
    """A user can resume the job, so the wait continues, with one warning even if the status returns."""
    first = tracker.record_status(status, at(0))
    assert first == WaitDecision(
        "wait",
        (
            info(f"is {status!r}"),
            warning(f"is {status!r}, {meaning}: the wait continues; resume or cancel the job in the service's console"),
        ),
    )
    assert tracker.record_status(status, at(86_400)) == WaitDecision("wait")
    tracker.record_status("running", at(86_430))
    again = tracker.record_status(status, at(86_460))
    assert again == WaitDecision("wait", (info(f"is {status!r}, was 'running', 1441 min into the wait"),))


@pytest.mark.parametrize(
    ("status", "meaning", "why"),
    [
        (
            "unknown",
            "a job that has an unknown status because of an error inside the service",
            "The service cannot determine it",
        ),
        (
            "hibernating",
            "a status that this provider does not support",
            "this version of the provider does not support it",
        ),
    ],
)
def test_saw_unknown_status_has_its_grace_then_gives_up_without_a_new_job(
    tracker: WaitTracker, status: str, meaning: str, why: str
) -> None:
    """An unknown status continues the wait for ten minutes with one warning; then the task fails immediately."""
    assert tracker.record_status(status, at(0)) == WaitDecision(
        "wait", (info(f"is {status!r}"), warning(f"is {status!r}, {meaning}: the wait continues for 10 min"))
    )
    assert tracker.record_status(status, at(599)) == WaitDecision("wait")
    verdict = tracker.record_status(status, at(600))
    assert (verdict.decision, verdict.messages) == ("gave_up", ())
    assert isinstance(verdict.error, PolarisJobFailedError)
    assert str(verdict.error) == (
        f"Job 'j1' has had the status {status!r} for 10 min, and {why}. "
        "The job may still be running, so no new one was submitted and it was not canceled. "
        "Check the job in the console, ask the service's support if the status stays, "
        "and mark or clear the task once the job has ended."
    )
    assert verdict.error.state == status
    assert is_permanent_failure(verdict.error)


def test_saw_known_status_gives_the_unknown_one_a_new_grace(tracker: WaitTracker) -> None:
    """The grace is counted from the first unknown status in a row; unknown and new words are one row."""
    tracker.record_status("unknown", at(0))
    tracker.record_status("running", at(590))
    assert tracker.record_status("unknown", at(600)).decision == "wait"
    assert tracker.record_status("hibernating", at(1199)).decision == "wait"
    assert tracker.record_status("unknown", at(1200)).decision == "gave_up"


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        PolarisThrottledError("slow down", status=429),
        PolarisAuthError("who are you?", status=401),
        PolarisAuthError("you may not", status=403),
        PolarisNotFoundError("no such job", status=404),
        PolarisTransportError("no route to host"),
        PolarisProtocolError("not JSON"),
    ],
)
def test_missed_polls_are_borne_for_the_budget_whatever_their_reason(tracker: WaitTracker, error: PolarisError) -> None:
    """A key rotation, an outage or a 404 never fails a wait within 15 minutes; afterwards its text is the error."""
    tracker.record_status("running", at(0))
    for seconds in range(30, 930, 30):
        assert tracker.record_error(error, at(seconds)).decision == "wait"
    verdict = tracker.record_error(error, at(930))
    assert verdict.decision == "gave_up"
    assert type(verdict.error) is type(error)
    assert str(verdict.error).startswith(
        "gave up waiting for job 'j1', last seen 'running': 31 failed polls in a row, for 15 min. "
        f"The job may still be running; it was not canceled. The last error: {error}"
    )
    assert verdict.error.__cause__ is error


def test_missed_polls_given_up_keep_what_retry_policies_look_at() -> None:
    """The raised error has the status, code and all other attributes of the last failure, and the page's URL."""
    tracker = WaitTracker("j1", now=START, failure_budget=timedelta(0), console_url=URL)
    original = PolarisAuthError(
        "GET … answered 401.", status=401, code="Unauthenticated", request_id="r1", method="GET"
    )
    original.add_note("seen by a proxy") if hasattr(original, "add_note") else None
    error = tracker.record_error(original, at(5)).error
    assert isinstance(error, PolarisAuthError)
    assert (error.status, error.code, error.request_id, error.method) == (401, "Unauthenticated", "r1", "GET")
    assert str(error) == (
        "gave up waiting for job 'j1', never seen: 1 failed poll in a row, for 0 s. "
        f"The job may still be running; it was not canceled. The last error: GET … answered 401. See {URL}"
    )


def test_missed_after_an_unknown_status_for_the_budget_is_no_case_for_a_retry(tracker: WaitTracker) -> None:
    """The job's result is unknown: the error is that for an unknown status, with the text of the failure."""
    tracker.record_status("unknown", at(0))
    tracker.record_error(PolarisServerError("GET … answered 503.", status=503), at(10))
    verdict = tracker.record_error(PolarisServerError("GET … answered 503.", status=503), at(910))
    assert verdict.decision == "gave_up"
    assert isinstance(verdict.error, PolarisJobFailedError)
    assert verdict.error.state == "unknown"
    assert is_permanent_failure(verdict.error)
    assert str(verdict.error) == (
        "gave up waiting for job 'j1', last seen 'unknown': 2 failed polls in a row, for 15 min. "
        "The job may still be running; it was not canceled. The last error: GET … answered 503."
    )


def test_missed_with_404_for_the_budget_says_what_a_404_can_mean(tracker: WaitTracker) -> None:
    """A job that stays invisible may be in another project or in the deleted history."""
    error = PolarisNotFoundError("GET … answered 404.", status=404)
    tracker.record_error(error, at(0))
    assert str(tracker.record_error(error, at(900)).error) == (
        "gave up waiting for job 'j1', never seen: 2 failed polls in a row, for 15 min. "
        "The job may still be running; it was not canceled. The last error: GET … answered 404. "
        "Check that the connection points to the project of the job; Polaris deletes completed batch jobs "
        "older than 90 days once a project has more than 5000."
    )


def test_missed_once_after_a_long_pause_is_no_reason_to_give_up(tracker: WaitTracker) -> None:
    """With a poll interval longer than the budget, one failure is still one failure."""
    tracker.record_status("running", at(0))
    assert tracker.record_error(DOWN, at(7200)).decision == "wait"
    assert tracker.record_status("running", at(14_400)).decision == "wait"
    assert tracker.record_error(DOWN, at(21_600)).decision == "wait"
    assert tracker.record_error(DOWN, at(28_800)).decision == "gave_up"


def test_missed_logs_once_a_kind_and_the_recovery_once(tracker: WaitTracker) -> None:
    """An outage is one warning per kind of failure and one line at its end; then the next one may warn again."""
    refused = PolarisTransportError("connection refused")
    lines = [
        tracker.record_status("running", at(0)).messages,
        tracker.record_error(DOWN, at(30)).messages,
        tracker.record_error(PolarisServerError("another request id", status=503), at(60)).messages,
        tracker.record_error(refused, at(90)).messages,
        tracker.record_error(refused, at(120)).messages,
        tracker.record_status("running", at(150)).messages,
        tracker.record_status("running", at(180)).messages,
        tracker.record_error(DOWN, at(210)).messages,
        tracker.record_status("completed", at(240)).messages,
    ]
    patience = "the wait continues for 15 min without an answer"
    assert lines == [
        (info("is 'running'"),),
        (warning(f"can't be polled; {patience}: {DOWN}"),),
        (),
        (warning(f"can't be polled; {patience}: connection refused"),),
        (),
        (info("can be polled again after 4 failed polls in 2 min"),),
        (),
        (warning(f"can't be polled; {patience}: {DOWN}"),),
        (
            info("can be polled again after 1 failed poll in 30 s"),
            info("is 'completed', was 'running', 4 min into the wait"),
        ),
    ]


def test_missed_404_of_a_young_job_is_no_warning(tracker: WaitTracker) -> None:
    """In the first two minutes a 404 only means that the job isn't visible yet; later it causes a warning."""
    error = PolarisNotFoundError("no such job", status=404)
    assert tracker.record_error(error, at(0)).messages == (info("is not visible yet; the wait continues: no such job"),)
    assert tracker.record_error(error, at(119)).messages == ()
    assert tracker.record_error(error, at(120)).messages == (
        warning("can't be polled; the wait continues for 15 min without an answer: no such job"),
    )


def test_saw_resets_the_budget(tracker: WaitTracker) -> None:
    """One good answer in 15 minutes is enough."""
    for seconds in range(0, 36_000, 890):
        assert tracker.record_error(DOWN, at(seconds)).decision == "wait"
        assert tracker.record_status("running", at(seconds + 10)).decision == "wait"


def test_deadline_is_reached_at_the_instant_and_not_before() -> None:
    """The wait ends at the deadline with an error that gives the time, the status, and what to change."""
    tracker = WaitTracker("j1", now=START, deadline=at(10_800))
    assert tracker.record_status("running", at(10_799)).decision == "wait"
    verdict = tracker.record_status("running", at(10_800))
    assert verdict.decision == "deadline"
    assert isinstance(verdict.error, PolarisJobTimeoutError)
    assert str(verdict.error) == (
        "Job 'j1' was still 'running' at the deadline 2025-01-01T03:00:00Z, 180 min into the wait. "
        "Raise timeout= or execution_timeout=, whichever set the deadline, or split the interval."
    )


def test_deadline_of_another_zone_is_told_in_utc() -> None:
    """Messages give the time in UTC for a deadline in any zone."""
    zone = timezone(timedelta(hours=2))
    tracker = WaitTracker("j1", now=START, deadline=datetime(2025, 1, 1, 2, 1, tzinfo=zone))
    assert "at the deadline 2025-01-01T00:01:00Z, 60 s into the wait." in str(
        tracker.record_status("pending", at(60)).error
    )


def test_timeout_error_tells_what_was_done_about_the_job() -> None:
    """After a cancel the error states it."""
    tracker = WaitTracker("j1", now=START, deadline=at(60))
    tracker.record_status("running", at(60))
    assert str(tracker.timeout_error("it was canceled because cancel_on_timeout=True")) == (
        "Job 'j1' was still 'running' at the deadline 2025-01-01T00:01:00Z, 60 s into the wait; "
        "it was canceled because cancel_on_timeout=True. "
        "Raise timeout= or execution_timeout=, whichever set the deadline, or split the interval."
    )


def test_deadline_during_an_outage_tells_the_last_failure() -> None:
    """The deadline ends the wait even if polls fail, and the error contains the failure."""
    tracker = WaitTracker("j1", now=START, deadline=at(60))
    tracker.record_error(DOWN, at(30))
    verdict = tracker.record_error(DOWN, at(60))
    assert verdict.decision == "deadline"
    assert str(verdict.error) == (
        "Job 'j1' had not been seen once at the deadline 2025-01-01T00:01:00Z, 60 s into the wait. "
        "Raise timeout= or execution_timeout=, whichever set the deadline, or split the interval. "
        "There were 2 failed polls in a row, the last error: "
        "GET /v1/projects/p1/jobs/j1/status answered 503. Try later."
    )


def test_deadline_comes_before_giving_up_and_after_an_end() -> None:
    """At the deadline a terminal status still counts, and the job may be canceled or left running."""
    tracker = WaitTracker("j1", now=START, deadline=at(600))
    tracker.record_status("unknown", at(0))
    assert tracker.record_status("unknown", at(600)).decision == "deadline"
    assert tracker.record_status("completed", at(900)).decision == "ended"


def test_no_deadline_waits_for_ever(tracker: WaitTracker) -> None:
    """Without a deadline the wait for a running job has no limit."""
    assert tracker.record_status("running", at(10**8)).decision == "wait"


def test_progress_logs_whole_percent_steps_only(tracker: WaitTracker) -> None:
    """One line for each poll with another whole percent; none for the same one, lower or invalid values."""
    fractions = [None, 0.0, 0.004, 0.29, 0.2999, 0.1, float("nan"), -1.0, 7.0, 0.30, 1.0, 1.0]
    lines = [line for count, fraction in enumerate(fractions) for line in tracker.progress(fraction, at(10 * count))]
    assert lines == [
        info("is 29 % done, 30 s into the wait"),
        info("is 30 % done, 90 s into the wait"),
        info("is 100 % done, 100 s into the wait"),
    ]
