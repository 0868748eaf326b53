# SPDX-License-Identifier: Apache-2.0
"""
Search for the task's own job in the job list, with a limited number of requests, while a new job may not be visible.

Source: docs.imply.io/polaris/api-manage-job promises nothing about when a new job shows in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisNotFoundError
from airflow_provider_polaris.jobs.idempotency.matching import (
    Candidate,
    JobCriteria,
    MatchResult,
    match_job,
    select_match,
)
from airflow_provider_polaris.jobs.spec.context import marker_in
from airflow_provider_polaris.jobs.status.state import JobState

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock

#: Maximum time after a POST until its job appears in the list.
VISIBILITY_WAIT: Final = timedelta(seconds=60)

#: Allowed clock skew between worker and Polaris.
_SKEW: Final = timedelta(minutes=10)
#: Allowed clock skew for a job without a marker. An older job may have read incomplete data, so it is not adopted.
_SKEW_WITHOUT_MARKER: Final = timedelta(minutes=1)
MOST_SUMMARIES: Final = 200
_MOST_DESCRIBES: Final = 50
#: Seconds between two searches for a job that may not be visible yet.
POLL_SECONDS: Final = 5.0


@dataclass(frozen=True)
class SearchScope:
    """
    Where to search.

    :param table: Target table; None if unknown.
    :param type: Type of the job; None if unknown.
    :param source: Source table; None if unknown.
    """

    table: str | None
    type: str | None = None
    source: str | None = None

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> SearchScope:
        """Return where to search for the job of a spec."""
        kind = spec.get("type")
        return cls(_table(spec, "target"), kind if isinstance(kind, str) else None, _table(spec, "source"))


@dataclass(frozen=True)
class SearchResult:
    """
    Result of a search.

    :param choice: The task's job, or the jobs that may be it.
    :param is_complete: Whether every possible job was checked.
    :param is_blind: Whether there are jobs without a marker whose spec differs, and no job with a marker. If Polaris
        drops markers and the task's spec has changed, one of them may be the task's job.
    """

    choice: MatchResult
    is_complete: bool
    is_blind: bool = False


class Search:
    """
    Searches for one job.

    :param hook: Hook for Polaris.
    :param wanted: Criteria for the job.
    :param scope: Where to search.
    :param since: The task has no older job, by the worker's clock; None if unknown.
    :param past: Ids of jobs that are known to be other jobs.
    :param log: Logger of the task.
    """

    def __init__(
        self,
        hook: PolarisHook,
        wanted: JobCriteria,
        scope: SearchScope,
        *,
        since: datetime | None,
        past: Collection[str],
        log: Any,
    ) -> None:
        self._hook = hook
        self._wanted = wanted
        self._scope = scope
        self._since = since
        self._log = log
        self._foreign = set(past)
        self._echoes_markers = False
        self._has_unmarked_strangers = False
        self._has_warned = False

    def run_until(self, end: datetime, clock: Clock, stop: Callable[[], bool]) -> SearchResult:
        """
        Repeat the search until the job is found with certainty, or until the end and then once more.

        :param end: After this time, a job that isn't visible doesn't exist.
        :param clock: Time and sleep.
        :param stop: Called between searches; True ends the wait with the last result.
        :raises PolarisError: The last search failed.
        """
        while True:
            is_last = clock.now() >= end
            try:
                result = self.run_once()
            except PolarisError as error:
                if is_last or stop() or not error.retryable:
                    raise
                self._log.debug("The search for the job failed: %s", error)
            else:
                if is_last or stop() or (result.choice.job is not None and result.choice.job.is_certain):
                    return result
            clock.sleep(min(POLL_SECONDS, max(0.0, (end - clock.now()).total_seconds())), stop)

    def run_once(self) -> SearchResult:
        """Search once: read one page of the list, and each job in it that may be the task's."""
        candidates: list[Candidate] = []
        described = 0
        is_complete = True
        for number, row in enumerate(self._rows(), start=1):
            summary = JobState.from_wire(row)
            if self._since is not None and summary.created is not None and summary.created < self._since - _SKEW:
                break
            # A full page may not be the last one.
            is_complete = number < MOST_SUMMARIES
            if not self._is_possible(summary):
                continue
            if described == _MOST_DESCRIBES:
                is_complete = False
                break
            described += 1
            candidate = self._describe(summary.job_id)
            if candidate is not None and not self._is_too_early(candidate):
                candidates.append(candidate)
        choice = select_match(candidates, self._wanted, echoes_markers=self._echoes_markers)
        self._warn(candidates)
        return SearchResult(choice, is_complete, self._has_unmarked_strangers and not self._echoes_markers)

    def _is_too_early(self, candidate: Candidate) -> bool:
        """Whether a job without a marker was created before the task's job could be."""
        created = candidate.state.created
        if candidate.is_certain or self._wanted.needs_certainty or created is None or self._since is None:
            return False
        return created < self._since - _SKEW_WITHOUT_MARKER

    def _rows(self) -> Any:
        scope = self._scope
        return self._hook.iter_jobs(
            type=() if scope.type is None else (scope.type,),
            target_table=scope.table,
            sort_column="created_date_time",
            sort_order="DESC",
            page_size=MOST_SUMMARIES,
            limit=MOST_SUMMARIES,
        )

    def _is_possible(self, summary: JobState) -> bool:
        if summary.job_id in self._foreign:
            return False
        return None in (self._scope.source, summary.source_table) or self._scope.source == summary.source_table

    def _describe(self, job_id: str) -> Candidate | None:
        try:
            job = self._hook.get_job(job_id)
        except PolarisNotFoundError:
            return None
        is_marked = marker_in(job) is not None
        self._echoes_markers = self._echoes_markers or is_marked
        candidate = match_job(job, self._wanted)
        if candidate is None:
            self._foreign.add(job_id)  # the spec of a job never changes
            self._has_unmarked_strangers = self._has_unmarked_strangers or not is_marked
        return candidate

    def _warn(self, candidates: list[Candidate]) -> None:
        unmarked = [each.state.job_id for each in candidates if not each.is_certain]
        if self._wanted.was_marked and unmarked and not self._echoes_markers and not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "The service returns no marker %r in the context of job %r, so this task's job can be recognized "
                "only by its spec.",
                "airflow",
                unmarked[0],
            )


def _table(spec: Mapping[str, Any], part: str) -> str | None:
    value = spec.get(part)
    name = value.get("tableName") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else None
