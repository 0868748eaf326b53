# SPDX-License-Identifier: Apache-2.0
"""
String functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#string-functions. The empty string is not NULL
(Druid's SQL-compatible mode, its only one since version 32). GUESS: characters are Unicode code points; Java counts
UTF-16 units, so the lengths of emoji differ.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions import letter_case
from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.values.values import Sql, boolean, long, quote_text, string

_LONGEST = 16_777_216
"""Maximum number of characters in a result of ``REPEAT``."""


def upper(call: Call) -> Sql:
    """``UPPER(text)``, with the full case mapping of Unicode as in Java. OBSERVED(Druid 33): ``ß`` becomes ``SS``."""
    return string(letter_case.upper(call.text(0)))


def lower(call: Call) -> Sql:
    """``LOWER(text)``, with the full case mapping of Unicode as in Java. OBSERVED(Druid 33): a final sigma is ``ς``."""
    return string(letter_case.lower(call.text(0)))


def length(call: Call) -> Sql:
    """``LENGTH(text)``, in characters."""
    return long(f"length({call.text(0)})")


def concat(call: Call) -> Sql:
    """``CONCAT(text, ...)`` and ``||``: NULL if any part is NULL."""
    return string("(" + " || ".join(call.text(index) for index in range(len(call))) + ")")


def substring(call: Call) -> Sql:
    """
    ``SUBSTRING(text, start[, length])``.

    GUESS from Druid's source: a start after the last character gives NULL; standard SQL gives an empty string.
    """
    text, start = call.text(0), call.long(1)
    constant = call.value(1).constant
    if isinstance(constant, int):
        if constant < 1:
            raise call.refuse(f"with a start of {constant}")
        checked = str(constant)
    else:
        message = quote_text(f"function '{call.name}' is not supported with a start below 1")
        checked = f"CASE WHEN {start} < 1 THEN error({message}) ELSE {start} END"
    count = ""
    if len(call) == 3:
        if not isinstance(call.value(2).constant, int):
            raise call.refuse("unless the length is a literal")
        count = f", {call.long(2)}"
    return string(f"CASE WHEN length({text}) >= {checked} THEN substring({text}, {checked}{count}) END")


def left(call: Call) -> Sql:
    """``LEFT(text, length)``."""
    return string(f"left({call.text(0)}, {_not_negative(call, 1)})")


def right(call: Call) -> Sql:
    """``RIGHT(text, length)``."""
    return string(f"right({call.text(0)}, {_not_negative(call, 1)})")


def trim(call: Call) -> Sql:
    """``BTRIM(text[, characters])``; blanks by default."""
    return _trim(call, "trim")


def ltrim(call: Call) -> Sql:
    """``LTRIM(text[, characters])``."""
    return _trim(call, "ltrim")


def rtrim(call: Call) -> Sql:
    """``RTRIM(text[, characters])``."""
    return _trim(call, "rtrim")


def replace(call: Call) -> Sql:
    """``REPLACE(text, find, replacement)``."""
    return string(f"replace({call.text(0)}, {call.text(1)}, {call.text(2)})")


def reverse(call: Call) -> Sql:
    """``REVERSE(text)``."""
    return string(f"reverse({call.text(0)})")


def repeat(call: Call) -> Sql:
    """
    ``REPEAT(text[, count])``, once by default; a result that would be too long is refused before it is made.

    OBSERVED(Druid 33): a count below 1 gives NULL.
    """
    text, count = call.text(0), call.long(1) if len(call) > 1 else "1"
    message = quote_text(f"function '{call.name}' is not supported with a result of more than {_LONGEST} characters")
    # The check is in the argument: DuckDB may evaluate a constant call even if a condition excludes it.
    return string(
        f"CASE WHEN {count} >= 1 THEN repeat({text}, CASE WHEN length({text}) > {_LONGEST} // greatest({count}, 1)"
        f" THEN error({message}) ELSE {count} END) END"
    )


def lpad(call: Call) -> Sql:
    """``LPAD(text, length[, characters])``; blanks by default."""
    return _pad(call, "lpad")


def rpad(call: Call) -> Sql:
    """``RPAD(text, length[, characters])``."""
    return _pad(call, "rpad")


def strpos(call: Call) -> Sql:
    """``STRPOS(text, find)``: counts from 1; 0 if it isn't found."""
    return long(f"strpos({call.text(0)}, {call.text(1)})")


