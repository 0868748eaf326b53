# SPDX-License-Identifier: Apache-2.0
"""The long units of time, and those that only some functions have; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

from datetime import datetime

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("EXTRACT(DECADE FROM TIMESTAMP '1969-12-31 23:59:59.999')", 196),
        ("EXTRACT(DECADE FROM TIMESTAMP '2000-01-01 00:00:00')", 200),
        ("EXTRACT(DECADE FROM TIMESTAMP '0001-01-01 00:00:00')", 0),
        ("EXTRACT(DECADE FROM TIMESTAMP '2001-01-01 00:00:00')", 200),
        ("EXTRACT(DECADE FROM TIMESTAMP '0100-12-31 00:00:00')", 10),
        ("EXTRACT(DECADE FROM TIMESTAMP '2021-01-03 23:00:00')", 202),
        ("EXTRACT(CENTURY FROM TIMESTAMP '1969-12-31 23:59:59.999')", 20),
        ("EXTRACT(CENTURY FROM TIMESTAMP '2000-01-01 00:00:00')", 20),
        ("EXTRACT(CENTURY FROM TIMESTAMP '0001-01-01 00:00:00')", 1),
        ("EXTRACT(CENTURY FROM TIMESTAMP '2001-01-01 00:00:00')", 21),
        ("EXTRACT(CENTURY FROM TIMESTAMP '0100-12-31 00:00:00')", 1),
        ("EXTRACT(CENTURY FROM TIMESTAMP '2021-01-03 23:00:00')", 21),
        ("EXTRACT(MILLENNIUM FROM TIMESTAMP '1969-12-31 23:59:59.999')", 2),
        ("EXTRACT(MILLENNIUM FROM TIMESTAMP '2000-01-01 00:00:00')", 2),
        ("EXTRACT(MILLENNIUM FROM TIMESTAMP '0001-01-01 00:00:00')", 1),
        ("EXTRACT(MILLENNIUM FROM TIMESTAMP '2001-01-01 00:00:00')", 3),
        ("EXTRACT(MILLENNIUM FROM TIMESTAMP '0100-12-31 00:00:00')", 1),
        ("EXTRACT(MILLENNIUM FROM TIMESTAMP '2021-01-03 23:00:00')", 3),
        ("EXTRACT(ISOYEAR FROM TIMESTAMP '1969-12-31 23:59:59.999')", 1969),
        ("EXTRACT(ISOYEAR FROM TIMESTAMP '2000-01-01 00:00:00')", 2000),
        ("EXTRACT(ISOYEAR FROM TIMESTAMP '0001-01-01 00:00:00')", 1),
        ("EXTRACT(ISOYEAR FROM TIMESTAMP '2001-01-01 00:00:00')", 2001),
        ("EXTRACT(ISOYEAR FROM TIMESTAMP '0100-12-31 00:00:00')", 100),
        ("EXTRACT(ISOYEAR FROM TIMESTAMP '2021-01-03 23:00:00')", 2021),
        ("EXTRACT(EPOCH FROM TIMESTAMP '1969-12-31 23:59:59.999')", 0),
        ("EXTRACT(EPOCH FROM TIMESTAMP '2000-01-01 00:00:00')", 946684800),
        ("EXTRACT(EPOCH FROM TIMESTAMP '0001-01-01 00:00:00')", -62135596800),
        ("EXTRACT(EPOCH FROM TIMESTAMP '2001-01-01 00:00:00')", 978307200),
        ("EXTRACT(EPOCH FROM TIMESTAMP '0100-12-31 00:00:00')", -58980009600),
        ("EXTRACT(EPOCH FROM TIMESTAMP '2021-01-03 23:00:00')", 1609714800),
    ],
)
def test_parts_of_a_time(evaluate, expression, expected):
    """A century begins in its year 1; ISOYEAR is the calendar's year."""
    assert evaluate(expression) == expected


