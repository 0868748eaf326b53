# SPDX-License-Identifier: Apache-2.0
"""Lineage in a real Airflow process: its own OpenLineage provider, and events in a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dag_runs import INGEST, polaris

__all__ = ["polaris"]

pytest.importorskip("airflow.providers.openlineage")
pytestmark = pytest.mark.dag
ROOT = Path(__file__).parents[3]
PROJECT = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def source(polaris):
    """Load the file into the source table."""
    job = polaris.create_job(INGEST)
    statuses = [polaris.get_job_status(job["id"]) for _ in range(5)]
    assert statuses[-1] == "completed"


def last_events(path: Path) -> dict[str, dict[str, Any]]:
    """Return the last event of each task, without the addresses of schemas and producers."""
    events = {}
    for line in path.read_text().splitlines():
        event = json.loads(line, object_hook=without_addresses)
        _, _, task_id = event["job"]["name"].partition(".")
        events[task_id] = event
    return events


def without_addresses(value: dict[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if name not in ("_producer", "_schemaURL")}


def table(namespace: str, name: str, columns: dict[str, str] | None, **more: Any) -> dict[str, Any]:
    """Return a dataset as in an event."""
    facets = more.pop("facets", {})
    if columns is not None:
        fields = [{"name": column, "type": kind, "fields": []} for column, kind in columns.items()]
        facets = {**facets, "schema": {"fields": fields}}
    return {
        "namespace": namespace,
        "name": f"{PROJECT}.{name}",
        "facets": {"dataSource": {"name": namespace, "uri": namespace}, **facets},
        **more,
    }


def column(namespace: str, name: str, *transformations: dict[str, Any]) -> dict[str, Any]:
    """Return a column of the source as in an event."""
    return {
        "namespace": namespace,
        "name": f"{PROJECT}.Koalas Source",
        "field": name,
        "transformations": [{"masking": False, **each} for each in transformations],
    }


def test_runs_tell_openlineage_what_the_jobs_did(airflow_db, polaris, source, tmp_path, monkeypatch):
    """Waiting and deferred tasks have equal events, a failed job has its error, and broken lineage fails no task."""
    file, states = tmp_path / "events.jsonl", tmp_path / "states.json"
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))

    done = subprocess.run(
        [sys.executable, "-m", "tests.operators.openlineage.runs", str(states)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(states.read_text()) == {
        "waiting": "success",
        "deferred": "success",
        "broken": "success",
        "failing": "failed",
    }
    events = last_events(file)
    jobs = {job["target"]["tableName"]: polaris.get_job(job["id"]) for job in polaris.iter_jobs()}
    here = polaris.settings.base_url.replace("http://", "polaris://")
    columns = {"__time": "timestamp", "city": "string", "session_length": "long"}
    how = {"type": "DIRECT", "subtype": "TRANSFORMATION"}
    filters, groups = {"type": "INDIRECT", "subtype": "FILTER"}, {"type": "INDIRECT", "subtype": "GROUP_BY"}
    arrows = {
        "fields": {
            "__time": {
                "inputFields": [column(here, "__time", {**how, "description": "TIME_FLOOR(\"__time\", 'PT1H')"})]
            },
            "city": {"inputFields": [column(here, "city", {**how, "description": 'UPPER("city")'})]},
            "longest": {
                "inputFields": [
                    column(
                        here,
                        "session_length",
                        {"type": "DIRECT", "subtype": "AGGREGATION", "description": 'MAX("session_length")'},
                    )
                ]
            },
        },
        "dataset": [
            column(here, "__time", filters, groups),
            column(here, "session_length", filters),
            column(here, "city", groups),
        ],
    }
    read = table(here, "Koalas Source", columns, inputFacets={"inputStatistics": {"rowCount": 3, "size": 63}})
    overwritten = {"lifecycleStateChange": {"lifecycleStateChange": "OVERWRITE"}}
    written = {"__time": "timestamp", "city": "string", "longest": "long", "__count": "long"}
    for task_id in ("waiting", "deferred"):
        event, job = events[task_id], jobs[f"Koalas {task_id}"]
        assert event["eventType"] == "COMPLETE"
        assert event["inputs"] == [read]
        assert event["outputs"] == [
            table(
                here,
                f"Koalas {task_id}",
                written,
                facets={"columnLineage": arrows, **overwritten},
                outputFacets={"outputStatistics": {"rowCount": 2}},
            )
        ]
        assert event["job"]["facets"]["sql"] == {"query": job["query"]}
        assert event["run"]["facets"]["externalQuery"] == {"externalQueryId": job["id"], "source": here}
        assert {"errorMessage", "extractionError"}.isdisjoint(event["run"]["facets"])

    failed, job = events["failing"], jobs["Koalas failing"]
    assert failed["eventType"] == "FAIL"
    assert failed["inputs"] == [table(here, "Koalas Source", None, inputFacets={})]
    shifted = {**how, "description": "TIME_SHIFT(\"__time\", 'P1D', 1)"}
    failed_arrows = {
        "fields": {"__time": {"inputFields": [column(here, "__time", shifted)]}},
        "dataset": [column(here, "__time", filters)],
    }
    assert failed["outputs"] == [
        table(here, "Koalas failing", None, facets={"columnLineage": failed_arrows}, outputFacets={})
    ]
    assert failed["run"]["facets"]["externalQuery"] == {"externalQueryId": job["id"], "source": here}
    assert f"Job {job['id']!r}" in failed["run"]["facets"]["errorMessage"]["message"]
    assert repr(job["health"]["message"]) in failed["run"]["facets"]["errorMessage"]["message"]

    broken = events["broken"]
    assert broken["eventType"] == "COMPLETE"
    assert broken["inputs"] == [read]
    assert broken["outputs"] == [
        table(here, "Koalas broken", written, facets=overwritten, outputFacets={"outputStatistics": {"rowCount": 2}})
    ]
    assert "sql" not in broken["job"]["facets"]
