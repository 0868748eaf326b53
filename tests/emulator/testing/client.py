# SPDX-License-Identifier: Apache-2.0
"""A client that uses only the connection, and its requests."""

from __future__ import annotations

import json
import urllib.request
from urllib.error import HTTPError

from airflow_provider_polaris.testing import PolarisEmulator

#: Arguments of a pytest inside a test: without the cache, and without a plugin that takes seconds to load.
BARE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
EVENTS = [{"__time": f"2024-06-01T00:0{minute}:00Z", "city": "Cairns", "n": minute} for minute in range(3)]
ROLLUP = {
    "type": "batch",
    "source": {"type": "table", "tableName": "events"},
    "target": {"type": "table", "tableName": "hourly"},
    "createTableIfNotExists": True,
    "mappings": [
        {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
        {"columnName": "events", "expression": "COUNT(*)", "isAggregation": True},
    ],
}


def ask(emulator: PolarisEmulator, method: str, path: str, body: object = None) -> tuple[int, object]:
    """Send a request with only the data of the connection."""
    connection = emulator.connection
    url = f"{connection['host']}/v1/projects/{connection['extra']['project_id']}{path}"
    headers = {"Authorization": f"Basic {connection['password']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, json.loads(response.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


def submit(emulator: PolarisEmulator) -> str:
    """Submit the rollup and return the job's id."""
    status, job = ask(emulator, "POST", "/jobs", ROLLUP)
    assert status == 201, job
    return job["id"]
