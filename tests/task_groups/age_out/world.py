# SPDX-License-Identifier: Apache-2.0
"""Two tables on a real emulator, their clock, and distinguishable rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import requests

from airflow_provider_polaris.emulator.engine import EVERYTHING
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.hooks.polaris import PolarisHook

START = datetime(2024, 7, 2, 6, tzinfo=timezone.utc)
FIRST = datetime(2024, 6, 1, tzinfo=timezone.utc)
#: Each row has its own weight, a power of this, so that a sum shows which rows it contains and how often.
BASE = 4
MOST_ROWS = 30

NUMBERS = itertools.count(1)


class Clock:
    """A clock that advances on each sleep, and by 1 ms each time Polaris reads it."""

    def __init__(self) -> None:
        self.time = START
        self.slept = 0.0
        self.after_sleep: Callable[[], None] = lambda: None

    def reset(self) -> None:
        self.slept = 0.0
        self.after_sleep = lambda: None

    def now(self) -> datetime:
        return self.time

    def nanoseconds(self) -> int:
        self.time += timedelta(milliseconds=1)
        return int((self.time - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(microseconds=1)) * 1000

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def sleep(self, seconds: float, stop: Callable[[], bool]) -> None:
        assert self.slept < 200_000, "the wait never ends"
        if not stop():
            self.slept += seconds
            self.advance(seconds)
            self.after_sleep()

    def jitter(self) -> float:
        return 1.0


@dataclass
class Row:
    """One row of the source: time, city and weight."""

    time: datetime
    city: str
    number: int

    @property
    def weight(self) -> int:
        return BASE**self.number

    def to_json(self) -> dict[str, Any]:
        return {
            "__time": self.time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "city": self.city,
            "weight": self.weight,
        }


class World:
    """
    A source and a target.

    :param running: The emulator.
    :param clock: The time of workers and Polaris.
    :param source_partition: Partitions of the source.
    :param storage_policy: Of the source.
    """

    def __init__(
        self,
        running: RunningEmulator,
        clock: Clock,
        *,
        source_partition: str = "day",
        storage_policy: dict[str, Any] | None = None,
        is_rollup: bool = False,
    ) -> None:
        self.running = running
        self.clock = clock
        self.number = next(NUMBERS)
        self.source = f"Events {self.number}"
        self.target = f"Archive {self.number}"
        self.hook = PolarisHook()
        self.rows: list[Row] = []
        columns: list[dict[str, str]] = [
            {"name": "city", "dataType": "string"},
            {"name": "weight", "dataType": "long"},
        ]
        if is_rollup:
            columns[0]["type"] = "dimension"
            columns[1]["type"] = "measure"
            columns.append({"name": "__count", "dataType": "long", "type": "measure"})
        self.hook.create_table(
            {
                "type": "aggregate" if is_rollup else "detail",
                "name": self.source,
                "partitioningGranularity": source_partition,
                "schema": columns,
                **({"storagePolicy": storage_policy} if storage_policy else {}),
            }
        )

    def close(self) -> None:
        self.control("DELETE", "/faults")
        self.control("DELETE", "/assumptions")
        self.hook.close()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the emulator's control plane, which Polaris doesn't have."""
        answer = requests.request(method, f"{self.running.base_url}/__emulator__{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def assume(self, **readings: str) -> None:
        self.control("PATCH", "/assumptions", readings)

    def has_no_asynchronous_sql(self) -> None:
        fault = {"effect": "status", "status": 403, "method": "POST", "path": "/query/sql/statements$", "times": None}
        self.control("POST", "/faults", fault)

    def note(self, *times: str | datetime, city: str = "Oslo") -> list[Row]:
        """Create new rows."""
        rows = []
        for time in times:
            assert len(self.rows) < MOST_ROWS
            instant = time if isinstance(time, datetime) else datetime.fromisoformat(time).replace(tzinfo=timezone.utc)
            rows.append(Row(instant, city, len(self.rows)))
            self.rows.append(rows[-1])
        return rows

    def stream(self, rows: list[dict[str, Any]]) -> None:
        """Stream rows."""
        self.control("POST", f"/tables/{self.source}/realtime", {"rows": rows})

    def load(self, *times: str | datetime, city: str = "Oslo", handed_over: bool = True) -> list[Row]:
        """Stream rows; they are published unless they should stay in the stream's memory."""
        rows = self.note(*times, city=city)
        if rows:
            self.stream([row.to_json() for row in rows])
        if handed_over:
            self.hand_over()
        return rows

    def hand_over(self) -> None:
        self.control("POST", f"/tables/{self.source}/handoff")

    def run(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Run another user's job to its end."""
        job = self.hook.submit_job(spec)
        for _ in range(50):
            body = self.hook.get_job(job["id"])
            if body["executionStatus"] in ("completed", "failed", "canceled"):
                return body
            self.clock.advance(30)
        raise AssertionError(f"job {job['id']} doesn't end")

    def compact(self, interval: str, partitioned_by: str) -> dict[str, Any]:
        """Rewrite a part of the source with other partitions."""
        return self.run(
            {
                "type": "batch",
                "ingestionMode": "replace",
                "partitionedBy": partitioned_by,
                "source": {"type": "table", "tableName": self.source},
                "target": {"type": "table", "tableName": self.source, "intervals": [interval]},
                "mappings": [{"columnName": name, "expression": f'"{name}"'} for name in ("city", "weight")],
            }
        )

    def delete(self, interval: str, **changes: Any) -> dict[str, Any]:
        """Delete rows of the source as another user."""
        target = {"type": "table", "tableName": self.source, "intervals": [interval]}
        return self.run({"type": "delete_data", "target": target, "softDelete": True, **changes})

    def append(self, interval: str) -> dict[str, Any]:
        """Follow the advice of a refusal: append late rows to the target."""
        return self.run(
            {
                "type": "batch",
                "ingestionMode": "append",
                "source": {"type": "table", "tableName": self.source, "interval": interval},
                "target": {"type": "table", "tableName": self.target},
                "mappings": MAPPINGS,
            }
        )

    def numbers(self, table: str) -> dict[int, int]:
        """Return how often each row is in a table, including uncached and real-time data."""
        tables = self.running.emulator.tables
        if tables.get(table) is None:
            return {}
        stored = tables.stored(table)
        if "weight" not in stored.physical:
            return {}
        seen = tables.segments.filter_sql(stored.number, EVERYTHING)
        sql = f'SELECT coalesce(sum("weight"), 0) FROM {stored.data_name}'
        ((total,),) = tables.store.execute(sql if seen is None else f"{sql} WHERE {seen}")
        return digits(int(total))

    def fingerprint(self) -> Any:
        """Return a value that changes whenever the rows of a table may have changed."""
        sql = "SELECT count(*), count(*) FILTER (used), count(*) FILTER (realtime), max(id), max(updated_ms)"
        return self.running.emulator.store.execute(f"{sql} FROM polaris_segment")

    def live(self) -> list[str]:
        """Return the intervals of the source's segments."""
        return sorted(each["interval"] for each in self.control("GET", f"/tables/{self.source}/segments")["used"])

    @property
    def jobs(self) -> list[Any]:
        """All jobs of both tables, oldest first."""
        known = self.running.emulator.jobs.known()
        return [job for job in known if job.target_name in (self.source, self.target)]


MAPPINGS: list[dict[str, Any]] = [
    {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
    {"columnName": "city", "expression": '"city"'},
    {"columnName": "weight", "expression": 'SUM("weight")', "isAggregation": True},
    {"columnName": "events", "expression": "COUNT(*)", "isAggregation": True},
]


def digits(total: int) -> dict[int, int]:
    """Return the weights in a sum, and how often each is in it."""
    found = {}
    for number in range(MOST_ROWS + 1):
        total, count = divmod(total, BASE)
        if count:
            found[number] = count
    assert not total
    return found
