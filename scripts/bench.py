# SPDX-License-Identifier: Apache-2.0
"""
Measure what waiting costs: 1 to 10,000 jobs on our trigger, and up to 1,000 on those of dbt Cloud and Databricks.

All talk to the same kind of server on this machine, each from a process of its own, with the same poll interval. The
peers' figures for more waiters are projected from their largest measured row. It prints one table and writes it as
JSON. It is a benchmark: nothing passes or fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench_report import Row, compare, figures, project, table
from bench_row import Observation, Plan, measure
from bench_side import SIDES

PACKAGES = {
    "polaris": "airflow-provider-polaris",
    "dbt": "apache-airflow-providers-dbt-cloud",
    "databricks": "apache-airflow-providers-databricks",
}
MOST_FOR_PEERS = 1_000
_SIDE_BY_SIDE = 100  # rows of so few waiters leave the machine idle, so they are measured at the same time


def installed_version(package: str) -> str | None:
    """Return a package's version, None if it isn't there; imports nothing, for Airflow writes files when imported."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def measure_all(wanted: Sequence[tuple[str, int]], plan: Plan, logs: Path) -> list[Row]:
    """Measure rows: the small ones side by side, then each large one alone."""
    small = [row for row in wanted if row[1] <= _SIDE_BY_SIDE]
    ready = threading.Barrier(max(1, len(small)))
    with ThreadPoolExecutor(max(1, len(small))) as pool:
        if small:
            say(f"Measuring {', '.join(name(*row) for row in small)} side by side …")
        running = [pool.submit(_measure_beside, *row, plan, logs, ready) for row in small]
        rows = [figures(each.result()) for each in running]
    for row in wanted:
        if row not in small:
            say(f"Measuring {name(*row)} …")
            rows.append(figures(measure(*row, plan, logs)))
    return rows


def _measure_beside(side: str, waiting: int, plan: Plan, logs: Path, ready: threading.Barrier) -> Observation:
    try:
        return measure(side, waiting, plan, logs, ready=ready)
    except BaseException:
        ready.abort()  # the others must not wait for this one
        raise


def name(side: str, waiting: int) -> str:
    return f"{side} {waiting:,}"


def say(text: str) -> None:
    print(text, flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interval", type=float, help="seconds between two polls (default: 10, with --quick 3)")
    parser.add_argument(
        "--quick", action="store_true", help="up to 1,000 waiters, short intervals: about three minutes"
    )
    parser.add_argument("--waiting", type=int, nargs="+", help="numbers of waiters (default: 1 100 1000 10000)")
    parser.add_argument("--only", nargs="+", choices=list(SIDES), default=list(SIDES), help="triggers to measure")
    parser.add_argument("--output", type=Path, default=Path(".bench/waiting.json"), help="default: %(default)s")
    arguments = parser.parse_args()
    arguments.interval = arguments.interval or (3.0 if arguments.quick else 10.0)
    arguments.waiting = sorted(arguments.waiting or ([1, 100, 1_000] if arguments.quick else [1, 100, 1_000, 10_000]))
    return arguments


def main() -> None:
    begin = time.monotonic()
    arguments = parse()
    output: Path = arguments.output
    output.parent.mkdir(parents=True, exist_ok=True)
    sides = [side for side in arguments.only if installed_version(PACKAGES[side]) is not None]
    for side in sorted(set(arguments.only) - set(sides)):
        say(f"{PACKAGES[side]} is not installed, so its trigger is left out; the dependency group 'bench' has it.")
    wanted = [(s, count) for count in arguments.waiting for s in sides if s == "polaris" or count <= MOST_FOR_PEERS]
    rows = measure_all(wanted, Plan(arguments.interval), output.parent)

    largest = max(arguments.waiting)
    for side in sides:
        last = max((row for row in rows if row["trigger"] == side), key=lambda row: int(row["waiting"]), default=None)
        if last is not None and last["waiting"] < largest:
            rows.append(project(last, largest))
    rows.sort(key=lambda row: (list(SIDES).index(row["trigger"]), row["waiting"]))
    comparison = compare(rows)
    result = {
        "interval": arguments.interval,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "versions": {name: installed_version(name) for name in ("apache-airflow", *PACKAGES.values())},
        "seconds": round(time.monotonic() - begin, 1),
        "rows": rows,
        "share_of_better_peer": comparison,
    }
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(rows, arguments.interval)}\n")
    print(
        "Requests, connections, CPU and the memory at rest are those of waiters that joined over an interval and see "
        "nothing end; 'fullest' is the fullest interval of all. MB peak is what the process grows by at most, which "
        "is when all join or end at once. Delays are from a job's end to its event, all jobs ending over "
        f"{Plan.spread} intervals or at one instant."
    )
    if comparison is not None:
        shares = (
            f"{comparison[field]['share']:.1%} of the {word} of {comparison[field]['better_peer']}"
            for word, field in (("CPU", "cpu_seconds_per_interval"), ("peak memory", "peak_memory_mb_per_1000"))
        )
        print(f"With {comparison['waiting']:,} waiting jobs our trigger takes {' and '.join(shares)}, the better peer.")
    for row in rows:
        for problem in row["problems"] if not row["projected_from"] else ():
            print(f"{name(row['trigger'], row['waiting'])}: {problem}")
    print(f"Took {result['seconds']} s; the same figures are in {output}.")


if __name__ == "__main__":
    main()
