"""Tables on a real emulator and a sensor that waits for their data; time passes only by sleeping."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_polaris.client import ClientSettings
from airflow_provider_polaris.compat import BaseSensorOperator
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor
from airflow_provider_polaris.triggers.data import PolarisDataTrigger
from tests.provider.guards.conftest import FakeClock, World, clock, guard_clock, instant, world  # noqa: F401  # the fixtures
from tests.provider.tasks.conftest import FakeTI

NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)


def publish(world: World) -> None:  # noqa: F811
    """Make segments of what was streamed."""
    world.control("POST", f"/tables/{quote(world.source)}/handoff")


def sensor(world: World, **arguments: Any) -> PolarisDataSensor:  # noqa: F811
    """Return a sensor on the source of a world."""
    return PolarisDataSensor(
        **{"task_id": "wait", "table": world.source, "poke_interval": 60, "timeout": 3600, **arguments}
    )


@pytest.fixture(autouse=True)
def _package_clock(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Let package and Airflow's own loop for sensors sleep on the fake clock."""
    monkeypatch.setattr("airflow_provider_polaris.clock.CLOCK", clock)

    class FakeTime:
        sleep = staticmethod(lambda seconds: clock.sleep(seconds, lambda: False))
        monotonic = staticmethod(lambda: clock.now().timestamp())

    monkeypatch.setattr(sys.modules[BaseSensorOperator.__module__], "time", FakeTime)


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients give up at the first failure: they would wait in real time."""
    from_host = ClientSettings.from_host.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        ClientSettings,
        "from_host",
        classmethod(lambda cls, host, **values: from_host(cls, host, retry_budget=0.0, **values)),
    )


@pytest.fixture
def ti() -> FakeTI:
    """Return a task instance that remembers its XComs."""
    return FakeTI()


@pytest.fixture
def context(ti: FakeTI) -> dict[str, Any]:
    """Return the context of a run with the data interval of the morning."""
    return {"ti": ti, "data_interval_start": NOON - timedelta(hours=12), "data_interval_end": NOON}


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Return a function that gives what sensors and triggers logged, as ``LEVEL text``."""
    logger = logging.getLogger("test.data")
    for owner in (PolarisDataSensor, PolarisDataTrigger):
        monkeypatch.setattr(owner, "log", property(lambda self: logger))
    with caplog.at_level(logging.INFO, logger="test.data"):
        yield lambda: [
            f"{record.levelname} {record.getMessage()}"
            for record in caplog.records
            if record.name == "test.data"
            and "Success criteria met" not in record.getMessage()  # Airflow's own remarks
            and "cannot be called outside" not in record.getMessage()
        ]
