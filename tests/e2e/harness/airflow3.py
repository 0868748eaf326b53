# SPDX-License-Identifier: Apache-2.0
"""Airflow 3 and its REST API: version 2."""

from __future__ import annotations

import json
import secrets
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.airflow import TRIGGERER_SILENCE, Airflow
from harness.rest import RestApi, Task

#: Role of each user by name; the name is also the password.
USERS = {"admin": "admin", "ada": "user", "ben": "user", "eve": "viewer"}


class RestApi2(RestApi):
    """Version 2 of the API."""

    prefix = "/api/v2"
    health_path = "/monitor/health"
    order = "&order_by=id"

    def log_in(self, user: str = "admin") -> None:
        """Get a token, as administrator or as another of the users."""
        token = self._ask("POST", "/auth/token", {"username": user, "password": user})["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def as_user(self, user: str) -> RestApi2:
        """Return the same API for another user."""
        api = RestApi2(self._url)
        api.log_in(user)
        return api

    def run(self, dag_id: str, task_id: str, conf: dict[str, Any]) -> Task:
        """Start a run and return its task."""
        run = self.ask("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return Task(self, dag_id, run["dag_run_id"], task_id)

    def mark(self, task: Task, state: str) -> None:
        """Mark a task, as the button *Mark state as…* does."""
        self.ask("PATCH", task.path, {"new_state": state})

    def xcom(self, task: Task, key: str) -> Any:
        """Return the value of an XCom that a task pushed."""
        return self.ask("GET", f"{task.path}/xcomEntries/{key}")["value"]

    def links(self, task: Task) -> dict[str, str | None]:
        """Return the extra links of a task's page."""
        links: dict[str, str | None] = self.ask("GET", f"{task.path}/links")["extra_links"]
        return links


class Airflow3(Airflow):
    """One installation of Airflow 3."""

    api_class = RestApi2
    commands = (("api-server",), ("scheduler",), ("dag-processor",))
    reported = ("scheduler", "triggerer", "dag_processor")
    has_task_state_store = not version("apache-airflow").startswith(("3.0.", "3.1.", "3.2."))

    def settings(self, url: str, port: int) -> dict[str, str]:
        """Return the settings of this version's environment."""
        return {
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_ISSUER": "tests",  # 3.0 has none, which newer versions of PyJWT refuse
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            # A stopped triggerer should not miss its own heartbeats in addition.
            "AIRFLOW__TRIGGERER__RUNNER_HEALTH_CHECK_THRESHOLD": str(3 * TRIGGERER_SILENCE),
            # The end of a task's process is often detected only at the next heartbeat.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # A killed worker is detected within a minute.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "40",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        }

    def _passwords(self) -> Path:
        file = self.home / "passwords.json"
        file.write_text(json.dumps({name: name for name in USERS}))
        return file

    def alive_triggerer_jobs(self) -> set[int]:
        """Return the ids of the triggerers with a current heartbeat."""
        jobs = self.api.ask("GET", "/jobs?job_type=TriggererJob&is_alive=true")["jobs"]
        return {job["id"] for job in jobs}
