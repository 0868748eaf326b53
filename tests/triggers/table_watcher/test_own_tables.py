# SPDX-License-Identifier: Apache-2.0
"""A bad answer for one condition or job on a watched table doesn't affect others; reads and reports are limited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisThrottledError,
    PolarisTransportError,
)
from airflow_provider_polaris.triggers.data_watcher import query as data_look
from airflow_provider_polaris.triggers.data_watcher import watcher as data_watch
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition, TableData
from airflow_provider_polaris.triggers.data_watcher.watcher import data_watch_of
from airflow_provider_polaris.triggers.table_watcher import watcher as table_watch
from airflow_provider_polaris.triggers.table_watcher.job_lists import (
    MOST_REQUESTED,
    describe,
    read_snapshot,
    request_jobs,
)
from airflow_provider_polaris.triggers.table_watcher.watcher import TableWatch


def condition(name: str) -> DataCondition:
    return DataCondition.from_json(
        {"table": "t", "up_to": "2026-01-01T00:00:00Z", "interval": None, "min_rows": None, "filter": name}
    )


class FakeSharedClient:
    """Replaces the shared client: answers by condition, and hangs where configured."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[bool, list[str]]] = []

    async def look(self, _: Any, conditions: Sequence[DataCondition], *, apart: bool = False) -> list[Any]:
        names = [str(each.filter) for each in conditions]
        self.asked.append((apart, names))
        if apart and self.answers.get("hangs"):
            await asyncio.get_running_loop().create_future()
        return [self.answers[name] for name in names]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> FakeSharedClient:
    """Answer every query; the bad condition fails."""
    made = FakeSharedClient({"good": TableData(True), "bad": PolarisServerError("oops", status=500, retry_after=1e9)})
    monkeypatch.setattr(
        data_watch.SharedClient, "query", lambda line, conditions, **options: made.look(line, conditions, **options)
    )
    return made


@pytest.mark.parametrize("hangs", [False, True])
def test_condition_that_got_no_answer_is_looked_for_apart(world: Any, looks: FakeSharedClient, hangs: bool) -> None:
    """The others are queried in each interval, whether it fails again, gets ``Retry-After``, or hangs."""
    looks.answers["hangs"] = hangs

    async def scenario() -> None:
        watch = data_watch_of("polaris_default", "t")
        good, bad = watch.join(condition("good"), 10.0), watch.join(condition("bad"), 10.0)
        await asyncio.sleep(100.0)
        watch.leave(good)
        watch.leave(bad)
        await asyncio.sleep(0)

    world.run(scenario())

    assert looks.asked[0] == (False, ["good", "bad"])
    together = [names for apart, names in looks.asked[1:] if not apart]
    assert together == [["good"]] * len(together)
    assert 8 <= len(together) <= 10
    # Years to wait count as ten minutes.
    assert [names for apart, names in looks.asked if apart] == [["bad"]]


@pytest.mark.parametrize(
    ("bad", "pauses"),
    [
        (PolarisServerError("x", status=503, retry_after=60.0), False),
        (PolarisThrottledError("x", status=429, retry_after=60.0), True),
    ],
)
def test_only_a_throttled_look_pauses_the_other_conditions(
    world: Any, looks: FakeSharedClient, bad: Any, pauses: bool
) -> None:
    """A 503 for one query among answered ones concerns only that query."""
    looks.answers["bad"] = bad

    async def scenario() -> None:
        watch = data_watch_of("polaris_default", "t")
        waiters = [watch.join(condition(name), 10.0) for name in ("good", "bad")]
        await asyncio.sleep(55.0)
        for waiter in waiters:
            watch.leave(waiter)
        await asyncio.sleep(0)

    world.run(scenario())

    assert len([names for apart, names in looks.asked if "good" in names]) == (1 if pauses else 6)


