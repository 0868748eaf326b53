# SPDX-License-Identifier: Apache-2.0
"""Slices of arrays. OBSERVED(Druid 33): every value, one for each row of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("ARRAY_SLICE(sa,0)", ['["a","b"]', '["b"]', "[]", None, "[null]", '["c",null,"a","a"]', '["",""]', '["x"]']),
        ("ARRAY_SLICE(sa,1)", ['["b"]', "[]", None, None, "[]", '[null,"a","a"]', '[""]', "[]"]),
        ("ARRAY_SLICE(sa,2)", ["[]", None, None, None, None, '["a","a"]', "[]", None]),
        ("ARRAY_SLICE(sa,4)", [None, None, None, None, None, "[]", None, None]),
        ("ARRAY_SLICE(sa,5)", [None, None, None, None, None, None, None, None]),
        ("ARRAY_SLICE(sa,-1)", [None, None, None, None, None, None, None, None]),
        ("ARRAY_SLICE(sa,0,1)", ['["a"]', '["b"]', "[null]", None, "[null]", '["c"]', '[""]', '["x"]']),
        (
            "ARRAY_SLICE(sa,0,3)",
            [
                '["a","b",null]',
                '["b",null,null]',
                "[null,null,null]",
                None,
                "[null,null,null]",
                '["c",null,"a"]',
                '["","",null]',
                '["x",null,null]',
            ],
        ),
        ("ARRAY_SLICE(sa,1,1)", ["[]", "[]", None, None, "[]", "[]", "[]", "[]"]),
        ("ARRAY_SLICE(sa,2,1)", [None, None, None, None, None, None, None, None]),
        ("ARRAY_SLICE(sa,0,-1)", [None, None, None, None, None, None, None, None]),
        ("ARRAY_SLICE(sa,-1,1)", [None, None, None, None, None, None, None, None]),
        (
            "ARRAY_SLICE(la,0,2)",
            ["[1,2]", "[2,null]", "[null,null]", None, "[null,null]", "[3,null]", "[0,0]", "[9007199254740993,null]"],
        ),
        (
            "ARRAY_SLICE(da,0,2)",
            ["[1.5,2.5]", "[2.0,null]", "[null,null]", None, "[null,null]", "[3.5,null]", "[0.0,-0.0]", "[0.1,null]"],
        ),
        ("ARRAY_SLICE(mv,0,1)", ['["a"]', '["b"]', None, None, None, "[null]", '[""]', '["x"]']),
        ("ARRAY_SLICE(s,0,1)", ['["a"]', '["b"]', '[""]', None, '["a,b"]', '["1,2,,3"]', '["x"]', '["é"]']),
        (
            "ARRAY_SLICE(ARRAY[s],0,2)",
            [
                '["a",null]',
                '["b",null]',
                '["",null]',
                "[null,null]",
                '["a,b",null]',
                '["1,2,,3",null]',
                '["x",null]',
                '["é",null]',
            ],
        ),
    ],
)
def test_value_for_each_row(over_rows: Callable[[str], Any], expression: str, values: list[Any]) -> None:
    """An end beyond the array adds NULLs; other positions outside of the array give NULL."""
    assert over_rows(expression) == values
