# SPDX-License-Identifier: Apache-2.0
"""Track which jobs a table watcher has reported, in memory and in Airflow's store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisProtocolError
from airflow_provider_polaris.triggers.table_watcher.cursor import Cursor, JobListSnapshot, JobSelection
from airflow_provider_polaris.triggers.table_watcher.cursor_store import CursorStore
from airflow_provider_polaris.triggers.table_watcher.job_lists import request_jobs

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.status.state import JobState
    from airflow_provider_polaris.triggers.table_watcher.watcher import TableWatch

#: Maximum age of the stored cursor, so that a restart doesn't read years of jobs.
_LONGEST_UNSAVED: Final = timedelta(hours=1)

#: Maximum number of snapshots that skip a job without an answer.
_LONGEST_REST: Final = 16


class ReportedJobs:
    """
    Return the new jobs of each snapshot, each job once.

    :param interest: The watched jobs.
    :param watch: The shared poll.
    :param store: Stores the cursor.
    :param log: Logger of the trigger.
    """

    def __init__(self, interest: JobSelection, watch: TableWatch, store: CursorStore, log: Any) -> None:
        self._interest = interest
        self._watch = watch
        self._store = store
        self._log = log
        self._cursor: Cursor | None = None
        #: The stored cursor, as far as it is known.
        self._saved: Cursor | None = None
        self._has_news = False
        self._is_store_failing = False
        #: Jobs without an answer: number of snapshots to skip, and the number after the next failure.
        self._rests: dict[str, tuple[int, int]] = {}

    async def take(self, snapshot: JobListSnapshot) -> list[JobState]:
        """
        Return the jobs that have completed since the last snapshot; none if the snapshot is not usable.

        :param snapshot: The next snapshot.
        """
        if self._cursor is not None and self._cursor.project != snapshot.project:
            self._cursor = None  # the connection now uses another project
        if self._cursor is None and not await self._begin(snapshot):
            return []
        assert self._cursor is not None
        self._watch.needs[self] = self._cursor.need
        if not self._cursor.is_reached_by(snapshot):
            return []  # it was read before the watch got this requirement
        answers = await self._request_missing(self._cursor.missing(snapshot))
        news = self._cursor.news(snapshot, self._interest, answers)
        self._cursor = self._cursor.moved(snapshot, self._interest, answers)
        self._watch.needs[self] = self._cursor.need
        if news:
            self._has_news = True
            news = await self._without_reported(news)
        return news

    def save_when_stored(self, snapshot: JobListSnapshot) -> None:
        """Schedule a save of the cursor for when Airflow has stored the events of a snapshot, if there are changes."""
        cursor, saved = self._cursor, self._saved
        if cursor is None or not self._store.is_there:
            return
        if self._has_news or saved is None or cursor.until - saved.until > _LONGEST_UNSAVED:
            self._watch.save_when_stored(snapshot, partial(self._save, cursor))

    def close(self) -> None:
        """Stop watching."""
        self._watch.needs.pop(self, None)

    async def _begin(self, snapshot: JobListSnapshot) -> bool:
        """Load the cursor or create one; return False if the store doesn't answer yet."""
        cursor: Cursor | None = None
        try:
            cursor = await self._store.read()
        except PolarisProtocolError as error:
            self._log.warning("Table %r is watched from now on: %s", self._interest.table, error)
        except PolarisError as error:
            self._store_fails(error)
            return False
        self._is_store_failing = False
        if cursor is not None and cursor.project == snapshot.project:
            self._cursor = self._saved = cursor
            self._log.info("Table %r is watched from the stored cursor on.", self._interest.table)
        else:
            self._cursor = Cursor.at(snapshot, self._interest)
            self._log.info("Table %r is watched from now on.%s", self._interest.table, self._no_store_note)
        return True

    @property
    def _no_store_note(self) -> str:
        """Note for Airflow versions that can't store the cursor."""
        if self._store.is_there:
            return ""
        return (
            " This Airflow stores no state of assets (new in 3.3), so jobs that complete while no triggerer runs fire "
            "nothing."
        )

    async def _request_missing(self, missing: frozenset[str]) -> Mapping[str, JobState | None]:
        """Request the jobs that a snapshot lacks. Jobs without an answer are requested less often."""
        self._rests = {job_id: (left - 1, step) for job_id, (left, step) in self._rests.items() if job_id in missing}
        due = {job_id for job_id in missing if self._rests.get(job_id, (0, 1))[0] <= 0}
        if not due:
            return {}
        try:
            answers, failed = await self._watch.call(partial(request_jobs, job_ids=due, last=frozenset(self._rests)))
        except PolarisError:
            return {}  # the next snapshot requests them again
        for job_id in failed:
            step = self._rests.get(job_id, (0, 1))[1]
            self._rests[job_id] = (step, min(2 * step, _LONGEST_REST))
        return answers

    async def _without_reported(self, news: list[JobState]) -> list[JobState]:
        """Remove jobs that another triggerer has reported meanwhile, after Airflow moved this trigger to it."""
        try:
            kept = await self._store.read()
        except PolarisError as error:
            self._store_fails(error)
            return news
        return news if kept is None else [job for job in news if not kept.is_processed(job)]

    async def _save(self, cursor: Cursor) -> None:
        try:
            await self._store.write(cursor)
        except PolarisError as error:
            self._store_fails(error)
            return
        self._is_store_failing = False
        self._saved = cursor
        if self._cursor == cursor:
            self._has_news = False

    def _store_fails(self, error: PolarisError) -> None:
        if not self._is_store_failing:
            self._is_store_failing = True
            self._log.warning("Table %r: the reported jobs can't be stored. %s", self._interest.table, error)
