# SPDX-License-Identifier: Apache-2.0
"""
Translate LIKE and regular expressions: Druid uses Java's, DuckDB uses RE2's.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#string-functions (REGEXP_*),
https://github.com/google/re2/wiki/Syntax. A construct that RE2 lacks, or interprets differently, raises an error.
"""

from __future__ import annotations

import re

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.values import java_text
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import Sql, boolean, quote_text, string

_TOKEN = re.compile(
    r"\\(?P<escape>.)|(?P<class>\[)|(?P<close>\])|(?P<group>\(\?[^)]{0,2})|(?P<possessive>[*+?}]\+)|.", re.DOTALL
)
_ESCAPES = frozenset("dDwWbBnrtfAz") | frozenset(r"\.[]{}()*+?^$|/-'\"&~#@!%,:;<>=_` ")
"""Characters that have the same meaning in both engines after a backslash. RE2's ``\\s`` lacks the vertical tab, see
below."""
_INLINE_FLAGS = re.compile(r"\(\?(:|[ims]+$|[ims]:)")
_REFERENCE = re.compile(r"\\(.)|\$(\d)?", re.DOTALL)


def like(call: Call) -> Sql:
    """
    ``text LIKE pattern [ESCAPE character]``; there is no default escape character.

    OBSERVED(Druid 33): the pattern is a literal, and an escape character at its end is dropped. The pattern ``%`` fits
    every text, whatever the escape character is.
    """
    if call.value(1).type == "null":
        return boolean("CAST(NULL AS BOOLEAN)")
    if call.value(1).type != "string":
        raise call.refuse("with a pattern that is no text")
    if len(call) > 2 and call.value(2).type == "null":
        raise call.refuse("with ESCAPE NULL")
    escape = call.constant_text(2) if len(call) > 2 else None
    written = call.constant_text(1)
    if written == "%":
        escape = None
    if escape is not None and len(escape) != 1:
        raise SqlInvalid("Function 'LIKE' needs one character after ESCAPE")
    pattern, is_escaped = "", False
    for character in written:
        if character == escape and not is_escaped:
            is_escaped = True
            continue
        pattern += rf"\{character}" if character == "\\" or (is_escaped and character in "%_") else character
        is_escaped = False
    text = call.text(0)
    if pattern[-1:] != "%" or pattern[-2:] == r"\%":
        # OBSERVED(Druid 33): Java's $ also matches before a line break at the end.
        text = call.without(text, java_text.ends_in_line_break(text), "for text that ends in a line break")
    return boolean(rf"({text} LIKE {quote_text(pattern)} ESCAPE '\')")


def regexp_like(call: Call) -> Sql:
    """``REGEXP_LIKE(text, pattern)``: whether the pattern is found anywhere."""
    return boolean(f"regexp_matches({_text(call)}, {_pattern(call)})")


def regexp_extract(call: Call) -> Sql:
    """``REGEXP_EXTRACT(text, pattern[, group])``: the first match or one of its groups; NULL if nothing matches."""
    text, pattern = _text(call), _pattern(call)
    group = call.constant_long(2) if len(call) > 2 else 0
    groups = re.compile(call.constant_text(1)).groups
    if not 0 <= group <= groups:
        raise call.refuse(f"with group {group} of a pattern that has {groups}")
    found = f"regexp_extract({text}, {pattern}, {group})"
    if group and re.search(r"\||\)[?*{]", call.constant_text(1)):
        # A group without a match is NULL in Java and '' in RE2.
        found = f"nullif({found}, '')"
    return string(f"CASE WHEN regexp_matches({text}, {pattern}) THEN {found} END")


def regexp_replace(call: Call) -> Sql:
    """``REGEXP_REPLACE(text, pattern, replacement)``: replaces every match; ``$1`` refers to a group."""
    replacement = ""
    position = 0
    if re.compile(_checked(call)).match(""):
        raise call.refuse(
            f"with the pattern {call.constant_text(1)!r}, which matches the empty text: RE2 finds it less often"
        )
    groups = re.compile(_checked(call)).groups
    text = call.constant_text(2)
    for match in _REFERENCE.finditer(text):
        replacement += text[position : match.start()]
        position = match.end()
        if match[1] is not None:
            replacement += match[1].replace("\\", r"\\")
        elif match[2] is not None and int(match[2]) <= groups and not text[position : position + 1].isdigit():
            replacement += f"\\{match[2]}"
        else:
            raise call.refuse(f"with the replacement {text!r}")
    replacement += text[position:]
    return string(f"regexp_replace({_text(call)}, {_pattern(call)}, {quote_text(replacement)}, 'g')")


def _text(call: Call) -> str:
    """
    Return the text, which fails for line breaks that the two engines treat differently.

    OBSERVED(Druid 33): ``$`` also matches before a line break at the end, and ``.`` matches none of Java's line breaks.
    """
    text, pattern = call.characters(0), call.constant_text(1)
    bare = re.sub(r"\\.|\[[^\]]*\]", "", pattern, flags=re.DOTALL)
    if "$" in bare:
        text = call.without(text, java_text.ends_in_line_break(text), "with $ for text that ends in a line break")
    if "." in bare:
        text = call.without(text, java_text.has_other_line_break(text), "with . for a line break other than a newline")
    return text


def _pattern(call: Call) -> str:
    return quote_text(_checked(call))


def _checked(call: Call) -> str:
    r"""Return the pattern if both engines interpret it in the same way; ``\s`` is expanded for RE2."""
    pattern = call.constant_text(1)
    result, depth = "", 0
    for match in _TOKEN.finditer(pattern):
        token = match[0]
        if match["escape"]:
            if match["escape"] in "sS":
                inside = r"\t\n\x0B\f\r "
                if depth and match["escape"] == "S":
                    raise _refuse(call, token)
                token = inside if depth else f"[{'^' if match['escape'] == 'S' else ''}{inside}]"
            elif match["escape"] not in _ESCAPES:
                raise _refuse(call, token)
        elif match["class"]:
            depth += 1
            if depth > 1:
                raise _refuse(call, "a class inside a class")
        elif match["close"]:
            depth = max(0, depth - 1)
        elif not depth and (match["possessive"] or (match["group"] and not _INLINE_FLAGS.match(token))):
            raise _refuse(call, repr(token))
        result += token
    if "&&" in pattern:
        raise _refuse(call, "'&&'")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, ValueError) as error:  # the latter two for repetition counts with very many digits
        raise call.refuse(f"with the pattern {pattern[:200]!r}: {error}") from None
    return result


def _refuse(call: Call, construct: str) -> Exception:
    return call.refuse(
        f"with {construct} in the pattern {call.constant_text(1)!r}: the emulator's engine is RE2, not Java's"
    )


def contains_string(call: Call) -> Sql:
    """``CONTAINS_STRING(text, find)``."""
    return boolean(f"contains({call.characters(0)}, {quote_text(call.constant_text(1))})")


def icontains_string(call: Call) -> Sql:
    """``ICONTAINS_STRING(text, find)``: ignores case, character by character."""
    find = quote_text(call.constant_text(1))
    return boolean(f"contains(lower(upper({call.characters(0)})), lower(upper({find})))")


FUNCTIONS: Table = {
    "CONTAINS_STRING": (contains_string, 2, 2),
    "ICONTAINS_STRING": (icontains_string, 2, 2),
    "REGEXP_LIKE": (regexp_like, 2, 2),
    "REGEXP_EXTRACT": (regexp_extract, 2, 3),
    "REGEXP_REPLACE": (regexp_replace, 3, 3),
}
