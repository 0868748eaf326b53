"""
Send a job, once: write it down, POST it, and if nobody knows what came of that, look for it before it is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisError,
    PolarisJobCanceledError,
    PolarisSpecError,
    PolarisThrottledError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.idempotency.matching import JobCriteria
from airflow_provider_polaris.jobs.spec.context import with_marker
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.submission.attempt import SubmissionAttempt
from airflow_provider_polaris.operators.submission.find_job import MOST_SUMMARIES, VISIBILITY_WAIT, Search
from airflow_provider_polaris.operators.submission.record import MarkerUse, Record

#: So often a job is sent in one attempt if each time no answer came and no job.
MOST_POSTS: Final = 3

#: Answers that don't rule out that there is a job: a clash with the present state, too many requests.
_INCONCLUSIVE: Final = frozenset({409, 429})

#: So long an attempt goes on to send its job to a Polaris that answers with 429.
_THROTTLE_LIMIT: Final = timedelta(minutes=5)

#: Comes on top of the wait for which Polaris asks with a 429, so that tasks don't come back together.
_THROTTLE_SECONDS: Final = 5.0


class JobPost:
    """
    Sends the job of one attempt.

    :param attempt: What is known.
    :param before: The record that was found.
    :param past: Ids of jobs that are done with.
    """

    def __init__(self, attempt: SubmissionAttempt, before: Record | None, past: tuple[str, ...]) -> None:
        self._attempt = attempt
        self._before = before
        self._past = past
        was_refused = before is not None and before.marker == "refused"
        self._marker: MarkerUse = "none"
        if attempt.may_be_marked:
            self._marker = "refused" if was_refused else "sent"
        self._spec: Mapping[str, Any] = attempt.spec

    def run(self) -> tuple[JobState, bool]:
        """
        Send the job.

        :return: The job, and whether it had to be looked for.
        :raises PolarisAmbiguousSubmitError: Nobody knows whether there is a job; a retry will look for it.
        :raises PolarisGuardError: Nobody can tell whether a job is this task's.
        :raises PolarisError: There is no job.
        """
        doubt: PolarisAmbiguousSubmitError | None = None
        for number in range(MOST_POSTS):
            if doubt is not None:
                self._attempt.log.info(
                    "No job came of the POST whose answer was lost, so it is sent again (%d of %d).",
                    number + 1,
                    MOST_POSTS,
                )
            try:
                return self._post(self._write())
            except PolarisAmbiguousSubmitError as error:
                doubt = error
            assert self._before is not None  # what was sent last, with the marker or without
            job = self._look(self._before, doubt)
            if job is not None:
                return job, True
        raise PolarisAmbiguousSubmitError(
            f"{_cause(doubt)} It was sent {MOST_POSTS} times, and each time no job could be found afterwards. A retry "
            "of this task looks once more before it sends the job again.",
            spec=self._attempt.spec,
        ) from _lost(doubt)

    def _write(self) -> Record:
        self._attempt.check_alive()
        record = self._attempt.record(self._before, self._past, self._attempt.clock.now(), self._marker)
        self._attempt.records.write(record)
        self._before = record
        return record

    def _post(self, record: Record) -> tuple[JobState, bool]:
        attempt = self._attempt
        spec = with_marker(self._spec, attempt.marker) if record.is_marked else self._spec
        attempt.log.debug("Job spec: %s", spec)
        refusal: PolarisApiError | None = None
        try:
            answer = self._send(record, spec)
        except PolarisError as error:
            if not (isinstance(error, PolarisApiError) and error.status == 400 and self._has_additions(record)):
                self._note_refusal(record, error)
                raise
            refusal = error
        if refusal is not None:  # here, so that the next refusal doesn't drag this one along
            return self._post_unmarked(refusal) if record.is_marked else self._post_plain(refusal)
        if isinstance(answer, JobState):
            return self._adopt(record, answer), True
        # The id before anything else: a kill that comes one line later has to find it.
        attempt.note_job(record, answer["id"])
        return JobState.from_wire(answer), False

    def _send(self, record: Record, spec: Mapping[str, Any]) -> Mapping[str, Any] | JobState:
        """
        Return the answer to the POST or, if it was a 429 and there is a job all the same, that job.

        The pause after a 429 is so long that a job which came of it would show by its end; nothing is asked meanwhile.
        """
        attempt = self._attempt
        end = attempt.clock.now() + _THROTTLE_LIMIT
        while True:
            try:
                return attempt.hook.submit_job(spec, repeat_throttled=False)
            except PolarisThrottledError as error:
                pause = max(error.retry_after or 0.0, VISIBILITY_WAIT.total_seconds())
                pause += _THROTTLE_SECONDS * attempt.clock.jitter()
                if attempt.clock.now() + timedelta(seconds=pause) > end:
                    raise
                attempt.log.info(
                    "Polaris has too many requests; in %.0f s this task looks whether it took the job all the same, "
                    "and if not sends it again: %s",
                    pause,
                    error,
                )
                attempt.clock.sleep(pause, attempt.is_killed)
                attempt.check_alive(
                    "Polaris answered its last POST with 429; if it took the job all the same, that runs on, and a "
                    "retry of this task looks for it."
                )
                try:
                    choice = self._search(record).look().choice
                except PolarisError as trouble:
                    raise error from trouble
            if choice.job is not None:
                return choice.job.state
            if choice.doubtful and self._must_not_repeat:
                raise attempt.refusals.doubtful(choice.doubtful)
            self._write()

    def _post_unmarked(self, refusal: PolarisApiError) -> tuple[JobState, bool]:
        """The marker may be what Polaris doesn't like. That is written down first: nobody may expect it in the job."""
        self._marker = "refused"
        posted = self._post(self._write())
        self._attempt.log.warning(
            "Polaris took the job only without the marker that tells this task's jobs from others; set submit_marker "
            "of connection %r to 'off'. It said: %s",
            self._attempt.hook.polaris_conn_id,
            refusal,
        )
        return posted

    def _has_additions(self, record: Record) -> bool:
        """Whether this package has put something into the job's context, which Polaris may not like."""
        return record.is_marked or self._spec != self._attempt.plain_spec()

    def _post_plain(self, refusal: PolarisApiError) -> tuple[JobState, bool]:
        """What may be left out of the context may be what Polaris doesn't like."""
        self._spec = self._attempt.plain_spec()
        posted = self._post(self._write())
        self._attempt.log.warning(
            "Polaris took the job only without %s in its context. It said: %s",
            ", ".join(map(repr, sorted(self._attempt.optional_context))),
            refusal,
        )
        return posted

    def _note_refusal(self, record: Record, error: PolarisError) -> None:
        refused = isinstance(error, PolarisApiError) and error.status not in _INCONCLUSIVE
        if refused or isinstance(error, PolarisTransportError | PolarisSpecError):
            # What Polaris refuses without the marker, too, says nothing about the marker.
            self._attempt.records.note(replace(record, sent=None, marker="none"))

    def _look(self, record: Record, doubt: PolarisAmbiguousSubmitError) -> JobState | None:
        """Return the job that came of a POST without an answer; None if there is none."""
        attempt = self._attempt
        # The client may have tried for a while before the POST went out.
        end = attempt.clock.now() + VISIBILITY_WAIT
        attempt.log.warning(
            "Nobody knows whether Polaris accepted the job; this task looks for it, up to %.0f s: %s",
            VISIBILITY_WAIT.total_seconds(),
            _lost(doubt) or doubt,
        )
        try:
            outlook = self._search(record).until(end, attempt.clock, attempt.is_killed)
        except PolarisError as error:
            raise PolarisAmbiguousSubmitError(
                f"{_cause(doubt)} Nobody knows whether Polaris accepted the job, and it can't be looked for: {error} "
                "A retry of this task looks for it before it sends it again.",
                spec=attempt.spec,
            ) from _lost(doubt)
        choice = outlook.choice
        if choice.job is not None:
            return self._adopt(record, choice.job.state)
        if attempt.kill.thrown:
            raise PolarisAmbiguousSubmitError(
                f"{_cause(doubt)} The task was killed before it found out whether there is a job. If there is one, it "
                "runs on; a retry of this task looks for it before it sends it again.",
                spec=attempt.spec,
            ) from _lost(doubt)
        if choice.doubtful and (self._must_not_repeat or not attempt.adds_rows):
            raise attempt.refusals.doubtful(choice.doubtful) from _lost(doubt)
        if not outlook.is_complete and self._must_not_repeat:
            raise attempt.refusals.unseen(MOST_SUMMARIES) from _lost(doubt)
        return None

    @property
    def _must_not_repeat(self) -> bool:
        return self._attempt.adds_rows and not self._attempt.repeat_append

    def _search(self, record: Record) -> Search:
        attempt = self._attempt
        wanted = JobCriteria(
            record.fingerprint,
            {attempt.marker: record.epoch} if record.is_marked else {},
            needs_certainty=attempt.adds_rows,
            was_marked=record.is_marked,
        )
        return Search(attempt.hook, wanted, attempt.place, since=record.since, past=self._past, log=attempt.log)

    def _adopt(self, record: Record, job: JobState) -> JobState:
        attempt = self._attempt
        attempt.note_job(record, job.job_id)
        if job.desired_status == "canceled" and not attempt.kill.thrown:
            raise PolarisJobCanceledError(
                f"Polaris job {job.job_id!r} ({job.purpose}), which this task has just submitted, is {job.status!r} "
                "and was asked to cancel by somebody else. A retry of this task submits a new one once it has ended.",
                job_id=job.job_id,
                state=job.status,
            )
        return job


def _lost(doubt: PolarisAmbiguousSubmitError | None) -> BaseException | None:
    """
    Return what happened to the POST, as the cause of another error.

    Not the client's own error: it tells whoever uses the client alone to look for the job, which the task does itself.
    """
    return None if doubt is None else doubt.__cause__


def _cause(doubt: PolarisAmbiguousSubmitError | None) -> str:
    """Return what happened without the advice to look for the job, because that was or will be done."""
    return str(_lost(doubt) or doubt) if doubt is not None else ""
