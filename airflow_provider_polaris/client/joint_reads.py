# SPDX-License-Identifier: Apache-2.0
"""
What a service reads with several independent requests, which a caller with several clients sends at once.

A service decides which requests these are; the caller decides whether they are sent at the same time. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")

#: Answers of the service; an error is raised where its answer is needed.
Description = Future[dict[str, Any]]


@dataclass(frozen=True)
class JointRead(Generic[T]):
    """
    Independent requests, and how their answers become one result.

    :param requests: Each is called with a client of the service that no other one uses at that time.
    :param join: Takes the client of the calling thread, and the answers in the order of the requests. It may send
        requests that depend on the answers.
    """

    requests: tuple[Callable[[Any], Any], ...]
    join: Callable[[Any, Sequence[Future[Any]]], T]


class JointReads(Protocol):
    """The joint reads of a service."""

    def table_reads(self, names: Sequence[str], *, target: str, will_submit: bool) -> JointRead[dict[str, Description]]:
        """
        Return the requests that describe tables.

        The result has an answer for each table: its description as ``get_table`` returns it, or the error.

        :param names: Names of the tables, each once.
        :param target: The table that a job will write. Only its description needs to have a storage policy.
        :param will_submit: Whether queries and a job will probably follow, so that what they need may be read, too.
        """

    def job_reads(self, job_id: str) -> JointRead[dict[str, Any]]:
        """
        Return the requests for the description of a job, as ``get_job`` returns it, or raises its errors.

        :param job_id: Id of the job.
        """

    def end_reads(self, job_id: str) -> JointRead[tuple[Description, Description]]:
        """
        Return the requests for a job that has ended: its description and its metrics.

        :param job_id: Id of the job.
        """

    def sibling(self) -> Any:
        """Return another client for another thread, with the same settings. The caller closes it."""


class SeparateReads:
    """The joint reads of a service that describes one table, or one job, with one request."""

    def table_reads(
        self,
        names: Sequence[str],
        *,
        target: str,  # noqa: ARG002 (each description is complete)
        will_submit: bool,  # noqa: ARG002
    ) -> JointRead[dict[str, Description]]:
        """Return one request for each table."""
        return JointRead(tuple(map(_table, names)), lambda _, answers: dict(zip(names, answers, strict=True)))

    def job_reads(self, job_id: str) -> JointRead[dict[str, Any]]:
        """Return one request."""
        return JointRead((lambda client: client.get_job(job_id),), lambda _, answers: answers[0].result())

    def end_reads(self, job_id: str) -> JointRead[tuple[Description, Description]]:
        """Return one request for the description, and one for the metrics."""
        requests = (lambda client: client.get_job(job_id), lambda client: client.get_job_metrics(job_id))
        return JointRead(requests, lambda _, answers: (answers[0], answers[1]))


def answer_of(call: Callable[[], T]) -> Future[T]:
    """Call a function, and return its result or its ``Exception`` as an answer."""
    answer: Future[T] = Future()
    try:
        answer.set_result(call())
    except Exception as error:
        answer.set_exception(error)
    return answer


def _table(name: str) -> Callable[[Any], Any]:
    return lambda client: client.get_table(name)
