"""The hook of a dry run: it reads tables, each once, and gives up at the first sign that Polaris can't be asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisNotFoundError

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient


class TableNotSeenError(Exception):
    """Polaris could not be asked about a table; a dry run plans its job without. Raised by nothing else."""


class DryRunHook(PolarisHook):
    """
    Reads tables for one dry run.

    A request is made once, not again and again for a minute as in a task that is meant to succeed.

    :param polaris_conn_id: The connection.
    """

    def __init__(self, polaris_conn_id: str) -> None:
        super().__init__(polaris_conn_id)
        #: Why Polaris can't be asked; None while it can.
        self.problem: PolarisError | None = None
        self._seen: dict[str, dict[str, Any] | PolarisNotFoundError] = {}

    def get_conn(self) -> PolarisClient:
        """Return a client that repeats nothing, the same one each time."""
        if self._client is None:
            from airflow_provider_polaris.client import PolarisClient

            self._client = PolarisClient(replace(self.settings, retry_budget=0.0))
        return self._client

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Describe a table; asks once.

        :param name: The table's name.
        :raises PolarisNotFoundError: There is no such table in the project.
        :raises TableNotSeenError: No good answer came, or none came the last time.
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
