"""
Look for our own job in the list of jobs: bounded in requests, and patient while a new job may not be visible yet.

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

#: So long after a POST its job may still be missing in the list.
VISIBILITY_WAIT: Final = timedelta(seconds=60)

#: A worker's clock and Polaris' may differ by so much.
_SKEW: Final = timedelta(minutes=10)
#: A job that is to be taken for ours because it does the same may be older than ours could be by so much only: what it
#: read may have been incomplete.
_SKEW_OF_TWINS: Final = timedelta(minutes=1)
MOST_SUMMARIES: Final = 200
_MOST_DESCRIBES: Final = 50
#: Between two looks for a job that may not be visible yet.
SECONDS_BETWEEN_LOOKS: Final = 5.0


@dataclass(frozen=True)
class SearchScope:
    """
    Where to look.

    :param table: Target table; None if unknown.
    :param type: Type of the job; None if unknown.
    :param source: Source table; None if unknown.
    """

    table: str | None
    type: str | None = None
    source: str | None = None

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> SearchScope:
        """Return where the job of a spec is to be found."""
        kind = spec.get("type")
        return cls(_table(spec, "target"), kind if isinstance(kind, str) else None, _table(spec, "source"))


@dataclass(frozen=True)
class SearchResult:
    """
    What one look, or several, came to.

    :param choice: The job, or those that may be it.
    :param is_complete: Whether every job that can be ours was looked at.
    :param is_blind: Whether there are jobs that ask for something else and have no marker, and none that has one: if
        Polaris doesn't keep markers, ours is among them if our spec has changed.
    """

    choice: MatchResult
    is_complete: bool
    is_blind: bool = False


class Search:
    """
    Looks for one job.

    :param hook: Asks Polaris.
    :param wanted: The job.
    :param place: Where it can be.
    :param since: No job of ours is older by the worker's clock; None if nobody knows.
    :param past: Ids of jobs that are known not to be it.
    :param log: Logger of the task.
    """

    def __init__(
        self,
        hook: PolarisHook,
        wanted: JobCriteria,
        place: SearchScope,
        *,
        since: datetime | None,
        past: Collection[str],
        log: Any,
    ) -> None:
        self._hook = hook
        self._wanted = wanted
        self._place = place
        self._since = since
        self._log = log
        self._foreign = set(past)
        self._echoes_markers = False
        self._has_unmarked_strangers = False
        self._has_warned = False

    def until(self, end: datetime, clock: Clock, stop: Callable[[], bool]) -> SearchResult:
        """
        Look until our job is found for certain or the end has come, then once more.

        :param end: When a job that isn't visible doesn't exist.
        :param clock: Time and sleep.
        :param stop: Asked between looks; afterwards the last look stands.
        :raises PolarisError: The last look got no answer.
        """
        while True:
            is_last = clock.now() >= end
            try:
                outlook = self.look()
            except PolarisError as error:
                if is_last or stop() or not error.retryable:
                    raise
                self._log.debug("The look for the job got no answer: %s", error)
            else:
                if is_last or stop() or (outlook.choice.job is not None and outlook.choice.job.is_certain):
                    return outlook
            clock.sleep(min(SECONDS_BETWEEN_LOOKS, max(0.0, (end - clock.now()).total_seconds())), stop)

    def look(self) -> SearchResult:
        """Look once: one page of the list, and a description of each job in it that may be ours."""
        candidates: list[Candidate] = []
        described = 0
        is_complete = True
        for number, row in enumerate(self._rows(), start=1):
            summary = JobState.from_wire(row)
            if self._since is not None and summary.created is not None and summary.created < self._since - _SKEW:
                break
            # A page that is full may not be the last.
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
        """Whether a job that may be taken up only because it does the same was there before ours could be."""
        created = candidate.state.created
        if candidate.is_certain or self._wanted.needs_certainty or created is None or self._since is None:
            return False
        return created < self._since - _SKEW_OF_TWINS

    def _rows(self) -> Any:
        place = self._place
        return self._hook.iter_jobs(
            type=() if place.type is None else (place.type,),
            target_table=place.table,
            sort_column="created_date_time",
            sort_order="DESC",
            page_size=MOST_SUMMARIES,
            limit=MOST_SUMMARIES,
        )

    def _is_possible(self, summary: JobState) -> bool:
        if summary.job_id in self._foreign:
            return False
        return None in (self._place.source, summary.source_table) or self._place.source == summary.source_table

    def _describe(self, job_id: str) -> Candidate | None:
        try:
            job = self._hook.get_job(job_id)
        except PolarisNotFoundError:
            return None
        is_marked = marker_in(job) is not None
        self._echoes_markers = self._echoes_markers or is_marked
        candidate = match_job(job, self._wanted)
        if candidate is None:
            self._foreign.add(job_id)  # what a job asks for never changes
            self._has_unmarked_strangers = self._has_unmarked_strangers or not is_marked
        return candidate

    def _warn(self, candidates: list[Candidate]) -> None:
        unmarked = [each.state.job_id for each in candidates if not each.is_certain]
        if self._wanted.was_marked and unmarked and not self._echoes_markers and not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "Polaris doesn't show the marker %r in the context of job %r, so this task's job can only be told from "
                "others by what it asks for.",
                "airflow",
                unmarked[0],
            )


def _table(spec: Mapping[str, Any], part: str) -> str | None:
    value = spec.get(part)
    name = value.get("tableName") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else None
