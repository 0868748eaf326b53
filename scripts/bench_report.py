# SPDX-License-Identifier: Apache-2.0
"""Figures and the table of the benchmark, from what was observed; performs no I/O."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench_row import Observation, Phase

Row = dict[str, Any]

#: Below so many waiters the growth of a process says nothing about one of them.
_FEWEST_FOR_MEMORY = 1_000


def figures(seen: Observation) -> Row:
    """
    Make one row of the result.

    :return: JSON scalars and dicts of them. Seconds, unless the name says otherwise; memory in MB (10**6 bytes).
    """
    intervals = (seen.steady.end - seen.steady.begin) / seen.interval
    requests = sorted(at for at, _ in seen.ledger["requests"])
    connections: list[list[float | None]] = seen.ledger["connections"]
    opened = sorted(begin for begin, _ in connections if begin is not None)
    phases = (seen.steady, seen.spread, seen.at_once)
    return {
        "trigger": seen.side,
        "waiting": seen.waiting,
        "projected_from": None,
        "requests_per_interval": _within(requests, seen.steady.begin, seen.steady.end) / intervals,
        "requests_fullest_interval": max(_fullest(requests, phase, seen.interval) for phase in phases),
        "requests_by_kind": dict(Counter(kind for at, kind in seen.ledger["requests"] if at >= seen.steady.begin)),
        "new_connections_per_interval": _within(opened, seen.steady.begin, seen.steady.end) / intervals,
        "open_connections": _most_open(connections, seen.steady.begin, seen.at_once.end),
        "cpu_seconds_per_interval": seen.cpu / intervals,
        "memory_mb_per_1000": _per_thousand(seen.memory, seen.waiting),
        "peak_memory_mb_per_1000": _per_thousand(seen.peak_memory, seen.waiting),
        "loop_blocked_at_most": seen.block,
        "spread": _delays(seen.spread),
        "at_once": _delays(seen.at_once),
        "problems": [*seen.problems[:5], *(f"answered with 404: {each}" for each in seen.ledger["refused"][:5])],
    }


def project(row: Row, waiting: int) -> Row:
    """Return what a row would be with more waiters if everything grew with their number; delays don't."""
    factor = waiting / row["waiting"]
    grown = ("requests_per_interval", "requests_fullest_interval", "new_connections_per_interval", "open_connections")
    return {
        **row,
        **{name: row[name] * factor for name in (*grown, "cpu_seconds_per_interval")},
        "waiting": waiting,
        "projected_from": row["waiting"],
        "requests_by_kind": {},
        "loop_blocked_at_most": None,
        "spread": None,
        "at_once": None,
    }


def compare(rows: Sequence[Row]) -> Row | None:
    """Return what share of the better peer's CPU and memory our largest row takes; None without a peer to compare."""
    largest = max(row["waiting"] for row in rows)
    ours = [row for row in rows if row["trigger"] == "polaris" and row["waiting"] == largest]
    peers = [row for row in rows if row["trigger"] != "polaris" and row["waiting"] == largest]
    if not ours or not peers or largest < _FEWEST_FOR_MEMORY:
        return None
    result: Row = {"waiting": largest}
    for field in ("cpu_seconds_per_interval", "memory_mb_per_1000", "peak_memory_mb_per_1000"):
        better = min(peers, key=lambda row: float(row[field]))
        result[field] = {"share": ours[0][field] / better[field], "better_peer": better["trigger"]}
    return result


def table(rows: Sequence[Row], interval: float) -> str:
    """Return the one table of all rows."""
    per = f"/{interval:g} s"
    heads = (
        ("trigger", ""),
        ("waiting", ""),
        ("requests", per),
        ("fullest", per),
        ("new conn.", per),
        ("open", "conn."),
        ("CPU s", per),
        ("MB at rest", "/1,000"),
        ("MB peak", "/1,000"),
        ("ends spread: s", "median/p99/max"),
        ("ends at once: s", "median/p99/max"),
        ("missed", ""),
    )
    lines = [*zip(*heads, strict=True), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*text[:2], "-" * len(text[0]), *text[2:]])


def _cells(row: Row) -> tuple[str, ...]:
    delays = [delay for delay in (row["spread"], row["at_once"]) if delay is not None]
    return (
        row["trigger"] + (" (projected)" if row["projected_from"] else ""),
        f"{row['waiting']:,}",
        f"{row['requests_per_interval']:,.1f}",
        f"{row['requests_fullest_interval']:,.0f}",
        f"{row['new_connections_per_interval']:,.1f}",
        f"{row['open_connections']:,.0f}",
        f"{row['cpu_seconds_per_interval']:.3f}",
        _number(row["memory_mb_per_1000"]),
        _number(row["peak_memory_mb_per_1000"]),
        *("/".join(_number(delay[name]) for name in ("median", "p99", "max")) for delay in delays),
        *[""] * (2 - len(delays)),
        str(sum(delay["missed"] for delay in delays)) if delays else "",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _delays(phase: Phase) -> Row:
    """Return how long after a job's end its event came."""
    delays = sorted(seen - end for end, seen in zip(phase.ends, phase.seen, strict=True) if seen)
    return {
        "median": _quantile(delays, 0.5),
        "p99": _quantile(delays, 0.99),
        "max": _quantile(delays, 1),
        "missed": len(phase.ends) - len(delays),
        "before_the_end": sum(delay < 0 for delay in delays),
    }


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _within(ordered: Sequence[float], begin: float, end: float) -> int:
    return bisect_left(ordered, end) - bisect_left(ordered, begin)


def _fullest(ordered: Sequence[float], phase: Phase, interval: float) -> int:
    """Return the most that fell into one interval, of intervals laid end to end from the begin of the phase."""
    count = math.ceil((phase.end - phase.begin) / interval)
    starts = [phase.begin + number * interval for number in range(count)]
    return max(_within(ordered, start, min(start + interval, phase.end)) for start in starts)


def _per_thousand(size: int, waiting: int) -> float | None:
    return size / 1e6 / waiting * 1000 if waiting >= _FEWEST_FOR_MEMORY else None


def _most_open(connections: Sequence[Sequence[float | None]], begin: float, end: float) -> int:
    """Return the most connections that were open at the same time."""
    changes = []
    for opened, closed in connections:
        if opened is not None and opened < end and (closed is None or closed > begin):
            changes.append((opened, 1))
            changes.append((math.inf if closed is None else closed, -1))
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