@pytest.mark.parametrize(
    ("unit", "time", "start"),
    [
        ("microseconds", "2024-03-10 06:30:15.123", "2024-03-10 06:30:15.123"),
        ("milliseconds", "2024-03-10 06:30:15.123", "2024-03-10 06:30:15.123"),
        ("decade", "2024-03-10 06:30:15.123", "2020-01-01 00:00:00"),
        ("DECADE", "1969-12-31 23:59:59.999", "1960-01-01 00:00:00"),
        ("decade", "0100-12-31 00:00:00", "0100-01-01 00:00:00"),
        ("century", "2024-03-10 06:30:15.123", "1970-01-01 00:00:00"),
        ("century", "1969-12-31 23:59:59.999", "1870-01-01 00:00:00"),
        ("century", "0100-12-31 00:00:00", "0070-01-01 00:00:00"),
        ("millennium", "2024-03-10 06:30:15.123", "1970-01-01 00:00:00"),
        ("millennium", "1969-12-31 23:59:59.999", "0970-01-01 00:00:00"),
        ("millennium", "9999-12-31 23:59:59.999", "9970-01-01 00:00:00"),
    ],
)
def test_date_trunc_of_long_units(evaluate, unit, time, start):
    """Centuries and millennia are counted from 1970."""
    assert evaluate(f"DATE_TRUNC('{unit}', TIMESTAMP '{time}')") == datetime.fromisoformat(start)


@pytest.mark.parametrize(
    ("unit", "time", "later"),
    [
        ("DECADE", "2024-02-29 12:34:56.789", "2034-02-28 12:34:56.789"),
        ("CENTURY", "2024-02-29 12:34:56.789", "2124-02-29 12:34:56.789"),
        ("MILLENNIUM", "1969-12-31 23:59:59.999", "2969-12-31 23:59:59.999"),
    ],
)
def test_timestampadd_of_long_units(evaluate, unit, time, later):
    """They are ten, a hundred and a thousand years."""
    assert evaluate(f"TIMESTAMPADD({unit}, 1, TIMESTAMP '{time}')") == datetime.fromisoformat(later)


@pytest.mark.parametrize(
    ("expression", "function", "unit"),
    [
        ("FLOOR(__time TO DECADE)", "FLOOR", "DECADE"),
        ("CEIL(__time TO CENTURY)", "CEIL", "CENTURY"),
        ("FLOOR(__time TO ISOYEAR)", "FLOOR", "ISOYEAR"),
        ("EXTRACT(MICROSECOND FROM __time)", "EXTRACT", "MICROSECOND"),
        ("TIME_EXTRACT(__time, 'bad')", "TIME_EXTRACT", "bad"),
        ("DATE_TRUNC('isoyear', __time)", "DATE_TRUNC", "isoyear"),
        ("TIMESTAMPDIFF(DECADE, __time, __time)", "TIMESTAMPDIFF", "DECADE"),
    ],
)
def test_units_that_are_refused(refusal, expression, function, unit):
    """Druid refuses all but the last, which counts years there."""
    message = refusal(expression, SqlNotSupported, __time="timestamp")
    assert message == f"function '{function}' is not supported with the unit '{unit}'"


@pytest.mark.parametrize("rounded", ["FLOOR(DATE '2024-03-10' TO YEAR)", "CEIL(DATE '2024-03-10' TO YEAR)"])
def test_rounded_date_is_a_date(refusal, rounded):
    """TIME_FLOOR takes a TIMESTAMP only."""
    message = refusal(f"TIME_FLOOR({rounded}, 'PT1H')", SqlInvalid)
    assert message == "Cannot apply 'TIME_FLOOR' to arguments of type 'TIME_FLOOR(<DATE>, <VARCHAR>)'"


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("DAY", "2024-03-11"),
        ("WEEK", "2024-03-17"),
        ("QUARTER", "2024-06-10"),
        ("YEAR", "2025-03-10"),
        ("CENTURY", "2124-03-10"),
        ("HOUR", "2024-03-10 01:00:00"),
        ("SECOND", "2024-03-10 00:00:01"),
    ],
)
def test_date_plus_days_is_a_date(evaluate, unit, text):
    """A shorter unit makes it a timestamp. OBSERVED(Druid 33)."""
    assert evaluate(f"CONCAT(CAST(TIMESTAMPADD({unit}, 1, DATE '2024-03-10') AS VARCHAR), s)", s="") == text


@pytest.mark.parametrize("unit", ["'DAY'", '"DAY"', "'EPOCH'"])
def test_unit_in_quotes_is_refused(refusal, unit):
    """OBSERVED(Druid 33)."""
    message = refusal(f"EXTRACT({unit} FROM __time)", SqlInvalid, __time="timestamp")
    assert message == "EXTRACT needs a unit without quotes, such as DAY"
