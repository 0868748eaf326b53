"""
Measure one row of the benchmark: a server, a measured process, and so many waiters through the phases of a wait.

1. *steady*: waiters join over one interval and wait; nothing ends.
2. *spread*: all jobs end, evenly over some intervals.
3. *at once*: as many waiters join at once, and all their jobs end at one instant.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

HERE = Path(__file__).resolve().parent
_PATIENCE = 10.0  # seconds beyond two intervals until an event counts as missed
_SAMPLE_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Plan:
    """
    How long a row is measured.

    :param interval: Seconds between two polls.
    :param steady: Intervals in which nothing ends.
    :param spread: Intervals over which jobs end.
    """

    interval: float
    steady: int = 2
    spread: int = 2


@dataclass
class Phase:
    """
    What was seen from ``begin`` to ``end``.

    :param ends: When each job ended.
    :param seen: When each waiter had its event; 0 for never.
    """

    begin: float
    end: float = 0.0
    ends: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)


@dataclass
class Observation:
    """
    What was seen of one row; ``report`` makes figures of it.

    :param side: Key of the kind of trigger.
    :param cpu: Seconds used in the steady phase.
    :param memory: Bytes that the process grew by, from its warm start to the largest size of the steady phase.
    :param block: Longest time in seconds for which the event loop was blocked while jobs ended.
    :param ledger: What the server noted.
    :param problems: What should not have happened.
    """

    side: str
    waiting: int
    interval: float
    steady: Phase
    spread: Phase
    at_once: Phase
    cpu: float
    memory: int
    block: float
    ledger: dict[str, Any]
    problems: list[str]


class Server:
    """The server process."""

    def __init__(self, stack: ExitStack) -> None:
        process = _start(stack, [str(HERE / "bench_server.py")], None)
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def ask(self, what: str) -> Any:
        with urlopen(f"http://127.0.0.1:{self.port}/__bench__/{what}", timeout=60) as answer:
            return json.load(answer)


class Measured:
    """The measured process."""

    def __init__(self, stack: ExitStack, side: str, port: int, interval: float, log: Path) -> None:
        self._log = log
        self._process = _start(stack, [str(HERE / "bench_side.py"), side, str(port), str(interval)], log)
        self._memory = psutil.Process(self._process.pid).memory_info

    def answer(self) -> Any:
        """Read its next answer; the first comes by itself, when it is ready."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            tail = "".join(self._log.read_text(errors="replace").splitlines(keepends=True)[-20:])
            raise RuntimeError(f"the measured process died; {self._log} ends with:\n{tail}")
        return json.loads(line)

    def tell(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def memory(self) -> int:
        """Return the bytes it has in memory."""
        return int(self._memory().rss)


def measure(
    side: str, waiting: int, plan: Plan, logs: Path, *, ready: threading.Barrier | None = None
) -> Observation:
    """
    Measure one row.

    :param side: Key of the kind of trigger.
    :param waiting: Number of waiters.
    :param plan: Its times.
    :param logs: Directory for what the measured process prints.
    :param ready: Where rows that are measured side by side wait for each other, so that nobody's start is in the
        figures of another.
    """
    with ExitStack() as stack:
        server = Server(stack)
        measured = Measured(stack, side, server.port, plan.interval, logs / f"{side}-{waiting}.log")
        warm = measured.answer()
        if ready is not None:
            ready.wait(300)
        if warm["problems"] or not warm["event"]:
            raise RuntimeError(f"{side}: a job that has ended gave no good event: {warm['problems']!r}")
        small = measured.memory()

        first = server.ask(f"add?count={waiting}")
        measured.tell("join", first=first, count=waiting, seconds=plan.interval)
        time.sleep(plan.interval / 2)
        before = measured.tell("usage")
        large = _largest(measured.memory, plan.steady * plan.interval)
        after = measured.tell("usage")
        steady = Phase(before["at"], after["at"])

        measured.tell("watch_loop")
        spread, problems = _end_all(server, measured, first, waiting, plan, seconds=plan.spread * plan.interval)

        first = server.ask(f"add?count={waiting}")
        measured.tell("join", first=first, count=waiting, seconds=0)
        time.sleep(1.5 * plan.interval)
        at_once, more = _end_all(server, measured, first, waiting, plan, seconds=0)
        block = measured.tell("events")["block"]
        return Observation(
            side=side,
            waiting=waiting,
            interval=plan.interval,
            steady=steady,
            spread=spread,
            at_once=at_once,
            cpu=after["cpu"] - before["cpu"],
            memory=large - small,
            block=block,
            ledger=server.ask("ledger"),
            problems=more or problems,
        )


def _end_all(
    server: Server, measured: Measured, first: int, count: int, plan: Plan, *, seconds: float
) -> tuple[Phase, list[str]]:
    """Let all jobs end and wait until all waiters have heard of it, but not for ever."""
    phase = Phase(time.monotonic())
    phase.ends = server.ask(f"end?first={first}&count={count}&seconds={seconds}")
    give_up = phase.begin + seconds + 2 * plan.interval + _PATIENCE
    while measured.tell("waiting") and time.monotonic() < give_up:
        time.sleep(_SAMPLE_EVERY)
    events = measured.tell("events")
    phase.end, phase.seen = time.monotonic(), events["seen"]
    return phase, events["problems"]


def _largest(value: Callable[[], int], seconds: float) -> int:
    """Return the largest of the samples taken over a time."""
    end = time.monotonic() + seconds
    largest = value()
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SAMPLE_EVERY))
        largest = max(largest, value())
    return largest


def _start(stack: ExitStack, command: list[str], log: Path | None) -> subprocess.Popen[str]:
    """Start a process that ends with its standard input, and at the latest with the stack."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    errors = stack.enter_context(log.open("w")) if log else None
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        text=True,
    )

    def stop() -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()
        process.wait(20)
        process.stdin.close()
        process.stdout.close()

    stack.callback(stop)
    return process
