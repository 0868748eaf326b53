"""
The synchronous wait for a job: one look now, then one every poll interval, until the job ends or the deadline comes.

What a look means is decided in :class:`airflow_provider_polaris.jobs.waiting.WaitTracker`; here are only requests,
sleep and log. Cancels nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.jobs.state import JobState
from airflow_provider_polaris.outcome import Progress, log_messages, look_at_job

if TYPE_CHECKING:
    from airflow_provider_polaris.clock import Clock
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.waiting import WaitTracker


@dataclass(frozen=True)
class WaitResult:
    """
    How a wait ended; with all fields at their defaults, because it was stopped.

    :param state: The job as described after its end.
    :param error: Why the wait was given up.
    :param is_late: The deadline came.
    """

    state: JobState | None = None
    error: PolarisError | None = None
    is_late: bool = False


def wait_for_end(
    hook: PolarisHook,
    tracker: WaitTracker,
    *,
    poll_interval: float,
    stop: Callable[[], bool],
    clock: Clock,
    log: Any,
) -> WaitResult:
    """
    Look at a job until it ends, its deadline comes, or ``stop`` says so.

    One INFO line for a change of state or a whole percent of progress, none for a mere look. A look without an answer
    counts against the tracker's budget.

    :param hook: Asks Polaris.
    :param tracker: Judges each look, and knows the job and the deadline.
    :param poll_interval: Seconds between two looks, give or take a tenth.
    :param stop: Asked before each look and during sleep.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    """
    progress = Progress(hook, tracker, log)
    while not stop():
        try:
            look = look_at_job(hook, tracker.job_id)
        except PolarisError as error:
            verdict = tracker.missed(error, clock.now())
        else:
            verdict = tracker.saw(look.status, clock.now())
            if verdict.decision == "ended":
                log_messages(log, verdict.messages)
                return WaitResult(look.state)
        log_messages(log, verdict.messages)
        if verdict.decision == "gave_up":
            return WaitResult(error=verdict.error)
        if verdict.decision == "deadline":
            return WaitResult(is_late=True)
        if tracker.status == "running":
            progress.report(clock.now())
        delay = poll_interval * clock.jitter()
        if tracker.deadline is not None:
            delay = min(delay, max((tracker.deadline - clock.now()).total_seconds(), 0.0))
        clock.sleep(delay, stop)
    return WaitResult()
