# SPDX-License-Identifier: Apache-2.0
"""Limit the length of the service's texts before they are stored, logged or sent; performs no I/O."""

from __future__ import annotations

from typing import Final, TypeVar

from airflow_provider_polaris.jobs.errors import PolarisError

E = TypeVar("E", bound=PolarisError)

#: Longest error or trigger-event message, in characters. The longest texts of this package have about 1,000.
LONGEST_TEXT: Final = 4000
#: Longest single word (a status, a code or an id), in characters.
LONGEST_WORD: Final = 200


def shorten(text: str, longest: int) -> str:
    """
    Cut a text that is too long, and append its original length.

    >>> shorten("completed", 200), shorten("B" * 5_000_000, 25)
    ('completed', 'BBB… (5000000 characters)')

    :param text: The text.
    :param longest: Longest result in characters, the appended remark included; at least 25.
    """
    if len(text) <= longest:
        return text
    remark = f"… ({len(text)} characters)"
    return text[: longest - len(remark)] + remark


def shorten_error(error: E) -> E:
    """
    Return the error itself, or a copy with shortened texts if one of them is too long.

    The copy has no ``__cause__``, because that would keep the long texts in memory.
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
