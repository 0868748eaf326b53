# SPDX-License-Identifier: Apache-2.0
"""
Filter, sort and page the list of jobs. Performs no I/O.

DOCUMENTED polaris-sdk 20250425.14.0, list_jobs: names and values of the parameters. DOCUMENTED
https://docs.imply.io/polaris/api-manage-job: several values of one parameter are OR-ed, parameters are AND-ed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from airflow_provider_polaris.emulator.job_specs.job_types import JOB_TYPES
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.status_machine import EXECUTION_STATUSES
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.requests import number, one_of, several_of

_HEALTHS: Final = ("ok", "warn", "error")
_SORT_KEYS: Final[Mapping[str, Callable[[Job], Any]]] = {
    "created_by_user_name": lambda job: job.created_by["username"],
    "created_date_time": lambda job: job.created,
    "execution_status": lambda job: job.status,
    "last_updated_date_time": lambda job: job.updated,
    "source_name": lambda job: job.source.get("tableName", ""),
    "source_type": lambda job: job.source.get("type", ""),
    "source_connection_name": lambda job: job.source.get("connectionName", ""),
    "source_table_name": lambda job: job.source.get("tableName", ""),
    "target_table_name": lambda job: job.target_name,
    "type": lambda job: job.type,
}
# GUESS: "one of the job's fields contains the string" means the sortable columns of the list.
_SEARCHED: Final = (
    "created_by_user_name",
    "execution_status",
    "source_name",
    "source_type",
    "target_table_name",
    "type",
)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Filters, order and page of a request to the list."""

    types: frozenset[str]
    statuses: frozenset[str]
    healths: frozenset[str]
    connections: frozenset[str]
    search: str
    table_name: str | None
    table_id: str | None
    sort_column: str
    descending: bool
    limit: int
    offset: int

    @classmethod
    def from_query(cls, request: Request) -> JobFilter:
        """
        Parse the query parameters.

        :param request: The request.
        :raises ApiError: 400 for an invalid value.
        """
        table_id = request.query_params.get("targetTableId")
        if table_id is not None:
            try:
                table_id = str(uuid.UUID(table_id))
            except ValueError:
                raise bad_request(
                    f"parameter 'targetTableId' has the value {table_id!r}: it must be a UUID.", "targetTableId"
                ) from None
        table_name = request.query_params.get("targetTableName")
        if table_name is not None and not 1 <= len(table_name) <= 255:
            raise bad_request("parameter 'targetTableName' must have 1 to 255 characters.", "targetTableName")
        return cls(
            types=several_of(request, "type", JOB_TYPES),
            statuses=several_of(request, "executionStatus", EXECUTION_STATUSES),
            healths=several_of(request, "healthStatus", _HEALTHS),
            connections=frozenset(request.query_params.getlist("connectionName")),
            search=request.query_params.get("searchString", "").lower(),
            table_name=table_name,
            table_id=table_id,
            sort_column=one_of(request, "sortColumn", tuple(_SORT_KEYS), "last_updated_date_time"),
            descending=one_of(request, "sortOrder", ("ASC", "DESC"), "DESC") == "DESC",
            limit=number(request, "paginationLimit", 100, 1, 1000),
            offset=number(request, "paginationOffset", 0, 0),
        )

    def page(self, jobs: Sequence[Job]) -> tuple[list[Job], bool]:
        """
        Select a page.

        :param jobs: All jobs in the order of their creation, which also breaks ties.
        :return: The jobs of the page, and whether more jobs follow.
        """
        found = [job for job in jobs if self._keeps(job)]
        key = _SORT_KEYS[self.sort_column]
        found.sort(key=lambda job: (key(job), job.number), reverse=self.descending)
        end = self.offset + self.limit
        return found[self.offset : end], end < len(found)

    def _keeps(self, job: Job) -> bool:
        return (
            (not self.types or job.type in self.types)
            and (not self.statuses or job.status in self.statuses)
            and (not self.healths or job.health["status"] in self.healths)
            and (not self.connections or job.source.get("connectionName") in self.connections)
            and self.table_name in (None, job.target_name)
            and self.table_id in (None, job.table_id)
            and (not self.search or any(self.search in str(_SORT_KEYS[name](job)).lower() for name in _SEARCHED))
        )
