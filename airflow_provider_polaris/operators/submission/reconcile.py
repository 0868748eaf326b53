# SPDX-License-Identifier: Apache-2.0
"""
Find the jobs that earlier tries of the same task may have submitted, before a job is submitted.

A retry resumes the job of the previous try. A cleared task submits a new job after the old one has ended. If the state
of the earlier job is unknown, a replace job is submitted again, because it is idempotent; an append job is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
from airflow_provider_polaris.jobs.idempotency.fingerprint import changed_fields
from airflow_provider_polaris.jobs.idempotency.matching import JobCriteria, adds_rows
from airflow_provider_polaris.jobs.place import name_place
from airflow_provider_polaris.jobs.spec.context import takes_marker
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.statuses import STATUSES_WITHOUT_EFFECT
from airflow_provider_polaris.operators.submission.attempt import SubmissionAttempt
from airflow_provider_polaris.operators.submission.cancel_previous import cancel_and_wait
from airflow_provider_polaris.operators.submission.find_job import (
    MOST_SUMMARIES,
    POLL_SECONDS,
    VISIBILITY_WAIT,
    Search,
    SearchResult,
    SearchScope,
)
from airflow_provider_polaris.operators.submission.record import Record

_MAY_RUN_ON = "If an earlier try left a job, it may continue. A retry of this task searches for it."


@dataclass(frozen=True)
class Reconciled:
    """
    Result of the reconciliation.

    :param job: The task's job; None if a job must be submitted.
    :param outcome: How the job was found.
    :param record: The record before the reconciliation.
    :param past: Ids of earlier jobs that are no longer relevant.
    :param replaced: Id of the job that was ended to be replaced; None if there is none.
    :param number: Number of the next submission with the task's marker; see :class:`~.record.Record`.
    """

    job: JobState | None = None
    outcome: Literal["adopted", "resumed"] = "resumed"
    record: Record | None = None
    past: tuple[str, ...] = ()
    replaced: str | None = None
    number: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON, for a task that is deferred before it submits its job."""
        record = None if self.record is None else self.record.to_json()
        return {"record": record, "past": list(self.past), "replaced": self.replaced, "number": self.number}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any], record: Record | None) -> Reconciled:
        """
        Return the result before a deferral.

        :param saved: The result of :meth:`to_json`.
        :param record: The present record.
        """
        return cls(None, "resumed", record, tuple(saved["past"]), saved["replaced"], saved["number"])


