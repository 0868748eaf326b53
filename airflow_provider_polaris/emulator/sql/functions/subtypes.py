# SPDX-License-Identifier: Apache-2.0
"""Functions that take a value that isn't what its type says to Druid, see :class:`Sql`. OBSERVED(Druid 33)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_provider_polaris.emulator.sql.functions.casts import REAL
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import Sql

REAL_PART = f"of {REAL}: leave it out"
"""Why a function refuses a whole number that Druid computes as a double."""
_UNUSABLE = {
    "REAL": REAL_PART,
    "MIXED": "of GREATEST or LEAST of whole numbers and others: CAST the whole numbers to DOUBLE",
    "NULL": "of CASE, COALESCE, UPPER, LOWER or TRIM of NULL only",
}
"""Why a function refuses a value, by its subtype."""
_TAKE_REAL = frozenset(
    {"+", "-", "*", "/", "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM", "IN", "BETWEEN"}
    | {"CASE", "COALESCE", "NVL", "IFNULL", "IS NULL", "SUM", "MIN", "MAX", "AVG", "MILLIS_TO_TIMESTAMP"}
)
"""Functions that compute a ``REAL`` number as Druid does."""
_TAKE = {"REAL": _TAKE_REAL, "MIXED": frozenset({"IS NULL", "COUNT", "SUM", "AVG", "MIN", "MAX"})}
"""Functions that take a value with a subtype, by the subtype."""


def unusable(value: Sql, function: str) -> str | None:
    """Return why a function doesn't take a value; None if it does."""
    if value.subtype is None or function in _TAKE.get(value.subtype, ()):
        return None
    return _UNUSABLE.get(value.subtype)


def check_real_text(refuse: Callable[[str], SqlNotSupported], values: Sequence[Sql]) -> None:
    """
    Refuse a text beside a whole number that Druid computes as a double: it is a double there, too.

    :param refuse: Builds the exception.
    """
    if any(value.type == "string" for value in values) and any(value.subtype == "REAL" for value in values):
        raise refuse(REAL_PART)
