# SPDX-License-Identifier: Apache-2.0
"""
Store jobs in the database, and run their effects.

A job's rows and its final document are written in one transaction, so a killed process leaves both or neither.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.catalog.maintenance import TableMaintenance
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import JobFault, StorageError, Store, Tables, drop_snapshot
from airflow_provider_polaris.emulator.jobs.completion import changed, completed, failed
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.jobs.runner import run_job

log = logging.getLogger("airflow_provider_polaris.emulator")

_KIND: Final = "job"


class JobStore:
    """
    The stored jobs. Callers hold the lock of the jobs.

    :param store: The database.
    :param tables: The engine's tables.
    :param catalog: The same tables in the form of the API.
    :param maintenance: Maintenance of the tables.
    """

    def __init__(self, store: Store, tables: Tables, catalog: Catalog, maintenance: TableMaintenance) -> None:
        self._store = store
        self._tables = tables
        self._catalog = catalog
        self._maintenance = maintenance

    def load(self) -> dict[str, Job]:
        """Return all stored jobs by id, in the order of their creation."""
        return {job.id: job for job in map(Job.from_document, self._store.documents(_KIND))}

    def keep(self, job: Job) -> Job:
        """Write a job in its own transaction, and return it as it is stored."""
        with self._store.transaction():
            return self.write(job)

    def write(self, job: Job, *, is_new: bool = False) -> Job:
        """Write a job in the caller's transaction, and drop the snapshot of a job that has ended."""
        if job.is_terminal and job.snapshot is not None:
            drop_snapshot(job.snapshot, self._tables)
            job = replace(job, snapshot=None)
        if job.type == "drop_table":
            marked = self._catalog.being_dropped
            (marked.discard if job.is_terminal else marked.add)(job.target_name)
        write = self._store.add_document if is_new else self._store.put_document
        write(_KIND, job.id, job.document())
        return job

    def run(self, job: Job, assumed: Assumptions, now: int) -> Job:
        """
        Run the effects of a job, and return the job as it has ended.

        :param job: The running job.
        :param assumed: The assumptions.
        :param now: Time of its end.
        :raises StorageError: The database failed, and the job is unchanged.
        """
        try:
            if job.doomed is not None:
                raise JobFault("internal_error", job.doomed)
            with self._store.transaction():
                result = run_job(job, assumed, self._tables, self._store)
                end = changed(job, result, now) if isinstance(result, int) else completed(job, result, now)
                done = self.write(end)
                self._maintenance.job_ended(job.target_name)
            return done
        except JobFault as fault:
            return self.keep(failed(job, fault.code, fault.message, now))
        except StorageError as failure:
            # If this write fails, too, it raises the failure again and the job stays unchanged.
            return self.keep(failed(job, "internal_error", f"The emulator failed: {failure}", now))
        except Exception:
            log.exception("job %s failed for a reason without a Polaris code", job.id)
            # DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: internal_error
            return self.keep(failed(job, "internal_error", "The emulator failed; its log has the reason.", now))
