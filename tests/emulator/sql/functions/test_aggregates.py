# SPDX-License-Identifier: Apache-2.0
"""Aggregates: what a query shows, what a job stores, and that stored forms roll up to what one pass would give."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.sql import Column, SqlInvalid, SqlNotSupported, translate_expression

TYPES = {"__time": "timestamp", "city": "string", "n": "long", "d": "double"}
NOON = datetime.fromisoformat("2024-06-05 12:00")
ROWS = [
    (NOON, "rome", 10, 1.5),
    (NOON + timedelta(hours=2), "oslo", 20, 2.5),
    (NOON - timedelta(hours=1), "rome", 40, None),
    (NOON + timedelta(hours=1), None, None, 4.0),
]


@pytest.mark.parametrize(
    ("expression", "expected", "of_nothing"),
    [
        ("COUNT(*)", 4, 0),
        ('COUNT("city")', 3, 0),
        ('COUNT(DISTINCT "city")', 2, 0),
        ('SUM("n")', 70, None),
        ('SUM("d")', 8.0, None),
        ('MIN("n")', 10, None),
        ('MAX("n")', 40, None),
        ('MAX("d")', 4.0, None),
        ('MIN("__time")', NOON - timedelta(hours=1), None),
        ('AVG("n")', 70 / 3, None),
        ('SUM("n") / COUNT("n")', 23, None),
        ('VAR_POP("n")', 1400 / 9, None),
        ('VARIANCE("n")', 700 / 3, None),
        ('VAR_SAMP("n")', 700 / 3, None),
        ('STDDEV_POP("n")', (1400 / 9) ** 0.5, None),
        ('STDDEV("n")', (700 / 3) ** 0.5, None),
        ('VAR_SAMP("n") FILTER (WHERE "n" = 10)', 0.0, None),
        ('APPROX_COUNT_DISTINCT("city")', 2, 0),
        ('APPROX_COUNT_DISTINCT_DS_HLL("city")', 2, 0),
        ("APPROX_COUNT_DISTINCT_DS_HLL(\"city\", 12, 'HLL_4')", 2, 0),
        ('APPROX_COUNT_DISTINCT_DS_THETA("n")', 3, 0),
        ('EARLIEST("city")', "rome", None),
        ('LATEST("city")', "oslo", None),
        ('LATEST("n")', 20, None),
        ('EARLIEST("city", 2)', "ro", None),
        ('EARLIEST_BY("city", TIME_SHIFT("__time", \'P1D\', 1))', "rome", None),
        ('LATEST("city") FILTER (WHERE "n" > 20)', "rome", None),
        ('LATEST_BY("city", CASE WHEN "n" = 10 THEN NULL ELSE "__time" END)', "oslo", None),
        ('ANY_VALUE("n")', 10, None),
        ("COUNT(*) FILTER (WHERE \"city\" = 'rome')", 2, 0),
        ('SUM("n" * 2) FILTER (WHERE "city" = \'rome\') + 1', 101, None),
        ('SUM(CASE WHEN "city" = \'rome\' THEN "n" ELSE 0 END)', 50, None),
    ],
)
def test_aggregate_in_query_value(aggregate, expression, expected, of_nothing):
    """Each aggregate over four rows, and over none: counts are 0, everything else is NULL."""
    value = aggregate(expression, TYPES, ROWS)
    assert value == pytest.approx(expected) if isinstance(expected, float) else value == expected
    assert aggregate(expression, TYPES, []) == of_nothing


@pytest.mark.parametrize(
    ("stored", "again", "expected"),
    [
        ("COUNT(*)", 'SUM("m")', 4),
        ('SUM("n")', 'SUM("m")', 70),
        ('MAX("d")', 'MAX("m")', 4.0),
        ('COUNT(DISTINCT "city")', 'APPROX_COUNT_DISTINCT_DS_HLL("m")', 2),
        ('APPROX_COUNT_DISTINCT_DS_HLL("n")', 'COUNT(DISTINCT "m")', 3),
        ('APPROX_COUNT_DISTINCT_DS_HLL("__time")', 'APPROX_COUNT_DISTINCT_DS_HLL("m")', 4),
        ('APPROX_COUNT_DISTINCT_DS_THETA("city")', 'APPROX_COUNT_DISTINCT_DS_THETA("m")', 2),
        ('DS_HLL("city")', 'APPROX_COUNT_DISTINCT_DS_HLL("m")', 2),
        ('VARIANCE("n")', 'VARIANCE("m")', 700 / 3),
        ('VAR_POP("n")', 'VAR_SAMP("m")', 700 / 3),
        ('VARIANCE("n")', 'STDDEV_POP("m")', (1400 / 9) ** 0.5),
        ('EARLIEST("city")', 'EARLIEST("m")', "rome"),
        ('LATEST("city")', 'LATEST("m")', "oslo"),
        ('LATEST_BY("city", "__time")', 'LATEST("m", 2)', "oslo"),
        ('LATEST("n")', 'MAX("m")', 20),
        ('ANY_VALUE("n")', 'ANY_VALUE("m")', 10),
        ('COUNT(DISTINCT "city") FILTER (WHERE "n" > 15)', 'APPROX_COUNT_DISTINCT_DS_HLL("m")', 2),
    ],
)
def test_aggregate_stored_in_parts_rolls_up_to_the_whole(aggregate, stored, again, expected):
    """Two jobs store a part each; rolled up they give what one pass over all rows gives."""
    assert aggregate(stored, TYPES, ROWS, again=again) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("stored", "again", "expected"),
    [
        ('COUNT(DISTINCT "city")', 'APPROX_COUNT_DISTINCT_DS_HLL("m")', 1),
        ('VARIANCE("n")', 'VARIANCE("m")', 0.0),
        ('EARLIEST("city")', 'EARLIEST("m")', "rome"),
        ('SUM("n")', 'SUM("m")', 10),
    ],
)
def test_aggregate_stored_of_no_rows_changes_nothing(aggregate, stored, again, expected):
    """A part without rows rolls up with a part of one row to that row."""
    assert aggregate(stored, TYPES, ROWS[:1], again=again) == expected


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.integers(min_value=-(10**6), max_value=10**6), min_size=2, max_size=12))
def test_variance_of_parts_equals_variance_of_all(aggregate_of_longs, values):
    """Merging counts, means and squared differences loses nothing, also far from zero."""
    whole, merged = aggregate_of_longs(values)
    assert merged == pytest.approx(whole, rel=1e-9, abs=1e-4)


@pytest.fixture(scope="module")
def aggregate_of_longs(connection):
    """Compute a population variance in one pass and through two stored parts."""
    column = [Column("n", "long")]
    stored = translate_expression('VAR_POP("n")', column, storing=True)
    again = translate_expression('VAR_POP("m")', [Column("m", stored.data_type)], storing=False)
    direct = translate_expression('VAR_POP("n")', column, storing=False)

    def run(values):
        shifted = [value + 10**7 for value in values]
        rows = ", ".join(f"(CAST({value} AS BIGINT), {at})" for at, value in enumerate(shifted))
        rows = f"(VALUES {rows}) AS v(n, i)"
        whole = connection.execute(f"SELECT {direct.sql} FROM {rows}").fetchone()[0]
        parts = f"SELECT {stored.sql} AS m FROM {rows} GROUP BY i % 3"
        return whole, connection.execute(f"SELECT {again.sql} FROM ({parts})").fetchone()[0]

    return run


@pytest.mark.parametrize(
    ("expression", "data_type"),
    [
        ("COUNT(*)", "long"),
        ('SUM("n")', "long"),
        ('SUM("d")', "double"),
        ('SUM("f")', "double"),
        ('MAX("f")', "float"),
        ('MAX("__time")', "timestamp"),
        ('COUNT(DISTINCT "city")', "HLLSketch"),
        ('APPROX_COUNT_DISTINCT_DS_THETA("city")', "thetaSketch"),
        ('VAR_SAMP("d")', "variance"),
        ('LATEST("city")', "longStringPair"),
        ('LATEST("n")', "long"),
        ('EARLIEST_BY("d", "__time")', "double"),
    ],
)
def test_aggregate_stored_has_the_type_of_a_measure(expression, data_type):
    """The stored form carries the vendor's name of the measure's type."""
    columns = [Column(name, kind) for name, kind in {**TYPES, "f": "float"}.items()]
    expression = translate_expression(expression, columns, storing=True)
    assert (expression.data_type, expression.is_aggregate) == (data_type, True)


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (
            'AVG("n")',
            SqlNotSupported,
            "function 'AVG' is not supported as a measure: store SUM and COUNT and divide in the query",
        ),
        ('STDDEV("n")', SqlNotSupported, "function 'STDDEV' is not supported as a measure: store VARIANCE"),
        (
            'APPROX_COUNT_DISTINCT("n")',
            SqlNotSupported,
            "function 'APPROX_COUNT_DISTINCT' is not supported as a measure",
        ),
        ('MAX("city")', SqlNotSupported, "function 'MAX' is not supported for type STRING"),
        ('SUM("__time")', SqlInvalid, "Cannot apply 'SUM' to arguments of type 'SUM(<TIMESTAMP>)'"),
        ('MAX("h")', SqlInvalid, "Cannot apply 'MAX' to arguments of type 'MAX(<COMPLEX<HLLSketch>>)'"),
        (
            'APPROX_COUNT_DISTINCT_DS_THETA("h")',
            SqlInvalid,
            (
                "Cannot apply 'APPROX_COUNT_DISTINCT_DS_THETA' to arguments of type "
                "'APPROX_COUNT_DISTINCT_DS_THETA(<COMPLEX<HLLSketch>>)'"
            ),
        ),
        ('MAX(SUM("n"))', SqlInvalid, "Aggregate expressions cannot be nested"),
        ('SUM(DISTINCT "n")', SqlNotSupported, "function 'SUM' is not supported with DISTINCT"),
        (
            'COUNT(DISTINCT "n", "d")',
            SqlNotSupported,
            "function 'COUNT' is not supported with DISTINCT of several values",
        ),
        ("SUM(*)", SqlInvalid, "'*' is not an argument of 'SUM'"),
        ("COUNT()", SqlInvalid, "Invalid number of arguments to function 'COUNT': expected 1, got 0"),
        (
            'MAX("n") - MIN("n")',
            SqlNotSupported,
            'a measure that is more than one aggregate is not supported: \'MAX("n") - MIN("n")\'',
        ),
        (
            'UPPER("city") FILTER (WHERE "n" = 1)',
            SqlInvalid,
            "FILTER can only follow an aggregate, not function 'UPPER'",
        ),
        (
            'COUNT(*) OVER (PARTITION BY "city")',
            SqlNotSupported,
            "WINDOW in 'COUNT(*) OVER (PARTITION BY \"city\")' is not supported",
        ),
        ("STRING_AGG(\"city\", ',')", SqlNotSupported, "function 'STRING_AGG' is not supported as a measure"),
        ('LATEST("city", -1)', SqlInvalid, "function 'LATEST' needs a positive number of bytes, not -1"),
    ],
)
def test_aggregate_that_cannot_be_stored_is_refused(refusal, expression, error, message):
    """A measure that could not be rolled up again, or has no type, is refused by name."""
    assert refusal(expression, error, storing=True, **TYPES, h="HLLSketch") == message


def test_earliest_without_time_column_is_refused(refusal):
    """EARLIEST goes by __time; a relation without it has no earliest row."""
    message = refusal('EARLIEST("city")', SqlInvalid, storing=True, city="string")
    assert message == "Column '__time' not found in any table; known are 'city'"


@pytest.mark.parametrize(
    ("expression", "expected", "of_nothing"),
    [('BIT_OR("n")', 62, None), ('BIT_XOR("n")', 54, None)],
)
def test_bitwise_aggregates(aggregate, expression, expected, of_nothing):
    """NULL doesn't count. OBSERVED(Druid 33): no rows give NULL."""
    assert aggregate(expression, TYPES, ROWS) == expected
    assert aggregate(expression, TYPES, []) is of_nothing


