# SPDX-License-Identifier: Apache-2.0
"""
Find the jobs of earlier tries at a service that accepts marker and number only once, and keep late submissions out.

The ids of these jobs follow from the markers, so no list is searched. A submission may arrive at any time: that a job
is not there proves nothing. Within an epoch, the next submission therefore has the same marker and number, of which the
service accepts one. Before a new epoch submits, the marker of the old one is blocked.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from airflow_provider_polaris.jobs.errors import PolarisConflictError
from airflow_provider_polaris.jobs.idempotency.fingerprint import contradictions
from airflow_provider_polaris.jobs.spec.context import number_in
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.submission.attempt import SubmissionAttempt
from airflow_provider_polaris.operators.submission.reconcile import Reconciled, Reconciliation
from airflow_provider_polaris.operators.submission.record import Record

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IdempotentService

#: Maximum number of attempts to block a marker, each after the end of a job that arrived meanwhile.
_MOST_BLOCKS: Final = 3


class ReconciliationById(Reconciliation):
    """
    Finds the task's existing job by its marker, or ensures that a new one may be submitted.

    :param attempt: Inputs of the attempt.
    """

    def __init__(self, attempt: SubmissionAttempt) -> None:
        super().__init__(attempt)
        self._service = cast("IdempotentService", attempt.hook.get_client())

    def _with_job(self, record: Record, job_id: str) -> JobState | None:
        job = super()._with_job(record, job_id)
        if job is None and self._marker_of(record) == self._attempt.marker:
            self._number = record.number + 1
        return job

    def _with_intent(self, record: Record, sent: datetime) -> JobState | None:  # noqa: ARG002 (silence proves nothing)
        """Return the job of a recorded submission if it has arrived; otherwise make sure that it can do no harm."""
        old = self._marker_of(record)
        is_clear = record.epoch != self._attempt.identity.epoch
        if old == self._attempt.marker:
            return self._resolve(old, is_clear=is_clear)
        return self._settle(old, is_clear=is_clear)

    def _without_record(self) -> Reconciled:
        attempt = self._attempt
        identity = attempt.identity
        if identity.first_try_ever and not attempt.records.was_unreadable:
            return Reconciled()
        job = self._resolve(attempt.marker, is_clear=False)
        # The first try after a clear may have died before it submitted, so each one settles the older epochs.
        if job is None and not self._past and (identity.was_cleared or identity.first_try_ever):
            for marker, epoch in reversed(identity.markers(attempt.api, attempt.project).items()):
                if epoch != identity.epoch:
                    self._settle(marker, is_clear=True)
            if not self._past:
                # The service may have removed the task's old jobs.
                self._check_may_submit_unseen()
        return Reconciled(job, "adopted", None, tuple(self._past), self._replaced, self._number)

    def _settle(self, marker: str, *, is_clear: bool) -> JobState | None:
        """
        Block an old marker, and return its job if the task resumes it.

        A submission that arrives before the block is seen after it.
        """
        conflict: PolarisConflictError | None = None
        for _ in range(_MOST_BLOCKS):
            try:
                self._service.block_marker(marker)
            except PolarisConflictError as error:
                conflict = error
            else:
                return self._resolve(marker, is_clear=is_clear)
            job = self._resolve(marker, is_clear=is_clear)
            if job is not None:
                return job
        assert conflict is not None
        raise conflict

    def _resolve(self, marker: str, *, is_clear: bool) -> JobState | None:
        """Return the newest job of a marker if the task resumes it. Otherwise ensure that another may be submitted."""
        attempt = self._attempt
        found = self._service.get_marked_job(marker)
        attempt.check_alive()
        if found is None or found["id"] in self._past:
            return None
        job = self._decide(JobState.from_wire(found), contradictions(attempt.fingerprint, found), is_clear=is_clear)
        if job is None and marker == attempt.marker:
            self._number = max(self._number, number_in(found) + 1)
        return job

    def _marker_of(self, record: Record) -> str:
        return self._attempt.identity.marker(record.api, record.project, record.epoch)

    def _end_of_wait(self, sent: datetime | None) -> datetime:  # noqa: ARG002
        """Return the current time: the service says for certain that it has no job of an id."""
        return self._attempt.clock.now()
