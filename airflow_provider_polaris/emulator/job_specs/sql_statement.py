# SPDX-License-Identifier: Apache-2.0
"""
Split an ingestion statement into its clauses, and read what it overwrites. Performs no I/O.

DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference. OBSERVED(Druid 27) for every refusal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import LITERAL, PolarisSql, parse_one
from airflow_provider_polaris.emulator.wire.intervals import Interval

_MILLISECOND: Final = timedelta(milliseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=timezone.utc)
_LAST: Final = datetime.max.replace(tzinfo=timezone.utc)
_TIMESTAMP: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?: (\d\d?):(\d\d?):(\d\d?)(?:\.(\d{1,3}))?)?", re.ASCII)
_PERIODS: Final = {
    "PT1S": "second",
    "PT1M": "minute",
    "PT5M": "five_minute",
    "PT10M": "ten_minute",
    "PT15M": "fifteen_minute",
    "PT30M": "thirty_minute",
    "PT1H": "hour",
    "PT6H": "six_hour",
    "PT8H": "eight_hour",
    "P1D": "day",
    "P1W": "week",
    "P1M": "month",
    "P3M": "quarter",
    "P1Y": "year",
}
_UNITS: Final = ("SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")

#: Half-open ranges, in order and disjoint.
_Ranges = list[tuple[datetime, datetime]]


@dataclass(frozen=True)
class SqlStatement:
    """
    An ingestion statement.

    :param verb: ``INSERT`` or ``REPLACE``.
    :param table: Name of the target.
    :param intervals: What ``OVERWRITE WHERE`` names; empty for ``INSERT`` and ``OVERWRITE ALL``.
    :param replace_all: Whether it is ``OVERWRITE ALL``.
    :param select: Text of the query.
    :param partitioned_by: Partitioning granularity.
    :param clustered_by: Columns of ``CLUSTERED BY``: their names, or their numbers.
    """

    verb: str
    table: str
    intervals: tuple[Interval, ...]
    replace_all: bool
    select: str
    partitioned_by: str
    clustered_by: tuple[str | int, ...]


def split_statement(text: str) -> SqlStatement:
    """
    Split a statement.

    :raises SqlInvalid: Druid refuses it.
    :raises SqlNotSupported: The emulator doesn't support it.
    """
    try:
        tokens = PolarisSql().tokenize(text)
    except (SqlglotError, RecursionError):
        raise SqlInvalid("The statement can't be split into words") from None
    statement = _Statement(text, tokens)
    verb = statement.take("INSERT", "REPLACE")
    statement.take("INTO")
    table = statement.table()
    intervals: tuple[Interval, ...] = ()
    replace_all = False
    if verb == "REPLACE":
        if not statement.next_is("OVERWRITE"):
            raise SqlInvalid(
                "Missing time chunk information in OVERWRITE clause for REPLACE. Use OVERWRITE WHERE <__time based "
                "condition> or OVERWRITE ALL to overwrite the entire table."
            )
        statement.take("OVERWRITE")
        replace_all = statement.take("ALL", "WHERE") == "ALL"
        if not replace_all:
            intervals = _overwritten(statement.text_until("SELECT", "WITH"))
    select = statement.text_until("PARTITIONED BY", "CLUSTERED")
    if statement.next_is("CLUSTERED"):
        raise SqlInvalid(
            "CLUSTERED BY found before PARTITIONED BY, CLUSTERED BY must come after the PARTITIONED BY clause"
        )
    if not statement.next_is("PARTITIONED BY"):
        raise SqlInvalid(f"Operation [{verb}] requires a PARTITIONED BY to be explicitly defined, but none was found.")
    statement.take("PARTITIONED BY")
    partitioned_by = _partitioning(statement.until("CLUSTERED"))
    clustered_by: tuple[str | int, ...] = ()
    if statement.next_is("CLUSTERED"):
        statement.take("CLUSTERED")
        statement.take("BY")
        clustered_by = _clustering(statement.until())
    return SqlStatement(verb, table, intervals, replace_all, select, partitioned_by, clustered_by)


class _Statement:
    def __init__(self, text: str, tokens: Sequence[Any]) -> None:
        self._text = text
        self._tokens = list(tokens)
        semicolon = next((token for token in tokens if token.token_type == TokenType.SEMICOLON), None)
        if semicolon is not None:
            raise SqlInvalid(f"Received an unexpected token [;] (line [{semicolon.line}], column [{semicolon.col}])")

    def next_is(self, *words: str) -> bool:
        return bool(self._tokens) and _word(self._tokens[0]) in words

    def take(self, *words: str) -> str:
        if not self.next_is(*words):
            found = self._tokens[0].text if self._tokens else "<EOF>"
            raise SqlInvalid(f"Received an unexpected token [{found}], acceptable options: [{', '.join(words)}]")
        return _word(self._tokens.pop(0))

    def until(self, *words: str) -> list[Any]:
        """Take the tokens in front of the first of these words outside of parentheses."""
        depth = length = 0
        for token in self._tokens:
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
            if depth == 0 and _word(token) in words:
                break
            length += 1
        taken, self._tokens = self._tokens[:length], self._tokens[length:]
        return taken

    def text_until(self, *words: str) -> str:
        taken = self.until(*words)
        return self._text[taken[0].start : taken[-1].end + 1] if taken else ""

    def table(self) -> str:
        names = [self._name()]
        while self._tokens and self._tokens[0].token_type == TokenType.DOT:
            self._tokens.pop(0)
            names.append(self._name())
        if names[:-1] not in ([], ["druid"]):
            raise SqlInvalid(
                f"Table [{'.'.join(names)}] does not support operation [INSERT] because it is not a Druid datasource"
            )
        after = self._tokens[1:2]
        if self.next_is("(") and after and _word(after[0]) not in ("SELECT", "WITH", "("):
            raise SqlInvalid(f"Operation [INSERT] cannot be run with a target column list, given [{names[-1]}]")
        return str(names[-1])

    def _name(self) -> str:
        token = self._tokens.pop(0) if self._tokens else None
        if token is None or token.token_type not in (TokenType.VAR, TokenType.IDENTIFIER):
            raise SqlInvalid(f"Received an unexpected token [{token.text if token is not None else '<EOF>'}]")
        return str(token.text)


def _word(token: Any) -> str:
    """Return a keyword in upper case; nothing for what stands in quotes."""
    if token.token_type in (TokenType.IDENTIFIER, TokenType.STRING, TokenType.UNICODE_STRING):
        return ""
    return " ".join(str(token.text).upper().split())


def _partitioning(tokens: Sequence[Any]) -> str:
    words = [_word(token) for token in tokens]
    if words in (["HOUR"], ["DAY"], ["MONTH"], ["YEAR"], ["ALL"], ["ALL", "TIME"]):
        return words[0].lower()
    found = None
    if len(tokens) == 6 and (words[1], words[5]) == ("(", ")") and tokens[2].text == "__time":
        if words[0] == "FLOOR" and words[3] == "TO" and words[4] in _UNITS:
            found = words[4].lower()
        elif words[0] == "TIME_FLOOR" and words[3] == "," and tokens[4].token_type == TokenType.STRING:
            found = _PERIODS.get(tokens[4].text.upper())
    if found is None:
        shown = " ".join(token.text for token in tokens)
        raise SqlInvalid(
            f"Invalid granularity [{shown}] after PARTITIONED BY. Expected HOUR, DAY, MONTH, YEAR, ALL TIME, FLOOR() "
            "or TIME_FLOOR()"
        )
    return found


def _clustering(tokens: Sequence[Any]) -> tuple[str | int, ...]:
    found: list[str | int] = []
    rest = [token for token in tokens if _word(token) != "ASC"]
    if any(_word(token) == "DESC" for token in rest):
        raise SqlInvalid("Invalid CLUSTERED BY clause: cannot sort in descending order.")
    for index, token in enumerate(rest):
        is_comma = token.token_type == TokenType.COMMA
        if is_comma != bool(index % 2) or (is_comma and index == len(rest) - 1):
            raise SqlNotSupported("CLUSTERED BY of anything but columns and their numbers is not supported")
        if not is_comma:
            found.append(int(token.text) if token.token_type == TokenType.NUMBER else token.text)
    if not found:
        raise SqlInvalid("Received an unexpected token [<EOF>] after CLUSTERED BY")
    return tuple(found)


def _overwritten(condition: str) -> tuple[Interval, ...]:
    ranges = _ranges(parse_one(condition))
    if not ranges:
        raise SqlInvalid(f"The OVERWRITE WHERE clause [{condition}] produced no time intervals")
    return tuple(Interval(start, end) for start, end in ranges)


def _ranges(node: Any) -> _Ranges:
    node = node.unnest()
    if isinstance(node, exp.Or):
        return _united(_ranges(node.left) + _ranges(node.right))
    if isinstance(node, exp.And):
        return _complement(_united(_complement(_ranges(node.left)) + _complement(_ranges(node.right))))
    if isinstance(node, exp.Not):
        if isinstance(node.this, exp.Between):
            raise SqlNotSupported("NOT BETWEEN in OVERWRITE WHERE is not supported: Druid 27 reads it as BETWEEN")
        return _complement(_ranges(node.this))
    if isinstance(node, exp.Between):
        low, high = _instant(node.args["low"]), _instant(node.args["high"]) + _MILLISECOND
        return [(low, high)] if _is_time(node.this) and low < high else []
    if isinstance(node, (exp.GT, exp.GTE, exp.LT, exp.LTE)) and _is_time(node.left):
        bound = _instant(node.right) + (_MILLISECOND if isinstance(node, (exp.GT, exp.LTE)) else timedelta())
        return [(bound, _LAST)] if isinstance(node, (exp.GT, exp.GTE)) else [(_FIRST, bound)]
    raise SqlInvalid(
        f"Invalid OVERWRITE WHERE clause [{node.sql()[:120]}]: expected clause including AND, OR, NOT, >, <, >=, <= OR "
        "BETWEEN operators"
    )


def _is_time(node: Any) -> bool:
    if not isinstance(node, exp.Column):
        raise SqlInvalid(f"Cannot parse column name from SQL expression [{node.sql()[:120]}]")
    if node.name != "__time" or node.table:
        raise SqlInvalid(
            f"OVERWRITE WHERE clause only supports filtering on the __time column, got [{node.sql()[:120]}]"
        )
    return True


def _instant(node: Any) -> datetime:
    is_literal = isinstance(node, exp.Cast) and node.meta.get(LITERAL) and node.to.is_type("timestamp")
    match = _TIMESTAMP.fullmatch(str(node.this.this)) if is_literal else None
    if match is None:
        raise SqlInvalid(f"Cannot get a timestamp from sql expression [{node.sql()[:120]}]")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        microsecond = int((match[7] or "0").ljust(3, "0")) * 1000
        return datetime(year, month, day, hour, minute, second, microsecond, timezone.utc)
    except ValueError:
        raise SqlInvalid(f"Illegal TIMESTAMP literal '{match[0]}': not in format 'yyyy-MM-dd HH:mm:ss'") from None


def _united(ranges: _Ranges) -> _Ranges:
    found: _Ranges = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _complement(ranges: _Ranges) -> _Ranges:
    bounds = [_FIRST, *(bound for pair in ranges for bound in pair), _LAST]
    return [pair for pair in zip(bounds[::2], bounds[1::2], strict=True) if pair[0] < pair[1]]
