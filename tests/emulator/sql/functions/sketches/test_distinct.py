# SPDX-License-Identifier: Apache-2.0
"""Estimates and set operations; OBSERVED(Druid 33), where an HLL estimate of 8 is 8.000000139077509."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported

TYPES = {"i": "long", "s": "string"}
ROWS = list(enumerate(("5.0", "1.0", "3.0", "2.0", "4.0", None, "3.0", "-7.5", "100.0", "0.0")))


def two(sketch: str, function: str) -> str:
    return f"{function}({sketch}(s) FILTER (WHERE i < 3), {sketch}(s) FILTER (WHERE i > 1))"


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("HLL_SKETCH_ESTIMATE(DS_HLL(s))", 8.0),
        ("HLL_SKETCH_ESTIMATE(DS_HLL(s), TRUE)", 8.0),
        ("THETA_SKETCH_ESTIMATE(DS_THETA(s))", 8.0),
        (f"HLL_SKETCH_ESTIMATE({two('DS_HLL', 'HLL_SKETCH_UNION')})", 8.0),
        (f"THETA_SKETCH_ESTIMATE({two('DS_THETA', 'THETA_SKETCH_UNION')})", 8.0),
        (f"THETA_SKETCH_ESTIMATE({two('DS_THETA', 'THETA_SKETCH_INTERSECT')})", 1.0),
        (f"THETA_SKETCH_ESTIMATE({two('DS_THETA', 'THETA_SKETCH_NOT')})", 2.0),
    ],
)
def test_estimate(aggregate, expression, number):
    """The numbers are exact."""
    assert aggregate(expression, TYPES, ROWS) == number


def test_no_values(aggregate):
    """The estimate of an empty sketch is 0."""
    assert aggregate("HLL_SKETCH_ESTIMATE(DS_HLL(s))", TYPES, []) == 0.0
    assert aggregate("THETA_SKETCH_ESTIMATE(DS_THETA(s))", TYPES, []) == 0.0


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (
            "HLL_SKETCH_ESTIMATE(DS_THETA(s))",
            SqlNotSupported,
            "function 'HLL_SKETCH_ESTIMATE' is not supported unless argument 1 is a sketch of type HLLSketch",
        ),
        (
            "THETA_SKETCH_UNION(DS_THETA(s), s)",
            SqlNotSupported,
            "function 'THETA_SKETCH_UNION' is not supported unless argument 2 is a sketch of type thetaSketch",
        ),
        (
            "HLL_SKETCH_ESTIMATE(DS_HLL(s), 1)",
            SqlInvalid,
            (
                "Cannot apply 'HLL_SKETCH_ESTIMATE' to arguments of type "
                "'HLL_SKETCH_ESTIMATE(<COMPLEX<HLLSketch>>, <BIGINT>)'"
            ),
        ),
    ],
)
def test_arguments_that_are_refused(refusal, expression, error, message):
    """Sketches of one kind only."""
    assert refusal(expression, error, s="string") == message


@pytest.mark.parametrize(
    ("left", "right", "number"),
    [
        ("z", "zero", 1.0),
        ("z", "-z", 1.0),
        ("z", "s", 2.0),
        ("zero", "s", 2.0),
        ("half", "BITWISE_CONVERT_DOUBLE_TO_LONG_BITS(half)", 1.0),
        ("half", "f", 1.0),
    ],
)
def test_a_double_is_the_whole_number_with_its_bits(aggregate, left, right, number):
    """A text is no number, and -0.0 is 0.0."""
    types = {"z": "double", "zero": "long", "s": "string", "half": "double", "f": "float"}
    rows = [(0.0, 0, "0", 0.5, 0.5)]
    assert aggregate(f"HLL_SKETCH_ESTIMATE(HLL_SKETCH_UNION(DS_HLL({left}), DS_HLL({right})))", types, rows) == number


@pytest.mark.parametrize("function", ["DS_THETA", "APPROX_COUNT_DISTINCT_DS_THETA"])
def test_theta_sketch_takes_no_float(refusal, function):
    """Druid fails with these words for a column, and in some queries for an expression."""
    message = refusal(f"{function}(f)", SqlInvalid, f="float")
    assert message == "Illegal type received while theta sketch merging [class java.lang.Float]"
    message = refusal(f"{function}(f * 2)", SqlNotSupported, f="float")
    assert message == f"function '{function}' is not supported of a FLOAT"


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        *((f"APPROX_COUNT_DISTINCT{name}(x)", 1) for name in ("", "_BUILTIN", "_DS_HLL", "_DS_THETA")),
        ("HLL_SKETCH_ESTIMATE(DS_HLL(x), TRUE)", 2.0),
        ("THETA_SKETCH_ESTIMATE(DS_THETA(x))", 2.0),
        ("COUNT(DISTINCT x)", 2),
    ],
)
def test_approximate_count_of_times_counts_seconds(rows_of, expression, count):
    """A sketch of times has their milliseconds, and so has COUNT. OBSERVED(Druid 33)."""
    times = "SELECT MILLIS_TO_TIMESTAMP(id + 6) AS x FROM t WHERE id < 3"
    assert rows_of(f"SELECT {expression} FROM ({times})") == [[count]]
