# SPDX-License-Identifier: Apache-2.0
"""Identify the try of a task that submits a job, from Airflow's context; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from airflow_provider_polaris.jobs.spec.context import marker_of
from airflow_provider_polaris.jobs.spec.origin import JobOrigin

#: Maximum number of earlier clears of a task instance that a search covers.
_MOST_EPOCHS: Final = 100


@dataclass(frozen=True)
class TaskIdentity:
    """
    One try of one task instance.

    :param dag_id: Id of the DAG.
    :param run_id: Id of the run.
    :param task_id: Id of the task.
    :param map_index: Index of the mapped task; -1 if it isn't mapped.
    :param epoch: ``max_tries``, which increases when a finished task is cleared, and doesn't change on a retry.
    :param try_number: Number of the try, from 1.
    :param was_cleared: Whether ``max_tries`` has increased, so that an earlier epoch may have done the work. Also True
        if the task's ``retries`` were lowered.
    :param first_try_ever: Whether the task instance has never run before.
    :param starts_epoch: Whether this is the first try, or the first one after a clear, if ``retries`` didn't change.
    :param run_started: When the run started or, if it had finished, was cleared; None if unknown.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    epoch: int
    try_number: int
    was_cleared: bool
    first_try_ever: bool
    starts_epoch: bool = False
    run_started: datetime | None = None

    @classmethod
    def from_context(cls, context: Mapping[str, Any], retries: int | None) -> TaskIdentity:
        """
        Read the identity from Airflow's context.

        Source: clear_task_instances and the context of Airflow 2.11.2 to 3.3.2.

        :param context: Airflow's context of the task.
        :param retries: Retries of the operator.
        """
        ti = context["ti"]
        started = getattr(context.get("dag_run"), "start_date", None)
        return cls(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=ti.map_index,
            epoch=ti.max_tries,
            try_number=ti.try_number,
            was_cleared=ti.max_tries > (retries or 0),
            first_try_ever=ti.try_number <= 1,
            starts_epoch=ti.try_number == ti.max_tries - (retries or 0) + 1,
            run_started=started if isinstance(started, datetime) and started.tzinfo is not None else None,
        )

    @property
    def origin(self) -> JobOrigin:
        """What people read in the context of a job that this try submits."""
        return JobOrigin(self.dag_id, self.task_id, self.run_id, self.map_index, self.try_number)

    def marker(self, api: str, project: str, epoch: int | None = None) -> str:
        """
        Return the marker of the jobs of an epoch.

        :param api: Base URL of the API.
        :param project: Id of the project.
        :param epoch: The epoch; None for the current one.
        """
        epoch = self.epoch if epoch is None else epoch
        return marker_of(api, project.lower(), self.dag_id, self.run_id, self.task_id, self.map_index, epoch)

    def markers(self, api: str, project: str) -> dict[str, int]:
        """Return the markers of all epochs up to the current one, and the epoch of each."""
        epochs = range(max(0, self.epoch - _MOST_EPOCHS), self.epoch + 1)
        return {self.marker(api, project, epoch): epoch for epoch in epochs}
