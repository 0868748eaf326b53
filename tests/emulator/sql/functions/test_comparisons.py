# SPDX-License-Identifier: Apache-2.0
"""NaN in comparisons, and GREATEST of numbers of two types; all of it is OBSERVED(Druid 33)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import Column, SqlNotSupported, translate_expression

MIXED = "of GREATEST or LEAST of whole numbers and others: CAST the whole numbers to DOUBLE"


@pytest.mark.parametrize(
    ("function", "expression"),
    [
        ("=", "SQRT(d) = LN(d)"),
        ("<>", "SQRT(d) <> LN(d)"),
        ("IS DISTINCT FROM", "SQRT(d) IS DISTINCT FROM LN(d)"),
        ("IN", "SQRT(d) IN (LN(d), 1)"),
        ("NULLIF", "NULLIF(SQRT(d), LN(d))"),
        ("=", "CASE SQRT(d) WHEN LN(d) THEN 1 END"),
        ("=", "x = SQRT(d)"),
    ],
)
def test_nan_on_both_sides_is_refused(evaluate: Callable[..., Any], function: str, expression: str) -> None:
    """NaN is not NaN in Druid, unless the optimizer finds that the sides are equal."""
    assert evaluate(expression, d=2.0, x="7") in (True, False, None, 2.0**0.5)
    with pytest.raises(duckdb.Error) as caught:
        evaluate(expression, d=-1.0, x="NaN")
    assert str(caught.value) == f"Invalid Input Error: function '{function}' is not supported for NaN on both sides"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("SQRT(d) = SQRT(d)", True),
        ("SQRT(d) = 5", False),
        ("SQRT(d) <> 5", True),
        ("SQRT(d) IN (1, 2)", False),
        ("SQRT(d) = n", False),
        ("SQRT(d) >= LN(d)", True),
    ],
)
def test_nan_on_one_side(evaluate: Callable[..., Any], expression: str, value: bool) -> None:
    """It is not equal to a number, and the largest of all."""
    assert evaluate(expression, d=-1.0, n=1) is value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("n - GREATEST(10, d)", f"function '-' is not supported {MIXED}"),
        ("GREATEST(n, d) || 'x'", f"function '||' is not supported {MIXED}"),
        ("JSON_OBJECT(KEY 'a' VALUE LEAST(-3, d))", f"function 'JSON_OBJECT' is not supported {MIXED}"),
        ("CAST(GREATEST(n, d) AS VARCHAR)", "CAST of GREATEST or LEAST of whole numbers and others is not supported"),
        ("CAST(GREATEST(n, d) AS BIGINT)", "CAST of GREATEST or LEAST of whole numbers and others is not supported"),
    ],
)
def test_use_of_a_number_of_two_types_is_refused(refusal: Callable[..., str], expression: str, message: str) -> None:
    """Druid computes with the whole number that is chosen: '7' and not '7.0', and with 64 bits."""
    assert refusal(expression, SqlNotSupported, n="long", d="double") == message


@pytest.mark.parametrize(
    ("expression", "value"),
    [("GREATEST(n, d)", 7.0), ("GREATEST(CAST(n AS DOUBLE), d) || 'x'", "7.0x"), ("GREATEST(n, 10) + 1", 11)],
)
def test_greatest_number(evaluate: Callable[..., Any], expression: str, value: object) -> None:
    """The result itself is a double."""
    found = evaluate(expression, n=7, d=0.5)
    assert found == value
    assert type(found) is type(value)


def test_cast_of_a_rounded_whole_number_to_integer_is_refused(refusal: Callable[..., str]) -> None:
    """Druid computes a double, which ends at 32 bits."""
    message = refusal("CAST(TRUNCATE(n) AS INTEGER)", SqlNotSupported, n="long")
    assert (
        message == "CAST of CEIL, FLOOR, TRUNCATE of a whole number, CENTURY or MILLENNIUM to INTEGER is not supported"
    )


@pytest.mark.parametrize("arguments", ["EARLIEST(CAST(f AS VARCHAR), 10)", "ANY_VALUE(CAST(f AS VARCHAR))"])
def test_text_of_a_float_in_an_aggregate_is_refused(refusal: Callable[..., str], arguments: str) -> None:
    """Druid leaves the CAST out."""
    message = refusal(arguments, SqlNotSupported, f="float", __time="timestamp")
    assert message == f"function '{arguments.partition('(')[0]}' is not supported with a CAST of a FLOAT to VARCHAR"


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("DATE '2024-03-10' = x", True),
        ("DATE '2024-03-10' BETWEEN x AND x", True),
        ("x > DATE '2024-03-10'", False),
        ("CAST(x AS DATE) = '2024-03-10T07:00:00Z'", True),
        ("NULLIF(DATE '2024-03-10', x) IS NULL", True),
        ("TIMESTAMP '2024-03-10 00:00:00' < x", True),
    ],
)
def test_text_beside_a_date_is_a_date(evaluate, condition, value):
    """Its hours don't count; beside a timestamp they do. OBSERVED(Druid 33)."""
    assert evaluate(condition, x="2024-03-10T06:30:00Z") is value


@pytest.mark.parametrize("expression", ["GREATEST(f)", "LEAST(f, f)", "GREATEST(f, CAST(0.1 AS FLOAT))"])
def test_extreme_of_floats_is_a_double(expression: str) -> None:
    """OBSERVED(Druid 33): 0.1 as a FLOAT becomes 0.10000000149011612."""
    assert translate_expression(expression, [Column("f", "float")], storing=False).data_type == "double"


@pytest.mark.parametrize(
    ("function", "expression"),
    [
        ("IN", "t IN (DATE '2024-03-10', TIMESTAMP '2024-02-29 00:00:00', t)"),
        ("COALESCE", "COALESCE(CAST(t AS DATE), t, TIMESTAMP '2024-02-29 00:00:00')"),
        ("CASE", "CASE WHEN x > 0 THEN CAST(t AS DATE) WHEN x < 0 THEN t ELSE TIMESTAMP '2024-02-29 00:00:00' END"),
    ],
)
def test_dates_and_timestamps_among_three_values_are_refused(function: str, expression: str) -> None:
    """OBSERVED(Druid 33): it answers for two values and refuses three."""
    with pytest.raises(SqlNotSupported) as caught:
        translate_expression(expression, [Column("t", "timestamp"), Column("x", "long")], storing=False)
    expected = f"function '{function}' is not supported with a DATE and a TIMESTAMP among three or more values"
    assert caught.value.message == expected
