# SPDX-License-Identifier: Apache-2.0
"""What Druid takes and the emulator lacks is named, and is not called invalid; every line is OBSERVED(Druid 33)."""

from __future__ import annotations

import pytest

from tests.emulator.sql.releases import SQLGLOT_30

BRACKET = "function '{0}' is not supported with the path '$['"
AS_TEXT = "function 'LATEST' is not supported with a CAST of a BOOLEAN to VARCHAR"
COMPUTED = "CAST of a text that is computed from literals to a time is not supported"
LITERAL = "function '{0}' is not supported with a literal in front of other values"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("JSON_VALUE(PARSE_JSON('{}'), '$[')", BRACKET.format("JSON_VALUE")),
        ("JSON_QUERY(PARSE_JSON('{}'), '$[')", BRACKET.format("JSON_QUERY")),
        ("ARRAY_TO_MV(d)", "function 'ARRAY_TO_MV' is not supported of a value that is no array"),
        ("MV_FILTER_ONLY(d, ARRAY['a'])", "function 'MV_FILTER_ONLY' is not supported of a value that is no text"),
        ("LPAD(s, 3, NULL)", "function 'LPAD' is not supported with the literal NULL as characters"),
        ("COUNT(s, n)", "function 'COUNT' is not supported with several values"),
        pytest.param(
            "(s LIKE 'a' ESCAPE NULL)",
            "function 'LIKE' is not supported with ESCAPE NULL",
            marks=SQLGLOT_30,
        ),
        ("LISTAGG(s, 7)", "function 'LISTAGG' is not supported unless argument 2 is a string literal"),
        ("MIN(n > 1)", "function 'MIN' is not supported for type BOOLEAN"),
        ("MAX(TRUE)", "function 'MAX' is not supported for type BOOLEAN"),
        ("BTRIM(s, NULL)", "function 'BTRIM' is not supported with the literal NULL as characters"),
        ("TRIM(BOTH NULL FROM s)", "function 'TRIM' is not supported with the literal NULL as characters"),
        # The planner computes ASIN(64), and refuses NaN.
        ("ASIN(COALESCE(64, n))", LITERAL.format("COALESCE")),
        ("ASIN(NVL(64, n))", LITERAL.format("NVL")),
        ("NVL(CAST(0.1 AS FLOAT), d)", LITERAL.format("NVL")),
        ("LATEST(CAST(n > 1 AS VARCHAR), 9)", AS_TEXT),
        ("CAST(JSON_VALUE('{}', '') AS TIMESTAMP)", COMPUTED),
    ],
)
def test_what_the_emulator_lacks_is_named(refused, expression: str, message: str) -> None:
    """A user's test that fails for it says so."""
    assert refused(expression) == f"not supported: {message}"


@pytest.mark.parametrize(
    "expression",
    ["TRIM(BOTH {0} FROM 'xyx')", "BTRIM('xyx', {0})", "LTRIM('xyx', {0})", "TRIM(TRAILING {0} FROM 'xyx')"],
)
def test_characters_that_are_null_remove_nothing(rows_of, expression: str) -> None:
    """NULL in a row, as in the fourth."""
    assert rows_of(f"SELECT {expression.format('s')} FROM t WHERE id = 4") == [["xyx"]]


@pytest.mark.parametrize("expression", ["TRIM('a', s)", "TRIM(BOTH 'a', s)", "TRIM(CONCAT(s, 'a'), s)"])
def test_comma_in_trim_is_refused(refused, expression: str) -> None:
    """It isn't in Druid's grammar."""
    message = "TRIM takes no comma: write TRIM(BOTH characters FROM text), or BTRIM(text, characters)"
    assert refused(expression) == f"invalid: {message}"


def test_comma_inside_an_argument_of_trim_is_allowed(over_rows) -> None:
    """It belongs to another function."""
    assert over_rows("TRIM(CONCAT(s, 'a'))")[:2] == ["aa", "ba"]
