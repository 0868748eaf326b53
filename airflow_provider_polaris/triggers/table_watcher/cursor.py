# SPDX-License-Identifier: Apache-2.0
"""
Find the completed jobs of a table that were not reported yet. Pure: performs no I/O and reads no clock.

Polaris sorts jobs by creation, never by completion, and has no time filter (polaris-sdk 20250425.14.0). A long job
completes after shorter jobs that were created later, so one instant can't describe what was reported. A :class:`Cursor`
therefore holds a creation time, the jobs that were active then, and the processed jobs just before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.instant import format_instant, parse_instant, quote

#: Maximum time until a new job appears in the lists. The real time is not documented.
LAG: Final = timedelta(minutes=10)
#: Used for a project without jobs.
_NO_JOB: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class JobListSnapshot:
    """
    Jobs of a project at one moment, as the lists return them.

    :param number: Number of the snapshot.
    :param project: Id of the project.
    :param active: Active jobs; read before the completed jobs, so that no job is missing from both.
    :param completed: Completed jobs, newest first.
    :param since: The snapshot has all completed jobs that were created since then; None for all jobs of the project.
    """

    number: int
    project: str
    active: tuple[JobState, ...]
    completed: tuple[JobState, ...]
    since: datetime | None

    @property
    def newest(self) -> datetime:
        """The latest creation time in both lists."""
        return max((job.created for job in (*self.active, *self.completed) if job.created), default=_NO_JOB)


@dataclass(frozen=True)
class JobSelection:
    """
    The jobs that a watcher reports.

    :param table: The table.
    :param types: Types of jobs.
    """

    table: str
    types: frozenset[str]

    def of(self, jobs: Collection[JobState]) -> Iterator[JobState]:
        """Yield the selected jobs."""
        return (job for job in jobs if job.target_table == self.table and job.type in self.types)


@dataclass(frozen=True)
class Cursor:
    """
    The jobs of a table that were reported.

    :param project: Id of the project.
    :param until: The latest creation time that was seen, by Polaris' clock.
    :param open: Ids of jobs that were active then.
    :param done: Ids of processed jobs, with the value of ``until`` at that time. They are kept for :data:`LAG`;
        afterwards the creation time is sufficient.
    """

    project: str
    until: datetime
    open: frozenset[str]
    done: Mapping[str, datetime]

    @classmethod
    def at(cls, snapshot: JobListSnapshot, interest: JobSelection) -> Cursor:
        """Create a cursor from a first snapshot: jobs that are completed in it are not reported."""
        return cls(snapshot.project, snapshot.newest, frozenset(), {}).moved(snapshot, interest, {})

    @property
    def need(self) -> datetime:
        """Completed jobs created since this time must be in the next snapshot."""
        return self.until - LAG

    def is_reached_by(self, snapshot: JobListSnapshot) -> bool:
        """Return whether a snapshot goes back far enough."""
        return snapshot.since is None or snapshot.since <= self.need

    def is_processed(self, job: JobState) -> bool:
        """Return whether a completed job was processed."""
        if job.job_id in self.done:
            return True
        return job.job_id not in self.open and (job.created is None or job.created < self.need)

    def missing(self, snapshot: JobListSnapshot) -> frozenset[str]:
        """Return the ids of open jobs that a snapshot lacks: they failed, or were created before it begins."""
        return self.open - {job.job_id for job in (*snapshot.active, *snapshot.completed)}

    def news(
        self, snapshot: JobListSnapshot, interest: JobSelection, answers: Mapping[str, JobState | None]
    ) -> list[JobState]:
        """
        Return the newly completed jobs, in the order of their completion as far as it is known.

        :param snapshot: A snapshot that reaches this cursor.
        :param interest: The selection of this cursor.
        :param answers: Replies to the requests for missing jobs.
        """
        asked = [job for job in answers.values() if job is not None and job.status == "completed"]
        found = [job for job in (*interest.of(snapshot.completed), *interest.of(asked)) if not self.is_processed(job)]
        return sorted(found, key=lambda job: (job.completed or job.created or _NO_JOB, job.job_id))

    def moved(
        self, snapshot: JobListSnapshot, interest: JobSelection, answers: Mapping[str, JobState | None]
    ) -> Cursor:
        """
        Return the cursor after a snapshot.

        :param snapshot: As for :meth:`news`.
        :param interest: As for :meth:`news`.
        :param answers: As for :meth:`news`; None for a job that the service no longer has. A job without a reply is
            requested again.
        """
        until = max(self.until, snapshot.newest)
        ended = {job_id for job_id, job in answers.items() if job is None or job.is_terminal}
        ended |= {job.job_id for job in interest.of(snapshot.completed)}
        done = {**self.done, **{job_id: until for job_id in ended if job_id not in self.done}}
        active = {job.job_id for job in interest.of(snapshot.active)} | self.missing(snapshot)
        return Cursor(
            snapshot.project,
            until,
            frozenset(active - done.keys()),
            {job_id: at for job_id, at in done.items() if at >= until - LAG},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the cursor as a JSON object."""
        return {
            "project": self.project,
            "until": format_instant(self.until),
            "open": sorted(self.open),
            "done": {job_id: format_instant(at) for job_id, at in sorted(self.done.items())},
        }

    @classmethod
    def from_json(cls, value: Any) -> Cursor:
        """
        Parse the result of :meth:`to_json`.

        :raises PolarisProtocolError: The value is not a cursor.
        """
        try:
            return cls(
                str(value["project"]),
                parse_instant(value["until"]),
                frozenset(map(str, value["open"])),
                {str(job_id): parse_instant(at) for job_id, at in value["done"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PolarisProtocolError(
                f"the cursor of a watched table can't be read from {quote(value)}: {error!r}. Another version of this "
                "provider may have written it."
            ) from error
