# SPDX-License-Identifier: Apache-2.0
"""A world whose service is a Druid in memory: its tasks follow the same times as the jobs of Polaris."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import Task
from tests.triggers.conftest import START, Answer, Job, Polaris, World

#: What Druid reports for each status of a job: ``statusCode``, ``runnerStatusCode``, message.
_REPORTED = {
    "pending": ("RUNNING", "PENDING", None),
    "running": ("RUNNING", "RUNNING", None),
    "completed": ("SUCCESS", "NONE", None),
    "failed": ("FAILED", "NONE", "UnknownError: broken"),
    "canceled": ("FAILED", "NONE", "Shutdown request from user"),
}
_KINDS = {"taskStatus": "bulk", "tasks": "page", "status": "status", "reports": "reports", "shutdown": "cancel"}


class _Tasks(Mapping[str, Task]):
    """The jobs of the world, as tasks in their present state."""

    def __init__(self, service: Druid) -> None:
        self._service = service

    def __getitem__(self, key: str) -> Task:
        job = self._service.jobs[key]
        status = job.status(self._service.clock())
        if status is None:
            raise KeyError(key)
        return _task(job, status)

    def values(self) -> Any:
        return [self[key] for key in self]

    def __iter__(self) -> Iterator[str]:
        return iter(self._service.jobs)

    def __len__(self) -> int:
        return len(self._service.jobs)


def _task(job: Job, status: str) -> Task:
    code, runner, message = _REPORTED.get(status, (status.upper(), "NONE", None))
    created = START + timedelta(seconds=job.changes[0][0])
    return Task(job.id, "query_controller", "t", created, {"type": "query_controller"}, code, runner, message)


@dataclass
class Druid(Polaris):
    """The fake Druid with the interface of the world's Polaris."""

    def __post_init__(self) -> None:
        self.fake = FakeDruid()
        self.fake.tasks = _Tasks(self)  # type: ignore[assignment]

    def request(self, method: str, url: str, params: Any, data: Any) -> Answer:
        path = unquote(urlsplit(url).path)
        self.requests.append((self.clock(), f"{method} {_KINDS.get(path.rpartition('/')[2], 'describe')}"))
        failed = self.failure(method, path)
        if failed is not None:
            return failed
        body = b"".join(data) if data is not None else b""
        status, answer = self.fake.answer(method, path, dict(params or ()), json.loads(body) if body else None)
        self.fake.seen.clear()
        if isinstance(answer, str):
            return Answer(status, {"Content-Type": "text/plain"}, answer.encode())
        return Answer(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())


class DruidWorld(World):
    """A world with one Druid."""

    def __post_init__(self) -> None:
        self.polaris = Druid(self.time)

    def client_class(self) -> Any:
        from airflow_provider_polaris.client.druid.client import DruidClient

        return DruidClient

    async def read_settings(self, conn_id: str) -> Any:
        from airflow_provider_polaris.client.druid.settings import DruidSettings

        await super().read_settings(conn_id)
        return DruidSettings.from_host("https://router.example.com:8888", connection_name=conn_id)
