# SPDX-License-Identifier: Apache-2.0
"""A Druid in memory for the tests of the submission, with the methods of the Polaris that they use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.settings import DruidSettings
from tests.client.conftest import Longest
from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import Task as DruidTask
from tests.client.druid.session import FakeSession
from tests.operators.submission.conftest import JOB_SECONDS, Death, FakeClock, Polaris, Wire

SOURCE = "koalas"
SUBMIT = "/druid/v2/sql/task"
_WORDS = {"RUNNING": "running", "SUCCESS": "completed", "FAILED": "failed"}


@dataclass(frozen=True)
class Job:
    """A task that runs a query, in the terms of the tests."""

    task: DruidTask

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def status(self) -> str:
        was_shut_down = (self.task.message or "").startswith("Shutdown")
        return "canceled" if was_shut_down else _WORDS[self.task.status]

    @property
    def is_terminal(self) -> bool:
        return self.task.status != "RUNNING"

    @property
    def desired(self) -> str:
        return "canceled" if self.status == "canceled" else "running"


class Cluster(Polaris):
    """
    One target table of a fake Druid, and the tasks that write it.

    :param druid: The cluster.
    :param clock: Its clock.
    :param table: The target.
    """

    def __init__(self, druid: FakeDruid, clock: FakeClock, table: str) -> None:
        self.druid = druid
        self.clock = clock
        self.table = table

    def append(self, **changes: Any) -> dict[str, Any]:
        source = {"type": "table", "tableName": SOURCE}
        mappings = [{"columnName": "__time", "expression": '"__time"'}, {"columnName": "city", "expression": '"city"'}]
        return super().append(**{"source": source, "mappings": mappings, "partitionedBy": "day", **changes})

    @property
    def jobs(self) -> list[Any]:
        self.druid.end_due_tasks()
        tasks = [task for task in self.druid.tasks.values() if task.type == "query_controller"]
        return [Job(task) for task in tasks if task.table == self.table]

    @property
    def blocks(self) -> list[str]:
        """Ids of the tasks that hold the id of an old marker."""
        return [task.id for task in self.druid.tasks.values() if task.type == "noop"]

    def finish(self) -> None:
        self.clock.advance(JOB_SECONDS + 1)
        self.druid.arrive()  # whatever a broker has still been planning
        self.clock.advance(JOB_SECONDS + 1)
        self.druid.end_due_tasks()

    def end_due_jobs(self) -> None:
        self.druid.end_due_tasks()

    def _count(self) -> int:
        done = [job for job in self.jobs if job.status == "completed"]
        replaced = [job for job in done if job.task.payload["sqlQuery"].startswith("REPLACE")]
        return 3 * (len(done) - len(replaced)) + 3 * min(1, len(replaced))


class DruidWire(Wire):
    """
    The hook for a fake Druid.

    :param clock: The time.
    :param druid: The cluster.
    """

    def __init__(self, clock: FakeClock, druid: FakeDruid) -> None:
        super().__init__(clock)
        self.druid = druid
        #: Seconds after which a submission arrives that the broker still plans; None if a test lets it arrive.
        self.arrives_after: float | None = 30
        self._settings = DruidSettings.from_host("https://router.example.com:8888", connection_name="druid")
        self._druid_client = DruidClient(
            self._settings,
            session=FakeSession(druid),
            clock=lambda: clock.now().timestamp(),
            now=clock.now,
            sleep=clock.advance,
            rng=Longest(),
        )

    def get_client(self) -> Any:
        return self._druid_client

    @property
    def settings(self) -> Any:
        return self._settings

    @property
    def project_id(self) -> str:
        return ""

    def job_url(self, job_id: str, table: str = "") -> str:
        return f"https://router.example.com:8888/unified-console.html#tasks/{job_id}"

    def submit_job(self, spec: Any, *, repeat_throttled: bool = True) -> dict[str, Any]:
        """Submit a job. A text with a space is what happens to the requests of this call; see :class:`FakeDruid`."""
        what = self.posts[0] if self.posts else "ok"
        if not isinstance(what, str) or what in ("ok", "lost", "nothing", "death"):
            return super().submit_job(spec, repeat_throttled=repeat_throttled)
        assert not repeat_throttled
        self.posts.pop(0)
        self.asked.append("POST")
        self.sent.append(spec)
        self.druid.faults = ["planning"] * 3 if what == "late" else [what] * 3
        try:
            return self._create(spec)
        finally:
            self.druid.faults = []
            if self.druid.planning and self.arrives_after is not None:
                self.clock.at(self.arrives_after, self.druid.arrive)

    def foreign(self, spec: Any) -> str:
        """Submit a job as another user, whose marker nobody else has."""
        marker = f"somebody-{len(self.druid.tasks)}"
        return str(self.get_client().create_job({**spec, "context": {"airflow": marker}})["id"])

    def _create(self, spec: Any) -> dict[str, Any]:
        before = set(self.druid.tasks)
        try:
            return self.get_client().create_job(spec, repeat_throttled=False)  # type: ignore[no-any-return]
        finally:
            self.ours += [key for key in self.druid.tasks if key not in before]

    def fail_reads(self, count: int) -> None:
        """Let this many requests for the statuses of tasks fail."""
        self.druid.answers["POST", "/druid/indexer/v1/taskStatus"] = [(503, "")] * count

    def die_after_the_answer(self) -> None:
        self.posts.append(Death())


def new_druid(clock: FakeClock) -> FakeDruid:
    """Return a cluster whose tasks take 1,000 s of fake time, with the source."""
    return FakeDruid(tables={SOURCE: {}}, loaded={SOURCE}, now=clock.now, task_seconds=JOB_SECONDS)


def druid_wires(clock: FakeClock) -> Iterator[DruidWire]:
    """Yield a hook for a new cluster."""
    wire = DruidWire(clock, new_druid(clock))
    yield wire
    wire.get_client().close()


def ids_sent(druid: FakeDruid) -> list[str]:
    """The id of each submission that was sent, in this order."""
    return [f"query-{body['context']['sqlQueryId']}" for _, path, body in druid.seen if path == SUBMIT]
