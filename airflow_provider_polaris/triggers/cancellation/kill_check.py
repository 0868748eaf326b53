# SPDX-License-Identifier: Apache-2.0
"""
Check whether a task whose trigger was stopped still waits for its job, and cancel the job if it doesn't.

A check continues after its trigger has ended. It belongs to the event loop, and requests the task's state until the
result is clear, for at most 1 h. It runs outside the trigger's context, because the log of that task is
already closed.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from airflow_provider_polaris.jobs.status.state import CancelResult
from airflow_provider_polaris.triggers.cancellation.task_job import job_of
from airflow_provider_polaris.triggers.cancellation.task_state import NoAnswerError, TaskKey, task_states
from airflow_provider_polaris.triggers.polling.connection import create_isolated_task

#: Maximum number of running checks on an event loop. Further checks are refused, and their jobs continue.
MOST_CHECKS: Final = 10_000
#: Maximum duration of a check, in seconds.
MOST_SECONDS: Final = 3600.0
#: Seconds before the second request. Each pause doubles, up to the longest.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
#: States that a task has only after its wait has ended; None is a cleared task. Any other state proves nothing: a
#: retry, or a trigger on another triggerer, may be about to resume this job.
PROOFS: Final = frozenset({"failed", "success", "skipped", "removed", None})

_DEFERRED: Final = "deferred"
#: Maximum number of concurrent XCom reads. More would delay Airflow's own messages when a triggerer loses all triggers.
_LOOKUPS: Final = 8

_LOG: Final = logging.getLogger(__name__)


class LogLine(NamedTuple):
    """One log line: a level of :mod:`logging` and the text."""

    level: int
    text: str


@dataclass(eq=False)
class KillCheck:
    """
    The check of one task whose trigger was stopped: whether it still waits for a job.

    :param key: The task instance.
    :param job_id: The job.
    :param cancel: Requests the cancellation from Polaris. Failures are in the result.
    :param because: The argument that requests the cancel, for the log.
    :param seconds: Seconds for which a proof counts. After the task's deadline, a failed state may mean that the task
        timed out, which doesn't cancel the job. None for no limit.
    """

    key: TaskKey
    job_id: str
    cancel: Callable[[str], Awaitable[CancelResult]]
    because: str
    seconds: float | None = None
    #: The last answer, for the log.
    last: str = "Airflow gave no answer yet"
    #: Whether the last request to Airflow or Polaris failed.
    is_unanswered: bool = False
    #: Whether the end of the wait is proven, so that only the cancel is missing.
    is_proven: bool = False
    #: Whether the trigger still waits, and logs the result to the task's log.
    is_awaited: bool = False


class KillChecks:
    """The running checks of one event loop. Each is a task that is canceled only when the triggerer ends."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[LogLine]] = set()
        self._lookups = asyncio.Semaphore(_LOOKUPS)

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, check: KillCheck) -> asyncio.Task[LogLine] | None:
        """
        Start a check.

        :param check: The check.
        :return: A task that returns the final log line; don't cancel it. None if too many checks are running.
        """
        if len(self._tasks) >= MOST_CHECKS:
            return None
        task = create_isolated_task(self._resolve(check))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _resolve(self, check: KillCheck) -> LogLine:
        # As text: the masker of secrets of Airflow 2 makes a plain tuple of it.
        task, job_id = str(check.key), check.job_id
        try:
            line = await self._poll(check)
        except asyncio.CancelledError:
            _LOG.warning(
                "The triggerer ends, and job %r of %s may run on, because it is unknown whether the task still "
                "waits for it: %s. The next try or a clear of the task settles it.",
                job_id,
                task,
                check.last,
            )
            raise
        except Exception as error:
            line = LogLine(logging.WARNING, f"Job {job_id!r} may not have been canceled: {error!r}")
        if not check.is_awaited:
            _LOG.log(line.level, "Stopped trigger of %s: %s", task, line.text)
        return line

    async def _poll(self, check: KillCheck) -> LogLine:
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + (math.inf if check.seconds is None else check.seconds)
        pause = FIRST_PAUSE
        while True:
            line = await self._check(check, deadline)
            if line is not None:
                return line
            if loop.time() + pause > began + MOST_SECONDS:
                return _expired(check)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _check(self, check: KillCheck, deadline: float) -> LogLine | None:
        """Check once. Return the final log line, or None if the check continues."""
        job_id = check.job_id
        check.is_proven = False
        try:
            state = await task_states().state(check.key)
            if state == _DEFERRED:
                async with self._lookups:
                    now = await job_of(check.key)
                if now in (job_id, None):
                    # Another trigger waits for the task, and receives its next kill.
                    return LogLine(
                        logging.INFO,
                        f"The trigger was stopped, but the task is still deferred; job {job_id!r} runs on.",
                    )
        except NoAnswerError as error:
            check.last, check.is_unanswered = str(error), True
            return None
        check.last, check.is_unanswered = f"the task's state is {state!r}", False
        if asyncio.get_running_loop().time() >= deadline:
            return LogLine(
                logging.INFO,
                f"The task's deadline passed before it was known whether the task was killed; job {job_id!r} "
                "runs on, because cancel_on_timeout=False.",
            )
        if state != _DEFERRED and state not in PROOFS:
            return None
        check.is_proven, check.last = True, "the service gave no answer yet"
        result = await check.cancel(job_id)
        if result.again:
            problem = (result.problem or "").rstrip(".")  # the messages that quote it end their sentence themselves
            check.last, check.is_unanswered = f"the cancel request failed: {problem}", True
            return None
        return _canceled(result, job_id, check.because)


def _canceled(result: CancelResult, job_id: str, because: str) -> LogLine:
    if result.problem is not None:
        return LogLine(
            logging.WARNING,
            f"The task no longer waits for it, and job {job_id!r} could not be canceled; its status is "
            f"{result.status or 'unknown'!r} and it may run on (jobs that delete data can't be canceled): "
            f"{result.problem}",
        )
    if result.has_ended and result.status != "canceled":
        return LogLine(logging.INFO, f"Job {job_id!r} had ended before it could be canceled, with {result.status!r}.")
    return LogLine(
        logging.INFO,
        f"The task no longer waits for it; the cancellation of job {job_id!r} was requested because {because}. "
        f"Its status is {result.status!r}.",
    )


def _expired(check: KillCheck) -> LogLine:
    if check.is_proven:
        return LogLine(
            logging.WARNING,
            f"The task no longer waits for it, and job {check.job_id!r} could not be canceled in "
            f"{MOST_SECONDS:.0f} s (the last: {check.last}). The job may run on; the next try or a clear of the task "
            "settles it.",
        )
    return LogLine(
        logging.WARNING if check.is_unanswered else logging.INFO,
        f"In {MOST_SECONDS:.0f} s no answer proved that the task no longer waits for job {check.job_id!r} "
        f"(the last: {check.last}). The job may run on; the next try or a clear of the task settles it.",
    )


_BY_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, KillChecks] = WeakKeyDictionary()


def kill_checks() -> KillChecks:
    """Return the checks of the running event loop."""
    return _BY_LOOP.setdefault(asyncio.get_running_loop(), KillChecks())
