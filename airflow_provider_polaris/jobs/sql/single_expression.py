# SPDX-License-Identifier: Apache-2.0
"""
Enclose a user's expression in brackets that it cannot escape (SQL injection); performs no I/O, changes no text.

The text is inserted unchanged, on separate lines and in brackets. That is safe if Druid's lexer ends every string, name
and comment of the text inside the text, and if its brackets are balanced. Therefore, this scanner follows the lexer of
Calcite, which Druid uses. sqlglot's lexer differs: in Calcite ``//`` starts a comment, ``/*+`` starts a hint whose
words are parsed, ``/**`` consumes one more character, block comments do not nest, a quoted name ends on its line, and a
backslash is an escape only in ``E'...'``.

Source: core/src/main/codegen/templates/Parser.jj of Apache Calcite 1.35 to 1.37 (lexical state DQID).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.parsing import why_no_expression
from airflow_provider_polaris.jobs.time.instant import quote

_TOKEN: Final = re.compile(
    r"""
      (?P<comment> --[^\n\r]* | /\*(?![*+])(?:(?!\*/|/\*).)*\*/ )
    | (?P<text> '[^']*(?:''[^']*)*' )
    | (?P<name> "(?:[^"\n\r]|"")+" )
    | (?P<opening> [(\[{] )
    | (?P<closing> [)\]}] )
    | (?P<stray> // | /\* | \*/ | ; | ' | " )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_STRAY: Final = {
    "//": ("'//' starts a comment in Druid SQL", "Write comments as '-- ...'."),
    "/*": (
        "'/*' starts a comment that is not closed, has another '/*' in it, or begins with '/**' or '/*+'",
        "Write comments as '-- ...'.",
    ),
    "*/": ("'*/' ends a comment that has no start", "Remove it."),
    ";": ("';' ends the statement", "Remove it."),
    "'": ("the string that starts with this quote is not closed", "Close it; write a quote inside a string twice."),
    '"': (
        "the name that begins with this double quote is empty or doesn't end on the same line",
        "Close it; write a double quote inside a name twice.",
    ),
}
#: Number of characters that a message quotes on each side of an error.
_CONTEXT: Final = 40


class Flaw(NamedTuple):
    """
    Why a text is not one expression.

    :param reason: The reason, as the end of a sentence.
    :param at: Index of the error in the text; None if unknown.
    :param fix: The fix, as a sentence.
    :param is_unfinished: The only flaw is that brackets are not closed.
    """

    reason: str
    at: int | None
    fix: str
    is_unfinished: bool = False


def find_flaw(text: str) -> Flaw | None:
    """
    Return why a text could escape its enclosing brackets; None if it cannot.

    :param text: An expression in Druid SQL. Its meaning is not checked.
    """
    opened: list[tuple[str, int]] = []
    for token in _TOKEN.finditer(text):
        sign, at = token.group(), token.start()
        if token.lastgroup == "opening":
            opened.append((sign, at))
        elif token.lastgroup == "closing":
            if not opened or _CLOSING[opened[-1][0]] != sign:
                return Flaw(f"{sign!r} closes no bracket of the expression", at, "Correct the brackets.")
            opened.pop()
        elif token.lastgroup == "text" and "\\" in sign and text[at - 1 : at] in ("E", "e"):
            return Flaw("the backslash in E'...' is an escape", at, "Write U&'...' for special characters.")
        elif token.lastgroup == "stray":
            reason, fix = _STRAY[sign]
            return Flaw(reason, at, fix)
    if opened:
        sign, at = opened[-1]
        return Flaw(f"{sign!r} is never closed", at, "Correct the brackets.", is_unfinished=True)
    return None


def check_confined(text: str, field: str) -> None:
    """
    Refuse a text that changes the meaning of the surrounding statement, which Polaris generates.

    Unclosed brackets are accepted: if no text closes a bracket that it did not open, the statement cannot be parsed,
    and Polaris returns an error.

    :param text: An expression in Druid SQL.
    :param field: Name of the argument, for the error message.
    :raises PolarisSpecError: The message gives the reason and the position.
    """
    flaw = find_flaw(text)
    if flaw is not None and not flaw.is_unfinished:
        raise _refusal(text, field, flaw)


def check_expression(text: str, field: str) -> None:
    """
    Refuse a text that is not one expression, as :func:`enclose` does.

    A text that is too long or nested too deeply to be parsed must pass only :func:`check_confined`.

    :param text: An expression in Druid SQL.
    :param field: Name of the argument, for the error message.
    :raises PolarisSpecError: The message gives the reason and the position.
    """
    flaw = _find_any_flaw(text)
    if flaw is not None:
        raise _refusal(text, field, flaw)


def enclose(text: str, field: str, *, in_line: bool = False) -> str:
    r"""
    Enclose a text in brackets, as one value or condition that is valid anywhere in SQL.

    The text is unchanged. It is on separate lines, because it may end in a comment.

    >>> print(enclose("\"city\" = 'Oslo' OR TRUE -- all", "filter_expression"))
    (
    "city" = 'Oslo' OR TRUE -- all
    )

    :param text: An expression in Druid SQL.
    :param field: Name of the argument, for the error message.
    :param in_line: Do not add line breaks if the text has no comment.
    :raises PolarisSpecError: The text is not one expression. The message gives the reason and the position.
    """
    check_expression(text, field)
    return f"({text})" if in_line and "--" not in text else f"(\n{text}\n)"


@lru_cache(maxsize=64)
def _find_any_flaw(text: str) -> Flaw | None:
    flaw = find_flaw(text)
    if flaw is not None:
        return flaw
    problem = why_no_expression(text)
    return None if problem is None else Flaw(*problem, "Write one value or condition.")


def _refusal(text: str, field: str, flaw: Flaw) -> PolarisSpecError:
    if flaw.at is None:
        return PolarisSpecError(f"{field} is not one SQL expression: {flaw.reason}: {quote(text)}. {flaw.fix}")
    line = text.count("\n", 0, flaw.at) + 1
    column = flaw.at - text.rfind("\n", 0, flaw.at)
    return PolarisSpecError(
        f"{field} is not one SQL expression: {flaw.reason}, at line {line}, column {column}, near "
        f"{_near(text, flaw.at)}. {flaw.fix}"
    )


def _near(text: str, at: int) -> str:
    start, end = max(0, at - _CONTEXT), at + _CONTEXT
    return f"{'…' if start else ''}{text[start:end]!r}{'…' if end < len(text) else ''}"
