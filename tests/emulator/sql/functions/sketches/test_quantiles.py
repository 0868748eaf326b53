# SPDX-License-Identifier: Apache-2.0
"""Quantiles of few values, which Druid's sketch has all; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

import math

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import Column, SqlInvalid, SqlNotSupported, translate_expression

TYPES = {"d": "double", "n": "long"}
ROWS = [
    (None if value is None else float(value), None if value is None else int(value))
    for value in (5, 1, 3, 2, 4, None, 3, -7.5, 100, 0)
]
SKETCH = "DS_QUANTILES_SKETCH(d)"


@pytest.mark.parametrize(
    ("fraction", "value"),
    [
        ("0", -7.5),
        ("0.1", -7.5),
        ("0.1111111", -7.5),
        ("0.111111111", 0.0),
        ("0.25", 1.0),
        ("0.3333333", 1.0),
        ("0.333333333", 2.0),
        ("0.34", 2.0),
        ("0.5", 3.0),
        ("0.6666666666666666", 4.0),
        ("0.75", 4.0),
        ("0.9", 100.0),
        ("1", 100.0),
    ],
)
def test_quantile(aggregate, fraction, value):
    """The fraction of one quantile is a FLOAT; a job stores the sketch, and stored sketches are merged."""
    assert aggregate(f"APPROX_QUANTILE_DS(d, {fraction})", TYPES, ROWS) == value
    assert aggregate(f"APPROX_QUANTILE_DS(d, {fraction}, 64)", TYPES, ROWS) == value
    assert aggregate(f"DS_GET_QUANTILE({SKETCH}, {fraction})", TYPES, ROWS) == value
    for stored in ("APPROX_QUANTILE_DS(d, 0.5)", SKETCH):
        assert aggregate(stored, TYPES, ROWS, again=f"APPROX_QUANTILE_DS(m, {fraction})") == value
        assert aggregate(stored, TYPES, ROWS, again=f"DS_GET_QUANTILE(DS_QUANTILES_SKETCH(m), {fraction})") == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("APPROX_QUANTILE_DS(n, 0.5)", 3.0),
        ("APPROX_QUANTILE_DS(d, 0.5) FILTER (WHERE d > 2)", 4.0),
        ("APPROX_QUANTILE_DS(d + 1, 0.5)", 4.0),
        ("APPROX_QUANTILE_DS(CAST(CAST(n AS VARCHAR) AS DOUBLE), 0.5)", 3.0),
        (f"DS_GET_QUANTILES({SKETCH}, 0.25, 0.5, 0.75)", [1.0, 3.0, 4.0]),
        (f"DS_GET_QUANTILES({SKETCH}, 0.111111111, 0.333333333, 0.3333333333333333)", [-7.5, 1.0, 1.0]),
        ("DS_GET_QUANTILES(DS_QUANTILES_SKETCH(n), 0, 1)", [-7.0, 100.0]),
        (f"DS_RANK({SKETCH}, 3)", 6 / 9),
        (f"DS_RANK({SKETCH}, 3.5)", 6 / 9),
        (f"DS_RANK({SKETCH}, -100)", 0.0),
        (f"DS_RANK({SKETCH}, 1000)", 1.0),
        (f"DS_CDF({SKETCH}, 2, 4)", [4 / 9, 7 / 9, 1.0]),
        (f"DS_CDF({SKETCH}, -100, 0, 1000)", [0.0, 2 / 9, 1.0, 1.0]),
    ],
)
def test_functions_of_a_sketch(aggregate, expression, value):
    """A rank counts the values that are not larger."""
    assert aggregate(expression, TYPES, ROWS) == value


@pytest.mark.parametrize(
    "expression", ["APPROX_QUANTILE_DS(d, 0.5)", f"DS_GET_QUANTILE({SKETCH}, 0.5)", f"DS_RANK({SKETCH}, 0.5)"]
)
def test_no_values_give_nan(aggregate, expression):
    """Not NULL: the sketch exists and is empty."""
    assert math.isnan(aggregate(expression, TYPES, []))
    assert math.isnan(aggregate(expression, TYPES, [(None, None)]))


def test_nan_is_not_counted(aggregate):
    """DOCUMENTED in datasketches-java."""
    assert aggregate("APPROX_QUANTILE_DS(d, 1)", TYPES, [(math.nan, 1), (2.0, 1)]) == 2.0


def test_stored_type_is_the_vendors():
    """It is the data type of a measure in the Tables API."""
    columns = [Column("d", "double")]
    assert translate_expression(SKETCH, columns, storing=True).data_type == "quantilesDoublesSketch"
    assert translate_expression("APPROX_QUANTILE_DS(d, 0.5)", columns, storing=True).data_type == (
        "quantilesDoublesSketch"
    )


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("APPROX_QUANTILE_DS(d, 1.5)", SqlInvalid, "A normalized rank must be >= 0 and <= 1.0: 1.5"),
        (f"DS_GET_QUANTILE({SKETCH}, -0.5)", SqlInvalid, "A normalized rank must be >= 0 and <= 1.0: -0.5"),
        ("APPROX_QUANTILE_DS(d, 0.5, 100)", SqlInvalid, "K must be >= 2 and <= 32768 and a power of 2: 100"),
        ("APPROX_QUANTILE_DS(d, 0.5, 65536)", SqlInvalid, "K must be >= 2 and <= 32768 and a power of 2: 65536"),
        ("DS_QUANTILES_SKETCH(d, 1)", SqlInvalid, "K must be >= 2 and <= 32768 and a power of 2: 1"),
        ("APPROX_QUANTILE_DS(d, NULL)", SqlInvalid, "Illegal use of 'NULL'"),
        ("APPROX_QUANTILE_DS(d, n)", SqlInvalid, "Argument to function 'APPROX_QUANTILE_DS' must be a literal"),
        (
            "APPROX_QUANTILE_DS(d, '0.5')",
            SqlInvalid,
            "Cannot apply 'APPROX_QUANTILE_DS' to arguments of type 'APPROX_QUANTILE_DS(<DOUBLE>, <VARCHAR>)'",
        ),
        (
            f"DS_CDF({SKETCH}, 4, 2)",
            SqlInvalid,
            "Values must be unique, monotonically increasing and not NaN.",
        ),
        (
            "APPROX_QUANTILE_DS(DISTINCT d, 0.5)",
            SqlNotSupported,
            "function 'APPROX_QUANTILE_DS' is not supported with DISTINCT",
        ),
        ("APPROX_QUANTILE(d, 0.5)", SqlNotSupported, "function 'APPROX_QUANTILE' is not supported"),
        (
            "APPROX_QUANTILE_DS(s, 0.5)",
            SqlNotSupported,
            "function 'APPROX_QUANTILE_DS' is not supported with text: CAST it to a number",
        ),
        (
            "APPROX_QUANTILE_DS(CAST(d AS BIGINT), 0.5)",
            SqlNotSupported,
            (
                "function 'APPROX_QUANTILE_DS' is not supported with a CAST from a number to a number, "
                "which Druid ignores here: write FLOOR"
            ),
        ),
        (
            "DS_QUANTILES_SKETCH(NULL)",
            SqlNotSupported,
            "function 'DS_QUANTILES_SKETCH' is not supported of the literal NULL",
        ),
        (
            "DS_RANK(d, 0.5)",
            SqlNotSupported,
            "function 'DS_RANK' is not supported unless argument 1 is a sketch of type quantilesDoublesSketch",
        ),
    ],
)
def test_arguments_that_are_refused(refusal, expression, error, message):
    """Druid 33 refuses all but the text, the CAST, whose values it ignores, and NULL."""
    assert refusal(expression, error, d="double", n="long", s="string") == message


@pytest.mark.parametrize("name", ["APPROX_QUANTILE_DS(d, {0})", f"DS_GET_QUANTILES({SKETCH}, {{0}})"])
def test_quantile_of_both_zeros_fails(aggregate, name) -> None:
    """Which of them it is depends on the order of the rows; others are known."""
    rows = [(0.0, 0), (-0.0, 0), (5.0, 5)]
    assert aggregate(name.format("1.0"), TYPES, rows) in (5.0, [5.0])
    with pytest.raises(duckdb.InvalidInputException, match=r"a quantile of -0\.0 and 0\.0 is not supported"):
        aggregate(name.format("0.1"), TYPES, rows)
    assert aggregate(name.format("0.1"), TYPES, [(-0.0, 0), (5.0, 5)]) in (0.0, [0.0])
