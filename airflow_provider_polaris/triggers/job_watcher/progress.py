"""
How far running jobs are, asked for from the triggerer; never decides or breaks anything. Runs in the poll thread.

``/progress`` doesn't tell the status (polaris-sdk 20250425.14.0), so it comes on top of the question that sees the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.triggers.job_watcher.single_status import broken
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient
    from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollOwnership
    from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult
    from airflow_provider_polaris.triggers.job_watcher.waiter import Group, WaitersByJob

#: The longest rest between two questions about a progress that doesn't change, in rounds.
_LONGEST_REST: Final = 32


@dataclass
class _Known:
    """
    What is known of one job.

    :param percent: Whole percent done.
    :param rest: Rounds until the next question.
    :param step: Rounds to rest after that one.
    :param has_progress: False once Polaris said that this type of job has none, or while its answer doesn't come.
    """

    percent: int = 0
    rest: int = 0
    step: int = 1
    has_progress: bool = True


class ProgressPoller:
    """Asks for one job a round: the one whose turn it is, ever more rarely while its percentage stays the same."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Known] = {}
        #: Rounds to do without a question, because the answer to one didn't come.
        self._rest = 0

    def ask(self, client: PolarisClient, groups: WaitersByJob, findings: PollResult, turn: PollOwnership) -> None:
        """
        Ask about one of the running jobs, if one is due.

        :param client: Asks.
        :param groups: All who wait; other jobs are forgotten.
        :param findings: Takes what is news.
        :param turn: Of the tick. If the loop takes it because the answer doesn't come, the job isn't asked about again,
            and no other one for 32 rounds.
        :raises TurnOverError: The loop has taken the turn.
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
            self._ask(client, group, findings, turn)

    def _known(self, group: Group) -> _Known:
        return self._jobs[group[0].job_id]

    def _ask(self, client: PolarisClient, group: Group, findings: PollResult, turn: PollOwnership) -> None:
        known = self._known(group)
        known.has_progress, self._rest = False, _LONGEST_REST
        with turn.request(group[0].job_id):
            done, error = _progress(client, group[0].job_id)
        self._rest = 0
        if error is not None:
            findings.heed(error)
            done = known.percent / 100
        if done is None:
            return
        known.has_progress = True
        # A number that isn't finite is no percentage.
        percent = int(done * 100 + 1e-9) if 0 <= done <= 1 else known.percent
        known.step = 1 if percent != known.percent else min(known.step * 2, _LONGEST_REST)
        known.rest = known.step - 1
        if percent != known.percent:
            known.percent = percent
            findings.news += [(waiter, Observation(progress=done)) for waiter in group]


def _progress(client: PolarisClient, job_id: str) -> tuple[float | None, PolarisError | None]:
    try:
        return client.get_job_progress(job_id), None
    except PolarisError as error:
        return None, error
    except Exception as error:  # a number of 400 digits, say
        return None, broken(f"the progress of Polaris job {job_id!r} can't be read", error)
