# SPDX-License-Identifier: Apache-2.0
"""Text in UTF-16 units. All values are OBSERVED(Druid 33)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

Evaluate = Callable[..., Any]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('LENGTH("x")', 4),
        ("STRPOS(\"x\", 'b')", 4),
        ("POSITION('b' IN \"x\")", 4),
        ('REVERSE("x")', "b😀a"),
        ('REVERSE("accent")', "ét́e"),
        ("REPLACE(\"y\", '', '-')", "-a-b-"),
        ('LPAD("y", 0)', None),
        ("LPAD(\"y\", 5, '')", "ab"),
        ('RPAD("y", "n" + 3, \'xy\')', "abxyx"),
        ("POSITION('' IN \"y\" FROM 9)", 3),
        ("POSITION('b' IN \"y\" FROM -3)", 2),
        ("\"y\" LIKE 'ab!' ESCAPE '!'", True),
        ('"x" < "private"', True),
        ('GREATEST("x", "private")', "\uff11"),
        ("ICONTAINS_STRING(\"street\", 'GIEßEN')", True),
    ],
)
def test_text_is_counted_and_ordered_as_in_java(evaluate: Evaluate, expression: str, value: Any) -> None:
    """An emoji has two units, and comes before U+E000 in their order."""
    row = {"x": "a😀b", "y": "ab", "n": 2, "accent": "e\u0301té", "private": "\uff11", "street": "Gießen"}
    if "private" in expression:
        row["x"] = "😀"
    assert evaluate(expression, **row) == value


@pytest.mark.parametrize("expression", ['SUBSTRING("x", 2)', 'LEFT("x", 1)', 'RIGHT("x", 1)', 'LPAD("x", 9)'])
def test_half_of_a_character_is_refused(evaluate: Evaluate, expression: str) -> None:
    """Druid cuts an emoji into halves, which are no text."""
    function = expression.partition("(")[0]
    message = f"function '{function}' is not supported for text with characters beyond U\\+FFFF"
    with pytest.raises(duckdb.Error, match=message):
        evaluate(expression, x="a😀b")


def test_replacement_of_null_fails(evaluate: Evaluate) -> None:
    """Druid fails too."""
    with pytest.raises(
        duckdb.Error,
        match="function 'REPLACE' is not supported with NULL as text to find or as replacement, for which Druid fails",
    ):
        evaluate('REPLACE("x", \'a\', "u")', x="a", u=("string", None))
