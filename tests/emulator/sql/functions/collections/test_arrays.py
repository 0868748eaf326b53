# SPDX-License-Identifier: Apache-2.0
"""Arrays, their parts and their text. OBSERVED(Druid 33): every value, one for each row of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("sa", ['["a","b"]', '["b"]', "[]", None, "[null]", '["c",null,"a","a"]', '["",""]', '["x"]']),
        ("la", ["[1,2]", "[2]", "[]", None, "[null]", "[3,null,1,1]", "[0,0]", "[9007199254740993]"]),
        ("da", ["[1.5,2.5]", "[2.0]", "[]", None, "[null]", "[3.5,null,1.0,1.0]", "[0.0,-0.0]", "[0.1]"]),
        (
            "ARRAY[s,'x']",
            [
                '["a","x"]',
                '["b","x"]',
                '["","x"]',
                '[null,"x"]',
                '["a,b","x"]',
                '["1,2,,3","x"]',
                '["x","x"]',
                '["é","x"]',
            ],
        ),
        (
            "ARRAY[n,d]",
            [
                "[5.0,0.5]",
                "[-1.0,1.0E300]",
                "[0.0,0.0]",
                "[null,null]",
                "[2.0,-2.5]",
                "[1.0,3.0]",
                "[7.0,7.25]",
                "[9.007199254740992E15,0.1]",
            ],
        ),
        ("ARRAY[n,1]", ["[5,1]", "[-1,1]", "[0,1]", "[null,1]", "[2,1]", "[1,1]", "[7,1]", "[9007199254740993,1]"]),
        ("ARRAY_LENGTH(sa)", [2, 1, 0, None, 1, 4, 2, 1]),
        ("ARRAY_LENGTH(la)", [2, 1, 0, None, 1, 4, 2, 1]),
        ("ARRAY_LENGTH(mv)", [2, 1, None, None, None, 4, 2, 1]),
        ("ARRAY_LENGTH(s)", [1, 1, 1, None, 1, 1, 1, 1]),
        ("ARRAY_OFFSET(sa,0)", ["a", "b", None, None, None, "c", "", "x"]),
        ("ARRAY_OFFSET(sa,1)", ["b", None, None, None, None, None, "", None]),
        ("ARRAY_OFFSET(sa,-1)", [None, None, None, None, None, None, None, None]),
        ("ARRAY_OFFSET(la,1)", [2, None, None, None, None, None, 0, None]),
        ("ARRAY_OFFSET(da,1)", [2.5, None, None, None, None, None, -0.0, None]),
        ("ARRAY_OFFSET(mv,1)", ["b", None, None, None, None, "a", "", None]),
        ("ARRAY_OFFSET(s,0)", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("ARRAY_ORDINAL(sa,0)", [None, None, None, None, None, None, None, None]),
        ("ARRAY_ORDINAL(sa,1)", ["a", "b", None, None, None, "c", "", "x"]),
        ("ARRAY_ORDINAL(sa,2)", ["b", None, None, None, None, None, "", None]),
        ("ARRAY_ORDINAL(sa,-1)", [None, None, None, None, None, None, None, None]),
        ("ARRAY_ORDINAL(la,1)", [1, 2, None, None, None, 3, 0, 9007199254740993]),
        ("ARRAY_ORDINAL(s,1)", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("ARRAY_ORDINAL(mv,1)", ["a", "b", None, None, None, None, "", "x"]),
        ("ARRAY_OFFSET(ARRAY[n,d],0)", [5.0, -1.0, 0.0, None, 2.0, 1.0, 7.0, 9007199254740992.0]),
        ("ARRAY_TO_STRING(sa,',')", ["a,b", "b", "", None, None, "c,null,a,a", ",", "x"]),
        ("ARRAY_TO_STRING(sa,'')", ["ab", "b", "", None, None, "cnullaa", "", "x"]),
        ("ARRAY_TO_STRING(la,'-')", ["1-2", "2", "", None, None, "3-null-1-1", "0-0", "9007199254740993"]),
        ("ARRAY_TO_STRING(da,'-')", ["1.5-2.5", "2.0", "", None, None, "3.5-null-1.0-1.0", "0.0--0.0", "0.1"]),
        ("ARRAY_TO_STRING(mv,'-')", ["a-b", "b", None, None, None, "null-a-a-c", "-", "x"]),
        ("ARRAY_TO_STRING(s,'-')", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("STRING_TO_ARRAY(s,',')", ['["a"]', '["b"]', '[""]', None, '["a","b"]', '["1","2","","3"]', '["x"]', '["é"]']),
        (
            "STRING_TO_ARRAY(n,',')",
            ['["5"]', '["-1"]', '["0"]', None, '["2"]', '["1"]', '["7"]', '["9007199254740993"]'],
        ),
        ("ARRAY_LENGTH(STRING_TO_ARRAY(s,','))", [1, 1, 1, None, 2, 4, 1, 1]),
        ("ARRAY_OFFSET(STRING_TO_ARRAY(s,','),1)", [None, None, None, None, "b", "2", None, None]),
        ("ARRAY_TO_MV(sa)", ['["a","b"]', "b", "[]", None, None, '["c",null,"a","a"]', '["",""]', "x"]),
        (
            "ARRAY_TO_MV(la)",
            ['["1","2"]', "2", "[]", None, None, '["3",null,"1","1"]', '["0","0"]', "9007199254740993"],
        ),
        (
            "ARRAY_TO_MV(da)",
            ['["1.5","2.5"]', "2.0", "[]", None, None, '["3.5",null,"1.0","1.0"]', '["0.0","-0.0"]', "0.1"],
        ),
        ("ARRAY_TO_MV(mv)", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', "x"]),
        ("ARRAY_TO_MV(s)", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        (
            "ARRAY_TO_MV(ARRAY[s,'x'])",
            [
                '["a","x"]',
                '["b","x"]',
                '["","x"]',
                '[null,"x"]',
                '["a,b","x"]',
                '["1,2,,3","x"]',
                '["x","x"]',
                '["é","x"]',
            ],
        ),
        ("sa = ARRAY['a','b']", [True, False, False, None, False, False, False, False]),
        ("sa = sa", [True, True, True, None, True, True, True, True]),
        ("sa <> ARRAY['a','b']", [False, True, True, None, True, True, True, True]),
        ("sa IS NULL", [False, False, False, True, False, False, False, False]),
        ("sa IS NOT DISTINCT FROM ARRAY['b']", [False, True, False, False, False, False, False, False]),
        ("sa = NULL", [None, None, None, None, None, None, None, None]),
        ("la = ARRAY[1,2]", [True, False, False, None, False, False, False, False]),
        (
            "COALESCE(sa,ARRAY['z'])",
            ['["a","b"]', '["b"]', "[]", '["z"]', "[null]", '["c",null,"a","a"]', '["",""]', '["x"]'],
        ),
        ("NVL(la,ARRAY[9])", ["[1,2]", "[2]", "[]", "[9]", "[null]", "[3,null,1,1]", "[0,0]", "[9007199254740993]"]),
        (
            "CASE WHEN n > 1 THEN sa ELSE ARRAY['q'] END",
            ['["a","b"]', '["q"]', '["q"]', '["q"]', "[null]", '["q"]', '["",""]', '["x"]'],
        ),
        ("CASE WHEN n > 1 THEN sa END", ['["a","b"]', None, None, None, "[null]", None, '["",""]', '["x"]']),
        ("ARRAY_OFFSET(ARRAY['p','q'],id-3)", [None, None, "p", "q", None, None, None, None]),
        ("ARRAY_LENGTH(ARRAY[s])", [1, 1, 1, 1, 1, 1, 1, 1]),
        ("ARRAY_LENGTH(UPPER(s))", [1, 1, 1, None, 1, 1, 1, 1]),
        ("ARRAY_TO_MV(STRING_TO_ARRAY(s,','))", ["a", "b", "", None, '["a","b"]', '["1","2","","3"]', "x", "é"]),
        ("ARRAY_LENGTH(ARRAY_TO_MV(sa))", [2, 1, 0, None, 1, 4, 2, 1]),
        (
            "ARRAY['a','bc','']",
            [
                '["a","bc",""]',
                '["a","bc",""]',
                '["a","bc",""]',
                '["a","bc",""]',
                '["a","bc",""]',
                '["a","bc",""]',
                '["a","bc",""]',
                '["a","bc",""]',
            ],
        ),
        (
            "ARRAY[s,'bc','']",
            [
                '["a","bc",""]',
                '["b","bc",""]',
                '["","bc",""]',
                '[null,"bc",""]',
                '["a,b","bc",""]',
                '["1,2,,3","bc",""]',
                '["x","bc",""]',
                '["é","bc",""]',
            ],
        ),
        ("ARRAY_OFFSET(ARRAY['a','bc'],MOD(id,2))", ["bc", "a", "bc", "a", "bc", "a", "bc", "a"]),
        (
            "STRING_TO_ARRAY('a,bc',',')",
            [
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
            ],
        ),
        (
            "STRING_TO_ARRAY('bc,a',',')",
            [
                '["bc","a"]',
                '["bc","a"]',
                '["bc","a"]',
                '["bc","a"]',
                '["bc","a"]',
                '["bc","a"]',
                '["bc","a"]',
                '["bc","a"]',
            ],
        ),
        (
            "CASE WHEN n > 1 THEN ARRAY['a','bc'] ELSE sa END",
            ['["a","bc"]', '["b"]', "[]", None, '["a","bc"]', '["c",null,"a","a"]', '["a","bc"]', '["a","bc"]'],
        ),
        (
            "CASE WHEN n > 1 THEN ARRAY['a','bc'] END",
            ['["a","bc"]', None, None, None, '["a","bc"]', None, '["a","bc"]', '["a","bc"]'],
        ),
        (
            "COALESCE(sa,ARRAY['a','bc'])",
            ['["a","b"]', '["b"]', "[]", '["a","bc"]', "[null]", '["c",null,"a","a"]', '["",""]', '["x"]'],
        ),
        ("sa = ARRAY['b']", [False, True, False, None, False, False, False, False]),
        ("sa = ARRAY['a','bc']", [False, False, False, None, False, False, False, False]),
        ("CASE WHEN id > 2 THEN 'a' ELSE 'bc' END", ["bc", "bc", "a", "a", "a", "a", "a", "a"]),
        (
            "ARRAY[CASE WHEN id > 2 THEN 'a' ELSE 'bc' END, 'q']",
            ['["bc","q"]', '["bc","q"]', '["a","q"]', '["a","q"]', '["a","q"]', '["a","q"]', '["a","q"]', '["a","q"]'],
        ),
        ("ARRAY[1,2,3]", ["[1,2,3]", "[1,2,3]", "[1,2,3]", "[1,2,3]", "[1,2,3]", "[1,2,3]", "[1,2,3]", "[1,2,3]"]),
        (
            "COALESCE(ARRAY['a','bc'],sa)",
            [
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
                '["a","bc"]',
            ],
        ),
        ("ARRAY_OFFSET(ARRAY[s],0)", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("ARRAY_TO_STRING(ARRAY[s],',')", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        (
            "ARRAY_TO_MV(ARRAY[s,s])",
            [
                '["a","a"]',
                '["b","b"]',
                '["",""]',
                "[null,null]",
                '["a,b","a,b"]',
                '["1,2,,3","1,2,,3"]',
                '["x","x"]',
                '["é","é"]',
            ],
        ),
        (
            "COALESCE(sa,ARRAY[s])",
            ['["a","b"]', '["b"]', "[]", "[null]", "[null]", '["c",null,"a","a"]', '["",""]', '["x"]'],
        ),
        ("ARRAY[s] = sa", [False, True, False, None, False, False, False, False]),
        ("ARRAY[s] IS NOT DISTINCT FROM sa", [False, True, False, False, False, False, False, False]),
        (
            "CASE WHEN n > 1 THEN ARRAY[s] ELSE sa END",
            ['["a"]', '["b"]', "[]", None, '["a,b"]', '["c",null,"a","a"]', '["x"]', '["é"]'],
        ),
        ("ARRAY_LENGTH(ARRAY[s,n||'a'])", [2, 2, 2, 2, 2, 2, 2, 2]),
    ],
)
def test_value_for_each_row(over_rows: Callable[[str], Any], expression: str, values: list[Any]) -> None:
    """NULL, empty arrays, NULL elements and positions outside of the array are as in Druid."""
    assert over_rows(expression) == values


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("ARRAY[1,2]", "[1,2]"),
        ("ARRAY[1,2.5]", "[1.0,2.5]"),
        ("ARRAY[5e-324,2e-323,1e7,1.005]", "[4.9E-324,2.0E-323,1.0E7,1.005]"),
        ("ARRAY['a',NULL]", '["a",null]'),
        ("ARRAY[NULL]", "[null]"),
        ("ARRAY['']", '[""]'),
        ("ARRAY[1/2,1.0]", "[0.0,1.0]"),
        ("STRING_TO_ARRAY('a,b,',',')", '["a","b"]'),
        ("STRING_TO_ARRAY('a,b,,',',')", '["a","b"]'),
        ("STRING_TO_ARRAY(',a,b',',')", '["","a","b"]'),
        ("STRING_TO_ARRAY('',',')", '[""]'),
        ("STRING_TO_ARRAY('a.b','\\.')", '["a","b"]'),
        ("ARRAY['a','bc','']", '["a","bc",""]'),
    ],
)
def test_value_of_a_constant(constant: Callable[[str], Any], expression: str, value: Any) -> None:
    """An array of literals has the type that its elements have in common."""
    assert constant(expression) == value
