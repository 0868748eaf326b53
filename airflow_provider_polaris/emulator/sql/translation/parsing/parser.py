# SPDX-License-Identifier: Apache-2.0
"""
Parse Druid SQL with sqlglot; keep every function call as a name with arguments.

sqlglot's own dialect parses known calls as special classes, some of which lose the original text (``NVL`` becomes
``COALESCE``, ``DATE_TRUNC`` upper-cases its unit). The emulator has to name functions as the user wrote them and to
check each of them. So only forms with a special syntax (``CAST``, ``FLOOR(x TO unit)``, ...) keep a class.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, ClassVar

from sqlglot import Tokenizer as BaseTokenizer
from sqlglot import TokenType, exp
from sqlglot.dialects.druid import Druid
from sqlglot.errors import SqlglotError

from airflow_provider_polaris.emulator.sql.translation.parsing.reserved_words import check_names
from airflow_provider_polaris.emulator.sql.translation.parsing.tokens import check_parentheses, check_tokens
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported

_SPECIAL_FORMS = ("CAST", "EXTRACT", "TRIM", "SUBSTRING", "CEIL", "FLOOR")

#: Mark of a CAST that was written as a literal of time.
LITERAL = "literal"

#: Operators of Druid that have more than one sign. sqlglot reads those of all databases, such as ``==`` and ``<=>``.
#: Source: https://druid.apache.org/docs/latest/querying/sql-operators
_OPERATORS = frozenset({"||", ">=", "<=", "<>", "!=", "=>"})
#: Words of other databases that sqlglot reads as operators.
_FOREIGN_WORDS = frozenset(
    {"DIV", "ISNULL", "NOTNULL", "ILIKE", "RLIKE", "REGEXP", "GLOB", "XOR", "OVERLAPS", "UNKNOWN"}
)
#: Words of the SQL types that a CAST takes, by sqlglot's name of the type. sqlglot reads more words for each, such as
#: ``STRING`` and ``LONG``, which are native types of Druid and no SQL types.
#: Source: https://druid.apache.org/docs/latest/querying/sql-data-types#standard-types; the second word of a type is
#: standard SQL, which Calcite's grammar takes too.
_TYPE_WORDS = {
    "CHAR": {"CHAR", "CHARACTER"},
    "VARCHAR": {"VARCHAR", "CHAR VARYING", "CHARACTER VARYING"},
    "TEXT": set(),
    "TINYINT": {"TINYINT"},
    "SMALLINT": {"SMALLINT"},
    "INT": {"INT", "INTEGER"},
    "BIGINT": {"BIGINT"},
    "DECIMAL": {"DECIMAL", "DEC", "NUMERIC"},
    "FLOAT": {"FLOAT", "REAL"},
    "DOUBLE": {"DOUBLE", "DOUBLE PRECISION"},
    "BOOLEAN": {"BOOLEAN"},
    "TIMESTAMP": {"TIMESTAMP"},
    "DATE": {"DATE"},
}

_WORDS = frozenset(word for words in _TYPE_WORDS.values() for word in words)

MAX_LENGTH = 1_000_000
"""Maximum length of a parsed text in characters; a mapping has a few hundred."""

_LONGEST_EXCERPT = 120
MAX_TOKENS = 20_000
"""Maximum number of tokens of a parsed text, enough for a list of 10,000 values. Beyond it, planning such columns,
conditions or joins takes minutes."""

DruidParser: Any = Druid.parser_class


def _parse_position(parser: Any) -> exp.Expression:
    """
    Parse ``POSITION(needle IN haystack [FROM start])``; sqlglot doesn't support Calcite's ``FROM``.

    OBSERVED(Druid 33): an operator or parentheses in front of IN are refused.
    """
    needle = parser._parse_bitwise()
    is_number = isinstance(needle, exp.Neg) and isinstance(needle.this, exp.Literal)
    if isinstance(needle, (exp.Unary, exp.Binary, exp.Subquery)) and not is_number:
        raise SqlInvalid("POSITION takes a literal, a column or a function in front of IN, no other expression")
    if not parser._match(TokenType.IN):
        parser.raise_error("Expected IN in POSITION")
    haystack = parser._parse_bitwise()
    arguments = [needle, haystack]
    if parser._match(TokenType.FROM):
        arguments.append(parser._parse_bitwise())
    return exp.Anonymous(this="POSITION", expressions=arguments)


def _parse_json_value(parser: Any) -> exp.Expression:
    """
    Parse ``JSON_VALUE(value, path [RETURNING type] [NULL ON EMPTY] [NULL ON ERROR])``; the type is a third argument.

    OBSERVED(Druid 33): other words in front of ON are refused, and so is a third argument.
    """
    arguments = parser._parse_csv(parser._parse_bitwise)
    if len(arguments) != 2:
        parser.raise_error("Expected two arguments in JSON_VALUE")
    if parser._match_text_seq("RETURNING"):
        first = parser._index
        parser._parse_types()
        parser._match_text_seq("ARRAY")
        written = " ".join(token.text.upper() for token in parser._tokens[first : parser._index])
        arguments.append(exp.Literal.string(written))
    for clause in ("EMPTY", "ERROR"):
        parser._match_text_seq("NULL", "ON", clause)
    if parser._curr is not None and parser._curr.token_type != TokenType.R_PAREN:
        raise SqlInvalid("JSON_VALUE takes no other words in front of ON EMPTY and ON ERROR than NULL")
    return exp.Anonymous(this="JSON_VALUE", expressions=arguments)


def _parse_json_object(parser: Any) -> exp.Expression:
    """Parse ``JSON_OBJECT('a': 1, KEY 'b' VALUE 2)``; keys and values are the arguments in turn."""
    arguments = []
    while parser._curr is not None and parser._curr.token_type != TokenType.R_PAREN:
        parser._match_text_seq("KEY")
        arguments.append(parser._parse_bitwise())
        if not (parser._match(TokenType.COLON) or parser._match_text_seq("VALUE") or parser._match(TokenType.COMMA)):
            parser.raise_error("Expected ':' in JSON_OBJECT")
        arguments.append(parser._parse_assignment())
        if parser._match_text_seq("NULL", "ON", "NULL") or parser._match_text_seq("ABSENT", "ON", "NULL"):
            raise SqlNotSupported("function 'JSON_OBJECT' is not supported with ON NULL", "JSON_OBJECT")
        if not parser._match(TokenType.COMMA):
            break
    return exp.Anonymous(this="JSON_OBJECT", expressions=arguments)


def _parse_cast(parser: Any) -> exp.Expression:
    """Parse ``CAST(value AS type)``; a type that sqlglot reads and Druid doesn't have is refused by its word."""
    first = parser._index
    node: exp.Expression = DruidParser.FUNCTION_PARSERS["CAST"](parser)
    tokens = parser._tokens[first : parser._index]
    named = [after for token, after in pairwise(tokens) if token.token_type == TokenType.ALIAS]
    word = " ".join(named[-1].text.upper().split()) if named else ""
    if named and named[-1].token_type == TokenType.IDENTIFIER:
        raise SqlInvalid(f"Unknown identifier '{named[-1].text}': a type has no double quotes")
    if named and word not in _WORDS and named[-1].token_type in DruidParser.TYPE_TOKENS | {TokenType.VAR}:
        raise SqlNotSupported(f"CAST to {word} is not supported", "CAST")
    if word == "REAL":
        node.set("to", exp.DataType.build("DOUBLE"))  # OBSERVED(Druid 33)
    return node


