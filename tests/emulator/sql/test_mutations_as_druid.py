# SPDX-License-Identifier: Apache-2.0
"""What mutated expressions give or how they are refused; the table of values and refusals is OBSERVED(Druid 33)."""

from __future__ import annotations

import math

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported, translate_expression
from airflow_provider_polaris.emulator.sql.values.types import Column

TYPES = {
    "__time": "timestamp",
    "s": "string",
    "n": "long",
    "d": "double",
    "f": "float",
    "j": "json",
    "sa": "stringArray",
}


@pytest.mark.parametrize(
    "expression",
    [
        "-ROUND(CAST(0.1 AS FLOAT))",
        "-(0.0)",
        "0e0 * -1",
        "CEIL(-0.1)",
        "MOD(-5e0, 5)",
        "CAST('-0.0' AS DOUBLE)",
        "COALESCE(-(0e0), 1)",
    ],
)
def test_zero_of_literals_has_no_sign(evaluate, expression):
    """The planner computes it with decimal numbers."""
    assert math.copysign(1, evaluate(expression)) == 1


def test_zero_of_an_aggregate_has_a_sign(aggregate):
    """An aggregate of a literal is computed for rows."""
    assert math.copysign(1, aggregate("-MAX(0e0)", {"n": "long"}, [[1]])) == -1


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("POSITION('' IN s FROM 3)", 3),
        ("POSITION('' IN s FROM 50)", 3),
        ("IPV4_PARSE(TRUE)", None),
        ("IPV4_STRINGIFY(s = 'a')", None),
        ("IPV4_PARSE(CURRENT_TIMESTAMP)", None),
        ("JSON_QUERY(PARSE_JSON('[1,2]'), '$[+1]')", "2"),
        ("CAST('2024-03-10 00:00:00' AS TIMESTAMP(3)) = TIMESTAMP '2024-03-10'", True),
        ("CAST(9.99 AS DECIMAL(2, 1))", 9.99),
        ("CAST('abc' AS VARCHAR(1))", "abc"),
        ("-922337203685477580.8", -922337203685477580.8),
        ("CAST(CAST(UPPER(TRIM(s)) AS VARCHAR) AS VARCHAR)", "😀"),
    ],
)
def test_values(evaluate, expression, value):
    """The emoji has two UTF-16 units."""
    assert evaluate(expression, s="😀") == value


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("SAFE_DIVIDE(f, n)", "float"),
        ("SAFE_DIVIDE(n, CAST(2 AS FLOAT))", "float"),
        ("SAFE_DIVIDE(f, d)", "float"),
        ("SAFE_DIVIDE(d, f)", "double"),
        ("SAFE_DIVIDE(f, 2.0)", "double"),
        ("SAFE_DIVIDE(n, n)", "long"),
    ],
)
def test_type_of_safe_divide_is_that_of_a_division(expression, kind):
    """The first of two types counts."""
    columns = [Column(name, data_type) for name, data_type in TYPES.items()]
    assert translate_expression(expression, columns, storing=False).data_type == kind


@pytest.mark.parametrize("limit", ["10e0", "10.5", "10"])
def test_fraction_of_a_limit_is_dropped(aggregate, limit):
    """The limit of ANY_VALUE is a number of bytes."""
    assert aggregate(f"ANY_VALUE(s, {limit})", {"s": "string"}, [["Hello World"]]) == "Hello Worl"


