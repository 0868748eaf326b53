# SPDX-License-Identifier: Apache-2.0
"""STRING_FORMAT; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported

NULL = ("string", None)
NO_NUMBER = ("long", None)
NOPE = "invalid: Column 'nope' not found in any table; known are '__time', 'id', 's', 'n', 'd', 'mv', 'sa', 'la', 'da'"
REPLACED = "not supported: function 'REPLACE' is not supported with NULL as text to find or as replacement"
UNUSED = "not supported: function 'STRING_FORMAT' is not supported with a value that can fail and isn't used"
COUNT = "invalid: Invalid number of arguments to function 'UPPER': expected 1, got 2"
UNIT = "not supported: function 'DATE_TRUNC' is not supported with the unit 'weeks'"


@pytest.mark.parametrize(
    ("pattern", "columns", "shown"),
    [
        ("%s", {"a": "Grüße 😀"}, "Grüße 😀"),
        ("%s", {"a": NULL}, "null"),
        ("%s", {"a": -(2**63)}, "-9223372036854775808"),
        ("%s", {"a": 1234567.891}, "1234567.891"),
        ("%s", {"a": ("float", 0.1)}, "0.10000000149011612"),
        ("%s", {"a": datetime(2024, 3, 10, 6, 30)}, "1710052200000"),  # noqa: DTZ001
        ("%10s|", {"a": "Grüße 😀"}, "  Grüße 😀|"),
        ("%-10s|", {"a": "Grüße 😀"}, "Grüße 😀  |"),
        ("%10s|", {"a": NULL}, "      null|"),
        ("%10s|", {"a": "R3LDvMOfZQ=="}, "R3LDvMOfZQ==|"),
        ("%d", {"a": 0}, "0"),
        ("%d", {"a": NO_NUMBER}, "null"),
        ("%5d|", {"a": -1}, "   -1|"),
        ("%-5d|", {"a": -1}, "-1   |"),
        ("%05d", {"a": -1}, "-0001"),
        ("%05d", {"a": NO_NUMBER}, " null"),
        ("%05d", {"a": 1048576}, "1048576"),
        ("%+d", {"a": 0}, "+0"),
        ("% d", {"a": 1500}, " 1500"),
        ("%,d", {"a": 2**63 - 1}, "9,223,372,036,854,775,807"),
        ("%,d", {"a": -1536}, "-1,536"),
        ("%x", {"a": -1536}, "fffffffffffffa00"),
        ("%X", {"a": 3232235521}, "C0A80001"),
        ("%X", {"a": NO_NUMBER}, "NULL"),
        ("%f", {"a": 0.1}, "0.100000"),
        ("%f", {"a": 123456789012.0}, "123456789012.000000"),
        ("%f", {"a": ("double", None)}, "null"),
        ("%.2f", {"a": -0.001}, "-0.00"),
        ("%.2f", {"a": ("double", None)}, "nu"),
        ("%.0f", {"a": 0.5}, "1"),
        ("%.0f", {"a": -1536.5}, "-1537"),
        ("%.0f", {"a": 999999.5}, "1000000"),
        ("%2$s %1$s", {"a": "x", "b": 1}, "1 x"),
        ("100 %%, %s%n", {"a": "x"}, "100 %, x\n"),
        ("x", {"a": "y"}, "x"),
    ],
)
def test_values_in_javas_formats(evaluate, pattern, columns, shown):
    """NULL is the text null; the width counts UTF-16 units."""
    assert evaluate(f"STRING_FORMAT('{pattern}', {', '.join(columns)})", **columns) == shown


def test_format_alone_is_the_result(evaluate):
    """Without values nothing is replaced."""
    assert evaluate("STRING_FORMAT('%% %n %s')") == "%% %n %s"


def test_booleans_and_null(evaluate):
    """A condition is 1 or 0."""
    assert evaluate("STRING_FORMAT('%s %s %d', n > 0, n < 0, NULL)", n=1) == "1 0 null"


def test_number_without_exact_digits_fails(evaluate):
    """A number that DuckDB's decimals don't hold is not rounded."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate("STRING_FORMAT('%f', d)", d=1e15)
    assert str(raised.value) == (
        "Invalid Input Error: function 'STRING_FORMAT' is not supported with a number below 0.00001, or of 1E15 or more"
    )


@pytest.mark.parametrize(
    ("pattern", "arguments"),
    [
        ("%d", "s"),
        ("%d", "d"),
        ("%f", "n"),
        ("%o", "n"),
        ("%e", "d"),
        ("%S", "s"),
        ("%b", "s"),
        ("%.1s", "s"),
        ("%#x", "n"),
        ("%(d", "n"),
        ("%-d", "n"),
        ("%-05d", "n"),
        ("%++d", "n"),
        ("%q", "s"),
        ("%<s", "s"),
        ("%s %s", "s"),
        ("%2$s", "s"),
        ("50%", "s"),
    ],
)
def test_formats_that_are_refused(refusal, pattern, arguments):
    """Those that Java has, and those that don't fit the value, where Druid returns the format and the values."""
    message = refusal(f"STRING_FORMAT('{pattern}', {arguments})", SqlNotSupported, s="string", n="long", d="double")
    assert message == f"function 'STRING_FORMAT' is not supported with the format '{pattern}' and these values"


def test_format_is_a_literal_text(refusal):
    """Druid refuses a number; a column it takes."""
    assert refusal("STRING_FORMAT(n)", SqlInvalid, n="long") == (
        "Cannot apply 'STRING_FORMAT' to arguments of type 'STRING_FORMAT(<BIGINT>)'"
    )
    assert refusal("STRING_FORMAT(s, s)", SqlNotSupported, s="string") == (
        "function 'STRING_FORMAT' is not supported unless argument 1 is a string literal"
    )


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("STRING_FORMAT('x', nope)", NOPE),
        ("STRING_FORMAT('x', UPPER(s, s))", COUNT),
        ("STRING_FORMAT('%s', s, DATE_TRUNC('weeks', __time))", UNIT),
        ("STRING_FORMAT('x', REPLACE(s, 'a', NULL))", REPLACED),
        ("STRING_FORMAT('x', DIV(n, 0))", UNUSED),
        ("STRING_FORMAT('%2$s', DIV(n, 0), s)", UNUSED),
        ("STRING_FORMAT('x', REPLACE(s, 'a', s))", UNUSED),
        ("STRING_FORMAT('x', SUBSTRING(s, 0))", UNUSED),
        ("STRING_FORMAT('x', PARSE_JSON(s))", UNUSED),
    ],
)
def test_value_that_the_format_does_not_use_is_checked(refused, expression: str, message: str) -> None:
    """Druid computes it. OBSERVED(Druid 33)."""
    assert refused(expression) == message


def test_aggregate_that_the_format_does_not_use_makes_one_row(rows_of) -> None:
    """The SELECT is one of all rows. OBSERVED(Druid 33)."""
    assert rows_of("SELECT STRING_FORMAT('x', COUNT(*)) FROM t") == [["x"]]
    assert rows_of("SELECT STRING_FORMAT('x', COUNT(*)) FROM t WHERE id > 100") == [["x"]]
    assert rows_of("SELECT STRING_FORMAT('x', COUNT(*)) FROM t WHERE id < 3 GROUP BY s") == [["x"], ["x"]]
