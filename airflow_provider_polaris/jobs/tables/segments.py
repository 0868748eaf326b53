# SPDX-License-Identifier: Apache-2.0
"""Compare the segments that a table had with those that it has; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

#: Maximum number of segments that a message names for each difference.
_MOST_NAMES: Final = 2


def segment_change(table: str, before: Collection[str], now: Collection[str]) -> str | None:
    """
    Return which segments of a table are missing and which are new, as a clause; None if they are the same.

    >>> segment_change("t", ["t_a", "t_b"], ["t_b", "t_c"])
    "table 't' has other segments (missing: 't_a'; new: 't_c')"

    :param table: Name of the table.
    :param before: Ids of its earlier segments.
    :param now: Ids of its current segments.
    """
    differences = (("missing", set(before) - set(now)), ("new", set(now) - set(before)))
    parts = [f"{word}: {_names(ids)}" for word, ids in differences if ids]
    return f"table {table!r} has other segments ({'; '.join(parts)})" if parts else None


def _names(ids: Collection[str]) -> str:
    names = ", ".join(map(repr, sorted(ids)[:_MOST_NAMES]))
    return names if len(ids) <= _MOST_NAMES else f"{names} and {len(ids) - _MOST_NAMES:,} more"
