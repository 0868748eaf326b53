# SPDX-License-Identifier: Apache-2.0
"""The used part of Airflow's REST API; subclasses implement the differences between its versions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import requests

from harness.waiting import PATIENCE, eventually

#: States that a task leaves only when a user clears it.
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class RestApi(ABC):
    """
    The API of one server, asked as administrator.

    :param url: Where it is.
    """

    #: The beginning of all paths.
    prefix: str
    #: Path of the health of its components.
    health_path: str
    #: Parameter that orders the pages of a list of task instances; empty if the list has no other order.
    order: str

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
            answer = self._http.get(self._url + self.prefix + self.health_path, timeout=10)
        except requests.RequestException:
            return {}
        return {name: one["status"] for name, one in answer.json().items()} if answer.ok else {}

    @abstractmethod
    def log_in(self) -> None:
        """Log in as an administrator, which all further requests need."""

    def as_user(self, user: str) -> RestApi:
        """
        Return the API for another user; the caller closes it.

        :raises NotImplementedError: Questions are not asked in this version, so nobody else is needed.
        """
        raise NotImplementedError

    @abstractmethod
    def run(self, dag_id: str, task_id: str, conf: dict[str, Any]) -> Task:
        """Start a run and return its task."""

    @abstractmethod
    def mark(self, task: Task, state: str) -> None:
        """Mark a task, as the button *Mark state as…* does."""

    @abstractmethod
    def xcom(self, task: Task, key: str) -> Any:
        """Return the value of an XCom that a task pushed."""

    @abstractmethod
    def links(self, task: Task) -> dict[str, str | None]:
        """Return the extra links of a task's page."""

    def clear(self, task: Task, *, downstream: bool = False) -> None:
        """Clear a task, as the button *Clear* does; with the tasks after it if asked."""
        body = {
            "dry_run": False,
            "dag_run_id": task.run_id,
            "task_ids": [task.task_id],
            "include_downstream": downstream,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.ask("POST", f"/dags/{task.dag_id}/clearTaskInstances", body)

    def set_slots(self, slots: int) -> None:
        """Set how many tasks run at once."""
        self.ask("PATCH", "/pools/default_pool?update_mask=slots", {"name": "default_pool", "slots": slots})

    def add_connection(self, connection: dict[str, Any]) -> None:
        """Put a connection into Airflow's database."""
        self.ask("POST", "/connections", connection)

    def knows_dag(self, dag_id: str) -> bool:
        """
        Return whether the DAG can be run.

        :raises AssertionError: A DAG file can't be imported.
        """
        errors = self.ask("GET", "/importErrors")["import_errors"]
        assert not errors, "\n".join(f"{one['filename']}: {one['stack_trace']}" for one in errors)
        return self._http.get(f"{self._url}{self.prefix}/dags/{dag_id}", timeout=120).ok

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """
        Return the JSON answer to a request, which is repeated while others write to Airflow's SQLite.

        :raises AssertionError: Any status but 2xx.
        """
        return self._ask(method, self.prefix + path, body)

    def status(self, method: str, path: str, body: Any) -> int:
        """Send a request once, and return the status of the answer."""
        return self._http.request(method, self._url + self.prefix + path, json=body, timeout=120).status_code

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = eventually(
            lambda: self._http.request(method, self._url + path, json=body, timeout=120),
            # SQLite may be busy (503 for a backfill), and 3.3.2 can't list asset events while a run that one created
            # has not started.
            lambda seen: seen.status_code not in (500, 503) or not _is_passing(method, seen),
            what=f"an answer to {method} {path}",
        )
        assert answer.ok, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json() if answer.content else None


def _is_passing(method: str, seen: requests.Response) -> bool:
    return method == "GET" or seen.status_code == 503 or '"Database error"' in seen.text


@dataclass(frozen=True)
class Task:
    """One task of one run."""

    api: RestApi
    dag_id: str
    run_id: str
    task_id: str

    @property
    def path(self) -> str:
        """Path of the task instance."""
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"

    def look(self) -> dict[str, Any]:
        """Return the task instance."""
        instance: dict[str, Any] = self.api.ask("GET", self.path)
        return instance

    def state(self) -> str | None:
        """Return the task's state."""
        state: str | None = self.look()["state"]
        return state

    def pid(self) -> int:
        """Return the id of the process that runs the task's code."""
        pid = self.look()["pid"]
        assert isinstance(pid, int), f"{self.dag_id}.{self.task_id} has no process: {self.look()}"
        return pid

    def wait_for(self, *states: str, within: float = PATIENCE) -> str:
        """
        Wait until the task has one of these states.

        :raises AssertionError: It has ended in another one, or time is up.
        """
        state = eventually(
            self.state,
            lambda seen: seen in states or seen in ENDED,
            within=within,
            what=f"state {' or '.join(states)} of {self.dag_id}.{self.task_id}",
        )
        assert state in states, f"{self.dag_id}.{self.task_id} ended as {state!r}"
        return state

    def mark(self, state: str) -> None:
        """Mark the task, as the button *Mark state as…* does."""
        self.api.mark(self, state)

    def clear(self, *, downstream: bool = False) -> None:
        """Clear the task, as the button *Clear* does; with the tasks after it if asked."""
        self.api.clear(self, downstream=downstream)

    def xcom(self, key: str = "return_value") -> Any:
        """Return the value of an XCom that the task pushed."""
        return self.api.xcom(self, key)

    def links(self) -> dict[str, str | None]:
        """Return the extra links of the task's page."""
        return self.api.links(self)
