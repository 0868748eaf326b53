# SPDX-License-Identifier: Apache-2.0
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
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

HERE = Path(__file__).resolve().parent
_GRACE_SECONDS = 10.0  # seconds beyond two intervals until an event counts as missed
_SAMPLE_EVERY = 0.2  # seconds
_LONGEST = 900.0  # seconds after which a process is ended whatever it does


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
    :param memory: Bytes that the process grew by from its warm start, at most, until the end of the steady phase.
    :param peak_memory: The same until the end of all, with the peak when all waiters join at once.
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
    peak_memory: int
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
        """Send a command and return its answer."""
        with urlopen(f"http://127.0.0.1:{self.port}/__bench__/{what}", timeout=60) as answer:
            return json.load(answer)


class Measured:
    """The measured process."""

    def __init__(self, stack: ExitStack, side: str, port: int, interval: float, log: Path) -> None:
        self._log = log
        self._process = _start(stack, [str(HERE / "bench_side.py"), side, str(port), str(interval)], log)
        self._memory = psutil.Process(self._process.pid).memory_info
        self._small = self._large = 0

    def answer(self) -> Any:
        """Read its next answer; the first comes by itself, when it is ready."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            tail = "".join(self._log.read_text(errors="replace").splitlines(keepends=True)[-20:])
            raise RuntimeError(f"the measured process died; {self._log} ends with:\n{tail}")
        return json.loads(line)

    def tell(self, do: str, **arguments: Any) -> Any:
        """Give it a command and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def begin(self) -> None:
        """Take its present size for the one that it grows from."""
        self._small = self._large = self._memory().rss

    def rest(self, seconds: float) -> None:
        """Leave it alone for a time, but look at its size from outside."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SAMPLE_EVERY))
            self._large = max(self._large, self._memory().rss)

    @property
    def growth(self) -> int:
        """Bytes that it has grown by, at most, since ``begin``."""
        return self._large - self._small


def measure(side: str, waiting: int, plan: Plan, logs: Path, *, ready: threading.Barrier | None = None) -> Observation:
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
        measured.begin()

        first = server.ask(f"add?count={waiting}")
        measured.tell("join", first=first, count=waiting, seconds=plan.interval)
        measured.rest(plan.interval)  # until everybody has polled
        before = measured.tell("usage")
        measured.rest(plan.steady * plan.interval)
        after = measured.tell("usage")
        steady, memory = Phase(before["at"], after["at"]), measured.growth

        measured.tell("watch_loop")
        spread = _end_all(server, measured, first, waiting, plan, seconds=plan.spread * plan.interval)

        first = server.ask(f"add?count={waiting}")
        joined = time.monotonic()
        measured.tell("join", first=first, count=waiting, seconds=0)
        measured.rest(1.2 * plan.interval)
        at_once = _end_all(server, measured, first, waiting, plan, seconds=0)
        at_once.begin = joined
        events = measured.tell("events")
        return Observation(
            side=side,
            waiting=waiting,
            interval=plan.interval,
            steady=steady,
            spread=spread,
            at_once=at_once,
            cpu=after["cpu"] - before["cpu"],
            memory=memory,
            peak_memory=measured.growth,
            block=events["block"],
            ledger=server.ask("ledger"),
            problems=events["problems"],
        )


def _end_all(server: Server, measured: Measured, first: int, count: int, plan: Plan, *, seconds: float) -> Phase:
    """Let all jobs end and wait until all waiters have heard of it, but not for ever."""
    phase = Phase(time.monotonic())
    phase.ends = server.ask(f"end?first={first}&count={count}&seconds={seconds}")
    give_up = phase.begin + seconds + 2 * plan.interval + _GRACE_SECONDS
    while measured.tell("waiting") and time.monotonic() < give_up:
        measured.rest(_SAMPLE_EVERY)
    phase.seen = measured.tell("events")["seen"]
    phase.end = time.monotonic()
    return phase


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

    guard = threading.Timer(_LONGEST, process.kill)
    guard.daemon = True
    guard.start()

    def stop() -> None:
        guard.cancel()
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()
        process.wait(20)
        process.stdin.close()
        process.stdout.close()

    stack.callback(stop)
    return process
