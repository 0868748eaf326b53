# SPDX-License-Identifier: Apache-2.0
"""The short form: dimensions, measures and a granularity become the API's mappings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.expressions import read_expression
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.rollup import build_mappings
from airflow_provider_polaris.jobs.time.granularity import Granularity

MAX = {"max_session_length": 'MAX("session_length")'}


def wire(*arguments: Any, **named: Any) -> list[dict[str, Any]]:
    return [mapping.to_wire() for mapping in build_mappings(*arguments, **named)]


def test_build_mappings_writes_the_vendors_sample() -> None:
    """The short form of the vendor page's rollup gives the page's own mappings."""
    assert wire({"city": 'UPPER("city")'}, MAX) == [
        {"columnName": "city", "expression": 'UPPER("city")'},
        {"columnName": "max_session_length", "expression": 'MAX("session_length")', "isAggregation": True},
    ]


@pytest.mark.parametrize("granularity", ["hour", "HOUR", "PT1H", "PT60M", Granularity.HOUR])
def test_build_mappings_rollup_granularity_rounds_time_first(granularity: str) -> None:
    """Polaris' word and the ISO period give the same column, before all others."""
    assert wire(["city"], MAX, granularity)[0] == {
        "columnName": "__time",
        "expression": "TIME_FLOOR(\"__time\", 'PT1H')",
    }


def test_build_mappings_dimension_names_are_quoted() -> None:
    """A quotation mark inside a name can't end the name."""
    assert wire(['the "best" city']) == [{"columnName": 'the "best" city', "expression": '"the ""best"" city"'}]


def test_build_mappings_source_is_rollup_sums_the_events() -> None:
    """A second rollup sums __count, because COUNT(*) would count stored rows."""
    assert wire(["city"], MAX, source_is_rollup=True)[-1] == {
        "columnName": "__count",
        "expression": 'SUM("__count")',
        "isAggregation": True,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {"dimensions": ["city"], "measures": MAX, "source_is_rollup": False},
        {"dimensions": ["city"], "measures": {}, "source_is_rollup": True},
        {"dimensions": ["city"], "measures": None, "source_is_rollup": True},
    ],
)
def test_build_mappings_without_need_adds_no_count(arguments: dict[str, Any]) -> None:
    """A detail source, or a copy without measures, gets no __count."""
    assert "__count" not in [mapping["columnName"] for mapping in wire(**arguments)]


def test_build_mappings_own_count_is_kept() -> None:
    """The user's __count takes precedence."""
    own = {"__count": 'SUM("events")'}

    assert wire(["city"], own, source_is_rollup=True)[1:] == [
        {"columnName": "__count", "expression": 'SUM("events")', "isAggregation": True}
    ]


WORDS = (
    "millisecond, second, minute, five_minute, ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, "
    "day, week, month, quarter, year, all"
)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "dimensions and measures are both empty, so the job would write no column. Name at least one."),
        (
            {"dimensions": [], "measures": {}},
            "dimensions and measures are both empty, so the job would write no column. Name at least one.",
        ),
        (
            {"dimensions": "city"},
            (
                "dimensions 'city' is a str, not a list of columns or an object of expressions. "
                "Write ['city'], or {'city': 'UPPER(\"city\")'}."
            ),
        ),
        (
            {"dimensions": {"city"}},
            (
                "dimensions {'city'} is a set, not a list of columns or an object of expressions. "
                "Write ['city'], or {'city': 'UPPER(\"city\")'}."
            ),
        ),
        (
            {"measures": ["n"]},
            (
                "measures ['n'] is a list, not an object of names and expressions. "
                "Write {'longest': 'MAX(\"session_length\")'}."
            ),
        ),
        (
            {"dimensions": ["city", 3]},
            "dimensions[1] 3 is not the name of a column. Write it as text.",
        ),
        ({"dimensions": [" "]}, "dimensions[0] ' ' is not the name of a column. Write it as text."),
        ({"measures": {"": "COUNT(*)"}}, "measures key '' is not the name of a column. Write it as text."),
        (
            {"dimensions": ["a", "b", "a"]},
            "dimensions[2] 'a' is already in the list. Remove one of the two.",
        ),
        (
            {"measures": {"n": None}},
            "measures['n'] None is not a SQL expression. Write one as text, such as '\"city\"'.",
        ),
        (
            {"dimensions": {"n": " "}},
            "dimensions['n'] ' ' is not a SQL expression. Write one as text, such as '\"city\"'.",
        ),
        (
            {"dimensions": ["__time"], "measures": MAX},
            (
                "dimensions has '__time', which is mapped by rollup_granularity. "
                "Remove it and set rollup_granularity, or write all of it as mappings."
            ),
        ),
        (
            {"measures": {"__time": 'MAX("__time")'}},
            (
                "measures has '__time', which is mapped by rollup_granularity. "
                "Remove it and set rollup_granularity, or write all of it as mappings."
            ),
        ),
        (
            {"dimensions": ["__count"]},
            (
                "dimensions has '__count', which holds the number of events of each row and must be summed. "
                "Move it to measures as {'__count': 'SUM(\"__count\")'}."
            ),
        ),
        (
            {"dimensions": ["n"], "measures": {"n": 'SUM("n")'}},
            "measures has 'n', which is already a dimension. Give the measure another name, such as 'sum_n'.",
        ),
        (
            {"dimensions": {"longest": 'MAX("n")'}},
            (
                "dimensions['longest'] 'MAX(\"n\")' aggregates with MAX, and a dimension is a value of a single row. "
                "Move it to measures."
            ),
        ),
        (
            {"dimensions": ["city"], "measures": {"n": '"n"'}},
            (
                "measures['n'] '\"n\"' has no aggregate function. Aggregate, for example with MAX(...), or move it to "
                "dimensions."
            ),
        ),
        (
            {"dimensions": {"n": '"n" //'}},
            (
                "dimensions['n'] is not one SQL expression: '//' starts a comment in Druid SQL, at line 1, column 5, "
                "near '\"n\" //'. Write comments as '-- ...'."
            ),
        ),
        (
            {"measures": {"n": 'SUM("n")) FROM "other" --'}},
            (
                "measures['n'] is not one SQL expression: ')' closes no bracket of the expression, at line 1, column "
                '9, near \'SUM("n")) FROM "other" --\'. Correct the brackets.'
            ),
        ),
        (
            {"dimensions": ["n"], "rollup_granularity": "hourly"},
            (
                f"rollup_granularity 'hourly' is not a granularity of Polaris. Use one of {WORDS}, "
                "or the ISO 8601 period of one, such as 'PT1H'."
            ),
        ),
        (
            {"dimensions": ["n"], "rollup_granularity": "all"},
            (
                "rollup_granularity 'all' has no period to round time down to. "
                "Use 'year' or finer, or write all of it as mappings."
            ),
        ),
    ],
)
def test_build_mappings_of_wrong_arguments_says_what_to_write(arguments: dict[str, Any], message: str) -> None:
    """The message gives the field, its value, the rule and the fix."""
    with pytest.raises(PolarisSpecError) as caught:
        build_mappings(**arguments)

    assert str(caught.value) == message


@given(st.text("ab\"'\\`.é \n", min_size=1, max_size=12))
def test_quote_identifier_is_read_back_as_the_same_column(name: str) -> None:
    """With any characters in a name, the SQL refers to that column only."""
    reading = read_expression(quote_identifier(name))

    assert reading is not None
    assert reading.column == name
