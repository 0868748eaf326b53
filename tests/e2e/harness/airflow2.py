# SPDX-License-Identifier: Apache-2.0
"""Airflow 2.11 and its REST API: version 1."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta, timezone
from typing import Any

from harness.airflow import TRIGGERER_SILENCE, Airflow
from harness.rest import RestApi, Task

USER = PASSWORD = "admin"


class RestApi1(RestApi):
    """Version 1 of the API, with a name and a password."""

    prefix = "/api/v1"
    health_path = "/health"
    order = ""

    def log_in(self) -> None:
        """Authenticate all further requests."""
        self._http.auth = (USER, PASSWORD)

    def run(self, dag_id: str, task_id: str, conf: dict[str, Any]) -> Task:
        """Start a run and return its task."""
        run = self.ask("POST", f"/dags/{dag_id}/dagRuns", {"conf": conf})
        return Task(self, dag_id, run["dag_run_id"], task_id)

    def mark(self, task: Task, state: str) -> None:
        """Mark a task, as the button *Mark state as…* does."""
        body = {
            "dry_run": False,
            "dag_run_id": task.run_id,
            "task_id": task.task_id,
            "new_state": state,
            **dict.fromkeys(("include_upstream", "include_downstream", "include_future", "include_past"), False),
        }
        self.ask("POST", f"/dags/{task.dag_id}/updateTaskInstancesState", body)

    def xcom(self, task: Task, key: str) -> Any:
        """Return the value of an XCom that a task pushed."""
        return self.ask("GET", f"{task.path}/xcomEntries/{key}?stringify=false")["value"]

    def links(self, task: Task) -> dict[str, str | None]:
        """Return the extra links of a task's page."""
        links: dict[str, str | None] = self.ask("GET", f"{task.path}/links")
        return links


class Airflow2(Airflow):
    """One installation of Airflow 2.11."""

    api_class = RestApi1
    commands = (("webserver", "--workers=1"), ("scheduler",))
    reported = ("scheduler", "triggerer")
    # Its tasks write to the database themselves, so that the web server locks out nobody by waiting.
    patient = ("scheduler", "triggerer", "webserver")
    has_task_state_store = False

    def settings(self, url: str, port: int) -> dict[str, str]:
        """Return the settings of this version's environment."""
        return {
            # By default, Airflow 2 runs one task at a time on SQLite and schedules nothing meanwhile.
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
            "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
            # A killed worker is detected within a minute.
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "40",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "5",
            "AIRFLOW__WEBSERVER__BASE_URL": url,
            "AIRFLOW__WEBSERVER__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
        }

    def prepare(self) -> None:
        """Create the database and the administrator."""
        super().prepare()
        names = [f"--{option}=admin" for option in ("firstname", "lastname")]
        self.command(
            "users", "create", f"--username={USER}", f"--password={PASSWORD}", "--role=Admin", "--email=a@b.c", *names
        )

    def alive_triggerer_jobs(self) -> set[int]:
        """Return the ids of the triggerers with a current heartbeat; the API doesn't return them."""
        since = datetime.now(timezone.utc) - timedelta(seconds=TRIGGERER_SILENCE)
        rows = self.database.rows(
            "SELECT id FROM job WHERE job_type = 'TriggererJob' AND state = 'running'"
            f" AND latest_heartbeat > '{since:%Y-%m-%d %H:%M:%S}'"
        )
        return {number for (number,) in rows}
