# SPDX-License-Identifier: Apache-2.0
"""Values and refusals that were observed on a real Druid 33, over the odd values that people met in production."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.queries.result_formats import types_of
from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator
from tests.emulator.sql.releases import SQLGLOT_30

ROWS = [
    {
        "__time": "2024-03-10T06:30:00Z",
        "s": "a",
        "n": 5,
        "d": 0.1,
        "street": "Gießen ﬁx ŉ",
        "word": "ΟΔΟΣ ΟΔΟΣ. ΣΑΣ",
        "dotted": "İzmir",
        "week": "2024-W10-1",
        "weeks": "2024-W10",
        "day": "2024-060T05:00:00Z",
        "u": "",
        "o": {"a": 1},
    },
    {"__time": "2024-03-10T06:30:00Z", "s": "b", "u": "x", "o": None},
    {"__time": "2024-03-10T06:30:00Z", "s": "c"},
]


@pytest.fixture
def emulator(polaris_emulator: PolarisEmulator) -> PolarisEmulator:
    polaris_emulator.load("t", ROWS)
    return polaris_emulator


def first(emulator: PolarisEmulator, expression: str) -> object:
    (row,) = emulator.query(f"SELECT {expression} AS r FROM t WHERE s = 'a'")
    return row["r"]


def refusal(emulator: PolarisEmulator, expression: str) -> str:
    with pytest.raises(ValueError, match="can't be answered: ") as raised:
        emulator.query(f"SELECT {expression} AS r FROM t WHERE s = 'a'")
    return str(raised.value).split("can't be answered: ")[-1]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("UPPER(street)", "GIESSEN FIX ʼN"),
        ("LOWER(word)", "οδος οδος. σας"),
        ("LOWER(dotted)", "i\u0307zmir"),
        ("UPPER(s)", "A"),
        ("REPEAT(s, 0)", None),
        ("REPEAT(s, -1)", None),
        ("REPEAT(s, 2)", "aa"),
        ("CAST(d AS FLOAT)", 0.1),
        ("CAST(n AS REAL)", 5.0),
        ("TIME_FORMAT(__time)", "2024-03-10T06:30:00.000+00:00"),
        ("TIME_PARSE(week)", "2024-03-04T00:00:00.000Z"),
        ("TIME_PARSE(weeks)", "2024-03-04T00:00:00.000Z"),
        ('TIME_PARSE("day")', "2024-02-29T05:00:00.000Z"),
        ("DATE_TRUNC('week', __time)", "2024-03-04T00:00:00.000Z"),
        ("DATE_TRUNC('milliseconds', __time)", "2024-03-10T06:30:00.000Z"),
        ("CAST(n AS NUMERIC)", 5.0),
        ("CAST(n AS CHARACTER VARYING)", "5"),
        ("__time < TIMESTAMP '2024-06-02 00:00:00'", True),
        ("__time < TIMESTAMP '2024-06-02'", True),
        ("__time < DATE '2024-06-02'", True),
        ("__time < CAST('2024-06-02T00:00:00Z' AS TIMESTAMP)", True),
        ("TIME_IN_INTERVAL(__time, '2024-03-10T00:00:00Z/P1D')", True),
    ],
)
def test_expression_has_druids_value(emulator: PolarisEmulator, expression: str, value: object) -> None:
    """What a test of a user sees here is what production gives."""
    assert first(emulator, expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("DS_CDF(DS_QUANTILES_SKETCH(n), 5)", "[1.0,1.0]"),
        ("DS_GET_QUANTILES(DS_QUANTILES_SKETCH(n * 1e10), 0, 1)", "[5.0E10,5.0E10]"),
        ("DS_GET_QUANTILES(DS_QUANTILES_SKETCH(n) FILTER (WHERE s = 'x'), 0)", '["NaN"]'),
    ],
)
def test_numbers_of_a_sketch_are_a_text(emulator: PolarisEmulator, expression: str, value: str) -> None:
    """Of the type COMPLEX, which no function takes."""
    assert emulator.query(f"SELECT {expression} AS r FROM t") == [{"r": value}]
    assert types_of("complex") == ("COMPLEX", "OTHER")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("n % 2", "'%' is not allowed in Druid SQL: write MOD(a, b)"),
        ("CAST(n AS STRING)", "CAST to STRING is not supported"),
        ("CAST(n AS LONG)", "CAST to LONG is not supported"),
        ("CAST(n AS TEXT)", "CAST to TEXT is not supported"),
        ("CAST(n AS INT8)", "CAST to INT8 is not supported"),
        ("DATE_TRUNC('weeks', __time)", "function 'DATE_TRUNC' is not supported with the unit 'weeks'"),
        ("DATE_TRUNC('millisecond', __time)", "function 'DATE_TRUNC' is not supported with the unit 'millisecond'"),
        (
            "__time < TIMESTAMP '2024-06-02 00:00:00+00:00'",
            "Illegal TIMESTAMP literal '2024-06-02 00:00:00+00:00': not in format 'yyyy-MM-dd HH:mm:ss[.fff]'",
        ),
        (
            "__time < TIMESTAMP '2024-06-02T00:00:00Z'",
            "Illegal TIMESTAMP literal '2024-06-02T00:00:00Z': not in format 'yyyy-MM-dd HH:mm:ss[.fff]'",
        ),
        (
            "__time < DATE '2024-06-02 00:00:00'",
            "Illegal DATE literal '2024-06-02 00:00:00': not in format 'yyyy-MM-dd'",
        ),
        (
            "TIME_IN_INTERVAL(__time, '2024-06-01 00:00/2024-06-02 00:00')",
            "Invalid interval '2024-06-01 00:00/2024-06-02 00:00': ISO 8601 with 'T' between date and time is expected",
        ),
    ],
)
def test_expression_that_druid_refuses_is_refused(emulator: PolarisEmulator, expression: str, message: str) -> None:
    """A test that passes here doesn't fail in production; what Druid takes is named as not supported."""
    assert refusal(emulator, expression) == message


