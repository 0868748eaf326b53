# SPDX-License-Identifier: Apache-2.0
"""
String functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#string-functions. The empty string is not NULL
(Druid's SQL-compatible mode, its only one since version 32). Lengths and places count UTF-16 units, as Java does.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions import letter_case
from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.functions.casts import plain_text
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant, is_never_null
from airflow_provider_polaris.emulator.sql.functions.optimizer.left_out_casts import reads_json_of_column
from airflow_provider_polaris.emulator.sql.values import java_text as java
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import (
    TEMPORAL,
    Sql,
    can_fail,
    failure,
    long,
    quote_text,
    string,
)

_LONGEST, _WIDEST = 16_777_216, 65_536
"""Maximum length of a result of ``REPEAT``, which is the largest place in other functions, and of ``LPAD``."""


def upper(call: Call) -> Sql:
    """``UPPER(text)``, with the full case mapping of Unicode as in Java. OBSERVED(Druid 33): ``ß`` becomes ``SS``."""
    return _null(call) or string(letter_case.upper(call.text(0)))


def lower(call: Call) -> Sql:
    """``LOWER(text)``, with the full case mapping of Unicode as in Java. OBSERVED(Druid 33): a final sigma is ``ς``."""
    return _null(call) or string(letter_case.lower(call.text(0)))


def length(call: Call) -> Sql:
    """``LENGTH(text)``, in UTF-16 units."""
    return long(java.length(call.text(0)))


def concat(call: Call) -> Sql:
    """``CONCAT(text, ...)`` and ``||``: NULL if any part is NULL."""
    if call.name == "CONCAT" and any(value.type in TEMPORAL | {"boolean"} for value in call.values()):
        # OBSERVED(Druid 33): it writes the milliseconds of a time, where || writes the time.
        raise call.refuse("for times and booleans: CAST them")
    texts = [call.text(index) for index in range(len(call))]
    if call.name == "CONCAT":
        texts = [plain_text(value) for value in call.values()]
    if any(map(can_fail, texts[1:])):
        # OBSERVED(Druid 33): it isn't computed after a NULL.
        raise call.refuse("with a part that can fail, such as a division of whole numbers, after another part")
    return string(f"({' || '.join(texts)})")


def textcat(call: Call) -> Sql:
    """``TEXTCAT(text, text)``: NULL if one of them is NULL."""
    return string(f"({call.characters(0)} || {call.characters(1)})")


def substring(call: Call) -> Sql:
    """
    ``SUBSTRING(text, start[, length])``.

    OBSERVED(Druid 33): a start below 1 fails, a start after the last unit gives NULL. A start of NULL is 1, and a
    length of NULL is 0, unless the WHERE clause has them NULL in all rows; then Druid fails.
    """
    if reads_json_of_column(call.nodes[0], call.source):
        # OBSERVED(Druid 33): it is the whole text there.
        raise call.refuse("of JSON_VALUE of a column, where Druid leaves it out: write LEFT, RIGHT or REGEXP_EXTRACT")
    text, start = java.in_units(call.characters(0), call.name), call.integer(1)
    constant = call.value(1).constant
    if not isinstance(constant, int) or not 1 <= constant <= _LONGEST:
        start = _at_least(call, start, 1, call.refuse("with a start below 1, for which Druid fails").message)
        start = call.without(start, f"{start} IS NULL AND {text} IS NOT NULL", "with a start of NULL")
    if is_constant(call.nodes[0]):
        # Druid's planner pads the result with blanks to the length of the literal.
        raise call.refuse("of a string literal")
    count = ""
    if len(call) == 3:
        length, literal = call.integer(2), call.value(2).constant
        if isinstance(literal, int) and not 1 <= literal <= _LONGEST:
            # Druid fails for a column and gives a value for another expression.
            raise call.refuse(f"with a length of {literal}")
        count = f", {length}" if isinstance(literal, int) else f", {_computed_length(call, text, length)}"
    return string(f"CASE WHEN length({text}) >= {start} THEN substring({text}, {start}{count}) END")


def _computed_length(call: Call, text: str, length: str) -> str:
    """Return a length that is no literal. OBSERVED(Druid 33): below 0 it is the rest of the text."""
    some = call.without(length, f"{length} IS NULL AND {text} IS NOT NULL", "with a length of NULL")
    return f"CASE WHEN {length} < 0 THEN length({text}) ELSE {_in_range(call, some)} END"


def left(call: Call) -> Sql:
    """``LEFT(text, length)``."""
    return string(f"left({java.in_units(call.characters(0), call.name)}, {_not_negative(call, 1)})")


def right(call: Call) -> Sql:
    """``RIGHT(text, length)``."""
    return string(f"right({java.in_units(call.characters(0), call.name)}, {_not_negative(call, 1)})")


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
    """
    ``REPLACE(text, find, replacement)``.

    OBSERVED(Druid 33): an empty text to find is found before each unit and at the end; a replacement of NULL fails.
    """
    text, find, replacement = call.text(0), call.text(1), call.text(2)
    if "null" in (call.value(1).type, call.value(2).type):
        # Druid fails, unless another function doesn't need the result.
        raise call.refuse("with NULL as text to find or as replacement")
    sql = f"replace({text}, {find}, {replacement})"
    if not call.value(1).constant:
        escaped = rf"replace({replacement}, '\', '\\')"
        between = f"regexp_replace({java.in_units(text, call.name)}, '', {escaped}, 'g')"
        sql = f"CASE WHEN {find} = '' THEN {between} ELSE {sql} END"
    if call.value(1).constant is None or call.value(2).constant is None:
        message = quote_text(call.refuse("with NULL as text to find or as replacement, for which Druid fails").message)
        missing = f"({find} IS NULL OR {replacement} IS NULL)"
        sql = f"CASE WHEN {text} IS NOT NULL AND {missing} THEN {failure(message)} ELSE {sql} END"
    return string(sql)


def reverse(call: Call) -> Sql:
    """``REVERSE(text)``."""
    return string(java.reverse(call.characters(0)))


def repeat(call: Call) -> Sql:
    """
    ``REPEAT(text, count)``; a result that would be too long is refused before it is made.

    OBSERVED(Druid 33): a count below 1 gives NULL.
    """
    text, count = call.characters(0), call.integer(1)
    times = call.value(1).constant
    if isinstance(times, int) and times < 1 and _is_text(call.nodes[0]):
        raise _null_literal(call)
    # The check is in the argument: DuckDB may evaluate a constant call even if a condition excludes it.
    is_long = f"length({text}) > {_LONGEST} // greatest({count}, 1)"
    some = call.without(count, is_long, f"with a result of more than {_LONGEST} characters")
    is_some = f"{_in_range(call, count, most=2**31 - 1)} >= 1"
    return string(f"CASE WHEN {is_some} THEN repeat({text}, {some}) ELSE nullif({text}, {text}) END")


def strpos(call: Call) -> Sql:
    """``STRPOS(text, find)``: counts UTF-16 units from 1; 0 if it isn't found."""
    return long(java.find(call.characters(0), call.characters(1)))


