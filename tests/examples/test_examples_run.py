# SPDX-License-Identifier: Apache-2.0
"""Every example DAG runs to success: here in one process of Airflow against the emulator, or in a listed test."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from tests.dag_runs import INGEST, run
from tests.examples.test_examples_parse import EXAMPLES, _parse
from tests.fixtures import airflow_db

__all__ = ["airflow_db"]

pytestmark = [pytest.mark.dag, pytest.mark.compat]

ROOT = Path(__file__).resolve().parents[2]
#: Examples that other tests run, and where.
ELSEWHERE = {
    "koalas_age_out": "scripts/demo_aging.py",
    "koalas_backfill": "tests/task_groups/backfill/test_example.py",
    "koalas_cascade": "tests/e2e/test_examples.py",
    "koalas_after_stream": "tests/e2e/test_examples.py",
    "koalas_recascade": "tests/e2e/test_examples.py",
    "koalas_watch": "tests/e2e/test_examples.py",
    "restore_interval": "scripts/demo_aging.py",
}
#: Two days, each with two hours.
ROWS = [
    {
        "timestamp": f"2024-06-{day:02}T{hour:02}:10:00Z",
        "city": city,
        "session": f"S{hour}",
        "session_length": 40_000 * hour,
    }
    for day in (1, 2)
    for hour, city in ((1, "Oslo"), (1, "Perth"), (2, "Oslo"))
]
#: With the ids of the sessions.
LOAD = {
    **INGEST,
    "source": {
        **INGEST["source"],
        "inputSchema": [*INGEST["source"]["inputSchema"], {"name": "session", "dataType": "string"}],
    },
    "mappings": [*INGEST["mappings"], {"columnName": "session", "expression": '"session"'}],
}


@pytest.fixture(scope="module")
def polaris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolarisClient]:
    """Run an emulator that has the source, behind the default connection."""
    from airflow_provider_polaris.emulator.server import running_emulator
    from airflow_provider_polaris.emulator.settings import EmulatorSettings
    from airflow_provider_polaris.emulator.status_machine import Progression

    file = tmp_path_factory.mktemp("examples") / "koalas.json"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with (
        running_emulator(EmulatorSettings(progression=Progression.parse("immediate"))) as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        settings = emulator.settings
        place = {"project_id": settings.project_id}
        connection = {"conn_type": "polaris", "host": emulator.base_url, "password": settings.api_key, "extra": place}
        patch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", json.dumps(connection))
        client_settings = ClientSettings.from_host(emulator.base_url, api_key=settings.api_key, **place)
        with PolarisClient(client_settings) as client:
            client.upload_file(file)
            client.get_job(client.create_job(LOAD)["id"])
            yield client


def succeed(name: str, *dates: str) -> None:
    """Run an example for logical dates, one after the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dag = _parse(ROOT / "dags_examples" / f"{name}.py").dags[name]
    for date in dates:
        dag_run = run(dag, datetime.fromisoformat(date).replace(tzinfo=timezone.utc))
        assert str(dag_run.state) == "success"


def rows(polaris: PolarisClient, table: str, *columns: str) -> list[tuple[Any, ...]]:
    listed = ", ".join(f'"{column}"' for column in columns)
    return sorted(tuple(row.values()) for row in polaris.query(f'SELECT {listed} FROM "{table}"'))


def test_every_example_is_run_somewhere() -> None:
    """A new example must run here, or in the file that is listed for it."""
    here = Path(__file__).read_text()
    for path in EXAMPLES:
        where = ELSEWHERE.get(path.stem)
        text = here if where is None else (ROOT / where).read_text()
        assert f'"{path.stem}"' in text or f'"{path.name}"' in text, f"{path.name} is not run by {where or 'this file'}"


def test_first_example_of_a_day_runs(airflow_db, polaris) -> None:
    """One row per hour and city, with their number and the longest session."""
    succeed("koalas_first", "2024-06-02")
    assert rows(polaris, "Koalas Hours", "__time", "city", "sessions", "longest") == [
        ("2024-06-01T01:00:00.000Z", "Oslo", 1, 40_000),
        ("2024-06-01T01:00:00.000Z", "Perth", 1, 40_000),
        ("2024-06-01T02:00:00.000Z", "Oslo", 1, 80_000),
    ]


