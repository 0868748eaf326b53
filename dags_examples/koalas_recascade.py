# SPDX-License-Identifier: Apache-2.0
"""
Carry a corrected partition through a cascade: run it again, then all that was built from it, the finest first.

Use it by hand on Airflow 3.3 and newer, where a repeated hour leads to no new day; it clears runs by Airflow's API.
In the UI look at the log of "find" for the runs, in the order in which they are repeated, and at "repeat" for each end.
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
#: Hours; what isn't done by then is left as it is.
PATIENCE = 6


@contextmanager
def airflow_api() -> Iterator[Any]:
    """Yield a function that asks Airflow; connection ``airflow_api`` has a host with ``http://``, user and password."""
    connection = BaseHook.get_connection("airflow_api")
    base = f"{connection.host.rstrip('/')}{f':{connection.port}' if connection.port else ''}"
    with requests.Session() as http:
        # To read and to clear may both be repeated.
        patient = Retry(8, backoff_factor=1, status_forcelist=(500, 502, 503, 504), allowed_methods=None)
        http.mount(base, HTTPAdapter(max_retries=patient))

        def ask(method: str, path: str, **body: Any) -> Any:
            answer = http.request(method, base + path, json=body or None, timeout=60)
            if not answer.ok:
                raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text}")
            return answer.json()

        token = ask("POST", "/auth/token", username=connection.login, password=connection.password)["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield ask


with DAG(
    "koalas_recascade",
    schedule=None,
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "dag_id": Param("koalas_cascade_hour", type="string"),
        "run_id": Param("", type="string", description="the run whose partition is to be made anew"),
    },
):

    @task
    def find(params: dict[str, Any]) -> list[list[list[str]]]:
        """Return the run and all that was built from it: a list of runs for each step, each made of the step before."""
        steps = [[[params["dag_id"], params["run_id"]]]]
        with airflow_api() as ask:
            ask("GET", f"/api/v2/dags/{params['dag_id']}/dagRuns/{params['run_id']}")
            while steps[-1]:
                built = []
                for dag_id, run_id in steps[-1]:
                    query = f"source_dag_id={dag_id}&source_run_id={requests.utils.quote(run_id, safe='')}"
                    for event in ask("GET", f"/api/v2/assets/events?{query}")["asset_events"]:
                        built += [[run["dag_id"], run["run_id"]] for run in event["created_dagruns"]]
                # What is found once more is repeated in its last place.
                steps = [[run for run in step if run not in built] for step in steps]
                steps.append([list(run) for run in dict.fromkeys(map(tuple, built))])
        for number, step in enumerate(steps[:-1], 1):
            print(number, *(" ".join(run) for run in step), sep="\n  ")
        return steps[:-1]

    @task
    def repeat(steps: list[list[list[str]]]) -> None:
        """Clear the runs of a step, wait until all have succeeded, and go on with the next."""
        patience = time.monotonic() + PATIENCE * 3600
        for step in steps:
            with airflow_api() as ask:
                paths = [
                    f"/api/v2/dags/{dag_id}/dagRuns/{requests.utils.quote(run_id, safe='')}" for dag_id, run_id in step
                ]
                for path in paths:
                    ask("POST", f"{path}/clear", dry_run=False)
                for path in paths:
                    while (state := ask("GET", path)["state"]) not in ("success", "failed"):
                        if time.monotonic() > patience:
                            raise TimeoutError(f"{path} is still {state!r} after {PATIENCE} hours.")
                        time.sleep(5)
                    print(path, state)
                    if state == "failed":
                        raise RuntimeError(f"{path} failed; mend it, then run this DAG again.")

    repeat(find())
# [END koalas_recascade]
