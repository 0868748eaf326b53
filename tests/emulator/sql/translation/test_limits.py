# SPDX-License-Identifier: Apache-2.0
"""Texts that are huge, deep or long-winded: one sentence, before they cost anything."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported, translate_filter, translate_query
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import MAX_LENGTH, MAX_TOKENS

DEEP = 5000
NESTED = "the SQL is nested too deeply"
DIGITS = "9" * 10_000


def _refusal(sql: str) -> str:
    with pytest.raises((SqlInvalid, SqlNotSupported)) as caught:
        translate_query(sql, table=lambda _: None)
    return caught.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "(" * DEEP + "1" + ")" * DEEP,
        "UPPER(" * DEEP + "'a'" + ")" * DEEP,
        "NOT " * DEEP + "TRUE",
        "- " * DEEP + "1",
        "1+" * DEEP + "1",
        "1 IN (" * 2000 + "1" + ")" * 2000,
        "CASE WHEN 1=1 THEN " * 2000 + "1" + " END" * 2000,
        "CAST(" * 3000 + "1" + " AS BIGINT)" * 3000,
        "(SELECT " * DEEP + "1" + ")" * DEEP,
        "ARRAY[" * DEEP + "1" + "]" * DEEP,
        "INTERVAL " * DEEP + "'1' DAY",
        "1" + " UNION ALL SELECT 1" * 4000,
        "REGEXP_LIKE('a', '" + "(" * DEEP + ")" * DEEP + "')",
    ],
)
def test_nesting_is_refused_whatever_nests(sql) -> None:
    """No stack of calls, and no end of the process."""
    assert _refusal(f"SELECT {sql}") == NESTED


def test_text_of_many_words_is_refused() -> None:
    """Its planning would take minutes; a long string is one word."""
    assert _refusal("SELECT " + ",".join("1" * MAX_TOKENS)) == (
        f"the SQL has {2 * MAX_TOKENS} words and signs, more than the {MAX_TOKENS} that are read"
    )
    with pytest.raises(SqlInvalid) as caught:
        translate_filter("1=1 OR " * MAX_TOKENS + "1=1", ())
    assert caught.value.message == (
        f"the SQL has {4 * MAX_TOKENS + 3} words and signs, more than the {MAX_TOKENS} that are read"
    )
    assert translate_query(f"SELECT '{'x' * 900_000}'", table=lambda _: None).columns[0].data_type == "string"


def test_text_of_many_characters_is_refused() -> None:
    """Before it is read."""
    assert _refusal("x" * (MAX_LENGTH + 1)) == "the SQL has 1000001 characters, more than the 1000000 that are read"


def test_list_of_thousands_of_values_is_read() -> None:
    """The bound is far beyond what people write."""
    listed = ",".join(map(str, range(MAX_TOKENS // 2 - 10)))
    assert translate_query(f"SELECT 1 IN ({listed})", table=lambda _: None).columns[0].data_type == "boolean"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (DIGITS, "Numeric literal of 10000 characters is not understood"),
        (f"-{DIGITS}", "Numeric literal of 10001 characters is not understood"),
        (f"1.{DIGITS}", "Numeric literal of 10002 characters is not understood"),
        (f"1 GROUP BY {DIGITS}", f"GROUP BY ordinal {'9' * 20} is not between 1 and 1"),
        (f"1 ORDER BY {DIGITS}", f"ORDER BY ordinal {'9' * 20} is not between 1 and 1"),
        (f"1 LIMIT {DIGITS}", "Numeric literal of 10000 characters is not understood"),
    ],
)
def test_numbers_of_thousands_of_digits_are_refused(sql, message) -> None:
    """Python refuses to read them, by an error of its own."""
    assert _refusal(f"SELECT {sql}") == message


@pytest.mark.parametrize(
    "sql",
    [
        f"TIME_SHIFT(CURRENT_TIMESTAMP, 'P{DIGITS}Y', 1)",
        f"TIME_SHIFT(CURRENT_TIMESTAMP, 'PT{DIGITS}S', 1)",
        f"TIMESTAMP '{DIGITS}-01-01'",
        f"INTERVAL '{DIGITS}' DAY",
        "REGEXP_LIKE('a', 'a{99999999999999}')",
        f"REGEXP_LIKE('a', 'a{{{DIGITS}}}')",
        f"REGEXP_EXTRACT('a', 'a', {DIGITS})",
        f"LPAD('a', {DIGITS})",
        f"CAST('1' AS DECIMAL({DIGITS}, 1))",
        f"TIME_IN_INTERVAL(CURRENT_TIMESTAMP, '{DIGITS}/P{DIGITS}D')",
        f"SUBSTRING('a' FROM {DIGITS})",
    ],
)
def test_numbers_of_thousands_of_digits_inside_texts_are_no_surprise(sql) -> None:
    """Each is a refusal, or no number at all; never an error of Python's."""
    try:
        translate_query(f"SELECT {sql}", table=lambda _: None)
    except (SqlInvalid, SqlNotSupported) as error:
        assert error.message  # noqa: PT017
