# SPDX-License-Identifier: Apache-2.0
"""A real Apache Druid on this machine: ``python scripts/druid start|stop [27] [33] [27-secure]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cluster import Cluster, ClusterError
from configuration import USUAL, VERSIONS

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Start or stop the versions that are named."""
    parser = argparse.ArgumentParser(prog="druid", description=__doc__)
    parser.add_argument("command", choices=("start", "stop"))
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="27, 33 or 27-secure; by default the first two")
    parser.add_argument("--fresh", action="store_true", help="drop tables and tasks first")
    # Intermixed, because otherwise an option between the command and the versions ends the positional arguments.
    arguments = parser.parse_intermixed_args()
    unknown = [name for name in arguments.versions if name not in VERSIONS]
    if unknown:
        parser.error(f"Druid {', '.join(unknown)} can't be started here; there are {', '.join(VERSIONS)}.")
    for name in arguments.versions or (USUAL if arguments.command == "start" else VERSIONS):
        cluster = Cluster(VERSIONS[name], ROOT / ".druid" / name)
        if arguments.command == "stop" or arguments.fresh:
            stopped = cluster.stop()
            print(f"Druid {name}: {'stopped ' + ', '.join(stopped) if stopped else 'nothing was running'}.")
        if arguments.fresh:
            cluster.drop_data()
        if arguments.command == "start":
            try:
                seconds = cluster.start()
            except ClusterError as error:
                print(f"Druid {name}: {error}", file=sys.stderr)
                return 1
            print(f"Druid {name} answers after {seconds:.0f} s at {cluster.url('router')}; logs in {cluster.home}/log.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
