# SPDX-License-Identifier: Apache-2.0
"""
Numbers with a unit for people: ``HUMAN_READABLE_...``.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#numeric-functions. OBSERVED(Druid 33): a binary unit
divides once, so 2147483647 is ``2.00 GiB``; a decimal unit divides by 1000 again and again and drops each remainder,
so 1048576 with three digits is ``1.048 M``.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.functions.formats.decimals import fixed
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, Sql, string

_PREFIXES = "KMGTPE"
_MOST_DIGITS = 3
_DEFAULT_DIGITS = 2
_LARGEST = 2**63 - 1


def human_readable(step: int, suffix: str, plain: str) -> Rewrite:
    """
    Build the rewrite of a function.

    :param step: 1024 or 1000, the factor between two units.
    :param suffix: What follows the prefix of a unit.
    :param plain: What follows a number below the first unit.
    """

    def rewrite(call: Call) -> Sql:
        digits = call.constant_long(1) if len(call) > 1 else _DEFAULT_DIGITS
        if not 0 <= digits <= _MOST_DIGITS:
            raise call.refuse(f"with a precision of {digits}: it is from 0 to {_MOST_DIGITS}")
        number = _whole(call)
        branches = [f"WHEN {number} > -{step} AND {number} < {step} THEN CAST({number} AS VARCHAR) || '{plain}'"]
        for power, prefix in enumerate(_PREFIXES, 1):
            divisor = step**power
            scaled = (
                f"(CAST({number} AS DOUBLE) / {divisor}.0)"
                if step == 1024
                else f"({number} // {divisor // step} / 1e3)"
            )
            size = f"CASE WHEN {number} < 0 THEN '-' ELSE '' END || {fixed(scaled, digits, call.name)}"
            limit = divisor * step
            inside = f"WHEN {number} > -{limit} AND {number} < {limit}" if prefix != _PREFIXES[-1] else "ELSE"
            branches.append(f"{inside} {'THEN ' if inside != 'ELSE' else ''}{size} || ' {prefix}{suffix}'")
        return string(f"CASE WHEN {number} IS NOT NULL THEN CASE {' '.join(branches)} END END")

    return rewrite


def _whole(call: Call) -> str:
    """Return the number as a whole number; OBSERVED(Druid 33): one beyond 64 bits becomes the nearest."""
    value = call.value(0)
    if value.type not in NUMERIC:
        raise call.invalid()
    if value.type == "long":
        return value.text
    number = f"CAST({value.text} AS DOUBLE)"
    return (
        f"CASE WHEN isnan({number}) THEN 0 WHEN {number} >= 9223372036854775807.0 THEN {_LARGEST} "
        f"WHEN {number} <= -9223372036854775808.0 THEN {-_LARGEST - 1} ELSE CAST(trunc({number}) AS BIGINT) END"
    )


FUNCTIONS: Table = {
    "HUMAN_READABLE_BINARY_BYTE_FORMAT": (human_readable(1024, "iB", " B"), 1, 2),
    "HUMAN_READABLE_DECIMAL_BYTE_FORMAT": (human_readable(1000, "B", " B"), 1, 2),
    "HUMAN_READABLE_DECIMAL_FORMAT": (human_readable(1000, "", ""), 1, 2),
}
