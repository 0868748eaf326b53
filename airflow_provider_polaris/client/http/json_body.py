# SPDX-License-Identifier: Apache-2.0
"""Parse untrusted JSON into data that plain Python code can compare, compute with and write."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

#: Deepest nesting of objects and arrays. Plain recursive code supports a few hundred levels.
DEEPEST: Final = 100
#: Most digits of an integer. Such an integer fits into a double, so no later computation fails.
LONGEST_NUMBER: Final = 308
#: Longest id, name or status.
LONGEST_TEXT: Final = 1000

_TO_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS: Final = b"0" * (LONGEST_NUMBER + 1)
_TO_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS_AND_QUOTES: Final = bytes(set(range(256)) - set(b'[]{}"'))


@dataclass(frozen=True)
class Unreadable:
    """
    A body that can't be used. It is a value because an exception's traceback would contain the body.

    :param problem: The reason, beginning with ``the body``.
    """

    problem: str


def read_json(body: bytes, keep: Collection[str] | None = None) -> Any:
    """
    Parse a body.

    :param body: The bytes.
    :param keep: Names to keep in all objects; None keeps everything.
    :return: The data; :class:`Unreadable` if it is not JSON, nests too deeply, or has a number too large for a double.
    """
    # Fields are dropped as each object ends, so a thousand whole summaries never exist at the same time.
    hook = None if keep is None else lambda found: {name: found[name] for name in keep if name in found}
    integer = _integer if _MANY_DIGITS in body.translate(_TO_ZEROS) else None
    try:
        # UTF-8 only, as RFC 8259 requires. json.loads also accepts UTF-16, where a bracket may be half a letter.
        # The text is released once it is parsed: the check below needs the same amount of memory again.
        data = json.loads(
            body.decode("utf-8-sig"),
            object_hook=hook,
            parse_int=integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except OverflowError:
        return Unreadable("the body has a number that is too large to compute with")
    except (ValueError, RecursionError):
        return Unreadable("the body is not JSON, or is cut off")
    if _is_deep(body):
        return Unreadable(f"the body nests more than {DEEPEST} levels")
    return data


def problem_of_text(value: Any, name: str) -> str:
    """
    Return the problem of a field that must be an id, a name or a status; empty if there is none.

    :param value: Value of the field; None if it is missing.
    :param name: Name of the field.
    """
    if value is None or value == "":
        return f"the body has no {name!r}"
    if not isinstance(value, str):
        return f"its {name!r} is {kind_of(value)}, not a text"
    if len(value) > LONGEST_TEXT:
        return f"its {name!r} has {len(value)} characters, more than {LONGEST_TEXT}"
    return ""


def kind_of(data: Any) -> str:
    """Return the JSON type of a value."""
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(data), "a number")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > LONGEST_NUMBER:
        raise OverflowError
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise OverflowError
    return value


def _constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _is_deep(body: bytes) -> bool:
    """Return whether valid JSON nests too deeply."""
    marks = body.replace(rb"\\", b"").replace(rb"\"", b"").translate(_TO_SQUARE, _ALL_BUT_BRACKETS_AND_QUOTES)
    marks = marks.replace(b'""', b"")  # texts without brackets (most of them)
    brackets = b"".join(marks.split(b'"')[::2])
    for _ in range(DEEPEST):  # remove the innermost level each time
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
