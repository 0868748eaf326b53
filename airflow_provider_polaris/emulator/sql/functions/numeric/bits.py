# SPDX-License-Identifier: Apache-2.0
"""
Bitwise functions of 64 bits.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#numeric-functions: doubles lose their fraction.
"""

from __future__ import annotations

import re

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.values.values import Sql, failure, long, quote_text


def bitwise(operator: str) -> Rewrite:
    """Build the rewrite of a bitwise function of two numbers; doubles lose their fraction."""

    def rewrite(call: Call) -> Sql:
        return long(f"(({call.long(0)}) {operator} ({call.long(1)}))")

    return rewrite


def bitwise_xor(call: Call) -> Sql:
    """``BITWISE_XOR(a, b)``."""
    return long(f"xor({call.long(0)}, {call.long(1)})")


def bitwise_complement(call: Call) -> Sql:
    """``BITWISE_COMPLEMENT(a)``."""
    return long(f"(~({whole_bits(call, 0)}))")


def shift_left(call: Call) -> Sql:
    """``BITWISE_SHIFT_LEFT(a, count)``. OBSERVED(Druid 33): as in Java, six bits of the count are used."""
    value, count = whole_bits(call, 0), f"(({whole_bits(call, 1)}) & 63)"
    # DuckDB fails where a bit reaches the sign, so the sign is set apart from the 63 bits below it.
    sign = f"CASE WHEN (({value}) >> (63 - {count})) & 1 = 1 THEN -9223372036854775807 - 1 ELSE 0 END"
    return long(f"(((({value}) & (9223372036854775807 >> {count})) << {count}) | {sign})")


def shift_right(call: Call) -> Sql:
    """``BITWISE_SHIFT_RIGHT(a, count)``: keeps the sign. OBSERVED(Druid 33): six bits of the count are used."""
    return long(f"(({whole_bits(call, 0)}) >> (({whole_bits(call, 1)}) & 63))")


def whole_bits(call: Call, index: int) -> str:
    """
    Drop the fraction of an argument. A number beyond 64 bits is refused.

    OBSERVED(Druid 33): a query with such a column fails, one with ``TRUNC`` of the column doesn't.
    """
    value, text = call.exact_number(index), call.long(index)
    if value.type == "long":
        return text
    refused = failure(quote_text(call.refuse("with a number beyond 64 bits").message))
    return f"CASE WHEN abs({value.text}) >= 9223372036854775807 THEN {refused} ELSE {text} END"


def check_columns(call: Call) -> None:
    """
    Refuse arguments of BIT_OR and BIT_XOR with which Druid merges groups wrongly.

    OBSERVED(Druid 33): it replaces the name of the column everywhere in the text ``bitwiseOr("a0", "i")``, and fails.
    The emulator doesn't have BIT_AND, which is 0 there, whatever the values.
    """
    node, expression = call.nodes[0].unnest(), f"bitwise{call.name.removeprefix('BIT_').capitalize()}"
    columns = [column.name for column in node.find_all(exp.Column)]
    if not columns:
        raise call.refuse("of a constant")
    for name in columns if isinstance(node, (exp.Column, exp.Binary)) else ():
        if name in expression or re.fullmatch("a[0-9]*|[0-9]+", name):
            raise call.refuse(f'of a column with the name {name!r}: write BITWISE_OR("{name}", 0)')


FUNCTIONS: Table = {
    "BITWISE_AND": (bitwise("&"), 2, 2),
    "BITWISE_OR": (bitwise("|"), 2, 2),
    "BITWISE_SHIFT_LEFT": (shift_left, 2, 2),
    "BITWISE_SHIFT_RIGHT": (shift_right, 2, 2),
    "BITWISE_XOR": (bitwise_xor, 2, 2),
    "BITWISE_COMPLEMENT": (bitwise_complement, 1, 1),
}