def _parse_time_literal(_parser: Any, this: exp.Expression, target: exp.DataType) -> exp.Expression:
    """Parse ``TIMESTAMP '...'`` or ``DATE '...'``, which take one form only; a CAST takes ISO 8601 too."""
    node = exp.Cast(this=this, to=target)
    node.meta[LITERAL] = True
    return node


def _parse_extract(parser: Any) -> exp.Expression:
    """Parse ``EXTRACT(unit FROM time)``; sqlglot also reads a comma there."""
    if parser._next is None or parser._next.token_type != TokenType.FROM:
        parser.raise_error("Expected FROM after the unit")
    node: exp.Expression = DruidParser.FUNCTION_PARSERS["EXTRACT"](parser)
    return node


def _parse_plus(parser: Any) -> exp.Expression:
    """Parse ``+1``. OBSERVED(Druid 33): before anything else than a literal, the plus sign fails."""
    node: exp.Expression = parser._parse_unary()
    if not isinstance(node, exp.Literal) or node.is_string:
        raise SqlInvalid("'+' before an expression is not allowed in Druid SQL")
    return node


def _parse_placeholder(parser: Any) -> exp.Expression:
    """Parse ``?`` and keep its position in the text, because parameters are passed in this order."""
    return exp.Placeholder(this=str(parser._prev.start))


def _is_druids(word: str, token: TokenType) -> bool:
    """Return whether Druid has this operator, word or type; sqlglot's base dialect has those of all databases."""
    if not word[0].isalpha():
        return word in _OPERATORS or word.startswith(("/*", "--"))
    return word not in _FOREIGN_WORDS and word in _TYPE_WORDS.get(token.name, {word})


