# SPDX-License-Identifier: Apache-2.0
"""Evaluate the query results of a wait for data. Pure: performs no I/O and reads no clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError, PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.jobs.status.wait_tracker import Message, copy_error
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition, TableData

_BUDGET: Final = timedelta(minutes=15)
#: Maximum number of different failures in a row that one wait logs.
_MOST_WARNINGS: Final = 10


@dataclass(frozen=True)
class DataVerdict:
    """
    What to do after a query.

    :param decision: ``wait``: query again; ``met``: the data is there; ``gave_up``: raise ``error``.
    :param messages: Messages to log now; each is returned once.
    :param error: Set with ``gave_up``.
    """

    decision: Literal["wait", "met", "gave_up"]
    messages: tuple[Message, ...] = ()
    error: PolarisError | None = None


class DataTracker:
    """
    Record query results, and decide whether to go on waiting.

    Failed queries are tolerated until all queries have failed for 15 min. A permanent error, such as a filter that
    the service rejects, ends the wait immediately.

    :param condition: The awaited data.
    """

    def __init__(self, condition: DataCondition) -> None:
        #: The last result; None before the first answer.
        self.seen: TableData | None = None
        #: The error of the last query; None if it succeeded.
        self.failure: PolarisError | None = None
        self._condition = condition
        self._failing_since: datetime | None = None
        self._failures = 0
        self._warned: tuple[object, ...] = ()

    def take(self, found: TableData | PolarisError, now: datetime) -> DataVerdict:
        """
        Record the result of a query.

        :param found: The data or the error.
        :param now: Time of the query.
        """
        return self._record_error(found, now) if isinstance(found, PolarisError) else self._record_data(found)

    def _record_data(self, seen: TableData) -> DataVerdict:
        messages: list[Message] = []
        if self._failing_since is not None:
            messages.append((logging.INFO, f"Table {self._condition.table!r} can be queried again."))
        self._failing_since, self._failures, self._warned, self.failure = None, 0, (), None
        if seen != self.seen:
            messages.append((logging.INFO, self._condition.describe(seen)))
        self.seen = seen
        return DataVerdict("met" if self._condition.is_met(seen) else "wait", tuple(messages))

    def _record_error(self, error: PolarisError, now: datetime) -> DataVerdict:
        if is_permanent(error):
            return DataVerdict("gave_up", error=error)
        self.failure = error
        since = self._failing_since = self._failing_since or now
        self._failures += 1
        name = f"Table {self._condition.table!r}"
        if now - since >= _BUDGET:
            minutes = (now - since).total_seconds() / 60
            text = (
                f"gave up querying table {self._condition.table!r}: {self._failures} queries in a row got no answer, "
                f"for {minutes:.0f} min. The last one failed: {error}"
            )
            return DataVerdict("gave_up", error=copy_error(error, text))
        # Compare no texts: they may contain a request id, and then each query would log a line.
        key = (type(error), getattr(error, "status", None), getattr(error, "code", None))
        if key in self._warned or len(self._warned) >= _MOST_WARNINGS:
            return DataVerdict("wait")
        self._warned += (key,)
        text = f"{name} can't be queried; the wait continues for 15 min without an answer: {error}"
        return DataVerdict("wait", ((logging.WARNING, text),))


def is_permanent(error: PolarisError) -> bool:
    """Return whether every query would get the same error, because the request is wrong or can't be answered."""
    if isinstance(error, PolarisApiError):
        return error.status == 400
    return isinstance(error, PolarisGuardError | PolarisSpecError)
