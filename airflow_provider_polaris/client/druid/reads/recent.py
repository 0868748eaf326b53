# SPDX-License-Identifier: Apache-2.0
"""
What the clients of one task have read in the last seconds: the free task slots, and the target of its job.

The clients are used by several threads, so all methods are safe to call from any of them. Nothing is kept beyond the
process: a task that was deferred reads everything again.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_polaris.client.druid.reads.slots import FRESH_SECONDS, UnclaimedSlots
from airflow_provider_polaris.client.druid.translation.statement import TargetTable


class Recent:
    """
    What the clients of one task share.

    :param clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._targets: dict[str, tuple[float, TargetTable | None]] = {}
        #: The free task slots.
        self.slots = UnclaimedSlots(clock)

    def keep(self, name: str, target: TargetTable | None) -> None:
        """
        Remember a table for the statement of a job that writes it.

        :param name: Name of the table.
        :param target: What is known about it; None if it has no segments.
        """
        self._targets[name] = self._clock(), target

    def take_target(self, name: str) -> TargetTable | None:
        """
        Return what is known about a table, once: the job that is submitted next changes it.

        :param name: Name of the table.
        :return: None if it has no segments.
        :raises KeyError: It was not read, or too long ago.
        """
        read_at, target = self._targets.pop(name)
        if self._clock() - read_at > FRESH_SECONDS:
            raise KeyError(name)
        return target
