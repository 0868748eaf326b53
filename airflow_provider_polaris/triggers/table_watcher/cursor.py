"""
Which completed jobs of a table are news; pure: performs no I/O, asks no clock.

Polaris lists jobs by their creation and never by their end, and has no filter by time (polaris-sdk 20250425.14.0). A
long job completes after shorter ones that were created later, so one instant can't say what was reported. A
:class:`Cursor` therefore has an instant of creation, the jobs that were active then, and those just before it that were
dealt with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.instant import format_instant, parse_instant, quote

#: A new job is in none of the lists for so long at most. How long it takes is not documented.
LAG: Final = timedelta(minutes=10)
#: A project without a job.
_NO_JOB: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class JobListSnapshot:
    """
    Jobs of a project at one moment, each as a list shows it.

    :param number: Counts looks up.
    :param project: Id of the project.
    :param active: Jobs that had not ended; read before the others, so that no job is in neither.
    :param completed: Jobs that had, newest first.
    :param since: All of them that were created from then on; None for all that the project has.
    """

    number: int
    project: str
    active: tuple[JobState, ...]
    completed: tuple[JobState, ...]
    since: datetime | None

    @property
    def newest(self) -> datetime:
        """The youngest creation in both lists."""
        return max((job.created for job in (*self.active, *self.completed) if job.created), default=_NO_JOB)


@dataclass(frozen=True)
class JobSelection:
    """
    What a watcher wants to hear of.

    :param table: The table.
    :param types: Types of jobs.
    """

    table: str
    types: frozenset[str]

    def of(self, jobs: Collection[JobState]) -> Iterator[JobState]:
        """Yield those of some jobs."""
        return (job for job in jobs if job.target_table == self.table and job.type in self.types)


@dataclass(frozen=True)
class Cursor:
    """
    What was reported of a table.

    :param project: Id of the project.
    :param until: The youngest creation that was seen, by Polaris' clock.
    :param open: Ids of jobs that had not ended then.
    :param done: Ids of jobs that had, with ``until`` at that time; kept for :data:`LAG`, after which their creation
        tells.
    """

    project: str
    until: datetime
    open: frozenset[str]
    done: Mapping[str, datetime]

    @classmethod
    def at(cls, look: JobListSnapshot, interest: JobSelection) -> Cursor:
        """Begin with a look: what had completed by then is no news."""
        return cls(look.project, look.newest, frozenset(), {}).moved(look, interest, {})

    @property
    def need(self) -> datetime:
        """Completed jobs that were created from then on have to be looked at."""
        return self.until - LAG

    def is_reached_by(self, look: JobListSnapshot) -> bool:
        """Whether a look goes back far enough."""
        return look.since is None or look.since <= self.need

    def knows(self, job: JobState) -> bool:
        """Whether a completed job was dealt with."""
        if job.job_id in self.done:
            return True
        return job.job_id not in self.open and (job.created is None or job.created < self.need)

    def missing(self, look: JobListSnapshot) -> frozenset[str]:
        """Return the ids of open jobs that a look doesn't have: they failed, or were created before it begins."""
        return self.open - {job.job_id for job in (*look.active, *look.completed)}

    def news(
        self, look: JobListSnapshot, interest: JobSelection, answers: Mapping[str, JobState | None]
    ) -> list[JobState]:
        """
        Return the jobs that have completed since, in the order of their completion as far as Polaris tells it.

        :param look: One that reaches this cursor.
        :param interest: Whose cursor it is.
        :param answers: What was found out about missing jobs.
        """
        asked = [job for job in answers.values() if job is not None and job.status == "completed"]
        found = [job for job in (*interest.of(look.completed), *interest.of(asked)) if not self.knows(job)]
        return sorted(found, key=lambda job: (job.completed or job.created or _NO_JOB, job.job_id))

    def moved(self, look: JobListSnapshot, interest: JobSelection, answers: Mapping[str, JobState | None]) -> Cursor:
        """
        Return the cursor after a look.

        :param look: As for :meth:`news`.
        :param interest: As for :meth:`news`.
        :param answers: As for :meth:`news`; None for a job that Polaris has forgotten. One that isn't in it is asked
            for again.
        """
        until = max(self.until, look.newest)
        ended = {job_id for job_id, job in answers.items() if job is None or job.is_terminal}
        ended |= {job.job_id for job in interest.of(look.completed)}
        done = {**self.done, **{job_id: until for job_id in ended if job_id not in self.done}}
        active = {job.job_id for job in interest.of(look.active)} | self.missing(look)
        return Cursor(
            look.project,
            until,
            frozenset(active - done.keys()),
            {job_id: at for job_id, at in done.items() if at >= until - LAG},
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "project": self.project,
            "until": format_instant(self.until),
            "open": sorted(self.open),
            "done": {job_id: format_instant(at) for job_id, at in sorted(self.done.items())},
        }

    @classmethod
    def from_json(cls, value: Any) -> Cursor:
        """
        Read what :meth:`to_json` wrote.

        :raises PolarisProtocolError: It is something else.
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
