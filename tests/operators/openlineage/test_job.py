# SPDX-License-Identifier: Apache-2.0
"""Column lineage from Polaris' description of a job."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.openlineage.job_lineage import (
    JobLineage,
    Unread,
    read_lineage,
    sources_of,
    statement_of,
)

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"


def batch(body: dict[str, Any] | None = None, **spec: Any) -> JobState:
    """Return a rollup as Polaris echoes it."""
    echo = {
        "type": "batch",
        "source": {"type": "table", "tableName": "raw"},
        "target": {"type": "table", "tableName": "hourly", "intervals": []},
        "ingestionMode": "append",
        "mappings": [
            {"columnName": "city", "expression": 'UPPER("town")', "isAggregation": None},
            {"columnName": "longest", "expression": 'MAX("length")', "isAggregation": True},
            {"columnName": "__count", "expression": "COUNT(*)", "isAggregation": True},
        ],
        **spec,
    }
    return JobState.from_wire(
        {"id": "j1", "type": "batch", "executionStatus": "completed", "spec": echo, **(body or {})}
    )


def test_lineage_of_a_rollup_equals_what_was_written_by_hand():
    """Columns, their sources, and the columns that group rows; a count of rows has no source column."""
    assert read_lineage(batch()) == JobLineage(
        columns={
            "__time": (("__time", "identity"),),
            "city": (("town", "transformation"),),
            "longest": (("length", "aggregation"),),
            "__count": (),
        },
        expressions={
            "__time": '"__time"',
            "city": 'UPPER("town")',
            "longest": 'MAX("length")',
            "__count": "COUNT(*)",
        },
        filters=(),
        groups=("__time", "town"),
        unread=(),
        pieces=4,
    )


@pytest.mark.parametrize(
    "spec, filters",
    [
        ({}, ()),
        ({"source": {"type": "table", "tableName": "raw", "interval": DAY}}, ("__time",)),
        (
            {"ingestionMode": "replace", "target": {"type": "table", "tableName": "hourly", "intervals": [DAY]}},
            ("__time",),
        ),
        (
            {
                "source": {"type": "table", "tableName": "raw", "interval": DAY},
                "filterExpression": "\"__time\" > TIMESTAMP '2024-06-01 12:00:00'",
            },
            ("__time",),
        ),
        ({"filterExpression": '"a" > "b" AND "__time" > "a"'}, ("a", "b", "__time")),
    ],
)
def test_lineage_names_what_decides_which_rows_are_read(spec: dict[str, Any], filters: tuple[str, ...]):
    """Intervals are conditions on the time, including the replaced one."""
    assert read_lineage(batch(**spec)).filters == filters


def test_lineage_of_a_job_that_merges_nothing_has_no_groups():
    """Without aggregation each row stands for itself."""
    assert read_lineage(batch(mappings=[{"columnName": "city", "expression": '"city"'}])).groups == ()


def test_lineage_names_what_it_could_not_read():
    """A mapping and the filter are numbered in the order of the job."""
    lineage = read_lineage(
        batch(mappings=[{"columnName": "city", "expression": 'UPPER("city"'}], filterExpression="IN ("),
    )

    assert lineage == JobLineage(
        columns={"__time": (("__time", "identity"),)},
        expressions={"__time": '"__time"', "city": 'UPPER("city"'},
        unread=(Unread("The expression of column 'city'", 'UPPER("city"', 1), Unread("The filter", "IN (", 2)),
        pieces=3,
    )


def test_lineage_of_a_spec_that_is_too_new_comes_from_its_statement():
    """A job that this package can't parse may still have SQL that it can."""
    query = "INSERT INTO hourly SELECT a AS b FROM raw PARTITIONED BY DAY"

    assert read_lineage(batch({"query": query}, partitionedBy="fortnight")).columns == {"b": (("a", "identity"),)}
    assert read_lineage(batch(partitionedBy="fortnight")) == JobLineage()


def test_lineage_of_a_job_that_is_not_made_of_sql_is_empty():
    """A deletion computes nothing, even if its description has a query."""
    state = JobState("j1", "delete_data", "completed", target_table="hourly", query="SELECT 1")

    assert read_lineage(state) == JobLineage()


def test_sources_of_a_statement_are_its_tables():
    """Only a sql job needs its statement for that."""
    query = "INSERT INTO hourly SELECT a AS b FROM raw JOIN u ON raw.c = u.c PARTITIONED BY DAY"

    assert sources_of(JobState("j1", "sql", "completed", query=query)) == ("raw", "u")
    assert sources_of(JobState("j1", "sql", "completed", query="SELECT 1")) == ()
    assert sources_of(JobState("j1", "batch", "completed", query=query)) == ()
    assert sources_of(JobState("j1", "batch", "completed", query=query, source_table="other")) == ("other",)


def test_statement_of_a_description_without_one_is_made_from_its_spec():
    """The fields of the description and of its spec form one spec."""
    state = batch({"mappings": [{"columnName": "city", "expression": '"city"'}]}, mappings=None, partitionedBy="day")

    assert statement_of(state) == (
        'INSERT INTO "hourly"\nSELECT\n  "__time" AS "__time",\n  "city" AS "city"\nFROM "raw"\nPARTITIONED BY DAY'
    )
