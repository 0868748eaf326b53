# SPDX-License-Identifier: Apache-2.0
"""Functions that take a value that isn't what its type says to Druid, see :class:`Sql`. OBSERVED(Druid 33)."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.casts import REAL
from airflow_provider_polaris.emulator.sql.values.values import Sql

UNUSABLE = {
    "REAL": f"of {REAL}: leave it out",
    "MIXED": "of GREATEST or LEAST of whole numbers and others: CAST the whole numbers to DOUBLE",
    "NULL": "of CASE or COALESCE of NULL only",
}
"""Why a function refuses a value, by its subtype."""
_TAKE_REAL = frozenset(
    {"+", "-", "*", "/", "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM", "IN", "BETWEEN"}
    | {"CASE", "COALESCE", "NVL", "IFNULL", "IS NULL", "SUM", "MIN", "MAX", "AVG", "MILLIS_TO_TIMESTAMP"}
)
"""Functions that compute a ``REAL`` number as Druid does."""


def unusable(value: Sql, function: str) -> str | None:
    """Return why a function doesn't take a value; None if it does."""
    if value.subtype is None or (value.subtype == "REAL" and function in _TAKE_REAL):
        return None
    return UNUSABLE.get(value.subtype)
