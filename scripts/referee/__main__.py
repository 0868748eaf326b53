# SPDX-License-Identifier: Apache-2.0
"""A real Druid judges the emulator: ``python scripts/referee [--seed N] [--count N] [PART ...]``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "druid")]

from configuration import HOST, VERSIONS  # noqa: E402
from druid_client import Druid  # noqa: E402
from emulator_side import emulator_side  # noqa: E402
from expressions import run_expressions  # noqa: E402

PARTS = {"expressions": (run_expressions, 3000)}


def druid(version: str) -> Druid:
    """Return the client of a version that ``make druid`` starts."""
    ports = VERSIONS[version]
    return Druid(f"http://{HOST}:{ports.port('broker')}", f"http://{HOST}:{ports.port('coordinator')}")


def main() -> int:
    """Run the parts, all by default."""
    parser = argparse.ArgumentParser(prog="referee", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run")
    parser.add_argument("--count", type=int, help="cases of each part")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.parts if name not in PARTS]:
        parser.error(f"unknown parts: {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    judges = {number: druid(number) for number in VERSIONS}
    if silent := [number for number, one in judges.items() if not one.is_running()]:
        print(f"Druid {' and '.join(silent)} does not answer: start it by 'make druid'.", file=sys.stderr)
        return 1
    print(f"seed {arguments.seed}", flush=True)
    is_green = True
    with emulator_side() as emulator:
        for name in arguments.parts or PARTS:
            run, count = PARTS[name]
            began = time.monotonic()
            is_green &= run(judges, emulator, arguments.seed, arguments.count or count)
            print(f"{name}: {time.monotonic() - began:.0f} s\n", flush=True)
    return 0 if is_green else 1


if __name__ == "__main__":
    sys.exit(main())
