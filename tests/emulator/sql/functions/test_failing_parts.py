# SPDX-License-Identifier: Apache-2.0
"""
Conditions with a part for which Druid fails in some rows. OBSERVED(Druid 33).

Whether Druid computes the part depends on indexes and batches: ``WHERE n > 0 AND 7 / (n - 1) > 2`` fails if one row has
a 1, and the same condition in a SELECT doesn't.
"""

from __future__ import annotations

import pytest

PART = "with a part that can fail, such as a division of whole numbers: write NULLIF(divisor, 0), or SAFE_DIVIDE"
VALUE = PART.replace("a part", "FILTER or CASE of a value")


@pytest.mark.parametrize(
    ("condition", "function"),
    [
        ("n BETWEEN 100 AND DIV(n, 0)", "BETWEEN"),
        ("n NOT BETWEEN 100 AND DIV(n, 0)", "BETWEEN"),
        ("n > 1 AND 6 / (n - 1) > 2", "AND"),
        ("n < 1 OR MOD(6, n - 1) > 2", "OR"),
        ("NOT (n < 1 OR MOD(6, n - 1) > 2)", "OR"),
        ("n IN (1, 2, DIV(n, 0))", "IN"),
        ("s = 'a' OR PARSE_JSON(s) IS NULL", "OR"),
    ],
)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {0} FROM t",
        "SELECT COUNT(*) FROM t WHERE {0}",
        "SELECT COUNT(*) FILTER (WHERE {0}) FROM t",
        "SELECT {0}, COUNT(*) FROM t GROUP BY 1",
    ],
)
def test_part_that_can_fail_after_another_is_refused(refused, sql: str, condition: str, function: str) -> None:
    """Another part may leave it out, or not."""
    assert refused(sql.format(condition)) == f"not supported: function '{function}' is not supported {PART}"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM t WHERE DIV(n, 0) > 0 AND s = 'zz'",
        "SELECT COUNT(*) FILTER (WHERE DIV(n, 0) > 0 AND n > 100) FROM t",
        "SELECT n FROM t GROUP BY n HAVING DIV(n, 0) > 1 AND n > 100",
    ],
)
def test_part_of_a_filter_is_refused_at_each_place(refused, sql: str) -> None:
    """A filter doesn't keep the order of its parts."""
    assert refused(sql) == f"not supported: function 'AND' is not supported {PART}"


@pytest.mark.parametrize(
    "value",
    [
        "SUM(6 / (n - 1)) FILTER (WHERE n > 1)",
        "COUNT(DISTINCT 6 / (n - 1)) FILTER (WHERE n > 1)",
        "SUM(CASE WHEN n > 1 THEN 6 / (n - 1) ELSE 0 END)",
    ],
)
def test_value_that_can_fail_beside_a_filter_is_refused(refused, value: str) -> None:
    """Druid computes it for rows that the filter leaves out; it makes a FILTER of CASE."""
    assert refused(value) == f"not supported: function '{value.partition('(')[0]}' is not supported {VALUE}"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT COUNT(*) FROM t WHERE n > 1 AND 14 / NULLIF(n - 5, 0) > 2", [[1]]),
        ("SELECT COUNT(*) FROM t WHERE n > 1 AND SAFE_DIVIDE(14, n - 5) > 2", [[1]]),
        ("SELECT COUNT(*) FROM t WHERE CASE WHEN n > 5 THEN 14 / (n - 5) > 2 END", [[1]]),
        ("SELECT COUNT(*) FROM t WHERE n > 1 AND n / 7 > 0 AND MOD(n, 7) = 0", [[1]]),
        ("SELECT SUM(14 / (n - 5)) FROM t WHERE n = 7", [[7]]),
        ("SELECT SUM(14 / NULLIF(n - 5, 0)) FILTER (WHERE n = 7) FROM t", [[7]]),
        ("SELECT s FROM t WHERE id < 3 GROUP BY s HAVING COUNT(*) > 0 AND SUM(n) / COUNT(*) > 1", [["a"]]),
        ("SELECT s, COALESCE(n, 6 / n) FROM t WHERE id = 4", [[None, None]]),
        ("SELECT 14 / n * (24 * 60) FROM t WHERE id = 7", [[2880]]),
        ("SELECT -1.5 * (14 / n), ROUND(14 / n * PI, 2) FROM t WHERE id = 7", [[-3.0, 6.28]]),
    ],
)
def test_what_can_not_fail_is_answered(rows_of, sql: str, rows: list[list[object]]) -> None:
    """NULLIF, SAFE_DIVIDE, a literal, CASE, or the number of a group's rows."""
    assert rows_of(sql) == rows
