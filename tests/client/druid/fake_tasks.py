# SPDX-License-Identifier: Apache-2.0
"""Tasks and errors as a real Druid 27 writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

Reply = tuple[int, Any]
START = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)


def druid_error(code: str, message: str, category: str = "INVALID_INPUT") -> dict[str, Any]:
    """Return Druid's error object."""
    return {
        "error": "druidException",
        "errorCode": code,
        "persona": "USER",
        "category": category,
        "errorMessage": message,
        "context": {},
    }


def absent(task: str) -> Reply:
    return 404, f"Cannot find any task with id: [{task}]"


@dataclass
class Task:
    """One task of the overlord."""

    id: str
    type: str
    table: str
    created: datetime
    payload: dict[str, Any]
    status: str = "RUNNING"
    runner: str = "RUNNING"
    message: str | None = None
    report: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """Return the entry of the list of tasks."""
        return {
            "id": self.id,
            "groupId": self.payload.get("groupId", self.id),
            "type": self.type,
            "createdTime": self.created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "queueInsertionTime": "1970-01-01T00:00:00.000Z",
            "statusCode": self.status,
            "status": self.status,
            "runnerStatusCode": self.runner,
            "duration": -1 if self.status == "RUNNING" else 2005,
            "location": {"host": "127.0.0.1", "port": 18084, "tlsPort": -1},
            "dataSource": self.table,
            "errorMsg": self.message,
        }

    def end(self, status: str, message: str | None = None, report: dict[str, Any] | None = None) -> None:
        self.status, self.runner, self.message, self.report = status, "WAITING", message, report
