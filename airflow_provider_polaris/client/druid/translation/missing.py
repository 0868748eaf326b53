# SPDX-License-Identifier: Apache-2.0
"""
Recognize errors that disappear when the broker has caught up; performs no I/O.

OBSERVED(Druid 27): the broker plans from loaded segments, so for some seconds after a job has succeeded it answers 400
"Object 'T' not found" or "Column 'C' not found in any table" for a new table or column.
"""

from __future__ import annotations

import re
from typing import Final

_OBJECT: Final = re.compile(r"Object '(?P<name>[^']+)' not found")
_COLUMN: Final = re.compile(r"Column '[^']+' not found in any table")


def missing_object(message: str | None) -> str | None:
    """
    Return the name of the table that the broker doesn't know; None if the error is another.

    >>> missing_object("Object 'koalas' not found (line [1], column [15])")
    'koalas'

    :param message: Druid's text.
    """
    match = _OBJECT.search(message or "")
    return None if match is None else match["name"]


def is_missing_column(message: str | None) -> bool:
    """Return whether the broker doesn't know a column of a table."""
    return _COLUMN.search(message or "") is not None
