# SPDX-License-Identifier: Apache-2.0
"""Mappings and filters: what the engine is told besides the SQL, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.sql import (
    Column,
    SqlInvalid,
    SqlNotSupported,
    translate_expression,
    translate_filter,
)
from airflow_provider_polaris.emulator.sql.functions import FUNCTIONS
from airflow_provider_polaris.emulator.sql.functions.aggregates import FUNCTIONS as AGGREGATES

KNOWN = "'__time', 'city', 'session', 'session_length'"
KOALAS = [
    Column("__time", "timestamp"),
    Column("city", "string"),
    Column("session", "varchar"),
    Column("session_length", "bigint"),
]


@pytest.mark.parametrize(
    ("text", "sql", "data_type", "is_aggregate", "uses"),
    [
        ('BTRIM("city")', "trim(\"city\", ' ')", "string", False, {"city"}),
        ('MAX("session_length")', 'max("session_length")', "long", True, {"session_length"}),
        ("COUNT(*)", "count(*)", "long", True, set()),
        ('"__time"', '"__time"', "timestamp", False, {"__time"}),
        ("TIME_FLOOR(\"__time\", 'PT1H')", "date_trunc('hour', \"__time\")", "timestamp", False, {"__time"}),
        (
            "TIME_FLOOR(\"__time\", 'P2D')",
            "time_bucket(to_microseconds(172800000000), \"__time\", TIMESTAMP '1970-01-01 00:00:00')",
            "timestamp",
            False,
            {"__time"},
        ),
        ("\"city\" = 'x'", "CAST((\"city\" = 'x') AS BIGINT)", "long", False, {"city"}),
        ("NULL", "CAST(NULL AS VARCHAR)", "string", False, set()),
        ("'x'", "'x'", "string", False, set()),
        ('CAST("__time" AS DATE)', "CAST(date_trunc('day', \"__time\") AS TIMESTAMP)", "timestamp", False, {"__time"}),
    ],
)
def test_translate_expression_mapping_tells_type_and_columns(text, sql, data_type, is_aggregate, uses):
    """The plain periods take DuckDB's fastest way; a condition is stored as a long."""
    expression = translate_expression(text, KOALAS, storing=True)
    assert (expression.sql, expression.data_type) == (sql, data_type)
    assert (expression.is_aggregate, expression.uses) == (is_aggregate, frozenset(uses))


def test_translate_filter_interval_and_condition():
    """A filter is a boolean over the source's columns."""
    found = translate_filter("TIME_IN_INTERVAL(\"__time\", '0/5000-01-01T00:00:00.000Z') AND \"city\" <> 'x'", KOALAS)
    assert (found.data_type, found.is_aggregate, found.uses) == ("boolean", False, frozenset({"__time", "city"}))
    assert found.sql == (
        '(("__time" >= make_timestamp(-62167219200000000) AND "__time" < TIMESTAMP \'5000-01-01 00:00:00\') '
        "AND (\"city\" <> 'x'))"
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", SqlInvalid, "the SQL is empty"),
        ('"City"', SqlInvalid, f"Column 'City' not found in any table; known are {KNOWN}"),
        ("UPPER(", SqlInvalid, "'UPPER(' does not parse: Expecting ) (line 1, column 6)"),
        ('"city" = ', SqlInvalid, "'\"city\" =' does not parse: something is missing (line 1, column 8)"),
        ('UPPER("city"); DROP TABLE x', SqlInvalid, None),
        ('"city"; "city"', SqlInvalid, '\'"city"; "city"\' holds 2 statements; one is allowed'),
        ('UPPER("city") AS "x"', SqlNotSupported, 'ALIAS in \'UPPER("city") AS "x"\' is not supported'),
        ("*", SqlNotSupported, "STAR in '*' is not supported"),
        ("(SELECT 1)", SqlNotSupported, "a subquery is not supported here"),
        ("SELECT 1", SqlNotSupported, "SELECT in 'SELECT 1' is not supported"),
        ("\"city\" IN (SELECT 'x')", SqlNotSupported, "IN (SELECT ...) is not supported here"),
        ("LOOKUP(\"city\", 'names')", SqlNotSupported, "function 'LOOKUP' is not supported"),
        ("read_text('/etc/passwd')", SqlNotSupported, "function 'READ_TEXT' is not supported"),
        ("getenv('HOME')", SqlNotSupported, "function 'GETENV' is not supported"),
        ("current_setting('home_directory')", SqlNotSupported, "function 'CURRENT_SETTING' is not supported"),
        ('ARRAY["city", 1]', SqlInvalid, "Parameters must be of the same type"),
        ('"city"::BIGINT', SqlInvalid, None),
        ("?", SqlInvalid, "Parameter is not bound: the SQL has more '?' than there are parameters"),
        ("INTERVAL '1' DAY", SqlNotSupported, "INTERVAL as a value is not supported"),
        (
            '"city" || MAX("session_length")',
            SqlNotSupported,
            'a measure that is more than one aggregate is not supported: \'"city" || MAX("session_length")\'',
        ),
        ("'a\0b'", SqlInvalid, "the SQL contains a null byte"),
        ("(" * 5000 + "1" + ")" * 5000, SqlInvalid, "the SQL is nested too deeply"),
    ],
)
def test_translate_expression_wrong_or_unsupported_is_refused(text, error, message):
    """Nothing that isn't understood reaches DuckDB; the refusal names it."""
    with pytest.raises(error) as caught:
        translate_expression(text, KOALAS, storing=True)
    if message is not None:
        assert caught.value.message == message


def test_translate_expression_refusal_carries_the_function():
    """A job's failure names the function without parsing a sentence."""
    with pytest.raises(SqlNotSupported) as caught:
        translate_expression("lookup(\"city\", 'x')", KOALAS, storing=True)
    assert caught.value.function == "LOOKUP"


def test_translate_expression_translation_that_multiplies_is_refused():
    """A short text whose translation doubles with each call ends in a refusal, not in gigabytes."""
    text = '"city"'
    for _ in range(7):
        text = f"CAST(TIME_PARSE({text}) AS VARCHAR)"
    with pytest.raises(SqlNotSupported) as caught:
        translate_expression(text, KOALAS, storing=True)
    assert caught.value.message == "the SQL is not supported: its translation is longer than 1000000 characters"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("COUNT(*) > 1", "Aggregate expression is illegal in WHERE clause"),
        ('UPPER("city")', "WHERE clause must be a condition"),
    ],
)
def test_translate_filter_that_is_no_condition_is_refused(text, message):
    """A filter chooses rows; it neither aggregates nor computes."""
    with pytest.raises(SqlInvalid) as caught:
        translate_filter(text, KOALAS)
    assert caught.value.message == message


_SYNTAX = r"""
    "city" "session_length" "__time" 1 2.5 'x' 'PT1H' NULL ( ) , + - / || = < AND
    NOT IN BETWEEN LIKE IS CASE WHEN THEN END
    CAST AS BIGINT SELECT FROM * DISTINCT FILTER WHERE OVER ? ; -- /* ' " . [ ] { EXTRACT TRIM FLOOR TO DAY
    """
_WORDS = [*_SYNTAX.split(), *FUNCTIONS, *AGGREGATES]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=10).map(" ".join) | st.text(max_size=40), st.booleans())
def test_translate_expression_any_text_is_translated_or_refused(text, storing):
    """No text raises anything but the two exceptions that the emulator answers with a 400 or a failed job."""
    try:
        translate_expression(text, KOALAS, storing=storing)
    except (SqlInvalid, SqlNotSupported) as error:
        message = error.message
    else:
        message = "translated"
    assert message
