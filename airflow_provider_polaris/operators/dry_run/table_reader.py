# SPDX-License-Identifier: Apache-2.0
"""The hook of a dry run: reads each table once, and makes no more requests after the first failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisNotFoundError

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService


class TableNotSeenError(Exception):
    """Raised in a dry run when a table can't be read from Polaris. The job is planned without it."""


class DryRunHook(PolarisHook):
    """
    Reads tables for one dry run, without retries.

    :param polaris_conn_id: Id of the connection.
    """

    def __init__(self, polaris_conn_id: str) -> None:
        super().__init__(polaris_conn_id)
        #: The error of the failed request; None if none has failed.
        self.problem: PolarisError | None = None
        self._seen: dict[str, dict[str, Any] | PolarisNotFoundError] = {}

    def get_client(self) -> IngestionService:
        """Return a client without retries, the same one each time."""
        if self._client is None:
            from airflow_provider_polaris.client import connect

            self._client = connect(replace(self.settings, retry_budget=0.0))
        return self._client

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Return the description of a table; reads it only once.

        :param name: The table's name.
        :raises PolarisNotFoundError: There is no such table in the project.
        :raises TableNotSeenError: This request failed, or an earlier one.
        """
        if self.problem is None and name not in self._seen:
            try:
                self._seen[name] = super().get_table(name)
            except PolarisNotFoundError as absent:
                self._seen[name] = absent
            except PolarisError as error:
                self.problem = error
        if name not in self._seen:
            raise TableNotSeenError(str(self.problem))
        found = self._seen[name]
        if isinstance(found, PolarisNotFoundError):
            raise found
        return found