class PolarisSql(Druid):
    """Druid's dialect without sqlglot's table of functions."""

    class Tokenizer(BaseTokenizer):
        """Keywords."""

        COMMANDS: ClassVar[Any] = set()
        KEYWORDS: ClassVar[Any] = {
            word: token for word, token in BaseTokenizer.KEYWORDS.items() if _is_druids(word, token)
        }
        UNICODE_STRINGS: ClassVar[Any] = [("U&'", "'"), ("u&'", "'")]

    class Parser(DruidParser):  # type: ignore[misc]  # its module differs between releases
        """Grammar."""

        FUNCTIONS: ClassVar[Any] = {}
        # Only expressions and queries are parsed, so COMMENT and SET are valid column names.
        STATEMENT_PARSERS: ClassVar[Any] = {}
        FUNCTION_PARSERS: ClassVar[Any] = {
            **{name: DruidParser.FUNCTION_PARSERS[name] for name in _SPECIAL_FORMS},
            "CAST": _parse_cast,
            "EXTRACT": _parse_extract,
            "POSITION": _parse_position,
            "JSON_VALUE": _parse_json_value,
            "JSON_OBJECT": _parse_json_object,
        }
        TYPE_LITERAL_PARSERS: ClassVar[Any] = {
            exp.DataType.Type.TIMESTAMP: _parse_time_literal,
            exp.DataType.Type.DATE: _parse_time_literal,
        }
        PLACEHOLDER_PARSERS: ClassVar[Any] = {TokenType.PLACEHOLDER: _parse_placeholder}
        # The only operator after a column in Druid is the dot; the others (::, ->, ?) belong to other databases.
        COLUMN_OPERATORS: ClassVar[Any] = {TokenType.DOT: DruidParser.COLUMN_OPERATORS[TokenType.DOT]}
        UNARY_PARSERS: ClassVar[Any] = {**DruidParser.UNARY_PARSERS, TokenType.PLUS: _parse_plus}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[Any] = {"CASE": DruidParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}


def parse_one(text: str) -> exp.Expression:
    """
    Parse one expression or one query.

    :raises SqlInvalid: The text can't be parsed, is empty, or has more than one statement.
    :raises SqlNotSupported: The text has a form that is valid in Druid, which the parser would skip.
    """
    if len(text) > MAX_LENGTH:
        raise SqlInvalid(f"the SQL has {len(text)} characters, more than the {MAX_LENGTH} that are read")
    if "\0" in text:
        raise SqlInvalid("the SQL contains a null byte")
    dialect = PolarisSql()
    try:
        tokens = dialect.tokenize(text)
        if len(tokens) > MAX_TOKENS:
            raise SqlInvalid(f"the SQL has {len(tokens)} words and signs, more than the {MAX_TOKENS} that are read")
        check_tokens(tokens, text)
        nodes: list[Any] = [node for node in dialect.parser().parse(tokens, text) if node is not None]
    except RecursionError:
        raise SqlInvalid("the SQL is nested too deeply") from None
    except SqlglotError as error:
        raise SqlInvalid(f"{_excerpt(text, error)} does not parse: {_reason(error)}") from None
    check_parentheses(tokens)
    if not nodes:
        raise SqlInvalid("the SQL is empty")
    if len(nodes) > 1:
        raise SqlInvalid(f"{_shorten(text)} holds {len(nodes)} statements; one is allowed")
    node: exp.Expression = nodes[0]
    check_names(node)
    return node


def describe(node: exp.Expression) -> str:
    """Describe a node for a message: the function that it calls, or its kind and text."""
    if isinstance(node, exp.Anonymous):
        return f"function '{str(node.this).upper()}'"
    try:
        shown = " ".join(node.sql().split())
    except (ValueError, RecursionError):
        shown = ""
    return f"{type(node).__name__.upper()} in {shown[:120]!r}"


def only(node: exp.Expression, *known: str) -> None:
    """
    Reject a node with parts that its translation doesn't read.

    New sqlglot releases add parts; ignoring one could change a result.
    """
    unread = [name for name, part in node.args.items() if part and name not in known]
    if unread:
        raise SqlNotSupported(f"{describe(node)} is not supported ({', '.join(sorted(unread))})")


def _reason(error: SqlglotError) -> str:
    """Return position and reason in one line; sqlglot's own text contains escape sequences."""
    details = getattr(error, "errors", None)
    if details:
        first = details[0]
        # sqlglot's text is "Required keyword: 'expression' missing for <class ...>".
        reason = re.sub(r"^Required keyword: .*", "something is missing", str(first["description"]).rstrip("."))
        return f"{reason} (line {first['line']}, column {first['col']})"
    return str(error).splitlines()[0]


def _excerpt(text: str, error: SqlglotError) -> str:
    """Return a short text unchanged, and of a long text the part around the error."""
    details = getattr(error, "errors", None)
    if len(text) <= _LONGEST_EXCERPT or not details:
        return _shorten(text)
    before, after = str(details[0]["start_context"]), str(details[0]["end_context"])
    around = f"...{before[-50:]}{details[0]['highlight']}{after[:50]}..."
    return repr(" ".join(around.split()))


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= _LONGEST_EXCERPT else f"{flat[: _LONGEST_EXCERPT - 3]}...")
