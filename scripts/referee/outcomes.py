# SPDX-License-Identifier: Apache-2.0
"""What a query ends with, on Druid and on the emulator, and the exact comparison of two ends."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["same", "both refuse", "not supported", "lenient", "called invalid", "other value", "other type"]

#: Verdicts with which the referee is content. "not supported" is a refusal by name, which the documentation lists.
CONTENT: frozenset[Verdict] = frozenset({"same", "both refuse", "not supported"})


@dataclass(frozen=True)
class Answer:
    """
    Rows.

    :param names: Names of the columns.
    :param types: Druid's native type of each column: ``LONG``, ``DOUBLE``, ``FLOAT``, ``STRING``, ``ARRAY<...>``.
    :param rows: JSON values.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Refusal:
    """
    No rows.

    :param kind: Druid's category, or ``INVALID``, ``UNSUPPORTED`` or ``FAILED`` of the emulator.
    :param message: The text.
    """

    kind: str
    message: str

    @property
    def is_by_name(self) -> bool:
        """Whether the emulator names what it does not support, at planning or in a row."""
        return self.kind == "UNSUPPORTED" or (self.kind == "FAILED" and "is not supported" in self.message)


Outcome = Answer | Refusal


def judge(druid: Outcome, emulator: Outcome, ulps: int = 0) -> Verdict:
    """
    Compare the answers to one expression.

    Rows are compared by their first column, the key, without regard to their order.

    :param ulps: By how many units in the last place two doubles may differ.
    """
    if isinstance(druid, Refusal):
        return "both refuse" if isinstance(emulator, Refusal) else "lenient"
    if isinstance(emulator, Refusal):
        return "not supported" if emulator.is_by_name else "called invalid"
    if druid.types[1:] != emulator.types[1:]:
        return "other type"
    return "same" if not differing_rows(druid, emulator, ulps) else "other value"


def differing_rows(druid: Answer, emulator: Answer, ulps: int = 0) -> list[tuple[Any, Any, Any]]:
    """Return key, Druid's values and the emulator's values of each row that differs; a missing row is None."""
    left, right = ({row[0]: row[1:] for row in answer.rows} for answer in (druid, emulator))
    keys = [*left, *(key for key in right if key not in left)]
    different = [
        (key, left.get(key), right.get(key)) for key in keys if not _are_same_rows(left.get(key), right.get(key), ulps)
    ]
    if not different and len(druid.rows) != len(emulator.rows):
        different.append((None, len(druid.rows), len(emulator.rows)))
    return different


def _are_same_rows(left: Any, right: Any, ulps: int) -> bool:
    if left is None or right is None:
        return left is right
    return len(left) == len(right) and all(is_same(a, b, ulps) for a, b in zip(left, right, strict=True))


def is_same(left: Any, right: Any, ulps: int = 0) -> bool:
    """
    Whether two JSON values are the same: of the same type, doubles bit by bit, so that -0.0 is not 0.0.

    >>> is_same(1, 1.0), is_same(0.0, -0.0), is_same(True, 1)
    (False, False, False)
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(is_same(a, b, ulps) for a, b in zip(left, right, strict=True))
    if isinstance(left, float):
        return abs(_place(left) - _place(right)) <= ulps and not (math.isnan(left) or math.isnan(right))
    return bool(left == right)


def _place(number: float) -> int:
    """Return the place of a double among all doubles in their order; -0.0 comes right before 0.0."""
    (bits,) = struct.unpack("<q", struct.pack("<d", number))
    return int(bits) if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF) - 1
