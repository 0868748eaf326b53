# SPDX-License-Identifier: Apache-2.0
"""Waits with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Limit in seconds: many times the usual time, for a busy machine.
PATIENCE = 300


def eventually(look: Callable[[], T], accept: Callable[[T], bool], *, what: str, within: float = PATIENCE) -> T:
    """
    Look until what is seen is accepted, and return it.

    :param look: Called twice a second.
    :param accept: Whether what was seen is it.
    :param what: What is waited for; subject of the error's sentence.
    :param within: Seconds until this gives up.
    :raises AssertionError: Time is up; has what was seen last.
    """
    end = time.monotonic() + within
    while True:
        seen = look()
        if accept(seen):
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {within:g} s; seen last: {seen!r}")
        time.sleep(0.5)
