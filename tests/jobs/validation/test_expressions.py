# SPDX-License-Identifier: Apache-2.0
"""Each rule for mappings and filter: its violation, its message, and a similar valid value."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.spec.job_spec import JobSpec, parse_spec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.validation.rules import check_spec
from tests.jobs.specs import COUNT, MAPPINGS, batch, events, mapping, refusal

# Mappings


@pytest.mark.parametrize(
    "spec, message",
    [
        (
            batch(mappings=[]),
            (
                "mappings [] is empty: Polaris ignores columns that are not mapped, so the job would write none. "
                'Map each column to keep, for example {"columnName": "city", "expression": "\\"city\\""}.'
            ),
        ),
        (
            parse_spec({**batch(mappings=None).to_wire(), "mappings": None, "maping": MAPPINGS}),
            (
                "mappings of the batch job is missing, so the job would write no column. 'maping' is not a field of "
                "Polaris: write 'mappings'."
            ),
        ),
        (
            batch(mappings=[*MAPPINGS, {"columnName": "city", "expression": 'UPPER("city")'}]),
            "mappings[2].columnName 'city' is already mapped by mappings[0]. Remove one of the two.",
        ),
        (mapping('"x"', column=" "), "mappings[0].columnName ' ' is blank. Write the name of a column."),
        (mapping(" "), "mappings[0].expression ' ' is blank. Write a SQL expression, such as '\"city\"'."),
        (
            mapping('MAX("x")'),
            (
                "mappings[0].expression 'MAX(\"x\")' aggregates with MAX, but isAggregation is not set, so Polaris "
                "may take 'x' "
                'for a dimension. Set "isAggregation": true.'
            ),
        ),
        (
            mapping('CASE WHEN SUM("a") > 0 THEN MAX("b") END', marked=False),
            (
                'mappings[0].expression \'CASE WHEN SUM("a") > 0 THEN MAX("b") END\' aggregates with SUM and MAX, but '
                "isAggregation is false, so Polaris may take 'x' for a dimension. Set \"isAggregation\": true."
            ),
        ),
        (
            mapping('UPPER("MAX")', marked=True),
            (
                "mappings[0].expression 'UPPER(\"MAX\")' has no aggregate function, but isAggregation is true. "
                "Remove isAggregation, or aggregate, for example with MAX(...)."
            ),
        ),
        (
            mapping('"x") FROM "other" --'),
            (
                "mappings[0].expression is not one SQL expression: ')' closes no bracket of the expression, at line 1, "
                'column 4, near \'"x") FROM "other" --\'. Correct the brackets.'
            ),
        ),
        (
            mapping('1 + AVG("x")', marked=True),
            (
                "mappings[0].expression '1 + AVG(\"x\")' uses AVG, which can't be stored: merged rows would hold an "
                "average of "
                "averages. Map a SUM and a COUNT, and divide them when you query."
            ),
        ),
        (
            mapping("TIMESTAMPDIFF(DAY, __time, CURRENT_TIMESTAMP)"),
            (
                "mappings[0].expression 'TIMESTAMPDIFF(DAY, __time, CURRENT_TIMESTAMP)' uses CURRENT_TIMESTAMP, "
                "which Polaris "
                "freezes when the job begins, so that a retry gives different rows. "
                "Write a literal made from the data interval, such as TIMESTAMP '2024-06-01 00:00:00'."
            ),
        ),
    ],
)
def test_check_spec_mapping_that_breaks_a_rule_is_refused(spec: JobSpec, message: str) -> None:
    """Each mapping is one column, marked correctly, and the same on each retry."""
    assert refusal(spec) == message


@pytest.mark.parametrize(
    "spec",
    [
        mapping('MAX("x")', marked=True),
        mapping('CASE WHEN SUM("a") > 0 THEN MAX("b") END', marked=True),
        mapping('"MAX"'),
        mapping("'MAX(x), AVG(x) and CURRENT_TIMESTAMP'"),
        mapping('UPPER("MAX(x)")', marked=False),
        mapping('SUM("a") OVER (PARTITION BY "b")'),
        mapping('"AVG"'),
        mapping('SUM("x") / COUNT(*)', marked=True),
        mapping('MY_SKETCH("x")', marked=True),
        mapping('MY_FUNCTION("x")'),
        mapping('MAX("x"'),
        mapping("NOT AN EXPRESSION (", marked=True),
        batch(mappings=[*MAPPINGS, {"columnName": "City", "expression": '"city"'}]),
    ],
)
def test_check_spec_mapping_that_only_looks_wrong_passes(spec: JobSpec) -> None:
    """Names, literals, windows, unknown functions and unparsable text are left to Polaris."""
    check_spec(spec)


def test_check_spec_measure_of_the_target_must_be_aggregated() -> None:
    """A declared measure can't be filled with plain values."""
    target = TableDescription("rollup", "aggregate", measures=frozenset(["n"]))

    assert refusal(mapping('"n"', column="n"), target=target) == (
        "mappings[0].expression '\"n\"' has no aggregate function, but 'n' is a measure of table 'rollup'. "
        'Aggregate, for example with SUM(...), and set "isAggregation": true.'
    )
    check_spec(mapping('"m"', column="m"), target=target)
    check_spec(mapping('SUM("n")', column="n", marked=True), target=target)


