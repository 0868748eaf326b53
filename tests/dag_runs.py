# SPDX-License-Identifier: Apache-2.0
"""Whole DAG runs in a real Airflow process: a Polaris with a file of four koalas, the job that loads it, and a run."""

from __future__ import annotations

import json
import time
import warnings

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.runtime.clock import Clock
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.dag_store import store

ROWS = [
    {"timestamp": "2024-06-01T00:10:00Z", "city": "Berlin", "session_length": 10},
    {"timestamp": "2024-06-01T00:50:00Z", "city": "berlin", "session_length": 30},
    {"timestamp": "2024-06-01T01:20:00Z", "city": "Oslo", "session_length": 5},
    {"timestamp": "2024-06-02T02:00:00Z", "city": "Oslo", "session_length": 7},
]
INGEST = {
    "type": "batch",
    "source": {
        "type": "uploaded",
        "fileList": ["koalas.json"],
        "inputSchema": [
            {"name": "timestamp", "dataType": "string"},
            {"name": "city", "dataType": "string"},
            {"name": "session_length", "dataType": "long"},
        ],
        "formatSettings": {"format": "nd-json"},
    },
    "target": {"type": "table", "tableName": "Koalas Source"},
    "createTableIfNotExists": True,
    "mappings": [
        {"columnName": "__time", "expression": 'TIME_PARSE("timestamp")'},
        {"columnName": "city", "expression": '"city"'},
        {"columnName": "session_length", "expression": '"session_length"'},
    ],
}


@pytest.fixture
def polaris(connect, tmp_path, emulator_server):
    """Run an emulator that has the source file, and point the default connection to it."""
    from airflow_provider_polaris.emulator.settings import EmulatorSettings
    from airflow_provider_polaris.emulator.status_machine import Progression

    with emulator_server.emulator(EmulatorSettings(progression=Progression.parse("polls=3"))) as emulator:
        settings = emulator.settings
        connect(host=emulator.base_url, password=settings.api_key, extra={"project_id": settings.project_id})
        file = tmp_path / "koalas.json"
        file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        client_settings = ClientSettings.from_host(
            emulator.base_url, project_id=settings.project_id, api_key=settings.api_key
        )
        with PolarisClient(client_settings) as client:
            client.upload_file(file)
            yield client


def run(dag, day, *, conf=None, longest_sleep=0.02):
    """
    Run a DAG in this process and return its run.

    :param dag: The DAG.
    :param day: Its logical date.
    :param conf: Configuration of the run.
    :param longest_sleep: Seconds that a task sleeps at most before its next request. By default it hardly does, because
        the emulator's jobs end after some polls, not after some time.
    """

    def sleep(_, seconds, stop):
        time.sleep(min(seconds, longest_sleep))

    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clock, "sleep", sleep)
        warnings.simplefilter("ignore")  # Airflow's own, from inside a run
        if AIRFLOW_VERSION < (3, 0):
            return dag.test(execution_date=day, run_conf=conf)
        store(dag)
        return dag.test(logical_date=day, run_conf=conf)
