# SPDX-License-Identifier: Apache-2.0
"""Find the field of a job spec that a misspelt name stands for; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

#: Similarity from which a name is refused as a misspelt field: one letter in ten may be wrong, missing or extra.
_REFUSED: Final = 0.9
#: Similarity from which a name is suggested for a missing field: ``table`` for ``tableName``.
_HINTED: Final = 0.7


def bare(name: str) -> str:
    """Normalize a name: lower case, without ``_`` and ``-``."""
    return name.replace("_", "").replace("-", "").lower()


def misspelt(name: str, fields: Iterable[str]) -> str | None:
    """
    Return the field that differs from a name by one letter, or by two swapped letters; None if there is none.

    :param name: Name that the user wrote.
    :param fields: Fields that are missing in the spec.
    """
    known = {bare(field): field for field in fields}
    near = get_close_matches(bare(name), known, n=1, cutoff=_REFUSED) or [
        each for each in known if _is_swapped(bare(name), each)
    ]
    return known[near[0]] if near else None


def hint(field: str, names: Iterable[object]) -> str:
    """
    Return a hint that names the probable misspelling of a missing field; empty if there is none.

    :param field: The required field.
    :param names: All names in the object, those of other fields included.
    """
    written = {bare(name): name for name in names if isinstance(name, str)}
    near = get_close_matches(bare(field), written, n=1, cutoff=_HINTED)
    return f"{written[near[0]]!r} is not a field of Polaris: write {field!r}." if near else ""


def _is_swapped(one: str, other: str) -> bool:
    return any(f"{one[:i]}{one[i + 1]}{one[i]}{one[i + 2 :]}" == other for i in range(len(one) - 1))
