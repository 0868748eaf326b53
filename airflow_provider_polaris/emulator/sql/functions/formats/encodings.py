# SPDX-License-Identifier: Apache-2.0
"""Digits of another base, the bits of a double, and base64."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.functions.numeric.bits import whole_bits
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, Sql, double, long, quote_text, string

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FOREIGN_DIGITS = r"[+-]?[0-9A-Za-z\p{Nd}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}]+"
"""Java reads the digits of every script, and full-width letters."""


def parse_long(call: Call) -> Sql:
    """
    ``PARSE_LONG(text[, base])``: NULL for text that is no number of 64 bits.

    OBSERVED(Druid 33): ``0x`` may stand before a number of base 16, but not behind a sign; a base below 2 or above 36
    gives NULL.
    """
    if call.value(0).type not in ("string", "null"):
        raise call.invalid()
    text = _not_null(call)
    base = _base(call)
    if base is None or not 2 <= base <= len(_DIGITS):
        return long("CAST(NULL AS BIGINT)")
    digits = _DIGITS[:base]
    letters = "".join(sorted({*digits, *digits.upper()}))
    written = f"regexp_replace({text}, '^0[xX]', '')" if base == 16 else text
    significant = f"ltrim(ltrim(lower({written}), '+-'), '0')"
    longest = _length_of_largest(base)
    # A HUGEINT holds one digit more than a number of 64 bits has.
    size = (
        f"list_reduce(list_transform(string_split({significant}, ''), "
        f"lambda __digit: CAST(strpos('{digits}', __digit) - 1 AS HUGEINT)), "
        f"lambda __sum, __digit: __sum * {base} + __digit, CAST(0 AS HUGEINT))"
    )
    signed = f"CASE WHEN starts_with({written}, '-') THEN -({size}) ELSE {size} END"
    number = (
        f"CASE WHEN {significant} = '' THEN 0 WHEN length({significant}) <= {longest} "
        f"THEN TRY_CAST({signed} AS BIGINT) END"
    )
    message = quote_text(f"function '{call.name}' is not supported with digits that are not ASCII")
    foreign = f"regexp_full_match({text}, '{_FOREIGN_DIGITS}') AND NOT regexp_full_match({text}, '[\\x00-\\x7F]*')"
    return long(
        f"CASE WHEN regexp_full_match({written}, '[+-]?[{letters}]+') THEN {number} "
        f"WHEN {foreign} THEN CAST(error({message}) AS BIGINT) END"
    )


def double_to_bits(call: Call) -> Sql:
    """``BITWISE_CONVERT_DOUBLE_TO_LONG_BITS(number)``: the bits of IEEE 754; every NaN has the same."""
    number = f"CAST({_number(call).text} AS DOUBLE)"
    return long(f"CASE WHEN isnan({number}) THEN {0x7FF8 << 48} ELSE CAST(CAST({number} AS BIT) AS BIGINT) END")


def bits_to_double(call: Call) -> Sql:
    """``BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(number)``; a fraction is dropped first; a number beyond 64 bits fails."""
    _number(call)
    if is_constant(call.nodes[0]):
        raise call.refuse("of a constant")  # OBSERVED(Druid 33): some uses refuse a constant that is NaN
    return double(f"CAST(CAST({whole_bits(call, 0)} AS BIT) AS DOUBLE)")


def decode_base64(call: Call) -> Sql:
    """
    ``DECODE_BASE64_UTF8(text)``; the padding may be missing.

    The query fails for text that is not base64, as in Druid, and for bytes that are not UTF-8.
    """
    if call.value(0).type not in ("string", "null"):
        raise call.invalid()
    text = _not_null(call)
    if is_constant(call.nodes[0]):
        # OBSERVED(Druid 33): its planner decodes it, and fails also where no row needs it.
        raise call.refuse("of a constant")
    padded = f"CASE WHEN contains({text}, '=') THEN {text} ELSE {text} || repeat('=', (4 - length({text}) % 4) % 4) END"
    return string(f"decode(from_base64({padded}))")


def _number(call: Call) -> Sql:
    if call.value(0).type not in NUMERIC:
        _not_null(call)
        raise call.invalid()
    return call.value(0)


def _not_null(call: Call) -> str:
    """OBSERVED(Druid 33): these functions refuse a bare NULL."""
    if call.value(0).type == "null":
        raise SqlInvalid("Illegal use of 'NULL'")
    return call.value(0).text


def _base(call: Call) -> int | None:
    if len(call) < 2:
        return 10
    if call.value(1).type not in ("long", "null"):
        raise call.invalid()
    return call.constant_long(1) if call.has(1) else None


def _length_of_largest(base: int) -> int:
    """Return the number of digits of 2 ** 63."""
    number, length = 2**63, 0
    while number:
        number, length = number // base, length + 1
    return length


FUNCTIONS: Table = {
    "PARSE_LONG": (parse_long, 1, 2),
    "BITWISE_CONVERT_DOUBLE_TO_LONG_BITS": (double_to_bits, 1, 1),
    "BITWISE_CONVERT_LONG_BITS_TO_DOUBLE": (bits_to_double, 1, 1),
    "DECODE_BASE64_UTF8": (decode_base64, 1, 1),
}
