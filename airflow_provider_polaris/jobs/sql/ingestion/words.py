# SPDX-License-Identifier: Apache-2.0
"""
Split a SQL statement into words as Calcite's lexer does, which Druid uses; performs no I/O.

:func:`~airflow_provider_polaris.jobs.sql.single_expression.find_flaw` refuses texts in which another lexer could see
other words, so the statement has to pass it, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from airflow_provider_polaris.jobs.errors import PolarisSpecError

_WORD: Final = re.compile(
    r"""
      (?P<skip>    \s+ | --[^\n\r]* | /\*.*?\*/ )
    | (?P<unicode> [Uu]&(?=["']) )
    | (?P<text>    '[^']*(?:''[^']*)*' )
    | (?P<name>    "(?:[^"\n\r]|"")+" )
    | (?P<number>  \d+(?![\w.]) )
    | (?P<word>    [^\W\d]\w*(?![\w$]) )
    | (?P<sign>    <= | >= | <> | != | \|\| | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BRACKETS: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


@dataclass(frozen=True, slots=True)
class Word:
    """
    A word of a statement.

    :param kind: ``word`` (a keyword or an unquoted name), ``name`` (in double quotes), ``text``, ``number``, ``sign``,
        or ``unicode`` for the prefix of a name or text with escapes.
    :param text: As written.
    :param start: Index of its first character in the statement.
    :param end: Index after its last character.
    :param depth: Number of open brackets around it; a bracket itself is outside of its pair.
    """

    kind: str
    text: str
    start: int
    end: int
    depth: int

    def is_keyword(self, *words: str) -> bool:
        """Whether it is one of these keywords, which are in upper case, in any case."""
        return self.kind == "word" and self.text.upper() in words

    @property
    def value(self) -> str:
        """The content of a name or text without its quotes; any other word as written."""
        if self.kind in ("name", "text"):
            quote = self.text[0]
            return self.text[1:-1].replace(quote * 2, quote)
        return self.text


def split_words(statement: str) -> list[Word]:
    """
    Return the words of a statement, without comments and white space.

    >>> [word.value for word in split_words('INSERT INTO "a""b" -- now')]
    ['INSERT', 'INTO', 'a"b']
    """
    words: list[Word] = []
    depth = 0
    for found in _WORD.finditer(statement):
        kind, text = str(found.lastgroup), found.group()
        if kind == "skip":
            continue
        change = _BRACKETS.get(text, 0) if kind == "sign" else 0
        words.append(Word(kind, text, found.start(), found.end(), depth + min(change, 0)))
        depth += change
    return words


def refuse(statement: str, at: int | None, reason: str, fix: str) -> NoReturn:
    """
    Raise the error for a statement that can't be read for sure.

    :param statement: The statement.
    :param at: Index of the first word that is wrong; None for the statement as a whole.
    :param reason: The reason, as the end of a sentence that begins with ``sql``.
    :param fix: The fix, as a sentence.
    :raises PolarisSpecError: Always.
    """
    place = ""
    if at is not None:
        line = statement.count("\n", 0, at) + 1
        place = f" (line {line}, column {at - statement.rfind(chr(10), 0, at)})"
    raise PolarisSpecError(f"sql{place} {reason}. {fix}")
