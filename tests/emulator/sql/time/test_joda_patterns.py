# SPDX-License-Identifier: Apache-2.0
"""Forms of ISO 8601 that TIME_PARSE reads in Druid 33, and those of them that the emulator refuses."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import Column, translate_expression


def parsed(text: str) -> object:
    """Compute ``TIME_PARSE`` of a text in a column."""
    expression = translate_expression("TIME_PARSE(w)", [Column("w", "string")], storing=False)
    with duckdb.connect() as connection:
        row = connection.execute(f"SELECT {expression.sql} FROM (SELECT CAST(? AS VARCHAR) AS w)", [text]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-W10-1", "2024-03-04"),
        ("2024-W10", "2024-03-04"),
        ("2024-060", "2024-02-29"),
        ("2024-6", "2024-06-01"),
        ("4-1-1", "0004-01-01"),
        ("2024-60", None),
    ],
)
def test_dates_without_time(text, time):
    """OBSERVED(Druid 33)."""
    assert parsed(text) == (datetime.fromisoformat(time) if time else None)


@pytest.mark.parametrize(
    "text", ["24-W10-1", "24-W10", "4-W1-1", "24-060", "24-060T05:00", "2024-W1-1", "2024-W1", "2024-03-10T06.5"]
)
def test_forms_that_are_refused(text):
    """Druid reads all of them, so NULL would be another value."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        parsed(text)
    assert str(raised.value) == (
        f"Invalid Input Error: function 'TIME_PARSE' is not supported with this form of ISO 8601: {text}"
    )


@pytest.mark.parametrize("pattern", [None, "'yyyy-MM-dd HH:mm:ss ZZ'"])
def test_text_is_matched_once(pattern):
    """DuckDB plans an expression that is repeated twenty times for longer than it parses some thousand rows."""
    arguments = "w" if pattern is None else f"w, {pattern}"
    sql = translate_expression(f"TIME_PARSE({arguments})", [Column("w", "string")], storing=False).sql
    assert sql.count("regexp_extract(") == 1