def position(call: Call) -> Sql:
    """``POSITION(find IN text [FROM start])``: counts UTF-16 units from 1; 0 if it isn't found."""
    find, text = call.text(0), call.text(1)
    if "null" in (call.value(0).type, call.value(1).type):
        raise call.refuse("of the literal NULL")
    if len(call) == 2:
        return long(java.find(text, find))
    if call.value(2).type == "null":
        raise call.refuse("with a start of NULL")
    start = f"greatest({_in_range(call, call.integer(2))}, 1)"
    found = f"strpos(substring({java.in_units(text, call.name)}, {start}), {find})"
    return long(
        f"CASE WHEN {text} IS NULL THEN NULL WHEN {find} = '' THEN least({start}, {java.length(text)} + 1) "
        f"WHEN {found} > 0 THEN {found} + {start} - 1 ELSE {found} END"
    )


def _null(call: Call) -> Sql | None:
    """Return NULL for the literal NULL, with which other functions fail; None for other values. OBSERVED(Druid 33)."""
    return Sql("CAST(NULL AS VARCHAR)", "string", subtype="NULL") if call.value(0).type == "null" else None


def _is_text(node: exp.Expression) -> bool:
    """Whether a node is a literal text, or computed from literals, and can't be NULL."""
    return is_constant(node) and is_never_null(node)


def _null_literal(call: Call) -> SqlNotSupported:
    """Build the exception for literals that give NULL: Druid's planner fails, unless it doesn't need the value."""
    return call.refuse("of literals that give NULL")


def _at_least(call: Call, number: str, least: int, message: str) -> str:
    """Fail for a number that is too small. OBSERVED(Druid 33): unless the text is NULL."""
    condition = f"{number} < {least} AND {call.characters(0)} IS NOT NULL"
    return _in_range(call, number, f"WHEN {condition} THEN {failure(quote_text(message))}")