class Reconciliation:
    """
    Finds the task's existing job in the job list, or ensures that a new one may be submitted.

    :param attempt: Inputs of the attempt.
    """

    def __init__(self, attempt: SubmissionAttempt) -> None:
        self._attempt = attempt
        self._past: list[str] = []
        self._replaced: str | None = None
        self._number = 1

    def run(self) -> Reconciled:
        """
        Find the job of this task, or ensure that a new one may be submitted.

        :raises PolarisGuardError: Submitting could add rows twice, or several jobs match and none can be selected.
        :raises PolarisError: A request failed, or the old job doesn't end.
        """
        record = self._attempt.records.load()
        if record is None:
            return self._without_record()
        self._past = list(record.past)
        self._number = record.number if record.epoch == self._attempt.identity.epoch else 1
        job: JobState | None = None
        if record.may_have_job and record.project.lower() != self._attempt.project.lower():
            self._check_other_project(record)
        elif record.job_id is not None:
            job = self._with_job(record, record.job_id)
        elif record.sent is not None:
            job = self._with_intent(record, record.sent)
        outcome: Literal["adopted", "resumed"] = "adopted" if record.job_id is None else "resumed"
        return Reconciled(job, outcome, record, tuple(self._past), self._replaced, self._number)

    def _check_other_project(self, record: Record) -> None:
        attempt = self._attempt
        if record.epoch == attempt.identity.epoch:
            raise attempt.messages.other_project(record.job_id, name_place(record.project, record.api))
        if self._must_not_repeat(attempt.adds_rows):
            raise attempt.messages.other_project_cleared(record.job_id, name_place(record.project, record.api))

    def _with_job(self, record: Record, job_id: str) -> JobState | None:
        # First of all, so that a kill from now on cancels this job.
        self._attempt.kill.set_job(job_id, self._attempt.log)
        job = self._describe(job_id, record.sent)
        if job is None:
            if self._must_not_repeat(self._attempt.adds_rows):
                raise self._attempt.messages.gone(job_id)
            self._past.append(job_id)
            return None
        changed = changed_fields(record.fingerprint, self._attempt.fingerprint)
        return self._decide(job, changed, is_clear=record.epoch != self._attempt.identity.epoch)

    def _describe(self, job_id: str, sent: datetime | None) -> JobState | None:
        """Return the job; None if Polaris returns 404 after the wait for a new job to become visible."""
        attempt = self._attempt
        end = self._end_of_wait(sent)
        is_logged = False
        while True:
            try:
                return JobState.from_wire(attempt.hook.get_job(job_id))
            except PolarisNotFoundError:
                if attempt.clock.now() >= end:
                    return None
            if not is_logged:
                is_logged = True
                attempt.log.info(
                    "The service returned 404 for job %r, which an earlier try of this task submitted. It may be "
                    "too new to be visible. This task polls again for up to %.0f s.",
                    job_id,
                    (end - attempt.clock.now()).total_seconds(),
                )
            attempt.clock.sleep(POLL_SECONDS, attempt.is_killed)
            attempt.check_alive()

    def _with_intent(self, record: Record, sent: datetime) -> JobState | None:
        """Search for a job whose POST was recorded, but whose answer was not read or not stored."""
        attempt = self._attempt
        changed = changed_fields(record.fingerprint, attempt.fingerprint)
        is_clear = record.epoch != attempt.identity.epoch
        marker = attempt.identity.marker(record.api, record.project, record.epoch)
        wanted = JobCriteria(
            record.fingerprint,
            {marker: record.epoch},
            # A job that isn't adopted will be canceled, which must not happen to another task's job.
            needs_certainty=attempt.adds_rows or is_clear or bool(changed),
            was_marked=record.is_marked,
        )
        scope = SearchScope(record.table) if changed else attempt.scope
        search = Search(attempt.hook, wanted, scope, since=record.since, past=self._past, log=attempt.log)
        result = self._find_job("was about to submit a job and recorded no outcome", search, self._end_of_wait(sent))
        return self._judge(result, changed, is_clear=is_clear)

    def _without_record(self) -> Reconciled:
        attempt = self._attempt
        identity, is_durable = attempt.identity, attempt.records.are_durable
        if identity.first_try_ever and not attempt.records.was_unreadable:
            return Reconciled()
        # It is unknown whether the first try after a clear has checked older jobs, so all tries check them.
        is_clear = identity.was_cleared or identity.first_try_ever
        # With a store, a job of an earlier try has a record, unless that was lost. So an unmarked job with the same
        # spec belongs to another task, and may have read older data. Only an append must consider that it is its own.
        # Without a store, an unmarked append can't be distinguished from another task's job with the same spec. A job
        # type that takes no marker can be compared by its spec.
        may_compare = attempt.adds_rows if is_durable else not (attempt.adds_rows or takes_marker(attempt.spec))
        if not attempt.may_be_marked and (is_clear or not may_compare):
            self._check_may_submit_unseen()
            return Reconciled()
        wanted = JobCriteria(
            attempt.fingerprint,
            identity.markers(attempt.api, attempt.project) if attempt.may_be_marked else {},
            needs_certainty=attempt.adds_rows or is_clear,
            was_marked=False,
        )
        # Jobs of earlier epochs may be older than the start of the run.
        since = None if is_clear else identity.run_started
        search = Search(attempt.hook, wanted, attempt.scope, since=since, past=(), log=attempt.log)
        now = attempt.clock.now()
        # With a store, such a new job would have a record.
        end = now if is_durable else now + VISIBILITY_WAIT
        result = self._find_job("may have submitted a job without a record in Airflow", search, end)
        found = result.choice.job
        is_marked = any(each.is_certain for each in result.choice.doubtful)
        if found is not None and found.epoch is not None:
            job = self._decide(found.state, found.differences, is_clear=found.epoch != identity.epoch)
        elif (is_clear or (is_durable and not attempt.adds_rows)) and not is_marked:
            self._check_may_submit_unseen()
            job = None
        else:
            if result.is_blind and not is_durable:
                self._check_may_submit_unseen()
            job = self._judge(result, (), is_clear=is_clear)
        return Reconciled(job, "adopted", None, tuple(self._past), self._replaced)

    def _find_job(self, why: str, search: Search, end: datetime) -> SearchResult:
        attempt = self._attempt
        seconds = (end - attempt.clock.now()).total_seconds()
        if seconds > 0:
            attempt.log.info(
                "An earlier try of this task %s. This try searches for the job for up to %.0f s before it submits one.",
                why,
                seconds,
            )
        result = search.run_until(end, attempt.clock, attempt.is_killed)
        attempt.check_alive(_MAY_RUN_ON)
        return result

    def _check_may_submit_unseen(self) -> None:
        if self._must_not_repeat(self._attempt.adds_rows):
            raise self._attempt.messages.nothing_known()

    def _judge(self, result: SearchResult, changed: tuple[str, ...], *, is_clear: bool) -> JobState | None:
        """Return the job that a search found, or None if a new job may be submitted."""
        attempt = self._attempt
        doubtful = result.choice.doubtful
        if doubtful:
            has_ended = all(each.state.is_terminal for each in doubtful)
            # A clear requests another job. Only a job that is still active prevents it.
            if self._must_not_repeat(attempt.adds_rows) or (not attempt.adds_rows and not (is_clear and has_ended)):
                raise attempt.messages.doubtful(doubtful)
            return None
        if result.choice.job is not None:
            return self._decide(result.choice.job.state, changed, is_clear=is_clear)
        if not result.is_complete and self._must_not_repeat(attempt.adds_rows):
            raise attempt.messages.unseen(MOST_SUMMARIES)
        return None

    def _decide(self, job: JobState, changed: tuple[str, ...], *, is_clear: bool) -> JobState | None:
        """Return the job if the task resumes it. Otherwise ensure that another job may be submitted; return None."""
        attempt = self._attempt
        is_unwanted = job.desired_status == "canceled"
        if job.status in STATUSES_WITHOUT_EFFECT:
            self._past.append(job.job_id)
            return None
        if not (is_clear or changed or is_unwanted):
            return job
        must_not_repeat = self._must_not_repeat(attempt.adds_rows or adds_rows(job))
        if not job.is_terminal:
            if must_not_repeat and not (is_clear or is_unwanted):
                raise attempt.messages.changed_while_active(job, changed)
            status = self._cancel_and_wait(job.job_id)
            if status is None and must_not_repeat:
                raise attempt.messages.gone(job.job_id)
            job = replace(job, status=status or "unknown")
        if job.status == "completed" and must_not_repeat:
            raise attempt.messages.completed(job, _reason(changed, is_clear=is_clear))
        if job.status == "completed" and attempt.adds_rows:
            attempt.log.warning(
                "Job %r, which this task submitted before, has completed, and its rows were added. A new job "
                "adds them again, because repeat_append=True.",
                job.job_id,
            )
        self._past.append(job.job_id)
        return None

    def _cancel_and_wait(self, job_id: str) -> str | None:
        attempt = self._attempt
        status = cancel_and_wait(attempt.hook, job_id, limits=attempt.limits, log=attempt.log)
        self._replaced = job_id
        return status

    def _must_not_repeat(self, adds: bool) -> bool:
        return adds and not self._attempt.repeat_append

    def _end_of_wait(self, sent: datetime | None) -> datetime:
        """
        Return the time after which a job that is still invisible doesn't exist.

        :param sent: When the client received the job, by the clock of another worker, which may be wrong. The client
            may have waited before it sent the POST.
        """
        now = self._attempt.clock.now()
        if sent is None:
            return now
        return min(sent, now) + timedelta(seconds=self._attempt.hook.settings.retry_budget) + VISIBILITY_WAIT


def _reason(changed: tuple[str, ...], *, is_clear: bool) -> str:
    if is_clear:
        return "because the task was cleared"
    if changed:
        return f"because the job changed ({', '.join(changed)})"
    return "because the cancellation of that job was requested"
