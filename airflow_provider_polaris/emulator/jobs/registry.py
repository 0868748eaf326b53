# SPDX-License-Identifier: Apache-2.0
"""
All jobs of the project: create, read and cancel them. :mod:`.due_jobs` runs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_polaris.emulator.catalog.files import FileStore
from airflow_provider_polaris.emulator.catalog.maintenance import TableMaintenance
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import Store, Tables
from airflow_provider_polaris.emulator.faults.rules import Faults
from airflow_provider_polaris.emulator.job_specs.job_types import prepare
from airflow_provider_polaris.emulator.jobs.conflicts import ActiveJobs, check_conflicts
from airflow_provider_polaris.emulator.jobs.due_jobs import DueJobs
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.jobs.job_store import JobStore
from airflow_provider_polaris.emulator.jobs.listing import JobFilter
from airflow_provider_polaris.emulator.jobs.runner import create_job
from airflow_provider_polaris.emulator.jobs.status_update import check_desired, replaced_streams
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.wire.errors import not_found
from airflow_provider_polaris.emulator.wire.identifiers import Clock
from airflow_provider_polaris.emulator.wire.requests import JsonBody


class JobRegistry(DueJobs):
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
        super().__init__(store, JobStore(store, tables, catalog, maintenance), maintenance, settings, clock)
        self._store = store
        self._tables = tables
        self._catalog = catalog
        self._file_store = file_store
        self._faults = faults
        catalog.being_dropped.update(job.target_name for job in self._unfinished() if job.type == "drop_table")

    def create(self, body: JsonBody, user: Mapping[str, Any]) -> Job:
        """
        Create a job.

        A missing target table is created now. It stays, even if the job fails (DOCUMENTED
        https://docs.imply.io/polaris/tables).

        :return: The pending job.
        :raises ApiError: The job is invalid; nothing has changed.
        """
        self.advance()
        with self.lock:
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
                self._job_store.write(job, is_new=True)
            with self._state:
                for one in (*stopped, job):
                    self._put(one)
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
        self.advance(requested=job_id, polled=(job_id,) if counts else ())
        with self._state:
            job = self.as_shown(self._get_shown(job_id))
            if counts:
                self.count([job])
            return job

    def update(self, job_id: str, desired: str, user: Mapping[str, Any]) -> Job:
        """
        Request a status of a job; ``canceled`` takes effect at the next poll.

        DOCUMENTED polaris-sdk 20250425.14.0: the reply has the present status.

        :param desired: The desired execution status.
        :return: The job in the form of the reply.
        :raises ApiError: 404, or 400 for a status that the job can't get.
        """
        # Don't advance this job first: with the progression 'immediate' it could never be canceled.
        is_spared = self._progression.kind == "polls"
        self.advance(requested=job_id, sparing=job_id if is_spared else None)
        with self.lock:
            if not is_spared:
                self._advance(job_id)  # another thread may have kept the lock for too long
            job = self._with_start(self._get_shown(job_id))
            check_desired(job, desired)
            if desired != job.desired:
                job = self._keep(replace(job, desired=desired, updated=self._clock(), modified_by=user))
            job = self.as_shown(job)
            self.count([job])
            return job

    def page(self, wanted: JobFilter) -> tuple[list[Job], bool]:
        """
        Return a page of the list of jobs, and count the reply as a poll of its jobs.

        :return: The jobs, and whether more jobs follow.
        """
        self.advance(polled=self._jobs.keys())
        with self._state:
            page, more = wanted.page(self._listed())
            self.count(page)
            return page, more

    def all(self) -> list[Job]:
        """Return all jobs as the list shows them, in the order of their creation, without counting a poll."""
        self.advance(polled=self._jobs.keys())
        with self._state:
            return self._listed()

    def _listed(self) -> list[Job]:
        return [self.as_shown(job) for job in self._jobs.values() if not self._faults.hides(job.id, describing=False)]

    def known(self) -> list[Job]:
        """Return all jobs, hidden jobs included, without advancing them."""
        with self._state:
            return list(self._jobs.values())

    def get(self, job_id: str) -> Job:
        """Return a job, even if it is hidden, without advancing it; 404 if there is none."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise not_found("Job", job_id) from None

    def has_active_jobs(self, table: str) -> bool:
        """Return whether an active job reads or writes a table."""
        return any(table in (job.target_name, *job.tables_read) for job in self._unfinished())

    def _unfinished(self) -> list[Job]:
        with self._state:
            return [self._jobs[job_id] for job_id in self._active]

    def _get_shown(self, job_id: str) -> Job:
        if self._faults.hides(job_id, describing=True):
            raise not_found("Job", job_id)
        return self.get(job_id)
