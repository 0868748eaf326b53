# SPDX-License-Identifier: Apache-2.0
"""An emulator on a test's clock, with three koalas in its table 'Koalas Source'."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.emulator.server import RunningEmulator, running_emulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression


@contextmanager
def koalas_emulator(clock: Any, job_seconds: float, **settings: Any) -> Iterator[RunningEmulator]:
    """
    Run an emulator that has the table.

    :param clock: Its clock, which is past the job that made the table.
    :param job_seconds: How long each job takes on it.
    :param settings: More settings of the emulator.
    """
    chosen = EmulatorSettings(progression=Progression.parse(f"seconds={job_seconds:g}"), **settings)
    with running_emulator(chosen, clock=clock.nanoseconds) as running:
        with PolarisClient(ClientSettings.from_host(running.project_url, api_key=chosen.api_key)) as client:
            load_koalas(client)
        clock.advance(job_seconds + 1)
        running.emulator.jobs.advance_due_jobs()
        yield running


def load_koalas(client: PolarisClient) -> None:
    """Fill the source with three rows as a user does."""
    rows = [
        {"timestamp": f"2024-06-0{day}T00:10:00Z", "city": city}
        for day, city in ((1, "Berlin"), (1, "Oslo"), (2, "Oslo"))
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    client.upload_file(io.BytesIO(content), name="koalas.json")
    client.create_job(
        {
            "type": "batch",
            "source": {
                "type": "uploaded",
                "fileList": ["koalas.json"],
                "inputSchema": [
                    {"name": "timestamp", "dataType": "string"},
                    {"name": "city", "dataType": "string"},
                ],
                "formatSettings": {"format": "nd-json"},
            },
            "target": {"type": "table", "tableName": "Koalas Source"},
            "createTableIfNotExists": True,
            "mappings": [
                {"columnName": "__time", "expression": 'TIME_PARSE("timestamp")'},
                {"columnName": "city", "expression": '"city"'},
            ],
        }
    )
