"""
Before a job is submitted: what became of those that earlier tries of the same task may have submitted.

A retry goes on with the job of the try before. A cleared task gets a new one, once the old one has ended. Where nobody
can tell, a job that replaces data is submitted, and one that adds rows is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from airflow_provider_polaris.jobs.errors import PolarisJobTimeoutError, PolarisNotFoundError
from airflow_provider_polaris.jobs.idempotency.fingerprint import changed_fields
from airflow_provider_polaris.jobs.idempotency.matching import JobCriteria, adds_rows
from airflow_provider_polaris.jobs.spec.context import takes_marker
from airflow_provider_polaris.jobs.status.state import STATUSES_WITHOUT_EFFECT, JobState
from airflow_provider_polaris.operators.submission.attempt import SubmissionAttempt
from airflow_provider_polaris.operators.submission.cancel_previous import cancel_and_wait
from airflow_provider_polaris.operators.submission.find_job import (
    MOST_SUMMARIES,
    SECONDS_BETWEEN_LOOKS,
    VISIBILITY_WAIT,
    Search,
    SearchResult,
    SearchScope,
)
from airflow_provider_polaris.operators.submission.record import Record

_MAY_RUN_ON = "If an earlier try left a job, it may run on; a retry of this task looks for it."


@dataclass(frozen=True)
class Reconciled:
    """
    What there is to go on with.

    :param job: The task's job; None if there is none, and one is to be submitted.
    :param outcome: How it was found.
    :param record: The record as it was.
    :param past: Ids of jobs that are done with.
    :param settled: Id of the job whose end was brought about; None for none.
    """

    job: JobState | None = None
    outcome: Literal["adopted", "resumed"] = "resumed"
    record: Record | None = None
    past: tuple[str, ...] = ()
    settled: str | None = None


class Reconciliation:
    """
    Finds out.

    :param attempt: What is known.
    """

    def __init__(self, attempt: SubmissionAttempt) -> None:
        self._attempt = attempt
        self._past: list[str] = []
        self._settled: str | None = None

    def run(self) -> Reconciled:
        """
        Find the job of this task, or make sure that one may be submitted.

        :raises PolarisGuardError: To submit could add rows twice, or there are jobs between which nobody can choose.
        :raises PolarisError: What has to be known can't be asked for, or the old job doesn't end.
        """
        record = self._attempt.records.load()
        if record is None:
            return self._without_record()
        self._past = list(record.past)
        job: JobState | None = None
        if record.may_have_job and record.project.lower() != self._attempt.project.lower():
            self._check_other_project(record)
        elif record.job_id is not None:
            job = self._with_job(record, record.job_id)
        elif record.sent is not None:
            job = self._with_intent(record, record.sent)
        outcome: Literal["adopted", "resumed"] = "adopted" if record.job_id is None else "resumed"
        return Reconciled(job, outcome, record, tuple(self._past), self._settled)

    def _check_other_project(self, record: Record) -> None:
        attempt = self._attempt
        if record.epoch == attempt.identity.epoch:
            raise attempt.refusals.other_project(record.job_id, record.project, record.api)
        if self._must_not_repeat(attempt.adds_rows):
            raise attempt.refusals.other_project_cleared(record.job_id, record.project)

    def _with_job(self, record: Record, job_id: str) -> JobState | None:
        # Before anything that takes time: whoever kills the task now means this job.
        self._attempt.kill.job_is(job_id, self._attempt.log)
        job = self._describe(job_id, record.sent)
        if job is None:
            if self._must_not_repeat(self._attempt.adds_rows):
                raise self._attempt.refusals.gone(job_id)
            self._past.append(job_id)
            return None
        changed = changed_fields(record.fingerprint, self._attempt.fingerprint)
        return self._decide(job, changed, is_clear=record.epoch != self._attempt.identity.epoch)

    def _describe(self, job_id: str, sent: datetime | None) -> JobState | None:
        """Return the job; None if Polaris doesn't know it, which proves nothing while it is new."""
        attempt = self._attempt
        end = self._end_of_wait(sent)
        is_told = False
        while True:
            try:
                return JobState.from_wire(attempt.hook.get_job(job_id))
            except PolarisNotFoundError:
                if attempt.clock.now() >= end:
                    return None
            if not is_told:
                is_told = True
                attempt.log.info(
                    "Polaris doesn't know job %r, which an earlier try of this task submitted. It may be too new to be "
                    "shown; this task asks again, up to %.0f s.",
                    job_id,
                    (end - attempt.clock.now()).total_seconds(),
                )
            attempt.clock.sleep(SECONDS_BETWEEN_LOOKS, attempt.is_killed)
            attempt.check_alive()

    def _with_intent(self, record: Record, sent: datetime) -> JobState | None:
        """Look for a job that was to be sent, and of which the answer was not read or not written down."""
        attempt = self._attempt
        changed = changed_fields(record.fingerprint, attempt.fingerprint)
        is_clear = record.epoch != attempt.identity.epoch
        marker = attempt.identity.marker(record.api, record.project, record.epoch)
        wanted = JobCriteria(
            record.fingerprint,
            {marker: record.epoch},
            # What isn't to be taken up will be canceled, and that must not happen to another task's job.
            needs_certainty=attempt.adds_rows or is_clear or bool(changed),
            was_marked=record.is_marked,
        )
        place = SearchScope(record.table) if changed else attempt.place
        search = Search(attempt.hook, wanted, place, since=record.since, past=self._past, log=attempt.log)
        outlook = self._look("was about to submit a job and wrote down no outcome", search, self._end_of_wait(sent))
        return self._judge(outlook, changed, is_clear=is_clear)

    def _without_record(self) -> Reconciled:
        attempt = self._attempt
        identity, is_durable = attempt.identity, attempt.records.are_durable
        if identity.first_try_ever and not attempt.records.was_unreadable:
            return Reconciled()
        # Nobody knows whether the first try after a clear came so far as to look at older jobs, so all tries do.
        is_clear = identity.was_cleared or identity.first_try_ever
        # With a store, a job that an earlier try sent has its record, unless that was lost: what merely asks for the
        # same is somebody else's then, and may have done it too early. Only an append has to fear that it is its own.
        # Without, an append that has no marker can't be told from a twin's; a type that takes none can be compared.
        may_compare = attempt.adds_rows if is_durable else not (attempt.adds_rows or takes_marker(attempt.spec))
        if not attempt.may_be_marked and (is_clear or not may_compare):
            self._check_may_go_blind()
            return Reconciled()
        wanted = JobCriteria(
            attempt.fingerprint,
            identity.markers(attempt.api, attempt.project) if attempt.may_be_marked else {},
            needs_certainty=attempt.adds_rows or is_clear,
            was_marked=False,
        )
        # Jobs of earlier epochs may be older than the run says.
        since = None if is_clear else identity.run_started
        search = Search(attempt.hook, wanted, attempt.place, since=since, past=(), log=attempt.log)
        now = attempt.clock.now()
        # With a store, a job that is so young would have its record.
        end = now if is_durable else now + VISIBILITY_WAIT
        outlook = self._look("may have submitted a job of which Airflow has no record", search, end)
        found = outlook.choice.job
        is_marked = any(each.is_certain for each in outlook.choice.doubtful)
        if found is not None and found.epoch is not None:
            job = self._decide(found.state, found.differences, is_clear=found.epoch != identity.epoch)
        elif (is_clear or (is_durable and not attempt.adds_rows)) and not is_marked:
            self._check_may_go_blind()
            job = None
        else:
            if outlook.is_blind and not is_durable:
                self._check_may_go_blind()
            job = self._judge(outlook, (), is_clear=is_clear)
        return Reconciled(job, "adopted", None, tuple(self._past), self._settled)

    def _look(self, why: str, search: Search, end: datetime) -> SearchResult:
        attempt = self._attempt
        seconds = (end - attempt.clock.now()).total_seconds()
        if seconds > 0:
            attempt.log.info(
                "An earlier try of this task %s; this try looks for it, up to %.0f s, before it submits anything.",
                why,
                seconds,
            )
        outlook = search.until(end, attempt.clock, attempt.is_killed)
        attempt.check_alive(_MAY_RUN_ON)
        return outlook

    def _check_may_go_blind(self) -> None:
        if self._must_not_repeat(self._attempt.adds_rows):
            raise self._attempt.refusals.nothing_known()

    def _judge(self, outlook: SearchResult, changed: tuple[str, ...], *, is_clear: bool) -> JobState | None:
        """Draw the conclusion from a search."""
        attempt = self._attempt
        doubtful = outlook.choice.doubtful
        if doubtful:
            has_ended = all(each.state.is_terminal for each in doubtful)
            # A clear says: once more. Nothing stands against that but a job that is still at work.
            if self._must_not_repeat(attempt.adds_rows) or (not attempt.adds_rows and not (is_clear and has_ended)):
                raise attempt.refusals.doubtful(doubtful)
            return None
        if outlook.choice.job is not None:
            return self._decide(outlook.choice.job.state, changed, is_clear=is_clear)
        if not outlook.is_complete and self._must_not_repeat(attempt.adds_rows):
            raise attempt.refusals.unseen(MOST_SUMMARIES)
        return None

    def _decide(self, job: JobState, changed: tuple[str, ...], *, is_clear: bool) -> JobState | None:
        """Return the job if it is to be gone on with; else see to it that another one may be submitted."""
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
                raise attempt.refusals.changed_while_active(job, changed)
            status = self._settle(job.job_id)
            if status is None and must_not_repeat:
                raise attempt.refusals.gone(job.job_id)
            job = replace(job, status=status or "unknown")
        if job.status == "completed" and must_not_repeat:
            raise attempt.refusals.completed(job, _reason(changed, is_clear=is_clear))
        if job.status == "completed" and attempt.adds_rows:
            attempt.log.warning(
                "Polaris job %r, which this task submitted before, has completed, and its rows are in; a new job adds "
                "them once more, because repeat_append=True says so.",
                job.job_id,
            )
        self._past.append(job.job_id)
        return None

    def _settle(self, job_id: str) -> str | None:
        attempt = self._attempt
        try:
            status = cancel_and_wait(attempt.hook, job_id, clock=attempt.clock, stop=attempt.is_killed, log=attempt.log)
        except PolarisJobTimeoutError:
            attempt.check_alive()
            raise
        self._settled = job_id
        return status

    def _must_not_repeat(self, adds: bool) -> bool:
        return adds and not self._attempt.repeat_append

    def _end_of_wait(self, sent: datetime | None) -> datetime:
        """
        Return when a job that was sent is visible, or doesn't exist.

        :param sent: When the client was given the job, by the clock of another worker, which may be wrong. It may have
            tried for a while before the POST went out.
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
    return "because somebody wanted that job canceled"
