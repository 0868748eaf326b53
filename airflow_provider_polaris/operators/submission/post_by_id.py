# SPDX-License-Identifier: Apache-2.0
"""Send a job to a service that accepts marker and number only once: after an unknown outcome, send the same again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisError,
    PolarisThrottledError,
)
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.submission.attempt import SubmissionAttempt
from airflow_provider_polaris.operators.submission.messages import cause
from airflow_provider_polaris.operators.submission.post import (
    MOST_POSTS,
    THROTTLE_LIMIT,
    THROTTLE_SECONDS,
    THROTTLED,
    JobPost,
)
from airflow_provider_polaris.operators.submission.reconcile import Reconciled
from airflow_provider_polaris.operators.submission.record import Record

#: Seconds before the second submission; twice as many before the third.
_PAUSE: Final = 10.0

#: Seconds before a job is sent again that the service had no capacity for, without ``Retry-After``.
_THROTTLED_PAUSE: Final = 15.0

_AGAIN: Final = "A retry of this task sends the same job again under the same id, which the service accepts only once."


class JobPostById(JobPost):
    """
    Sends the job of one attempt under the id that follows from its marker and number.

    :param attempt: Inputs of the attempt.
    :param earlier: Result of the reconciliation.
    """

    #: Druid takes any key (OBSERVED(Druid 27)), but a key may need a permission. Source:
    #: github.com/apache/druid/issues/20847 (``druid.auth.authorizeQueryContextParams``; the category is FORBIDDEN).
    _refused_origin = 403

    def __init__(self, attempt: SubmissionAttempt, earlier: Reconciled) -> None:
        super().__init__(attempt, earlier)
        record = earlier.record
        #: Whether an earlier submission may still arrive, so that a refusal does not mean that there is no job.
        self._is_doubtful = record is not None and record.job_id is None and record.sent is not None

    def run(self) -> tuple[JobState, bool]:
        """
        Send the job, and send it again while the outcome is unknown.

        :return: The job, and False: nothing is searched for.
        :raises PolarisAmbiguousSubmitError: It is unknown whether there is a job; a retry sends the same again.
        :raises PolarisError: This try has created no job.
        """
        attempt = self._attempt
        for number in range(1, MOST_POSTS + 1):
            try:
                return self._post(self._write())
            except PolarisAmbiguousSubmitError as error:
                self._is_doubtful = True
                doubt = error
            if number < MOST_POSTS:
                pause = _PAUSE * number
                attempt.log.warning(
                    "It is unknown whether the job was accepted. In %.0f s this task sends it again under the same id, "
                    "which is accepted only once: %s",
                    pause,
                    cause(doubt),
                )
                attempt.clock.sleep(pause, attempt.is_killed)
            if attempt.is_killed():
                raise PolarisAmbiguousSubmitError(
                    f"{cause(doubt)} The task was killed before it could send the job again. If there is a job, it "
                    f"continues. {_AGAIN}",
                    spec=attempt.spec,
                ) from doubt.__cause__
        raise PolarisAmbiguousSubmitError(
            f"{cause(doubt)} The job was sent {MOST_POSTS} times under one id, and it is unknown whether it was "
            f"accepted. {_AGAIN}",
            spec=attempt.spec,
        ) from doubt.__cause__

    def run_after_pause(self) -> tuple[JobState, bool]:
        """Send the job again, under the same id."""
        return self.run()

    def _send(self, record: Record, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to the POST. After a 429, or without capacity, send the job again for a limited time."""
        attempt = self._attempt
        end = attempt.limits.start(THROTTLED) + THROTTLE_LIMIT
        while True:
            try:
                return attempt.hook.submit_job(spec, repeat_throttled=False)
            except PolarisThrottledError as error:
                pause = max(error.retry_after or 0.0, _THROTTLED_PAUSE) + THROTTLE_SECONDS * attempt.clock.jitter()
                if attempt.clock.now() + timedelta(seconds=pause) > end:
                    raise
                if attempt.memory.waits.is_new_line(THROTTLED, str(error)):
                    attempt.log.info(
                        "The job can't be submitted now. This task tries again every %.0f s, for up to %.0f s: %s",
                        pause,
                        THROTTLE_LIMIT.total_seconds(),
                        error,
                    )
            attempt.pause_throttled(record, pause)
            attempt.check_alive("The service had no capacity for it.")
            self._write()

    def _may_drop_marker(self, record: Record) -> bool:  # noqa: ARG002
        """Return False: the marker makes the repetition safe."""
        return False

    def _note_refusal(self, record: Record, error: PolarisError) -> None:
        if not self._is_doubtful:
            super()._note_refusal(record, error)
