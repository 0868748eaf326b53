# SPDX-License-Identifier: Apache-2.0
"""The SQL and the context of a job's task: what is added, and what is refused before any request."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.translation.statement import (
    TargetTable,
    needs_target,
    refuse_union,
    task_request,
)
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from tests.client.druid.conftest import batch


def test_rollup_is_a_replace_that_keeps_intermediate_values() -> None:
    """The statement is the one that the dry run shows, with the count that Polaris adds to a new rollup."""
    work = task_request(batch(), None)
    assert work.sql == (
        'REPLACE INTO "hourly"\n'
        "OVERWRITE WHERE \"__time\" >= TIMESTAMP '2024-06-01 00:00:00' "
        "AND \"__time\" < TIMESTAMP '2024-06-02 00:00:00'\n"
        "SELECT\n"
        '  TIME_FLOOR("__time", \'PT1H\') AS "__time",\n'
        '  MAX("length") AS "longest",\n'
        '  COUNT(*) AS "__count"\n'
        'FROM "raw"\n'
        "WHERE (TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'))\nGROUP BY "
        "1\nPARTITIONED BY DAY"
    )
    assert work.context == {
        "finalizeAggregations": False,
        "groupByEnableMultiValueUnnesting": False,
        "airflow": "m1",
        "airflowSpec": {key: value for key, value in batch().items() if key != "context"},
    }
    assert work.to_wire("airflow-m1-1")["context"]["sqlQueryId"] == "airflow-m1-1"


@pytest.mark.parametrize(
    ("mappings", "target", "counts"),
    [
        (None, None, True),
        (None, TargetTable("day", ["__time", "__count"]), True),
        (None, TargetTable("day", ["__time", "longest"]), False),
        ([{"columnName": "__count", "expression": 'SUM("__count")', "isAggregation": True}], None, False),
        ([{"columnName": "city", "expression": '"city"'}], None, False),
    ],
)
def test_events_are_counted_where_polaris_counts_them(
    mappings: list[dict[str, Any]] | None, target: TargetTable | None, counts: bool
) -> None:
    """A new rollup, or one whose table has the column; never a second time, and never in a plain copy."""
    spec = batch() if mappings is None else batch(mappings=mappings)
    assert ('COUNT(*) AS "__count"' in task_request(spec, target).sql) == counts


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (None, "PARTITIONED BY DAY"),
        (TargetTable("month", ["__count"]), "PARTITIONED BY MONTH"),
        (TargetTable("six_hour", ["__count"]), "PARTITIONED BY TIME_FLOOR(\"__time\", 'PT6H')"),
    ],
)
def test_partitioning_that_is_not_given_is_the_tables(target: TargetTable | None, words: str) -> None:
    """As in Polaris: the target's own, DAY for a new table."""
    spec = batch()
    del spec["partitionedBy"]
    assert task_request(spec, target).sql.endswith(words)


def test_context_of_the_user_wins_over_that_of_a_rollup() -> None:
    """A function such as LATEST may need finalized values in an old version."""
    context = task_request(batch(context={"finalizeAggregations": True, "maxNumTasks": 4}), None).context
    assert (context["finalizeAggregations"], context["maxNumTasks"]) == (True, 4)


def test_sql_job_is_sent_as_it_is_with_its_parameters() -> None:
    """Nothing is added to the user's statement, nor to its context except the spec."""
    spec = {
        "type": "sql",
        "query": "INSERT INTO t SELECT * FROM u WHERE x = ? PARTITIONED BY DAY",
        "parameters": [{"type": "VARCHAR", "value": None}],
        "context": {"airflow": "m1"},
    }
    work = task_request(spec, None)
    assert work.to_wire("i") == {
        "query": spec["query"],
        "parameters": spec["parameters"],
        "context": {
            "airflow": "m1",
            "sqlQueryId": "i",
            "airflowSpec": {key: spec[key] for key in ("type", "query", "parameters")},
        },
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            batch(context={"sqlQueryId": "mine", "airflowSpec": {}}),
            "the job's context has 'airflowSpec', 'sqlQueryId', which this package sets for Druid: remove that.",
        ),
        (
            batch(source={"type": "uploaded", "fileList": ["a.json"]}),
            (
                "a batch job with a source of type 'uploaded' can't run on Druid: only tables can be read. Write the "
                "job as SQL with TABLE(EXTERN(...)), and submit it with PolarisJobOperator."
            ),
        ),
        (
            batch(target={"tableName": "hourly"}),
            (
                "the job into table 'hourly' has no equivalent Druid SQL: it needs mappings, and to replace data it "
                "needs target.intervals or replaceAll."
            ),
        ),
    ],
)
def test_job_that_druid_has_no_equivalent_of_is_refused(spec: dict[str, Any], message: str) -> None:
    """Before any request, with the reason."""
    with pytest.raises(PolarisSpecError) as caught:
        task_request(spec, None)
    assert str(caught.value) == message


def test_partitioning_that_can_not_be_derived_is_asked_for() -> None:
    """A table whose newest segment spans an odd interval."""
    spec = batch()
    del spec["partitionedBy"]
    with pytest.raises(PolarisSpecError) as caught:
        task_request(spec, TargetTable(None, ["__time"]))
    assert str(caught.value) == (
        "the time partitioning of table 'hourly' can't be derived from its newest segment: set partitioned_by."
    )


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("INSERT INTO t SELECT a FROM u UNION ALL SELECT a FROM v PARTITIONED BY DAY", True),
        ("INSERT INTO t SELECT a FROM u union\n all SELECT a FROM v PARTITIONED BY DAY", True),
        ("INSERT INTO t SELECT * FROM (SELECT a FROM u UNION ALL SELECT a FROM v) PARTITIONED BY DAY", True),
        (
            "INSERT INTO t SELECT a FROM (SELECT a FROM u UNION ALL SELECT a FROM v) GROUP BY 1 PARTITIONED BY DAY",
            False,
        ),
        ("INSERT INTO t SELECT 'a UNION ALL b' AS x FROM u PARTITIONED BY DAY", False),
        ('INSERT INTO t SELECT "union" FROM u -- UNION ALL\nPARTITIONED BY DAY', False),
        ("INSERT INTO t SELECT ')' AS x FROM u UNION ALL SELECT '(' FROM v PARTITIONED BY DAY", True),
        ("INSERT INTO t SELECT 'never closed FROM u UNION ALL SELECT a FROM v", True),
    ],
)
def test_union_at_the_top_is_refused(statement: str, refused: bool) -> None:
    """Druid 27 made two tasks of it under one id, also of one in brackets; in strings and comments it is harmless."""
    if not refused:
        refuse_union(statement)
        return
    with pytest.raises(PolarisSpecError) as caught:
        refuse_union(statement)
    assert str(caught.value) == (
        "the job's SQL has a UNION of which Druid may make several tasks under one id and run only the first: submit "
        "one job for each branch. Newer versions than 27 also run a UNION inside a SELECT with WHERE, GROUP BY or a "
        "join."
    )


def test_target_is_read_only_if_the_statement_depends_on_it() -> None:
    """A job with all facts costs no further request."""
    count = {"columnName": "__count", "expression": "COUNT(*)", "isAggregation": True}
    whole = batch(mappings=[*batch()["mappings"], count])
    assert not needs_target(whole)
    assert needs_target(batch())
    assert needs_target({**whole, "partitionedBy": None})
    assert not needs_target({"type": "sql", "query": "INSERT"})
