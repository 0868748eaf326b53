# SPDX-License-Identifier: Apache-2.0
"""Whole DAG runs of a backfill in a real Airflow process, against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from tests.dag_runs import run as run_dag

RUN_DATE = datetime(2026, 11, 20, tzinfo=timezone.utc)


@pytest.fixture
def polaris(connect: Any, emulator_server: Any) -> Iterator[PolarisClient]:
    """Run an emulator whose "Koalas Source" has rows at the start and end of each month of 2024, and one after."""
    from airflow_provider_polaris.emulator.settings import EmulatorSettings
    from airflow_provider_polaris.emulator.status_machine import Progression

    with emulator_server.emulator(EmulatorSettings(progression=Progression.parse("polls=1"))) as emulator:
        settings = emulator.settings
        connect(host=emulator.base_url, password=settings.api_key, extra={"project_id": settings.project_id})
        made = ClientSettings.from_host(emulator.base_url, project_id=settings.project_id, api_key=settings.api_key)
        with PolarisClient(made) as client:
            client.create_table(
                {
                    "type": "detail",
                    "name": "Koalas Source",
                    "partitioningGranularity": "day",
                    "schema": [
                        {"name": "city", "dataType": "string"},
                        {"name": "session_length", "dataType": "long"},
                    ],
                }
            )
            rows = [
                {"__time": f"{when}.000Z", "city": city, "session_length": length}
                for month in range(1, 13)
                for when, city, length in (
                    (f"2024-{month:02}-01T00:00:00", "oslo", month),
                    (f"2024-{month:02}-01T00:59:59", "Oslo", 100 + month),
                    (f"2024-{month:02}-28T23:00:00", "Bern", 200 + month),
                )
            ]
            rows.append({"__time": "2025-01-01T00:00:00.000Z", "city": "Oslo", "session_length": 999})
            _control(emulator.base_url, "/tables/Koalas Source/realtime", {"rows": rows})
            _control(emulator.base_url, "/tables/Koalas Source/handoff", None)
            yield client


def _control(base_url: str, path: str, body: Any) -> None:
    import requests

    answer = requests.post(f"{base_url}/__emulator__{path}", json=body, timeout=120)
    assert answer.ok, answer.text


def run(dag: Any, **conf: Any) -> Any:
    """Run a DAG in this process and return its run."""
    return run_dag(dag, RUN_DATE, conf=conf)


def states(dag_run: Any) -> dict[str, list[str]]:
    """Return the states of the instances of each task, in the order of their map index."""
    found: dict[str, list[str]] = {}
    for instance in sorted(dag_run.get_task_instances(), key=lambda each: each.map_index):
        found.setdefault(instance.task_id, []).append(str(instance.state))
    return found
