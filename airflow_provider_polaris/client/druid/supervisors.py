# SPDX-License-Identifier: Apache-2.0
"""Streaming jobs, which are supervisors of the overlord. Performs requests to the overlord only."""

from __future__ import annotations

from typing import Any

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.calls import DruidCalls
from airflow_provider_polaris.client.druid.translation.supervisors import PREFIX, describe_supervisor
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError


class SupervisorsApi(DruidCalls):
    """Describe and list supervisors. The transport is that of the overlord, or of a router that proxies it."""

    def _supervisors(self, table: str | None) -> list[dict[str, Any]]:
        entries = self._array(endpoints.LIST_SUPERVISORS, params={"full": "true"})
        streams = [describe_supervisor(entry) for entry in entries if isinstance(entry, dict)]
        return [stream for stream in streams if table is None or stream["target"]["tableName"] == table]

    def _supervisor(self, job_id: str) -> dict[str, Any]:
        for stream in self._supervisors(None):
            if stream["id"] == job_id:
                return stream
        raise PolarisNotFoundError(
            f"Druid has no supervisor {job_id.removeprefix(PREFIX)!r}.",
            status=404,
            method="GET",
            path=endpoints.path_of(endpoints.LIST_SUPERVISORS),
        )
