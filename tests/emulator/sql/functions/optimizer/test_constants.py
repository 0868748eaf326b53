# SPDX-License-Identifier: Apache-2.0
"""What Druid's planner computes or decides before it reads rows; every line is OBSERVED(Druid 33)."""

from __future__ import annotations

import math

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid

CASE = (
    "function 'CASE' is not supported with literals and a condition that the planner decides: write the value that it "
    "selects"
)
CAN_FAIL = "of a value that can fail, such as a division of whole numbers"
DOUBLE = "of CEIL, FLOOR, TRUNCATE of a whole number, CENTURY or MILLENNIUM: leave it out"


@pytest.mark.parametrize(
    "condition",
    [
        "TRUE",
        "'a' = 'b'",
        "n = n",
        "n = NULL",
        "NOT (1 > 2)",
        "n > 5 AND FALSE",
        "n > 5 OR (1 = 1)",
        "__time IS NULL",
        "COALESCE(n, 0) IS NULL",
        "(n IS NULL) IS NULL",
        "(1 = 2) IS TRUE",
        "CASE WHEN n > 5 THEN 'abc' ELSE 'x' END = 'q'",
    ],
)
def test_case_with_a_decided_condition_and_a_literal_is_refused(refused, condition: str) -> None:
    """The planner writes the literal, and fails if a function of it has no finite value: ASIN(64)."""
    for case in (f"CASE WHEN {condition} THEN 64 ELSE n END", f"CASE WHEN {condition} THEN n ELSE 64 END"):
        assert refused(case) == f"not supported: {CASE}"


@pytest.mark.parametrize(
    "case",
    [
        "CASE n WHEN n THEN 64 ELSE 1 END",
        "CASE WHEN n > 5 THEN 64 ELSE 64 END",
        "CASE WHEN FALSE THEN n WHEN n > 5 THEN 64 ELSE 64 END",
    ],
)
def test_case_that_becomes_a_literal_in_another_way_is_refused(refused, case: str) -> None:
    """Its value is compared with itself, or all values are equal."""
    assert refused(case) == f"not supported: {CASE}"


