"""What a waiter for data concludes from what its looks found; pure: performs no I/O, asks no clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError, PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.jobs.status.wait_tracker import Message, copy_error
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition, TableData

_BUDGET: Final = timedelta(minutes=15)
#: Kinds of failures in a row that one wait warns of.
_MOST_TOLD: Final = 10


@dataclass(frozen=True)
class DataVerdict:
    """
    What to do after a look.

    :param decision: ``wait`` and look again; ``met``: the data is there; ``gave_up``: raise ``error``.
    :param messages: What to log now; each is given out once.
    :param error: Set with ``gave_up``.
    """

    decision: Literal["wait", "met", "gave_up"]
    messages: tuple[Message, ...] = ()
    error: PolarisError | None = None


class DataTracker:
    """
    Remember what the looks found, and conclude.

    A look without an answer costs nothing until every look has failed for 15 minutes. What would never be answered,
    such as a filter that Polaris refuses, is given up at once.

    :param condition: What is waited for.
    """

    def __init__(self, condition: DataCondition) -> None:
        #: What was found last; None before the first answer.
        self.seen: TableData | None = None
        #: Why the last look found nothing; None if it found something.
        self.failure: PolarisError | None = None
        self._condition = condition
        self._failing_since: datetime | None = None
        self._failures = 0
        self._told: tuple[object, ...] = ()

    def take(self, found: TableData | PolarisError, now: datetime) -> DataVerdict:
        """
        Take note of a look.

        :param found: What it found, or why it found nothing.
        :param now: When that was.
        """
        return self._missed(found, now) if isinstance(found, PolarisError) else self._saw(found)

    def _saw(self, seen: TableData) -> DataVerdict:
        messages: list[Message] = []
        if self._failing_since is not None:
            messages.append((logging.INFO, f"Table {self._condition.table!r} can be looked at again."))
        self._failing_since, self._failures, self._told, self.failure = None, 0, (), None
        if seen != self.seen:
            messages.append((logging.INFO, self._condition.describe(seen)))
        self.seen = seen
        return DataVerdict("met" if self._condition.is_met(seen) else "wait", tuple(messages))

    def _missed(self, error: PolarisError, now: datetime) -> DataVerdict:
        if is_lasting(error):
            return DataVerdict("gave_up", error=error)
        self.failure = error
        since = self._failing_since = self._failing_since or now
        self._failures += 1
        name = f"Table {self._condition.table!r}"
        if now - since >= _BUDGET:
            minutes = (now - since).total_seconds() / 60
            text = (
                f"gave up looking at table {self._condition.table!r}: {self._failures} looks in a row found no answer, "
                f"for {minutes:.0f} min. The last one failed so: {error}"
            )
            return DataVerdict("gave_up", error=copy_error(error, text))
        # Not the text: it may hold a request id, and then each look would be worth a line.
        key = (type(error), getattr(error, "status", None), getattr(error, "code", None))
        if key in self._told or len(self._told) >= _MOST_TOLD:
            return DataVerdict("wait")
        self._told += (key,)
        text = f"{name} can't be looked at; the wait goes on for 15 min without an answer: {error}"
        return DataVerdict("wait", ((logging.WARNING, text),))


def is_lasting(error: PolarisError) -> bool:
    """Whether every look would meet the same error: what is asked is wrong, or can't be told."""
    if isinstance(error, PolarisApiError):
        return error.status == 400
    return isinstance(error, PolarisGuardError | PolarisSpecError)
