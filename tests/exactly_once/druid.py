# SPDX-License-Identifier: Apache-2.0
"""A target table on a Druid in memory, for tasks that run real operators and triggers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from airflow_provider_polaris.client.druid.submission import Submission
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.triggers.job_watcher import watcher
from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads
from tests.exactly_once.conftest import JOB_SECONDS, Table, die
from tests.operators.submission.conftest import FakeClock
from tests.operators.submission.druid import Cluster, DruidWire, new_druid


class DruidTable(Table):
    """
    The table, and the tasks that write it.

    :param clock: Clock of cluster and workers.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.name = "hourly"
        self.druid = new_druid(clock)
        self.druid.task_seconds = JOB_SECONDS
        self.cluster = Cluster(self.druid, clock, self.name)
        self.wire = DruidWire(clock, self.druid)

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every hook and triggerer use the cluster, whatever the connection is."""
        wire, make_client = self.wire, lambda _: self.wire.get_client()

        async def read_settings(_: str) -> Any:
            return wire.settings

        tools = watcher.Dependencies(read_settings, partial(ClientThreads, make_client=make_client))
        monkeypatch.setattr(watcher, "DEPENDENCIES", tools)
        monkeypatch.setattr(PolarisHook, "get_client", lambda _: wire.get_client())
        monkeypatch.setattr(PolarisHook, "settings", property(lambda _: wire.settings))
        monkeypatch.setattr(PolarisHook, "project_id", "")

    def append(self, **changes: Any) -> dict[str, Any]:
        return self.cluster.append(**changes)

    def plain_replace(self) -> dict[str, Any]:
        return self.cluster.replace()

    @property
    def jobs(self) -> list[Any]:
        return self.cluster.jobs

    def finish(self) -> None:
        self.cluster.finish()
        self.clock.advance(JOB_SECONDS + 1)
        self.druid.end_due_tasks()

    def count(self) -> int:
        """Return the number of rows that the tasks wrote."""
        return self.cluster._count()

    def lose_reply(self, **rule: Any) -> None:
        self.druid.faults = ["planning"] * 3 if rule else ["lost after"]
        if rule:
            self.clock.at(rule["afterSeconds"], self.druid.arrive)

    def die_after_the_loss(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Submission, "_read", die)

    @contextmanager
    def passing(self) -> Iterator[None]:
        answer = self.druid.answer

        def passing(*request: Any) -> Any:
            self.clock.advance(100)
            return answer(*request)

        self.druid.answer = passing  # type: ignore[method-assign]
        try:
            yield
        finally:
            del self.druid.answer  # type: ignore[method-assign]
