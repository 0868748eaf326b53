# SPDX-License-Identifier: Apache-2.0
"""
All jobs of the project: create, advance and cancel them.

Time advances when a request arrives: every request first advances the due jobs, or the oldest of them if there are
many. A job's rows and its final document are written in one transaction, so a killed process leaves both or neither.
The poll counts of jobs (progression ``polls=N``) are kept in memory only: after a restart they start at zero.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from airflow_provider_polaris.emulator.catalog.files import FileStore
from airflow_provider_polaris.emulator.catalog.maintenance import TableMaintenance
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import Store, Tables
from airflow_provider_polaris.emulator.faults.fault import Freeze
from airflow_provider_polaris.emulator.faults.rules import Faults
from airflow_provider_polaris.emulator.job_specs.job_types import prepare
from airflow_provider_polaris.emulator.jobs.completion import canceled
from airflow_provider_polaris.emulator.jobs.conflicts import ActiveJobs, check_conflicts, must_wait
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.jobs.job_store import JobStore
from airflow_provider_polaris.emulator.jobs.runner import create_job
from airflow_provider_polaris.emulator.jobs.status_update import check_desired, replaced_streams, steered
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import move
from airflow_provider_polaris.emulator.wire.errors import not_found
from airflow_provider_polaris.emulator.wire.identifiers import NANOSECONDS, Clock
from airflow_provider_polaris.emulator.wire.requests import JsonBody

#: Maximum number of jobs that one request advances; more would delay all other requests.
PORTION: Final = 25


class JobRegistry:
    """
    The jobs of the project. All methods are thread-safe.

    :param store: The database; its jobs are loaded.
    :param tables: The engine's tables.
    :param catalog: The same tables in the form of the API.
    :param file_store: The uploaded files.
    :param faults: Determines which jobs are hidden.
    :param maintenance: Maintenance of the tables.
    :param settings: The progression and the initial assumptions.
    :param clock: The time.
    """

    def __init__(
        self,
        store: Store,
        tables: Tables,
        catalog: Catalog,
        file_store: FileStore,
        faults: Faults,
        maintenance: TableMaintenance,
        settings: EmulatorSettings,
        clock: Clock,
    ) -> None:
        self.lock = threading.RLock()
        self.freeze: Freeze | None = None
        self.assumed = settings.assumptions
        self._store = store
        self._tables = tables
        self._catalog = catalog
        self._file_store = file_store
        self._faults = faults
        self._maintenance = maintenance
        self._progression = settings.progression
        self._clock = clock
        self._job_store = JobStore(store, tables, catalog, maintenance)
        self._jobs = self._job_store.load()
        self._active = [job.id for job in self._jobs.values() if not job.is_terminal]
        self._polls: dict[str, int] = {}
        catalog.being_dropped.update(job.target_name for job in self._unfinished() if job.type == "drop_table")

    def create(self, body: JsonBody, user: Mapping[str, Any]) -> Job:
        """
        Create a job.

        A missing target table is created now. It stays, even if the job fails (DOCUMENTED
        https://docs.imply.io/polaris/tables).

        :return: The pending job.
        :raises ApiError: The job is invalid; nothing has changed.
        """
        with self.lock:
            self.advance()
            prepared = prepare(body.data, self._catalog, self._file_store, self._tables, self.assumed)
            doomed = check_conflicts(prepared.spec, ActiveJobs(self._unfinished()), self.assumed)
            replaced = replaced_streams(prepared.spec, self._unfinished())
            now = self._clock()
            with self._store.transaction():
                stopped = [
                    self._job_store.write(replace(one, desired="canceled", updated=now, modified_by=user))
                    for one in replaced
                ]
                job = create_job(
                    prepared,
                    body.sha256,
                    user,
                    number=len(self._jobs),
                    now=now,
                    doomed=doomed,
                    assumed=self.assumed,
                    catalog=self._catalog,
                    tables=self._tables,
                )
                self._job_store.write(job)
            self._jobs.update({one.id: one for one in (*stopped, job)})
            self._active.append(job.id)
            self._faults.job_created(job.id)
            return job

    def get_for_reply(self, job_id: str, *, counts: bool = True) -> Job:
        """
        Return a job for a reply.

        :param job_id: Its id.
        :param counts: Whether the reply shows the job's status.
        :raises ApiError: 404.
        """
        with self.lock:
            self.advance(requested=(job_id,), polled=(job_id,) if counts else ())
            job = self.as_shown(self._get_shown(job_id))
            if counts:
                self.count([job])
            return job

    def count(self, jobs: Sequence[Job]) -> None:
        """
        Count a reply with the status of jobs as a poll.

        :param jobs: The jobs, already advanced.
        """
        with self.lock:
            for job in jobs:
                if not job.is_terminal:
                    self._polls[job.id] = self._polls.get(job.id, 0) + 1
                    if self.freeze is not None:
                        self.freeze.shown()

    def update(self, job_id: str, desired: str, user: Mapping[str, Any]) -> Job:
        """
        Request a status of a job; ``canceled`` takes effect at the next poll.

        DOCUMENTED polaris-sdk 20250425.14.0: the reply has the present status.

        :param desired: The desired execution status.
        :return: The job in the form of the reply.
        :raises ApiError: 404, or 400 for a status that the job can't get.
        """
        with self.lock:
            # Don't advance this job first: with the progression 'immediate' it could never be canceled.
            spared = job_id if self._progression.kind == "polls" else None
            self._move_due(most=PORTION, requested=(job_id,), sparing=spared)
            job = self._get_shown(job_id)
            check_desired(job, desired)
            if desired != job.desired:
                job = self._keep(replace(job, desired=desired, updated=self._clock(), modified_by=user))
            job = self.as_shown(job)
            self.count([job])
            return job

    def advance_due_jobs(self) -> None:
        """Advance every due job, the oldest first, without a limit."""
        self._move_due(most=None)

    def advance(self, *, requested: Collection[str] = (), polled: Collection[str] = ()) -> None:
        """
        Advance due jobs before a request: the oldest first, at most :data:`PORTION`.

        :param requested: Ids of jobs that are always advanced, unless they wait for other jobs.
        :param polled: Ids of the jobs whose status the reply may show.
        """
        self._move_due(most=PORTION, requested=requested, polled=polled)

    def _move_due(
        self,
        *,
        most: int | None,
        requested: Collection[str] = (),
        polled: Collection[str] = (),
        sparing: str | None = None,
    ) -> None:
        with self.lock:
            if self.freeze is not None and not self.freeze.is_over:
                return
            self.freeze = None
            ahead = ActiveJobs()
            moved = 0
            try:
                for job_id in self._active:
                    job = self._jobs[job_id]
                    if job_id != sparing and (most is None or moved < most or job_id in requested):
                        self._advance(job, ahead, is_poll=job_id in polled)
                        moved += self._jobs[job_id] is not job
                    if not self._jobs[job_id].is_terminal:
                        ahead.jobs.append(self._jobs[job_id])
            finally:
                # Also if the database fails between two jobs: a job that has ended must not run again.
                self._active = [job_id for job_id in self._active if not self._jobs[job_id].is_terminal]
            self._maintenance.run_due()

    def finish(self, job_id: str) -> Job:
        """Run a pending job to its end, independent of progression and faults, and return it."""
        with self.lock:
            now = self._clock()
            job = self._get(job_id)
            self._active.remove(job_id)
            self._run(replace(job, status=move(job.status, "start"), started=now), now)
            return self._jobs[job_id]

    def fraction(self, job: Job) -> float:
        """Return the progress of a job: 1 if it completed, less before, 0 if it failed or was canceled."""
        if job.is_terminal:
            return 1.0 if job.status == "completed" else 0.0
        elapsed = (self._clock() - job.created) / NANOSECONDS
        return min(0.99, self._progression.fraction(polls=self._polls.get(job.id, 0), elapsed=elapsed))

    def all(self) -> list[Job]:
        """
        Return all jobs for a reply that lists them, in the order of their creation, without hidden jobs.

        If more jobs are due than a request advances, the newest due jobs are unchanged.
        """
        with self.lock:
            self.advance(polled=self._jobs.keys())
            return [
                self.as_shown(job) for job in self._jobs.values() if not self._faults.hides(job.id, describing=False)
            ]

    def known(self) -> list[Job]:
        """Return all jobs, hidden jobs included, without advancing them."""
        with self.lock:
            return list(self._jobs.values())

    def get(self, job_id: str) -> Job:
        """Return a job, even if it is hidden, without advancing it; 404 if there is none."""
        with self.lock:
            return self._get(job_id)

    def has_active_jobs(self, table: str) -> bool:
        """Return whether an active job reads or writes a table."""
        return any(table in (job.target_name, job.source.get("tableName")) for job in self._unfinished())

    def _unfinished(self) -> list[Job]:
        return [self._jobs[job_id] for job_id in self._active]

    def as_shown(self, job: Job) -> Job:
        """Return a job with the status that replies show."""
        if self.freeze is None or self.freeze.is_over or job.is_terminal:
            return job
        return replace(job, status=self.freeze.status)

    def _get(self, job_id: str) -> Job:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise not_found("Job", job_id) from None

    def _get_shown(self, job_id: str) -> Job:
        if self._faults.hides(job_id, describing=True):
            raise not_found("Job", job_id)
        return self._get(job_id)

    def _advance(self, job: Job, ahead: ActiveJobs, *, is_poll: bool) -> None:
        if job.desired == "canceled":
            self._keep(canceled(job, self._clock()))
            return
        now = self._clock()
        elapsed = (now - job.created) / NANOSECONDS
        # With 'immediate', every request advances the job to its end, so that a query reads its rows.
        polls = self._polls.get(job.id, 0) + (is_poll or self._progression.is_immediate)
        fraction = self._progression.fraction(polls=polls, elapsed=elapsed)
        if job.status == "pending" and self._progression.has_started(fraction):
            if must_wait(job, ahead, self.assumed):
                return
            started = self._progression.instant(job.created, 0.1, now)
            job = replace(job, status=move(job.status, "start"), started=started)
            if fraction < 1 or job.type == "streaming":
                self._keep(job)
        if job.type == "streaming":
            moved = steered(job)
            if moved is not job:
                self._keep(moved)
        elif fraction >= 1:
            self._run(job, self._progression.instant(job.created, 1, now))

    def _run(self, job: Job, now: int) -> None:
        self._jobs[job.id] = self._job_store.run(job, self.assumed, now)

    def _keep(self, job: Job) -> Job:
        self._jobs[job.id] = job = self._job_store.keep(job)
        return job
