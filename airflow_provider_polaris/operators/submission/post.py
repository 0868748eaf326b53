# SPDX-License-Identifier: Apache-2.0
"""
Send a job once: store the record, POST the job, and if the outcome is unknown, search for the job before the next POST.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisError,
    PolarisGuardError,
    PolarisJobCanceledError,
    PolarisSpecError,
    PolarisThrottledError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.idempotency.matching import JobCriteria
from airflow_provider_polaris.jobs.spec.context import with_marker
from airflow_provider_polaris.jobs.spec.origin import ORIGIN_KEY, with_origin
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.submission.attempt import SubmissionAttempt
from airflow_provider_polaris.operators.submission.find_job import MOST_SUMMARIES, VISIBILITY_WAIT, Search
from airflow_provider_polaris.operators.submission.messages import cause, lost_cause
from airflow_provider_polaris.operators.submission.reconcile import Reconciled
from airflow_provider_polaris.operators.submission.record import MarkerUse, Record
from airflow_provider_polaris.operators.submission.refused_context import (
    WITHOUT_KEYS,
    WITHOUT_MARKER,
    WITHOUT_ORIGIN,
    Dropped,
)

#: Maximum number of POSTs in one try, if every answer is lost and no job appears in the list.
MOST_POSTS: Final = 3

#: Statuses of answers after which a job may exist: conflict, too many requests.
_INCONCLUSIVE: Final = frozenset({409, 429})

#: Status of an answer that may refuse a key of the context.
_REFUSED_CONTEXT: Final = 400

#: Name of the wait after a 429.
THROTTLED: Final = "throttled POST"

#: Maximum time in one try to repeat a POST that Polaris answers with 429.
THROTTLE_LIMIT: Final = timedelta(minutes=5)

#: Seconds added to the wait after a 429, times a random factor, so that tasks don't retry simultaneously.
THROTTLE_SECONDS: Final = 5.0


class JobPost:
    """
    Sends the job of one attempt.

    :param attempt: Inputs of the attempt.
    :param earlier: Result of the reconciliation.
    """

    #: Status of an answer that may refuse the origin.
    _refused_origin = _REFUSED_CONTEXT

    def __init__(self, attempt: SubmissionAttempt, earlier: Reconciled) -> None:
        self._attempt = attempt
        self._before = before = earlier.record
        self._past = earlier.past
        self._number = earlier.number
        was_refused = before is not None and before.marker == "refused"
        self._marker: MarkerUse = "none"
        if attempt.may_be_marked:
            self._marker = "refused" if was_refused else "sent"
        self._spec: Mapping[str, Any] = attempt.spec
        self._has_origin = ORIGIN_KEY not in (attempt.spec.get("context") or {})

    def run(self) -> tuple[JobState, bool]:
        """
        Send the job.

        :return: The job, and whether it was found by a search.
        :raises PolarisAmbiguousSubmitError: It is unknown whether there is a job; a retry searches for it.
        :raises PolarisGuardError: It is unknown whether a job is this task's.
        :raises PolarisError: There is no job.
        """
        doubt: PolarisAmbiguousSubmitError | None = None
        for number in range(MOST_POSTS):
            if doubt is not None:
                self._attempt.log.info(
                    "The POST whose answer was lost created no job, so the job is sent again (%d of %d).",
                    number + 1,
                    MOST_POSTS,
                )
            try:
                return self._post(self._write())
            except PolarisAmbiguousSubmitError as error:
                doubt = error
            assert self._before is not None  # the record of the last POST
            job = self._find_job(self._before, doubt)
            if job is not None:
                return job, True
        raise PolarisAmbiguousSubmitError(
            f"{cause(doubt)} The job was sent {MOST_POSTS} times, and no job was found afterwards. A retry "
            "of this task searches again before it sends the job again.",
            spec=self._attempt.spec,
        ) from lost_cause(doubt)

    def run_after_pause(self) -> tuple[JobState, bool]:
        """
        Send the job again after a 429 and a deferral; see :meth:`run`. The record of that POST is the earlier one.

        :return: The job, and whether it was found by a search.
        """
        assert self._before is not None
        found = self._find_throttled(self._before)
        return self.run() if found is None else (self._adopt(self._before, found), True)

    def _write(self) -> Record:
        self._attempt.check_alive()
        self._attempt.memory.sent = True
        record = self._attempt.record(
            self._before, self._past, self._attempt.clock.now(), self._marker, number=self._number
        )
        self._attempt.records.write(record)
        self._before = record
        return record

    def _post(self, record: Record) -> tuple[JobState, bool]:
        attempt = self._attempt
        spec = with_marker(self._spec, attempt.marker, record.number) if record.is_marked else self._spec
        if self._sends_origin(record):
            spec = with_origin(spec, attempt.identity.origin)
        attempt.log.debug("Job spec: %s", spec)
        dropped: Dropped | None = None
        try:
            answer = self._send(record, spec)
        except PolarisError as error:
            dropped = self._drop_part(record, error)
            if dropped is None:
                self._note_refusal(record, error)
                raise
        if dropped is not None:  # outside of except, so that the next error isn't chained to this one
            posted = self._post(self._write())
            if self._marker == "sent" or not dropped.needs_marker:
                attempt.log.log(dropped.level, dropped.line, dropped.what, dropped.refusal)
            return posted
        if isinstance(answer, JobState):
            return self._adopt(record, answer), True
        # Store the id first: a kill may arrive immediately.
        attempt.note_job(record, answer["id"])
        return JobState.from_wire(answer), False

    def _send(self, record: Record, spec: Mapping[str, Any]) -> Mapping[str, Any] | JobState:
        """
        Return the answer to the POST. If the answer was 429 but created a job, return that job.

        The pause after a 429 is long enough for such a job to appear in the list. No request is made during the pause.
        """
        attempt = self._attempt
        end = attempt.limits.start(THROTTLED) + THROTTLE_LIMIT
        while True:
            try:
                return attempt.hook.submit_job(spec, repeat_throttled=False)
            except PolarisThrottledError as error:
                pause = max(error.retry_after or 0.0, VISIBILITY_WAIT.total_seconds())
                pause += THROTTLE_SECONDS * attempt.clock.jitter()
                if attempt.clock.now() + timedelta(seconds=pause) > end:
                    raise
                attempt.log.info(
                    "The service received too many requests. In %.0f s this task checks whether the service "
                    "accepted the job anyway, and if not, sends it again: %s",
                    pause,
                    error,
                )
                attempt.pause_throttled(record, pause)
                attempt.check_alive(
                    "The service answered its last POST with 429. If it accepted the job anyway, the job "
                    "continues, and a retry of this task searches for it."
                )
                try:
                    found = self._find_throttled(record)
                except PolarisGuardError:
                    raise
                except PolarisError as trouble:
                    raise error from trouble
            if found is not None:
                return found
            self._write()

    def _find_throttled(self, record: Record) -> JobState | None:
        """Return the job that a POST created although it was answered with 429; None if there is none."""
        choice = self._search(record).run_once().choice
        if choice.job is not None:
            return choice.job.state
        if choice.doubtful and self._must_not_repeat:
            raise self._attempt.messages.doubtful(choice.doubtful)
        return None

    def _drop_part(self, record: Record, error: PolarisError) -> Dropped | None:
        """
        Drop a part of the job's context that may be the reason for a refusal, and return what to log about it.

        First the origin, then the marker, then the optional keys. None if nothing is left that may be dropped.
        """
        if not isinstance(error, PolarisApiError):
            return None
        if error.status == self._refused_origin and self._sends_origin(record):
            self._has_origin = False
            return Dropped(logging.INFO, WITHOUT_ORIGIN, ORIGIN_KEY, error, needs_marker=True)
        if error.status != _REFUSED_CONTEXT:
            return None
        if self._may_drop_marker(record):
            self._marker = "refused"
            return Dropped(logging.WARNING, WITHOUT_MARKER, self._attempt.hook.polaris_conn_id, error)
        if self._spec == self._attempt.plain_spec():
            return None
        self._spec = self._attempt.plain_spec()
        keys = ", ".join(map(repr, sorted(self._attempt.optional_context)))
        return Dropped(logging.WARNING, WITHOUT_KEYS, keys, error)

    def _sends_origin(self, record: Record) -> bool:
        """Whether the job says which task made it: only beside the marker, and not if the user uses the key."""
        return self._has_origin and record.is_marked

    def _may_drop_marker(self, record: Record) -> bool:
        """Whether the job may be sent without its marker."""
        return record.is_marked

    def _note_refusal(self, record: Record, error: PolarisError) -> None:
        refused = isinstance(error, PolarisApiError) and error.status not in _INCONCLUSIVE
        if refused or isinstance(error, PolarisTransportError | PolarisSpecError):
            # Polaris also rejects the job without the marker, so the marker is not the reason.
            self._attempt.records.note(replace(record, sent=None, marker="none"))

    def _find_job(self, record: Record, doubt: PolarisAmbiguousSubmitError) -> JobState | None:
        """Return the job that a POST without an answer created; None if there is none."""
        attempt = self._attempt
        # The client may have waited before it sent the POST.
        end = attempt.clock.now() + VISIBILITY_WAIT
        attempt.log.warning(
            "It is unknown whether the service accepted the job. This task searches for it for up to %.0f s: %s",
            VISIBILITY_WAIT.total_seconds(),
            lost_cause(doubt) or doubt,
        )
        try:
            result = self._search(record).run_until(end, attempt.clock, attempt.is_killed)
        except PolarisError as error:
            raise PolarisAmbiguousSubmitError(
                f"{cause(doubt)} It is unknown whether the service accepted the job, and the search for it failed: "
                f"{error} A retry of this task searches for the job before it sends it again.",
                spec=attempt.spec,
            ) from lost_cause(doubt)
        choice = result.choice
        if choice.job is not None:
            return self._adopt(record, choice.job.state)
        if attempt.kill.is_killed:
            raise PolarisAmbiguousSubmitError(
                f"{cause(doubt)} The task was killed before it could check whether there is a job. If there is one, "
                "it continues. A retry of this task searches for the job before it sends it again.",
                spec=attempt.spec,
            ) from lost_cause(doubt)
        if choice.doubtful and (self._must_not_repeat or not attempt.adds_rows):
            raise attempt.messages.doubtful(choice.doubtful) from lost_cause(doubt)
        if not result.is_complete and self._must_not_repeat:
            raise attempt.messages.unseen(MOST_SUMMARIES) from lost_cause(doubt)
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
        return Search(attempt.hook, wanted, attempt.scope, since=record.since, past=self._past, log=attempt.log)

    def _adopt(self, record: Record, job: JobState) -> JobState:
        attempt = self._attempt
        attempt.note_job(record, job.job_id)
        if job.desired_status == "canceled" and not attempt.kill.is_killed:
            raise PolarisJobCanceledError(
                f"Job {job.job_id!r} ({job.purpose}), which this task has just submitted, is {job.status!r}, "
                "and its cancellation was requested elsewhere. A retry of this task submits a new job after it has "
                "ended.",
                job_id=job.job_id,
                state=job.status,
            )
        return job