@pytest.mark.parametrize(
    ("case", "values"),
    [
        ("CASE WHEN n > 5 THEN 64 ELSE 1 END", [1, 1, 1, 1, 1, 1, 64, 64]),
        ("CASE WHEN n IS NULL THEN 64 ELSE 1 END", [1, 1, 1, 64, 1, 1, 1, 1]),
        ("CASE WHEN n > 5 THEN 1 WHEN NULL THEN 2 ELSE 3 END", [3, 3, 3, 3, 3, 3, 1, 1]),
        ("CASE WHEN 'a' = 'b' THEN id ELSE n END", [5, -1, 0, None, 2, 1, 7, 9007199254740993]),
        ("CASE s WHEN 'a' THEN 1 WHEN 'b' THEN 2 END", [1, 2, None, None, None, None, None, None]),
    ],
)
def test_case_that_depends_on_rows_is_computed(observed, case: str, values: list[object]) -> None:
    """Nothing is known before."""
    assert observed.values(case) == values


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / 0", "function '/' is not supported of a literal by zero"),
        ("DIV(7, 0) IS NULL", "function 'DIV' is not supported of a literal by zero"),
        ("COUNT(MOD(2 + 5, 0))", "function 'MOD' is not supported of a literal by zero"),
        ("COUNT(1 / CAST(__time AS BIGINT))", f"function 'COUNT' is not supported {CAN_FAIL}"),
        ("1 / CAST(__time AS BIGINT) IS NULL", f"function 'IS NULL' is not supported {CAN_FAIL}"),
        ("(n / id) IS NULL", f"function 'IS NULL' is not supported {CAN_FAIL}"),
        ("SUBSTR(LOWER('A'), 1)", "function 'SUBSTR' is not supported of a string literal"),
        (
            "s || 6 / n",
            (
                "function '||' is not supported with a part that can fail, such as a division of whole numbers, after "
                "another part"
            ),
        ),
        (
            "CAST(CAST(d AS VARCHAR) AS TIMESTAMP)",
            "CAST of a CAST of a number to VARCHAR to a time is not supported",
        ),
        ("STRING_TO_MV(',', ',')", "function 'STRING_TO_MV' is not supported of a literal without an element"),
        ("CEIL(CAST(n AS INTEGER))", "function 'CEIL' is not supported of an INTEGER: leave it out"),
        (
            "ARRAY_OFFSET(ARRAY_APPEND(ARRAY[1, 2], n), 2)",
            "function 'ARRAY_OFFSET' is not supported of a function of an ARRAY of literal whole numbers",
        ),
        ("CASE WHEN da = da THEN n ELSE id END", "function '=' is not supported of an array and itself in CASE"),
        ("s IN (s || '1', 5)", "function 'IN' is not supported with values of different types"),
        (
            "TIMESTAMP '2024-002-29'",
            "the literal TIMESTAMP '2024-002-29' is not supported: write two digits, and four of a year",
        ),
        ("DS_QUANTILES_SKETCH(__time)", "function 'DS_QUANTILES_SKETCH' is not supported of a time or a boolean"),
        ("STRING_TO_MV(s, NULL)", "function 'STRING_TO_MV' is not supported with NULL as the separator"),
        ("NULLIF(DISTINCT n, id)", "function 'NULLIF' is not supported with DISTINCT"),
        (
            "APPROX_COUNT_DISTINCT_DS_HLL(TRIM(LEADING 'a' FROM NULLIF('a', 'b')))",
            "function 'APPROX_COUNT_DISTINCT_DS_HLL' is not supported of a constant that may be NULL",
        ),
        (
            "SELECT id FROM t WHERE d > 0.1 OR n = 5 OR (d < 0.1)",
            "function 'OR' is not supported of two comparisons with the same operands",
        ),
        ("s + MV_OFFSET_OF(mv, 'a')", "function '+' is not supported of a text and a function of a multi-value string"),
        ("EARLIEST(6 / n)", f"function 'EARLIEST' is not supported {CAN_FAIL}"),
        ("ANY_VALUE(6 / n)", f"function 'ANY_VALUE' is not supported {CAN_FAIL}"),
        (
            "ARRAY_OFFSET_OF(la, 6 / n)",
            f"function 'ARRAY_OFFSET_OF' is not supported {CAN_FAIL.replace('of', 'with', 1)}",
        ),
        ("FLOOR(9007199254740993 + 1)", "function 'FLOOR' is not supported of a literal whole number"),
        ("RPAD(REVERSE('ab'), 0)", "function 'RPAD' is not supported of literals that give NULL"),
        ("RIGHT(REVERSE('ab'), -1)", "function 'RIGHT' is not supported of literals with the number -1"),
        ("NULLIF(n, n)", "function 'NULLIF' is not supported of a value and itself"),
        ("EXTRACT(CENTURY FROM __time) || 'x'", f"function '||' is not supported {DOUBLE}"),
        ("UPPER(TIME_EXTRACT(__time, 'MILLENNIUM'))", f"function 'UPPER' is not supported {DOUBLE}"),
        (
            "ARRAY_OVERLAP(CASE WHEN n > 5 THEN ARRAY[7, NULL] ELSE la END, COALESCE(la, ARRAY[1, 2]))",
            "function 'ARRAY_OVERLAP' is not supported with CASE as an argument",
        ),
        (
            "SCALAR_IN_ARRAY(n, CASE WHEN n > 5 THEN la ELSE ARRAY[1] END)",
            "function 'SCALAR_IN_ARRAY' is not supported with CASE as an argument",
        ),
        (
            "1e-99999999999999999999",
            "the number '1e-99999999999999999999' is not supported: its exponent is out of range",
        ),
    ],
)
def test_expression_whose_value_the_planner_changes_is_refused(refused, expression: str, message: str) -> None:
    """Druid answers for some of them, and fails or has another value for others."""
    assert refused(expression) == f"not supported: {message}"


@pytest.mark.parametrize("sum_", ["0 + d", "d + 0", "d + 0.0", "d + (1 - 1)", "d + 0e0"])
def test_zero_is_left_out_of_a_sum(evaluate, sum_: str) -> None:
    """So -0.0 stays, which another sum would make 0.0."""
    assert math.copysign(1, evaluate(sum_, d=-0.0)) == -1
    assert evaluate(sum_, d=1.5) == 1.5


def test_path_of_json_keys_is_no_null(refused, evaluate) -> None:
    """That of JSON_QUERY may be."""
    with pytest.raises(SqlInvalid) as raised:
        evaluate("JSON_KEYS(j, NULL)", j=("json", "{}"))
    assert raised.value.message == "Illegal use of 'NULL' as argument 2 of 'JSON_KEYS'"


