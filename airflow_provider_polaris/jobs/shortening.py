"""Bounds the length of what the service says before it is stored, logged or sent; performs no I/O."""

from __future__ import annotations

from typing import Final, TypeVar

from airflow_provider_polaris.jobs.errors import PolarisError

E = TypeVar("E", bound=PolarisError)

#: Characters of an error or of a message in a trigger event. The longest of our own texts have about a thousand.
LONGEST_TEXT: Final = 4000
#: Characters of a single word, such as a status, a code or an id.
LONGEST_WORD: Final = 200


def shorten(text: str, longest: int) -> str:
    """
    Cut a text that is too long, and say how long it was.

    >>> shorten("completed", 200), shorten("B" * 5_000_000, 25)
    ('completed', 'BBB… (5000000 characters)')

    :param text: The text.
    :param longest: Characters of the result, what is said about the cut included; 25 or more.
    """
    if len(text) <= longest:
        return text
    remark = f"… ({len(text)} characters)"
    return text[: longest - len(remark)] + remark


def shorten_error(error: E) -> E:
    """
    Return an error whose texts have a bounded length: the error itself, nearly always.

    The copy has no cause, because the cause would keep the long texts in memory.
    """
    message = str(error)
    values = {
        name: shorten(value, LONGEST_WORD if name == "code" else LONGEST_TEXT) if isinstance(value, str) else value
        for name, value in vars(error).items()
    }
    if len(message) <= LONGEST_TEXT and values == vars(error):
        return error
    copied = type(error).__new__(type(error), shorten(message, LONGEST_TEXT))
    vars(copied).update(values)
    return copied
