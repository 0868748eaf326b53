# SPDX-License-Identifier: Apache-2.0
"""UNNEST in a FROM clause. OBSERVED(Druid 33): all rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator.sql.observed_rows import in_order


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT x FROM UNNEST(ARRAY[1,2,3]) AS u(x)", [[1], [2], [3]]),
        ("SELECT * FROM UNNEST(ARRAY['a',NULL,'']) AS u(x)", [["a"], [None], [""]]),
        ("SELECT * FROM UNNEST(ARRAY[1,2]) AS u", [[1], [2]]),
        ("SELECT * FROM UNNEST(ARRAY[1,2])", [[1], [2]]),
        (
            "SELECT id, x FROM t CROSS JOIN UNNEST(sa) AS u(x)",
            [
                [1, "a"],
                [1, "b"],
                [2, "b"],
                [5, None],
                [6, "c"],
                [6, None],
                [6, "a"],
                [6, "a"],
                [7, ""],
                [7, ""],
                [8, "x"],
            ],
        ),
        (
            "SELECT id, x FROM t, UNNEST(sa) AS u(x)",
            [
                [1, "a"],
                [1, "b"],
                [2, "b"],
                [5, None],
                [6, "c"],
                [6, None],
                [6, "a"],
                [6, "a"],
                [7, ""],
                [7, ""],
                [8, "x"],
            ],
        ),
        (
            "SELECT id, x FROM t, UNNEST(la) AS u(x)",
            [
                [1, 1],
                [1, 2],
                [2, 2],
                [5, None],
                [6, 3],
                [6, None],
                [6, 1],
                [6, 1],
                [7, 0],
                [7, 0],
                [8, 9007199254740993],
            ],
        ),
        (
            "SELECT id, x FROM t, UNNEST(MV_TO_ARRAY(mv)) AS u(x)",
            [
                [1, "a"],
                [1, "b"],
                [2, "b"],
                [3, None],
                [4, None],
                [5, None],
                [6, None],
                [6, "a"],
                [6, "a"],
                [6, "c"],
                [7, ""],
                [7, ""],
                [8, "x"],
            ],
        ),
        (
            "SELECT id, x FROM t, UNNEST(STRING_TO_ARRAY(s,',')) AS u(x)",
            [
                [1, "a"],
                [2, "b"],
                [3, ""],
                [5, "a"],
                [5, "b"],
                [6, "1"],
                [6, "2"],
                [6, ""],
                [6, "3"],
                [7, "x"],
                [8, "é"],
            ],
        ),
        ("SELECT id, x FROM t, UNNEST(ARRAY[n,id]) AS u(x) WHERE id < 3", [[1, 5], [1, 1], [2, -1], [2, 2]]),
        (
            "SELECT x, COUNT(*) FROM t, UNNEST(sa) AS u(x) GROUP BY x",
            [[None, 2], ["", 2], ["a", 3], ["b", 2], ["c", 1], ["x", 1]],
        ),
        ("SELECT x, COUNT(*), SUM(n) FROM t, UNNEST(sa) AS u(x) WHERE x = 'a' GROUP BY x", [["a", 3, 7]]),
        ("SELECT id, x FROM t, UNNEST(sa) AS u(x) WHERE x IS NULL", [[5, None], [6, None]]),
        (
            "SELECT id, x, y FROM t, UNNEST(sa) AS u(x), UNNEST(la) AS w(y) WHERE id = 1",
            [[1, "a", 1], [1, "a", 2], [1, "b", 1], [1, "b", 2]],
        ),
        (
            "SELECT id, x FROM t AS t CROSS JOIN UNNEST(t.sa) AS u(x)",
            [
                [1, "a"],
                [1, "b"],
                [2, "b"],
                [5, None],
                [6, "c"],
                [6, None],
                [6, "a"],
                [6, "a"],
                [7, ""],
                [7, ""],
                [8, "x"],
            ],
        ),
        (
            "SELECT t.id, sa FROM t AS t CROSS JOIN UNNEST(t.sa) AS u",
            [
                [1, '["a","b"]'],
                [1, '["a","b"]'],
                [2, '["b"]'],
                [5, "[null]"],
                [6, '["c",null,"a","a"]'],
                [6, '["c",null,"a","a"]'],
                [6, '["c",null,"a","a"]'],
                [6, '["c",null,"a","a"]'],
                [7, '["",""]'],
                [7, '["",""]'],
                [8, '["x"]'],
            ],
        ),
        (
            "SELECT id, u FROM t AS t CROSS JOIN UNNEST(t.sa) AS u",
            [
                [1, "a"],
                [1, "b"],
                [2, "b"],
                [5, None],
                [6, "c"],
                [6, None],
                [6, "a"],
                [6, "a"],
                [7, ""],
                [7, ""],
                [8, "x"],
            ],
        ),
        (
            "SELECT id, x FROM (SELECT id, sa FROM t WHERE id < 3) t, UNNEST(t.sa) AS u(x)",
            [[1, "a"], [1, "b"], [2, "b"]],
        ),
        (
            "SELECT * FROM (SELECT id, sa FROM t WHERE id < 3) t, UNNEST(t.sa) AS u(x)",
            [[1, '["a","b"]', "a"], [1, '["a","b"]', "b"], [2, '["b"]', "b"]],
        ),
        ("SELECT COUNT(*), COUNT(x) FROM t, UNNEST(sa) AS u(x)", [[11, 9]]),
        ("SELECT id, x FROM t, UNNEST(ARRAY['p','q']) AS u(x) WHERE id = 1", [[1, "p"], [1, "q"]]),
        ("SELECT id, x+1 FROM t, UNNEST(la) AS u(x) WHERE x > 1", [[1, 3], [2, 3], [6, 4], [8, 9007199254740994]]),
        (
            "SELECT x, COUNT(*) FROM t, UNNEST(sa) AS u(x) WHERE x <> 'a' GROUP BY x",
            [["", 2], ["b", 2], ["c", 1], ["x", 1]],
        ),
        (
            "SELECT id, x FROM t, UNNEST(sa) AS u(x) WHERE x IN ('a','b')",
            [[1, "a"], [1, "b"], [2, "b"], [6, "a"], [6, "a"]],
        ),
        (
            "SELECT id, x FROM t, UNNEST(sa) AS u(x) WHERE NOT (x = 'a')",
            [[1, "b"], [2, "b"], [6, "c"], [7, ""], [7, ""], [8, "x"]],
        ),
        ("SELECT id, x FROM t, UNNEST(sa) AS u(x) WHERE UPPER(x) = 'A'", [[1, "a"], [6, "a"], [6, "a"]]),
        (
            "SELECT id, x FROM t, UNNEST(MV_TO_ARRAY(s)) AS u(x)",
            [[1, "a"], [2, "b"], [3, ""], [4, None], [5, "a,b"], [6, "1,2,,3"], [7, "x"], [8, "é"]],
        ),
        (
            "SELECT id, x FROM t, UNNEST(MV_TO_ARRAY(mv)) AS u(x) WHERE x IS NULL",
            [[3, None], [4, None], [5, None], [6, None]],
        ),
        (
            "SELECT id, x FROM t, UNNEST(ARRAY_CONCAT(MV_TO_ARRAY(mv),sa)) AS u(x)",
            [
                [1, "a"],
                [1, "b"],
                [1, "a"],
                [1, "b"],
                [2, "b"],
                [2, "b"],
                [6, None],
                [6, "a"],
                [6, "a"],
                [6, "c"],
                [6, "c"],
                [6, None],
                [6, "a"],
                [6, "a"],
                [7, ""],
                [7, ""],
                [7, ""],
                [7, ""],
                [8, "x"],
                [8, "x"],
            ],
        ),
        ("SELECT id, x FROM t, UNNEST(sa) AS u(x) WHERE id = 1 OR x = 'c'", [[1, "a"], [1, "b"], [6, "c"]]),
        ("SELECT x FROM UNNEST(ARRAY['a','bc','']) AS u(x)", [["a"], ["bc"], [""]]),
        ("SELECT id, x FROM t, UNNEST(ARRAY['a','bc','']) AS u(x) WHERE id = 1", [[1, "a"], [1, "bc"], [1, ""]]),
        ("SELECT x, COUNT(*) FROM t, UNNEST(STRING_TO_ARRAY(s,',')) AS u(x) WHERE x = 'a' GROUP BY x", [["a", 2]]),
        (
            "SELECT x, COUNT(*) FROM t, UNNEST(STRING_TO_ARRAY(s,',')) AS u(x) GROUP BY x",
            [["", 2], ["1", 1], ["2", 1], ["3", 1], ["a", 2], ["b", 2], ["x", 1], ["é", 1]],
        ),
        (
            "SELECT id, x FROM t, UNNEST(STRING_TO_ARRAY(s,',')) AS u(x) WHERE x <> 'a' AND id > 2",
            [[3, ""], [5, "b"], [6, "1"], [6, "2"], [6, ""], [6, "3"], [7, "x"], [8, "é"]],
        ),
        (
            "SELECT x, COUNT(*) FROM t, UNNEST(MV_TO_ARRAY(mv)) AS u(x) WHERE x IN ('a','b') GROUP BY x",
            [["a", 3], ["b", 2]],
        ),
        ("SELECT x, COUNT(*) FROM t, UNNEST(MV_TO_ARRAY(mv)) AS u(x) WHERE x IS NULL GROUP BY x", [[None, 4]]),
        (
            "SELECT x, COUNT(*) FROM t, UNNEST(MV_TO_ARRAY(mv)) AS u(x) GROUP BY x",
            [[None, 4], ["", 2], ["a", 3], ["b", 2], ["c", 1], ["x", 1]],
        ),
        ("SELECT x, COUNT(*) FROM t, UNNEST(ARRAY['a','b']) AS u(x) WHERE x = 'a' GROUP BY x", [["a", 8]]),
        ("SELECT x, COUNT(*) FROM t, UNNEST(ARRAY['a','b']) AS u(x) WHERE x IN ('a','c') GROUP BY x", [["a", 8]]),
        ("SELECT x, COUNT(*) FROM t, UNNEST(ARRAY[s,'b']) AS u(x) WHERE x = 'b' GROUP BY x", [["b", 9]]),
        ("SELECT x, COUNT(*) FROM t, UNNEST(ARRAY_CONCAT(sa,sa)) AS u(x) WHERE x = 'b' GROUP BY x", [["b", 4]]),
        ("SELECT x, COUNT(*) FROM UNNEST(ARRAY['a','b']) AS u(x) WHERE x = 'b' GROUP BY x", [["b", 1]]),
        (
            "SELECT x, COUNT(*) FROM t, UNNEST(ARRAY_APPEND(sa,'q')) AS u(x) WHERE x IN ('q','a') GROUP BY x",
            [["a", 3], ["q", 7]],
        ),
        ("SELECT id, x FROM t, UNNEST(ARRAY_SLICE(sa,0,1)) AS u(x) WHERE x IS NULL", [[3, None], [5, None]]),
        (
            "SELECT u.x, t.s, COUNT(*) FROM t t, UNNEST(t.sa) AS u(x) WHERE t.id > 1 AND u.x IN ('a','b') GROUP BY 1,2",
            [["a", "1,2,,3", 2], ["b", "b", 1]],
        ),
        (
            "SELECT x, SUM(y) FROM t t, UNNEST(t.sa) AS u(x), UNNEST(t.la) AS w(y) GROUP BY 1",
            [[None, 5], ["", 0], ["a", 13], ["b", 5], ["c", 5], ["x", 9007199254740993]],
        ),
    ],
)
def test_rows_of_an_array(rows_of: Callable[[str], list[list[Any]]], query: str, rows: list[list[Any]]) -> None:
    """NULL and empty arrays have no row."""
    assert rows_of(query) == in_order(rows)