class Queries:
    """Replaces a counter: each query is answered by its SQL."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.sent = 0

    def rows(self, sql: str, *_: Any, **__: Any) -> list[dict[str, Any]]:
        self.sent += 1
        found = self.answer(sql)
        if isinstance(found, Exception):
            raise found
        return [found]


class Storage:
    name = "t"


@pytest.mark.parametrize("error", [PolarisProtocolError("too large"), RecursionError("too deep")])
def test_odd_answer_to_the_common_query_is_asked_for_one_by_one(error: Exception) -> None:
    """An unreadable answer may concern only one condition."""
    good = {"recent0": 1, "newest0": "2026-01-02T00:00:00Z"}
    queries = Queries(lambda sql: error if "bad" in sql else good)
    found = data_look._query(queries, [condition("good"), condition("bad")], Storage())  # type: ignore[arg-type]

    assert [type(each) for each in found] == [TableData, PolarisProtocolError]
    assert queries.sent == 3


def test_odd_column_of_one_condition_is_its_own() -> None:
    """The other columns of the same row count."""
    row = {"recent0": 1, "newest0": "2026-01-02T00:00:00Z", "recent1": {"a": 1}}
    found = data_look._query(Queries(lambda sql: row), [condition("good"), condition("bad")], Storage())  # type: ignore[arg-type]

    assert [type(each) for each in found] == [TableData, PolarisProtocolError]


class Jobs:
    """A client for the watch of tables; answers by job."""

    def __init__(self, answers: dict[str, Any] | None = None, rows: Sequence[dict[str, Any]] = ()) -> None:
        self.answers = answers or {}
        self.rows = rows
        self.asked: list[str] = []
        self.filters: list[dict[str, Any]] = []
        self.project_id = "p"

    def get_job(self, job_id: str) -> dict[str, Any]:
        self.asked.append(job_id)
        answer = self.answers.get(job_id, {"id": job_id, "executionStatus": "failed"})
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    def get_job_metrics(self, job_id: str) -> dict[str, Any]:
        return {}

    def iter_jobs(self, **filters: Any) -> Iterator[dict[str, Any]]:
        self.filters.append(filters)
        return iter(self.rows)


def test_jobs_that_get_no_answer_come_last_and_cost_two_requests() -> None:
    """One bad job at the start of the order doesn't prevent requests for the others."""
    slow = PolarisTransportError("slow")
    client = Jobs({"a": slow, "b": RecursionError("deep")})
    answers, failed = request_jobs(client, ["a", "c", "b", "d"], last=["a"])  # type: ignore[arg-type]
    assert client.asked == ["b", "c", "d", "a"]
    assert (sorted(answers), failed) == (["c", "d"], {"a", "b"})

    down = Jobs(dict.fromkeys("abcd", slow))
    answers, failed = request_jobs(down, "abcd")  # type: ignore[arg-type]
    assert (answers, failed, down.asked) == ({}, {"a", "b"}, ["a", "b"])

    many = Jobs()
    request_jobs(many, [f"job-{number:03}" for number in range(100)])  # type: ignore[arg-type]
    assert len(many.asked) == MOST_REQUESTED


def test_look_reads_a_bounded_number_of_pages_and_no_endless_ids() -> None:
    """A hundred pages of each list; an id that is too long would be stored in Airflow's database."""
    rows = [{"id": "x" * 1000, "executionStatus": "completed"}, {"id": "j", "executionStatus": "completed"}]
    client = Jobs(rows=rows)
    look = read_snapshot(client, number=1, since=None, table="t")  # type: ignore[arg-type]

    assert [job.job_id for job in look.completed] == ["j"]
    assert [filters["most_pages"] for filters in client.filters] == [100, 100]


@pytest.mark.parametrize(("count", "told"), [(1, 1), (100, 100), (101, None), (50_000, None)])
def test_event_tells_a_bounded_number_of_intervals(count: int, told: int | None) -> None:
    """More than a hundred count as the whole table."""
    spans = [f"{1000 + number // 12:04}-{number % 12 + 1:02}-01T00:00:00Z/PT1H" for number in range(count)]
    body = {
        "id": "j",
        "type": "y" * 10_000,
        "executionStatus": "completed",
        "target": {"type": "table", "tableName": "t", "intervals": spans},
        "ingestionMode": "replace",
    }
    client = Jobs({"j": body})
    state = read_snapshot(Jobs(rows=[body]), number=1, since=None, table="t").completed[0]  # type: ignore[arg-type]
    (known,) = describe(client, [state])  # type: ignore[arg-type]

    intervals = known["intervals"]
    assert (None if intervals is None else len(intervals)) == told
    assert len(json.dumps(known)) < 10_000


def test_call_of_a_table_watch_that_does_not_end_is_given_up(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five minutes the thread is abandoned, and the next call has a new one."""
    made: list[Any] = []

    class Hanging:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.is_closed = False
            made.append(self)

        async def call(self, settings: Any, work: Any) -> Any:
            await asyncio.get_running_loop().create_future()

        def close(self) -> None:
            self.is_closed = True

    async def scenario() -> list[str]:
        watch = TableWatch("polaris_default", 60.0)
        monkeypatch.setattr(watch._dependencies, "threads", Hanging)
        problems = []
        for _ in range(2):
            with pytest.raises(PolarisError) as caught:
                await watch.call(lambda client: None)
            problems.append(str(caught.value))
        return problems

    assert world.run(scenario()) == [f"The service has not answered for {table_watch._CALL_SECONDS:g} s."] * 2
    assert [each.is_closed for each in made] == [True, True]
