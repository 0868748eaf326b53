# SPDX-License-Identifier: Apache-2.0
"""
Build SQL that handles text as Java does: in UTF-16 units, where DuckDB has characters.

OBSERVED(Druid 33) for all of it. A character beyond U+FFFF, such as an emoji, has two units.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.values.values import quote_text

_LAST = chr(0x10FFFF)
_BEYOND = r"[\x{10000}-\x{10FFFF}]"


def is_ascii(text: str) -> str:
    """Build the fast check for a text without other characters than ASCII's."""
    return f"strlen({text}) = length({text})"


def length(text: str) -> str:
    """Count the units of a text."""
    beyond = f"length(regexp_replace({text}, '[^{_BEYOND[1:]}+', '', 'g'))"
    return f"(CASE WHEN {is_ascii(text)} THEN length({text}) ELSE length({text}) + {beyond} END)"


def find(text: str, part: str) -> str:
    """Return the place of a part in a text, counted from 1; 0 if it isn't there."""
    place = f"strpos({text}, {part})"
    before = length(f"left({text}, {place} - 1)")
    return f"CASE WHEN {is_ascii(text)} OR {place} = 0 THEN {place} ELSE {before} + 1 END"


def nothing(*texts: str) -> str:
    """Return NULL, but compute the texts: Java computes the arguments of a function first, and one of them may fail."""
    return f"CASE WHEN len([{', '.join(texts)}]) = 0 THEN '' END"


def reverse(text: str) -> str:
    """Reverse a text by characters; DuckDB keeps a letter and its accents together."""
    characters = f"array_to_string(list_reverse(regexp_extract_all({text}, '(?s).')), '')"
    return f"CASE WHEN {is_ascii(text)} THEN reverse({text}) ELSE {characters} END"


def in_units(text: str, function: str) -> str:
    """Refuse a text that has characters of two units, of which Druid would cut one into halves."""
    message = quote_text(f"function '{function}' is not supported for text with characters beyond U+FFFF")
    return (
        f"CASE WHEN strlen({text}) > length({text}) AND regexp_matches({text}, '{_BEYOND}') THEN error({message}) "
        f"ELSE {text} END"
    )


def first_bytes(text: str, limit: int, function: str) -> str:
    """Cut a text after its first bytes in UTF-8; a text that isn't ASCII is refused if it is longer."""
    message = quote_text(f"function '{function}' is not supported for text of more than {limit} bytes beyond ASCII")
    return (
        f"CASE WHEN strlen({text}) <= {limit} THEN {text} WHEN {is_ascii(text)} THEN left({text}, {limit}) "
        f"WHEN {text} IS NOT NULL THEN error({message}) END"
    )


def order(text: str) -> str:
    """Build a text whose order by code points is the order of ``text`` by UTF-16 units."""
    # U+10FFFF is no character; put before U+E000 to U+FFFF, it moves them behind all others.
    return rf"regexp_replace({text}, '([\x{{E000}}-\x{{FFFF}}])', '{_LAST}\1', 'g')"


def unordered(text: str) -> str:
    """Build the text from which :func:`order` made this one."""
    return f"replace({text}, '{_LAST}', '')"


def ends_in_line_break(text: str) -> str:
    """Build the condition that a text ends in one of Java's line terminators; NULL for NULL."""
    return rf"regexp_matches({text}, '[\n\r\x{{85}}\x{{2028}}\x{{2029}}]\z')"


def has_other_line_break(text: str) -> str:
    """Build the condition that a text has one of Java's line terminators that is no newline; NULL for NULL."""
    return rf"regexp_matches({text}, '[\r\x{{85}}\x{{2028}}\x{{2029}}]')"
