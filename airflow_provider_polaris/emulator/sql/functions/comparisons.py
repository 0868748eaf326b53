# SPDX-License-Identifier: Apache-2.0
"""
Comparisons with Java's order of text and doubles.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-operators. OBSERVED(Druid 33): text is ordered by UTF-16
units, in which a character beyond U+FFFF comes before U+E000; -0.0 is less than 0.0, though both are equal.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite
from airflow_provider_polaris.emulator.sql.values.values import SCALAR, Sql, boolean, string

_ORDERS = ("<", "<=", ">", ">=")


def compare(operator: str) -> Rewrite:
    """Build the rewrite of ``=``, ``<>``, ``<``, ``IS DISTINCT FROM`` and so on."""

    def rewrite(call: Call) -> Sql:
        (left, right), kind = call.comparable(0, 1)
        if kind not in SCALAR:
            raise call.invalid()
        if operator in _ORDERS:
            return boolean(_ordered(left, operator, right, kind))
        return boolean(f"({left.text} {operator} {right.text})")

    return rewrite


def between(call: Call) -> Sql:
    """``a BETWEEN low AND high``, bounds included."""
    (value, low, high), kind = call.comparable(0, 1, 2)
    if kind in ("string", "double", "float"):
        return boolean(f"({_ordered(value, '>=', low, kind)} AND {_ordered(value, '<=', high, kind)})")
    return boolean(f"({value.text} BETWEEN {low.text} AND {high.text})")


def in_list(call: Call) -> Sql:
    """``a IN (b, ...)``."""
    (value, *others), kind = call.comparable(*range(len(call)))
    if kind not in SCALAR:
        raise call.invalid()
    return boolean(f"({value.text} IN ({', '.join(other.text for other in others)}))")


def text_order(text: str) -> str:
    """Build a text whose order by code points is the order of ``text`` by UTF-16 units."""
    # U+10FFFF is no character; put before U+E000 to U+FFFF, it moves them behind all others.
    return rf"regexp_replace({text}, '([\x{{E000}}-\x{{FFFF}}])', '{chr(0x10FFFF)}\1', 'g')"


def _ordered(left: Sql, operator: str, right: Sql, kind: str) -> str:
    if kind == "string":
        left, right = (
            side if isinstance(side.constant, str) and side.constant.isascii() else string(text_order(side.text))
            for side in (left, right)
        )
    plain = f"({left.text} {operator} {right.text})"
    if kind not in ("double", "float") or any(side.constant for side in (left, right)):
        return plain
    smaller, greater = (left.text, right.text) if operator[0] == "<" else (right.text, left.text)
    if operator in ("<", ">"):
        return f"({plain} OR ({smaller} = {greater} AND signbit({smaller}) AND NOT signbit({greater})))"
    return f"({plain} AND NOT ({smaller} = {greater} AND NOT signbit({smaller}) AND signbit({greater})))"
