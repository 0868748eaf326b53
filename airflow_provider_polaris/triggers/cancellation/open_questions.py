"""
Finds out what became of tasks whose triggers were stopped, and cancels the jobs that no task waits for any more.

A question outlives its trigger: it belongs to the event loop, holds what cancels its job, and is asked until an answer
settles it, for an hour at most. It runs outside the context of the trigger, whose task has closed its log by then.
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

#: How many questions an event loop holds; one more is refused, and its job runs on.
MOST_QUESTIONS: Final = 10_000
#: How long a question is asked, in seconds.
MOST_SECONDS: Final = 3600.0
#: Seconds before the second request; each pause is twice as long as the one before, up to the longest.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
#: States that a task has only after its wait has ended; None is a task that was cleared. All others are doubt: a retry,
#: or a trigger that has moved to another triggerer, may be about to resume this very job.
PROOFS: Final = frozenset({"failed", "success", "skipped", "removed", None})

_DEFERRED: Final = "deferred"
#: XComs that are read at once; a triggerer that has lost all its triggers would hold up Airflow's own messages.
_LOOKUPS: Final = 8

_LOG: Final = logging.getLogger(__name__)


class Line(NamedTuple):
    """One line for the log: a level of :mod:`logging` and the text."""

    level: int
    text: str


@dataclass(eq=False)
class Question:
    """
    Whether a task whose trigger was stopped still waits for a job.

    :param key: The task instance.
    :param job_id: The job.
    :param cancel: Asks Polaris to cancel it; failures are in the result.
    :param because: Which argument wants that, for the log.
    :param seconds: For how long a proof counts: after the task's deadline, a failure may be its time-out, which leaves
        the job alone. None for no such limit.
    """

    key: TaskKey
    job_id: str
    cancel: Callable[[str], Awaitable[CancelResult]]
    because: str
    seconds: float | None = None
    #: What the last answer was, for the log.
    last: str = "Airflow gave no answer yet"
    #: Whether Airflow or Polaris failed to answer last.
    is_unanswered: bool = False
    #: Whether it proved the end of the wait, so that all that is missing is the cancel.
    is_proven: bool = False
    #: Whether the trigger still waits, and logs the result in its task's log.
    is_attended: bool = False


class OpenQuestions:
    """The questions of one event loop; each is a task that nobody cancels but a triggerer that ends."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Line]] = set()
        self._lookups = asyncio.Semaphore(_LOOKUPS)

    def __len__(self) -> int:
        return len(self._tasks)

    def open(self, question: Question) -> asyncio.Task[Line] | None:
        """
        Begin to ask.

        :param question: The question.
        :return: A task whose result is the line that closes the question, for the one who waits; don't cancel it. None
            if there are too many questions.
        """
        if len(self._tasks) >= MOST_QUESTIONS:
            return None
        task = create_isolated_task(self._see_through(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _see_through(self, question: Question) -> Line:
        key, job_id = question.key, question.job_id
        try:
            line = await self._settle(question)
        except asyncio.CancelledError:
            _LOG.warning(
                "The triggerer ends, and Polaris job %r of %s may run on, because the question whether the task still "
                "waits for it is open: %s. The next try or a clear of the task settles it.",
                job_id,
                key,
                question.last,
            )
            raise
        except Exception as error:
            line = Line(logging.WARNING, f"Polaris job {job_id!r} may not have been canceled: {error!r}")
        if not question.is_attended:
            _LOG.log(line.level, "Stopped trigger of %s: %s", key, line.text)
        return line

    async def _settle(self, question: Question) -> Line:
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + (math.inf if question.seconds is None else question.seconds)
        pause = FIRST_PAUSE
        while True:
            line = await self._look(question, deadline)
            if line is not None:
                return line
            if loop.time() + pause > began + MOST_SECONDS:
                return _expired(question)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _look(self, question: Question, deadline: float) -> Line | None:
        """Ask once; return the line that closes the question, or None if it stays open."""
        job_id = question.job_id
        question.is_proven = False
        try:
            state = await task_states().state(question.key)
            if state == _DEFERRED:
                async with self._lookups:
                    now = await job_of(question.key)
                if now in (job_id, None):
                    # Another trigger waits for the task, and gets its next kill.
                    return Line(
                        logging.INFO,
                        f"The trigger was stopped, but the task is still deferred; Polaris job {job_id!r} runs on.",
                    )
        except NoAnswerError as error:
            question.last, question.is_unanswered = str(error), True
            return None
        question.last, question.is_unanswered = f"the task's state is {state!r}", False
        if asyncio.get_running_loop().time() >= deadline:
            return Line(
                logging.INFO,
                f"The task's deadline passed before it was known whether the task was killed; Polaris job {job_id!r} "
                "runs on, because cancel_on_timeout=False.",
            )
        if state != _DEFERRED and state not in PROOFS:
            return None
        question.is_proven, question.last = True, "Polaris gave no answer yet"
        result = await question.cancel(job_id)
        if result.again:
            question.last, question.is_unanswered = f"Polaris could not be asked to cancel it: {result.problem}", True
            return None
        return _canceled(result, job_id, question.because)


def _canceled(result: CancelResult, job_id: str, because: str) -> Line:
    if result.problem is not None:
        return Line(
            logging.WARNING,
            f"The task no longer waits for it, and Polaris job {job_id!r} could not be canceled; its status is "
            f"{result.status or 'unknown'!r} and it may run on (jobs that delete data can't be canceled): "
            f"{result.problem}",
        )
    if result.has_ended and result.status != "canceled":
        return Line(
            logging.INFO, f"Polaris job {job_id!r} had ended before it could be canceled, with {result.status!r}."
        )
    return Line(
        logging.INFO,
        f"The task no longer waits for it; Polaris was asked to cancel job {job_id!r} because {because}, it is now "
        f"{result.status!r}.",
    )


def _expired(question: Question) -> Line:
    if question.is_proven:
        return Line(
            logging.WARNING,
            f"The task no longer waits for it, and Polaris job {question.job_id!r} could not be canceled in "
            f"{MOST_SECONDS:.0f} s; it may run on, and the next try or a clear of the task settles it. "
            f"{question.last}",
        )
    return Line(
        logging.WARNING if question.is_unanswered else logging.INFO,
        f"In {MOST_SECONDS:.0f} s no answer proved that the task no longer waits for Polaris job {question.job_id!r} "
        f"(the last: {question.last}). The job may run on; the next try or a clear of the task settles it.",
    )


_BY_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, OpenQuestions] = WeakKeyDictionary()


def open_questions() -> OpenQuestions:
    """Return the questions of the running loop."""
    return _BY_LOOP.setdefault(asyncio.get_running_loop(), OpenQuestions())
