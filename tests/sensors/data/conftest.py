# SPDX-License-Identifier: Apache-2.0
"""Tables on a real emulator and a sensor that waits for their data; time passes only by sleeping."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_polaris.sensors.polaris import PolarisDataSensor
from airflow_provider_polaris.triggers.data import PolarisDataTrigger
from tests.operators.conftest import FakeTI, airflow_sleeps, no_retries, ti  # noqa: F401  # the fixtures
from tests.operators.guards.conftest import FakeClock, World, clock, instant, world  # noqa: F401  # the fixtures

NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)


def publish(world: World) -> None:  # noqa: F811
    """Publish streamed rows as segments."""
    world.control("POST", f"/tables/{quote(world.source)}/handoff")


def sensor(world: World, **arguments: Any) -> PolarisDataSensor:  # noqa: F811
    """Return a sensor on the source of a world."""
    return PolarisDataSensor(
        **{"task_id": "wait", "table": world.source, "poke_interval": 60, "timeout": 3600, **arguments}
    )


@pytest.fixture(autouse=True)
def _only_the_fake_clock(clock, monkeypatch, airflow_sleeps, no_retries) -> None:  # noqa: F811
    """Let the package and Airflow's own sensor loop sleep on the fake clock, and never in real time."""
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", clock)


@pytest.fixture
def context(ti: FakeTI) -> dict[str, Any]:  # noqa: F811
    """Return the context of a run with the data interval of the morning."""
    return {"ti": ti, "data_interval_start": NOON - timedelta(hours=12), "data_interval_end": NOON}


@pytest.fixture
def lines(logged: Any) -> Any:
    """Return a function that returns the log lines of sensors and triggers, as ``LEVEL text``."""
    return logged(PolarisDataSensor, PolarisDataTrigger, without=("Success criteria met",))  # Airflow's own
