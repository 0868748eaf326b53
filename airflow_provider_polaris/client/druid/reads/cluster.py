# SPDX-License-Identifier: Apache-2.0
"""
Read the version, the query engine and the task slots of a cluster.

Source: druid.apache.org/docs/latest/api-reference/service-status-api, OBSERVED(Druid 27).
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.calls import DruidCalls
from airflow_provider_polaris.client.druid.tasks import TasksApi
from airflow_provider_polaris.client.druid.translation.slots import free_slots, workers_slots
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError

log = logging.getLogger("airflow_provider_polaris.client")


class TaskSlots(NamedTuple):
    """
    The task slots of a cluster.

    :param every: Number of all slots; None if unknown.
    :param free: Number of free slots; None if it is unknown, or if the cluster adds workers on demand.
    """

    every: int | None
    free: int | None


class ClusterApi(DruidCalls):
    """
    Requests about the cluster itself; they change nothing.

    :param transport: The transport of the router or broker.
    :param tasks: The overlord.
    """

    def __init__(self, transport: Transport, tasks: TasksApi) -> None:
        super().__init__(transport)
        self._tasks = tasks

    def version(self) -> str:
        """Return the version of the process at the address of the connection."""
        return str(self._object(endpoints.STATUS, required="version")["version"])

    def runs_jobs(self) -> bool:
        """
        Return whether the broker has the multi-stage query engine. The web console makes the same request.

        OBSERVED(Druid 27): ``{"enabled": true}``. OBSERVED(Druid 33): 404 without the extension, and 405 for its other
        paths.
        """
        try:
            answer = self._maybe(endpoints.ENGINE_ENABLED)
        except PolarisApiError as error:
            if error.status != 405:
                raise
            return False
        return answer is not None and answer.get("enabled") is True

    def slots(self) -> TaskSlots:
        """Return the number of task slots with one or two requests; needs CONFIG READ, and on Druid 27 STATE READ."""
        capacity = self._tasks.worker_capacity()
        every = capacity.get("currentClusterCapacity")
        free = free_slots(capacity, ())
        if free is None:
            free = free_slots(capacity, self._tasks.workers())
        return TaskSlots(every if type(every) is int else None, free)

    def free_slots(self, needed: int) -> int | None:
        """
        Return the number of free task slots; None if it is unknown, or if the cluster adds workers on demand.

        One request, if the workers show that enough are free. They don't show whether the cluster adds workers, and not
        every cluster lists them (Source: Druid's source, OverlordResource: those that run tasks as Kubernetes jobs
        answer 500), so otherwise :meth:`slots` decides.

        :param needed: Number of slots that are enough.
        """
        try:
            free = workers_slots(self._tasks.workers(is_final=True))
        except PolarisError as error:
            log.debug("The workers can't be listed: %s", error)
            free = None
        return free if free is not None and free >= needed else self.slots().free
