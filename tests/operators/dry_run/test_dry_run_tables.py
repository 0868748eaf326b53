# SPDX-License-Identifier: Apache-2.0
"""The findings of a dry run about tables and columns."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.operators.polaris import (
    PolarisDeleteDataOperator,
    PolarisDropTableOperator,
    PolarisJobOperator,
    PolarisRestoreDataOperator,
    PolarisTableToTableOperator,
)

PROJECT = "00000000-0000-4000-8000-000000000001"
DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
RAW = "- source 'Raw': detail, available, partitioned by day, 1,234 rows in all."
TARGET = "- target 'Hourly': detail, available, partitioned by day, 1,234 rows in all."


def copy(**arguments: Any) -> PolarisTableToTableOperator:
    values: dict[str, Any] = {"dimensions": ["city"], "create_table_if_not_exists": True, **arguments}
    return PolarisTableToTableOperator(task_id="copy", source_table="Raw", target_table="Hourly", **values)


def read(*columns: str) -> str:
    return f"- 'Raw' has the columns {', '.join(map(repr, ('__time', *columns)))}, which the job reads."


def test_columns_that_the_source_lacks_are_named_with_where_and_what_there_is(tables, findings):
    """Each once with all its places, and the nearest name if there is a similar one."""
    tables.has("Raw", city="string", length="long")
    operator = copy(
        dimensions={"town": 'UPPER("cty")', "city": '"city"', "code": '"xyz" || "cty"'}, filter_expression='"cty" > 1'
    )
    assert findings(operator) == [
        RAW,
        (
            "! 'Raw' has no column 'cty', which each of mapping 'town', mapping 'code' and filter_expression reads. "
            "Is 'city' meant? It lists '__time', 'city', 'length'."
        ),
        "! 'Raw' has no column 'xyz', which mapping 'code' reads. It lists '__time', 'city', 'length'.",
        read("city"),
        "- target 'Hourly' does not exist; the job creates it, partitioned by day.",
    ]


def test_expression_that_nobody_can_read_is_said_to_be_unchecked(tables, findings):
    """Unquoted words may be SQL, and invalid SQL may be valid in Polaris: neither is a missing column."""
    tables.has("Raw", city="string")
    operator = copy(dimensions={"a": "UPPER(town)", "city": '"city"'}, filter_expression="((", partitioned_by="hour")
    assert findings(operator) == [
        RAW,
        read("city"),
        (
            "- the columns that each of mapping 'a' and filter_expression reads can't be determined, so "
            "they were not checked."
        ),
        "- target 'Hourly' does not exist; the job creates it, partitioned by hour.",
    ]


def test_constant_that_has_the_name_of_a_column_is_a_problem(tables, findings):
    """Single quotes make a text; neither its own name nor the name of another column is likely intended."""
    tables.has("Raw", city="string", length="long")
    operator = copy(dimensions={"city": "'city'", "size": "('length')", "kind": "'raw'", "code": "UPPER('city')"})
    assert findings(operator)[2:4] == [
        (
            "! Column 'city' gets the text 'city' in every row, because single quotes make a text in SQL. If the "
            "column 'city' of the source is meant, write its name in double quotes."
        ),
        (
            "! Column 'size' gets the text 'length' in every row, because single quotes make a text in SQL. If the "
            "column 'length' of the source is meant, write its name in double quotes."
        ),
    ]


def test_time_column_is_there_though_it_is_not_declared(tables, findings):
    """Every table has it, listed or not."""
    tables.has("Raw")(schema=[{"name": "city", "dataType": "string"}])
    assert findings(copy())[:2] == [RAW, read("city")]


def test_source_without_a_list_of_columns_is_not_held_against_the_job(tables, findings):
    """Without a list of columns, none is missing."""
    tables.has("Raw")(schema=None, totalRows=None, partitioningGranularity="fortnight")
    assert findings(copy())[:2] == [
        "- source 'Raw': detail, available, partitioned by something unknown here.",
        "- 'Raw' lists no columns, so the columns that the job reads were not checked.",
    ]


@pytest.mark.parametrize("availability", ["unavailable", "deleting"])
def test_source_that_cannot_be_read_is_marked(tables, findings, availability):
    """The task would wait for the first and fail at the second."""
    tables.has("Raw", city="string")(availability=availability)
    assert findings(copy())[0] == (f"! source 'Raw': detail, {availability}, partitioned by day, 1,234 rows in all.")


def test_target_that_is_loading_is_fine(tables, findings):
    """Polaris writes to a table that isn't available yet."""
    tables.has("Raw", city="string")
    tables.has("Hourly", city="string")(availability="unavailable")
    assert findings(copy())[2:] == ["- target 'Hourly': detail, unavailable, partitioned by day, 1,234 rows in all."]


