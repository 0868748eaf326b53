# SPDX-License-Identifier: Apache-2.0
"""Functions of strings, computed by DuckDB."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('UPPER("x")', "KOALA BEAR"),
        ('LOWER("x")', "koala bear"),
        ('LENGTH("x")', 10),
        ('CHAR_LENGTH("x") + STRLEN("x") + CHARACTER_LENGTH("x")', 30),
        ("CONCAT(\"x\", '!', 7)", "Koala Bear!7"),
        ('CONCAT("x", "nothing")', None),
        ('"x" || \'-\' || "n"', "Koala Bear-42"),
        ("TEXTCAT('a', 'b')", "ab"),
        ('SUBSTRING("x", 7)', "Bear"),
        ('SUBSTRING("x" FROM 7 FOR 2)', "Be"),
        ('SUBSTR("x", 1, 5)', "Koala"),
        ('SUBSTRING("x", 11)', None),
        ('LEFT("x", 3)', "Koa"),
        ('RIGHT("x", 3)', "ear"),
        ("TRIM('  a ')", "a"),
        ("TRIM(BOTH 'x' FROM 'xaxx')", "a"),
        ("TRIM(LEADING 'x' FROM 'xax')", "ax"),
        ("TRIM(TRAILING 'x' FROM 'xax')", "xa"),
        ("BTRIM('--a--', '-')", "a"),
        ("LTRIM('  a ')", "a "),
        ("RTRIM('abab', 'b')", "aba"),
        ("REPLACE(\"x\", 'a', 'o')", "Koolo Beor"),
        ("REVERSE('abc')", "cba"),
        ("REPEAT('ab', 3)", "ababab"),
        ("LPAD('abc', 5)", "  abc"),
        ("LPAD('abc', 5, 'xy')", "xyabc"),
        ("RPAD('abc', 2)", "ab"),
        ("STRPOS(\"x\", 'a')", 3),
        ("STRPOS(\"x\", 'z')", 0),
        ("POSITION('a' IN \"x\")", 3),
        ("POSITION('a' IN \"x\" FROM 4)", 5),
        ("POSITION('a' IN \"x\" FROM 6)", 9),
        ("POSITION('K' IN \"x\" FROM 2)", 0),
        ("CONTAINS_STRING(\"x\", 'bear')", False),
        ("ICONTAINS_STRING(\"x\", 'BEAR')", True),
        ("\"x\" LIKE 'Koala%'", True),
        ("\"x\" LIKE '_oala'", False),
        ("\"x\" NOT LIKE '%bear'", True),
        ("'50%' LIKE '50!%' ESCAPE '!'", True),
        ("'500' NOT LIKE '50!%' ESCAPE '!'", True),
        ("'a\\b' LIKE 'a\\b'", True),
        ("\"x\" LIKE '%' ESCAPE ''", True),
        ("'' IS NULL", False),
        ("'it''s'", "it's"),
        ("UPPER(5)", "5"),
    ],
)
def test_string_functions_value(evaluate, expression, expected):
    """Each function gives the string or position that Druid documents."""
    assert evaluate(expression, x="Koala Bear", n=42, nothing=("string", None)) == expected


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ('SUBSTRING("x", 1, 0)', SqlNotSupported, "function 'SUBSTRING' is not supported with a length of 0"),
        ("SUBSTRING('abc', 1)", SqlNotSupported, "function 'SUBSTRING' is not supported of a string literal"),
        ("LEFT('x', -1)", SqlNotSupported, "function 'LEFT' is not supported of literals with the number -1"),
        ('LEFT("x", 1.5)', SqlInvalid, "Cannot apply 'LEFT' to arguments of type 'LEFT(<VARCHAR>, <DOUBLE>)'"),
        ('LEFT("x", NULL)', SqlInvalid, "Illegal use of 'NULL' as argument 2 of 'LEFT'"),
        (
            "LPAD(5, 5, 'x')",
            SqlInvalid,
            "Cannot apply 'LPAD' to arguments of type 'LPAD(<BIGINT>, <BIGINT>, <VARCHAR>)'",
        ),
        ("REPEAT('a', 0)", SqlNotSupported, "function 'REPEAT' is not supported of literals that give NULL"),
        ('REPEAT("x")', SqlInvalid, "Invalid number of arguments to function 'REPEAT': expected 2, got 1"),
        ("\"x\" LIKE 'a' ESCAPE 'ab'", SqlInvalid, "Function 'LIKE' needs one character after ESCAPE"),
        ('"x" LIKE "x"', SqlNotSupported, "function 'LIKE' is not supported unless argument 2 is a string literal"),
        ('CONCAT("x", TRUE)', SqlNotSupported, "function 'CONCAT' is not supported for times and booleans: CAST them"),
        ("UPPER()", SqlInvalid, "Invalid number of arguments to function 'UPPER': expected 1, got 0"),
        ('LPAD("x")', SqlInvalid, "Invalid number of arguments to function 'LPAD': expected 2 to 3, got 1"),
    ],
)
def test_string_functions_wrong_arguments_are_refused(refusal, expression, error, message):
    """What DuckDB would do differently from Druid is refused."""
    assert refusal(expression, error, x="string") == message


def test_substring_start_below_one_in_data_fails(evaluate):
    """A start that only the data knows is checked when it is computed."""
    import duckdb

    with pytest.raises(duckdb.Error, match="function 'SUBSTRING' is not supported with a start below 1"):
        evaluate('SUBSTRING("x", "n")', x="abc", n=0)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("REGEXP_EXTRACT(\"x\", '[0-9]+')", "42"),
        ("REGEXP_EXTRACT(\"x\", '([a-z]+)-([0-9]+)', 2)", "42"),
        ("REGEXP_EXTRACT(\"x\", 'z')", None),
        ("REGEXP_EXTRACT(\"x\", '(a)|(k)', 1)", None),
        ("REGEXP_EXTRACT(\"x\", '\\d{2}')", "42"),
        ("REGEXP_LIKE(\"x\", '^koala')", True),
        ("REGEXP_LIKE(\"x\", '^KOALA')", False),
        ("REGEXP_LIKE(\"x\", '(?i)^KOALA')", True),
        ("REGEXP_LIKE('a b', 'a\\sb')", True),
        ("REGEXP_LIKE('ab', 'a\\Sb')", False),
        ("REGEXP_LIKE('a]b', 'a[\\]]b')", True),
        ("REGEXP_REPLACE(\"x\", '([a-z]+)-([0-9]+)', '$2:$1')", "42:koala"),
        ("REGEXP_REPLACE('aXbX', 'X', '\\$')", "a$b$"),
        ("REGEXP_REPLACE('a.b', '\\.', '\\\\')", "a\\b"),
    ],
)
def test_regexp_functions_value(evaluate, expression, expected):
    """Patterns that Java and RE2 read alike give what Java's engine gives."""
    assert evaluate(expression, x="koala-42") == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "a(?=b)",
        "a(?!b)",
        "(?<=a)b",
        "(?<n>a)",
        "(?>a)",
        "a++",
        "a*+",
        r"(a)\1",
        r"\p{javaLowerCase}",
        "[a[b]]",
        "[a&&b]",
        r"\Z",
        "a(",
    ],
)
def test_regexp_constructs_of_java_only_are_refused(refusal, pattern):
    """A construct that RE2 lacks or reads otherwise is refused by name, never passed on."""
    message = refusal(f"REGEXP_LIKE(\"x\", '{pattern}')", SqlNotSupported, x="string")
    assert message.startswith("function 'REGEXP_LIKE' is not supported with ")


def test_regexp_replace_unknown_group_is_refused(refusal):
    """A reference to a group that isn't there has no translation."""
    message = refusal("REGEXP_REPLACE(\"x\", 'a', '$1')", SqlNotSupported, x="string")
    assert message == "function 'REGEXP_REPLACE' is not supported with the replacement '$1'"
