# SPDX-License-Identifier: Apache-2.0
"""Arithmetic, functions of numbers, CAST, comparisons and conditions, computed by DuckDB."""

from __future__ import annotations

import math

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"n" + 1', 8),
        ('"n" - 10', -3),
        ('"n" * 2.5', 17.5),
        ('"n" / 2', 3),
        ('-"n" / 2', -3),
        ('"n" / 2.0', 3.5),
        ('"d" / 0', math.inf),
        ("2000000000 + 2000000000", 4_000_000_000),
        ("1 + 2 * 3 - 4", 3),
        ("(1 + 2) * 3", 9),
        ('MOD("n", 4)', 3),
        ("MOD(-7, 4)", -3),
        ("DIV(-7, 2)", -3),
        ('SAFE_DIVIDE("n", 2)', 3),
        ('SAFE_DIVIDE("n", 0)', None),
        ('SAFE_DIVIDE("d", 0.0)', None),
        ("SAFE_DIVIDE(0.0, 0.0)", 0.0),
        ("ABS(-5)", 5),
        ("CEIL(2.1)", 3.0),
        ("CEILING(-2.1)", -2.0),
        ("FLOOR(-2.1)", -3.0),
        ('FLOOR("n")', 7),
        ("ROUND(2.5)", 3.0),
        ("ROUND(-2.5)", -3.0),
        ("ROUND(2.675, 2)", 2.68),
        ("ROUND(1.005, 2)", 1.01),
        ("ROUND(1234.5, -2)", 1200.0),
        ("ROUND(1250, -2)", 1300),
        ("TRUNCATE(-2.79)", -2.0),
        ("TRUNCATE(2.789, 2)", 2.78),
        ('TRUNCATE("n" + 1292, -2)', 1200),
        ("POWER(2, 10)", 1024.0),
        ("SQRT(16)", 4.0),
        ("EXP(0)", 1.0),
        ("LN(1)", 0.0),
        ('LN("n" - 7)', -math.inf),
        ("LOG10(1000)", 3.0),
        ("SIN(0) + COS(0) + TAN(0)", 1.0),
        ("ATAN2(1, 1) * 4 = PI", True),
        ("DEGREES(PI)", 180.0),
        ("BITWISE_AND(12, 10)", 8),
        ("BITWISE_OR(12, 10)", 14),
        ("BITWISE_XOR(12, 10)", 6),
        ("BITWISE_COMPLEMENT(0)", -1),
        ("BITWISE_SHIFT_LEFT(1, 4)", 16),
        ("BITWISE_SHIFT_RIGHT(-8, 1)", -4),
        ("GREATEST(1, 2.5)", 2.5),
        ("LEAST('b', CAST(\"n\" AS VARCHAR))", "7"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1e3", 1000.0),
    ],
)
def test_arithmetic_value(evaluate, expression, expected):
    """Whole numbers divide towards zero, halves round away from zero, literals are 64 bits or doubles."""
    value = evaluate(expression, n=7, d=1.5)
    assert value == pytest.approx(expected)
    assert type(value) is type(expected)


def test_square_root_of_negative_is_nan(evaluate):
    """Java has no exception for it, so neither has the emulator."""
    assert math.isnan(evaluate('SQRT("n")', n=-1))
    assert evaluate('SQRT("d")', d=-math.inf) == math.inf


@pytest.mark.parametrize("expression", ['1 / "n"', 'MOD(1, "n")', '"n" / 0', 'DIV(1, "n")'])
def test_division_of_longs_by_zero_fails(evaluate, expression):
    """A long divided by zero ends the query, as in Druid."""
    with pytest.raises(duckdb.Error, match="/ by zero"):
        evaluate(expression, n=0)


