# SPDX-License-Identifier: Apache-2.0
"""
Find the jobs that are due, and run them: a few in the request that finds them, many in a background thread.

Time advances when a request arrives: each request finds the due jobs. Up to :data:`PORTION` of them run in the request.
If more are due, or another thread is running a job for long, the background thread runs them, the oldest first, until
none is left. Meanwhile replies show a due job as running.

A job's rows and its final document are written in one transaction, so a killed process leaves both or neither.
The poll counts of jobs (progression ``polls=N``) are kept in memory only: after a restart they start at zero.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from airflow_provider_polaris.emulator.catalog.maintenance import TableMaintenance
from airflow_provider_polaris.emulator.engine import StorageError, Store
from airflow_provider_polaris.emulator.faults.fault import Freeze
from airflow_provider_polaris.emulator.jobs.completion import canceled
from airflow_provider_polaris.emulator.jobs.conflicts import ActiveJobs, must_wait
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.jobs.job_store import JobStore
from airflow_provider_polaris.emulator.jobs.status_update import steered
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import move
from airflow_provider_polaris.emulator.wire.identifiers import NANOSECONDS, Clock

log = logging.getLogger("airflow_provider_polaris.emulator")

#: Maximum number of due jobs that one request runs or waits for; more would delay its reply.
PORTION: Final = 25
#: Seconds that a request waits while another thread runs jobs. Then it shows the due jobs as running.
LONGEST_WAIT: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Due:
    """
    A job with a change that is due but not stored yet.

    :param job: The job as replies show it: running if its start is due.
    :param ends: Whether it is due to end, rather than only to start.
    """

    job: Job
    ends: bool


class DueJobs:
    """
    The jobs of the project and their progress.

    Whoever changes jobs or tables holds ``lock``, which is the lock of the database. The state in memory has a lock of
    its own, which is never held during a statement; so replies that need only this state never wait for a job.

    :param store: The database.
    :param job_store: The stored jobs.
    :param maintenance: Maintenance of the tables.
    :param settings: The progression and the initial assumptions.
    :param clock: The time.
    """

    def __init__(
        self,
        store: Store,
        job_store: JobStore,
        maintenance: TableMaintenance,
        settings: EmulatorSettings,
        clock: Clock,
    ) -> None:
        self.lock = store.lock
        self.freeze: Freeze | None = None
        self.assumed = settings.assumptions
        self._job_store = job_store
        self._maintenance = maintenance
        self._progression = settings.progression
        self._clock = clock
        self._state = threading.RLock()
        self._stored = threading.Condition(self._state)
        self._jobs = job_store.load()
        self._active = [job.id for job in self._jobs.values() if not job.is_terminal]
        self._due: OrderedDict[str, _Due] = OrderedDict()
        self._polls: dict[str, int] = {}
        self._background = ThreadPoolExecutor(1, thread_name_prefix="polaris-emulator-jobs")
        self._is_working = False
        self._is_closed = False

    def close(self) -> None:
        """End the background thread after the job that it is running."""
        with self._state:
            self._is_closed = True
        self._background.shutdown()

    def advance(
        self, *, requested: str | None = None, polled: Collection[str] = (), sparing: str | None = None
    ) -> None:
        """
        Run the due jobs before a request if they are few; otherwise let the background thread run them.

        :param requested: Id of the job that the request is about; the background thread runs it next.
        :param polled: Ids of the jobs whose status the reply may show.
        :param sparing: Id of a job that doesn't run in the request.
        """
        ids = self._find(PORTION, polled, sparing)
        if ids is None:
            if requested or polled:
                self._wait_for_portion(requested)
            return
        if not ids and not self._maintenance.is_due():
            return
        if not self.lock.acquire(LONGEST_WAIT):
            self._continue_in_background()
            return
        try:
            ran = 0
            while ids:
                for job_id in ids:
                    self._advance(job_id)
                ran += len(ids)
                ids = self._find(PORTION - ran, polled, sparing)  # those that waited for these
            self._maintenance.run_due()
        finally:
            self.lock.release()

    def advance_due_jobs(self) -> None:
        """Run every due job, the oldest first, without a limit."""
        with self.lock:
            while ids := self._find(math.inf):
                for job_id in ids:
                    self._advance(job_id)
            self._maintenance.run_due()

    def finish(self, job_id: str) -> Job:
        """Run a pending job to its end, independent of progression and faults, and return it."""
        with self.lock:
            now = self._clock()
            job = self._jobs[job_id]
            self._run(replace(job, status=move(job.status, "start"), started=now), now)
            return self._jobs[job_id]

    def count(self, jobs: Sequence[Job]) -> None:
        """
        Count a reply with the status of jobs as a poll.

        :param jobs: The jobs, already advanced.
        """
        with self._state:
            for job in jobs:
                if not job.is_terminal:
                    self._polls[job.id] = self._polls.get(job.id, 0) + 1
                    if self.freeze is not None:
                        self.freeze.shown()

    def fraction(self, job: Job) -> float:
        """Return the progress of a job: 1 if it completed, less before, 0 if it failed or was canceled."""
        if job.is_terminal:
            return 1.0 if job.status == "completed" else 0.0
        elapsed = (self._clock() - job.created) / NANOSECONDS
        return min(0.99, self._progression.fraction(polls=self._polls.get(job.id, 0), elapsed=elapsed))

    def as_shown(self, job: Job) -> Job:
        """Return a job with the status that replies show."""
        if job.is_terminal:
            return job
        freeze = self.freeze
        if freeze is not None and not freeze.is_over:
            return replace(job, status=freeze.status)
        return self._with_start(job)

    def _with_start(self, job: Job) -> Job:
        """Return a job as running if its start is due."""
        due = self._due.get(job.id)
        return job if due is None else due.job

    @property
    def _is_frozen(self) -> bool:
        return self.freeze is not None and not self.freeze.is_over

    def _find(self, most: float, polled: Collection[str] = (), sparing: str | None = None) -> list[str] | None:
        """Return the ids of the due jobs; None if more than ``most`` are due, which the background thread runs."""
        with self._state:
            if self._is_frozen:
                return []
            self._mark_due(polled, sparing)
            ids = [job_id for job_id in self._due if job_id != sparing]
            if len(ids) <= most:
                return ids
            self._continue_in_background()
            return None

    def _wait_for_portion(self, requested: str | None) -> None:
        """Wait for the requested job, or for the oldest due jobs, but not for long."""
        with self._state:
            awaited = list(islice(self._due, PORTION)) if requested is None else [requested]
            if requested is not None and requested in self._due:
                self._due.move_to_end(requested, last=False)
            self._stored.wait_for(lambda: not any(job_id in self._due for job_id in awaited), LONGEST_WAIT)

    def _mark_due(self, polled: Collection[str] = (), sparing: str | None = None, *, is_request: bool = True) -> None:
        """Add the jobs that are due now to those that are due already."""
        ahead = ActiveJobs()
        for job_id in self._active:
            job, known = self._jobs[job_id], self._due.get(job_id)
            if job_id != sparing and (known is None or not known.ends):
                # With 'immediate', every request advances the job to its end, so that a query reads its rows.
                is_poll = job_id in polled or (is_request and self._progression.is_immediate)
                due = self._change_of(job, ahead, self._polls.get(job_id, 0) + is_poll)
                if due is not None:
                    self._due[job_id] = due if known is None else replace(known, ends=due.ends)
            ahead.jobs.append(job)

    def _change_of(self, job: Job, ahead: ActiveJobs, polls: int) -> _Due | None:
        if job.desired == "canceled":
            return _Due(job, ends=True)
        now = self._clock()
        fraction = self._progression.fraction(polls=polls, elapsed=(now - job.created) / NANOSECONDS)
        moved = job
        if job.status == "pending":
            if not self._progression.has_started(fraction) or must_wait(job, ahead, self.assumed):
                return None
            started = self._progression.instant(job.created, 0.1, now)
            moved = replace(job, status=move(job.status, "start"), started=started)
        ends = fraction >= 1
        if job.type == "streaming":
            moved, ends = steered(moved), False
        return _Due(moved, ends) if ends or moved is not job else None

    def _continue_in_background(self) -> None:
        with self._state:
            if not self._is_working and not self._is_closed:
                self._is_working = True
                self._background.submit(self._run_due_jobs)

    def _run_due_jobs(self) -> None:
        """Run due jobs in the background thread until none is left, or one can't be stored."""
        job_id = None
        try:
            while (job_id := self._next()) is not None:
                with self.lock:
                    self._advance(job_id)
                    self._maintenance.run_due()
            return
        except StorageError as failure:
            log.error("job %s can't run now; the next request tries it again: %s", job_id, failure)
        except Exception:
            log.exception("job %s can't run now; the next request tries it again.", job_id)
        with self._state:
            self._is_working = False

    def _next(self) -> str | None:
        with self._state:
            job_id = None
            if not self._is_closed and not self._is_frozen:
                if not self._due:
                    # Jobs that waited for others. With 'immediate', a new job is left to the next request, so that it
                    # can still be canceled.
                    self._mark_due(is_request=False)
                job_id = next(iter(self._due), None)
            self._is_working = job_id is not None
            return job_id

    def _advance(self, job_id: str) -> None:
        """Store the due change of a job, or run the job to its end. The caller holds the lock."""
        due = self._due.get(job_id)
        if due is None or self._is_frozen:
            return
        now = self._clock()
        if due.job.desired == "canceled":
            self._keep(canceled(due.job, now))
        elif due.ends:
            self._run(due.job, self._progression.instant(due.job.created, 1, now))
        else:
            self._keep(due.job)

    def _run(self, job: Job, now: int) -> None:
        self._put(self._job_store.run(job, self.assumed, now))

    def _keep(self, job: Job) -> Job:
        job = self._job_store.keep(job)
        self._put(job)
        return job

    def _put(self, job: Job) -> None:
        """Change the state in memory to what has been stored."""
        with self._state:
            self._jobs[job.id] = job
            self._due.pop(job.id, None)
            if job.is_terminal and job.id in self._active:
                self._active.remove(job.id)
            self._stored.notify_all()
