# SPDX-License-Identifier: Apache-2.0
"""Functions of multi-value strings. OBSERVED(Druid 33): every value, one for each row of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("MV_TO_ARRAY(mv)", ['["a","b"]', '["b"]', None, None, None, '[null,"a","a","c"]', '["",""]', '["x"]']),
        ("MV_TO_ARRAY(s)", ['["a"]', '["b"]', '[""]', None, '["a,b"]', '["1,2,,3"]', '["x"]', '["é"]']),
        ("STRING_TO_MV(s,',')", ["a", "b", "", None, '["a","b"]', '["1","2","","3"]', "x", "é"]),
        ("MV_TO_STRING(mv,',')", ["a,b", "b", None, None, None, "null,a,a,c", ",", "x"]),
        ("MV_TO_STRING(s,',')", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("MV_TO_STRING(sa,',')", ["a,b", "b", "", None, None, "c,null,a,a", ",", "x"]),
        ("MV_TO_STRING(STRING_TO_MV(s,','),'+')", ["a", "b", "", None, "a+b", "1+2++3", "x", "é"]),
        ("MV_LENGTH(mv)", [2, 1, None, None, None, 4, 2, 1]),
        ("MV_LENGTH(s)", [1, 1, 1, None, 1, 1, 1, 1]),
        ("MV_LENGTH(sa)", [2, 1, 0, None, 1, 4, 2, 1]),
        ("MV_LENGTH(STRING_TO_MV(s,','))", [1, 1, 1, None, 2, 4, 1, 1]),
        ("MV_OFFSET(mv,0)", ["a", "b", None, None, None, None, "", "x"]),
        ("MV_OFFSET(mv,1)", ["b", None, None, None, None, "a", "", None]),
        ("MV_OFFSET(mv,-1)", [None, None, None, None, None, None, None, None]),
        ("MV_OFFSET(s,0)", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("MV_ORDINAL(mv,1)", ["a", "b", None, None, None, None, "", "x"]),
        ("MV_ORDINAL(mv,0)", [None, None, None, None, None, None, None, None]),
        ("MV_ORDINAL(s,1)", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("MV_CONTAINS(mv,'a')", [True, False, False, False, False, True, False, False]),
        ("MV_CONTAINS(mv,NULL)", [False, False, True, True, True, True, False, False]),
        ("MV_CONTAINS(mv,ARRAY['a','b'])", [True, False, False, False, False, False, False, False]),
        ("MV_CONTAINS(mv,ARRAY[NULL])", [False, False, True, True, True, True, False, False]),
        ("MV_CONTAINS(s,'a')", [True, False, False, False, False, False, False, False]),
        ("MV_OVERLAP(mv,ARRAY['a'])", [True, False, False, False, False, True, False, False]),
        ("MV_OVERLAP(mv,ARRAY['a',NULL])", [True, False, True, True, True, True, False, False]),
        ("MV_OVERLAP(mv,ARRAY[NULL])", [False, False, True, True, True, True, False, False]),
        ("MV_OVERLAP(mv,'a')", [True, False, False, False, False, True, False, False]),
        ("MV_OVERLAP(s,ARRAY['a','b'])", [True, True, False, False, False, False, False, False]),
        ("MV_OFFSET_OF(mv,'a')", [0, None, None, None, None, 1, None, None]),
        ("MV_OFFSET_OF(mv,NULL)", [None, None, None, None, None, 0, None, None]),
        ("MV_OFFSET_OF(s,'a')", [0, None, None, None, None, None, None, None]),
        ("MV_ORDINAL_OF(mv,'a')", [1, None, None, None, None, 2, None, None]),
        ("MV_ORDINAL_OF(mv,'zz')", [None, None, None, None, None, None, None, None]),
        (
            "MV_PREPEND('z',mv)",
            ['["z","a","b"]', '["z","b"]', None, None, None, '["z",null,"a","a","c"]', '["z","",""]', '["z","x"]'],
        ),
        (
            "MV_PREPEND(NULL,mv)",
            ['[null,"a","b"]', '[null,"b"]', None, None, None, '[null,null,"a","a","c"]', '[null,"",""]', '[null,"x"]'],
        ),
        (
            "MV_PREPEND(s,mv)",
            ['["a","a","b"]', '["b","b"]', None, None, None, '["1,2,,3",null,"a","a","c"]', '["x","",""]', '["é","x"]'],
        ),
        (
            "MV_APPEND(mv,'z')",
            ['["a","b","z"]', '["b","z"]', None, None, None, '[null,"a","a","c","z"]', '["","","z"]', '["x","z"]'],
        ),
        (
            "MV_APPEND(mv,NULL)",
            ['["a","b",null]', '["b",null]', None, None, None, '[null,"a","a","c",null]', '["","",null]', '["x",null]'],
        ),
        (
            "MV_APPEND(s,'z')",
            ['["a","z"]', '["b","z"]', '["","z"]', None, '["a,b","z"]', '["1,2,,3","z"]', '["x","z"]', '["é","z"]'],
        ),
        (
            "MV_CONCAT(mv,mv)",
            [
                '["a","b","a","b"]',
                '["b","b"]',
                None,
                None,
                None,
                '[null,"a","a","c",null,"a","a","c"]',
                '["","","",""]',
                '["x","x"]',
            ],
        ),
        (
            "MV_CONCAT(mv,'z')",
            ['["a","b","z"]', '["b","z"]', None, None, None, '[null,"a","a","c","z"]', '["","","z"]', '["x","z"]'],
        ),
        (
            "MV_CONCAT(mv,ARRAY['y','z'])",
            [
                '["a","b","y","z"]',
                '["b","y","z"]',
                None,
                None,
                None,
                '[null,"a","a","c","y","z"]',
                '["","","y","z"]',
                '["x","y","z"]',
            ],
        ),
        (
            "MV_CONCAT(mv,s)",
            ['["a","b","a"]', '["b","b"]', None, None, None, '[null,"a","a","c","1,2,,3"]', '["","","x"]', '["x","é"]'],
        ),
        (
            "MV_CONCAT(s,'z')",
            ['["a","z"]', '["b","z"]', '["","z"]', None, '["a,b","z"]', '["1,2,,3","z"]', '["x","z"]', '["é","z"]'],
        ),
        ("MV_SLICE(mv,0,1)", ["a", "b", None, None, None, None, "", "x"]),
        ("MV_SLICE(mv,1)", ["b", "[]", None, None, None, '["a","a","c"]', "", "[]"]),
        ("MV_SLICE(mv,-1)", [None, None, None, None, None, None, None, None]),
        ("MV_SLICE(mv,4)", [None, None, None, None, None, "[]", None, None]),
        ("MV_SLICE(mv,5)", [None, None, None, None, None, None, None, None]),
        ("MV_SLICE(s,0,1)", ["a", "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("MV_FILTER_ONLY(mv,ARRAY['a'])", ["a", None, None, None, None, '["a","a"]', None, None]),
        ("MV_FILTER_ONLY(mv,ARRAY['a',NULL])", ["a", None, None, None, None, '[null,"a","a"]', None, None]),
        ("MV_FILTER_ONLY(mv,ARRAY[''])", [None, None, None, None, None, None, '["",""]', None]),
        ("MV_FILTER_ONLY(s,ARRAY['a'])", ["a", None, None, None, None, None, None, None]),
        ("MV_FILTER_NONE(mv,ARRAY['a'])", ["b", "b", None, None, None, '[null,"c"]', '["",""]', "x"]),
        ("MV_FILTER_NONE(mv,ARRAY[NULL])", ['["a","b"]', "b", None, None, None, '["a","a","c"]', '["",""]', "x"]),
        ("MV_FILTER_NONE(mv,ARRAY['x'])", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', None]),
        ("MV_FILTER_NONE(s,ARRAY['a'])", [None, "b", "", None, "a,b", "1,2,,3", "x", "é"]),
        ("MV_LENGTH(MV_APPEND(mv,'z'))", [3, 2, None, None, None, 5, 3, 2]),
        (
            "MV_APPEND(MV_APPEND(mv,'z'),'y')",
            [
                '["a","b","z","y"]',
                '["b","z","y"]',
                None,
                None,
                None,
                '[null,"a","a","c","z","y"]',
                '["","","z","y"]',
                '["x","z","y"]',
            ],
        ),
        ("MV_FILTER_ONLY(MV_APPEND(mv,'z'),ARRAY['z'])", ["z", "z", None, None, None, "z", "z", "z"]),
        ("MV_TO_STRING(MV_FILTER_ONLY(mv,ARRAY['a']),',')", ["a", None, None, None, None, "a,a", None, None]),
        ("MV_LENGTH(MV_FILTER_ONLY(mv,ARRAY['a']))", [1, None, None, None, None, 2, None, None]),
        ("MV_LENGTH(ARRAY_TO_MV(sa))", [2, 1, 0, None, 1, 4, 2, 1]),
        ("MV_TO_STRING(ARRAY_TO_MV(la),',')", ["1,2", "2", "", None, None, "3,null,1,1", "0,0", "9007199254740993"]),
        ("ARRAY_LENGTH(MV_TO_ARRAY(mv))", [2, 1, None, None, None, 4, 2, 1]),
        ("ARRAY_CONTAINS(MV_TO_ARRAY(mv),'a')", [True, False, None, None, None, True, False, False]),
        ("MV_OFFSET(STRING_TO_MV(s,','),1)", [None, None, None, None, "b", "2", None, None]),
        (
            "MV_CONCAT(mv,sa)",
            [
                '["a","b","a","b"]',
                '["b","b"]',
                None,
                None,
                None,
                '[null,"a","a","c","c",null,"a","a"]',
                '["","","",""]',
                '["x","x"]',
            ],
        ),
        ("CASE WHEN MV_CONTAINS(mv,'a') THEN 1 ELSE 0 END", [1, 0, 0, 0, 0, 1, 0, 0]),
        ("NOT MV_CONTAINS(mv,'a')", [False, True, True, True, True, False, True, True]),
        ("MV_CONTAINS(mv,'a') IS NULL", [False, False, False, False, False, False, False, False]),
        ("COALESCE(MV_CONTAINS(mv,'a'),FALSE)", [True, False, False, False, False, True, False, False]),
        ("MV_FILTER_ONLY(mv,ARRAY['a','bc'])", ["a", None, None, None, None, '["a","a"]', None, None]),
        ("MV_OVERLAP(mv,ARRAY['a','bc'])", [True, False, False, False, False, True, False, False]),
        (
            "STRING_TO_MV('a,bc',',')",
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
            "MV_CONCAT(mv,ARRAY[s])",
            ['["a","b","a"]', '["b","b"]', None, None, None, '[null,"a","a","c","1,2,,3"]', '["","","x"]', '["x","é"]'],
        ),
    ],
)
def test_value_for_each_row(over_rows: Callable[[str], Any], expression: str, values: list[Any]) -> None:
    """A string has one value, and NULL has no values or the value NULL, depending on the function."""
    assert over_rows(expression) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("mv", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', "x"]),
        ("UPPER(mv)", ['["A","B"]', "B", None, None, None, '[null,"A","A","C"]', '["",""]', "X"]),
        ("mv || 'x'", ['["ax","bx"]', "bx", None, None, None, '[null,"ax","ax","cx"]', '["x","x"]', "xx"]),
        ("mv || s", ['["aa","ba"]', "bb", None, None, None, '[null,"a1,2,,3","a1,2,,3","c1,2,,3"]', '["x","x"]', "xé"]),
        ("SUBSTRING(mv,1,1)", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', "[null,null]", "x"]),
        (
            "CONCAT(mv,'-',s)",
            ['["a-a","b-a"]', "b-b", None, None, None, '[null,"a-1,2,,3","a-1,2,,3","c-1,2,,3"]', '["-x","-x"]', "x-é"],
        ),
        ("LOWER(mv)", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', "x"]),
        ("TRIM(mv)", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', "x"]),
        ("REPLACE(mv,'a','q')", ['["q","b"]', "b", None, None, None, '[null,"q","q","c"]', '["",""]', "x"]),
        ("REGEXP_REPLACE(mv,'a','q')", ['["q","b"]', "b", None, None, None, '[null,"q","q","c"]', '["",""]', "x"]),
        (
            "LPAD(mv,3,'-')",
            ['["--a","--b"]', "--b", None, None, None, '[null,"--a","--a","--c"]', '["---","---"]', "--x"],
        ),
        ("REPEAT(mv,2)", ['["aa","bb"]', "bb", None, None, None, '[null,"aa","aa","cc"]', '["",""]', "xx"]),
        ("REVERSE(mv)", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', "x"]),
        ("LEFT(mv,1)", ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', "x"]),
    ],
)
def test_text_function_is_applied_to_each_value(
    over_rows: Callable[[str], Any], expression: str, values: list[Any]
) -> None:
    """One value stays a string; several are JSON."""
    assert over_rows(expression) == values
