# SPDX-License-Identifier: Apache-2.0
"""
One measured process: the waiters of one kind of trigger, run as a triggerer runs them, and nothing else.

Commands come as JSON lines on standard input, answers go as JSON lines to standard output. Times are
``time.monotonic()``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

from bench_answers import job_id, run_id

SIDES = {
    "polaris": "airflow_provider_polaris.triggers.polaris",
    "dbt": "airflow.providers.dbt.cloud.triggers.dbt",
    "databricks": "airflow.providers.databricks.triggers.databricks",
}
_LOOK_AT_LOOP_EVERY = 0.05  # seconds


class Side(NamedTuple):
    """One kind of trigger."""

    make: Callable[[int], Any]  #: number of a job -> a trigger that waits for it
    is_success: Callable[[Any], bool]  #: payload of its event -> whether it says that the job went well


def connections(side: str, port: int) -> dict[str, str]:
    """Return the environment that gives Airflow the connection of one side."""
    host = f"127.0.0.1:{port}"
    connection: dict[str, Any] = {
        "polaris": {
            "conn_type": "polaris",
            "host": f"http://{host}",
            "password": "pok_benchmark",
            "extra": {"project_id": "00000000-0000-4000-8000-000000000001"},
        },
        "dbt": {"conn_type": "dbt_cloud", "host": host, "login": "1", "password": "benchmark"},
        "databricks": {
            "conn_type": "databricks",
            "host": "127.0.0.1",
            "port": port,
            "schema": "http",
            "password": "benchmark",
        },
    }[side]
    name = {"polaris": "POLARIS", "dbt": "DBT_CLOUD", "databricks": "DATABRICKS"}[side]
    return {f"AIRFLOW_CONN_{name}_DEFAULT": json.dumps(connection)}


def load(side: str, interval: float) -> Side:
    """
    Import the trigger of one side.

    :param side: A key of SIDES.
    :param interval: Seconds between two polls.
    """
    if side == "polaris":
        from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

        return Side(
            lambda number: PolarisJobTrigger(job_id(number), poll_interval=interval, started=time.time()),
            lambda event: event["status"] == "ended" and event["state"] == "completed",
        )
    if side == "dbt":
        from airflow.providers.dbt.cloud.hooks.dbt import DbtCloudHook
        from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

        # The hook speaks https only. Without it a poll is cheaper than in real life, which is in its favour.
        url_params = DbtCloudHook.get_request_url_params

        def without_tls(*args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
            url, params = url_params(*args, **kwargs)
            return url.replace("https://", "http://", 1), params

        DbtCloudHook.get_request_url_params = staticmethod(without_tls)
        end = time.time() + 86_400
        return Side(
            lambda number: DbtCloudRunJobTrigger("dbt_cloud_default", run_id(number), end, interval, 1),
            lambda event: event["status"] == "success",
        )
    from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger

    return Side(
        lambda number: DatabricksExecutionTrigger(
            run_id(number), "databricks_default", polling_period_seconds=interval, run_page_url="https://example.com"
        ),
        lambda event: json.loads(event["run_state"])["result_state"] == "SUCCESS",
    )


class Waiters:
    """Triggers that run side by side on one loop, each in a task, as the triggerer has them, and little besides."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._tasks: list[asyncio.Task[None]] = []  # a loop holds its tasks weakly
        self._first = 0
        self._step = 1
        self.waiting = 0
        self.seen = array("d")  #: when each job's event came; 0 while it has not
        self.problems: list[str] = []
        self.longest_block = 0.0

    async def join(self, first: int, count: int, seconds: float, step: int = 1) -> None:
        """
        Begin to wait for jobs; those from before have ended.

        :param first: Number of the first job.
        :param count: How many.
        :param seconds: Time over which the waiters come; 0 for all at once.
        :param step: Take every so manieth job; the others belong to other processes.
        """
        self._tasks.clear()
        self._first, self._step = first, step
        self.seen = array("d", bytes(8 * count))
        self.waiting = count
        begin = time.monotonic()
        for place in range(count):
            ahead = begin + seconds * place / count - time.monotonic()
            if ahead > 0.01:
                await asyncio.sleep(ahead)
            self._tasks.append(asyncio.create_task(self._wait(place)))

    async def _wait(self, place: int) -> None:
        try:
            async for event in self._side.make(self._first + place * self._step).run():
                if self.seen[place]:
                    self.problems.append(f"a second event: {event.payload!r}")
                elif not self._side.is_success(event.payload):
                    self.problems.append(f"a wrong event: {event.payload!r}")
                self.seen[place] = time.monotonic()
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self.waiting -= 1

    async def watch_loop(self) -> None:
        """Note for how long the loop was blocked at most."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LOOK_AT_LOOP_EVERY)
            self.longest_block = max(self.longest_block, time.monotonic() - before - _LOOK_AT_LOOP_EVERY)


async def obey(side: Side, commands: asyncio.StreamReader, reply: Callable[[Any], None]) -> None:
    """Warm up, say so, and do what the commands say until they end."""
    waiters = Waiters(side)
    await waiters.join(0, 1, 0)  # a job that has ended long ago: modules, connection and caches are there afterwards
    for _ in range(600):
        if not waiters.waiting:
            break
        await asyncio.sleep(0.1)
    gc.collect()
    reply({"problems": waiters.problems, "event": bool(waiters.seen[0])})
    watch: asyncio.Task[None] | None = None
    while line := await commands.readline():
        command: dict[str, Any] = json.loads(line)
        match command.pop("do"):
            case "join":
                await waiters.join(**command)
                reply({})
            case "usage":
                used = resource.getrusage(resource.RUSAGE_SELF)
                reply({"at": time.monotonic(), "cpu": used.ru_utime + used.ru_stime})
            case "watch_loop":
                watch = watch or asyncio.create_task(waiters.watch_loop())
                reply({})
            case "waiting":
                reply(waiters.waiting)
            case "events":
                reply({"seen": list(waiters.seen), "problems": waiters.problems, "block": waiters.longest_block})
    if watch is not None:
        watch.cancel()


async def main(name: str, port: int, interval: float) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Airflow's log goes there, formatted as in a triggerer; every line counts against its trigger
    os.environ.update(connections(name, port))
    side = load(name, interval)

    def reply(value: Any) -> None:
        print(json.dumps(value), file=answers, flush=True)

    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    await obey(side, commands, reply)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = home
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{home}/airflow.db"
        os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
        asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
