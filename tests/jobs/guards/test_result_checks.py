# SPDX-License-Identifier: Apache-2.0
"""The query of the checks, and how its answer is judged."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.guards.result_checks import ResultChecks, WrittenRows, aggregate_calls

SPEC = {
    "type": "batch",
    "source": {"type": "table", "tableName": "raw", "interval": "2026-11-19/2026-11-20"},
    "target": {"type": "table", "tableName": "hours", "intervals": ["2026-11-19/2026-11-20"]},
    "ingestionMode": "replace",
    "mappings": [{"columnName": "n", "expression": "COUNT(*)", "isAggregation": True}],
    "context": {"sqlTimeZone": "Europe/Berlin", "maxNumTasks": 3},
}


def written(**changes: object) -> WrittenRows:
    spec = {**SPEC, **changes}
    return WrittenRows.of_job("hours", {"id": "j", "executionStatus": "completed", **spec}, spec)


def test_one_query_evaluates_all_conditions_in_the_written_interval():
    """Aggregates once, with the values of their calls; other conditions for each row. A comment ends with its line."""
    checks = ResultChecks(written(), {"all": 'SUM("n") > 0 -- why', "each": '"n" <> 3 AND UPPER("c") <> \'SUM(1)\''})
    assert checks.sql() == (
        "SELECT\n"
        '  COUNT(*) AS "n",\n'
        '  CASE WHEN (\nSUM("n") > 0 -- why\n) THEN 1 ELSE 0 END AS "check_0",\n'
        '  (\nSUM("n")\n) AS "value_0_0",\n'
        '  SUM(CASE WHEN (\n"n" <> 3 AND UPPER("c") <> \'SUM(1)\'\n) THEN 0 ELSE 1 END) AS "check_1"\n'
        'FROM "hours"\n'
        "WHERE TIME_IN_INTERVAL(\"__time\", '2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z')"
    )
    assert checks.written.context == {"sqlTimeZone": "Europe/Berlin"}
    assert checks.written.columns == {"n"}


@pytest.mark.parametrize(
    ("changes", "is_whole"),
    [
        ({"replaceAll": True, "target": {"type": "table", "tableName": "hours"}}, True),
        ({"ingestionMode": "append", "target": {"type": "table", "tableName": "hours"}}, False),
        (
            {
                "ingestionMode": "append",
                "target": {"type": "table", "tableName": "hours"},
                "mappings": [{"columnName": "__time", "expression": "TIME_SHIFT(\"__time\", 'P1D', 1)"}],
            },
            True,
        ),
    ],
)
def test_whole_table_is_checked_unless_the_interval_is_sure(changes, is_whole):
    """An append writes in the interval that it reads, if it keeps the time."""
    assert ("WHERE" not in ResultChecks(written(**changes), {"rows": "COUNT(*) > 0"}).sql()) is is_whole


@pytest.mark.parametrize(
    ("context", "columns"), [({"sqlTimeZone": "UTC"}, {"__time", "c"}), ({}, set()), (None, set())]
)
def test_columns_of_a_statement_are_those_of_its_select(context, columns):
    """A service echoes the statement, and no mappings. What is read without a time zone depends on the service."""
    query = 'REPLACE INTO "hours" OVERWRITE ALL SELECT __time, "c" FROM "raw" PARTITIONED BY DAY'
    spec = {"type": "sql", "query": query, "context": context}
    found = WrittenRows.of_job("hours", {"id": "j", "executionStatus": "completed", **spec}, spec)
    assert found.columns == columns
    assert found.context == {"sqlTimeZone": "UTC"}


def test_only_true_meets_a_check():
    """No row meets nothing, and NULL isn't true."""
    checks = ResultChecks(written(), {"sum": 'SUM("n") > 0', "each": '"n" > 0', "none": "COUNT(*) = 0"})

    def met(rows: list[dict[str, object]]) -> list[bool]:
        return [each.is_met for each in checks.read(rows)[1]]

    assert met([{"n": 2, "check_0": 1, "value_0_0": 5, "check_1": 0, "check_2": 0, "value_2_0": 2}]) == [1, 1, 0]
    assert met([{"n": 2, "check_0": 0, "value_0_0": None, "check_1": 1, "check_2": 0, "value_2_0": 2}]) == [0, 0, 0]
    # With and without SQL's NULL for the sum of nothing, and the answer for a table without data.
    assert met([{"n": 0, "check_0": 0, "value_0_0": None, "check_1": None, "check_2": 1, "value_2_0": 0}]) == [0, 0, 1]
    assert met([{"n": 0, "check_0": 0, "value_0_0": 0, "check_1": 0, "check_2": 1, "value_2_0": 0}]) == [0, 0, 1]
    assert met([]) == [0, 0, 0]
    assert [each.found for each in checks.read([])[1]] == [
        'SUM("n") is NULL',
        "there are no rows to check",
        "COUNT(*) is NULL",
    ]


@pytest.mark.parametrize("rows", [[{}], [{"n": "2"}], [{"n": 1}, {"n": 1}]])
def test_answer_in_another_format_is_an_error(rows):
    """Nothing is concluded from it."""
    with pytest.raises(PolarisProtocolError, match="The service answered the checks with"):
        ResultChecks(written(), {"rows": "COUNT(*) > 0"}).read(rows)


@pytest.mark.parametrize(
    ("condition", "calls"),
    [
        ("MAX(CASE WHEN \"a\" = ')' THEN (1) END) < 5", ("MAX(CASE WHEN \"a\" = ')' THEN (1) END)",)),
        ('COUNT (*) filter (where "a" > (1)) > 0 OR COUNT(*) = 1', ('COUNT (*) filter (where "a" > (1))', "COUNT(*)")),
        ("COUNT(*) > 1 AND COUNT(*) < 3", ("COUNT(*)",)),
        ('HLL_SKETCH_ESTIMATE(DS_HLL("u")) > 1', ()),
        ("'SUM(x)' <> \"MAX(y)\" -- MIN(z)", ()),
        ('"sum" > 0 AND SUM > 1', ()),
    ],
)
def test_calls_of_aggregates_are_found_as_written(condition, calls):
    """They are columns of the query, so that a message can give their values."""
    assert aggregate_calls(condition) == calls
