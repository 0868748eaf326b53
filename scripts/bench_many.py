# SPDX-License-Identifier: Apache-2.0
"""
Measure ten triggerers with 10,000 waiting tasks each, all on one project of one service.

Each triggerer is a process of its own; their jobs are mixed. The service answers lists as Polaris documents them: at
most 1,000 jobs a page, the active ones of all triggerers in one list. After two quiet intervals, 1 % of the jobs ends,
evenly over two intervals. It prints the figures: nothing passes or fails.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench_row import Measured, Server

#: Intervals in which nothing ends, in which jobs end, and in which their events may still come.
_STEADY, _ENDING, _LATE = 2, 2, 3


def measure(triggerers: int, waiting: int, interval: float, share: float, logs: Path) -> dict[str, Any]:
    """
    Measure.

    :param triggerers: Number of processes.
    :param waiting: Number of waiters of each.
    :param interval: Seconds between two polls.
    :param share: Share of the jobs that end.
    :param logs: Directory for what the processes print.
    """
    with ExitStack() as stack, ThreadPoolExecutor(triggerers) as pool:
        server = Server(stack)
        sides = list(
            pool.map(
                lambda number: Measured(stack, "polaris", server.port, interval, logs / f"triggerer-{number}.log"),
                range(triggerers),
            )
        )
        list(pool.map(Measured.answer, sides))  # each is ready
        for side in sides:
            side.begin()
        total = triggerers * waiting
        first = server.ask(f"add?count={total}")

        def join(number: int) -> None:
            sides[number].tell("join", first=first + number, count=waiting, seconds=interval, step=triggerers)

        list(pool.map(join, range(triggerers)))
        rest(sides, 1.5 * interval)
        before = [side.tell("usage") for side in sides]
        rest(sides, _STEADY * interval)
        after = [side.tell("usage") for side in sides]
        step = max(1, round(1 / share))
        step += step % triggerers == 0  # so that jobs of all triggerers end
        begin = time.monotonic()
        ends = server.ask(f"end_some?first={first}&count={total}&step={step}&seconds={_ENDING * interval}")
        give_up = begin + (_ENDING + _LATE) * interval
        while time.monotonic() < give_up and sum(side.tell("waiting") for side in sides) > total - len(ends):
            rest(sides, 1.0)
        events = [side.tell("events") for side in sides]
        ledger = server.ask("ledger")
        seen = {
            first + number + place * triggerers: at
            for number, each in enumerate(events)
            for place, at in enumerate(each["seen"])
            if at
        }
        delays = sorted(seen[int(number)] - at for number, at in ends.items() if int(number) in seen)
        begins, finishes = (statistics.mean(each["at"] for each in usage) for usage in (before, after))
        quiet = [kind for at, kind in ledger["requests"] if begins <= at < finishes]
        intervals = (finishes - begins) / interval
        return {
            "triggerers": triggerers,
            "waiting": total,
            "interval": interval,
            "requests_per_interval_of_one": len(quiet) / intervals / triggerers,
            "cpu_share_of_one": statistics.mean(
                (late["cpu"] - early["cpu"]) / (late["at"] - early["at"])
                for early, late in zip(before, after, strict=True)
            ),
            "memory_mb_of_one": statistics.mean(side.growth for side in sides) / 1e6,
            "ended": len(ends),
            "seen": len(delays),
            "median_delay": statistics.median(delays) if delays else None,
            "slowest_delay": delays[-1] if delays else None,
            "problems": [problem for each in events for problem in each["problems"]][:5] + ledger["refused"][:5],
        }


def rest(sides: list[Measured], seconds: float) -> None:
    """Let time pass, and look at the size of each process."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for side in sides:
            side.rest(0.05)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triggerers", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--waiting", type=int, default=10_000, help="of each (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=20.0, help="seconds between two polls (default: %(default)s)")
    parser.add_argument("--share", type=float, default=0.01, help="of the jobs that end (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path(".bench/many.json"), help="default: %(default)s")
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    print(f"Measuring {arguments.triggerers} triggerers with {arguments.waiting:,} waiting jobs each …", flush=True)
    result = measure(
        arguments.triggerers, arguments.waiting, arguments.interval, arguments.share, arguments.output.parent
    )
    result["seconds"] = round(time.monotonic() - begin, 1)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print(
        f"{result['waiting']:,} waiting jobs, a poll every {result['interval']:g} s. Each triggerer: "
        f"{result['requests_per_interval_of_one']:.1f} requests an interval, {result['cpu_share_of_one']:.1%} of a "
        f"core, {result['memory_mb_of_one']:.0f} MB more than without waiters."
    )
    delays = (
        f"median {result['median_delay']:.1f} s, slowest {result['slowest_delay']:.1f} s after the end"
        if result["seen"]
        else "no event"
    )
    late = f"{_LATE} intervals after the last end"
    print(f"{result['ended']:,} jobs ended; {result['seen']:,} had their event by {late}: {delays}.")
    for problem in result["problems"]:
        print(problem)
    print(f"Took {result['seconds']} s; the same figures are in {arguments.output}.")


if __name__ == "__main__":
    main()
