# SPDX-License-Identifier: Apache-2.0
"""Examples on a real scheduler: the cascade and its repair, the watcher of a table, the sensor before a rollup."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from harness.airflow3 import Airflow3
from harness.polaris import KOALAS, Polaris
from harness.rest import Task
from harness.waiting import PATIENCE, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.smoke,
    pytest.mark.skipif(tuple(map(int, version("apache-airflow").split(".")[:2])) < (3, 3), reason="has no partitions"),
]

FOLDER = Path(__file__).resolve().parents[2] / "dags_examples"
MONTH = "2024-06"
JUNE = [f"2024-06-{day:02}" for day in range(1, 31)]
#: Days whose hours are really backfilled; other days have only the event, as if they had been backfilled before.
DAYS = JUNE[: int(os.environ.get("CASCADE_DAYS", "1"))]
#: Their hours, as Airflow writes partitions.
HOURS = [f"{day}T{hour:02}:00:00" for day in DAYS for hour in range(24)]
DAY = JUNE[0]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory):
    """Run an Airflow with the examples, without their waits of a minute, and the Polaris of their assets."""
    folder = tmp_path_factory.mktemp("examples")
    dags = folder / "dags"
    dags.mkdir()
    polaris = Polaris(folder / "polaris.log")
    for name in ("koalas_cascade.py", "koalas_recascade.py", "koalas_watch.py", "koalas_after_stream.py"):
        text = (FOLDER / name).read_text().replace("127.0.0.1:8099", polaris.url.removeprefix("http://"))
        (dags / name).write_text(text.replace("_interval=60", "_interval=1"))
    guarded = (FOLDER.parent / "docs" / "examples" / "guarded_rollup.py").read_text()
    guarded = guarded.replace("Koalas Rollup", "Koalas Guarded").replace("deferrable=True", "poll_interval=1")
    (dags / "guarded_rollup.py").write_text(guarded)
    home = folder / "airflow"
    home.mkdir()
    airflow = Airflow3(home, dags)
    api = {"conn_type": "http", "host": airflow.url, "login": "admin", "password": "admin"}
    airflow.set_environment(
        # Not in the database: runs start as soon as the DAGs are parsed.
        AIRFLOW_CONN_POLARIS_DEFAULT=json.dumps(polaris.connection()),
        AIRFLOW_CONN_AIRFLOW_API=json.dumps(api),
    )
    try:
        airflow.start()
        yield Examples(airflow, polaris)
    finally:
        airflow.stop()
        polaris.stop()


class Examples:
    """Requests both."""

    def __init__(self, airflow: Airflow3, polaris: Polaris) -> None:
        self.airflow = airflow
        self.polaris = polaris

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.airflow.api.ask(method, path, body)

    def _all(self, path: str, name: str) -> list[dict[str, Any]]:
        """Return all pages of a list."""
        found: list[dict[str, Any]] = []
        for offset in range(0, 1000, 100):
            page = self.ask("GET", f"{path}?limit=100&offset={offset}&order_by=id")[name]
            found += page
            if len(page) < 100:
                break
        return found

    def tasks(self, dag_id: str) -> dict[str, dict[str, Any]]:
        """Return the task ``rollup`` of the runs that have a partition of June 2024, by its key."""
        tasks = {
            task["dag_run_id"]: task for task in self._all(f"/dags/{dag_id}/dagRuns/~/taskInstances", "task_instances")
        }
        return {key: tasks[run["dag_run_id"]] for key, run in self.runs(dag_id).items()}

    def runs(self, dag_id: str) -> dict[str, dict[str, Any]]:
        """Return the runs that have a partition of June 2024, by its key."""
        found = self._all(f"/dags/{dag_id}/dagRuns", "dag_runs")
        return {run["partition_key"]: run for run in found if (run["partition_key"] or "").startswith(MONTH)}

    def see(self, dag_id: str, *keys: str, within: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait until the runs of these partitions have succeeded, and return them."""

        def ended() -> list[dict[str, Any]]:
            runs = self.runs(dag_id)
            found = [runs[key] for key in keys if key in runs]
            assert not [run for run in found if run["state"] == "failed"]
            return [run for run in found if run["state"] == "success"]

        return eventually(ended, lambda seen: len(seen) == len(keys), within=within, what=f"runs of {dag_id}")

    def asset_id(self, table: str) -> int:
        assets = self.ask("GET", "/assets?limit=100")["assets"]
        (found,) = [asset["id"] for asset in assets if asset["uri"].endswith(f"/{table.replace(' ', '%20')}")]
        return found

    def sessions(self, table: str) -> list[tuple[str, str, int]]:
        rows = self.polaris.query(f'SELECT "__time", "city", "sessions" FROM "{table}"')
        return sorted((row["__time"][:13], row["city"], row["sessions"]) for row in rows)