def test_missing_source_and_target_are_marked(tables, findings):
    """An append reads no table itself, so the dry run is the first to report it."""
    operator = copy(ingestion_mode="append", interval="2024-06-01/P1D", create_table_if_not_exists=False)
    assert findings(operator) == [
        f"! source 'Raw' does not exist in project {PROJECT!r}, and nothing can be read from it.",
        f"! target 'Hourly' does not exist in project {PROJECT!r}, and the job doesn't create it.",
    ]


def test_target_with_other_types_and_partitions_is_compared(tables, findings):
    """Copied columns are compared by type, in either spelling; new columns and finer partitions are reported."""
    tables.has("Raw", city="string", a="long", b="bigint", c="string")
    tables.has("Hourly", city="varchar", a="string", b="long")
    operator = copy(
        dimensions=["city", "a", "b", "c"], partitioned_by="hour", allow_finer_partitions=True, interval=DAY
    )
    assert findings(operator) == [
        RAW,
        read("a", "b", "c", "city"),
        TARGET,
        "- the job writes partitions by hour to a table that is partitioned by day.",
        "- 'Hourly' gets new columns: 'c'.",
        "! column 'a' of 'Hourly' is 'string', and 'a' of 'Raw', which it copies, is 'long'.",
    ]


def test_target_with_a_strict_schema_takes_no_new_columns(tables, findings):
    """Columns that a strict table doesn't declare are marked; __time and __count are Polaris' own."""
    tables.has("Raw", city="string")
    tables.has("Hourly", city="string")(schemaMode="strict", type="aggregate")
    operator = copy(dimensions={"city": '"city"', "town": '"city"'}, measures={"__count": "COUNT(*)"})
    assert findings(operator)[2:] == [
        "- target 'Hourly': aggregate, available, partitioned by day, 1,234 rows in all.",
        "! 'Hourly' does not declare 'town', and a table with a strict schema accepts only declared columns.",
    ]


def test_job_from_a_table_to_itself_describes_it_twice_and_asks_once(tables, findings):
    """One request, although it is source and target."""
    tables.has("Raw", city="string")
    operator = PolarisTableToTableOperator(
        task_id="copy", source_table="Raw", target_table="Raw", dimensions=["city"], interval=DAY
    )
    assert findings(operator) == [RAW, read("city"), RAW.replace("source", "target")]
    assert tables.asked == ["GET tables/Raw"]


def test_statement_of_a_sql_job_is_read_as_far_as_it_is_simple(tables, findings):
    """Tables and columns of one SELECT from one table."""
    tables.has("Raw", city="string")
    query = 'INSERT INTO "Hourly" SELECT "__time", UPPER("cty") AS "town" FROM "Raw" PARTITIONED BY DAY'
    assert findings(PolarisJobOperator(task_id="sql", spec={"type": "sql", "query": query})) == [
        RAW,
        "! 'Raw' has no column 'cty', which the value of 'town' reads. Is 'city' meant? It lists '__time', 'city'.",
        read(),
        f"! target 'Hourly' does not exist in project {PROJECT!r}, and the job doesn't create it.",
    ]


def test_target_of_a_sql_job_with_a_join_is_checked(tables, findings):
    """The statement names it."""
    query = 'INSERT INTO "b" SELECT * FROM "a" JOIN "c" ON TRUE PARTITIONED BY DAY'
    assert findings(PolarisJobOperator(task_id="sql", spec={"type": "sql", "query": query})) == [
        f"! target 'b' does not exist in project {PROJECT!r}, and the job doesn't create it.",
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "sql", "query": 'INSERT INTO "b" ("x") SELECT * FROM "a" JOIN "c" ON TRUE PARTITIONED BY DAY'},
        {"type": "brand_new", "target": {"tableName": "b"}},
    ],
    ids=["refused", "unknown type"],
)
def test_job_that_cannot_be_read_has_no_findings_and_asks_nothing(tables, findings, spec):
    """No answer is better than a wrong one."""
    assert findings(PolarisJobOperator(task_id="job", spec=spec)) == [
        "- the tables that the job reads and writes can't be determined, so none was checked."
    ]
    assert tables.asked == []


