# SPDX-License-Identifier: Apache-2.0
"""A connection to an emulator with a table of three koalas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

ROWS = [
    {"__time": "2024-06-01T00:00:00.000Z", "city": "Perth", "n": 1, "text": "C:\\dir\\"},
    {"__time": "2024-06-01T01:00:00.123Z", "city": 'it\'s "q" * ?', "n": 2, "text": "🐨 Köln\nline"},
    {"__time": "2024-06-02T00:00:00.000Z", "city": None, "n": 9007199254740993, "text": ""},
]


@pytest.fixture
def emulator(emulator_server: Any, connect: Callable[..., str]) -> Iterator[Any]:
    """Run an emulator with the table "Koalas", and point the default connection to it."""
    from airflow_provider_polaris.emulator.settings import EmulatorSettings
    from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator

    with emulator_server.emulator(EmulatorSettings()) as running:
        emulator = PolarisEmulator(running)
        emulator.load("Koalas", ROWS)
        connection = emulator.connection
        extra = {**connection["extra"], "request_timeout": 20, "verify": "true", "team": "growth"}
        connect(host=connection["host"], password=connection["password"], extra=extra)
        yield emulator
