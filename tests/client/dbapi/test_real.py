# SPDX-License-Identifier: Apache-2.0
"""
Values on a real Druid: ``pytest -m druid tests/client/dbapi/test_real.py``; ``DRUID_URL`` names another router.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.client import DruidSettings
from airflow_provider_polaris.client.dbapi import Cursor, ProgrammingError, connect

pytestmark = pytest.mark.druid
URL = os.environ.get("DRUID_URL", "http://127.0.0.1:18086")
NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def cursor() -> Iterator[Cursor]:
    with connect(DruidSettings.from_host(URL)) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.mark.parametrize(
    "value", [None, "", 'it\'s "q" * ? % \\', "🐨 Köln\n", True, 2**63 - 1, -(2**63), 0.1, 1e308, NOON]
)
def test_parameter_comes_back_unchanged(value: Any, cursor: Cursor) -> None:
    """From Python to Druid and back."""
    cursor.execute("SELECT ? AS x;", [value])
    assert (cursor.fetchall(), cursor.rowcount) == ([(value,)], 1)


def test_other_values_come_back_as_described(cursor: Cursor) -> None:
    """Dates, milliseconds, and a statement that ends in a backslash."""
    cursor.execute("SELECT CAST(? AS DATE), MILLIS_TO_TIMESTAMP(?), 1.5, 'C:\\'", [date(2024, 6, 1), 1717203600123])
    assert cursor.fetchone() == (
        date(2024, 6, 1),
        datetime(2024, 6, 1, 1, 0, 0, 123000, timezone.utc),
        1.5,
        "C:\\",
    )


def test_wrong_query_is_a_programming_error(cursor: Cursor) -> None:
    """With Druid's own reason."""
    with pytest.raises(ProgrammingError, match="Column 'nope' not found"):
        cursor.execute("SELECT nope")
