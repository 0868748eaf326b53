# SPDX-License-Identifier: Apache-2.0
"""
Split an ``INSERT INTO`` or ``REPLACE INTO`` into its clauses; performs no I/O.

sqlglot reads no ``OVERWRITE`` and no ``PARTITIONED BY``, so the clauses are found by their keywords outside of
brackets.

Source: druid.apache.org/docs/latest/multi-stage-query/reference. OBSERVED(Druid 27): each refusal below that names
Druid's rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airflow_provider_polaris.jobs.sql.ingestion.words import Word, refuse, split_words
from airflow_provider_polaris.jobs.sql.parsing import LONGEST_EXPRESSION
from airflow_provider_polaris.jobs.sql.reserved_words import RESERVED
from airflow_provider_polaris.jobs.sql.single_expression import find_flaw
from airflow_provider_polaris.jobs.time.instant import quote

_SCHEMA: Final = "druid"
_SET_OPERATORS: Final = ("UNION", "EXCEPT", "INTERSECT", "MINUS")
_FORM: Final = "Write INSERT INTO or REPLACE INTO, the table, a SELECT and PARTITIONED BY."


@dataclass(frozen=True)
class Frame:
    """
    The clauses of a statement, as words.

    :param statement: The statement without the semicolon at its end.
    :param target: Name of the target table.
    :param replaces: Whether it is a ``REPLACE INTO``.
    :param overwrite: The condition after ``OVERWRITE WHERE``; None for ``INSERT`` and ``OVERWRITE ALL``.
    :param select: The query, without brackets around all of it.
    :param partitioned_by: What follows ``PARTITIONED BY``.
    :param clustered_by: What follows ``CLUSTERED BY``; empty without it.
    """

    statement: str
    target: str
    replaces: bool
    overwrite: tuple[Word, ...] | None
    select: tuple[Word, ...]
    partitioned_by: tuple[Word, ...]
    clustered_by: tuple[Word, ...]

    @property
    def select_text(self) -> str:
        """The query as text, with its comments."""
        return self.statement[self.select[0].start : self.select[-1].end]


def split_statement(query: str) -> Frame:
    """
    Split a statement into its clauses.

    :param query: One statement; a semicolon at its end is removed, because Druid refuses it.
    :raises PolarisSpecError: It is no such statement, or can't be read for sure. The message gives position, reason and
        fix.
    """
    statement, words = _one_statement(query)
    reader = _Reader(statement, words)
    verb = reader.take("INSERT", "REPLACE", fix=_FORM)
    replaces = verb.text.upper() == "REPLACE"
    reader.take("INTO", fix=_FORM)
    target = _target(reader)
    overwrite = _overwrite(reader, replaces)
    select = _select(reader)
    reader.take("PARTITIONED", fix=_FORM)
    reader.take("BY", fix=_FORM)
    partitioned_by = reader.until("CLUSTERED")
    clustered_by: Sequence[Word] = ()
    if reader.words:
        reader.take("CLUSTERED", fix=_FORM)
        reader.take("BY", fix=_FORM)
        clustered_by = reader.until()
    return Frame(
        statement,
        target,
        replaces,
        overwrite,
        _unwrapped(statement, select),
        tuple(partitioned_by),
        tuple(clustered_by),
    )


class _Reader:
    def __init__(self, statement: str, words: Sequence[Word]) -> None:
        self.statement = statement
        self.words = list(words)

    @property
    def position(self) -> int:
        return self.words[0].start if self.words else len(self.statement)

    def next_is(self, *keywords: str) -> bool:
        return bool(self.words) and self.words[0].is_keyword(*keywords)

    def take(self, *keywords: str, fix: str) -> Word:
        if not self.next_is(*keywords):
            found = quote(self.words[0].text) if self.words else "its end"
            refuse(self.statement, self.position, f"has {found} where {' or '.join(keywords)} is expected", fix)
        return self.words.pop(0)

    def until(self, *keywords: str) -> list[Word]:
        """Take all words in front of the first of these keywords outside of brackets."""
        length = 0
        for word in self.words:
            if word.depth == 0 and word.is_keyword(*keywords):
                break
            length += 1
        taken, self.words = self.words[:length], self.words[length:]
        return taken


def _one_statement(query: str) -> tuple[str, list[Word]]:
    words = split_words(query)
    end = len(query)
    while words and words[-1].text == ";":
        end = words.pop().start
    statement = query[:end].rstrip()
    if not words:
        refuse(query, None, "is blank", _FORM)
    if len(statement) > LONGEST_EXPRESSION:
        refuse(query, None, f"has {len(statement):,} characters", f"Write at most {LONGEST_EXPRESSION:,}.")
    if words[0].is_keyword("SET"):
        refuse(statement, words[0].start, "begins with SET", "Set query context parameters with the argument context.")
    if words[0].is_keyword("EXPLAIN"):
        refuse(statement, words[0].start, "begins with EXPLAIN, which writes no rows", "Remove EXPLAIN PLAN FOR.")
    second = next((word for word in words if word.text == ";"), None)
    if second is not None:
        refuse(statement, second.start, "has more than one statement", "Run a task for each statement.")
    flaw = find_flaw(statement)
    if flaw is not None:
        refuse(statement, flaw.at, f"can't be read: {flaw.reason}", flaw.fix)
    return statement, words


def _target(reader: _Reader) -> str:
    if reader.next_is("EXTERN"):
        refuse(
            reader.statement,
            reader.position,
            "exports to EXTERN instead of a table",
            "Submit an export with PolarisJobOperator.",
        )
    parts = [_identifier(reader)]
    while reader.words and reader.words[0].text == ".":
        reader.words.pop(0)
        parts.append(_identifier(reader))
    if len(parts) > 1 and parts[:-1] != [_SCHEMA]:
        refuse(
            reader.statement,
            None,
            f"writes to {quote('.'.join(parts))}, which is no table of the schema {_SCHEMA!r}",
            "Write the name of the table alone, in double quotes.",
        )
    if (
        len(reader.words) > 1
        and reader.words[0].text == "("
        and reader.words[1].text != "("
        and not reader.words[1].is_keyword("SELECT", "WITH", "VALUES", "TABLE")
    ):
        refuse(
            reader.statement,
            reader.position,
            "has a list of columns after the table, which Druid refuses",
            "Name the columns in the SELECT with AS.",
        )
    return parts[-1]


def _identifier(reader: _Reader) -> str:
    word = reader.words[0] if reader.words else None
    is_name = word is not None and word.kind == "name"
    is_bare = word is not None and word.kind == "word" and word.text.upper() not in RESERVED
    if word is None or not (is_name or is_bare):
        found = quote(word.text) if word is not None else "its end"
        reason = f"has {found} where the name of a table is expected"
        refuse(reader.statement, reader.position, reason, "Write it in double quotes.")
    reader.words.pop(0)
    return word.value


def _overwrite(reader: _Reader, replaces: bool) -> tuple[Word, ...] | None:
    if not replaces:
        if reader.next_is("OVERWRITE"):
            refuse(reader.statement, reader.position, "has OVERWRITE in an INSERT", "Write REPLACE INTO to overwrite.")
        return None
    fix = "Write REPLACE INTO table OVERWRITE WHERE with the interval to replace, or OVERWRITE ALL."
    reader.take("OVERWRITE", fix=fix)
    if reader.take("ALL", "WHERE", fix=fix).text.upper() == "ALL":
        return None
    return tuple(reader.until("SELECT", "WITH", "VALUES", "TABLE", "PARTITIONED", "CLUSTERED"))


def _select(reader: _Reader) -> list[Word]:
    start = reader.position
    select = reader.until("PARTITIONED", "CLUSTERED")
    if not select or not (select[0].text == "(" or select[0].is_keyword("SELECT", "WITH")):
        found = quote(select[0].text) if select else quote(reader.words[0].text) if reader.words else "its end"
        refuse(reader.statement, start, f"has {found} where SELECT is expected", _FORM)
    if reader.next_is("CLUSTERED"):
        refuse(
            reader.statement,
            reader.position,
            "has CLUSTERED BY in front of PARTITIONED BY",
            "Write PARTITIONED BY first.",
        )
    if not reader.words:
        refuse(
            reader.statement, None, "has no PARTITIONED BY", "Add it after the SELECT, for example PARTITIONED BY DAY."
        )
    return select


def _unwrapped(statement: str, select: Sequence[Word]) -> tuple[Word, ...]:
    """Remove brackets around the whole query, and refuse what Druid refuses, or runs as several tasks, at its top."""
    words = list(select)
    while words[0].text == "(":
        level = words[0].depth
        closing = next(index for index, word in enumerate(words[1:], 1) if word.depth == level)
        if closing < len(words) - 1:
            break
        words = words[1:-1]
        if not words:
            refuse(statement, select[0].start, "has no SELECT in its brackets", _FORM)
    level = words[0].depth
    for word in words:
        if word.depth > level:
            continue
        if word.is_keyword("UNION"):
            refuse(
                statement,
                word.start,
                "has a UNION at its top level, of which Druid may run only the first part, or several tasks",
                "Write SELECT * FROM (... UNION ALL ...), or run a task for each part.",
            )
        if word.is_keyword(*_SET_OPERATORS):
            refuse(statement, word.start, f"has {word.text.upper()} at its top level", "Write it in a subquery.")
        if word.is_keyword("ORDER"):
            refuse(
                statement,
                word.start,
                "has ORDER BY at its top level, which Druid refuses",
                "Write CLUSTERED BY after PARTITIONED BY instead.",
            )
    if not words[0].is_keyword("SELECT", "WITH"):
        refuse(statement, words[0].start, f"has {quote(words[0].text)} where SELECT is expected", _FORM)
    return tuple(words)