def test_type_in_double_quotes_is_no_type(refused) -> None:
    """It is a name."""
    assert refused('CAST(s AS "BIGINT")') == "invalid: Unknown identifier 'BIGINT': a type has no double quotes"


@pytest.mark.parametrize("sum_", ["n + 9223372036854775807 > 6", "n - (-9223372036854775807) <> 6", "n * 2 = 6"])
def test_whole_number_beyond_64_bits_fails_in_a_comparison(observed, sum_: str) -> None:
    """DuckDB would write n > 6 - 9223372036854775807, which has a value."""
    condition = sum_.replace("n ", "(n * 1024) ")
    with pytest.raises(duckdb.OutOfRangeException, match=r"^Out of Range Error: Overflow in \w+ of INT64"):
        observed.query(f"SELECT {condition} FROM t WHERE id = 8")


def test_float_minus_a_decimal_number_of_json_is_a_double(evaluate) -> None:
    """As beside a CAST to DECIMAL."""
    expression = "f - JSON_VALUE(j, '$.n' RETURNING DECIMAL)"
    assert evaluate(expression, f=("float", 0.5), j=("json", '{"n": 1.25}')) == -0.75


def test_real_is_a_double(evaluate) -> None:
    """A FLOAT has 24 bits."""
    assert evaluate("CAST(d AS REAL)", d=1e300) == 1e300


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("APPROX_COUNT_DISTINCT_DS_THETA(n) || 'x'", "CAST of an estimate of sketches to VARCHAR is not supported"),
        ("CAST(UPPER('abc') AS DOUBLE)", "CAST of a text that is computed from literals to a number is not supported"),
        (
            "LN('9223372036854775807')",
            "the literal '9223372036854775807' as a number is not supported: it has too many digits",
        ),
        ("100.25 IN (2.0, 1e300)", "function 'IN' is not supported of literal decimal numbers only"),
        ("TIMESTAMP '2024-01-01' + NULL", "function '+' is not supported of the literal NULL"),
        ("(SELECT n + 1)", "a subquery with columns of the outer query is not supported"),
        ("__time + INTERVAL '2 HOUR'", "INTERVAL '2 HOUR' is not supported: write INTERVAL '1' DAY"),
        ("TIME_CEIL(__time, 'p1d')", "the period 'p1d' is not supported: write it in upper case"),
        (
            "MILLIS_TO_TIMESTAMP(0.5)",
            "function 'MILLIS_TO_TIMESTAMP' is not supported of a fraction: CAST it to BIGINT",
        ),
        ("ARRAY_CONCAT_AGG(la, '100000')", "function 'ARRAY_CONCAT_AGG' is not supported with a text as maximum"),
        ("TIME_SHIFT(__time, 'P0D', 2)", "the period 'P0D' is not supported: it is empty"),
    ],
)
def test_other_expression_that_druid_takes_in_some_places_is_refused(refused, expression: str, message: str) -> None:
    """Or computes in another way."""
    assert refused(expression) == f"not supported: {message}"


def test_smallest_number_is_nan(aggregate) -> None:
    """Math.min of Java; so is the largest one."""
    rows = [(1.0,), (0.0,)]
    assert math.isnan(aggregate("MIN(d / d)", {"d": "double"}, rows))
    assert math.isnan(aggregate("MAX(d / d)", {"d": "double"}, rows))
    assert aggregate("MIN(d)", {"d": "double"}, rows) == 0.0


def test_year_before_0_has_no_text(evaluate) -> None:
    """Joda writes -0099."""
    message = "function 'TIME_FORMAT' is not supported for years before 0 or after 9999"
    with pytest.raises(duckdb.InvalidInputException, match=message):
        evaluate("TIME_FORMAT(TIMESTAMPADD(YEAR, n, TIMESTAMP '0001-01-01 00:00:00'))", n=-100)


def test_filter_does_not_order_the_two_zeros(observed) -> None:
    """A SELECT does: -0.0 is less than 0.0 there."""
    with pytest.raises(duckdb.InvalidInputException, match=r"function '<' is not supported of -0\.0 and 0\.0"):
        observed.query("SELECT id FROM t WHERE -d < d AND id = 3")
    assert observed.query("SELECT -d < d FROM t WHERE id = 3") == [[True]]
