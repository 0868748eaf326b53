# SPDX-License-Identifier: Apache-2.0
"""Aggregates that collect values. OBSERVED(Druid 33): all rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator.sql.observed_rows import in_order


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT ARRAY_AGG(s) FROM t", [['["a","b","",null,"a,b","1,2,,3","x","é"]']]),
        ("SELECT ARRAY_AGG(n) FROM t", [["[5,-1,0,null,2,1,7,9007199254740993]"]]),
        ("SELECT ARRAY_AGG(d) FROM t", [["[0.5,1.0E300,0.0,null,-2.5,3.0,7.25,0.1]"]]),
        ("SELECT ARRAY_AGG(DISTINCT s) FROM t", [['[null,"","1,2,,3","a","a,b","b","x","é"]']]),
        ("SELECT ARRAY_AGG(DISTINCT n) FROM t", [["[null,-1,0,1,2,5,7,9007199254740993]"]]),
        ("SELECT ARRAY_AGG(DISTINCT d) FROM t", [["[null,-2.5,0.0,0.1,0.5,3.0,7.25,1.0E300]"]]),
        ("SELECT ARRAY_AGG(DISTINCT d*0) FROM t", [["[null,-0.0,0.0]"]]),
        (
            "SELECT ARRAY_AGG(DISTINCT CASE WHEN id=3 THEN '😀' WHEN id=7 THEN '\uff11' ELSE s END) FROM t",
            [['[null,"1,2,,3","a","a,b","b","é","😀","\uff11"]']],
        ),
        ("SELECT ARRAY_CONCAT_AGG(DISTINCT ARRAY['😀','\uff11','z',NULL]) FROM t", [['[null,"z","😀","\uff11"]']]),
        ("SELECT ARRAY_CONCAT_AGG(DISTINCT da) FROM t", [["[null,-0.0,0.0,0.1,1.0,1.5,2.0,2.5,3.5]"]]),
        ("SELECT ARRAY_AGG(s, 1000) FROM t", [['["a","b","",null,"a,b","1,2,,3","x","é"]']]),
        ("SELECT ARRAY_AGG(s) FILTER (WHERE n > 1) FROM t", [['["a","a,b","x","é"]']]),
        ("SELECT ARRAY_AGG(s) FILTER (WHERE n > 100 AND s = 'q') FROM t", [[None]]),
        ("SELECT ARRAY_AGG(s) FROM t WHERE s = 'nosuch'", [[None]]),
        ("SELECT ARRAY_AGG(n) FROM t WHERE s = 'nosuch'", [[None]]),
        ("SELECT id, ARRAY_AGG(s) FROM t WHERE s = 'nosuch' GROUP BY 1", []),
        (
            "SELECT MOD(id,2), ARRAY_AGG(s) FROM t GROUP BY 1",
            [[0, '["b",null,"1,2,,3","é"]'], [1, '["a","","a,b","x"]']],
        ),
        ("SELECT MOD(id,2), ARRAY_AGG(s) FILTER (WHERE id = 1) FROM t GROUP BY 1", [[0, None], [1, '["a"]']]),
        ("SELECT ARRAY_AGG(UPPER(s)) FROM t", [['["A","B","",null,"A,B","1,2,,3","X","É"]']]),
        ("SELECT ARRAY_CONCAT_AGG(sa) FROM t", [['["a","b","b",null,"c",null,"a","a","","","x"]']]),
        ("SELECT ARRAY_CONCAT_AGG(la) FROM t", [["[1,2,2,null,3,null,1,1,0,0,9007199254740993]"]]),
        ("SELECT ARRAY_CONCAT_AGG(DISTINCT sa) FROM t", [['[null,"","a","b","c","x"]']]),
        ("SELECT ARRAY_CONCAT_AGG(DISTINCT la) FROM t", [["[null,0,1,2,3,9007199254740993]"]]),
        ("SELECT ARRAY_CONCAT_AGG(sa) FROM t WHERE s = 'nosuch'", [[None]]),
        ("SELECT ARRAY_CONCAT_AGG(sa) FROM t WHERE id = 4", [[None]]),
        ("SELECT ARRAY_CONCAT_AGG(sa) FROM t WHERE id = 3", [["[]"]]),
        ("SELECT ARRAY_AGG(s) FROM t WHERE id = 4", [["[null]"]]),
        ("SELECT STRING_AGG(s, ',') FROM t", [["a,b,,a,b,1,2,,3,x,é"]]),
        ("SELECT STRING_AGG(s, '') FROM t", [["aba,b1,2,,3xé"]]),
        ("SELECT STRING_AGG(n, ',') FROM t", [["5,-1,0,2,1,7,9007199254740993"]]),
        ("SELECT STRING_AGG(DISTINCT s, ',') FROM t", [[",1,2,,3,a,a,b,b,x,é"]]),
        ("SELECT STRING_AGG(DISTINCT n, ',') FROM t", [["-1,0,1,2,5,7,9007199254740993"]]),
        ("SELECT STRING_AGG(s, ',', 500) FROM t", [["a,b,,a,b,1,2,,3,x,é"]]),
        ("SELECT STRING_AGG(s, ',') FROM t WHERE s = 'nosuch'", [[None]]),
        ("SELECT STRING_AGG(s, ',') FROM t WHERE id = 4", [[None]]),
        ("SELECT STRING_AGG(s, ',') FROM t WHERE id = 3", [[""]]),
        ("SELECT STRING_AGG(s, ',') FROM t WHERE id IN (3,4)", [[""]]),
        ("SELECT STRING_AGG(s, ',') FROM t WHERE id IN (1,3)", [["a,"]]),
        ("SELECT STRING_AGG(s, ',') FROM t WHERE id IN (3,7)", [[",x"]]),
        ("SELECT MOD(id,2), STRING_AGG(s, ',') FROM t GROUP BY 1", [[0, "b,1,2,,3,é"], [1, "a,,a,b,x"]]),
        (
            "SELECT id, STRING_AGG(s, ',') FROM t GROUP BY 1",
            [[1, "a"], [2, "b"], [3, ""], [4, None], [5, "a,b"], [6, "1,2,,3"], [7, "x"], [8, "é"]],
        ),
        ("SELECT MOD(id,2), STRING_AGG(s, ',') FILTER (WHERE id = 1) FROM t GROUP BY 1", [[0, None], [1, "a"]]),
        ("SELECT LISTAGG(s, ',') FROM t", [["a,b,,a,b,1,2,,3,x,é"]]),
        ("SELECT STRING_AGG(DISTINCT n, ',') FROM (SELECT n + 4 AS n FROM t)", [["11,3,4,5,6,9,9007199254740997"]]),
        ("SELECT LISTAGG(DISTINCT s, ',') FROM t", [[",1,2,,3,a,a,b,b,x,é"]]),
        ("SELECT STRING_AGG(s, ',') FROM t HAVING STRING_AGG(s, ',') = 'x'", []),
        ("SELECT ARRAY_AGG(s, 10) FROM t WHERE id = 3", [['[""]']]),
        ("SELECT ARRAY_AGG(s, 10) FROM t WHERE id = 4", [["[null]"]]),
        ("SELECT ARRAY_AGG(s, 11) FROM t WHERE id = 1", [['["a"]']]),
        ("SELECT ARRAY_AGG(s, 12) FROM t WHERE id = 8", [['["é"]']]),
        ("SELECT ARRAY_AGG(s, 17) FROM t WHERE id IN (1,2)", [['["a","b"]']]),
        ("SELECT ARRAY_AGG(n, 14) FROM t WHERE id IN (1)", [["[5]"]]),
        ("SELECT ARRAY_AGG(d, 14) FROM t WHERE id IN (1)", [["[0.5]"]]),
        ("SELECT STRING_AGG(s, ',', 17) FROM t WHERE id IN (1,2)", [["a,b"]]),
        ("SELECT STRING_AGG(s, '-----------', 17) FROM t WHERE id IN (1,2)", [["a-----------b"]]),
        ("SELECT STRING_AGG(n, ',', 11) FROM t WHERE id IN (1)", [["5"]]),
        ("SELECT ARRAY_AGG(DISTINCT s, 17) FROM t WHERE id IN (1,2)", [['["a","b"]']]),
        ("SELECT ARRAY_CONCAT_AGG(sa, 17) FROM t WHERE id IN (1)", [['["a","b"]']]),
        ("SELECT ARRAY_LENGTH(ARRAY_AGG(s)) FROM t", [[8]]),
        ("SELECT STRING_AGG('x', ',') FROM t", [["x,x,x,x,x,x,x,x"]]),
        ("SELECT ARRAY_AGG('x') FROM t", [['["x","x","x","x","x","x","x","x"]']]),
        (
            "SELECT s, ARRAY_AGG(n) FROM t GROUP BY s HAVING ARRAY_LENGTH(ARRAY_AGG(n)) = 1",
            [
                [None, "[null]"],
                ["", "[0]"],
                ["1,2,,3", "[1]"],
                ["a", "[5]"],
                ["a,b", "[2]"],
                ["b", "[-1]"],
                ["x", "[7]"],
                ["é", "[9007199254740993]"],
            ],
        ),
    ],
)
def test_values_are_collected(rows_of: Callable[[str], list[list[Any]]], query: str, rows: list[list[Any]]) -> None:
    """NULL, no rows and the limit of bytes are as in Druid."""
    assert rows_of(query) == in_order(rows)
