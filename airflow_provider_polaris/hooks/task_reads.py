# SPDX-License-Identifier: Apache-2.0
"""
What a task reads before it submits its job: each table once, and together with the list of active jobs.

The plan of the job and its guards share the answers. They are read again after a wait, because another job may have
changed the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.tables import TableInfo
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
from airflow_provider_polaris.jobs.guards.conflicts import CHANGING_TYPES
from airflow_provider_polaris.jobs.status.statuses import ACTIVE_STATUSES

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock

#: Answers are used for this long. A longer time means that the task has waited for something.
_FRESH: Final = timedelta(seconds=10)


class TaskReads:
    """
    The descriptions of the tables of one task, and the active jobs that change its target.

    :param hook: The hook.
    :param clock: The time.
    :param lists_jobs: Whether :meth:`read` also lists the jobs: only if a job will probably be submitted.
    :param check_alive: Raises if the task was killed.
    """

    def __init__(
        self,
        hook: PolarisHook,
        clock: Clock,
        *,
        lists_jobs: bool,
        check_alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._hook = hook
        self._clock = clock
        self._read_at: datetime | None = None
        self._lists_jobs = lists_jobs
        self._check_alive = check_alive
        self._tables: dict[str, Future[dict[str, Any]]] = {}
        self._has_listed = False
        self._jobs: tuple[str, Future[list[dict[str, Any]]]] | None = None

    def read(self, *sources: str, target: str) -> None:
        """
        Read all tables, unless they are known, and the list of active jobs, at the same time.

        Raises no error of a request: it is raised where its answer is needed, so the order of the checks decides.

        :param sources: Names of the sources.
        :param target: Name of the target.
        """
        self._drop_old()
        names = [name for name in dict.fromkeys((*sources, target)) if name not in self._tables]
        will_list = self._lists_jobs and not self._has_listed
        client = self._hook.get_client()
        tables = client.table_reads(names, target=target, will_submit=will_list) if names else None
        requests: list[Callable[[IngestionService], Any]] = [] if tables is None else list(tables.requests)
        if will_list:
            self._has_listed = True
            requests.append(lambda client: list_changing_jobs(client, target))
        if not requests:
            return
        answers = self._hook.ask_together(requests, self._check_alive)
        if will_list:
            self._jobs = target, answers.pop()
        if tables is not None:
            self._tables.update(tables.join(client, answers))

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Return the description of a table.

        :param name: Its name.
        :raises PolarisNotFoundError: There is no such table.
        :raises PolarisError: The request failed. The next call sends it again.
        """
        self._drop_old()
        answer = self._tables.pop(name, None)
        if answer is None:
            (answer,) = self._hook.ask_together([_table(name)], self._check_alive)
        if isinstance(answer.exception(), PolarisNotFoundError | None):
            self._tables[name] = answer
        return answer.result()

    def find(self, name: str) -> TableInfo | None:
        """Return the parsed description of a table; None if it doesn't exist. See :meth:`get_table`."""
        try:
            payload = self.get_table(name)
        except PolarisNotFoundError:
            return None
        return TableInfo.from_wire(payload)

    def known(self, name: str) -> dict[str, Any] | None:
        """Return the description of a table without a request; None if it isn't known or doesn't exist."""
        answer = self._tables.get(name)
        return None if answer is None or answer.exception() is not None else answer.result()

    def take_jobs(self, target: str) -> list[dict[str, Any]] | None:
        """
        Return the active jobs that change a table, once; None if they were not listed or if that failed.

        :param target: Name of the table.
        :raises PolarisError: The request failed.
        """
        self._drop_old()
        jobs, self._jobs = self._jobs, None
        return jobs[1].result() if jobs is not None and jobs[0] == target else None

    def forget(self) -> None:
        """Drop all answers, because a wait has made them old."""
        self._tables.clear()
        self._jobs = None
        self._read_at = None

    def _drop_old(self) -> None:
        now = self._clock.now()
        if self._read_at is not None and now - self._read_at > _FRESH:
            self.forget()
        if self._read_at is None:
            self._read_at = now


def list_changing_jobs(client: IngestionService | PolarisHook, target: str) -> list[dict[str, Any]]:
    """
    Return the active jobs that change a table, newest first.

    :param client: Client or hook for the request.
    :param target: Name of the table.
    """
    return list(
        client.iter_jobs(
            type=CHANGING_TYPES,
            execution_status=sorted(ACTIVE_STATUSES),
            target_table=target,
            sort_column="created_date_time",
            sort_order="DESC",
        )
    )


def _table(name: str) -> Callable[[IngestionService], dict[str, Any]]:
    return lambda client: client.get_table(name)
