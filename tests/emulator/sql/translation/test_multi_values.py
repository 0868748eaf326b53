# SPDX-License-Identifier: Apache-2.0
"""Conditions and groups of multi-value strings. OBSERVED(Druid 33): all rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator.sql.observed_rows import in_order


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (
            "SELECT DISTINCT sa FROM t",
            [[None], ["[]"], ["[null]"], ['["",""]'], ['["a","b"]'], ['["b"]'], ['["c",null,"a","a"]'], ['["x"]']],
        ),
        ("SELECT id FROM t WHERE mv = 'a'", [[1], [6]]),
        ("SELECT id FROM t WHERE NOT (mv = 'a')", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE mv <> 'a'", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE mv IS NULL", [[3], [4], [5], [6]]),
        ("SELECT id FROM t WHERE mv IS NOT NULL", [[1], [2], [7], [8]]),
        ("SELECT id FROM t WHERE mv IN ('a','x')", [[1], [6], [8]]),
        ("SELECT id FROM t WHERE mv NOT IN ('a','x')", [[2], [7]]),
        ("SELECT id FROM t WHERE mv LIKE 'a%'", [[1], [6]]),
        ("SELECT id FROM t WHERE mv NOT LIKE 'a%'", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE mv > 'a'", [[1], [2], [6], [8]]),
        ("SELECT id FROM t WHERE mv BETWEEN 'b' AND 'd'", [[1], [2], [6]]),
        ("SELECT id FROM t WHERE mv = 'a' OR mv = 'x'", [[1], [6], [8]]),
        ("SELECT id FROM t WHERE mv = ''", [[7]]),
        ("SELECT id FROM t WHERE mv IS DISTINCT FROM 'a'", [[2], [3], [4], [5], [7], [8]]),
        ("SELECT id FROM t WHERE MV_CONTAINS(mv,'a')", [[1], [6]]),
        ("SELECT id FROM t WHERE MV_CONTAINS(mv,ARRAY['a',NULL])", [[6]]),
        ("SELECT id FROM t WHERE MV_CONTAINS(mv,NULL)", [[3], [4], [5], [6]]),
        ("SELECT id FROM t WHERE MV_OVERLAP(mv,ARRAY['a','x'])", [[1], [6], [8]]),
        ("SELECT id FROM t WHERE MV_OVERLAP(mv,ARRAY['a',NULL])", [[1], [3], [4], [5], [6]]),
        ("SELECT id FROM t WHERE NOT MV_OVERLAP(mv,ARRAY['a'])", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE NOT MV_CONTAINS(mv,'a')", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE ARRAY_CONTAINS(sa,'a')", [[1], [6]]),
        ("SELECT id FROM t WHERE ARRAY_CONTAINS(sa,NULL)", [[5], [6]]),
        ("SELECT id FROM t WHERE NOT ARRAY_CONTAINS(sa,'a')", [[2], [3], [5], [7], [8]]),
        ("SELECT id FROM t WHERE NOT ARRAY_OVERLAP(sa,ARRAY['a'])", [[2], [3], [5], [7], [8]]),
        ("SELECT id FROM t WHERE ARRAY_OVERLAP(sa,ARRAY['a',NULL])", [[1], [5], [6]]),
        ("SELECT id FROM t WHERE ARRAY_OVERLAP(sa,ARRAY[NULL])", [[5], [6]]),
        ("SELECT id FROM t WHERE ARRAY_CONTAINS(mv,'a')", [[1], [6]]),
        ("SELECT id FROM t WHERE NOT ARRAY_CONTAINS(mv,'a')", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE SCALAR_IN_ARRAY(s,ARRAY['a','b',NULL])", [[1], [2], [4]]),
        ("SELECT id FROM t WHERE NOT SCALAR_IN_ARRAY(s,ARRAY['a','b',NULL])", [[3], [5], [6], [7], [8]]),
        ("SELECT id FROM t WHERE sa = ARRAY['a','b']", [[1]]),
        ("SELECT id FROM t WHERE sa <> ARRAY['a','b']", [[2], [3], [5], [6], [7], [8]]),
        ("SELECT id FROM t WHERE sa IS NULL", [[4]]),
        ("SELECT id FROM t WHERE ARRAY_LENGTH(sa) = 0", [[3]]),
        ("SELECT id FROM t WHERE la = ARRAY[1,2]", [[1]]),
        ("SELECT id FROM t WHERE MV_LENGTH(mv) = 2", [[1], [7]]),
        ("SELECT id FROM t WHERE MV_CONTAINS(mv,'a') AND MV_CONTAINS(mv,'b')", [[1]]),
        ("SELECT id FROM t WHERE NOT MV_CONTAINS(mv,ARRAY['a','b'])", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE NOT MV_CONTAINS(mv,NULL)", [[1], [2], [7], [8]]),
        ("SELECT id FROM t WHERE NOT MV_OVERLAP(mv,ARRAY['a',NULL])", [[2], [7], [8]]),
        ("SELECT id FROM t WHERE mv = 'a' AND MV_CONTAINS(mv,'b')", [[1]]),
        ("SELECT id FROM t WHERE MV_LENGTH(mv) > 1 AND mv = 'a'", [[1], [6]]),
        ("SELECT id FROM t WHERE MV_OFFSET(mv,0) = 'a'", [[1]]),
        ("SELECT id FROM t WHERE mv = 'a' AND id = 1", [[1]]),
        ("SELECT id FROM t WHERE NOT (mv = 'a' OR id = 2)", [[7], [8]]),
        ("SELECT id FROM t WHERE mv NOT LIKE '%z%'", [[1], [2], [7], [8]]),
        ("SELECT id FROM t WHERE mv NOT IN ('zz')", [[1], [2], [7], [8]]),
        ("SELECT COUNT(*) FILTER (WHERE mv = 'a'), COUNT(*) FILTER (WHERE NOT (mv = 'a')) FROM t", [[2, 3]]),
        ("SELECT COUNT(DISTINCT ARRAY_LENGTH(sa)) FROM t", [[4]]),
        ("SELECT id FROM t WHERE ARRAY_CONTAINS(ARRAY['a','bc'],s)", [[1]]),
        ("SELECT id FROM t WHERE SCALAR_IN_ARRAY(s,ARRAY['a','bc'])", [[1]]),
        ("SELECT id FROM t WHERE ARRAY_OVERLAP(sa,ARRAY['a','bc'])", [[1], [6]]),
        ("SELECT id FROM t WHERE MV_OVERLAP(mv,ARRAY['a','bc'])", [[1], [6]]),
        ("SELECT id FROM t WHERE MV_CONTAINS(mv,ARRAY['b','','bc'])", []),
        ("SELECT id FROM t WHERE ARRAY_CONTAINS(ARRAY['a','b',NULL],sa)", [[1], [2], [3], [5]]),
        ("SELECT id FROM t WHERE ARRAY_CONTAINS(ARRAY['a','b'],sa)", [[1], [2], [3]]),
        ("SELECT id FROM t WHERE ARRAY_CONTAINS(ARRAY[1,2],n)", [[5], [6]]),
    ],
)
def test_condition_selects_rows(rows_of: Callable[[str], list[list[Any]]], query: str, rows: list[list[Any]]) -> None:
    """One value is enough; NOT excludes rows with a value NULL."""
    assert rows_of(query) == in_order(rows)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT mv, COUNT(*) c FROM t GROUP BY mv", [[None, 4], ["", 2], ["a", 3], ["b", 2], ["c", 1], ["x", 1]]),
        (
            "SELECT mv, COUNT(*), GROUPING(mv) FROM t GROUP BY ROLLUP(mv)",
            [[None, 4, 0], ["", 2, 0], ["a", 3, 0], ["b", 2, 0], ["c", 1, 0], ["x", 1, 0], [None, 13, 1]],
        ),
        (
            "SELECT mv, s, COUNT(*), GROUPING(mv, s) FROM t WHERE id < 4 GROUP BY GROUPING SETS((mv),(s))",
            [
                *([None, None, 1, 1], ["a", None, 1, 1], ["b", None, 2, 1]),
                *([None, "", 1, 2], [None, "a", 2, 2], [None, "b", 1, 2]),
            ],
        ),
        (
            "SELECT mv, COUNT(*) c, SUM(n) FROM t WHERE id < 8 GROUP BY mv ORDER BY c DESC, mv",
            [[None, 4, 3], ["a", 3, 7], ["", 2, 14], ["b", 2, 4], ["c", 1, 1]],
        ),
        (
            "SELECT mv, s, COUNT(*) c FROM t GROUP BY mv, s",
            [
                [None, None, 1],
                [None, "", 1],
                [None, "1,2,,3", 1],
                [None, "a,b", 1],
                ["", "x", 2],
                ["a", "1,2,,3", 2],
                ["a", "a", 1],
                ["b", "a", 1],
                ["b", "b", 1],
                ["c", "1,2,,3", 1],
                ["x", "é", 1],
            ],
        ),
        (
            "SELECT UPPER(mv), COUNT(*) c FROM t GROUP BY 1",
            [[None, 4], ["", 2], ["A", 3], ["B", 2], ["C", 1], ["X", 1]],
        ),
        (
            "SELECT MV_TO_ARRAY(mv), COUNT(*) c FROM t GROUP BY 1",
            [[None, 3], ['[null,"a","a","c"]', 1], ['["",""]', 1], ['["a","b"]', 1], ['["b"]', 1], ['["x"]', 1]],
        ),
        (
            "SELECT sa, COUNT(*) c FROM t GROUP BY sa",
            [
                [None, 1],
                ["[]", 1],
                ["[null]", 1],
                ['["",""]', 1],
                ['["a","b"]', 1],
                ['["b"]', 1],
                ['["c",null,"a","a"]', 1],
                ['["x"]', 1],
            ],
        ),
        (
            "SELECT da, COUNT(*) c FROM t GROUP BY da",
            [
                [None, 1],
                ["[]", 1],
                ["[null]", 1],
                ["[0.0,-0.0]", 1],
                ["[0.1]", 1],
                ["[1.5,2.5]", 1],
                ["[2.0]", 1],
                ["[3.5,null,1.0,1.0]", 1],
            ],
        ),
        (
            "SELECT ARRAY_TO_MV(sa), COUNT(*) c FROM t GROUP BY 1",
            [[None, 4], ["", 2], ["a", 3], ["b", 2], ["c", 1], ["x", 1]],
        ),
        ("SELECT MV_FILTER_ONLY(mv,ARRAY['a','b']), COUNT(*) c FROM t GROUP BY 1", [[None, 5], ["a", 3], ["b", 2]]),
        (
            "SELECT MV_FILTER_NONE(mv,ARRAY['a','b']), COUNT(*) c FROM t GROUP BY 1",
            [[None, 6], ["", 2], ["c", 1], ["x", 1]],
        ),
        ("SELECT MV_SLICE(mv,0,1), COUNT(*) c FROM t GROUP BY 1", [[None, 4], ["", 1], ["a", 1], ["b", 1], ["x", 1]]),
        (
            "SELECT STRING_TO_MV(s,','), COUNT(*) c FROM t GROUP BY 1",
            [[None, 1], ["", 2], ["1", 1], ["2", 1], ["3", 1], ["a", 2], ["b", 2], ["x", 1], ["é", 1]],
        ),
        (
            "SELECT mv, MAX(id) FROM t WHERE mv IN ('a','x') GROUP BY 1",
            [[None, 6], ["a", 6], ["b", 1], ["c", 6], ["x", 8]],
        ),
        ("SELECT mv, MAX(id) FROM t WHERE mv > 'a' GROUP BY 1", [[None, 6], ["a", 6], ["b", 2], ["c", 6], ["x", 8]]),
        ("SELECT mv, MAX(id) FROM t WHERE MV_CONTAINS(mv,'a') GROUP BY 1", [[None, 6], ["a", 6], ["b", 1], ["c", 6]]),
        ("SELECT mv, MAX(id) FROM t WHERE mv IS NOT NULL GROUP BY 1", [["", 7], ["a", 1], ["b", 2], ["x", 8]]),
    ],
)
def test_row_belongs_to_the_group_of_each_value(
    rows_of: Callable[[str], list[list[Any]]], query: str, rows: list[list[Any]]
) -> None:
    """An array is one key; a multi-value string has a key for each value."""
    assert rows_of(query) == in_order(rows)
