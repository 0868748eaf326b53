# SPDX-License-Identifier: Apache-2.0
"""The benchmark's own code: its server, its waiters and its figures. The measured values are not tested here."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.append(str(SCRIPTS))  # its modules import each other as scripts do

import bench_answers  # noqa: E402
import bench_report  # noqa: E402
import bench_row  # noqa: E402
import bench_side  # noqa: E402


@contextmanager
def _server() -> Iterator[int]:
    command = [sys.executable, str(SCRIPTS / "bench_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _ask(port: int, what: str) -> Any:
    with urlopen(f"http://127.0.0.1:{port}/__bench__/{what}", timeout=120) as answer:
        return json.load(answer)


async def _wait_for_three(port: int) -> tuple[bench_side.Waiters, list[float]]:
    waiters = bench_side.Waiters(bench_side.load("polaris", 0.2))
    first = _ask(port, "add?count=3")
    await waiters.join(first, 3, 0)
    ends = _ask(port, f"end?first={first}&count=3&seconds=0.3")
    for _ in range(2400):  # two minutes: a backstop
        if not waiters.waiting:
            break
        await asyncio.sleep(0.05)
    return waiters, ends


def test_waiters_on_three_jobs_see_each_end_and_are_noted_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our trigger runs against the benchmark's server, whose ledger has its requests and not the benchmark's own."""
    with _server() as port:
        for name, value in bench_side.connections("polaris", port).items():
            monkeypatch.setenv(name, value)
        waiters, ends = asyncio.run(_wait_for_three(port))
        ledger = _ask(port, "ledger")
    assert waiters.problems == []
    assert all(seen > end for seen, end in zip(waiters.seen, ends, strict=True))
    assert {kind for _, kind in ledger["requests"]} <= {"status", "describe", "list", "progress"}
    assert len(ledger["requests"]) >= 3
    assert 1 <= len(ledger["connections"]) <= 2
    assert ledger["refused"] == []


def test_answers_of_a_job_change_when_it_ends() -> None:
    """All three services report the end of the same job at the same time."""
    jobs = bench_answers.Jobs(2)
    first = jobs.add(1)
    jobs.end(first, 1, begin=10.0, seconds=0)

    def told(now: float) -> tuple[Any, ...]:
        databricks = json.loads(jobs.databricks_run(first, now))
        return (
            json.loads(jobs.polaris_status(first, now))["executionStatus"],
            json.loads(jobs.polaris_job(first, now))["executionStatus"],
            json.loads(jobs.dbt_run(first, now))["data"]["status"],
            databricks["state"]["life_cycle_state"],
        )

    assert told(9.9) == ("running", "running", 3, "RUNNING")
    assert told(10.0) == ("completed", "completed", 10, "TERMINATED")


def test_list_of_jobs_is_filtered_sorted_and_cut_into_pages() -> None:
    """The list has the same rows as Polaris' list."""
    jobs = bench_answers.Jobs(2)
    first = jobs.add(3)
    jobs.end(first + 1, 1, begin=0.0, seconds=0)

    def listed(**query: list[str]) -> tuple[list[str], bool]:
        page = json.loads(jobs.polaris_list({"sortColumn": ["created_date_time"], **query}, now=1.0))
        return [row["id"] for row in page["values"]], page["moreResultsAvailable"]

    ids = [bench_answers.job_id(number) for number in range(5)]
    assert listed(executionStatus=["running", "pending"], sortOrder=["ASC"]) == ([ids[2], ids[4]], False)
    assert listed(executionStatus=["completed"], sortOrder=["DESC"]) == ([ids[3], ids[1], ids[0]], False)
    assert listed(sortOrder=["ASC"], paginationLimit=["2"], paginationOffset=["1"]) == (ids[1:3], True)
    assert listed(type=["streaming"]) == ([], False)


def _observation(side: str, waiting: int, cpu: float, memory: int) -> bench_row.Observation:
    return bench_row.Observation(
        side=side,
        waiting=waiting,
        interval=10.0,
        steady=bench_row.Phase(100.0, 120.0),
        spread=bench_row.Phase(120.0, 140.0, ends=[121.0, 122.0, 123.0, 124.0], seen=[125.0, 125.0, 125.0, 0.0]),
        at_once=bench_row.Phase(140.0, 160.0, ends=[150.0] * 2, seen=[150.5, 151.0]),
        cpu=cpu,
        memory=memory,
        peak_memory=2 * memory,
        block=0.01,
        ledger={
            "requests": [[90.0, "list"], [101.0, "list"], [111.0, "list"], [112.0, "status"], [141.0, "list"]],
            "connections": [[90.0, 115.0], [114.0, None], [116.0, 117.0]],
            "refused": ["GET /elsewhere"],
        },
        problems=[],
    )


def test_figures_are_those_of_the_phases() -> None:
    """Counts are of the steady phase and per interval; a delay is from the end of a job to its event."""
    row = bench_report.figures(_observation("polaris", 1000, cpu=0.5, memory=4_000_000))
    assert row == {
        "trigger": "polaris",
        "waiting": 1000,
        "projected_from": None,
        "requests_per_interval": 1.5,
        "requests_fullest_interval": 2,
        "requests_by_kind": {"list": 3, "status": 1},
        "new_connections_per_interval": 1.0,
        "open_connections": 2,
        "cpu_seconds_per_interval": 0.25,
        "memory_mb_per_1000": 4.0,
        "peak_memory_mb_per_1000": 8.0,
        "loop_blocked_at_most": 0.01,
        "spread": {"median": 3.0, "p99": 4.0, "max": 4.0, "missed": 1, "before_the_end": 0},
        "at_once": {"median": 0.5, "p99": 1.0, "max": 1.0, "missed": 0, "before_the_end": 0},
        "problems": ["answered with 404: GET /elsewhere"],
    }


def test_table_shows_what_is_projected_and_the_share_is_of_the_better_peer() -> None:
    """A projection multiplies values that grow with the waiters, without delays; our largest row is compared."""
    ours = bench_report.figures(_observation("polaris", 10_000, cpu=0.5, memory=30_000_000))
    dbt = bench_report.project(bench_report.figures(_observation("dbt", 1000, cpu=2.0, memory=30_000_000)), 10_000)
    databricks = bench_report.project(
        bench_report.figures(_observation("databricks", 1000, cpu=1.0, memory=40_000_000)), 10_000
    )
    rows = [ours, dbt, databricks]
    share = {"share": 0.05, "better_peer": "databricks"}, {"share": 0.1, "better_peer": "dbt"}
    assert bench_report.compare(rows) == {
        "waiting": 10_000,
        "cpu_seconds_per_interval": share[0],
        "memory_mb_per_1000": share[1],
        "peak_memory_mb_per_1000": share[1],
    }
    lines = bench_report.table(rows, 10).splitlines()
    assert " ".join(lines[3].split()) == "polaris 10,000 1.5 2 1.0 2 0.250 3.0 6.0 3.0/4.0/4.0 0.5/1.0/1.0 1"
    assert " ".join(lines[4].split()) == "dbt (projected) 10,000 15.0 20 10.0 20 10.000 30.0 60.0"
