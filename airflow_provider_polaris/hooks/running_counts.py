# SPDX-License-Identifier: Apache-2.0
"""Run several asynchronous queries at once: start them together, look at them together, read their rows together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from airflow_provider_polaris.hooks.count_query import Ask, CountQuery
from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.runtime.deadline import Deadline
from airflow_provider_polaris.runtime.waits import Condition, WaitElsewhere

#: Longest time for one query.
QUERY_LIMIT: Final = timedelta(minutes=10)

#: A query that started longer ago is not used after a deferral, because its rows may be old. It is started again.
_USABLE: Final = timedelta(minutes=15)

#: Seconds between the first looks; the next pauses double.
FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0
#: Seconds before a query is started again that the service had no capacity for, without ``Retry-After``.
_THROTTLED_PAUSE: Final = 15.0
_HELD_BACK: Final = "Rows can't be counted now. This task tries again every %.0f s, for up to %.0f s: %s"


class RunningCounts:
    """
    Runs queries to their end. An error is stored in its query.

    The caller raises the error of the first query that has one. So a query after it is canceled and not waited for.

    :param queries: In the order in which the caller reads them.
    :param ask: Sends requests at once.
    :param limits: Time limits.
    :param log: Logger of the task.
    :param aftermath: What was not done, as a sentence with a leading space, for errors.
    :param first_look: Seconds from the start of the queries to the first look at them. No query has ended before.
    """

    def __init__(
        self,
        queries: Sequence[CountQuery],
        ask: Ask,
        limits: Deadline,
        log: Any,
        *,
        aftermath: str,
        first_look: float,
    ) -> None:
        self._queries = queries
        self._ask = ask
        self._limits = limits
        self._log = log
        self._aftermath = aftermath
        self._first_look = first_look

    def run(self) -> None:
        """
        Run the queries.

        :raises PolarisJobCanceledError: The task was killed. The queries are canceled.
        :raises WaitElsewhere: The task is deferred while the queries run. It remembers their ids.
        """
        try:
            self._restore()
            self._start()
            self._await()
        except WaitElsewhere:
            raise
        except BaseException:
            self._end()
            raise
        self._end()
        done = [query for query in self._needed if not query.is_over]
        for query, answer in zip(done, self._ask([query.read for query in done]), strict=True):
            query.take_rows(answer)

    @property
    def _needed(self) -> list[CountQuery]:
        """The queries up to the first one with an error."""
        failed = [number for number, query in enumerate(self._queries) if query.failure is not None]
        return list(self._queries[: failed[0]] if failed else self._queries)

    def _restore(self) -> None:
        """Take up the queries that were started before a deferral."""
        memory, now = self._limits.memory, self._limits.clock.now().timestamp()
        for query in self._queries:
            query_id = memory.queries.get(query.digest)
            if query_id is None:
                continue
            if now - memory.since.get(query_id, 0.0) > _USABLE.total_seconds():
                self._forget(query)
            else:
                query.query_id, query.state = query_id, "RUNNING"
                self._first_look = 0.0

    def _forget(self, query: CountQuery) -> None:
        query_id = self._limits.memory.queries.pop(query.digest, None)
        self._limits.memory.end(query_id or query.query_id)

    def _start(self) -> None:
        end = self._limits.limit(QUERY_LIMIT, "start of queries")
        while new := [query for query in self._needed if not query.query_id and not query.is_over]:
            self._limits.check_alive()
            throttled: dict[int, Any] = {}
            for number, answer in enumerate(self._ask([query.start for query in new])):
                error = new[number].take_start(answer, self._aftermath, self._log)
                if error is not None:
                    throttled[number] = error
                elif new[number].is_running:
                    self._limits.memory.queries[new[number].digest] = new[number].query_id
                    self._limits.start(new[number].query_id)
            if not throttled:
                continue
            error = next(iter(throttled.values()))
            pause = max(each.retry_after or 0.0 for each in throttled.values())
            pause = max(pause, _THROTTLED_PAUSE)
            if self._limits.memory.is_new_line("start of queries", str(error)):
                self._log.info(_HELD_BACK, pause, QUERY_LIMIT.total_seconds(), error)
            if not self._limits.sleep(pause, end):
                for number, error in throttled.items():
                    new[number].failure = error
        self._limits.memory.end("start of queries")

    def _await(self) -> None:
        pause = self._first_look
        while running := [query for query in self._needed if query.is_running]:
            ids = [query.query_id for query in running]
            end = self._limits.limit(QUERY_LIMIT, ids[0])
            if pause and not self._limits.sleep(pause, end, Condition("queries", tuple(ids))):
                for query in running:
                    query.time_out(self._aftermath)
                return
            for query, answer in zip(running, self._ask([query.look for query in running]), strict=True):
                query.take_look(answer, self._aftermath)
                if query.is_running and pause < _LONGEST_PAUSE <= 2 * pause:
                    self._log.info("The service is still counting rows (query %r is %r).", query.query_id, query.state)
            pause = min(2 * pause or FIRST_PAUSE, _LONGEST_PAUSE)

    def _end(self) -> None:
        """Forget all queries. Cancel those that are not needed any more: after an error, a timeout or a kill."""
        for query in self._queries:
            self._forget(query)
            if query.query_id and query.state not in ("SUCCESS", "FAILED"):
                (answer,) = self._ask([query.cancel])
                if isinstance(error := answer.exception(), PolarisError):
                    self._log.debug("Query %r may run on: %s", query.query_id, error)
