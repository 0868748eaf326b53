# SPDX-License-Identifier: Apache-2.0
"""Values of each row of table ``t``, and refusals, that the referee found; every line is OBSERVED(Druid 33)."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import Column, SqlNotSupported, TableRelation, translate_query

BIG = 9007199254740993
FINITE, LARGE = 1.7976931348623157e308, (8923076923076923.0, 123076923076923.0)
WHOLE = "where Druid leaves it out: write LEFT, RIGHT or REGEXP_EXTRACT"
BESIDE = "is not supported: one part can fail, another is computed from literals"
NULL = "of CASE, COALESCE, UPPER, LOWER or TRIM of NULL only"
DECIDED = "with literals and a condition that the planner decides: write the value that it selects"
TRUNCATE = "of a column's CAST to BIGINT, which Druid ignores here: write TRUNCATE"
REAL = "of CEIL, FLOOR, TRUNCATE of a whole number, CENTURY or MILLENNIUM: leave it out"


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        (
            "SUBSTRING(CONCAT(s, 'xyz'), CASE WHEN n > 0 THEN 2 ELSE 1 END)",
            ["xyz", "bxyz", "xyz", None, ",bxyz", ",2,,3xyz", "xyz", "xyz"],
        ),
        (
            "SUBSTRING(CONCAT(s, 'xyz'), 1, CASE WHEN n < 100 THEN n ELSE 0 END)",
            ["axyz", "bxyz", "", None, "a,", "1", "xxyz", ""],
        ),
        ("ARRAY_TO_STRING(sa, NULL)", ["ab", "b", "", None, None, "cnullaa", "", "x"]),
        ("CASE WHEN id < 8 THEN CAST(CAST(n AS DOUBLE) AS BIGINT) END", [5, -1, 0, None, 2, 1, 7, None]),
        ("CASE WHEN id < 8 THEN CAST(CAST(n AS FLOAT) AS INTEGER) END", [5, -1, 0, None, 2, 1, 7, None]),
        ("CAST(GREATEST(n, d) AS DOUBLE)", [5.0, 1e300, 0.0, None, 2.0, 3.0, 7.25, float(BIG)]),
        ("GREATEST(n, d) IS NULL", [False, False, False, True, False, False, False, False]),
        ("UPPER(NULL)", [None] * 8),
        ("TRIM(BOTH 'a' FROM NULL)", [None] * 8),
        ("PI IS NULL", [False] * 8),
        ("CAST(CAST(d AS BIGINT) AS VARCHAR)", ["0", str(2**63 - 1), "0", None, "-2", "3", "7", "0"]),
        ("FLOOR(n / 2) * 2", [4, 0, 0, None, 2, 0, 6, BIG - 1]),
        ("FLOOR(n / 2) + 1 - n", [-2, 2, 1, None, 0, 0, -3, -4503599627370495]),
        ("FLOOR(n / 2) = 1", [False, False, False, None, True, False, False, False]),
        ("FLOOR(n / 2) IN (1, 3)", [False, False, False, None, True, False, True, False]),
        ("CASE WHEN n > 1 THEN FLOOR(n / 2) ELSE 0 END", [2, 0, 0, 0, 1, 0, 3, 4503599627370496]),
        ("COALESCE(FLOOR(n / 2), -1)", [2, 0, 0, -1, 1, 0, 3, 4503599627370496]),
        (
            "ROUND(1230769230769230.8 * d)",
            [615384615384615.0, FINITE, 0.0, None, -3076923076923077.0, 3692307692307692.0, *LARGE],
        ),
        ("CAST(1.5 AS FLOAT) + MOD(d, 2)", [2.0, 1.5, 1.5, None, 1.0, 2.5, 2.75, 1.6]),
    ],
)
def test_expression_has_druids_values(over_rows, expression: str, values: list[Any]) -> None:
    """Starts and lengths that are no literal, CASTs that the planner leaves out, whole numbers computed as doubles."""
    assert over_rows(expression) == values


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("D/S/SS/w/x/Y/y", "1/0/00/1/2024/2024/2024"),
        ("HH:mm:ssZ ZZ ZZZ z", "00:00:00+0000 +00:00 UTC UTC"),
        ("y", "2024"),
    ],
)
def test_letters_without_a_code_of_strftime_are_written(over_rows, pattern: str, written: str) -> None:
    """Joda has letters that strftime lacks; without a zone, offsets are those of UTC."""
    assert over_rows(f"TIME_FORMAT(__time, '{pattern}')")[0] == written


def test_year_below_1000_has_no_zeros(constant) -> None:
    """The year of strftime has four digits."""
    assert constant("TIME_FORMAT(TIMESTAMP '0001-01-01', 'y|Y|yyyy')") == "1|1|0001"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT LATEST(n, -1) FROM t", [[BIG]]),
        ("SELECT ANY_VALUE(n, 0) FROM t WHERE id = 1", [[5]]),
        ("SELECT AVG(CAST(d * 1 AS BIGINT)) FROM t WHERE id IN (1, 3, 5)", [[-0.6666666666666666]]),
        ("SELECT SUM(FLOOR(n / 2)), MAX(FLOOR(n / 2)), AVG(FLOOR(n / 2)) FROM t WHERE id < 7", [[3, 2, 0.6]]),
        ("SELECT COUNT(*) FROM t WHERE FLOOR(n / 2) = 0", [[3]]),
        ("SELECT SUM(CASE WHEN n IS NOT NULL THEN n ELSE 0 END) FROM t WHERE id < 8", [[14]]),
        ("SELECT AVG(CASE WHEN n IS NOT NULL THEN n ELSE 0 END) FROM t WHERE id < 8", [[2.0]]),
        ("SELECT COUNT(GREATEST(n, d)), MAX(LEAST(n, d)) FROM t WHERE id < 8", [[6, 7.0]]),
    ],
)
def test_query_has_druids_rows(rows_of, sql: str, rows: list[list[Any]]) -> None:
    """A limit of bytes isn't read for numbers; the average of an expression's CAST is that of whole numbers."""
    assert rows_of(sql) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LATEST(s, 0)", "function 'LATEST' is not supported with a limit of 0 bytes"),
        ("ANY_VALUE(s, 0.5)", "function 'ANY_VALUE' is not supported with a limit of 0 bytes"),
        (
            "AVG(CAST(d AS BIGINT))",
            "function 'AVG' is not supported of a column's CAST to BIGINT, which Druid ignores here: write TRUNCATE",
        ),
        (
            "AVG(CASE WHEN n > 0 THEN CAST(d AS BIGINT) END)",
            "function 'AVG' is not supported of a column's CAST to BIGINT, which Druid ignores here: write TRUNCATE",
        ),
        (
            "ARRAY_AGG(CAST(CAST(d AS BIGINT) AS VARCHAR))",
            "function 'ARRAY_AGG' is not supported over a CAST to a number and back to VARCHAR",
        ),
        (
            "LATEST(CAST(CAST(d AS BIGINT) AS VARCHAR))",
            "function 'LATEST' is not supported over a CAST to a number and back to VARCHAR",
        ),
        (
            "COUNT(DISTINCT CAST(CAST(d AS BIGINT) AS VARCHAR))",
            "function 'COUNT' is not supported with a CAST to a number, which Druid ignores here: write FLOOR",
        ),
        (
            "LATEST_BY(n, TIMESTAMP '2024-01-01')",
            "function 'LATEST_BY' is not supported by a constant time, with which Druid takes any row",
        ),
        (
            "ARRAY_SLICE(COALESCE(ARRAY[d, 0.5], ARRAY[1.5]), 7) IS NULL",
            "function 'ARRAY_SLICE' of an ARRAY is not supported where NULL has a meaning",
        ),
        (
            "NVL(s, JSON_VALUE(PARSE_JSON('[]'), '$[0]'))",
            "function 'JSON_VALUE' is not supported of constants here",
        ),
        ("LATEST(s, 10, 10)", "function 'LATEST' is not supported with a third argument"),
        ("ANY_VALUE(s, 10, TRUE)", "function 'ANY_VALUE' is not supported with a third argument"),
        (
            "APPROX_QUANTILE_DS(d, -(-0.5))",
            "function 'APPROX_QUANTILE_DS' is not supported unless argument 2 is a literal",
        ),
        ("MIN(CAST(0.1 AS FLOAT))", "function 'MIN' is not supported of a constant FLOAT"),
        ("DS_HLL(s, 12, NULL)", "function 'DS_HLL' is not supported with NULL as the size or the type"),
        ("s + STRPOS(s, 'a')", "function '+' is not supported of a text and a place in a text"),
        ("ARRAY_CONTAINS(sa, NULLIF(s, 'a'))", "function 'ARRAY_CONTAINS' is not supported with CASE as an argument"),
        (
            "CASE WHEN n > 9 THEN DECODE_BASE64_UTF8('a') END",
            "function 'DECODE_BASE64_UTF8' is not supported of a constant",
        ),
        (
            "NVL(d, BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(-1.5))",
            "function 'BITWISE_CONVERT_LONG_BITS_TO_DOUBLE' is not supported of a constant",
        ),
        ("AVG(CAST((d) AS BIGINT))", f"function 'AVG' is not supported {TRUNCATE}"),
        ("AVG(CAST(NVL(d, d) AS BIGINT))", f"function 'AVG' is not supported {TRUNCATE}"),
        ("AVG(CAST(COALESCE((d), d) AS BIGINT))", f"function 'AVG' is not supported {TRUNCATE}"),
        ("TRIM('a') + 1", "function '+' is not supported of a text that is computed from literals"),
        ("n / TRIM('5')", "function '/' is not supported of a text that is computed from literals"),
        (
            "TIMESTAMPADD(HOUR, '2', __time)",
            "function 'TIMESTAMPADD' is not supported with a text as the number of units: CAST it to BIGINT",
        ),
        ("ARRAY_TO_STRING('a', sa)", "function 'ARRAY_TO_STRING' is not supported with an array as the separator"),
        ("__time BETWEEN s AND 5", "function 'BETWEEN' is not supported with values of different types"),
        ("COUNT(n = (n))", "function 'COUNT' is not supported of a comparison of a value and itself"),
        ("COUNT(la <> la)", "function 'COUNT' is not supported of a comparison of a value and itself"),
        ("LENGTH(UPPER(NULL))", f"function 'LENGTH' is not supported {NULL}"),
        ("COUNT(TRIM(NULL))", f"function 'COUNT' is not supported {NULL}"),
        (
            "SELECT n FROM t WHERE MV_CONTAINS(mv, 'a') IS NULL",
            "function 'IS NULL' is not supported of a condition on a multi-value string",
        ),
        (
            "CAST('10000-01-01' AS TIMESTAMP)",
            "CAST of '10000-01-01' to a time is not supported: it is beyond Druid's planner",
        ),
        (
            "CAST('-0001-01-01' AS DATE)",
            "CAST of '-0001-01-01' to a time is not supported: it is beyond Druid's planner",
        ),
        (
            "CASE WHEN s LIKE '%' THEN 1 ELSE 0 END",
            f"function 'CASE' is not supported {DECIDED}",
        ),
        ("MOD(d, FLOOR(1e300))", "function 'MOD' is not supported with a number that is computed from literals"),
        (
            "CAST(REVERSE('abc') AS TIMESTAMP)",
            "CAST of a text that is computed from literals to a time is not supported",
        ),
        ("FLOOR(n / 2) / 2", f"function '/' is not supported {REAL}"),
        ("FLOOR(n / 2) * n", f"function '*' is not supported {REAL}"),
        ("-FLOOR(n / 2)", f"function '-' is not supported {REAL}"),
        ("COALESCE(FLOOR(n / 2), n)", f"function 'COALESCE' is not supported {REAL}"),
        ("ABS(FLOOR(n / 2))", f"function 'ABS' is not supported {REAL}"),
        ("s + FLOOR(n / 2)", f"function '+' is not supported {REAL}"),
        ("s < FLOOR(n / 2)", f"function '<' is not supported {REAL}"),
        (
            "(6 / n) / ABS(CAST(NULL AS BIGINT))",
            f"DIV in '(6 / n) / ABS(CAST(NULL AS BIGINT))' {BESIDE}",
        ),
    ],
)
def test_what_druid_computes_otherwise_is_refused(refused, text: str, message: str) -> None:
    """The planner leaves a CAST out, computes a literal, or has a double that it shows as a whole number."""
    assert refused(text) == f"not supported: {message}"


@pytest.mark.parametrize("function", ["TIME_FLOOR", "TIME_CEIL"])
def test_text_is_no_origin(refused, function: str) -> None:
    """The origin is a TIMESTAMP, as in Druid's grammar."""
    message = f"invalid: Cannot apply '{function}' to arguments of type '{function}(<TIMESTAMP>, <VARCHAR>, <VARCHAR>)'"
    assert refused(f"{function}(__time, 'P2M', '2024-01-01 00:00:00')") == message


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT CAST(s AS DOUBLE) / (6 / (n - 5)) FROM t WHERE id = 1", "/ by zero"),
        ("SELECT CAST(s AS DOUBLE) > DIV(6, n - 5) FROM t WHERE id = 1", "/ by zero"),
        (
            "SELECT POWER(CAST(s AS DOUBLE), BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(d)) FROM t WHERE id = 2",
            "function 'BITWISE_CONVERT_LONG_BITS_TO_DOUBLE' is not supported with a number beyond 64 bits",
        ),
        ("SELECT COUNT(*) FROM t WHERE SQRT(d) >= d", "function '>=' is not supported of NaN"),
        ("SELECT CAST(CAST(n AS DOUBLE) AS BIGINT) FROM t", "CAST of a CAST of a number above 2^53 is not supported"),
        (
            "SELECT CAST(CAST(-9223372036854775807 - n AS DOUBLE) AS BIGINT) FROM t WHERE id = 6",
            "CAST of a CAST of a number above 2^53 is not supported",
        ),
        (
            "SELECT ARRAY_CONTAINS(ARRAY[a.s], b.sa) FROM t a JOIN t b ON a.id = b.id + 3 WHERE a.id = 4",
            "function 'ARRAY_CONTAINS' is not supported of an ARRAY of NULL only",
        ),
        (
            "SELECT ARRAY_OVERLAP(ARRAY[a.s, NULL], b.sa) FROM t a JOIN t b ON a.id = b.id + 3 WHERE a.id = 4",
            "function 'ARRAY_OVERLAP' is not supported of an ARRAY of NULL only",
        ),
    ],
)
def test_query_fails_in_a_row(rows_of, sql: str, message: str) -> None:
    """A part fails also beside a NULL; what NaN is smaller than depends on whether Druid computes batches."""
    with pytest.raises(Exception, match="Invalid Input Error") as raised:
        rows_of(sql)
    assert str(raised.value).removeprefix("Invalid Input Error: ").split(" /* ")[0] == message


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("UPPER(JSON_VALUE(j, '$.a' RETURNING DOUBLE))", "1E3"),
        ("CAST(JSON_VALUE(j, '$.b' RETURNING DOUBLE) AS VARCHAR)", "2"),
        ("JSON_VALUE(j, '$.c' RETURNING BIGINT) || '!'", "1.5!"),
        ("CAST(JSON_VALUE(j, '$.d') AS DOUBLE) || '!'", "text!"),
        ("CONCAT(JSON_VALUE(j, '$.b' RETURNING DOUBLE), '!')", "2.0!"),
        ("STRING_FORMAT('%s', JSON_VALUE(j, '$.b' RETURNING DOUBLE))", "2.0"),
        ("CAST(JSON_VALUE(PARSE_JSON('{\"b\":2}'), '$.b' RETURNING DOUBLE) AS VARCHAR)", "2.0"),
    ],
)
def test_number_in_a_json_column_is_its_text(evaluate, expression: str, value: str) -> None:
    """Where a number becomes text, the planner reads the text in the JSON; CONCAT and STRING_FORMAT take the number."""
    assert evaluate(expression, j=("json", '{"a":"1e3","b":2,"c":1.5,"d":"text"}')) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "SUBSTRING(JSON_VALUE(j, '$.a'), 1, 2)",
            f"function 'SUBSTRING' is not supported of JSON_VALUE of a column, {WHOLE}",
        ),
        (
            "CAST(JSON_VALUE(j, '$.a' RETURNING DOUBLE) AS INTEGER)",
            "CAST of JSON_VALUE of a column to INTEGER is not supported: write BIGINT",
        ),
        (
            "TO_JSON_STRING(JSON_VALUE(j, '$.a' RETURNING BIGINT))",
            "function 'TO_JSON_STRING' is not supported with JSON_VALUE of a column with RETURNING BIGINT",
        ),
    ],
)
def test_json_column_that_druid_reads_otherwise_is_refused(refusal, expression: str, message: str) -> None:
    """SUBSTRING gives the whole text; the text 1e3 is NULL as an INTEGER, and 0 in JSON."""
    assert refusal(expression, SqlNotSupported, j="json") == message


def test_number_in_json_of_a_subquery_is_refused_as_text(connection) -> None:
    """The text in the JSON isn't a column of the subquery."""
    table = TableRelation("(SELECT CAST('{\"a\":2}' AS JSON) AS j)", [Column("j", "json")])
    sql = "SELECT UPPER(v) AS r FROM (SELECT JSON_VALUE(j, '$.a' RETURNING DOUBLE) AS v FROM t)"
    query = translate_query(sql, table=lambda _: table)
    with pytest.raises(duckdb.InvalidInputException) as raised:
        connection.execute(query.sql)
    message = "JSON_VALUE of a subquery as VARCHAR is not supported: write RETURNING VARCHAR"
    assert str(raised.value) == f"Invalid Input Error: {message}"
