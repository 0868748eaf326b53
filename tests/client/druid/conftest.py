# SPDX-License-Identifier: Apache-2.0
"""A fake Druid, and a client for it with a simulated clock."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.settings import DruidSettings
from tests.client.conftest import Longest, Time
from tests.client.druid.fake import FakeDruid
from tests.client.druid.session import FakeSession

DAY = {"start": "2024-06-01T00:00:00.000Z", "end": "2024-06-02T00:00:00.000Z"}


def batch(marker: str | None = "m1", **fields: Any) -> dict[str, Any]:
    """Return the spec of a rollup by hour."""
    spec: dict[str, Any] = {
        "type": "batch",
        "source": {"type": "table", "tableName": "raw", "interval": "2024-06-01/2024-06-02"},
        "target": {"type": "table", "tableName": "hourly", "intervals": ["2024-06-01/2024-06-02"]},
        "mappings": [
            {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
            {"columnName": "longest", "expression": 'MAX("length")', "isAggregation": True},
        ],
        "ingestionMode": "replace",
        "partitionedBy": "day",
    }
    if marker is not None:
        spec["context"] = {"airflow": marker}
    return {**spec, **fields}


@pytest.fixture
def druid() -> FakeDruid:
    return FakeDruid(tables={"raw": {}}, loaded={"raw"})


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client(druid: FakeDruid, time: Time) -> DruidClient:
    return DruidClient(
        DruidSettings.from_host("https://router.example.com:8888", connection_name="d"),
        session=FakeSession(druid),
        clock=time.clock,
        now=time.now,
        sleep=time.sleep,
        rng=Longest(),
    )
