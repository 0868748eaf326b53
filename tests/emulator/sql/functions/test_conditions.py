# SPDX-License-Identifier: Apache-2.0
"""The types that IFNULL and NVL take; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid

TYPES = {"__time": "timestamp", "n": "long", "s": "string"}


@pytest.mark.parametrize("function", ["IFNULL", "NVL"])
@pytest.mark.parametrize(
    ("arguments", "value"), [("n, 7", 7), ("n, 0.5", 0.5), ("NULL, 7", 7), ("n > 1, TRUE", True), ("NULL, 'x'", "x")]
)
def test_first_value_that_is_not_null(evaluate, function, arguments, value):
    """Two numbers have a common type; a literal NULL has any."""
    found = evaluate(f"{function}({arguments})", n=("long", None))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("function", ["IFNULL", "NVL"])
@pytest.mark.parametrize(
    ("arguments", "types"),
    [
        ("n, s", "<BIGINT>, <VARCHAR>"),
        ("s, n", "<VARCHAR>, <BIGINT>"),
        ("__time, DATE '2024-03-10'", "<TIMESTAMP>, <DATE>"),
        ("DATE '2024-03-10', __time", "<DATE>, <TIMESTAMP>"),
        ("__time, s", "<TIMESTAMP>, <VARCHAR>"),
        ("__time, n", "<TIMESTAMP>, <BIGINT>"),
        ("n > 1, n", "<BOOLEAN>, <BIGINT>"),
    ],
)
def test_values_of_two_types_are_refused(refusal, function, arguments, types):
    """COALESCE takes some of them."""
    message = refusal(f"{function}({arguments})", SqlInvalid, **TYPES)
    assert message == f"Cannot apply '{function}' to arguments of type '{function}({types})'"