def _in_range(call: Call, number: str, branch: str = "", most: int = _LONGEST) -> str:
    """Refuse a number of which Druid reads the last 32 bits only."""
    message = quote_text(call.refuse(f"with a number beyond {most}").message)
    return f"CASE WHEN abs(CAST({number} AS DOUBLE)) > {most} THEN error({message}) {branch} ELSE {number} END"


def _not_negative(call: Call, index: int) -> str:
    number, constant = call.integer(index), call.value(index).constant
    message = call.refuse("with a number below 0, for which Druid fails").message
    if isinstance(constant, int) and 0 <= constant <= _LONGEST:
        return number
    if isinstance(constant, int) and constant < 0 and _is_text(call.nodes[0]):
        raise call.refuse(f"of literals with the number {constant}")
    return _at_least(call, number, 0, message)


def _trim(call: Call, function: str) -> Sql:
    # OBSERVED(Druid 33): TRIM converts a number to text, BTRIM, LTRIM and RTRIM don't.
    text = call.text if call.name == "TRIM" else call.characters
    if call.name == "TRIM" and (null := _null(call)) is not None:
        return null
    if len(call) > 1 and call.value(1).type == "null":
        raise call.refuse("with the literal NULL as characters")
    # OBSERVED(Druid 33): characters that are NULL in a row remove nothing.
    characters = f"coalesce({text(1)}, '')" if len(call) > 1 else "' '"
    return string(f"{function}({text(0)}, {characters})")


def pad(call: Call) -> Sql:
    """
    ``LPAD(text, length[, characters])`` or RPAD; blanks by default.

    OBSERVED(Druid 33): a length of 0 gives NULL; with nothing to pad with, the text is only shortened.
    """
    if len(call) > 2 and call.value(2).type == "null":
        raise call.refuse("with the literal NULL as characters")
    text, width = java.in_units(call.characters(0), call.name), call.integer(1)
    message = f"function '{call.name}' is not supported with a length below 0 or of more than {_WIDEST}"
    constant = call.value(1).constant
    if constant == 0 and _is_text(call.nodes[0]):
        raise _null_literal(call)
    if isinstance(constant, int) and not 0 <= constant <= _WIDEST:
        raise call.refuse(f"with a length of {constant}")
    if not isinstance(constant, int):
        width = f"CASE WHEN {width} NOT BETWEEN 0 AND {_WIDEST} THEN {failure(quote_text(message))} ELSE {width} END"
    characters = java.in_units(call.characters(2), call.name) if len(call) > 2 else "' '"
    padded = f"{call.name.lower()}({text}, CAST({width} AS INTEGER), {characters})"
    if len(call) > 2 and not call.value(2).constant:
        # The padding is replaced where it is empty, because DuckDB fails for it even in a branch that isn't taken.
        some = f"coalesce(nullif({characters}, ''), ' ')"
        padded = (
            f"CASE WHEN {characters} = '' THEN left({text}, {width}) WHEN {characters} IS NOT NULL "
            f"THEN {call.name.lower()}({text}, CAST({width} AS INTEGER), {some}) END"
        )
    every = [call.characters(index) for index in range(len(call)) if index != 1]
    is_some = f"{width} > 0" if len(call) == 2 else f"{width} > 0 AND {characters} IS NOT NULL"
    return string(f"CASE WHEN {is_some} THEN {padded} ELSE {java.nothing(*every)} END")


FUNCTIONS: Table = {
    "UPPER": (upper, 1, 1),
    "LOWER": (lower, 1, 1),
    **dict.fromkeys(("LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "STRLEN"), (length, 1, 1)),
    "CONCAT": (concat, 1, 1000),
    "TEXTCAT": (textcat, 2, 2),
    **dict.fromkeys(("SUBSTRING", "SUBSTR"), (substring, 2, 3)),
    "LEFT": (left, 2, 2),
    "RIGHT": (right, 2, 2),
    "BTRIM": (trim, 1, 2),
    "LTRIM": (ltrim, 1, 2),
    "RTRIM": (rtrim, 1, 2),
    "REPLACE": (replace, 3, 3),
    "REVERSE": (reverse, 1, 1),
    "REPEAT": (repeat, 2, 2),
    **dict.fromkeys(("LPAD", "RPAD"), (pad, 2, 3)),
    "STRPOS": (strpos, 2, 2),
    "POSITION": (position, 2, 3),
}
