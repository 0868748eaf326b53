# SPDX-License-Identifier: Apache-2.0
"""The trigger that waits for something that a task needs before it submits its job. It decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.runtime.waits import Condition, Kind

if TYPE_CHECKING:
    from airflow_provider_polaris.triggers.wait_watcher.look import Subject
    from airflow_provider_polaris.triggers.wait_watcher.watcher import SubjectWaiter


class PolarisWaitTrigger(BaseTrigger):
    """
    Wait until asynchronous queries have ended, until a table is available, or for some time, and fire one event.

    The event ``{"status": "due"}`` only wakes the task: its worker looks again and decides. The trigger starts, submits
    and cancels nothing. All triggers of a process that use the same connection share their requests. If the service
    gives no answer, the trigger keeps waiting until its deadline, and logs each change in one line.

    :param kind: ``queries``, ``table`` or ``time``.
    :param ids: Ids of the queries, all of which must have ended, or the name of the table; empty for ``time``.
    :param polaris_conn_id: The connection.
    :param not_before: The earliest time of the event, epoch seconds in UTC.
    :param deadline: The latest time of the event, epoch seconds in UTC.
    """

    def __init__(
        self,
        kind: str,
        ids: Sequence[str],
        polaris_conn_id: str = "polaris_default",
        *,
        not_before: float,
        deadline: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.kind = cast("Kind", kind)
        self.ids = list(ids)
        self.polaris_conn_id = polaris_conn_id
        self.not_before = not_before
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: plain JSON, no secret."""
        return (
            "airflow_provider_polaris.triggers.wait.PolarisWaitTrigger",
            {
                "kind": self.kind,
                "ids": self.ids,
                "polaris_conn_id": self.polaris_conn_id,
                "not_before": self.not_before,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event."""
        # Imported here, because a worker creates triggers and runs none.
        from airflow_provider_polaris.triggers.wait_watcher.watcher import wait_watcher_of

        subjects = [cast("Subject", (self.kind, name)) for name in self.ids] if self.kind != "time" else []
        if subjects:
            watcher = wait_watcher_of(self.polaris_conn_id)
            waiter = watcher.join(subjects)
            try:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._wait(waiter), self._seconds_to(self.deadline))
            finally:
                watcher.leave(waiter)
        await asyncio.sleep(self._seconds_to(min(self.not_before, self.deadline)))
        yield TriggerEvent({"status": "due"})  # type: ignore[no-untyped-call]  # Airflow's

    async def _wait(self, waiter: SubjectWaiter) -> None:
        from airflow_provider_polaris.triggers.polling.pacing import log_from_thread

        failure = ""
        while waiter.left:
            error: PolarisError | None = await waiter.inbox.get()
            if error is not None and type(error).__name__ != failure:
                text = f"It is unknown whether {Condition(self.kind, tuple(self.ids))}. The wait continues: {error}"
                await log_from_thread(self.log, [(logging.WARNING, text)])
            elif error is None and failure:
                await log_from_thread(self.log, [(logging.INFO, "The service answers again.")])
            failure = "" if error is None else type(error).__name__

    @staticmethod
    def _seconds_to(instant: float) -> float:
        from airflow_provider_polaris.runtime.clock import CLOCK

        return max(instant - CLOCK.now().timestamp(), 0.0)
