# SPDX-License-Identifier: Apache-2.0
"""Worlds for tests of the task group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_polaris.emulator.server import EmulatorServer, RunningEmulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression
from tests.task_groups.age_out.world import Clock, World


@pytest.fixture
def aging_clock() -> Clock:
    return Clock()


@pytest.fixture
def polaris(emulator_server: EmulatorServer, aging_clock: Clock) -> Iterator[RunningEmulator]:
    """An emulator whose jobs take a second of fake time."""
    settings = EmulatorSettings(progression=Progression.parse("seconds=1"))
    with emulator_server.emulator(settings, clock=aging_clock.nanoseconds) as running:
        yield running


@pytest.fixture
def clock(aging_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of workers and Polaris."""
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", aging_clock)
    aging_clock.reset()
    return aging_clock


@pytest.fixture
def connected(polaris: RunningEmulator, clock: Clock, connect: Any) -> RunningEmulator:
    """The emulator, behind the default connection."""
    connect("polaris_default", host=polaris.base_url, password=polaris.settings.api_key)
    return polaris


@pytest.fixture
def make_world(connected: RunningEmulator, clock: Clock) -> Iterator[Callable[..., World]]:
    """Return a function that makes a world."""
    made: list[World] = []

    def make(**arguments: Any) -> World:
        made.append(World(connected, clock, **arguments))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Return a source of detail data, partitioned by day, and no target yet."""
    return make_world()


@pytest.fixture
def said(logged: Any) -> Any:
    """Return a function that returns the log lines of the tasks, as ``LEVEL text``."""
    from airflow_provider_polaris.operators.base import PolarisBaseOperator
    from airflow_provider_polaris.task_groups.read_only_task import ReadOnlyTask

    return logged(PolarisBaseOperator, ReadOnlyTask)