def position(call: Call) -> Sql:
    """``POSITION(find IN text [FROM start])``: counts from 1; 0 if it isn't found."""
    find, text = call.text(0), call.text(1)
    if len(call) == 2:
        return long(f"strpos({text}, {find})")
    start = call.constant_long(2)
    if start < 1:
        raise call.refuse(f"with a start of {start}")
    found = f"strpos(substring({text}, {start}), {find})"
    return long(f"CASE WHEN {found} > 0 THEN {found} + {start - 1} ELSE {found} END")


def contains_string(call: Call) -> Sql:
    """``CONTAINS_STRING(text, find)``."""
    return boolean(f"contains({call.text(0)}, {quote_text(call.constant_text(1))})")


def icontains_string(call: Call) -> Sql:
    """``ICONTAINS_STRING(text, find)``: ignores case."""
    return boolean(f"contains(lower({call.text(0)}), lower({quote_text(call.constant_text(1))}))")


def like(call: Call) -> Sql:
    """``text LIKE pattern [ESCAPE character]``; there is no default escape character."""
    text, pattern = call.text(0), call.text(1)
    if len(call) == 2:
        return boolean(f"({text} LIKE {pattern})")
    escape = call.constant_text(2)
    if len(escape) != 1:
        raise call.refuse("unless ESCAPE is one character")
    return boolean(f"({text} LIKE {pattern} ESCAPE {quote_text(escape)})")


def _not_negative(call: Call, index: int) -> str:
    if index >= len(call):
        return "1"
    constant = call.value(index).constant
    if isinstance(constant, int) and constant < 0:
        raise call.refuse(f"with the number {constant}")
    number = call.long(index)
    if isinstance(constant, int):
        return number
    message = quote_text(f"function '{call.name}' is not supported with a negative number")
    return f"CASE WHEN {number} < 0 THEN error({message}) ELSE {number} END"


def _trim(call: Call, function: str) -> Sql:
    characters = call.text(1) if len(call) > 1 else "' '"
    return string(f"{function}({call.text(0)}, {characters})")


def _pad(call: Call, function: str) -> Sql:
    text = call.text(0)
    width = call.constant_long(1)
    if not 0 <= width <= 65_536:
        raise call.refuse(f"with a length of {width}")
    characters = call.constant_text(2) if len(call) > 2 else " "
    if not characters:
        raise call.refuse("with an empty padding")
    return string(f"{function}({text}, {width}, {quote_text(characters)})")


FUNCTIONS: Table = {
    "UPPER": (upper, 1, 1),
    "LOWER": (lower, 1, 1),
    "LENGTH": (length, 1, 1),
    "CHAR_LENGTH": (length, 1, 1),
    "CHARACTER_LENGTH": (length, 1, 1),
    "STRLEN": (length, 1, 1),
    "CONCAT": (concat, 1, 1000),
    "TEXTCAT": (concat, 2, 2),
    "SUBSTRING": (substring, 2, 3),
    "SUBSTR": (substring, 2, 3),
    "LEFT": (left, 2, 2),
    "RIGHT": (right, 2, 2),
    "BTRIM": (trim, 1, 2),
    "LTRIM": (ltrim, 1, 2),
    "RTRIM": (rtrim, 1, 2),
    "REPLACE": (replace, 3, 3),
    "REVERSE": (reverse, 1, 1),
    "REPEAT": (repeat, 1, 2),
    "LPAD": (lpad, 2, 3),
    "RPAD": (rpad, 2, 3),
    "STRPOS": (strpos, 2, 2),
    "POSITION": (position, 2, 3),
    "CONTAINS_STRING": (contains_string, 2, 2),
    "ICONTAINS_STRING": (icontains_string, 2, 2),
}
