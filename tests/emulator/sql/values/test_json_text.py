# SPDX-License-Identifier: Apache-2.0
"""Doubles as Java writes them, and JSON columns as Druid shows them."""

from __future__ import annotations

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql.values.json_text import java_double
from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (0.001, "0.001"),
        (9999999.999, "9999999.999"),
        (1e7, "1.0E7"),
        (-12345678.5, "-1.23456785E7"),
        (1710052200.123, "1.710052200123E9"),
        (2.0**53, "9.007199254740992E15"),
        (0.00015, "1.5E-4"),
        (0.00099999, "9.9999E-4"),
        (1.5e-05, "1.5E-5"),
        (-1e-07, "-1.0E-7"),
        (1.234e-300, "1.234E-300"),
    ],
)
def test_double_as_java_writes_it(connection: duckdb.DuckDBPyConnection, number: float, text: str) -> None:
    """The expected texts are those of ``Double.toString`` in Java 17."""
    assert connection.execute(f"SELECT {java_double('CAST(? AS DOUBLE)')}", [number]).fetchone() == (text,)


@pytest.mark.parametrize("number", [1e16, 2e23, float("inf"), float("nan"), 5e-324])
def test_double_whose_digits_are_uncertain(connection: duckdb.DuckDBPyConnection, number: float) -> None:
    """Java 17 writes 2E23 as 1.9999999999999998E23."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        connection.execute(f"SELECT {java_double('CAST(? AS DOUBLE)')}", [number])
    assert str(raised.value) == "Invalid Input Error: the text of a number above 2^53 or below 1E-300 is not supported"


def test_column_is_shown_as_druid_does(polaris_emulator: PolarisEmulator) -> None:
    """OBSERVED(Druid 33): a text, with numbers as Java writes them, and in the order of the source."""
    document = {"b": 1e8, "a": [1.0, {"x": None}], "t": "1e5", "p": "ü/"}
    polaris_emulator.load("t", [{"__time": "2024-03-10T06:30:00Z", "o": document}])
    rows = polaris_emulator.query("SELECT o FROM t")
    assert rows == [{"o": '{"b":1.0E8,"a":[1.0,{"x":null}],"t":"1e5","p":"ü/"}'}]
    assert polaris_emulator.query("SELECT DISTINCT o FROM t") == rows
    assert polaris_emulator.query("SELECT COUNT(o) AS n FROM t WHERE JSON_VALUE(o, '$.b' RETURNING DOUBLE) > 1") == [
        {"n": 1}
    ]
