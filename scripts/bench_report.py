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
_FEWEST_FOR_MEMORY = 100


def figures(seen: Observation) -> Row:
    """
    Make one row of the result.

    :return: JSON scalars and dicts of them. Seconds, unless the name says otherwise; memory in MB (10**6 bytes).
    """
    intervals = (seen.steady.end - seen.steady.begin) / seen.interval
    requests = sorted(at for at, _ in seen.ledger["requests"])
    connections: list[list[float | None]] = seen.ledger["connections"]
    opened = sorted(begin for begin, _ in connections if begin is not None)
    memory = seen.memory / 1e6 / seen.waiting * 1000 if seen.waiting >= _FEWEST_FOR_MEMORY else None
    return {
        "trigger": seen.side,
        "waiting": seen.waiting,
        "projected_from": None,
        "requests_per_interval": _within(requests, seen.steady.begin, seen.steady.end) / intervals,
        "requests_busiest_interval": _busiest(requests, seen.steady.begin, seen.at_once.end, seen.interval),
        "requests_by_kind": dict(Counter(kind for at, kind in seen.ledger["requests"] if at >= seen.steady.begin)),
        "new_connections_per_interval": _within(opened, seen.steady.begin, seen.steady.end) / intervals,
        "open_connections": _most_open(connections, seen.steady.begin, seen.at_once.end),
        "cpu_seconds_per_interval": seen.cpu / intervals,
        "memory_mb_per_1000": memory,
        "loop_blocked_at_most": seen.block,
        "spread": _delays(seen.spread),
        "at_once": _delays(seen.at_once),
        "problems": [*seen.problems[:5], *(f"answered with 404: {each}" for each in seen.ledger["refused"][:5])],
    }


def project(row: Row, waiting: int) -> Row:
    """Return what a row would be with more waiters if everything grew with their number; delays don't."""
    factor = waiting / row["waiting"]
    grown = ("requests_per_interval", "requests_busiest_interval", "new_connections_per_interval", "open_connections")
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
    if not ours or not peers or ours[0]["memory_mb_per_1000"] is None:
        return None
    result: Row = {"waiting": largest}
    for name, field in (("cpu", "cpu_seconds_per_interval"), ("memory", "memory_mb_per_1000")):
        better = min(peers, key=lambda row: float(row[field]))
        result[name] = {"share": ours[0][field] / better[field], "better_peer": better["trigger"]}
    return result


def table(rows: Sequence[Row], interval: float) -> str:
    """Return the one table of all rows."""
    heads = (
        "trigger",
        "waiting",
        f"requests /{interval:g} s",
        "busiest",
        f"new conn. /{interval:g} s",
        "open conn.",
        f"CPU s /{interval:g} s",
        "MB /1,000",
        "spread: median",
        "p99",
        "max",
        "at once: median",
        "p99",
        "max",
        "missed",
    )
    lines = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    delays = [row["spread"], row["at_once"]]
    return (
        row["trigger"] + (" (projected)" if row["projected_from"] else ""),
        f"{row['waiting']:,}",
        f"{row['requests_per_interval']:,.1f}",
        f"{row['requests_busiest_interval']:,.0f}",
        f"{row['new_connections_per_interval']:,.1f}",
        f"{row['open_connections']:,.0f}",
        f"{row['cpu_seconds_per_interval']:.3f}",
        _number(row["memory_mb_per_1000"]),
        *(_number(delay and delay[name]) for delay in delays for name in ("median", "p99", "max")),
        str(sum(delay["missed"] for delay in delays)) if all(delays) else "",
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


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


def _busiest(ordered: Sequence[float], begin: float, end: float, interval: float) -> int:
    """Return the most that fell into one interval, of intervals laid end to end."""
    count = math.ceil((end - begin) / interval)
    return max(_within(ordered, begin + i * interval, begin + (i + 1) * interval) for i in range(count))


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
