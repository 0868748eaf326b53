# SPDX-License-Identifier: Apache-2.0
"""What a task keeps if it is deferred before it has submitted its job. Plain JSON; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from airflow_provider_polaris.runtime.waits import WaitMemory

#: Seconds for which the result of the guards is used after a deferral: as long as a POST is repeated in a worker.
_USABLE: Final = 300.0


@dataclass
class TryMemory:
    """
    The state of a try before its job is submitted.

    The resumed task submits in the same way as a retry would. The memory only spares it what it has done already.

    :param spec: The planned job, because Airflow renders the templates again; None before the plan.
    :param optional_context: Keys of its context that may be omitted.
    :param source_tables: Names of the tables that a planned statement reads.
    :param guard_options: The parsed arguments of the guards.
    :param counting: The tables, while their rows are counted.
    :param reconciled: The result of the reconciliation, and the record of that time.
    :param passed: When the guards allowed the job, epoch seconds in UTC.
    :param throttled: The record of a POST that was answered with 429, before it is sent again.
    :param sent: Whether a POST was attempted. After that, the task is deferred only if the answer was 429.
    :param waits: The waits of the try.
    :param asks: Whether the task may ask a person.
    :param question: The findings that a person was asked about, and when; None if there is no open question.
    :param approved: The findings that a person approved, and who; None if nobody did in this try.
    """

    spec: dict[str, Any] | None = None
    optional_context: list[str] = field(default_factory=list)
    source_tables: list[str] = field(default_factory=list)
    guard_options: dict[str, str] = field(default_factory=dict)
    counting: dict[str, Any] = field(default_factory=dict)
    reconciled: dict[str, Any] | None = None
    passed: float | None = None
    throttled: dict[str, Any] | None = None
    sent: bool = False
    waits: WaitMemory = field(default_factory=WaitMemory)
    asks: bool = True
    question: dict[str, Any] | None = None
    approved: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all fields by name."""
        return asdict(self)

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> TryMemory:
        """
        Return the memory that a deferral saved; unknown fields are ignored.

        :param saved: The fields, as Airflow stored them.
        """
        known = {each.name: saved[each.name] for each in fields(cls) if each.name in saved}
        return cls(**{**known, "waits": WaitMemory.restore(saved.get("waits"))})

    def has_passed(self, now: datetime) -> bool:
        """Whether the guards allowed the job a short time ago."""
        return self.passed is not None and now.timestamp() - self.passed < _USABLE