def test_job_that_reads_files_is_compared_with_its_target_only(tables, findings):
    """Fields of files are not columns of a table."""
    tables.has("Hourly", city="string")
    spec = {
        "type": "batch",
        "source": {
            "type": "uploaded",
            "fileList": ["a.json"],
            "inputSchema": [{"name": "t", "dataType": "string"}],
        },
        "target": {"type": "table", "tableName": "Hourly"},
        "mappings": [
            {"columnName": "__time", "expression": 'TIME_PARSE("t")'},
            {"columnName": "town", "expression": '"t"'},
        ],
    }
    assert findings(PolarisJobOperator(task_id="job", spec=spec)) == [
        TARGET,
        "- 'Hourly' gets new columns: 'town'.",
    ]


@pytest.mark.parametrize(
    ("operator", "absence"),
    [
        (lambda: PolarisDropTableOperator(task_id="x", table_name="Raw", confirm_table_name="Raw"), "nothing to drop"),
        (lambda: PolarisDeleteDataOperator(task_id="x", table_name="Raw", delete_all=True), "nothing to delete"),
        (lambda: PolarisRestoreDataOperator(task_id="x", table_name="Raw", interval=DAY), "no table to restore to"),
    ],
    ids=["drop", "delete", "restore"],
)
def test_table_that_is_missing_is_marked_for_jobs_that_change_one(tables, findings, operator, absence):
    """Each states the consequence for its job."""
    assert findings(operator()) == [f"! target 'Raw' does not exist in project {PROJECT!r}, and there is {absence}."]


def restoration(*there: str, **arguments: Any) -> tuple[Any, dict[str, Any]]:
    segments = [{"id": f"s{number}", "version": version} for number, version in enumerate(there)]
    operator = PolarisRestoreDataOperator(task_id="restore", table_name="Raw", interval=DAY, **arguments)
    return operator, {"values": segments}


@pytest.mark.parametrize(
    ("there", "versions", "line"),
    [
        (("v1", "v2", "v1"), None, f"- 3 deleted or replaced segments in {DAY!r} can be restored; versions there: "),
        (("v1", "v2", "v1"), ["v1"], f"- 2 deleted or replaced segments in {DAY!r} can be restored; versions there: "),
        (("v1", "v2", "v1"), ["v3"], f"! 0 deleted or replaced segments in {DAY!r} can be restored; versions there: "),
        ((), None, f"! 0 deleted or replaced segments in {DAY!r} can be restored; versions there: "),
    ],
)
def test_restoration_tells_what_there_is_to_restore(tables, findings, there, versions, line):
    """Segments of the wanted versions are counted; none is marked."""
    tables.has("Raw")
    operator, answer = restoration(*there, versions=versions)
    tables.server.answer("GET", "/tables/Raw/unusedSegments", 200, answer)
    assert findings(operator)[1] == line + ("'v1', 'v2'." if there else "none.")


def test_restoration_without_an_answer_about_segments_goes_on(tables, findings):
    """It is one line among the others."""
    tables.has("Raw")
    operator, _ = restoration()
    tables.server.answer("GET", "/tables/Raw/unusedSegments", 403, {"code": "Forbidden", "message": "no"})
    (line,) = findings(operator)[1:]
    assert line.startswith(
        f"- the segments to restore were not checked: GET /v1/projects/{PROJECT}/tables/Raw/unusedSegments answered 403"
    )


def test_description_that_cannot_be_read_counts_as_not_seen(tables, context, said):
    """An answer without a type can't be parsed as a table."""
    tables.server.answer("GET", "/tables/Raw", 200, {"name": "Raw"})
    PolarisDropTableOperator(task_id="drop", table_name="Raw", confirm_table_name="Raw").dry_run(context)
    (warning,) = [each for each in said() if each.startswith("WARNING")]
    assert warning == (
        "WARNING Tables and columns were not checked, nor the parts of the job that depend on them: "
        "The service described a table without type: {'name': 'Raw'}. Install a newer version of this "
        "package."
    )