def test_division_by_zero_in_a_branch_not_taken_does_not_fail(evaluate):
    """CASE protects a division."""
    assert evaluate('CASE WHEN "n" = 0 THEN -1 ELSE 10 / "n" END', n=0) == -1


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("CAST('12' AS BIGINT)", 12),
        ("CAST('+12' AS BIGINT)", 12),
        ("CAST('1.9' AS BIGINT)", 1),
        ("CAST('-1.5e2' AS DOUBLE)", -150.0),
        ("CAST(2.9 AS BIGINT)", 2),
        ("CAST(-2.9 AS INTEGER)", -2),
        ("CAST(7 AS DOUBLE)", 7.0),
        ("CAST(7 AS VARCHAR)", "7"),
        ("CAST(0.5 AS VARCHAR(10))", "0.5"),
        ("CAST(TIMESTAMP '2024-06-05 13:47:31.250' AS VARCHAR)", "2024-06-05 13:47:31"),
        ("CAST(DATE '2024-06-05' AS VARCHAR)", "2024-06-05"),
        ("CAST(TIMESTAMP '1970-01-01 00:00:01' AS BIGINT)", 1000),
        ("CAST(CAST(1000 AS TIMESTAMP) AS BIGINT)", 1000),
        ("CAST(TRUE AS VARCHAR)", "1"),
        ("CAST(NULL AS BIGINT)", None),
        ("CAST(1.23 AS DECIMAL(10, 1))", 1.23),
    ],
)
def test_cast_value(evaluate, expression, expected):
    """Text that is no number is NULL, a fraction is cut off, a time counts milliseconds."""
    value = evaluate(expression)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"n" = 7', True),
        ('"n" <> 7 OR "n" != 7', False),
        ('"n" < 7.5 AND "n" >= 7 AND "n" <= 7 AND "n" > 6', True),
        ('NOT "n" = 7', False),
        ('"n" BETWEEN 7 AND 8', True),
        ('"n" NOT BETWEEN 7 AND 8', False),
        ('"n" IN (1, 7.0)', True),
        ('"n" NOT IN (1, 2)', True),
        ('"n" NOT IN (1, NULL)', None),
        ("NULL = 1", None),
        ("NULL IS NULL", True),
        ('"n" IS NOT NULL', True),
        ('"n" IS NOT DISTINCT FROM 7', True),
        ("NULL IS DISTINCT FROM 1", True),
        ('("n" = 7) IS TRUE', True),
        ("(NULL = 1) IS NOT TRUE", True),
        ("CASE \"n\" WHEN 7 THEN 'seven' WHEN 8 THEN 'eight' END", "seven"),
        ('CASE WHEN "n" > 7 THEN 1 WHEN NULL THEN 2 ELSE 2.5 END', 2.5),
        ('CASE WHEN "n" > 7 THEN 1 END', None),
        ("COALESCE(NULL, NULL, 'x')", "x"),
        ('NVL("nothing", "n")', 7),
        ('NULLIF("n", 7)', None),
        ('NULLIF("n", 7.5)', 7),
        ("TIMESTAMP '2024-06-05 00:00:00' = '2024-06-05T00:00:00Z'", True),
        ("DATE '2024-06-05' <= TIMESTAMP '2024-06-05 00:00:00'", True),
        ("'a' < 'B'", False),
    ],
)
def test_conditions_value(evaluate, expression, expected):
    """Three-valued logic, and one type on both sides of a comparison."""
    value = evaluate(expression, n=7, nothing=("long", None))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (
            "\"n\" + 'x'",
            SqlNotSupported,
            "CAST to BIGINT is not supported for the literal 'x': no number",
        ),
        ("CAST('' AS DOUBLE)", SqlNotSupported, "CAST to DOUBLE is not supported for the literal '': no number"),
        ("CAST(TRUE AS BIGINT)", SqlNotSupported, "CAST from BOOLEAN to BIGINT is not supported"),
        ("GREATEST(1, NULL)", SqlNotSupported, "function 'GREATEST' is not supported of the literal NULL"),
        ("PI()", SqlNotSupported, "function 'PI' is not supported"),
        (
            "\"n\" > TIMESTAMP '2024-06-05 00:00:00'",
            SqlInvalid,
            "Cannot apply '>' to arguments of type '>(<BIGINT>, <TIMESTAMP>)'",
        ),
        (
            'CASE WHEN "n" THEN 1 END',
            SqlInvalid,
            "Cannot apply 'CASE' to arguments of type 'CASE(<BIGINT>, <BIGINT>)'",
        ),
        (
            'ROUND(1.5, "n")',
            SqlNotSupported,
            "function 'ROUND' is not supported unless argument 2 is a whole number written as a literal",
        ),
        ("99999999999999999999", SqlInvalid, "Numeric literal '99999999999999999999' out of range"),
        ("1e999", SqlNotSupported, "the number '1e999' is not supported: it is out of range"),
        ('CAST("n" AS VARBINARY)', SqlNotSupported, "CAST to VARBINARY is not supported"),
        ('"n" IN ()', SqlInvalid, "IN needs at least one value"),
    ],
)
def test_numbers_and_conditions_wrong_types_are_refused(refusal, expression, error, message):
    """Where Druid's own conversion isn't certain, the author of the SQL has to write it."""
    assert refusal(expression, error, n="long") == message


def test_logic_of_thousands_of_conditions_translates(evaluate):
    """A filter that lists ten thousand values is long, not deep."""
    assert evaluate(" OR ".join(f'"n" = {number}' for number in range(3000)), n=2999) is True
