# SPDX-License-Identifier: Apache-2.0
"""A user's column may have any name: none is taken for a parameter of the SQL that an expression becomes."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

EMULATOR = Path(__file__).resolve().parents[3] / "airflow_provider_polaris" / "emulator"
#: Words that a column may well be called, and that name what a function works on.
NAMES = ("v", "value", "values", "number", "part", "found", "token", "keys", "digit", "sum", "a", "b", "s")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("expression", "value", "result"),
    [
        ('CAST("{}" AS VARCHAR)', 0.00025, "2.5E-4"),
        ('CAST("{}" AS BIGINT)', "12.5", 12),
        ('PARSE_LONG("{}", 16)', "0xFF", 255),
        ("JSON_OBJECT('k': \"{}\")", 0.5, '{"k":0.5}'),
        ('TO_JSON_STRING(PARSE_JSON("{}"))', '{"k":[0.5,1]}', '{"k":[0.5,1]}'),
        ("JSON_VALUE(\"{}\", '$.k' RETURNING DOUBLE)", ("json", '{"k":"0.5"}'), 0.5),
        ("JSON_VALUE(\"{}\", '$.tags[0].k')", ("json", '{"tags":[{"k":"x"}]}'), "x"),
        ("JSON_KEYS(\"{}\", '$.k')", ("json", '{"k":[7,8]}'), ["0", "1"]),
    ],
)
def test_value_over_a_column_of_any_name(
    evaluate: Callable[..., Any], name: str, expression: str, value: Any, result: Any
) -> None:
    """The value is that of a column with another name."""
    assert evaluate(expression.format(name), **{name: value}) == result


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ('THETA_SKETCH_ESTIMATE(THETA_SKETCH_NOT(DS_THETA(n), DS_THETA("{}")))', 1.0),
        ('DS_GET_QUANTILE(DS_QUANTILES_SKETCH("{}"), 0.5)', 3.0),
        ('DS_RANK(DS_QUANTILES_SKETCH("{}"), 3)', 2 / 3),
        ('APPROX_QUANTILE_DS("{}", 0.5)', 3.0),
        ('VAR_POP("{}")', 2 / 3),
    ],
)
def test_aggregate_over_a_column_of_any_name(
    aggregate: Callable[..., Any], name: str, expression: str, result: Any
) -> None:
    """The value is that of a column with another name."""
    rows = [(1, 2), (2, 3), (3, 4)]
    assert aggregate(expression.format(name), {"n": "long", name: "long"}, rows) == pytest.approx(result)


def _lambda_parameters() -> Iterator[str]:
    """Yield the parameters of all DuckDB lambdas, which are in strings."""
    for source in EMULATOR.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for names in re.findall(r"\blambda (\w+(?:, \w+)*):", node.value):
                    yield from names.split(", ")


def test_parameters_of_duckdbs_lambdas_have_no_name_of_a_column() -> None:
    """They begin with two underscores: a column of the same name would be taken for the parameter, or refused."""
    found = set(_lambda_parameters())
    assert len(found) > 20
    assert {name for name in found if not name.startswith("__")} == set()
