# SPDX-License-Identifier: Apache-2.0
"""
Rerun a corrected partition of a cascade, then all runs that were built from it, the finest first.

Use it manually on Airflow 3.3 and newer, where rerunning an hour doesn't rerun its day. It uses Airflow's API.
In the UI look at the log of "find" for the runs in their order, and at the log of "repeat" for their results.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import requests
from airflow.sdk import DAG, BaseHook, Param, task
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

# [START koalas_recascade]
#: Hours until the task fails; runs that are still active then continue.
TIMEOUT = 6


@contextmanager
def airflow_api() -> Iterator[Any]:
    """Yield a function that calls Airflow. Connection ``airflow_api``: host with ``http://``, login, password."""
    connection = BaseHook.get_connection("airflow_api")
    base = f"{connection.host.rstrip('/')}{f':{connection.port}' if connection.port else ''}"
    with requests.Session() as http:
        # Reads and clears are idempotent.
        retries = Retry(8, backoff_factor=1, status_forcelist=(500, 502, 503, 504), allowed_methods=None)
        http.mount(base, HTTPAdapter(max_retries=retries))

        def call(method: str, path: str, **body: Any) -> Any:
            response = http.request(method, base + path, json=body or None, timeout=60)
            if not response.ok:
                raise RuntimeError(f"{method} {path} answered {response.status_code}: {response.text}")
            return response.json()

        token = call("POST", "/auth/token", username=connection.login, password=connection.password)["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield call


with DAG(
    "koalas_recascade",
    schedule=None,
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "dag_id": Param("koalas_cascade_hour", type="string"),
        "run_id": Param("", type="string", description="the run whose partition was corrected"),
    },
):

    @task
    def find(params: dict[str, Any]) -> list[list[list[str]]]:
        """Return a list of runs for each step: the run itself, then the runs that were built from the previous step."""
        steps = [[[params["dag_id"], params["run_id"]]]]
        with airflow_api() as call:
            call("GET", f"/api/v2/dags/{params['dag_id']}/dagRuns/{params['run_id']}")
            while steps[-1]:
                built = []
                for dag_id, run_id in steps[-1]:
                    query = f"source_dag_id={dag_id}&source_run_id={requests.utils.quote(run_id, safe='')}"
                    for event in call("GET", f"/api/v2/assets/events?{query}")["asset_events"]:
                        built += [[run["dag_id"], run["run_id"]] for run in event["created_dagruns"]]
                # A run that was found before moves to its last step.
                steps = [[run for run in step if run not in built] for step in steps]
                steps.append([list(run) for run in dict.fromkeys(map(tuple, built))])
        for number, step in enumerate(steps[:-1], 1):
            print(number, *(" ".join(run) for run in step), sep="\n  ")
        return steps[:-1]

    @task
    def repeat(steps: list[list[list[str]]]) -> None:
        """Clear the runs of a step, wait until all have succeeded, and continue with the next step."""
        deadline = time.monotonic() + TIMEOUT * 3600
        for step in steps:
            with airflow_api() as call:
                paths = [
                    f"/api/v2/dags/{dag_id}/dagRuns/{requests.utils.quote(run_id, safe='')}" for dag_id, run_id in step
                ]
                for path in paths:
                    call("POST", f"{path}/clear", dry_run=False)
                for path in paths:
                    while (state := call("GET", path)["state"]) not in ("success", "failed"):
                        if time.monotonic() > deadline:
                            raise TimeoutError(f"{path} is still {state!r} after {TIMEOUT} hours.")
                        time.sleep(5)
                    print(path, state)
                    if state == "failed":
                        raise RuntimeError(f"{path} failed. Fix it, then run this DAG again.")

    repeat(find())
# [END koalas_recascade]