@pytest.mark.parametrize(
    ("argument", "storing", "error", "message"),
    [
        ('"n"', True, SqlNotSupported, "function 'BIT_OR' is not supported as a measure"),
        ('CAST("city" AS BIGINT)', False, SqlNotSupported, "function 'BIT_OR' is not supported over a CAST"),
        ("7", False, SqlNotSupported, "function 'BIT_OR' is not supported of a constant"),
        ('"d"', False, SqlInvalid, "Cannot apply 'BIT_OR' to arguments of type 'BIT_OR(<DOUBLE>)'"),
        ('"__time"', False, SqlInvalid, "Cannot apply 'BIT_OR' to arguments of type 'BIT_OR(<TIMESTAMP>)'"),
        ('"n" > 0', False, SqlInvalid, "Cannot apply 'BIT_OR' to arguments of type 'BIT_OR(<BOOLEAN>)'"),
    ],
)
def test_bitwise_aggregates_that_are_refused(refusal, argument, storing, error, message):
    """OBSERVED(Druid 33) for the last three."""
    assert refusal(f"BIT_OR({argument})", error, storing=storing, **TYPES) == message


def test_bit_and_is_not_supported(refusal):
    """OBSERVED(Druid 33): it is 0, whatever the values."""
    message = refusal('BIT_AND("n")', SqlNotSupported, **TYPES)
    assert message == "function 'BIT_AND' is not supported"


