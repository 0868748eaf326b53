# SPDX-License-Identifier: Apache-2.0
"""Validate table names; performs no I/O."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import quote

_LONGEST_NAME: Final = 255

#: Pictographs, their joiners and variation selectors. Letters, digits and symbols such as © alone are not emoji.
_EMOJI: Final = re.compile(
    "[\u200d\u20e3\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)

#: Invisible characters outside of the category Cf (format): all that Unicode calls "default ignorable".
#: The Hangul fillers are letters, but they appear as blanks or not at all.
#: Source: unicode.org/Public/15.1.0/ucd/DerivedCoreProperties.txt (Default_Ignorable_Code_Point).
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0d\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def check_table_name(name: object, field: str) -> None:
    """
    Refuse a name that Polaris refuses, and a name with invisible characters.

    Source: docs.imply.io/polaris/tables ("table name"), except for invisible characters, which Polaris may accept.

    :param name: The rendered name.
    :param field: Name of the argument, for the error message.
    :raises PolarisSpecError: The message gives the field, its value, the rule and the fix.
    """
    if not isinstance(name, str):
        raise PolarisSpecError(
            f"{field} {quote(name)} is a {type(name).__name__}, not text. Write the table's name in quotes."
        )
    problem = _problem_of(name)
    if problem:
        rule, fix = problem
        raise PolarisSpecError(f"{field} {quote(name)} {rule}. {fix}")


def _problem_of(name: str) -> tuple[str, str] | None:
    if not name:
        return "is empty: a job needs the name of a table", "Write the table's name."
    if len(name) > _LONGEST_NAME:
        return f"has {len(name)} characters; Polaris takes at most {_LONGEST_NAME}", "Choose a shorter name."
    if name != name.strip():
        return "begins or ends with white space, which Polaris refuses", f"Write {quote(name.strip())}."
    if name.startswith("."):
        return "begins with a dot, which Polaris refuses", f"Write {quote(name.lstrip('.'))}, or begin with a letter."
    if "/" in name:
        return "contains '/', which Polaris refuses", f"Write {quote(name.replace('/', '_'))}, for example."
    for character in name:
        if unicodedata.category(character) == "Cf" or _INVISIBLE.match(character):
            called = unicodedata.name(character, "no name")
            return (
                f"contains U+{ord(character):04X} ({called}), which is invisible and makes the name look like another",
                "Remove it.",
            )
        kind = _forbidden_kind(character)
        if kind:
            return f"contains {kind} {character!a}, which Polaris refuses", "Remove it."
    return None


def _forbidden_kind(character: str) -> str | None:
    category = unicodedata.category(character)
    if category == "Cc":
        return "the control character"
    if category == "Cs":
        return "the surrogate"
    if character.isspace() and character != " ":
        return "white space other than a blank,"
    if _EMOJI.match(character):
        return "the emoji"
    return None
