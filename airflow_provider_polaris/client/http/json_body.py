"""Read JSON that may be hostile: what comes out can be compared, computed with and written by plain Python code."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

#: Deepest nesting of objects and arrays. Plain recursive code manages some hundred levels.
DEEPEST: Final = 100
#: Most digits of an integer: each of those fits into a double, so no later computation fails.
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
    A body that can't be used; a value and no exception, whose traceback would carry the body.

    :param problem: Why, beginning with ``the body``.
    """

    problem: str


def read_json(body: bytes, keep: Collection[str] | None = None) -> Any:
    """
    Parse a body.

    :param body: The bytes.
    :param keep: Names to keep in all objects; None keeps everything.
    :return: The data; :class:`Unreadable` if it is not JSON, nests too deeply, or has a number that no double holds.
    """
    # Dropped as each object ends: a thousand summaries never exist whole at the same time.
    hook = None if keep is None else lambda found: {name: found[name] for name in keep if name in found}
    integer = _integer if _MANY_DIGITS in body.translate(_TO_ZEROS) else None
    try:
        # UTF-8 only, as RFC 8259 wants it: json.loads would take UTF-16 too, in which a bracket may be half a letter.
        # The text is given up as soon as it is parsed: the check below needs as much memory once more.
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
    Say what is wrong with a field that must be an id, a name or a status; empty if nothing is.

    :param value: What is in the field; None if it is missing.
    :param name: Of the field.
    """
    if value is None or value == "":
        return f"the body has no {name!r}"
    if not isinstance(value, str):
        return f"its {name!r} is {kind_of(value)}, not a text"
    if len(value) > LONGEST_TEXT:
        return f"its {name!r} has {len(value)} characters, more than {LONGEST_TEXT}"
    return ""


def kind_of(data: Any) -> str:
    """Return what a value is, in the words of JSON."""
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
    raise ValueError(name)  # NaN and Infinity, which JSON does not know


def _is_deep(body: bytes) -> bool:
    """Say whether valid JSON nests too deeply."""
    marks = body.replace(rb"\\", b"").replace(rb"\"", b"").translate(_TO_SQUARE, _ALL_BUT_BRACKETS_AND_QUOTES)
    marks = marks.replace(b'""', b"")  # texts without brackets, which are nearly all
    brackets = b"".join(marks.split(b'"')[::2])
    for _ in range(DEEPEST):  # remove the innermost level each time
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
