# SPDX-License-Identifier: Apache-2.0
"""Group waiters by the job that they wait for; runs in the thread that polls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter

Group = tuple[Waiter, ...]


class WaitersByJob:
    """
    Waiters grouped by job id.

    Nearly every job has one waiter, and there may be ten thousand jobs. So groups are created on demand.

    :param waiters: Waiters to group.
    """

    def __init__(self, waiters: Iterable[Waiter]) -> None:
        self._first: dict[str, Waiter] = {}
        self._others: dict[str, list[Waiter]] = {}
        for waiter in waiters:
            if self._first.setdefault(waiter.job_id, waiter) is not waiter:
                self._others.setdefault(waiter.job_id, []).append(waiter)

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self._first)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._first

    def __iter__(self) -> Iterator[Group]:
        return map(self._group, self._first.values())

    def take(self, job_id: str) -> Group:
        """
        Remove the waiters of a job and return them.

        :param job_id: A job that has waiters.
        """
        group = self._group(self._first.pop(job_id))
        self._others.pop(job_id, None)
        return group

    def _group(self, first: Waiter) -> Group:
        return (first, *self._others.get(first.job_id, ()))