# A source that is already rolled up


def test_check_spec_second_rollup_without_count_is_refused() -> None:
    """The COUNT(*) that Polaris adds would count stored rows."""
    assert refusal(batch(), source=events("aggregate", "__time", "__count", "n")) == (
        "mappings leave out '__count', and the source 'events' is an aggregate table: Polaris may add COUNT(*), which "
        "counts stored rows and not the events behind them. "
        'Add {"columnName":"__count","expression":"SUM(\\"__count\\")","isAggregation":true}.'
    )


def test_check_spec_second_rollup_without_count_in_the_source_says_what_to_sum() -> None:
    """The usual fix would fail if the source has no __count."""
    assert refusal(batch(), source=events("aggregate", "__time", "n")) == (
        "mappings leave out '__count', and the source 'events' is an aggregate table: Polaris may add COUNT(*), which "
        "counts stored rows and not the events behind them. It has no column '__count' to sum, so map '__count' to "
        "the SUM "
        "of the column that counts its events, or to SUM(1) if stored rows are what you mean."
    )


@pytest.mark.parametrize("expression", ["COUNT(*)", "COUNT(1)", 'SUM("n") / COUNT("n")'])
def test_check_spec_count_over_a_rollup_is_refused(expression: str) -> None:
    """A plain COUNT over stored rows is not the number of events."""
    spec = batch(mappings=[COUNT, {"columnName": "x", "expression": expression, "isAggregation": True}])

    assert refusal(spec, source=events("aggregate")) == (
        f"mappings[1].expression {expression!r} counts the stored rows of 'events', which is an aggregate table, not "
        f"the "
        'events behind them. Write SUM("__count"), or SUM(1) if stored rows are what you mean.'
    )
    check_spec(spec, source=events("detail"))
    check_spec(spec)


@pytest.mark.parametrize(
    "spec, kind",
    [
        (batch(mappings=[*MAPPINGS, COUNT]), "aggregate"),
        (
            batch(mappings=[COUNT, {"columnName": "u", "expression": 'COUNT(DISTINCT "u")', "isAggregation": True}]),
            "aggregate",
        ),
        (batch(mappings=[COUNT, {"columnName": "rows", "expression": "SUM(1)", "isAggregation": True}]), "aggregate"),
        (batch(mappings=MAPPINGS[:1]), "aggregate"),
        (batch(), "detail"),
    ],
)
def test_check_spec_second_rollup_that_counts_events_passes(spec: JobSpec, kind: str) -> None:
    """Summed counts, distinct counts, copies without measures and first rollups."""
    check_spec(spec, source=events(kind))


# Filter


@pytest.mark.parametrize(
    "expression, message",
    [
        (" ", "filterExpression ' ' is blank. Leave it out to take all rows."),
        (
            " Where \"a\" = 'x'",
            (
                "filterExpression ' Where \"a\" = \\'x\\'' begins with WHERE, which Polaris adds itself. "
                "Write '\"a\" = \\'x\\''."
            ),
        ),
        (
            "\"__time\" > CURRENT_TIMESTAMP - INTERVAL '1' DAY",
            (
                "filterExpression '\"__time\" > CURRENT_TIMESTAMP - INTERVAL \\'1\\' DAY' uses CURRENT_TIMESTAMP, "
                "which Polaris "
                "freezes when the job begins, so that a retry gives different rows. "
                "Write a literal made from the data interval, such as TIMESTAMP '2024-06-01 00:00:00'."
            ),
        ),
        (
            'now() > "a" AND CURRENT_DATE > "b"',
            (
                'filterExpression \'now() > "a" AND CURRENT_DATE > "b"\' uses CURRENT_DATE and NOW, which Polaris '
                "freezes when "
                "the job begins, so that a retry gives different rows. "
                "Write a literal made from the data interval, such as TIMESTAMP '2024-06-01 00:00:00'."
            ),
        ),
        (
            "1=1) OR (1=1",
            (
                "filterExpression is not one SQL expression: ')' closes no bracket of the expression, at line 1, "
                "column 4, near '1=1) OR (1=1'. Correct the brackets."
            ),
        ),
        (
            '"a" = 1 AND COUNT(*) > 1',
            (
                "filterExpression '\"a\" = 1 AND COUNT(*) > 1' aggregates with COUNT, but a filter sees one row at a "
                "time, before "
                "rollup. Filter on columns of the source, or aggregate first and filter when you query."
            ),
        ),
    ],
)
def test_check_spec_filter_that_breaks_a_rule_is_refused(expression: str, message: str) -> None:
    """A filter is a condition over one row, without keyword and without clock."""
    assert refusal(batch(filterExpression=expression)) == message


@pytest.mark.parametrize(
    "expression",
    [
        "TIME_IN_INTERVAL(\"__time\", '2024-06-01/P1D') AND \"city\" IN ('x', 'NOW()')",
        '"where" = 1',
        "wherever = 1",
        '"CURRENT_DATE" > 1 OR "COUNT" > 2',
        '"a" IN (SELECT MAX("a") FROM "t")',
        '"a" = ',
    ],
)
def test_check_spec_filter_that_only_looks_wrong_passes(expression: str) -> None:
    """Columns with such names, literals, subqueries and unparsable text are left to Polaris."""
    check_spec(batch(filterExpression=expression))
