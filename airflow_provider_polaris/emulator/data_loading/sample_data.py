# SPDX-License-Identifier: Apache-2.0
"""
The detail data of the demo: "Koalas Source" of docs.imply.io/polaris/api-ingest-table, the same rows in every call.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

TABLE = "Koalas Source"
DAYS = tuple(datetime(2024, 6, day, tzinfo=timezone.utc) for day in (1, 2, 3))
ROWS = 100_000
CITIES = (
    "Adelaide", "Brisbane", "Cairns", "Canberra", "Darwin", "Geelong", "Hobart", "Melbourne", "Newcastle",
    "Perth", "Sydney", "Townsville",
)  # fmt: skip


def events(rows: int = ROWS) -> Iterator[dict[str, object]]:
    """
    Yield the events of three days in time order.

    :param rows: Number of events, spread evenly over the days.
    :return: ``timestamp`` (ISO 8601 UTC, milliseconds), ``city``, ``session`` and ``session_length`` (milliseconds).
    """
    dice = random.Random(20240601)
    step = timedelta(days=len(DAYS)) / rows
    sessions = [(f"S{number:05d}", dice.choice(CITIES)) for number in range(rows // 20)]
    for number in range(rows):
        instant = DAYS[0] + number * step
        session, city = dice.choice(sessions)
        yield {
            "timestamp": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "city": city,
            "session": session,
            "session_length": int(dice.expovariate(1 / 40_000)),
        }


def write(path: Path, rows: int = ROWS) -> int:
    """
    Write the events as gzip-compressed JSON lines; every call writes the same bytes.

    :return: Size of the file in bytes.
    """
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=6) as packed:
        packed.write("".join(json.dumps(event) + "\n" for event in events(rows)).encode())
    return path.stat().st_size
