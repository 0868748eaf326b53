# SPDX-License-Identifier: Apache-2.0
"""Questions of tasks, and answers to them, by Airflow's REST API."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from harness.rest import Task
from harness.waiting import PATIENCE, eventually

#: States of a task that waits for an answer: of Airflow 3.3, and of 3.1 and 3.2.
WAITING = ("awaiting_input", "deferred")


def path_of(task: Task) -> str:
    """Return the path of a task's question."""
    return f"{task.path}/-1/hitlDetails"


def question(task: Task, *, within: float = PATIENCE) -> dict[str, Any]:
    """Wait until a task asks, and return its question."""
    task.wait_for(*WAITING, within=within)
    found: dict[str, Any] = task.api.ask("GET", path_of(task))
    return found


def answer(task: Task, option: str, *, user: str = "admin") -> int:
    """Answer a question as a user, and return the status of Airflow's reply."""
    body = {"chosen_options": [option], "params_input": {}}
    with closing(task.api.as_user(user)) as api:
        return api.status("PATCH", path_of(task), body)


def asks_again(task: Task, attempt: int) -> dict[str, Any]:
    """Wait until a later attempt asks, and return its question."""
    eventually(
        task.look,
        lambda seen: seen["try_number"] == attempt and seen["state"] in WAITING,
        what=f"the question of attempt {attempt}",
    )
    return question(task)
