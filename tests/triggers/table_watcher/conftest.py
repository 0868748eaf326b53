# SPDX-License-Identifier: Apache-2.0
"""
A triggerer that runs asset watchers as Airflow 3.3 does, on the world of the trigger tests; it can stop and die.

Airflow's own manager of shared streams and its own accessors of the asset state do the work. What is stood in for is
the loop around them: events reach the database a second after they are fired, and the trigger's process hears of it
another second later.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.triggers.conftest import World, world  # noqa: F401  # the fixture

TABLE = "Koalas Source"
WATCHED = f"{TABLE} asset"


@dataclass
class State:
    """The asset state in Airflow's database, by asset and key, and the connection to it."""

    values: dict[str, dict[str, str]] = field(default_factory=dict)
    #: Why nothing can be read or written; None while it works.
    broken: Exception | None = None
    #: Whether it never answers.
    silent: bool = False
    written: int = 0

    async def asend(self, message: Any) -> Any:
        """Answer a message of Airflow's accessors."""
        from airflow.sdk.execution_time.comms import AssetStateStoreResult, SetAssetStateStoreByName

        await asyncio.sleep(0.01)
        if self.silent:
            await asyncio.get_running_loop().create_future()
        if self.broken is not None:
            raise self.broken
        of_asset = self.values.setdefault(message.name, {})
        if isinstance(message, SetAssetStateStoreByName):
            of_asset[message.key] = json.dumps(message.value)
            self.written += 1
            return None
        if message.key not in of_asset:
            return None
        return AssetStateStoreResult(value=json.loads(of_asset[message.key]))


class Triggerer:
    """
    One process of Airflow's triggerer, from its start to its end.

    :param world: Time and Polaris.
    :param fired: Takes what reaches the database: time, asset, payload.
    """

    def __init__(self, world: World, fired: list[tuple[float, str, Any]]) -> None:  # noqa: F811
        from airflow.triggers.shared_stream import SharedStreamManager

        loop = asyncio.get_running_loop()
        self._fired = fired
        self._world = world
        self._outbox: list[tuple[Sequence[str], Any, int | None]] = []
        self._confirmed: list[int] = []
        self._streams = SharedStreamManager(_now=loop.time, log=_Silence())
        self._tasks = [loop.create_task(self._sync())]
        #: Events are stored, but the process isn't notified.
        self.confirms = True
        self.stores = True

    def watch(self, trigger: PolarisTableUpdatedTrigger, *assets: str) -> asyncio.Task[None]:
        """Run a trigger that these assets have; created again from its arguments, as from a row of the database."""
        from airflow.sdk import Asset
        from airflow.sdk.execution_time.context import AssetStateStoreAccessors

        classpath, arguments = trigger.serialize()
        assert classpath == "airflow_provider_polaris.triggers.polaris.PolarisTableUpdatedTrigger"
        own = PolarisTableUpdatedTrigger(**json.loads(json.dumps(arguments)))
        own.asset_state_store = AssetStateStoreAccessors(inlets=[Asset(name=name, uri=name) for name in assets])
        task = asyncio.get_running_loop().create_task(self._run(len(self._tasks), own, assets))
        self._tasks.append(task)
        return task

    def drop(self) -> None:
        """Lose the events that were fired and not stored."""
        self._outbox.clear()

    async def stop(self) -> None:
        """End as after a signal: everything is canceled, and nothing is stored or confirmed."""
        await self._world.finish(*self._tasks)
        await self._streams.stop_all()

    async def _run(self, trigger_id: int, trigger: Any, assets: Sequence[str]) -> None:
        key = trigger.shared_stream_key()
        stream = self._streams.subscribe(trigger_id=trigger_id, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                seq = self._streams.bind_pending_event(trigger_id=trigger_id, key=key)
                self._outbox.append((assets, event.payload, seq))
        finally:
            await self._streams.unsubscribe(trigger_id, key)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self.confirms:
                self._streams.confirm_persisted(self._confirmed)
                self._confirmed = []
            while self.stores and self._outbox:
                assets, payload, seq = self._outbox.pop(0)
                json.dumps(payload)
                self._fired += [(self._world.time(), asset, payload) for asset in assets]
                if seq is not None:
                    self._confirmed.append(seq)


class _Silence:
    """A logger of Airflow's manager."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


@dataclass
class Airflow:
    """The data that outlives a triggerer: the database, with its asset state and its asset events."""

    world: World
    state: State = field(default_factory=State)
    #: Time, asset and payload of each event.
    fired: list[tuple[float, str, Any]] = field(default_factory=list)

    def triggerer(self) -> Triggerer:
        """Start a triggerer."""
        return Triggerer(self.world, self.fired)

    def told(self, asset: str | None = None) -> list[list[str]]:
        """Return the ids of the jobs of each event, of one asset or all."""
        return [[job["id"] for job in payload["jobs"]] for _, name, payload in self.fired if asset in (None, name)]

    def job(
        self, job_id: str, *changes: tuple[float, str], table: str = TABLE, kind: str = "batch", **stated: Any
    ) -> None:
        """Add a job by the times of its changes."""
        target = {"type": "table", "tableName": table}
        self.world.polaris.add(job_id, *changes, stated={"type": kind, "target": target, **stated})


def start(airflow: Airflow, *tables: str, **options: Any) -> Triggerer:
    """Start a triggerer that watches tables, each for an asset of its own."""
    triggerer = airflow.triggerer()
    for table in tables or (TABLE,):
        triggerer.watch(PolarisTableUpdatedTrigger(table, **options), f"{table} asset")
    return triggerer


@pytest.fixture
def airflow(world: World, monkeypatch: pytest.MonkeyPatch) -> Airflow:  # noqa: F811
    """Return an Airflow 3.3 without a triggerer."""
    pytest.importorskip("airflow.triggers.shared_stream", reason="shared streams came with Airflow 3.3")
    from airflow.sdk.execution_time import task_runner

    made = Airflow(world)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made.state, raising=False)
    return made


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Return a function that returns the log lines of the watch and its triggers, as ``LEVEL text``."""
    logger = logging.getLogger("airflow_provider_polaris.test")
    monkeypatch.setattr(PolarisTableUpdatedTrigger, "log", property(lambda self: logger))
    with caplog.at_level(logging.INFO, logger="airflow_provider_polaris"):
        yield lambda: [
            f"{record.levelname} {record.getMessage()}"
            for record in caplog.records
            if record.name.startswith("airflow_provider_polaris") and not record.name.endswith(".client")
        ]