def test_distinct_count_of_two_days_counts_a_session_once(airflow_db, polaris) -> None:
    """Both days have the same sessions: the sketches of the days are merged, not added."""
    succeed("koalas_visitors", "2024-06-02", "2024-06-03")
    sql = 'SELECT "city", APPROX_COUNT_DISTINCT_DS_HLL("visitors") AS "n" FROM "Koalas Visitors" GROUP BY 1 ORDER BY 1'
    assert list(polaris.query(sql)) == [{"city": "Oslo", "n": 2}, {"city": "Perth", "n": 1}]


def test_job_spec_of_a_day_runs(airflow_db, polaris) -> None:
    """Only sessions of a minute or more."""
    succeed("koalas_job_spec", "2024-06-02")
    assert rows(polaris, "Koalas Long Sessions", "__time", "city") == [("2024-06-01T02:10:00.000Z", "Oslo")]


def test_sql_job_of_a_file_runs_twice_with_the_same_rows(airflow_db, polaris) -> None:
    """A join of the day's sessions with the longest of their city."""
    for _ in range(2):
        succeed("koalas_sql_job", "2024-06-02")
        assert rows(polaris, "Koalas Shares", "__time", "city", "percent_of_longest") == [
            ("2024-06-01T01:10:00.000Z", "Oslo", 50.0),
            ("2024-06-01T01:10:00.000Z", "Perth", 100.0),
            ("2024-06-01T02:10:00.000Z", "Oslo", 100.0),
        ]


def test_checked_statement_and_its_age_out_run(airflow_db, polaris) -> None:
    """The second run moves the first day to the archive, after all checks."""
    succeed("koalas_checked", "2024-06-02", "2024-06-03")
    assert rows(polaris, "Koalas Shares Archive", "__time", "city", "sessions") == [
        ("2024-06-01T00:00:00.000Z", "Oslo", 2),
        ("2024-06-01T00:00:00.000Z", "Perth", 1),
    ]
    assert {time[:10] for (time,) in rows(polaris, "Koalas Shares", "__time")} == {"2024-06-02"}


def test_rollup_and_then_its_age_in_place_run(airflow_db, polaris) -> None:
    """Hours of two days, then days."""
    succeed("koalas_rollup", "2024-06-02", "2024-06-03")
    assert len(rows(polaris, "Koalas Rollup", "__time", "city")) == 6
    succeed("koalas_age_in_place", "2024-07-01")
    assert rows(polaris, "Koalas Rollup", "__time", "city", "max_session_length", "__count") == [
        ("2024-06-01T00:00:00.000Z", "OSLO", 80_000, 2),
        ("2024-06-01T00:00:00.000Z", "PERTH", 40_000, 1),
        ("2024-06-02T00:00:00.000Z", "OSLO", 80_000, 2),
        ("2024-06-02T00:00:00.000Z", "PERTH", 40_000, 1),
    ]


def test_cascade_by_day_makes_the_month_on_its_last_day(airflow_db, polaris) -> None:
    """Two days with data and the empty one that ends the month: hours, days, and one month."""
    succeed("koalas_cascade_by_day", "2024-06-02", "2024-06-03")
    assert len(rows(polaris, "Koalas Hourly", "__time", "city")) == 6
    assert "Koalas Monthly" not in [table["name"] for table in polaris.iter_tables()]
    succeed("koalas_cascade_by_day", "2024-07-01")
    assert rows(polaris, "Koalas Daily", "__time", "city", "sessions") == [
        (f"2024-06-0{day}T00:00:00.000Z", city, sessions)
        for day in (1, 2)
        for city, sessions in (("Oslo", 2), ("Perth", 1))
    ]
    assert rows(polaris, "Koalas Monthly", "__time", "city", "sessions", "max_session_length") == [
        ("2024-06-01T00:00:00.000Z", "Oslo", 4, 80_000),
        ("2024-06-01T00:00:00.000Z", "Perth", 2, 40_000),
    ]
