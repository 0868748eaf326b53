# SPDX-License-Identifier: Apache-2.0
"""What a query ends with, on Druid and on the emulator, and the exact comparison of two ends."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, replace
from typing import Any, Literal

Verdict = Literal[
    "same", "both refuse", "not supported", "no memory", "lenient", "called invalid", "other value", "other type"
]

#: Verdicts with which the referee is content. "not supported" is a refusal by name, which the documentation lists; "no
#: memory" is a Druid whose buffers are too small for the query, so that it doesn't say what the query means.
CONTENT: frozenset[Verdict] = frozenset({"same", "both refuse", "not supported", "no memory"})
_NO_MEMORY = "Not enough merge buffer memory"


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


@dataclass(frozen=True)
class Tolerance:
    """
    By how much two numbers may differ.

    :param ulps: Two doubles, in units in the last place.
    :param share: Two whole numbers, as a share of the larger one, and by 2 for small ones.
    """

    ulps: int = 0
    share: float = 0.0


EXACT = Tolerance()


def judge(druid: Outcome, emulator: Outcome, tolerance: Tolerance = EXACT) -> Verdict:
    """
    Compare the answers to one expression.

    Rows are compared by their first column, the key, without regard to their order.

    :param tolerance: By how much two numbers may differ.
    """
    if isinstance(druid, Refusal) and _NO_MEMORY in druid.message:
        return "no memory"
    if isinstance(druid, Refusal):
        return "both refuse" if isinstance(emulator, Refusal) else "lenient"
    if isinstance(emulator, Refusal):
        return "not supported" if emulator.is_by_name else "called invalid"
    if druid.types[1:] != emulator.types[1:]:
        return "other type"
    if druid.types[1:] == ("FLOAT",):
        druid, emulator = _floats(druid), _floats(emulator)
    return "same" if not differing_rows(druid, emulator, tolerance) else "other value"


def _floats(answer: Answer) -> Answer:
    """Round doubles to floats: JDK 17 writes more digits than some floats need."""
    rows = (tuple(_float(value) if isinstance(value, float) else value for value in row) for row in answer.rows)
    return replace(answer, rows=tuple(rows))


def _float(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def differing_rows(druid: Answer, emulator: Answer, tolerance: Tolerance = EXACT) -> list[tuple[Any, Any, Any]]:
    """Return key, Druid's values and the emulator's values of each row that differs; a missing row is None."""
    left, right = ({row[0]: row[1:] for row in answer.rows} for answer in (druid, emulator))
    keys = [*left, *(key for key in right if key not in left)]
    different = [
        (key, left.get(key), right.get(key))
        for key in keys
        if not _are_same_rows(left.get(key), right.get(key), tolerance)
    ]
    if not different and len(druid.rows) != len(emulator.rows):
        different.append((None, len(druid.rows), len(emulator.rows)))
    return different


def _are_same_rows(left: Any, right: Any, tolerance: Tolerance) -> bool:
    if left is None or right is None:
        return left is right
    return len(left) == len(right) and all(is_same(a, b, tolerance) for a, b in zip(left, right, strict=True))


def is_same(left: Any, right: Any, tolerance: Tolerance = EXACT) -> bool:
    """
    Whether two JSON values are the same: of the same type, doubles bit by bit, so that -0.0 is not 0.0.

    Text is the same if it differs only in the digits with which Java writes the same double.

    >>> is_same(1, 1.0), is_same(0.0, -0.0), is_same(True, 1)
    (False, False, False)
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(is_same(a, b, tolerance) for a, b in zip(left, right, strict=True))
    if type(left) is int and tolerance.share:
        return bool(abs(left - right) <= 2 + tolerance.share * max(left, right))
    if isinstance(left, str):
        return left == right or _DIGITS.sub(_number, left) == _DIGITS.sub(_number, right)
    if isinstance(left, float):
        return abs(_place(left) - _place(right)) <= tolerance.ulps and not (math.isnan(left) or math.isnan(right))
    return bool(left == right)


#: A double as text. JDK 17 writes a digit more than needed for some, JDK 19 and the emulator don't.
_DIGITS = re.compile(r"-?\d\.\d{1,17}E-?\d+|-?\d+\.\d{9,17}")


def _number(match: re.Match[str]) -> str:
    return repr(float(match[0]))


def _place(number: float) -> int:
    """Return the place of a double among all doubles in their order; -0.0 comes right before 0.0."""
    (bits,) = struct.unpack("<q", struct.pack("<d", number))
    return int(bits) if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF) - 1
