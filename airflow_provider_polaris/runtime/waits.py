# SPDX-License-Identifier: Apache-2.0
"""A wait that a worker leaves to the triggerer: its condition, and what the task keeps meanwhile. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

#: Seconds for which a result is used after a deferral: as long as three counts of ten minutes take in a worker.
_USABLE: Final = 1800.0

#: ``job``: the job has ended; ``queries``: all queries have ended; ``table``: the table is not ``unavailable``;
#: ``time``: the time is over.
Kind = Literal["job", "queries", "table", "time"]


@dataclass(frozen=True)
class Condition:
    """
    The end of a wait.

    :param kind: What is waited for.
    :param ids: Ids of the job or the queries, or the name of the table; empty for ``time``.
    :param is_own_job: Whether the job is this task's, so that a kill cancels it.
    """

    kind: Kind
    ids: tuple[str, ...] = ()
    is_own_job: bool = False

    def __str__(self) -> str:
        names = ", ".join(map(repr, self.ids))
        if self.kind == "queries":
            return f"query {names} has ended" if len(self.ids) == 1 else f"queries {names} have ended"
        return {"job": f"job {names} has ended", "table": f"table {names} is available"}.get(self.kind, "then")


class WaitElsewhere(Exception):  # noqa: N818
    """
    Raised in a deferrable task instead of a long pause. The operator defers the task, and then repeats what raised it.

    :param until: The end of the wait.
    :param at: When to look again at the latest.
    :param pause: Seconds that the worker would have waited until its next look.
    """

    def __init__(self, until: Condition, at: datetime, pause: float) -> None:
        super().__init__(f"the task waits in the triggerer until {until}")
        self.until = until
        self.at = at
        self.pause = pause


@dataclass
class WaitMemory:
    """
    What a task remembers of its waits over all deferrals of one try. All fields are plain JSON.

    :param since: Start of each wait by its name, epoch seconds in UTC.
    :param queries: Ids of running queries, by a digest of their SQL and context.
    :param logged: The last logged line of each wait, by its name.
    :param answers: Results of finished checks and their times, which a repeated check uses; see :meth:`recall`.
    :param deferrals: Number of deferrals.
    """

    since: dict[str, float] = field(default_factory=dict)
    queries: dict[str, str] = field(default_factory=dict)
    logged: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    deferrals: int = 0

    @classmethod
    def restore(cls, saved: Any) -> WaitMemory:
        """
        Return the memory that a deferral saved; unknown and malformed fields are ignored.

        :param saved: The fields, as Airflow stored them.
        """
        found = saved if isinstance(saved, Mapping) else {}
        maps = {
            name: {str(key): value for key, value in part.items()}
            for name in ("since", "queries", "logged", "answers")
            if isinstance(part := found.get(name), Mapping)
        }
        number = found.get("deferrals")
        return cls(**maps, deferrals=number if isinstance(number, int) else 0)

    def keep(self, name: str, value: Any, now: float) -> None:
        """
        Store the result of a check.

        :param name: Name of the check.
        :param value: Plain JSON, not None.
        :param now: Current time, epoch seconds in UTC.
        """
        self.answers[name] = [now, value]

    def recall(self, name: str, now: float) -> Any:
        """Return the result of a check of this name; None if there is none, or it is older than 30 minutes."""
        stored = self.answers.get(name)
        is_fresh = isinstance(stored, list) and len(stored) == 2 and now - stored[0] <= _USABLE
        return stored[1] if is_fresh and stored is not None else None

    def end(self, name: str) -> None:
        """Forget a wait that is over."""
        self.since.pop(name, None)
        self.logged.pop(name, None)

    def is_new_line(self, name: str, line: str) -> bool:
        """Whether a line of a wait differs from its last one, which is then replaced."""
        is_new = self.logged.get(name) != line
        self.logged[name] = line
        return is_new
