# SPDX-License-Identifier: Apache-2.0
"""Parsing of Druid SQL: aggregates, time rounding, and no exceptions."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.sql import expressions
from airflow_provider_polaris.jobs.sql.expressions import TimeFloor, find_aggregates, read_expression
from airflow_provider_polaris.jobs.sql.functions import AGGREGATES, CLOCK, SCALARS
from airflow_provider_polaris.jobs.sql.parsing import first_keyword


@pytest.mark.parametrize(
    "expression, aggregates",
    [
        ('MAX("session_length")', ("MAX",)),
        ('max("x") / 2', ("MAX",)),
        ("COUNT(*)", ("COUNT",)),
        ('COUNT(DISTINCT "x")', ("COUNT",)),
        ('SUM("a") / COUNT(*) + SUM("b")', ("SUM", "COUNT")),
        ('CASE WHEN SUM("a") > 0 THEN CASE WHEN MAX("b") > 1 THEN 1 END END', ("SUM", "MAX")),
        ('SUM("a") FILTER (WHERE "b" = 1)', ("SUM",)),
        ('CAST(SUM("x") AS BIGINT)', ("SUM",)),
        ('ANY_VALUE("x", 10)', ("ANY_VALUE",)),
        ('EARLIEST("x", 100)', ("EARLIEST",)),
        ('LATEST_BY("x", MILLIS_TO_TIMESTAMP("t"), 128)', ("LATEST_BY",)),
        ("STRING_AGG(DISTINCT \"x\", ',')", ("STRING_AGG",)),
        ('LISTAGG("x", \',\') WITHIN GROUP (ORDER BY "y")', ("LISTAGG",)),
        ('ARRAY_AGG("x", 100)', ("ARRAY_AGG",)),
        ('APPROX_COUNT_DISTINCT_DS_HLL("x")', ("APPROX_COUNT_DISTINCT_DS_HLL",)),
        ("DS_HLL(\"x\", 12, 'HLL_4')", ("DS_HLL",)),
        ('DS_QUANTILES_SKETCH("x", 128)', ("DS_QUANTILES_SKETCH",)),
        ('VARIANCE("x")', ("VARIANCE",)),
        ('BIT_AND("x")', ("BIT_AND",)),
        ('"SUM"("x")', ("SUM",)),
        # An aggregate inside a window's argument does aggregate rows.
        ('SUM(SUM("a")) OVER ()', ("SUM",)),
    ],
)
def test_find_aggregates_names_each_aggregate_once(expression: str, aggregates: tuple[str, ...]) -> None:
    """Druid's aggregates are found at any position, with any arguments, in any case."""
    assert find_aggregates(expression) == aggregates


@pytest.mark.parametrize(
    "expression",
    [
        '"MAX"',
        "MAX",
        '"t"."MAX"',
        "'MAX(x)'",
        'UPPER("SUM(x)")',
        '"x" /* MAX(y) */',
        '"x" -- MAX(y)',
        'SUM("a") OVER (PARTITION BY "b")',
        'SUM("a") FILTER (WHERE "b" = 1) OVER ()',
        '(SELECT MAX("x") FROM "t")',
        'GREATEST("a", "b")',
        'FLOOR("x")',
        'MAXIMUM("x")',
    ],
)
def test_find_aggregates_of_what_only_looks_like_one_is_empty(expression: str) -> None:
    """Quoted names, literals, comments, window functions and subqueries don't aggregate the job's rows."""
    assert read_expression(expression) is not None
    assert find_aggregates(expression) == ()


@pytest.mark.parametrize("name", sorted(AGGREGATES - {"COUNT"}))
def test_find_aggregates_knows_each_documented_aggregate(name: str) -> None:
    """The parser finds each function of the list."""
    assert find_aggregates(f"{name}(\"x\", 'a')") == (name,)


#: Written with special syntax (below), except DIV, which sqlglot parses as an operator: unknown.
SPECIAL = {"CASE", "CAST", "TRY_CAST", "EXTRACT", "ARRAY", "UNNEST", "OVERLAY", "DIV"}


@pytest.mark.parametrize("name", sorted(SCALARS - SPECIAL))
def test_read_expression_knows_each_documented_scalar(name: str) -> None:
    """A documented scalar function is neither an aggregate nor unknown."""
    for arguments in ('("x")', '("x", "y")', "()"):
        reading = read_expression(name + arguments)
        if reading is not None:
            assert reading.is_surely_scalar
            return
    pytest.fail(f"{name} can't be parsed")


def test_function_sets_are_disjoint() -> None:
    """No name is in two sets."""
    assert not AGGREGATES & SCALARS
    assert not AGGREGATES & CLOCK
    assert not SCALARS & CLOCK


@pytest.mark.parametrize(
    "expression",
    [
        'CASE WHEN "a" > 1 THEN 2 END',
        'CAST("x" AS BIGINT)',
        'EXTRACT(HOUR FROM "__time")',
        "TRIM(BOTH ' ' FROM \"x\")",
        "OVERLAY(\"x\" PLACING 'a' FROM 1)",
        'TRY_CAST("x" AS BIGINT)',
        'UNNEST("x")',
        "POSITION('a' IN \"x\")",
        "JSON_VALUE(\"x\", '$.a')",
        "JSON_OBJECT(KEY 'a' VALUE \"x\")",
        "ARRAY[1, 2]",
        '"a" || "b" % 2',
        'TIMESTAMP \'2024-01-01 00:00:00\' <= "__time" AND "x" LIKE \'a%\' AND "y" NOT IN (1, 2)',
    ],
)
def test_read_expression_special_syntax_is_surely_scalar(expression: str) -> None:
    """Operators and functions with special syntax are certainly scalar."""
    reading = read_expression(expression)

    assert reading is not None
    assert reading.is_surely_scalar


