# SPDX-License-Identifier: Apache-2.0
"""The SQL equivalent of a job, compared with SQL written by hand and with the vendor's sample."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
from airflow_provider_polaris.jobs.sql import statement
from airflow_provider_polaris.jobs.sql.column_lineage import column_lineage, statement_lineage
from airflow_provider_polaris.jobs.sql.statement import job_statement
from tests.jobs.sql.test_column_lineage import BY_HAND

SAMPLE = Path(__file__).parents[2] / "samples" / "jobs" / "table_to_table" / "201.json"
CITY = {"columnName": "city", "expression": 'UPPER("city")'}
LONGEST = {"columnName": "longest", "expression": 'MAX("session_length")', "isAggregation": True}


def batch(**values: Any) -> dict[str, Any]:
    """Return a rollup of a table by day, with other fields as given."""
    return {
        "type": "batch",
        "source": {"type": "table", "tableName": "Koalas Source"},
        "target": {"type": "table", "tableName": "Koalas Rollup"},
        "mappings": [CITY, LONGEST],
        "partitionedBy": "day",
        **values,
    }


def between(*intervals: str) -> dict[str, Any]:
    """Return a target with intervals."""
    return {"type": "table", "tableName": "Koalas Rollup", "intervals": list(intervals)}


def test_statement_of_a_replace_equals_what_was_written_by_hand():
    """The statement has every clause, in Druid's order; an interval that is read and replaced is one condition."""
    spec = batch(
        source={"type": "table", "tableName": 'the "best" source', "interval": "2024-06-01/P1D"},
        target=between("2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"),
        ingestionMode="replace",
        mappings=[{"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"}, LONGEST, CITY],
        filterExpression='"city" <> \'Berlin\' OR "city" IS NULL',
        clusteringColumns=["city", 'the "next"'],
    )

    assert job_statement(spec) == (
        'REPLACE INTO "Koalas Rollup"\n'
        "OVERWRITE WHERE \"__time\" >= TIMESTAMP '2024-06-01 00:00:00' "
        "AND \"__time\" < TIMESTAMP '2024-06-02 00:00:00'\n"
        "SELECT\n"
        '  TIME_FLOOR("__time", \'PT1H\') AS "__time",\n'
        '  MAX("session_length") AS "longest",\n'
        '  UPPER("city") AS "city"\n'
        'FROM "the ""best"" source"\n'
        "WHERE (TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'))\n"
        '  AND ("city" <> \'Berlin\' OR "city" IS NULL)\n'
        "GROUP BY 1, 3\n"
        "PARTITIONED BY DAY\n"
        'CLUSTERED BY "city", "the ""next"""'
    )


def test_statement_of_several_intervals_joins_them():
    """The replaced interval limits what is read. An open start is the earliest literal. OBSERVED(Druid 27)."""
    spec = batch(
        target=between("-1000-01-01T00:00:00.000Z/2023-01-01T00:00:00.000Z", "2024-06-01T00:00:00.5Z/P1D"),
        ingestionMode="replace",
        mappings=[CITY],
    )

    assert job_statement(spec) == (
        'REPLACE INTO "Koalas Rollup"\n'
        "OVERWRITE WHERE (\"__time\" >= TIMESTAMP '0001-01-01 00:00:00' "
        "AND \"__time\" < TIMESTAMP '2023-01-01 00:00:00')\n"
        "  OR (\"__time\" >= TIMESTAMP '2024-06-01 00:00:00.500' "
        "AND \"__time\" < TIMESTAMP '2024-06-02 00:00:00.500')\n"
        "SELECT\n"
        '  "__time" AS "__time",\n'
        '  UPPER("city") AS "city"\n'
        'FROM "Koalas Source"\n'
        "WHERE (TIME_IN_INTERVAL(\"__time\", '0/2023-01-01T00:00:00.000Z') OR "
        "TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.500Z/2024-06-02T00:00:00.500Z'))\n"
        "PARTITIONED BY DAY"
    )


