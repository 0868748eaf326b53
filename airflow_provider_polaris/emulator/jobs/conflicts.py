# SPDX-License-Identifier: Apache-2.0
"""
Detect conflicts of jobs: two that rewrite the same data, or a deletion of data that a job reads. Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, LATEST, Interval, parse_interval

_DELETIONS: Final = ("delete_data", "drop_table")
_EVERYTHING: Final = (Interval(EARLIEST, LATEST),)


class ActiveJobs:
    """
    The active jobs that are older than another job, indexed by the tables that they read and write.

    The index is built on first use, because most jobs don't need it.

    :param jobs: Jobs in the order of their creation; newer jobs may be added.
    """

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self.jobs = list(jobs)
        self._known = 0
        self._readers: dict[str, list[Job]] = {}
        self._writers: dict[str, list[Job]] = {}
        self._rewritten: dict[str, list[tuple[datetime, datetime, Job]]] = {}

    def _index_new_jobs(self) -> None:
        for job in self.jobs[self._known :]:
            for source in job.tables_read:
                self._readers.setdefault(source, []).append(job)
            self._writers.setdefault(job.target_name, []).append(job)
            bounds = [(one.start, one.end, job) for one in rewritten_intervals(job.spec)]
            self._rewritten.setdefault(job.target_name, []).extend(bounds)
        self._known = len(self.jobs)

    def reader(self, spec: Mapping[str, Any]) -> Job | None:
        """
        Return an active job that reads the data that a job would delete.

        DOCUMENTED https://docs.imply.io/polaris/api-ingest-table: while a job reads a table, the table can't be
        dropped and no data of it deleted.
        """
        if spec["type"] not in _DELETIONS:
            return None
        self._index_new_jobs()
        return next(iter(self._readers.get(spec["target"]["tableName"], ())), None)

    def stream(self, spec: Mapping[str, Any]) -> Job | None:
        """Return a streaming job that writes to the table that a job would drop."""
        if spec["type"] != "drop_table":
            return None
        self._index_new_jobs()
        writers = self._writers.get(spec["target"]["tableName"], ())
        return next((job for job in writers if job.type == "streaming"), None)

    def conflicting_writer(self, spec: Mapping[str, Any]) -> Job | None:
        """
        Return an active job that rewrites the same data as a job.

        GUESS: appends rewrite nothing, but a drop of their table waits for them.
        """
        rewritten = rewritten_intervals(spec)
        if not rewritten:
            return None
        self._index_new_jobs()
        name = spec["target"]["tableName"]
        if spec["type"] == "drop_table":
            return next((job for job in self._writers.get(name, ()) if job.type != "streaming"), None)
        # A thousand due jobs of one table make half a million comparisons.
        for start, end, job in self._rewritten.get(name, ()):
            for one in rewritten:
                if start < one.end and one.start < end:
                    return job
        return None


def rewritten_intervals(spec: Mapping[str, Any]) -> tuple[Interval, ...]:
    """Return the part of its target that a job rewrites."""
    kind = spec["type"]
    if kind == "drop_table" or spec.get("deleteAll") or spec.get("replaceAll"):
        return _EVERYTHING
    if kind == "restore_data":
        return _parsed((spec["interval"],))
    return _parsed(tuple(spec["target"]["intervals"]))


def check_conflicts(spec: Mapping[str, Any], ahead: ActiveJobs, assumed: Assumptions) -> str | None:
    """
    Check a new job for conflicts with the active jobs.

    GUESS: a deletion of data that a job reads is rejected. OBSERVED(Druid 27): a job waits for a job that rewrites the
    same data, because tasks wait for their locks. The assumptions ``busy_source`` and ``overlapping_jobs`` can change
    both. A table with a streaming job can't be dropped.

    :param spec: The new job.
    :return: Why the job will fail; None if there is no conflict.
    :raises ApiError: 400.
    """
    name = spec["target"]["tableName"]
    reader = ahead.reader(spec)
    if reader is not None and assumed.busy_source != "wait":
        what = "dropped" if spec["type"] == "drop_table" else "deleted from"
        message = f"table {name!r} can't be {what} while job {reader.id!r} reads it."
        if assumed.busy_source == "refuse":
            raise bad_request(message, "target.tableName")
        return message
    stream = ahead.stream(spec)
    if stream is not None:
        raise bad_request(f"table {name!r} can't be dropped while job {stream.id!r} writes to it.", "target.tableName")
    conflicting_writer = ahead.conflicting_writer(spec)
    if conflicting_writer is not None and assumed.overlapping_jobs == "fail":
        return f"job {conflicting_writer.id!r} holds the lock of table {name!r} for an interval that this job needs."
    return None


def must_wait(job: Job, ahead: ActiveJobs, assumed: Assumptions) -> bool:
    """
    Return whether a job can't start yet.

    :param ahead: The active jobs that are older than it.
    """
    if assumed.busy_source == "wait" and ahead.reader(job.spec) is not None:
        return True
    return assumed.overlapping_jobs == "wait" and ahead.conflicting_writer(job.spec) is not None


@lru_cache(maxsize=4096)
def _parsed(texts: tuple[str, ...]) -> tuple[Interval, ...]:
    return tuple(map(parse_interval, texts))