_NO_CAST = "CAST of an estimate of sketches to {} is not supported"
_BACK = "CAST of a CAST to a number back to VARCHAR is not supported: use CONCAT"
_SIZED = "CAST of literals to a type with a length or a precision is not supported"
_UNION = "THETA_SKETCH_ESTIMATE(THETA_SKETCH_UNION(DS_THETA(d), DS_THETA(n)))"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("COALESCE(HLL_SKETCH_ESTIMATE(DS_HLL(n), TRUE), 'x')", _NO_CAST.format("VARCHAR")),
        (f"COALESCE({_UNION}, 'x')", _NO_CAST.format("VARCHAR")),
        (f"CAST({_UNION} + 1 AS BIGINT)", _NO_CAST.format("BIGINT")),
        ("CAST(DS_GET_QUANTILE(DS_QUANTILES_SKETCH(d), 0.5) AS BIGINT)", _NO_CAST.format("BIGINT")),
        ("CAST(DS_RANK(DS_QUANTILES_SKETCH(d), 0.5) AS VARCHAR)", _NO_CAST.format("VARCHAR")),
        (f"-{_UNION}", "function '-' is not supported of an estimate of sketches"),
        (f"CEIL({_UNION})", "function 'CEIL' is not supported of an estimate of sketches"),
        (f"FLOOR({_UNION})", "function 'FLOOR' is not supported of an estimate of sketches"),
        (f"TRUNC({_UNION}, 1)", "function 'TRUNC' is not supported of an estimate of sketches"),
        ("DS_HLL(n > 1)", "function 'DS_HLL' is not supported of a BOOLEAN"),
        ("DS_THETA(TRUE)", "function 'DS_THETA' is not supported of a BOOLEAN"),
        (
            "APPROX_QUANTILE_DS(d, CAST(0.1 AS FLOAT))",
            "function 'APPROX_QUANTILE_DS' is not supported with a FLOAT as argument 2",
        ),
        ("CAST(CAST(s AS DOUBLE) AS VARCHAR)", _BACK),
        ("CAST(CAST((s) AS INTEGER) AS VARCHAR)", _BACK),
        ("CAST(CAST(JSON_VALUE(j, '$.a') AS DOUBLE) AS VARCHAR)", _BACK),
        ("CAST(-1 AS CHAR(3))", _SIZED),
        ("CAST(155 AS DECIMAL(2, 0))", _SIZED),
        ("CAST(5 AS DECIMAL(9999))", _SIZED),
        ("CAST(TIMESTAMP '2024-03-10 00:00:00.123' AS TIMESTAMP(0))", _SIZED),
        ("CAST(n AS ANY)", "CAST to ANY is not supported"),
        ("__time IN (n, __time)", "function 'IN' is not supported with values of different types"),
        ("ARRAY[n, __time]", "function 'ARRAY' is not supported of BIGINT and TIMESTAMP"),
        (
            "ARRAY_TO_STRING(sa, 0.5)",
            "function 'ARRAY_TO_STRING' is not supported unless argument 2 is a string literal",
        ),
        ("STRING_TO_ARRAY(s, 1)", "function 'STRING_TO_ARRAY' is not supported unless argument 2 is a string literal"),
        ("TIME_CEIL(__time, 'P-1D')", "the period 'P-1D' is not supported: it has a sign"),
        ("DATE '2024-3-1'", "the literal DATE '2024-3-1' is not supported: write two digits, and four of a year"),
        (
            "TIMESTAMP '2024-03-10 6:30:00'",
            "the literal TIMESTAMP '2024-03-10 6:30:00' is not supported: write two digits, and four of a year",
        ),
        ("JSON_KEYS(j, '$[')", "function 'JSON_KEYS' is not supported with the path '$['"),
        (
            "CASE WHEN FALSE THEN JSON_VALUE(j, 'a') END",
            "function 'JSON_VALUE' is not supported here: JSONPath [a] is invalid, it must start with '$'",
        ),
        (
            "COALESCE('x', JSON_VALUE(j, 'a'))",
            "function 'JSON_VALUE' is not supported here: JSONPath [a] is invalid, it must start with '$'",
        ),
    ],
)
def test_what_is_valid_in_some_places_is_not_supported(refusal, expression, message):
    """Druid answers, or fails in its planner."""
    assert refusal(expression, SqlNotSupported, **TYPES) == message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("[n]", "'[' only follows ARRAY or an array in Druid SQL (line 1, column 1)"),
        ("ABS([n])", "'[' only follows ARRAY or an array in Druid SQL (line 1, column 5)"),
        ("9223372036854775807.0", "Numeric literal '9223372036854775807.0' out of range"),
        ("1.00000000000000000000", "Numeric literal '1.00000000000000000000' out of range"),
        ("JSON_VALUE(j, 'a')", "JSONPath [a] is invalid, it must start with '$'"),
        ("__time IN (n)", "Cannot apply 'IN' to arguments of type 'IN(<TIMESTAMP>, <BIGINT>)'"),
    ],
)
def test_what_druid_refuses_is_invalid(refusal, expression, message):
    """Druid's parser or validator refuses it."""
    assert refusal(expression, SqlInvalid, **TYPES) == message


@pytest.mark.parametrize(
    "expression",
    [
        *("1e300 * 1e300", "CAST('Infinity' AS DOUBLE)", "CAST('NaN' AS FLOAT)", "CAST('1e400' AS FLOAT)"),
        *("CAST(0.1 AS FLOAT) / 0e0", "CAST(1 AS FLOAT) / CAST(0 AS FLOAT)"),
    ],
)
def test_literals_beyond_a_double_fail(evaluate, expression):
    """The planner can't hold such a number; it leaves some comparisons of it out, so that this is no error there."""
    with pytest.raises(Exception, match=r" of literals is not supported: the value is beyond Druid's planner$"):
        evaluate(expression)


@pytest.mark.parametrize("call", ["ARRAY_AGG(0.5, 100000)", "STRING_AGG('a', ',')", "ANY_VALUE('a', 10)"])
def test_aggregates_that_need_a_from(refused, call):
    """Others, such as MAX, are computed."""
    name = call.partition("(")[0]
    assert refused(f"SELECT {call}") == f"not supported: function '{name}' is not supported in a SELECT without FROM"
