# SPDX-License-Identifier: Apache-2.0
"""A real Druid judges the emulator: ``python scripts/referee [--seed N] [--count N] [--smoke] [PART ...]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Set
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "scripts" / "referee"
sys.path[:0] = [str(each) for each in (ROOT, ROOT / "scripts" / "druid", HERE / "sql_cases", HERE / "job_cases")]

from cluster import Cluster, ClusterError, ToolMissing, check_java, check_maven  # noqa: E402
from configuration import HOST, VERSIONS, Version  # noqa: E402
from druid_client import Druid, DruidGone  # noqa: E402
from emulator_side import emulator_side  # noqa: E402
from expressions import run_expressions  # noqa: E402
from jobs import run_jobs  # noqa: E402
from queries import run_queries  # noqa: E402
from sql_jobs import run_sql_jobs  # noqa: E402
from statements import run_statements  # noqa: E402
from syntax import run_syntax  # noqa: E402

#: Name, function, Druid's versions, number of cases, and that of a bounded run, of each part.
PARTS = {
    "expressions": (run_expressions, ("33",), 3000, 800),
    "syntax": (run_syntax, ("33",), 1500, 400),
    "statements": (run_statements, ("33",), 700, 140),
    "jobs": (run_jobs, ("27",), 300, 12),
    "sql-jobs": (run_sql_jobs, ("27",), 120, 10),
    "queries": (run_queries, ("27", "33"), 200, 40),
}

#: Continuous integration judges a change, not the luck of a seed.
_SMOKE_SEED = 1


def client(version: Version) -> Druid:
    """Return the client of a version that ``make druid`` starts."""
    urls = [f"http://{HOST}:{version.port(name)}" for name in ("broker", "coordinator", "historical")]
    return Druid(*urls)


def main() -> int:
    """Run the parts, all by default."""
    parser = argparse.ArgumentParser(prog="referee", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--seed", type=int, help="repeats a run")
    parser.add_argument("--count", type=int, help="cases of each part")
    parser.add_argument("--smoke", action="store_true", help="fewer cases; without Java and Maven, none")
    arguments = parser.parse_intermixed_args()
    if unknown := [name for name in arguments.parts if name not in PARTS]:
        parser.error(f"unknown parts: {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    with ExitStack() as started:
        try:
            druids = running(started, {number for name in arguments.parts or PARTS for number in PARTS[name][1]})
        except ClusterError as error:
            print(f"referee: not run. {error}", flush=True)
            return 0 if arguments.smoke and isinstance(error, ToolMissing) else 1
        if arguments.seed is None:
            arguments.seed = _SMOKE_SEED if arguments.smoke else int(time.time())
        print(f"seed {arguments.seed}", flush=True)
        return judge(arguments, druids)


def running(started: ExitStack, numbers: Set[str]) -> Mapping[str, Druid]:
    """
    Return the clients of versions; one that doesn't run is started, and stopped with ``started``.

    :raises ToolMissing: Java or Maven is missing.
    :raises ClusterError: A version doesn't start.
    """
    druids = {number: client(VERSIONS[number]) for number in sorted(numbers)}
    for number, druid in druids.items():
        if not druid.is_running():
            check_java()
            check_maven()
            cluster = Cluster(VERSIONS[number], ROOT / ".druid" / number)
            started.callback(cluster.stop)
            cluster.start()
    return druids


def judge(arguments: argparse.Namespace, druids: Mapping[str, Druid]) -> int:
    """Run the parts that were asked for; 1 if one of them has a fault, or if Druid doesn't answer any more."""
    is_green = True
    with emulator_side() as emulator:
        for name in arguments.parts or PARTS:
            run, _, count, smoke = PARTS[name]
            began = time.monotonic()
            print(f"== {name}", flush=True)
            cases = arguments.count or (smoke if arguments.smoke else count)
            try:
                is_green &= run(druids, emulator, arguments.seed, cases)
            except DruidGone as error:
                again = f"--seed {arguments.seed} {name}"
                print(
                    f"referee: stopped. {error}. Run make druid, and then the referee again with {again}.", flush=True
                )
                return 1
            print(f"{time.monotonic() - began:.0f} s", flush=True)
    return 0 if is_green else 1


if __name__ == "__main__":
    sys.exit(main())