def test_statement_of_a_replace_of_all_overwrites_all():
    """Only the source's interval limits what is read."""
    spec = batch(
        source={"type": "table", "tableName": "Koalas Source", "interval": "2024-06-01/P1M"},
        ingestionMode="replace",
        replaceAll=True,
        partitionedBy="all",
    )

    assert job_statement(spec) == (
        'REPLACE INTO "Koalas Rollup"\n'
        "OVERWRITE ALL\n"
        "SELECT\n"
        '  "__time" AS "__time",\n'
        '  UPPER("city") AS "city",\n'
        '  MAX("session_length") AS "longest"\n'
        'FROM "Koalas Source"\n'
        "WHERE (TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z'))\n"
        "GROUP BY 1, 2\n"
        "PARTITIONED BY ALL"
    )


def test_statement_of_files_reads_polaris_source():
    """Files are described as arguments of Polaris' table function; no time is added without a mapping."""
    spec = batch(
        source={"type": "s3", "connectionName": "it's mine", "uris": ["s3://b/k.json"]},
        mappings=[{"columnName": "__time", "expression": 'TIME_PARSE("timestamp")'}],
    )

    assert job_statement(spec) == (
        'INSERT INTO "Koalas Rollup"\n'
        "SELECT\n"
        '  TIME_PARSE("timestamp") AS "__time"\n'
        'FROM TABLE(POLARIS_SOURCE(\'{"connectionName": "it\'\'s mine", "type": "s3", "uris": ["s3://b/k.json"]}\'))\n'
        "PARTITIONED BY DAY"
    )


@pytest.mark.parametrize(
    "word, clause",
    [
        ("second", "PARTITIONED BY TIME_FLOOR(\"__time\", 'PT1S')"),
        ("fifteen_minute", "PARTITIONED BY TIME_FLOOR(\"__time\", 'PT15M')"),
        ("hour", "PARTITIONED BY HOUR"),
        ("quarter", "PARTITIONED BY TIME_FLOOR(\"__time\", 'P3M')"),
        ("year", "PARTITIONED BY YEAR"),
        (None, "-- PARTITIONED BY the target table's own granularity; DAY if the job creates it"),
    ],
)
def test_statement_partitioned_by_each_kind_of_granularity(word: str | None, clause: str):
    """Druid has keywords for some granularities, a function for the others; a missing one is the table's."""
    assert (job_statement(batch(partitionedBy=word)) or "").splitlines()[-1] == clause


def test_statement_groups_by_what_is_marked_or_seen_as_no_aggregation():
    """Without isAggregation the expression decides; with it, isAggregation does."""
    mappings = [
        {"columnName": "unmarked", "expression": 'SUM("a")'},
        {"columnName": "scalar", "expression": 'LOWER("b")', "isAggregation": False},
        {"columnName": "sketch", "expression": 'NEW_SKETCH("c")', "isAggregation": True},
        {"columnName": "unknown", "expression": 'NEW_FUNCTION("d")'},
    ]

    assert "\nGROUP BY 1, 3, 5\n" in (job_statement(batch(mappings=mappings)) or "")


def test_statement_of_aggregates_only_has_no_group_by():
    """Aggregation of all rows to one row needs no GROUP BY."""
    mappings = [{"columnName": "__time", "expression": 'MAX("__time")', "isAggregation": True}, LONGEST]

    assert "GROUP BY" not in (job_statement(batch(mappings=mappings)) or "GROUP BY")