def at(run: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(run[name].replace("Z", "+00:00"))


def test_backfill_of_hours_fires_day_and_month_in_order(examples: Examples) -> None:
    """The hours of a day are backfilled: then the day is rolled up, and then the month, whose last day it was."""
    for dag_id in ("koalas_cascade_hour", "koalas_cascade_day", "koalas_cascade_month"):
        eventually(lambda dag=dag_id: examples.airflow.api.knows_dag(dag), bool, what=dag_id)
    daily = examples.asset_id("Koalas Daily")
    for day in JUNE[len(DAYS) :]:
        examples.ask("POST", "/assets/events", {"asset_id": daily, "partition_key": day})
    span = {"from_date": f"{HOURS[0]}Z", "to_date": f"{HOURS[-1]}Z"}
    examples.ask("POST", "/backfills", {"dag_id": "koalas_cascade_hour", "max_active_runs": 8, **span})
    examples.see("koalas_cascade_hour", *HOURS, within=600 * len(DAYS))
    examples.see("koalas_cascade_day", *DAYS)
    examples.see("koalas_cascade_month", MONTH)

    # By their tasks: Airflow stores the end of a run some time after its last task, which triggers the next run.
    hours, days, months = (examples.tasks(f"koalas_cascade_{each}") for each in ("hour", "day", "month"))
    for day in DAYS:
        own = [hours[key] for key in HOURS if key.startswith(day)]
        assert max(at(task, "end_date") for task in own) <= at(days[day], "start_date")
    assert max(at(days[day], "end_date") for day in DAYS) <= at(months[MONTH], "start_date")
    assert examples.sessions("Koalas Hourly")[:3] == [
        ("2024-06-01T00", "Berlin", 1),
        ("2024-06-01T00", "berlin", 1),
        ("2024-06-01T01", "Oslo", 1),
    ]
    totals = [("2024-06-01T00", "Berlin", 1), ("2024-06-01T00", "Oslo", 1), ("2024-06-01T00", "berlin", 1)]
    assert examples.sessions("Koalas Daily")[:3] == totals
    if len(DAYS) == 1:
        assert examples.sessions("Koalas Monthly") == totals

    events = examples.ask("GET", f"/assets/events?asset_id={daily}&source_dag_id=koalas_cascade_day")["asset_events"]
    (event,) = [event for event in events if event["partition_key"] == DAY]
    task = examples.ask("GET", f"/dags/koalas_cascade_day/dagRuns/{event['source_run_id']}/taskInstances/rollup")
    facts = examples.ask(
        "GET", f"/dags/koalas_cascade_day/dagRuns/{task['dag_run_id']}/taskInstances/rollup/xcomEntries/polaris_job"
    )["value"]
    assert event["extra"] == {
        "job_id": facts["id"],
        "interval": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z",
        "rows": 3,
        "bytes": facts["bytes"],
        "partition_key": DAY,
    }


def test_recipe_carries_one_corrected_hour_through(examples: Examples) -> None:
    """Late rows arrive for one hour: the recipe repeats that hour, its day and its month, in this order."""
    examples.polaris.append([{**KOALAS[2], "timestamp": "2024-06-01T01:59:00Z"}], "late.json")
    hour = examples.runs("koalas_cascade_hour")[HOURS[1]]
    conf = {"dag_id": "koalas_cascade_hour", "run_id": hour["dag_run_id"]}
    recipe = examples.ask("POST", "/dags/koalas_recascade/dagRuns", {"logical_date": None, "conf": conf})
    state = eventually(
        lambda: examples.ask("GET", f"/dags/koalas_recascade/dagRuns/{recipe['dag_run_id']}")["state"],
        lambda seen: seen in ("success", "failed"),
        what="the end of the recipe",
    )
    assert state == "success"
    assert ("2024-06-01T01", "Oslo", 2) in examples.sessions("Koalas Hourly")
    assert ("2024-06-01T00", "Oslo", 2) in examples.sessions("Koalas Daily")
    # The second of June has one more, if it was rolled up.
    assert ("2024-06-01T00", "Oslo", 1 + len(DAYS[:2])) in examples.sessions("Koalas Monthly")

    repeated = [
        examples.runs(dag_id)[key]
        for dag_id, key in (
            ("koalas_cascade_hour", HOURS[1]),
            ("koalas_cascade_day", DAY),
            ("koalas_cascade_month", MONTH),
        )
    ]
    for earlier, later in itertools.pairwise(repeated):
        assert at(earlier, "end_date") <= at(later, "start_date")
    day = examples.runs("koalas_cascade_day")[DAY]
    task = f"/dags/koalas_cascade_hour/dagRuns/{hour['dag_run_id']}/taskInstances/rollup"
    attempt = examples.ask("GET", task)["try_number"]
    log = json.dumps(examples.ask("GET", f"{task}/logs/{attempt}?full_content=true"))
    assert f"DAG 'koalas_cascade_day', run '{day['dag_run_id']}'" in log


def test_run_that_a_guard_refused_is_let_through_when_it_is_repeated(examples: Examples) -> None:
    """The target counts more events than the source has; a backfill repeats the run with another param."""
    mappings = [
        {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
        {"columnName": "city", "expression": '"city"'},
        {"columnName": "sessions", "expression": "COUNT(*)", "isAggregation": True},
    ]
    for _ in range(2):
        examples.polaris.copy_day("2024-06-02", "Koalas Guarded", mappings)
    span = {"dag_id": "guarded_rollup", "from_date": "2024-06-02T00:00:00Z", "to_date": "2024-06-02T00:00:00Z"}
    eventually(lambda: examples.airflow.api.knows_dag("guarded_rollup"), bool, what="guarded_rollup")

    def end(try_number: int) -> tuple[str, str, int]:
        tasks = examples.ask("GET", "/dags/guarded_rollup/dagRuns/~/taskInstances")["task_instances"]
        tasks = [task for task in tasks if task["dag_run_id"].startswith("backfill")]  # others are scheduled
        ended = [task for task in tasks if task["try_number"] == try_number and task["state"] in ("success", "failed")]
        return (ended[0]["dag_run_id"], ended[0]["state"], len(tasks)) if ended else ("", "", 0)

    examples.ask("POST", "/backfills", span)
    run, state, _ = eventually(lambda: end(1), lambda seen: seen[1], what="the end of the run")
    assert state == "failed"
    log = json.dumps(examples.ask("GET", f"/dags/guarded_rollup/dagRuns/{run}/taskInstances/rollup/logs/1"))
    assert "explain PolarisGuardError" in log

    eventually(
        lambda: [each["completed_at"] for each in examples.ask("GET", "/backfills?dag_id=guarded_rollup")["backfills"]],
        all,
        what="the end of the backfill",
    )
    opened = {"reprocess_behavior": "failed", "dag_run_conf": {"on_shrink": "submit"}}
    examples.ask("POST", "/backfills", {**span, **opened})
    again = eventually(lambda: end(2), lambda seen: seen[1], what="the end of the repeated run")
    assert again == (run, "success", 1)
    assert [row[2] for row in examples.sessions("Koalas Guarded")] == [1]


def restart_triggerer(airflow: Airflow3, *, between: Callable[[], None] = lambda: None) -> None:
    """Kill the only triggerer immediately, and start another one."""
    (triggerer,) = airflow.triggerers()
    triggerer.kill()
    between()
    airflow.start_triggerer()


def test_watcher_starts_one_run_for_each_job_across_a_triggerer_restart(examples: Examples) -> None:
    """A job before the triggerer is killed, one while there is none, one after: each is reported once, none is lost."""
    airflow, polaris = examples.airflow, examples.polaris
    eventually(lambda: airflow.api.knows_dag("koalas_watch"), bool, what="koalas_watch")
    eventually(
        lambda: polaris.requests().get("GET /v1/projects/{projectId}/jobs", 0),
        lambda seen: seen > 2,
        what="polls of the watcher",
    )

    def load(hour: int) -> str:
        row = {**KOALAS[0], "timestamp": f"2024-05-01T{hour:02}:00:00Z"}
        return polaris.append([row], f"watched-{hour}.json")

    def told() -> list[str]:
        events = examples.ask("GET", "/assets/events?limit=1000&order_by=timestamp")["asset_events"]
        payloads = [event["extra"]["payload"] for event in events if "payload" in (event["extra"] or {})]
        return [job["id"] for payload in payloads for job in payload["jobs"]]

    def remembered() -> str:
        assets = examples.ask("GET", "/assets?name_pattern=koalas-source-loaded")["assets"]
        return json.dumps(examples.ask("GET", f"/assets/{assets[0]['id']}/state-store"))

    jobs = [load(1)]
    eventually(told, lambda seen: jobs[0] in seen, what="the first event")
    # Between the event and this it may be reported again, as documented.
    eventually(remembered, lambda seen: jobs[0] in seen, what="the memory of it")
    restart_triggerer(airflow, between=lambda: jobs.append(load(2)))
    eventually(told, lambda seen: jobs[1] in seen, what="the event of the job that nobody saw end")
    jobs.append(load(3))
    eventually(told, lambda seen: jobs[2] in seen, what="the third event")
    assert [told().count(job) for job in jobs] == [1, 1, 1]
    assert sorted(set(told()), key=told().index) == told()
    counted = eventually(
        lambda: {(row["__time"], row["sessions"]) for row in polaris.query('SELECT * FROM "Koalas Cities"')},
        lambda seen: ("2024-05-01T00:00:00.000Z", 3) in seen,
        what="the rollup of the third load",
    )
    assert counted


def test_sensor_waits_across_a_triggerer_restart_and_its_rollup_runs_once(examples: Examples) -> None:
    """The day isn't complete; the triggerer is killed; then the end of the day arrives."""
    airflow, polaris = examples.airflow, examples.polaris
    eventually(lambda: airflow.api.knows_dag("koalas_after_stream"), bool, what="koalas_after_stream")
    run = examples.ask("POST", "/dags/koalas_after_stream/dagRuns", {"logical_date": "2024-07-11T00:00:00Z"})
    landed = Task(airflow.api, "koalas_after_stream", run["dag_run_id"], "landed")
    landed.wait_for("deferred")
    polaris.append([{**KOALAS[0], "timestamp": "2024-07-10T12:00:00Z"}], "noon.json")
    restart_triggerer(airflow)
    assert landed.state() == "deferred"
    polaris.append([{**KOALAS[0], "timestamp": "2024-07-10T23:55:00Z"}], "night.json")
    landed.wait_for("success")
    assert landed.xcom("polaris_data")["newest"] == "2024-07-10T23:55:00.000Z"
    Task(airflow.api, "koalas_after_stream", run["dag_run_id"], "rollup").wait_for("success")
    assert landed.look()["try_number"] == 1
    jobs = [job for job in polaris.jobs() if job["target"]["tableName"] == "Koalas Rollup"]
    assert [job["executionStatus"] for job in jobs] == ["completed"]
