"""Airflow's REST API, as far as the tests need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from harness.waiting import eventually

#: States that a task leaves only when somebody clears it.
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class RestApi:
    """
    The API of one server, asked as administrator.

    :param url: Where it is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy of the environment is not for loopback

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def health(self) -> dict[str, str | None]:
        """Return the status of each component; empty while the server doesn't answer."""
        try:
            answer = self._http.get(f"{self._url}/api/v2/monitor/health", timeout=10)
        except requests.RequestException:
            return {}
        return {name: one["status"] for name, one in answer.json().items()} if answer.ok else {}

    def log_in(self) -> None:
        """Get the token that the other methods need; every visitor is an administrator here."""
        self._http.headers["Authorization"] = f"Bearer {self.ask('GET', '/auth/token')['access_token']}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """
        Return the JSON answer to a request.

        :raises AssertionError: Any status but 2xx.
        """
        answer = self._http.request(method, self._url + path, json=body, timeout=60)
        assert answer.ok, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json() if answer.content else None

    def knows_dag(self, dag_id: str) -> bool:
        """
        Return whether the DAG can be run.

        :raises AssertionError: A DAG file can't be imported.
        """
        errors = self.ask("GET", "/api/v2/importErrors")["import_errors"]
        assert not errors, "\n".join(f"{one['filename']}: {one['stack_trace']}" for one in errors)
        return self._http.get(f"{self._url}/api/v2/dags/{dag_id}", timeout=60).ok

    def run(self, dag_id: str, task_id: str, conf: dict[str, Any]) -> Task:
        """Start a run and return its task."""
        run = self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return Task(self, dag_id, run["dag_run_id"], task_id)


@dataclass(frozen=True)
class Task:
    """One task of one run."""

    api: RestApi
    dag_id: str
    run_id: str
    task_id: str

    def look(self) -> dict[str, Any]:
        """Return the task instance."""
        instance: dict[str, Any] = self.api.ask("GET", self._path)
        return instance

    def state(self) -> str | None:
        """Return the task's state."""
        state: str | None = self.look()["state"]
        return state

    def wait_for(self, *states: str, within: float = 90) -> str:
        """
        Wait until the task has one of these states.

        :raises AssertionError: It has ended in another one, or time is up.
        """
        state = eventually(
            self.state,
            lambda seen: seen in states or (seen in ENDED and bool(ENDED & set(states))),
            within=within,
            what=f"state {' or '.join(states)} of {self.dag_id}.{self.task_id}",
        )
        assert state in states, f"{self.dag_id}.{self.task_id} ended as {state!r}"
        return state

    def mark(self, state: str) -> None:
        """Do what the button *Mark state as…* does."""
        self.api.ask("PATCH", self._path, {"new_state": state})

    def clear(self) -> None:
        """Do what the button *Clear* does."""
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [self.task_id], "only_failed": False}
        self.api.ask("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", body)

    def xcom(self, key: str = "return_value") -> Any:
        """Return the value of an XCom that the task pushed."""
        return self.api.ask("GET", f"{self._path}/xcomEntries/{key}")["value"]

    def links(self) -> dict[str, str | None]:
        """Return the extra links of the task's page."""
        links: dict[str, str | None] = self.api.ask("GET", f"{self._path}/links")["extra_links"]
        return links

    @property
    def _path(self) -> str:
        return f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"
