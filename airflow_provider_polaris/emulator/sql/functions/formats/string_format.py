# SPDX-License-Identifier: Apache-2.0
"""
``STRING_FORMAT(format, value, ...)`` with Java's formats ``%s``, ``%d``, ``%x``, ``%X``, ``%f``, ``%n`` and ``%%``.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#string-functions. OBSERVED(Druid 33): NULL is the
text ``null``, cut to the precision; a boolean is 1 or 0, a time its milliseconds. For a format that doesn't fit its
value, Druid returns the format and the values; the emulator refuses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.functions.casts import cast, plain_text
from airflow_provider_polaris.emulator.sql.functions.formats.decimals import MOST_PLACES, fixed
from airflow_provider_polaris.emulator.sql.values.types import sql_name
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, SCALAR, TEMPORAL, Sql, long, quote_text, string

_SPECIFIER = re.compile(r"%(?:(\d{1,4})\$)?([-#+ 0,(<]*)(\d{1,4})?(?:\.(\d{1,4}))?(.?)", re.ASCII | re.DOTALL)
_FLAGS = {"s": "-", "d": "-0+, ", "x": "-0", "X": "-0", "f": "-0+, "}
"""The flags that are supported for each conversion."""
_DEFAULT_PLACES = 6


@dataclass(frozen=True)
class _Format:
    flags: str
    width: int
    places: int | None
    conversion: str


def string_format(call: Call) -> Sql:
    """``STRING_FORMAT(format[, value, ...])``; without values, the format itself is the result."""
    if call.value(0).type != "string":
        raise call.invalid()
    pattern = call.constant_text(0)
    if len(call) == 1:
        return string(quote_text(pattern))
    parts, position, ordinary = [], 0, 0
    unused = dict(enumerate(call.values()[1:], 1))
    for match in _SPECIFIER.finditer(pattern):
        parts.append(quote_text(pattern[position : match.start()]))
        position = match.end()
        if match[0] in ("%%", "%n"):
            parts.append(quote_text("%" if match[0] == "%%" else "\n"))
            continue
        if match[1] is None:
            ordinary += 1
        index = int(match[1]) if match[1] is not None else ordinary
        if not 1 <= index < len(call):
            raise _refuse(call, pattern)
        parts.append(_value(call, index, _parse(call, pattern, match)))
        unused.pop(index, None)
    if any("error(" in value.text for value in unused.values()):
        # Druid computes them, too.
        raise call.refuse("with a value that can fail and isn't used")
    parts.append(quote_text(pattern[position:]))
    return string(f"({' || '.join(part for part in parts if part != quote_text(''))})" if pattern else "''")


def _parse(call: Call, pattern: str, match: re.Match[str]) -> _Format:
    flags, width, conversion = match[2], int(match[3] or 0), match[5]
    is_wrong = (
        conversion not in _FLAGS
        or not set(flags) <= set(_FLAGS[conversion])
        or len(set(flags)) < len(flags)
        or ("-" in flags and "0" in flags)
        or ("+" in flags and " " in flags)
        or (not width and ("-" in flags or "0" in flags))
        or (match[4] is not None and (conversion != "f" or int(match[4]) > MOST_PLACES))
    )
    if is_wrong:
        raise _refuse(call, pattern)
    return _Format(flags, width, int(match[4]) if match[4] is not None else None, conversion)


def _value(call: Call, index: int, form: _Format) -> str:
    value = call.value(index)
    if value.type not in SCALAR:
        raise call.refuse(f"of {sql_name(value.type)}")
    if value.type == "boolean":
        value = long(f"CAST({value.text} AS BIGINT)")
    elif value.type in TEMPORAL:
        value = cast(value, "long")
    null = _padded(quote_text(("NULL" if form.conversion == "X" else "null")[: form.places]), form)
    if value.type == "null":
        return null
    if form.conversion == "s":
        shown = cast(value, "double") if value.type == "float" else value
        return _padded(f"coalesce({plain_text(shown)}, 'null')", form)
    wanted = ("double", "float") if form.conversion == "f" else ("long",)
    if value.type not in NUMERIC or value.type not in wanted:
        raise _refuse(call, call.constant_text(0))
    text = cast(value, "double").text if form.conversion == "f" else value.text
    sign, digits = _digits(text, form, call.name)
    if "0" in form.flags:
        digits = f"repeat('0', greatest({form.width} - length({sign}) - length({digits}), 0)) || {digits}"
    return f"CASE WHEN {text} IS NULL THEN {null} ELSE {_padded(f'({sign} || {digits})', form)} END"


def _digits(number: str, form: _Format, function: str) -> tuple[str, str]:
    """Return sign and digits of a number."""
    if form.conversion in "xX":
        digits = f"printf('%{form.conversion}', {number})"
        return "''", digits
    plus = "+" if "+" in form.flags else " " if " " in form.flags else ""
    if form.conversion == "d":
        digits = f"format('{{:,}}', {number})" if "," in form.flags else f"CAST({number} AS VARCHAR)"
        return f"CASE WHEN {number} < 0 THEN '-' ELSE '{plus}' END", f"ltrim({digits}, '-')"
    # The sign of -0.0 is written, too.
    sign = f"CASE WHEN starts_with(CAST({number} AS VARCHAR), '-') THEN '-' ELSE '{plus}' END"
    digits = fixed(number, _DEFAULT_PLACES if form.places is None else form.places, function)
    if "," in form.flags:
        whole = f"format('{{:,}}', CAST(split_part({digits}, '.', 1) AS BIGINT))"
        digits = f"({whole} || substring({digits}, length(split_part({digits}, '.', 1)) + 1))"
    return sign, f"({digits})"


def _padded(text: str, form: _Format) -> str:
    """Add blanks up to the width, which counts UTF-16 units, as Java does."""
    if not form.width:
        return text
    units = f"(length({text}) + length(regexp_replace({text}, '[\\x00-\\x{{FFFF}}]', '', 'g')))"
    blanks = f"repeat(' ', greatest({form.width} - {units}, 0))"
    return f"({text} || {blanks})" if "-" in form.flags else f"({blanks} || {text})"


def _refuse(call: Call, pattern: str) -> Exception:
    return call.refuse(f"with the format {pattern!r} and these values")


FUNCTIONS: Table = {
    "STRING_FORMAT": (string_format, 1, 1000),
}
