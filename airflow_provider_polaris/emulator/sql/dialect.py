"""
Parse Druid SQL with sqlglot, keeping every function call as a name and its arguments.

sqlglot's own dialect turns the calls it knows into classes of its own, some of which lose what was written (``NVL``
becomes ``COALESCE``, ``DATE_TRUNC`` upper-cases its unit). The emulator has to name functions as the user wrote them and
to decide on each of them, so only the forms with a syntax of their own (``CAST``, ``EXTRACT``, ``FLOOR(x TO unit)``, ...)
keep a class.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.dialects.druid import Druid
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from airflow_provider_polaris.emulator.sql.model import SqlInvalid

_SPECIAL_FORMS = ("CAST", "EXTRACT", "TRIM", "SUBSTRING", "CEIL", "FLOOR")

MAX_LENGTH = 1_000_000
"""Longest text that is parsed, in characters; a mapping has a few hundred."""


def _parse_position(parser: Any) -> exp.Expression:
    """Parse ``POSITION(needle IN haystack [FROM start])``; the ``FROM`` is Calcite's, sqlglot doesn't know it."""
    needle = parser._parse_bitwise()
    if not parser._match(TokenType.IN):
        parser.raise_error("Expected IN in POSITION")
    haystack = parser._parse_bitwise()
    arguments = [needle, haystack]
    if parser._match(TokenType.FROM):
        arguments.append(parser._parse_bitwise())
    return exp.Anonymous(this="POSITION", expressions=arguments)


class PolarisSql(Druid):
    """Druid's dialect without sqlglot's table of functions."""

    class Tokenizer(Druid.Tokenizer):
        # DIV is a function in Druid, an operator in sqlglot's base dialect.
        KEYWORDS = {word: token for word, token in Druid.Tokenizer.KEYWORDS.items() if word != "DIV"}  # noqa: RUF012

    class Parser(Druid.Parser):
        FUNCTIONS = {}  # noqa: RUF012
        FUNCTION_PARSERS = {  # noqa: RUF012
            **{name: Druid.Parser.FUNCTION_PARSERS[name] for name in _SPECIAL_FORMS},
            "POSITION": _parse_position,
        }
        NO_PAREN_FUNCTION_PARSERS = {"CASE": Druid.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]}  # noqa: RUF012


def parse_one(text: str) -> exp.Expression:
    """
    Parse one expression or one query.

    :raises SqlInvalid: The text doesn't parse, is empty, or holds more than one statement.
    """
    if len(text) > MAX_LENGTH:
        raise SqlInvalid(f"the SQL has {len(text)} characters, more than the {MAX_LENGTH} that are read")
    if "\0" in text:
        raise SqlInvalid("the SQL contains a null byte")
    try:
        nodes = [node for node in PolarisSql().parse(text) if node is not None]
    except RecursionError:
        raise SqlInvalid("the SQL is nested too deeply") from None
    except SqlglotError as error:
        raise SqlInvalid(f"{_shorten(text)} does not parse: {_reason(error)}") from None
    if not nodes:
        raise SqlInvalid("the SQL is empty")
    if len(nodes) > 1:
        raise SqlInvalid(f"{_shorten(text)} holds {len(nodes)} statements; one is allowed")
    return nodes[0]


def _reason(error: SqlglotError) -> str:
    """Say where and why in one line; sqlglot's own text underlines with escape sequences."""
    details = getattr(error, "errors", None)
    if details:
        first = details[0]
        return f"{str(first['description']).rstrip('.')} (line {first['line']}, column {first['col']})"
    return str(error).splitlines()[0]


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 120 else f"{flat[:117]}...")
