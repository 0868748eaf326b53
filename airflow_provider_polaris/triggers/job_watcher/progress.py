# SPDX-License-Identifier: Apache-2.0
"""
Poll the progress of running jobs from the triggerer. Never affects the wait. Runs in the poll thread.

``/progress`` doesn't return the status (polaris-sdk 20250425.14.0), so this is an additional request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.triggers.job_watcher.single_status import unexpected_error
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService
    from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollOwnership
    from airflow_provider_polaris.triggers.job_watcher.poll_result import Group, PollResult, WaitersByJob

#: Maximum number of polls between two requests for a progress that doesn't change.
_LONGEST_REST: Final = 32


@dataclass
class _Known:
    """
    Progress state of one job.

    :param percent: Whole percent done.
    :param rest: Polls until the next request.
    :param step: Polls to skip after that request.
    :param has_progress: False if Polaris has no progress for this job type, or while a request hangs.
    """

    percent: int = 0
    rest: int = 0
    step: int = 1
    has_progress: bool = True


class ProgressPoller:
    """Request the progress of one job for each poll. Jobs whose percentage doesn't change are requested less often."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Known] = {}
        #: Polls to skip because a request hung.
        self._rest = 0

    def request(
        self, client: IngestionService, groups: WaitersByJob, result: PollResult, ownership: PollOwnership
    ) -> None:
        """
        Request the progress of one running job, if one is due.

        :param client: Client for the request.
        :param groups: All waiters. State of other jobs is discarded.
        :param result: Receives the progress.
        :param ownership: Ownership of the poll. If the loop takes it because the request hangs, this job isn't
            requested again, and no other job for 32 polls.
        :raises PollAbandonedError: The loop has taken the ownership.
        """
        self._jobs = {group[0].job_id: self._jobs.get(group[0].job_id) or _Known() for group in groups}
        running = [group for group in groups if group[0].status == "running" and self._known(group).has_progress]
        for group in running:
            self._known(group).rest -= 1
        self._rest -= 1
        if not running or self._rest >= 0:
            return
        group = min(running, key=lambda group: self._known(group).rest)
        if self._known(group).rest < 0:
            self._request_one(client, group, result, ownership)

    def _known(self, group: Group) -> _Known:
        return self._jobs[group[0].job_id]

    def _request_one(
        self, client: IngestionService, group: Group, result: PollResult, ownership: PollOwnership
    ) -> None:
        known = self._known(group)
        known.has_progress, self._rest = False, _LONGEST_REST
        with ownership.request(group[0].job_id):
            done, error = _progress(client, group[0].job_id)
        self._rest = 0
        if error is not None:
            result.record_retry_after(error)
            done = known.percent / 100
        if done is None:
            return
        known.has_progress = True
        # A value that isn't finite is not a percentage.
        percent = int(done * 100 + 1e-9) if 0 <= done <= 1 else known.percent
        known.step = 1 if percent != known.percent else min(known.step * 2, _LONGEST_REST)
        known.rest = known.step - 1
        if percent != known.percent:
            known.percent = percent
            result.news += [(waiter, Observation(progress=done)) for waiter in group]


def _progress(client: IngestionService, job_id: str) -> tuple[float | None, PolarisError | None]:
    try:
        return client.get_job_progress(job_id), None
    except PolarisError as error:
        return None, error
    except Exception as error:  # for example, a number of 400 digits
        return None, unexpected_error(f"the progress of job {job_id!r} can't be read", error)
