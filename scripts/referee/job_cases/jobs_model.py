# SPDX-License-Identifier: Apache-2.0
"""A sequence of jobs, what each job leaves in its target, and the exact comparison of two outcomes; performs no I/O."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, Final

Chunk = tuple[int, int]
"""A half-open interval in milliseconds since 1970."""

#: Bounds of an interval without bounds; Druid and the emulator write other years there.
OPEN: Final = (-(1 << 62), 1 << 62)
_FIRST: Final = -62_135_596_800_000  # year 1
_LAST: Final = 253_402_300_799_000  # the end of year 9999
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class JobSequence:
    """
    Jobs that run one after the other on the same tables.

    :param number: Number of the sequence in its run.
    :param jobs: Specs of batch jobs, in the form of the Jobs API.
    """

    number: int
    jobs: tuple[Mapping[str, Any], ...]

    def until(self, position: int) -> JobSequence:
        """Return the jobs up to a position, inclusive."""
        return JobSequence(self.number, self.jobs[: position + 1])

    def without(self, position: int) -> JobSequence:
        """Return the sequence without one of its jobs."""
        return JobSequence(self.number, self.jobs[:position] + self.jobs[position + 1 :])

    def renamed(self, old: str, new: str) -> JobSequence:
        """Return the sequence with another beginning of the table names."""
        return JobSequence(self.number, tuple(json.loads(json.dumps(self.jobs).replace(f'"{old}', f'"{new}'))))


@dataclass(frozen=True)
class JobOutcome:
    """
    What a job left.

    :param error: The vendor's code of the failure; ``refused`` if the job was not accepted; None if it succeeded.
    :param message: Text of the error.
    :param rows: The rows of the target as JSON, and how often each occurs.
    :param chunks: The time chunks in which the target shows rows.
    """

    error: str | None
    message: str
    rows: Counter[str]
    chunks: frozenset[Chunk]


@dataclass(frozen=True)
class Difference:
    """
    How the outcomes of a job differ.

    :param is_refusal: Whether only the emulator rejected the job.
    :param message: The emulator's error.
    :param text: Both outcomes.
    """

    is_refusal: bool
    message: str
    text: str


def compare(druid: JobOutcome, emulator: JobOutcome) -> Difference | None:
    """
    Return how two outcomes differ; None if they agree.

    Errors agree if their codes do. A job that one side doesn't accept may fail on the other.
    """
    errors = {druid.error, emulator.error}
    is_same_error = len(errors) == 1 or ("refused" in errors and None not in errors)
    if is_same_error and (druid.rows, druid.chunks) == (emulator.rows, emulator.chunks):
        return None
    lines = [
        f"Druid: {druid.error or 'completed'} {druid.message[:500]}".rstrip(),
        f"emulator: {emulator.error or 'completed'} {emulator.message[:500]}".rstrip(),
    ]
    for name, one, other in (("Druid", druid, emulator), ("the emulator", emulator, druid)):
        lines += [f"rows of {name} only: {number} x {row}" for row, number in sorted((one.rows - other.rows).items())]
        lines += [f"time chunk of {name} only: {_shown(chunk)}" for chunk in sorted(one.chunks - other.chunks)]
    return Difference(druid.error is None and emulator.error is not None, emulator.message, "\n".join(lines[:12]))


def count_rows(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """
    Count equal rows.

    A null counts like a missing column, because Druid's tables have the columns of their segments. Numbers count by
    their value, because JSON doesn't keep 1 and 1.0 apart on the way through every writer.
    """
    return Counter(
        json.dumps({name: _plain(value) for name, value in sorted(row.items()) if value is not None}) for row in rows
    )


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def live_chunks(segments: Sequence[tuple[Chunk, str]], times: Sequence[int]) -> frozenset[Chunk]:
    """
    Return the parts of a table's time line that show rows.

    A newer segment hides the part of an older one that it covers; the rest of the older one stays visible.

    :param segments: Chunk and version of each segment in use.
    :param times: Time of each row, in milliseconds.
    """
    versions: dict[Chunk, str] = {}
    for chunk, version in segments:
        versions[chunk] = max(version, versions.get(chunk, ""))
    pieces: list[tuple[int, int, Chunk]] = []
    for start, end in pairwise(sorted({bound for chunk in versions for bound in chunk})):
        covering = [(version, chunk) for chunk, version in versions.items() if chunk[0] <= start and end <= chunk[1]]
        if not covering:
            continue
        _, chunk = max(covering)
        if pieces and pieces[-1][1:] == (start, chunk):
            start = pieces.pop()[0]
        pieces.append((start, end, chunk))
    return frozenset((start, end) for start, end, _ in pieces if any(start <= time < end for time in times))


def read_chunk(start: str, end: str) -> Chunk:
    """Convert the texts of an interval; bounds outside of the years 1 to 9999 become :data:`OPEN`."""
    low, high = milliseconds(start), milliseconds(end)
    return (OPEN[0] if low <= _FIRST else low, OPEN[1] if high >= _LAST else high)


def milliseconds(text: str) -> int:
    """Convert an instant in UTC."""
    if text.startswith("-"):
        return OPEN[0]
    if text.index("-") > 4:  # a year with more than four digits
        return OPEN[1]
    instant = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc)
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _shown(chunk: Chunk) -> str:
    return "/".join("…" if bound in OPEN else str(_EPOCH + timedelta(milliseconds=bound)) for bound in chunk)
