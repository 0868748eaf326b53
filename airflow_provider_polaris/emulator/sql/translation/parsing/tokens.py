# SPDX-License-Identifier: Apache-2.0
"""
Refuse words and signs that sqlglot skips or reads as another database does.

OBSERVED(Druid 33) for what Druid's parser refuses. Some of it is valid in Druid; the message says "not supported" then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlglot import TokenType

from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported

_QUOTED = frozenset({TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.UNICODE_STRING, TokenType.IDENTIFIER})
_OPENING = frozenset({TokenType.L_PAREN, TokenType.COMMA})
#: What a bracket follows: ARRAY, a type, or the array of an index.
_BEFORE_BRACKET = frozenset(
    {TokenType.ARRAY, TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET}
)
#: What begins the next clause of a query, or ends a query.
_NEXT_CLAUSE = frozenset(
    {TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.ORDER_BY, TokenType.LIMIT}
    | {TokenType.OFFSET, TokenType.UNION, TokenType.SEMICOLON, TokenType.R_PAREN}
)
#: What sqlglot takes without anything behind it.
_INCOMPLETE = frozenset({TokenType.COMMA, TokenType.GROUP_BY, TokenType.ORDER_BY})
_CHARSET = re.compile(r"_\w+|[eExX]", re.ASCII)


def check_tokens(tokens: Sequence[Any], sql: str) -> None:
    """
    Check the words and signs of a text.

    :param tokens: Its tokens.
    :param sql: The text, for its comments.
    :raises SqlInvalid: Druid doesn't have it.
    :raises SqlNotSupported: Druid has it, in some places.
    """
    if tokens and tokens[0].token_type == TokenType.L_BRACKET:
        raise _bracket(tokens[0])
    for token in tokens:
        text = "" if token.token_type in _QUOTED else token.text
        if text in ("{", "}"):
            raise SqlNotSupported("escape syntax in braces, such as {fn ...}, is not supported")
        if text == "!":
            raise SqlInvalid("'!' is no operator of Druid SQL: write NOT")
    for word, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if word.text.upper() == "EXTRACT" and token.token_type == TokenType.L_PAREN and after.token_type in _QUOTED:
            raise SqlInvalid("EXTRACT needs a unit without quotes, such as DAY")
        if word.token_type == TokenType.INTERVAL and token.token_type == TokenType.STRING and " " in token.text.strip():
            raise SqlNotSupported(f"INTERVAL {token.text!r} is not supported: write INTERVAL '1' DAY")
        if word.token_type == TokenType.LIMIT and after.token_type == TokenType.COMMA:
            raise SqlInvalid(f"LIMIT takes one number: write LIMIT count OFFSET {token.text}")
    if tokens and tokens[-1].token_type in _INCOMPLETE:
        raise _nothing_after(tokens[-1])
    _check_trim(tokens)
    for token, after in pairwise(tokens):
        if token.token_type in _INCOMPLETE and after.token_type in _NEXT_CLAUSE:
            raise _nothing_after(token)
        if "/*+" in sql[token.end + 1 : after.start] or after.token_type == TokenType.HINT:
            raise SqlNotSupported("hints are not supported")
        if token.token_type == TokenType.IDENTIFIER and after.token_type == TokenType.L_PAREN:
            raise SqlNotSupported(f"a function name in double quotes, {token.text!r}, is not supported")
        if token.token_type in _OPENING and after.token_type == TokenType.COMMA:
            raise SqlInvalid(f"Nothing stands before a comma (line {after.line}, column {after.col})")
        if after.token_type == TokenType.L_BRACKET and token.token_type not in _BEFORE_BRACKET:
            raise _bracket(after)
        if token.token_type == TokenType.ALIAS and after.token_type == TokenType.ANY:
            raise SqlNotSupported("CAST to ANY is not supported")
        if token.token_type == TokenType.L_PAREN and after.token_type == TokenType.ALL:
            raise SqlNotSupported("ALL in a list of arguments is not supported")
        if token.token_type == TokenType.LIMIT and after.token_type == TokenType.ALL:
            raise SqlNotSupported("LIMIT ALL is not supported")
        if after.token_type == TokenType.STRING and _is_charset(token, after):
            raise SqlNotSupported(f"a character set before a string literal, {token.text!r}, is not supported")


def _check_trim(tokens: Sequence[Any]) -> None:
    """Refuse a comma between the arguments of TRIM, which sqlglot takes for FROM."""
    depths: list[bool] = []
    for before, token in pairwise(tokens):
        if token.token_type == TokenType.L_PAREN:
            depths.append(before.text.upper() == "TRIM")
        elif token.token_type == TokenType.R_PAREN and depths:
            depths.pop()
        elif token.token_type == TokenType.COMMA and depths and depths[-1]:
            raise SqlInvalid("TRIM takes no comma: write TRIM(BOTH characters FROM text), or BTRIM(text, characters)")


def check_parentheses(tokens: Sequence[Any]) -> None:
    """
    Check that each parenthesis is closed; sqlglot doesn't check it after some functions.

    :raises SqlInvalid: One isn't.
    """
    kinds = [token.token_type for token in tokens]
    if kinds.count(TokenType.L_PAREN) != kinds.count(TokenType.R_PAREN):
        raise SqlInvalid("The parentheses of the SQL don't match")


def _nothing_after(token: Any) -> SqlInvalid:
    word = "a comma" if token.token_type == TokenType.COMMA else token.text.upper()
    return SqlInvalid(f"Nothing stands after {word} (line {token.line}, column {token.col})")


def _bracket(token: Any) -> SqlInvalid:
    return SqlInvalid(f"'[' only follows ARRAY or an array in Druid SQL (line {token.line}, column {token.col})")


def _is_charset(token: Any, after: Any) -> bool:
    return token.end + 1 == after.start and _CHARSET.fullmatch(token.text) is not None
