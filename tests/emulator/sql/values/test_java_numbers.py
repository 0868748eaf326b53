# SPDX-License-Identifier: Apache-2.0
"""Numbers and their text as Java has them. All values are OBSERVED(Druid 33)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

Evaluate = Callable[..., Any]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-1e300, "-1.0E300"),
        (-0.0, "-0.0"),
        (0.0, "0.0"),
        (5e-324, "4.9E-324"),
        (1e-7, "1.0E-7"),
        (0.0009999, "9.999E-4"),
        (0.001, "0.001"),
        (123456.789, "123456.789"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (9007199254740992.0, "9.007199254740992E15"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_double_as_text_has_javas_form(evaluate: Evaluate, number: float, text: str) -> None:
    """Below 0.001 and from 10,000,000 on, Java writes an exponent."""
    assert evaluate('CAST("d" AS VARCHAR)', d=number) == text
    assert evaluate("\"d\" || 'x'", d=number) == f"{text}x"


@pytest.mark.parametrize(
    ("text", "whole", "real"),
    [
        ("12", 12, 12.0),
        ("+5", 5, 5.0),
        ("-1.5", -1, -1.5),
        ("1.9999999999999999", 2, 2.0),
        (".5", 0, 0.5),
        ("5.", 5, 5.0),
        ("1e3", 1000, 1000.0),
        ("1d", 1, 1.0),
        ("2f", 2, 2.0),
        ("true", 1, 1.0),
        ("False", 0, 0.0),
        ("9223372036854775808", 2**63 - 1, 2.0**63),
        ("1e400", 2**63 - 1, math.inf),
        ("-Infinity", -(2**63), -math.inf),
        ("", None, None),
        (" 7", None, None),
        ("7 ", None, None),
        ("abc", None, None),
        ("0x10", None, None),
        ("1_000", None, None),
        ("3L", None, None),
        ("１２", None, None),
    ],
)
def test_text_as_number(evaluate: Evaluate, text: str, whole: int | None, real: float | None) -> None:
    """A text is parsed as by Java's libraries; what is no number is NULL."""
    assert evaluate('CAST("x" AS BIGINT)', x=text) == whole
    assert evaluate('CAST("x" AS DOUBLE)', x=text) == real


@pytest.mark.parametrize(
    ("number", "whole"),
    [(1e19, 2**63 - 1), (-1e300, -(2**63)), (math.nan, 0), (-2.5, -2), (9.223372036854775e18, 9223372036854774784)],
)
def test_double_as_long_saturates(evaluate: Evaluate, number: float, whole: int) -> None:
    """A number beyond 64 bits becomes the nearest long."""
    assert evaluate('CAST("d" AS BIGINT)', d=number) == whole


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('"x" + 1', 13),
        ('"x" + 1.5', 13.5),
        ('"x" * "x"', 144.0),
        ('-"x"', -12.0),
        ('ABS("x")', 12.0),
        ('MOD("x", 5)', 2.0),
        ('DIV("x", 5)', 2),
        ('"x" = 12', True),
        ("\"n\" = '7.0'", True),
        ('"x" IN (5, 12)', True),
        ('"x" BETWEEN 1 AND 20', True),
        ('COALESCE("x", 1)', "12"),
        ('CASE WHEN "n" = 7 THEN "n" ELSE "x" END', "7"),
        ('NULLIF("x", 13)', "12"),
    ],
)
def test_text_beside_numbers_is_converted(evaluate: Evaluate, expression: str, value: Any) -> None:
    """In arithmetic and comparisons a text is parsed, in results a number becomes text."""
    found = evaluate(expression, x="12", n=7)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('"d" < 0', True),
        ('"d" >= 0', False),
        ('"d" <= 0', True),
        ('"d" > 0', False),
        ('"d" = 0', True),
        ('"d" BETWEEN 0 AND 1', False),
    ],
)
def test_negative_zero_comes_before_zero(evaluate: Evaluate, expression: str, value: bool) -> None:
    """It is equal to zero all the same."""
    assert evaluate(expression, d=-0.0) is value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('BITWISE_SHIFT_LEFT("n", 64)', 1),
        ('BITWISE_SHIFT_LEFT("n", -1)', -(2**63)),
        ('BITWISE_SHIFT_RIGHT("n" - 9, 65)', -4),
        ('BITWISE_AND("n" + 4.9, 7)', 5),
        ('TRUNCATE("n" + 1e19)', 9.223372036854776e18),
        ('ROUND(SQRT("n" - 2))', 0.0),
        ('ROUND(LN("n" - 1))', -1.7976931348623157e308),
        ('MOD("n" + 5.5, 2)', 0.5),
        ('DIV("n" + 6.9, 2)', 3),
        ('CAST(FLOOR("n" + 9007199254740992) AS BIGINT)', 9007199254740992),
    ],
)
def test_arithmetic_at_the_limits(evaluate: Evaluate, expression: str, value: Any) -> None:
    """Six bits of a shift count, and doubles end at the largest long."""
    found = evaluate(expression, n=1)
    assert found == value
    assert type(found) is type(value)
