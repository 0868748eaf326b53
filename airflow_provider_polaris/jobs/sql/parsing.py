# SPDX-License-Identifier: Apache-2.0
"""
Parse Druid SQL with sqlglot; performs no I/O, changes no text and never raises.

sqlglot is imported inside functions, so that the import of an operator stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from airflow_provider_polaris.jobs.time.instant import quote

#: Maximum length in characters. Longer texts are unknown: they are generated, and their parsing would slow the worker.
LONGEST_EXPRESSION: Final = 100_000


def first_keyword(statement: str) -> str | None:
    """
    Return the first word of a SQL statement in upper case, comments skipped.

    :return: None if the text has no word or cannot be tokenized.
    """
    from sqlglot.errors import SqlglotError

    dialect = druid_dialect()
    try:
        tokens = dialect().tokenize(statement)
    except SqlglotError:
        return None
    return tokens[0].text.upper() if tokens else None


@lru_cache(maxsize=1)
def druid_dialect() -> Any:
    """Return sqlglot's Druid dialect, adapted to Polaris."""
    from sqlglot.dialects import druid

    base: Any = druid.Druid

    class PolarisDruid(base):  # type: ignore[misc]
        class Parser(base.parser_class):  # type: ignore[misc]
            # sqlglot has classes with fixed arguments for known functions: it refuses ANY_VALUE("x", 10), which is
            # valid in Druid. Without that table every function keeps its name and arguments as written.
            FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
            FUNCTION_PARSERS: dict[str, Any] = {  # noqa: RUF012
                "JSON_VALUE": _parse_json_value,  # missing in sqlglot 27
                **base.parser_class.FUNCTION_PARSERS,
                "POSITION": _parse_position,
            }

    return PolarisDruid


def _parse_json_value(parser: Any) -> Any:
    """Parse ``JSON_VALUE(expr, path [RETURNING type])``; the type is not used."""
    from sqlglot import exp

    arguments = parser._parse_csv(parser._parse_bitwise)
    if parser._match_text_seq("RETURNING"):
        parser._parse_types()
    return exp.Anonymous(this="JSON_VALUE", expressions=arguments)


def _parse_position(parser: Any) -> Any:
    """Parse ``POSITION(text IN expr [FROM index])``; sqlglot does not support ``FROM``."""
    from sqlglot import TokenType

    call = parser._parse_position()
    if parser._match(TokenType.FROM):
        call.set("position", parser._parse_bitwise())
    return call


def parse_sql(expression: str) -> Any:
    """Return the syntax tree of an expression; None if it cannot be parsed."""
    if len(expression) > LONGEST_EXPRESSION:
        return None
    druid_dialect()  # outside of the try: an incompatible sqlglot must raise, not count as an unknown expression
    try:
        return _parse(expression)
    except Exception:
        # Any exception while a user's text is parsed (the parser's errors, RecursionError, ...) means unknown.
        return None


def parse_query(select: str) -> Any:
    """Return the syntax tree of a query; None if it cannot be parsed."""
    import sqlglot

    if len(select) > LONGEST_EXPRESSION:
        return None
    dialect = druid_dialect()
    try:
        return sqlglot.parse_one(select, read=dialect)
    except Exception:
        return None  # as in parse_sql


def why_no_expression(text: str) -> tuple[str, int | None] | None:
    """
    Return why a text is not one SQL expression, and the index of the error, if known.

    :param text: Text with balanced brackets and quotes.
    :return: None if it is one expression, or if it is too long or nested too deeply to be parsed.
    """
    from sqlglot import exp
    from sqlglot.errors import ParseError, SqlglotError

    if len(text) > LONGEST_EXPRESSION:
        return None
    druid_dialect()
    try:
        tree = _parse(text)
    except ParseError as error:
        return _reason(text, error.errors)
    except SqlglotError:
        return "it cannot be tokenized", None
    except Exception:
        return None
    return ("'*' is not a value", text.find("*")) if isinstance(tree, exp.Star) else None


def _parse(text: str) -> Any:
    import sqlglot
    from sqlglot import exp

    # Parse as a condition: as a statement, sqlglot accepts text that begins with a command word, and logs a warning.
    return sqlglot.parse_one(text, read=druid_dialect(), into=exp.Condition)


def _reason(text: str, errors: Sequence[Mapping[str, Any]]) -> tuple[str, int | None]:
    """Return our own message for sqlglot's error, because its message names classes of its code."""
    found = errors[0] if errors else {}
    before, word, after = (str(found.get(part) or "") for part in ("start_context", "highlight", "end_context"))
    if not word:
        return "it has no value and no condition", None
    at = text.find(before + word + after)
    return f"unexpected {quote(word)}", at + len(before) if at >= 0 else None


def quote_identifier(name: str) -> str:
    """
    Quote a name as an identifier of Druid SQL.

    >>> print(quote_identifier('the "best" city'))
    "the ""best"" city"
    """
    return '"' + name.replace('"', '""') + '"'