def test_statement_of_texts_that_end_in_a_comment_goes_on_in_the_next_line():
    """A comment hides neither a column's name nor a parenthesis, and the lineage is complete."""
    spec = batch(
        mappings=[{"columnName": "city", "expression": '"city" -- as it is'}, LONGEST],
        filterExpression="\"city\" = 'Oslo' -- for now",
    )
    text = job_statement(spec)

    assert text is not None
    assert '  "city" -- as it is\n AS "city",\n' in text
    assert "WHERE (\"city\" = 'Oslo' -- for now\n)\n" in text
    found = statement_lineage(text)
    assert found is not None
    assert found.columns["city"] == (("city", "identity"),)


def test_statement_of_a_sql_job_is_its_query():
    """The user's statement is unchanged."""
    query = " REPLACE INTO t OVERWRITE ALL\nSELECT ? AS a FROM s PARTITIONED BY ALL -- mine\n"

    assert job_statement({"type": "sql", "query": query, "parameters": [{"type": "BIGINT", "value": None}]}) == query


@pytest.mark.parametrize(
    "spec",
    [
        {},
        [],
        None,
        {"type": "delete_data", "target": between("2024-06-01/P1D")},
        {"type": "restore_data", "target": {"tableName": "t"}, "interval": "2024-06-01/P1D"},
        {"type": "drop_table", "target": {"tableName": "t"}},
        {"type": "streaming", "target": {"tableName": "t"}},
        {"type": "sql", "query": " "},
        batch(mappings=[]),
        batch(ingestionMode="replace"),
        batch(ingestionMode="replace", target=between("yesterday")),
        batch(source={"type": "table", "tableName": "s", "interval": "2024-06-02/2024-06-01"}),
        batch(partitionedBy="fortnight"),
        batch(mappings=[{"columnName": "a"}]),
        batch(target=None),
        batch(filterExpression="1=1) OR (1=1"),
        batch(mappings=[{"columnName": "a", "expression": '"a") FROM "other" --'}]),
    ],
    ids=lambda spec: json.dumps(spec)[:60],
)
def test_statement_of_a_job_that_is_no_sql_or_unreadable_is_none(spec: Any):
    """Without equivalent SQL the result is None, without an exception."""
    assert job_statement(spec) is None


def test_statement_of_the_vendors_sample_is_the_vendors_query():
    """An echoed spec gives the echoed SQL, except for the granularity and all of time."""
    sample = json.loads(SAMPLE.read_text())["body"]
    theirs = [line.strip() for line in sample["query"].splitlines()]
    assert theirs[6:] == [
        'FROM "Koalas Source"',
        "WHERE (TIME_IN_INTERVAL(\"__time\", '0/5000-01-01T00:00:00.000Z'))",
        "GROUP BY 1, 2",
        "PARTITIONED BY DAY",
    ]

    ours = [line.strip() for line in (job_statement({**sample["spec"], "partitionedBy": "day"}) or "").splitlines()]

    assert ours == [line for line in theirs if not line.startswith("WHERE")]


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_statement_has_the_column_lineage_of_the_mappings(mode: str):
    """Mappings and the equivalent statement have the same lineage, except for unknown functions."""
    mappings = [
        {"columnName": name, "expression": expression, "isAggregation": is_aggregation}
        for name, (expression, is_aggregation, by_hand) in BY_HAND.items()
        if by_hand is not None
    ]
    target = between("2024-06-01/P1D") if mode == "replace" else between()
    spec = parse_spec(batch(mappings=mappings, ingestionMode=mode, target=target, clusteringColumns=["01 column"]))
    assert isinstance(spec, BatchJobSpec)
    expected = column_lineage(spec)
    assert len(expected) == 20  # without the one that is unknown, with the time
    expected["19 unknown function of a measure"] = (("uid", "transformation"), ("salt", "transformation"))

    found = statement_lineage(job_statement(spec.to_wire()) or "")

    assert found is not None
    assert (found.source, found.target) == ("Koalas Source", "Koalas Rollup")
    assert found.columns == expected


def test_examples_in_the_docstrings_hold():
    """The examples of the module run."""
    assert doctest.testmod(statement) == doctest.TestResults(failed=0, attempted=2)