@pytest.mark.parametrize(
    ("function", "name"), [("BIT_OR", "O"), ("BIT_XOR", "wise"), ("BIT_OR", "a"), ("BIT_OR", "a12")]
)
def test_bitwise_aggregate_of_a_name_in_druids_expression(refusal, function, name):
    """Grouped, Druid replaces the name in ``bitwiseOr``, and fails; it leaves ``+ 0`` out."""
    expected = (
        f"function '{function}' is not supported of a column with the name '{name}': write BITWISE_OR(\"{name}\", 0)"
    )
    for argument in (f'"{name}"', f'"{name}" + 0'):
        assert refusal(f"{function}({argument})", SqlNotSupported, **{name: "long"}) == expected


@pytest.mark.parametrize(
    "call", ["EARLIEST({0})", "LATEST({0})", "ANY_VALUE({0})", "EARLIEST_BY({0}, __time)", "LATEST_BY({0}, __time)"]
)
@pytest.mark.parametrize(("kind", "name"), [("BIGINT", "BIGINT"), ("DOUBLE", "DOUBLE")])
def test_cast_of_text_that_druid_leaves_out_is_refused(refused, call: str, kind: str, name: str):
    """OBSERVED(Druid 33): it reads the column as numbers; ``2f`` is NULL then, and 2 for CAST."""
    function = call.partition("(")[0]
    message = f"not supported: function '{function}' is not supported with a CAST of a column of text to {name}"
    cast = f"CAST(s AS {kind})"
    assert refused(f"SELECT {call.format(cast)} FROM t") == message
    assert refused(f"SELECT {call.format('x')} FROM (SELECT {cast} AS x, __time FROM t)") == message
