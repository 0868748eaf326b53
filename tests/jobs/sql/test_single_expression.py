# SPDX-License-Identifier: Apache-2.0
"""Expressions in brackets: texts that could escape are refused, all others stay unchanged."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.parsing import LONGEST_EXPRESSION, druid_dialect
from airflow_provider_polaris.jobs.sql.single_expression import check_confined, check_expression, enclose

FIX_BRACKETS = "Correct the brackets."
ODD_COMMENT = "'/*' starts a comment that is not closed, has another '/*' in it, or begins with '/**' or '/*+'"
NO_END = "the string that starts with this quote is not closed"
NO_NAME = "the name that begins with this double quote is empty or doesn't end on the same line"
CLOSE_STRING = "Close it; write a quote inside a string twice."
CLOSE_NAME = "Close it; write a double quote inside a name twice."
WRITE_COMMENT = "Write comments as '-- ...'."
ONE = "Write one value or condition."

#: Each could change the meaning of the surrounding text, at least for Druid's lexer.
ESCAPES = [
    ("1=1) OR (1=1", "')' closes no bracket of the expression", "line 1, column 4", FIX_BRACKETS),
    ("f(a]", "']' closes no bracket of the expression", "line 1, column 4", FIX_BRACKETS),
    ("{fn a)", "')' closes no bracket of the expression", "line 1, column 6", FIX_BRACKETS),
    ("a =\n 1; b", "';' ends the statement", "line 2, column 3", "Remove it."),
    ("a = 'b", NO_END, "line 1, column 5", CLOSE_STRING),
    ("a = 'it''s'' OR ", NO_END, "line 1, column 12", CLOSE_STRING),
    ('"a', NO_NAME, "line 1, column 1", CLOSE_NAME),
    ('"" = 1', NO_NAME, "line 1, column 1", CLOSE_NAME),
    ('"a\n) OR (1=1 "', NO_NAME, "line 1, column 1", CLOSE_NAME),
    ("a // b", "'//' starts a comment in Druid SQL", "line 1, column 3", WRITE_COMMENT),
    ("a /* b", ODD_COMMENT, "line 1, column 3", WRITE_COMMENT),
    ("a /* /* b */ ) OR (1=1 */", ODD_COMMENT, "line 1, column 3", WRITE_COMMENT),
    ("/*+ ) OR (1=1 */ 1", ODD_COMMENT, "line 1, column 1", WRITE_COMMENT),
    ("1 /***/ ( /* */ ) OR (1=1 /***/ ) /* */", ODD_COMMENT, "line 1, column 3", WRITE_COMMENT),
    ("a */ b", "'*/' ends a comment that has no start", "line 1, column 3", "Remove it."),
    (
        "a = E'\\' OR b = ') OR (1=1 --'",
        "the backslash in E'...' is an escape",
        "line 1, column 6",
        "Write U&'...' for special characters.",
    ),
]


def refusal(text: str) -> str:
    """Return the error message for a text."""
    with pytest.raises(PolarisSpecError) as caught:
        check_expression(text, "filter_expression")
    return str(caught.value)


@pytest.mark.parametrize("text, reason, place, fix", ESCAPES)
def test_text_that_can_leave_its_brackets_is_refused(text: str, reason: str, place: str, fix: str) -> None:
    """The message gives the reason, then the position; the text is refused in every statement."""
    message = f"filter_expression is not one SQL expression: {reason}, at {place}, near {text!r}. {fix}"

    assert refusal(text) == message
    with pytest.raises(PolarisSpecError) as caught:
        check_confined(text, "filter_expression")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text, reason, place",
    [
        ("a b", "unexpected 'b'", "line 1, column 3"),
        ("a\n AND\n = 1", "unexpected '1'", "line 3, column 4"),
        ("a, b", "unexpected ','", "line 1, column 2"),
        ("a AS b", "unexpected 'AS'", "line 1, column 3"),
        ("a = 1 UNION SELECT 2", "unexpected 'UNION'", "line 1, column 7"),
        ("a = 1 LIMIT 1", "unexpected 'LIMIT'", "line 1, column 7"),
        ("SELECT 1", "unexpected 'SELECT'", "line 1, column 1"),
        ("*", "'*' is not a value", "line 1, column 1"),
    ],
)
def test_text_that_is_no_single_expression_is_refused(text: str, reason: str, place: str) -> None:
    """The text cannot escape, but it is not one expression; only our own queries refuse it."""
    assert refusal(text) == f"filter_expression is not one SQL expression: {reason}, at {place}, near {text!r}. {ONE}"
    check_confined(text, "filter_expression")


@pytest.mark.parametrize("text", ["", " \n", "-- a"])
def test_text_without_an_expression_is_refused(text: str) -> None:
    """An empty text is not a condition."""
    assert refusal(text) == (
        f"filter_expression is not one SQL expression: it has no value and no condition: {text!r}. {ONE}"
    )


@pytest.mark.parametrize("text", ["(1=1", "f(a, [1", "CASE WHEN (a"])
def test_text_with_an_open_bracket_is_refused_in_our_queries_only(text: str) -> None:
    """No other text can close the bracket, so Polaris refuses the statement."""
    assert "is never closed, at line 1, column" in refusal(text)
    check_confined(text, "filter_expression")


def test_long_text_is_shown_around_the_place_that_is_wrong() -> None:
    """A text of 3 MB does not hide the reason and the position."""
    text = '"a" = 1 AND ' * 100_000 + '"b" = 2) OR (1=1 ' + 'AND "c" = 3 ' * 100_000

    assert refusal(text) == (
        "filter_expression is not one SQL expression: ')' closes no bracket of the expression, at line 1, column "
        '1200008, near …\' = 1 AND "a" = 1 AND "a" = 1 AND "b" = 2) OR (1=1 AND "c" = 3 AND "c" = 3 AND "c\'…. '
        "Correct the brackets."
    )


#: Syntax in Druid's documentation of operators and functions besides plain calls and comparisons.
DOCUMENTED = [
    "\"city\" = 'Oslo'",
    "\"a\"\"b\" <> 'it''s' -- mine",
    '"a" /* a plain comment; it has (signs */ = 1',
    "\"a\" = U&'\\00e9'",
    "a = 'C:\\' OR b",
    "DATE'2024-01-01' < __time",
    "__time >= TIMESTAMP '2024-01-01 00:00:00' - INTERVAL '1' DAY",
    "TIME_IN_INTERVAL(\"__time\", '2024-06-01/P1D')",
    "a IS NOT DISTINCT FROM b",
    "a IS DISTINCT FROM b",
    "a IS NOT TRUE",
    "a NOT BETWEEN 1 AND 2",
    "a NOT IN ('b', 'c')",
    "a IN (SELECT b FROM c WHERE d = ')')",
    "(SELECT MAX(a) FROM b) > 1",
    "a LIKE 'b!%' ESCAPE '!'",
    "CASE a WHEN 1 THEN TRUE ELSE FALSE END",
    "CAST(a AS VARCHAR(10)) = 'b'",
    "EXTRACT(HOUR FROM __time) = 1",
    "FLOOR(__time TO DAY) = a",
    "CEIL(__time TO WEEK) = a",
    "TIMESTAMPADD(DAY, 1, a) > b",
    "TRIM(BOTH 'a' FROM b) = ''",
    "SUBSTRING(a FROM 1 FOR 2) = 'b'",
    "POSITION('a' IN b) > 0",
    "POSITION('a' IN b FROM 2) > 0",
    "JSON_VALUE(a, '$.b') = 1",
    "JSON_VALUE(a, '$.b' RETURNING BIGINT) = 1",
    "JSON_OBJECT(KEY 'a' VALUE 1) IS NULL",
    "ARRAY[1, 2] = a",
    "a[1] = 2",
    "MV_CONTAINS(a, ARRAY['b'])",
    "a || b = 'c'",
    "SUM(a) FILTER (WHERE b)",
    "LISTAGG(a, ',') WITHIN GROUP (ORDER BY b) = 'c'",
]


@pytest.mark.parametrize("text", DOCUMENTED)
def test_documented_sql_passes_unchanged(text: str) -> None:
    """A valid Druid expression is accepted unchanged, even if sqlglot cannot parse it."""
    assert enclose(text, "f") == f"(\n{text}\n)"
    assert enclose(text, "f", in_line=True) == (f"(\n{text}\n)" if "--" in text else f"({text})")


@pytest.mark.parametrize("text", ["a" * (LONGEST_EXPRESSION + 1) + " b", "(" * 3000 + "1" + ")" * 3000])
def test_text_that_nobody_can_parse_is_still_held_in_its_brackets(text: str) -> None:
    """A text too long or too deep for the parser is checked only for escapes."""
    assert enclose(text, "f") == f"(\n{text}\n)"
    with pytest.raises(PolarisSpecError):
        enclose(f"{text}) OR (TRUE", "f")


def closing_bracket(sql: str, at: int) -> int | None:
    """
    Return where the bracket at ``at`` is closed, read sign by sign as the lexer of Calcite does; None if nowhere.

    Written apart from the scanner under test: no regular expressions, one state for what a sign belongs to.
    """
    state, depth, index = "sql", 0, at
    while index < len(sql):
        two, sign = sql[index : index + 2], sql[index]
        if state == "sql":
            if two in ("--", "//"):
                state, index = "line", index + 2
                continue
            if two == "/*" and sql[index + 2 : index + 3] != "+":  # a hint's words are words
                is_formal = sql[index + 2 : index + 3] == "*" and sql[index + 3 : index + 4] != "/"
                state, index = "block", index + (4 if is_formal else 2)
                continue
            if sign == "'":
                state = "escaped" if sql[index - 1] in "eE" else "string"
            elif sign == '"':
                end = index + 1
                while end < len(sql) and (
                    sql[end] not in '"\n\r' or (sql[end] == '"' and sql[end + 1 : end + 2] == '"')
                ):
                    end += 2 if sql[end] == '"' else 1
                # Without an end on its line, or without a character, a double quote is a separate word.
                index = end if end > index + 1 and sql[end : end + 1] == '"' else index
            elif sign in "([{":
                depth += 1
            elif sign in ")]}":
                depth -= 1
                if not depth:
                    return index
        elif state == "line":
            state = "sql" if sign in "\n\r" else "line"
        elif state == "block":
            if two == "*/":
                state, index = "sql", index + 1
        elif state == "escaped" and sign == "\\":
            index += 1
        elif sign == "'":
            if two == "''":
                index += 1
            else:
                state = "sql"
        index += 1
    return None


@pytest.mark.parametrize("text", [text for text, *_ in ESCAPES if ") OR" in text])
def test_reference_lexer_sees_each_escape(text: str) -> None:
    """The check of the test below works: these texts escape their brackets."""
    sql = f"SELECT 1 WHERE (\n{text}\n) AND TRUE"

    assert closing_bracket(sql, sql.index("(")) != sql.rindex(")")


PIECES = st.sampled_from(
    [
        *[
            "1=1",
            '"a"',
            "x",
            " OR ",
            " AND ",
            "NOT ",
            " = ",
            "f(",
            "(",
            ")",
            "[",
            "]",
            "{fn ",
            "}",
            ", ",
            ";",
            " ",
            "\n",
        ],
        *[
            "\r",
            "'",
            "''",
            "'b'",
            '"',
            '""',
            "\\",
            "E'",
            "e'\\'",
            "U&'",
            "N'",
            "--",
            "-",
            "/",
            "//",
            "/*",
            "/**",
            "/*+",
        ],
        *["*/", "*", "/* c */", "-- c\n", "/***/", "SELECT ", " FROM ", "\x00", "é", "`", "$", "?", ":"],
    ]
)
VALUES = st.sampled_from(
    ['"a"', "1", "'b'", "f(1)", "'it''s'", "(1)", "U&'\\0029'", "'\\'", "a[1]", '"(""', "')'", "'--'"]
)
SPACES = st.sampled_from([" ", "\n", " -- ) c\n", " /* ( c */ ", " /* -- */ "])
CONDITIONS = st.lists(st.tuples(VALUES, SPACES, VALUES, SPACES), min_size=1, max_size=4).map(
    lambda parts: " AND ".join(f"{a}{b}={d}{c}" for a, b, c, d in parts)
)


@settings(max_examples=500)
@given(st.one_of(st.lists(PIECES, max_size=12).map("".join), CONDITIONS, st.tuples(CONDITIONS, PIECES).map("".join)))
@example("1 = 1 -- c")
@example("1 /***/ ( /* */ ) OR (1=1 /***/ ) /* */")
def test_text_that_is_accepted_is_one_node_of_the_query(text: str) -> None:
    """An accepted text is one bracketed term for Druid's lexer and for sqlglot's parser."""
    try:
        enclosed = enclose(text, "f")
    except PolarisSpecError:
        return
    assert enclosed == f"(\n{text}\n)"
    sql = f"SELECT 1 FROM t WHERE x = 1 AND {enclosed} AND y = 2"
    assert closing_bracket(sql, sql.index("(")) == sql.index(enclosed) + len(enclosed) - 1
    condition = sqlglot.parse_one(sql, read=druid_dialect()).args["where"].this
    first, middle, last = condition.flatten(unnest=False)
    assert (first.sql(), last.sql()) == ("x = 1", "y = 2")
    assert isinstance(middle, exp.Paren | exp.Subquery)
