# SPDX-License-Identifier: Apache-2.0
"""``airflow polaris jobs watch``: poll a job until it ends. It never cancels the job."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow_provider_polaris.cli.commands import INTERRUPTED, JOB_CANCELED, JOB_FAILED, TIMED_OUT
from airflow_provider_polaris.cli.connection import connected
from airflow_provider_polaris.cli.output import CommandError, Output
from airflow_provider_polaris.hooks.job_origin import JobMakers
from airflow_provider_polaris.hooks.job_result import JobStatus, fetch_result, fetch_status
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisJobCanceledError
from airflow_provider_polaris.jobs.spec.origin import JobOrigin
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.wait_tracker import WaitDecision, WaitTracker
from airflow_provider_polaris.runtime.clock import CLOCK


def watch_job(arguments: Any, screen: Output) -> int:
    """Watch a job; the exit code depends on how it ended."""
    with connected(arguments.conn_id) as hook:
        first = JobState.from_wire(hook.get_job(arguments.job_id))
        origin = JobMakers(hook).origin(first)
        if origin is not None:
            screen.print_message(f"Job {first.job_id!r} ({first.purpose}) was made by {origin}.")
        watcher = _Watcher(hook, first, screen, arguments.timeout)
        try:
            with _remembered_interrupts(watcher):
                state = watcher.until_end(arguments.poll_interval)
        except KeyboardInterrupt:
            screen.print_message(
                f"Stopped watching. Job {first.job_id!r} continues; its last status was {watcher.status!r}."
            )
            return INTERRUPTED
        if state is None:
            screen.print_message(f"polaris: {watcher.timed_out()}")
            return TIMED_OUT
        return _conclude(hook, state, origin, arguments, screen)


@contextmanager
def _remembered_interrupts(watcher: _Watcher) -> Iterator[None]:
    """
    Tell the watcher of Ctrl-C, too: Python drops a KeyboardInterrupt that is raised in a destructor or a callback.

    A process that ignores interrupts, as one in the background of a shell does, goes on ignoring them.

    :param watcher: The watcher.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        watcher.is_interrupted = True
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Watcher:
    """
    Poll one job and show its progress.

    :param hook: The hook.
    :param job: First description of the job.
    :param screen: Output of the command.
    :param timeout: Seconds after which the wait ends; None for no limit.
    """

    def __init__(self, hook: PolarisHook, job: JobState, screen: Output, timeout: float | None) -> None:
        self._hook = hook
        self._screen = screen
        self._begin = CLOCK.now()
        self._timeout = timeout
        self.is_interrupted = False
        self._has_progress = True
        self._fraction: float | None = None
        self._tracker = WaitTracker(
            job.job_id,
            now=self._begin,
            deadline=None if timeout is None else self._begin + timedelta(seconds=timeout),
            console_url=hook.job_url(job.job_id, job.target_table or ""),
        )

    @property
    def status(self) -> str | None:
        """The last status that was read."""
        return self._tracker.status

    def until_end(self, poll_interval: float) -> JobState | None:
        """
        Poll until the job has ended.

        :param poll_interval: Seconds between two polls.
        :return: The job; None after a timeout.
        :raises CommandError: The state of the job is unknown.
        :raises KeyboardInterrupt: The user pressed Ctrl-C.
        """
        while True:
            found = self._fetch_status()
            if found is not None:
                return found.state
            now = CLOCK.now()
            self._screen.show_bar(self.status or "?", self._fraction, (now - self._begin).total_seconds())
            delay = poll_interval
            if self._tracker.deadline is not None:
                delay = min(delay, max((self._tracker.deadline - now).total_seconds(), 0.0))
            CLOCK.sleep(delay, lambda: self.is_interrupted)
            if self.is_interrupted:
                raise KeyboardInterrupt

    def timed_out(self) -> str:
        """Return the message for a timeout."""
        return (
            f"Job {self._tracker.job_id!r} is still {self.status!r} after {self._timeout:g} s and continues. "
            "Watch it again, or raise --timeout."
        )

    def _fetch_status(self) -> JobStatus | None:
        """
        Return the end of the wait: with a state if the job has ended, without one after a timeout.

        None to continue.
        """
        try:
            found = fetch_status(self._hook, self._tracker.job_id)
        except PolarisError as error:
            verdict = self._tracker.record_error(error, CLOCK.now())
            self._report(verdict)
            return JobStatus("") if verdict.decision == "deadline" else None
        verdict = self._tracker.record_status(found.status, CLOCK.now())
        self._report(verdict)
        if verdict.decision == "ended" and found.state is not None:
            return found
        if verdict.decision == "deadline":
            return JobStatus(found.status)
        if found.status == "running" and self._has_progress:
            self._request_progress()
        return None

    def _report(self, verdict: WaitDecision) -> None:
        for level, text in verdict.messages:
            # A terminal shows the status in the bar.
            if level > logging.INFO or not self._screen.has_bar:
                self._screen.print_message(text)
        if verdict.decision == "gave_up":
            raise CommandError(str(verdict.error))

    def _request_progress(self) -> None:
        try:
            self._fraction = self._hook.get_job_progress(self._tracker.job_id)
        except PolarisError:
            return  # the next poll reports a lasting error
        self._has_progress = self._fraction is not None
        messages = self._tracker.progress(self._fraction, CLOCK.now())
        if not self._screen.has_bar:
            for _, text in messages:
                self._screen.print_message(text)


def _conclude(hook: PolarisHook, state: JobState, origin: JobOrigin | None, arguments: Any, screen: Output) -> int:
    screen.clear()
    log = logging.Logger("polaris")  # noqa: LOG001  # local to this command, so no logging configuration applies
    log.addHandler(_ScreenHandler(screen, arguments.output))
    conclusion = fetch_result(
        hook, state, fail_on_warning=arguments.fail_on_warning, adopted=None, seconds=None, log=log
    )
    error = conclusion.error
    if arguments.output == "json":
        facts: dict[str, Any] = {name: value for name, value in conclusion.facts.items() if name != "adopted"}
        facts["origin"] = None if origin is None else origin.to_wire()
        screen.print_json({**facts, "error": None if error is None else str(error)})
    if error is None:
        return 0
    screen.print_message(f"polaris: {error}")
    return JOB_CANCELED if isinstance(error, PolarisJobCanceledError) else JOB_FAILED


class _ScreenHandler(logging.Handler):
    """Print log records of the end of a job: the outcome as a result, everything else as a message."""

    def __init__(self, screen: Output, output: str) -> None:
        super().__init__(logging.INFO)
        self._screen = screen
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO and self._output == "table":
            self._screen.print_result(record.getMessage())
        elif record.levelno > logging.INFO:
            self._screen.print_message(record.getMessage())
