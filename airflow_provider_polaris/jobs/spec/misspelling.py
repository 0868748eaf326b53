"""Which field of a job spec a name was meant for; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

#: So similar a name is to a field that it is refused for it: of ten letters one may be wrong, missing or too many.
_REFUSED: Final = 0.9
#: So similar a name is to a field that is missing, so that it is worth a hint: ``table`` for ``tableName``.
_HINTED: Final = 0.7


def bare(name: str) -> str:
    """Return a name without what people write differently: case, ``_`` and ``-``."""
    return name.replace("_", "").replace("-", "").lower()


def misspelt(name: str, fields: Iterable[str]) -> str | None:
    """
    Return the field that a name is but for a letter, or for two letters that are swapped.

    :param name: What the user wrote.
    :param fields: Fields that are not there.
    """
    known = {bare(field): field for field in fields}
    near = get_close_matches(bare(name), known, n=1, cutoff=_REFUSED) or [
        each for each in known if _is_swapped(bare(name), each)
    ]
    return known[near[0]] if near else None


def hint(field: str, names: Iterable[object]) -> str:
    """
    Return a sentence about the name that was probably meant for a missing field; empty if there is none.

    :param field: The field, which Polaris needs.
    :param names: Names that were written instead, those of other fields included.
    """
    written = {bare(name): name for name in names if isinstance(name, str)}
    near = get_close_matches(bare(field), written, n=1, cutoff=_HINTED)
    return f"{written[near[0]]!r} is not a field of Polaris: write {field!r}." if near else ""


def _is_swapped(one: str, other: str) -> bool:
    return any(f"{one[:i]}{one[i + 1]}{one[i]}{one[i + 2 :]}" == other for i in range(len(one) - 1))
