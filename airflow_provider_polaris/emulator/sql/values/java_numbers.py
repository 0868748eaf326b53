# SPDX-License-Identifier: Apache-2.0
"""
Build SQL that converts numbers as Java does: to text and back, and to narrower types.

OBSERVED(Druid 33) for all of it. Java's ``double`` to ``long`` saturates, ``long`` to ``int`` keeps the low 32 bits.
"""

from __future__ import annotations

import struct

from airflow_provider_polaris.emulator.sql.values.values import quote_text

INFINITY = "CAST('Infinity' AS DOUBLE)"
NAN = "CAST('NaN' AS DOUBLE)"

_LONG = "'-?[0-9]+'"
_DECIMAL = "'[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[fFdD]?'"
_WORD = "'[+-]?(NaN|Infinity)'"
_HEX = "'[+-]?0[xX][0-9a-fA-F.]+[pP][+-]?[0-9]+[fFdD]?'"
_LARGEST_FLOAT = "3.4028235677973366e38"


def single_precision(number: float) -> float:
    """
    Return the FLOAT that is nearest to a number.

    >>> single_precision(0.5), single_precision(0.1)
    (0.5, 0.10000000149011612)

    :raises OverflowError: The number is beyond the range of a FLOAT.
    """
    (nearest,) = struct.unpack("f", struct.pack("f", number))
    return float(nearest)


def is_negative_zero(number: str) -> str:
    """Build the condition for -0.0; false for NULL."""
    return f"coalesce({number} = 0 AND signbit({number}), FALSE)"


def double_to_long(text: str) -> str:
    """Drop the fraction; a number beyond 64 bits becomes the nearest long, NaN becomes 0."""
    return (
        f"CASE WHEN {text} >= 9223372036854775807 AND NOT isnan({text}) THEN 9223372036854775807 "
        f"WHEN {text} <= -9223372036854775808 THEN -9223372036854775808 "
        f"WHEN isnan({text}) THEN 0 ELSE CAST(trunc({text}) AS BIGINT) END"
    )


def long_to_int(text: str) -> str:
    """Keep the low 32 bits of a long, with their sign."""
    low = f"(({text}) & 4294967295)"
    return f"CASE WHEN {low} >= 2147483648 THEN {low} - 4294967296 ELSE {low} END"


def double_to_float(text: str) -> str:
    """Round a double to a float; beyond the largest float it is infinite."""
    infinite = f"CAST(CASE WHEN {text} > 0 THEN 'Infinity' ELSE '-Infinity' END AS FLOAT)"
    return (
        f"CASE WHEN abs({text}) > {_LARGEST_FLOAT} AND NOT isnan({text}) THEN {infinite} ELSE CAST({text} AS FLOAT) END"
    )


def text_to_double(text: str) -> str:
    """
    Parse a text; NULL if it is no number.

    ``true`` is 1 and ``false`` is 0, in any case of letters; a suffix ``f`` or ``d`` is allowed, blanks are not.
    """
    digits = f"regexp_replace({text}, '[fFdD]$', '')"
    beyond = f"CASE WHEN {text}[1] = '-' THEN -{INFINITY} ELSE {INFINITY} END"
    hexadecimal = quote_text("a hexadecimal floating-point number in a text is not supported")
    return (
        f"CASE WHEN regexp_full_match({text}, '-0+') THEN CAST(0 AS DOUBLE) "
        f"WHEN regexp_full_match({text}, {_DECIMAL}) THEN coalesce(TRY_CAST({digits} AS DOUBLE), {beyond}) "
        f"WHEN regexp_full_match({text}, {_WORD}) THEN CAST(ltrim({text}, '+') AS DOUBLE) "
        f"WHEN regexp_full_match({text}, {_HEX}) THEN error({hexadecimal}) "
        f"WHEN lower({text}) = 'true' THEN CAST(1 AS DOUBLE) WHEN lower({text}) = 'false' THEN CAST(0 AS DOUBLE) END"
    )


def text_to_long(text: str) -> str:
    """Parse a text as a long, or as a double whose fraction is dropped; NULL if it is no number."""
    whole = f"TRY_CAST(CASE WHEN regexp_full_match({text}, {_LONG}) THEN {text} END AS BIGINT)"
    # The lambda binds the parsed number, because its SQL is long and is used several times.
    real = f"list_transform([{text_to_double(text)}], lambda __real: {double_to_long('__real')})[1]"
    return f"coalesce({whole}, {real})"


def real_to_text(text: str) -> str:
    """
    Format a float or a double: with an exponent below 0.001 and from 10,000,000 on.

    The digits are the shortest that give the same number, as Java writes them since JDK 19; older versions write one
    digit more for some numbers.
    """
    return (
        f"CASE WHEN abs({text}) >= 0.001 AND abs({text}) < 1e7 THEN CAST({text} AS VARCHAR) ELSE {_exponent(text)} END"
    )


def _exponent(text: str) -> str:
    written = f"CAST(abs({text}) AS VARCHAR)"
    # Digits of '123000000.0', '0.0009', '1.5e+20' and '1e-05' without signs, dots and zeros around them.
    mantissa = "regexp_replace(__written, 'e.*$', '')"
    digits = f"rtrim(ltrim(replace({mantissa}, '.', ''), '0'), '0')"
    shift = "CAST(coalesce(nullif(regexp_extract(__written, 'e(.*)$', 1), ''), '0') AS INTEGER)"
    whole = f"regexp_extract({mantissa}, '^[0-9]*')"
    zeros = f"length(regexp_extract({mantissa}, '^0[.](0*)', 1))"
    place = f"(CASE WHEN __written LIKE '0.%' THEN -1 - {zeros} ELSE length({whole}) - 1 END + {shift})"
    rest = f"coalesce(nullif({digits}[2:], ''), '0')"
    formatted = (
        "CASE __written WHEN '0.0' THEN __written WHEN 'inf' THEN 'Infinity' WHEN 'nan' THEN 'NaN' "
        "WHEN '5e-324' THEN '4.9E-324' "
        f"ELSE {digits}[1] || '.' || {rest} || 'E' || {place} END"
    )
    sign = f"CASE WHEN signbit({text}) AND NOT isnan({text}) THEN '-' ELSE '' END"
    return f"{sign} || list_transform([{written}], lambda __written: {formatted})[1]"