@pytest.mark.parametrize("expression", ['BUILD_GEO("a", "b")', 'UPPER(MY_FUNCTION("x"))'])
def test_read_expression_unknown_function_is_not_surely_scalar(expression: str) -> None:
    """An unknown function leads to no conclusion."""
    reading = read_expression(expression)

    assert reading is not None
    assert not reading.is_surely_scalar
    assert reading.aggregates == ()


@pytest.mark.parametrize(
    "expression, counts",
    [
        ("COUNT(*)", True),
        ('SUM("a") / COUNT("x")', True),
        ("count(1)", True),
        ('COUNT(DISTINCT "x")', False),
        ('SUM("x")', False),
        ("COUNT(*) OVER ()", False),
    ],
)
def test_read_expression_counts_rows_means_count_without_distinct(expression: str, counts: bool) -> None:
    """Only a plain COUNT counts rows."""
    reading = read_expression(expression)

    assert reading is not None
    assert reading.counts_rows is counts


@pytest.mark.parametrize(
    "expression, names",
    [
        ("CURRENT_TIMESTAMP", ("CURRENT_TIMESTAMP",)),
        ("current_timestamp(3)", ("CURRENT_TIMESTAMP",)),
        ("CURRENT_TIMESTAMP()", ("CURRENT_TIMESTAMP",)),
        ("TIMESTAMPADD(DAY, -1, CURRENT_DATE)", ("CURRENT_DATE",)),
        ('"t" > NOW() OR "t" > LOCALTIMESTAMP', ("LOCALTIMESTAMP", "NOW")),
        ("'CURRENT_TIMESTAMP'", ()),
        ('"CURRENT_TIMESTAMP"', ()),
        ('"LOCALTIMESTAMP"', ()),
        ("now", ()),
    ],
)
def test_read_expression_clock_functions_are_named(expression: str, names: tuple[str, ...]) -> None:
    """With or without parentheses, but not as a column or a literal."""
    reading = read_expression(expression)

    assert reading is not None
    assert reading.clock_functions == names


@pytest.mark.parametrize(
    "expression, floor",
    [
        ("TIME_FLOOR(\"__time\", 'PT1H')", TimeFloor("PT1H", of_time=True)),
        ("(time_floor(__time, 'PT2H'))", TimeFloor("PT2H", of_time=True)),
        ('FLOOR("__time" TO DAY)', TimeFloor("P1D", of_time=True)),
        ("DATE_TRUNC('month', \"__time\")", TimeFloor("P1M", of_time=True)),
        ("TIME_FLOOR(MILLIS_TO_TIMESTAMP(\"t\"), 'PT1H')", TimeFloor("PT1H", of_time=False)),
        (
            "TIME_FLOOR(\"__time\", 'P1D', NULL, 'Europe/Berlin')",
            TimeFloor("P1D", of_time=True, zone="Europe/Berlin"),
        ),
        (
            "TIME_FLOOR(\"__time\", 'P1D', TIMESTAMP '2024-01-01 06:00:00')",
            TimeFloor("P1D", of_time=True, has_origin=True),
        ),
        ("TIME_SHIFT(TIME_FLOOR(\"__time\", 'PT1H'), 'P1D', 1)", None),
        ('FLOOR("x")', None),
        ('TIME_FLOOR("__time", "period")', None),
        ('TIME_FLOOR("__time", 3600)', None),
        ('"__time"', None),
    ],
)
def test_read_expression_time_floor_is_read_in_each_spelling(expression: str, floor: TimeFloor | None) -> None:
    """Druid has three ways to round a time down; an expression around one of them is something else."""
    reading = read_expression(expression)

    assert reading is not None
    assert reading.time_floor == floor


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "   ",
        '"x" = 1 AND',
        'SUM("x"',
        'SUM("x"), "y"',
        '"x" AS "y"',
        '"x"; DROP TABLE "y"',
        "SHOW TABLES",
        "'",
        "(" * 20_000,
        "SUM(" + "1 + " * 30_000 + "1)",
    ],
)
def test_read_expression_that_cannot_be_parsed_is_unknown_and_silent(
    expression: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Unparsable text gives no error, no conclusion and no log line."""
    with caplog.at_level(logging.DEBUG):
        assert read_expression(expression) is None
        assert find_aggregates(expression) == ()

    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@given(st.text("MAXSUM()\"'`-/*[]{}?:;, \n0aé", max_size=30))
def test_read_expression_of_any_text_never_raises(text: str) -> None:
    """Any text is parsed or unknown."""
    reading = read_expression(text)

    assert reading is None or set(reading.aggregates) <= AGGREGATES


@pytest.mark.parametrize(
    "statement, keyword",
    [
        ("insert into x", "INSERT"),
        ("-- SELECT\n /* SELECT */ REPLACE INTO x", "REPLACE"),
        (" \n", None),
        ("'", None),
    ],
)
def test_first_keyword_skips_comments(statement: str, keyword: str | None) -> None:
    """The first word decides; text that cannot be tokenized has none."""
    assert first_keyword(statement) == keyword


def test_importing_expressions_does_not_import_sqlglot() -> None:
    """Importing an operator stays fast: the parser is loaded when a task runs."""
    code = f"import sys, {expressions.__name__}; print('sqlglot' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "False\n"
