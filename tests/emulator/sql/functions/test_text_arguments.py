# SPDX-License-Identifier: Apache-2.0
"""Arguments of text functions at which Druid fails, or doesn't; all of them are OBSERVED(Druid 33)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported

NOTHING = ("string", None)
REPLACE_FAILS = "function 'REPLACE' is not supported with NULL as text to find or as replacement, for which Druid fails"
BEYOND = "is not supported with a number beyond 16777216"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('SUBSTRING("x", 0)', "function 'SUBSTRING' is not supported with a start below 1, for which Druid fails"),
        ('LEFT("x", -1)', "function 'LEFT' is not supported with a number below 0, for which Druid fails"),
        ('RIGHT("x", "n")', "function 'RIGHT' is not supported with a number below 0, for which Druid fails"),
        ('SUBSTRING("x", 9223372036854775807)', f"function 'SUBSTRING' {BEYOND}"),
        ('LEFT("x", 2147483648)', f"function 'LEFT' {BEYOND}"),
        ('RIGHT("x", 2147483648)', f"function 'RIGHT' {BEYOND}"),
        ('REPEAT("x", -2147483649)', "function 'REPEAT' is not supported with a number beyond 2147483647"),
        ("POSITION('a' IN \"x\" FROM 2147483648)", f"function 'POSITION' {BEYOND}"),
        ('LPAD(REPLACE("x", "nothing", \'b\'), 0)', REPLACE_FAILS),
        ("RPAD(REPLACE(\"x\", \"nothing\", 'b'), 0, 'c')", REPLACE_FAILS),
        ('LPAD("x", 0, REPLACE("x", "nothing", \'b\'))', REPLACE_FAILS),
        ('LPAD(REPLACE("x", "nothing", \'b\'), 3, CAST(NULL AS VARCHAR))', REPLACE_FAILS),
    ],
)
def test_failure_in_a_row(evaluate: Callable[..., Any], expression: str, message: str) -> None:
    """Druid computes all arguments first, and reads the last 32 bits of a number."""
    with pytest.raises(duckdb.Error) as caught:
        evaluate(expression, x="abc", n=-1, nothing=NOTHING)
    assert str(caught.value) == f"Invalid Input Error: {message}"


@pytest.mark.parametrize(
    "expression",
    [
        'SUBSTRING("nothing", 0)',
        'LEFT("nothing", -1)',
        'RIGHT("nothing", "n")',
        "RIGHT(NULLIF('a', 'a'), -1)",
        'LEFT("x", CAST(NULL AS BIGINT))',
        'REPEAT("x", -1)',
        "LPAD(\"x\", 0, '😀')",
    ],
)
def test_null_has_no_part_to_refuse(evaluate: Callable[..., Any], expression: str) -> None:
    """A number that fails for a text gives NULL for NULL."""
    assert evaluate(expression, x="abc", n=-1, nothing=NOTHING) is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("\"x\" LIKE '%' ESCAPE '%'", True),
        ("\"x\" NOT LIKE '%' ESCAPE '%'", False),
        ("\"x\" LIKE 'a%' ESCAPE '%'", False),
        ("\"x\" LIKE '%%' ESCAPE '%'", False),
        ("\"nothing\" LIKE '%' ESCAPE '%'", None),
    ],
)
def test_pattern_of_the_escape_character(evaluate: Callable[..., Any], expression: str, value: object) -> None:
    """The optimizer takes the pattern '%' for any text before it regards ESCAPE."""
    assert evaluate(expression, x="abc", nothing=NOTHING) is value


@pytest.mark.parametrize("needle", ['("x")', "\"x\" || 'a'", '"n" + 1', '-"n"', "('a')"])
def test_position_of_an_operator_is_invalid(refusal: Callable[..., str], needle: str) -> None:
    """Calcite's grammar has only simple expressions there."""
    message = refusal(f'POSITION({needle} IN "x")', SqlInvalid, x="string", n="long")
    assert message == "POSITION takes a literal, a column or a function in front of IN, no other expression"


@pytest.mark.parametrize("needle", ["-1", "CASE WHEN \"n\" > 0 THEN 'z' ELSE '-1' END", 'CAST("n" AS VARCHAR)'])
def test_position_of_a_simple_expression(evaluate: Callable[..., Any], needle: str) -> None:
    """A negative number is a literal."""
    assert evaluate(f'POSITION({needle} IN "x")', x="a-1", n=-1) == 2


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("REPLACE(x, 'a', NULL)", "function 'REPLACE' is not supported with NULL as text to find or as replacement"),
        ("REPLACE(x, NULL, 'a')", "function 'REPLACE' is not supported with NULL as text to find or as replacement"),
        ("POSITION(x IN NULL)", "function 'POSITION' is not supported of the literal NULL"),
        ("POSITION(NULL IN x)", "function 'POSITION' is not supported of the literal NULL"),
        ("SUBSTRING(x, 1, 2147483648)", "function 'SUBSTRING' is not supported with a length of 2147483648"),
        (
            "LEFT(COALESCE(NULL, NULL), 1)",
            "function 'LEFT' is not supported of CASE, COALESCE, UPPER, LOWER or TRIM of NULL only",
        ),
        (
            "LEFT(CASE x WHEN 'a' THEN NULL END, 1)",
            "function 'LEFT' is not supported of CASE, COALESCE, UPPER, LOWER or TRIM of NULL only",
        ),
    ],
)
def test_use_of_null_is_refused_by_name(refusal: Callable[..., str], expression: str, message: str) -> None:
    """Druid's planner fails for some uses and leaves others out."""
    assert refusal(expression, SqlNotSupported, x="string") == message
