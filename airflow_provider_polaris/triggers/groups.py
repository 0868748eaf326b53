"""Waiters by job; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_polaris.triggers.waiter import Waiter

#: Waiters for one job, at least one.
Group = tuple[Waiter, ...]


class Groups:
    """
    Waiters by the id of their job.

    Nearly always there is one for a job, and there may be ten thousand jobs, so a group is only made when it is needed.

    :param waiters: Those to sort.
    """

    def __init__(self, waiters: Iterable[Waiter]) -> None:
        self._first: dict[str, Waiter] = {}
        self._others: dict[str, list[Waiter]] = {}
        for waiter in waiters:
            if self._first.setdefault(waiter.job_id, waiter) is not waiter:
                self._others.setdefault(waiter.job_id, []).append(waiter)

    def __len__(self) -> int:
        """How many jobs there are."""
        return len(self._first)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._first

    def __iter__(self) -> Iterator[Group]:
        return map(self._group, self._first.values())

    def take(self, job_id: str) -> Group:
        """
        Remove the waiters of a job and return them.

        :param job_id: One that is there.
        """
        group = self._group(self._first.pop(job_id))
        self._others.pop(job_id, None)
        return group

    def _group(self, first: Waiter) -> Group:
        return (first, *self._others.get(first.job_id, ()))
