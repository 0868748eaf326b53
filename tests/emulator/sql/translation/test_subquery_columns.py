# SPDX-License-Identifier: Apache-2.0
"""Columns of subqueries are no other values than the expressions that they are; every line is OBSERVED(Druid 33)."""

from __future__ import annotations

import pytest

MIXED = "GREATEST or LEAST of whole numbers and others"
REAL = "CEIL, FLOOR, TRUNCATE of a whole number, CENTURY or MILLENNIUM"
BACK = "CAST of a CAST to a number back to VARCHAR is not supported: use CONCAT"
NUMBERS = "CAST of a CAST between numbers is not supported: use FLOOR or TRUNCATE inside"
IGNORED = "is not supported with a CAST to a number, which Druid ignores here: write FLOOR"


@pytest.mark.parametrize("tail", ["", " LIMIT 9", " UNION ALL SELECT {inner} FROM t"])
@pytest.mark.parametrize(
    ("outer", "inner", "message"),
    [
        ("CAST({0} AS VARCHAR)", "GREATEST(n, d)", f"CAST of {MIXED} is not supported"),
        (
            "CONCAT({0}, '')",
            "LEAST(n, d)",
            f"function 'CONCAT' is not supported of {MIXED}: CAST the whole numbers to DOUBLE",
        ),
        ("CAST({0} AS VARCHAR)", "TRUNCATE(n)", f"CAST of {REAL} to VARCHAR is not supported"),
        ("CONCAT({0}, '')", "CEIL(n)", f"function 'CONCAT' is not supported of {REAL}: leave it out"),
        (
            "CAST({0} AS BIGINT) / 2 * 2",
            "FLOOR(n)",
            f"function '/' is not supported of {REAL}: leave it out",
        ),
        ("CAST({0} AS VARCHAR)", "CAST(s AS BIGINT)", BACK),
        ("CAST({0} AS DOUBLE)", "CAST(d AS BIGINT)", NUMBERS),
        ("COUNT(DISTINCT {0})", "CAST(s AS DOUBLE)", f"function 'COUNT' {IGNORED}"),
        (
            "APPROX_QUANTILE_DS({0}, 0.5)",
            "CAST(d AS BIGINT)",
            (
                "function 'APPROX_QUANTILE_DS' is not supported with a CAST from a number to a number, which Druid "
                "ignores here: write FLOOR"
            ),
        ),
        (
            "STRING_AGG({0}, ',')",
            "CAST(d AS BIGINT)",
            "function 'STRING_AGG' is not supported over a CAST to a number",
        ),
        ("BIT_OR({0})", "CAST(s AS BIGINT)", "function 'BIT_OR' is not supported over a CAST"),
    ],
)
def test_expression_is_refused_in_a_subquery_too(refused, outer: str, inner: str, message: str, tail: str) -> None:
    """Druid's planner puts it in place of the column."""
    sub = f"SELECT {inner} AS x FROM t{tail.format(inner=inner)}"
    assert refused(f"SELECT {outer.format(inner)} FROM t") == f"not supported: {message}"
    assert refused(f"SELECT {outer.format('x')} FROM ({sub})") == f"not supported: {message}"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "SELECT {0}(x) FROM (SELECT DS_GET_QUANTILE(DS_QUANTILES_SKETCH(n), 0.5) AS x FROM t)",
            "function 'CEIL' is not supported of an estimate of sketches",
        ),
        (
            "SELECT CAST(x AS VARCHAR) FROM (SELECT HLL_SKETCH_ESTIMATE(DS_HLL(n)) AS x FROM t)",
            "CAST of an estimate of sketches to VARCHAR is not supported",
        ),
        (
            "SELECT CONCAT((SELECT CEIL(MAX(n)) FROM t), 'a') FROM t",
            f"function 'CONCAT' is not supported of {REAL}: leave it out",
        ),
    ],
)
def test_estimate_and_scalar_subquery_are_refused_too(refused, sql: str, message: str) -> None:
    """A mark stays with the value."""
    assert refused(sql.format("CEIL")) == f"not supported: {message}"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT x FROM (SELECT CAST(id * 3000000000 AS INTEGER) AS x FROM t WHERE id IN (1, 2, 5))",
            [[-1294967296], [1705032704], [2115098112]],
        ),
        ("SELECT x FROM (SELECT GREATEST(n, d) AS x FROM t WHERE id = 1)", [[5.0]]),
        ("SELECT x + 0.5 FROM (SELECT CEIL(d) AS x FROM t WHERE id = 1)", [[1.5]]),
    ],
)
def test_column_of_a_subquery_is_shown_as_its_expression(rows_of, sql: str, rows: list[list[object]]) -> None:
    """An INTEGER has 32 bits in the result."""
    assert rows_of(sql) == rows
