# SPDX-License-Identifier: Apache-2.0
"""
The requests of the table watch. Runs in its thread, uses neither asyncio nor Airflow, and logs nothing.

A list contains neither the intervals of an append nor row counts, so the few new jobs are requested one by one
(polaris-sdk 20250425.14.0).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    CONNECTION_WIDE_ERRORS,
    PolarisError,
    PolarisNotFoundError,
    PolarisProtocolError,
)
from airflow_provider_polaris.jobs.guards.conflicts import written_intervals
from airflow_provider_polaris.jobs.shortening import LONGEST_WORD, shorten
from airflow_provider_polaris.jobs.status.state import WRITING_TYPES, JobState
from airflow_provider_polaris.jobs.status.statuses import ACTIVE_STATUSES
from airflow_provider_polaris.jobs.time.instant import format_instant
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.triggers.job_watcher.poll_result import is_for_all
from airflow_provider_polaris.triggers.table_watcher.cursor import LAG, JobListSnapshot

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

#: Type of the job that deletes rows.
DELETING_TYPE: Final = "delete_data"
#: Maximum number of jobs that each poll requests one by one; the next poll continues.
MOST_REQUESTED: Final = 20

_TYPES: Final = tuple(sorted({*WRITING_TYPES, DELETING_TYPE}))
_ACTIVE: Final = tuple(sorted(ACTIVE_STATUSES))
#: Page size; nearly always only a few jobs are read.
_PAGE_ROWS: Final = 200
#: Maximum pages of each list in a snapshot: 20,000 jobs.
_MOST_PAGES: Final = 100
#: Maximum number of intervals in an event; a job with more counts as a change of the whole table.
_MOST_INTERVALS: Final = 100
#: Consecutive failed single requests after which the next poll continues.
_MOST_FAILURES: Final = 2
#: Fields that are read from a row, in addition to its id.
_FIELDS: Final = ("type", "executionStatus", "createdTimestamp", "completedTimestamp", "target", "tableName")


def read_snapshot(
    client: IngestionService, *, number: int, since: datetime | None, table: str | None
) -> JobListSnapshot:
    """
    Read the active list, and the completed list back to an instant.

    :param client: Client for the requests.
    :param number: Number of the snapshot.
    :param since: Read completed jobs that were created since then, and at least those created within :data:`LAG` before
        the latest job. None for only the latter.
    :param table: Only jobs of this table; None for all tables.
    :raises PolarisError: As the client raises it.
    """
    active = tuple(_states(client.iter_jobs(**_filters(_ACTIVE, "ASC", table))))
    project = client.project_id
    newest = JobListSnapshot(number, project, active, (), None).newest
    completed: list[JobState] = []
    for job in _states(client.iter_jobs(**_filters(("completed",), "DESC", table))):
        if job.status != "completed":
            continue
        if job.created is not None:
            newest = max(newest, job.created)
            back_to = newest - LAG if since is None else min(since, newest - LAG)
            if job.created < back_to:
                return JobListSnapshot(number, project, active, tuple(completed), back_to)
        completed.append(job)
    return JobListSnapshot(number, project, active, tuple(completed), None)


def request_jobs(
    client: IngestionService, job_ids: Iterable[str], *, last: Collection[str] = ()
) -> tuple[dict[str, JobState | None], set[str]]:
    """
    Request jobs one by one.

    :param client: Client for the requests.
    :param job_ids: The jobs; at most :data:`MOST_REQUESTED` are requested.
    :param last: Jobs without an answer so far; they are requested last.
    :return: Jobs by id, None for a job that Polaris doesn't have; and the ids of failed requests. Jobs that were not
        requested are in neither.
    """
    answers: dict[str, JobState | None] = {}
    failed: set[str] = set()
    in_a_row = 0
    for job_id in sorted(job_ids, key=lambda job_id: (job_id in last, job_id))[:MOST_REQUESTED]:
        try:
            answers[job_id] = JobState.from_wire(client.get_job(job_id))
        except PolarisNotFoundError:
            answers[job_id] = None
        except Exception as error:
            failed.add(job_id)
            in_a_row += 1
            if in_a_row == _MOST_FAILURES or (isinstance(error, PolarisError) and is_for_all(error)):
                break
            continue
        in_a_row = 0
    return answers, failed


def describe(client: IngestionService, jobs: Sequence[JobState]) -> list[dict[str, Any]]:
    """
    Describe jobs for an event: ``id``, ``type``, ``intervals``, ``rows``, ``created`` and ``completed``.

    ``intervals`` are those that the job may have changed, None if that may be the whole table. ``rows`` is the number
    of stored rows. Unknown values are None, because the event doesn't wait for Polaris to answer.

    :param client: Client for the requests.
    :param jobs: The jobs.
    """
    found: list[dict[str, Any]] = []
    answers = True
    for job in jobs:
        known: dict[str, Any] = {
            "id": job.job_id,
            "type": shorten(job.type, LONGEST_WORD),
            "intervals": None,
            "rows": None,
            "created": None if job.created is None else format_instant(job.created),
            "completed": None if job.completed is None else format_instant(job.completed),
        }
        if answers:
            try:
                known["intervals"] = _intervals(client, job)
                rows = client.get_job_metrics(job.job_id).get("numRowsPersisted")
                known["rows"] = rows if isinstance(rows, int) else None
            except Exception as error:
                answers = not isinstance(error, CONNECTION_WIDE_ERRORS)
        found.append(known)
    return found


def _filters(statuses: tuple[str, ...], order: str, table: str | None) -> dict[str, Any]:
    return {
        "type": _TYPES,
        "execution_status": statuses,
        "target_table": table,
        "sort_order": order,
        "page_size": _PAGE_ROWS,
        "most_pages": _MOST_PAGES,
        "fields": _FIELDS,
    }


def _states(rows: Iterator[dict[str, Any]]) -> Iterator[JobState]:
    for row in rows:
        try:
            state = JobState.from_wire(row)
        except PolarisProtocolError:
            continue  # skip a row without a status
        if len(state.job_id) <= LONGEST_WORD:  # a longer text is not an id; Airflow would store it
            yield state


def _intervals(client: IngestionService, job: JobState) -> list[str] | None:
    found = written_intervals(client.get_job(job.job_id), is_whole=True) or ()
    shown = [each.to_wire() for each in found if each != Interval.ETERNITY]
    return shown if 0 < len(shown) <= _MOST_INTERVALS else None