@pytest.mark.parametrize(
    "expression", ["s == 'a'", "n::BIGINT", "s <=> 'a'", "s ISNULL", "s NOTNULL", "n DIV 2", "s ~ 'a'"]
)
def test_operator_of_another_database_does_not_parse(emulator: PolarisEmulator, expression: str) -> None:
    """The parser knows many dialects; Druid is one of them."""
    assert "does not parse" in refusal(emulator, expression)


def test_null_of_a_json_field_is_a_missing_value(emulator: PolarisEmulator) -> None:
    """The rows with null and without the field count alike."""
    assert emulator.query('SELECT COUNT(*) AS r FROM t WHERE "o" IS NULL') == [{"r": 2}]


@pytest.mark.parametrize("function", ["APPROX_COUNT_DISTINCT_DS_HLL", "APPROX_COUNT_DISTINCT_DS_THETA"])
def test_empty_string_changes_no_sketch(emulator: PolarisEmulator, function: str) -> None:
    """Neither NULL nor '' is counted, though '' is no NULL."""
    assert emulator.query(f'SELECT {function}("u") AS r FROM t') == [{"r": 1}]
    assert emulator.query("SELECT COUNT(*) AS r FROM t WHERE \"u\" = ''") == [{"r": 1}]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("UPPER(,s)", "Nothing stands before a comma (line 1, column 14)"),
        ("s IN ('a',)", "Nothing stands after a comma (line 1, column 17)"),
        ("+n", "'+' before an expression is not allowed in Druid SQL"),
        ("s IS ! NULL", "'!' is no operator of Druid SQL: write NOT"),
        ("COALESCE(ALL s, u)", "ALL in a list of arguments is not supported"),
        ("{fn UPPER(s)}", "escape syntax in braces, such as {fn ...}, is not supported"),
        ("/*+ hint */ s", "hints are not supported"),
        ("_utf8'a'", "a character set before a string literal, '_utf8', is not supported"),
        ('"UPPER"(s)', "a function name in double quotes, 'UPPER', is not supported"),
        ("3. + n", "the number '3.' is not supported: write it without the point"),
        ("TIME_FLOOR(n, 'P1D')", "Cannot apply 'TIME_FLOOR' to arguments of type 'TIME_FLOOR(<BIGINT>, <VARCHAR>)'"),
        ("LTRIM(n)", "Cannot apply 'LTRIM' to arguments of type 'LTRIM(<BIGINT>)'"),
        ("__time > n", "Cannot apply '>' to arguments of type '>(<TIMESTAMP>, <BIGINT>)'"),
        ("__time + INTERVAL '1' WEEK", "INTERVAL in \"INTERVAL '1' WEEK\" is not supported"),
        pytest.param("(n > 1) IS NOT UNKNOWN", "IS in '(n > 1) IS UNKNOWN' is not supported", marks=SQLGLOT_30),
        ("EXTRACT(DAY, __time)", None),
        pytest.param("CEIL((n)", "The parentheses of the SQL don't match", marks=SQLGLOT_30),
        ("CAST(d AS FLOAT(10))", "CAST to FLOAT(10) is not supported"),
        ("s LIKE 1", "function 'LIKE' is not supported with a pattern that is no text"),
        ("E'a'", "a character set before a string literal, 'E', is not supported"),
        (
            "CAST(CAST(d AS BIGINT) AS DOUBLE)",
            "CAST of a CAST between numbers is not supported: use FLOOR or TRUNCATE inside",
        ),
    ],
)
def test_form_of_another_database_is_refused(emulator: PolarisEmulator, expression: str, message: str | None) -> None:
    """Druid 33 refuses it, or takes it in some places only; the parser would skip a part of it."""
    found = refusal(emulator, expression)
    assert "does not parse: " in found if message is None else found == message


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2000000000 + 2000000000 + n * 0", 4_000_000_000),
        ("CAST(n + 3000000000 AS INTEGER)", -1_294_967_291),
        ("2000000000 + CAST(n + 2000000000 AS INTEGER)", -294_967_291),
        ("TIMESTAMPADD(YEAR, 8000, __time)", "10024-03-10T06:30:00.000Z"),
        ("CAST(d AS FLOAT) * 3", 0.3),
        ("CAST(1e300 * n AS FLOAT)", "Infinity"),
        ("n > '4.5'", True),
        ("TIME_PARSE('24-3-1')", "0024-03-01T00:00:00.000Z"),
        ("TIME_PARSE('+2024-03-10t06:30z')", "2024-03-10T06:30:00.000Z"),
        ("TIME_PARSE('2024-03-10T06:30:00Z', 'yyyy-MM-dd''T''HH:mm:ssZ')", "2024-03-10T06:30:00.000Z"),
    ],
)
def test_result_has_druids_range(emulator: PolarisEmulator, expression: str, value: object) -> None:
    """An INTEGER ends at 32 bits in a result, a float is rounded there, a year may have more than four digits."""
    assert first(emulator, expression) == value
