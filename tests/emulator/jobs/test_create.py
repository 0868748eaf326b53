# SPDX-License-Identifier: Apache-2.0
"""All rules that are checked before a job starts: the error names field, value and rule, and nothing changes."""

from __future__ import annotations

import pytest

T = {"type": "table", "tableName": "Koalas Rollup"}
S = {"type": "table", "tableName": "Koalas Source"}
CITY = {"columnName": "city", "expression": '"city"'}
MAX = {"columnName": "longest", "expression": 'MAX("session_length")', "isAggregation": True}
DAY = ["2024-06-01/2024-06-02"]
GRANULARITIES = (
    "second, minute, five_minute, ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, day, month, "
    "quarter, year, all"
)


def _refused(api, body, status, message, target):
    """Check that a job is rejected with exactly this message, and that nothing has changed."""
    before = api.state()
    expected = {"code": {400: "BadRequest", 501: "NotImplemented"}[status], "message": message}
    if target is not None:
        expected["target"] = target
    assert api.call("POST", "/jobs", body) == (status, expected)
    assert api.state() == before


@pytest.mark.parametrize(
    ("changes", "message", "target"),
    [
        (
            {"target": {**T, "intervals": DAY}},
            "'target.intervals' can only be set with ingestionMode 'replace'.",
            "target.intervals",
        ),
        ({"replaceAll": True}, "'replaceAll' can only be true with ingestionMode 'replace'.", "replaceAll"),
        (
            {"ingestionMode": "replace"},
            "ingestionMode 'replace' needs either 'target.intervals' or 'replaceAll': true.",
            "target.intervals",
        ),
        (
            {"ingestionMode": "replace", "replaceAll": True, "target": {**T, "intervals": DAY}},
            "'replaceAll' can't be true when 'target.intervals' is set.",
            "replaceAll",
        ),
        (
            {
                "ingestionMode": "replace",
                "target": {**T, "intervals": ["2022-06-01T00:00:00Z/2022-06-01T08:00:00Z"]},
            },
            (
                "interval '2022-06-01T00:00:00Z/2022-06-01T08:00:00Z' is not aligned with the partitioning granularity "
                "'day'."
            ),
            "target.intervals",
        ),
        (
            {"ingestionMode": "replace", "partitionedBy": "month", "target": {**T, "intervals": DAY}},
            "interval '2024-06-01/2024-06-02' is not aligned with the partitioning granularity 'month'.",
            "target.intervals",
        ),
        (
            {"ingestionMode": "replace", "partitionedBy": "all", "target": {**T, "intervals": DAY}},
            (
                "interval '2024-06-01/2024-06-02' is not aligned with the partitioning granularity 'all'; "
                "set 'replaceAll' to true instead."
            ),
            "target.intervals",
        ),
        (
            {"ingestionMode": "replace", "target": {**T, "intervals": [*DAY, "2024-06-03/2024-06-02"]}},
            "interval '2024-06-03/2024-06-02' is not valid: it is reversed: its end is before its start.",
            "target.intervals",
        ),
        (
            {"source": {**S, "interval": "last week"}},
            "interval 'last week' is not valid: it is not of the form start/end, start/period or period/end.",
            "source.interval",
        ),
        (
            {"partitionedBy": "week"},
            f"field 'partitionedBy' has the value 'week': it must be one of {GRANULARITIES}.",
            "partitionedBy",
        ),
        ({"source": {**S, "tableName": "Wombats"}}, "table 'Wombats' does not exist.", "source.tableName"),
        (
            {"createTableIfNotExists": False},
            "table 'Koalas Rollup' does not exist; create it, or set 'createTableIfNotExists' to true.",
            "target.tableName",
        ),
        ({"target": {**T, "tableName": "a/b"}}, "table name 'a/b' is not valid: it contains '/'.", "target.tableName"),
        ({"source": {**S, "tableName": ""}}, "table name '' is not valid: it is empty.", "source.tableName"),
        ({"mappings": []}, "'mappings' is empty: every column has to be mapped.", "mappings"),
        (
            {"mappings": [CITY, CITY]},
            "column 'city' is mapped more than once.",
            "mappings[0].columnName",
        ),
        (
            {"mappings": [CITY, {**MAX, "isAggregation": None}]},
            (
                "expression 'MAX(\"session_length\")' aggregates, but column 'longest' is not a measure; "
                "set 'isAggregation' to true."
            ),
            "mappings[1].isAggregation",
        ),
        (
            {"mappings": [{**CITY, "isAggregation": True}]},
            "expression '\"city\"' does not aggregate, but column 'city' is a measure.",
            "mappings[0].expression",
        ),
        (
            {"mappings": [{"columnName": "__time", "expression": 'MAX("__time")', "isAggregation": True}]},
            "column '__time' can't be an aggregation.",
            "mappings[0].isAggregation",
        ),
        ({"clusteringColumns": ["longest"]}, "column 'longest' is not a mapped dimension.", "clusteringColumns"),
        (
            {"clusteringColumns": ["max_session_length"]},
            "column 'max_session_length' is not a mapped dimension.",
            "clusteringColumns",
        ),
        (
            {"type": "cron"},
            (
                "field 'type' has the value 'cron': it must be one of batch, delete_data, "
                "drop_table, restore_data, streaming, sql."
            ),
            "type",
        ),
        (
            {"source": {"type": "ftp"}},
            (
                "field 'source.type' has the value 'ftp': it must be one of table, uploaded, azure, connection, "
                "inline, s3."
            ),
            "source.type",
        ),
        ({"source": {"type": "table"}}, "field 'source.tableName' is required.", "source.tableName"),
        ({"mappings": [{"expression": "1"}]}, "field 'mappings.0.columnName' is required.", "mappings.0.columnName"),
        ({"filterExpresion": "1 = 1"}, "field 'filterExpresion' is not known.", "filterExpresion"),
        (
            {"maxParseExceptions": "7"},
            "field 'maxParseExceptions' has the value '7': it must be a whole number.",
            "maxParseExceptions",
        ),
        (
            {"maxParseExceptions": 2147483648},
            "field 'maxParseExceptions' has the value 2147483648: Input should be less than or equal to 2147483647.",
            "maxParseExceptions",
        ),
        ({"target": None}, "field 'target' is required.", "target"),
        (
            {"target": "Koalas Rollup"},
            "field 'target' has the value 'Koalas Rollup': it must be an object.",
            "target",
        ),
    ],
)
def test_job_that_breaks_a_rule_is_refused(shared_koalas, changes, message, target) -> None:
    """The error is a 400 in the envelope; tables, files and jobs are unchanged."""
    _refused(shared_koalas, shared_koalas.rollup(**changes), 400, message, target)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("filterExpression", {"filterExpression": "\"cty\" = 'Oslo'"}),
        ("mappings[0].expression", {"mappings": [{"columnName": "city", "expression": '"cty"'}]}),
    ],
)
def test_job_that_names_an_unknown_column_is_refused(shared_koalas, field, change) -> None:
    """The message names the column, and the target table is not created."""
    before = shared_koalas.state()
    status, answer = shared_koalas.call("POST", "/jobs", shared_koalas.rollup(**change))
    assert (status, answer["code"], answer["target"]) == (400, "BadRequest", field)
    assert "'cty'" in answer["message"]
    assert shared_koalas.state() == before


LONG = f"\"city\" <> '{'x' * 900}' AND " * 1_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"filterExpression": LONG + "\"cty\" = 'y'"},
            "expression of 917011 characters is not valid: Column 'cty' not found in any table; known are '__time', ",
        ),
        (
            {"filterExpression": LONG + LONG + "TRUE"},
            "expression of 1834004 characters is not valid: the SQL has 1834004 characters, more than the 1000000 that",
        ),
        (
            {"filterExpression": LONG + "(\"city\" = 'y'] AND " + "TRUE AND " * 1000},
            (
                f"expression of 926019 characters is not valid: '...{'x' * 31}\\' AND "
                "(\"city\" = \\'y\\'] AND TRUE AND TRUE AND TRUE AND TRUE AND TRUE AND ...' does not parse: Expecting "
                ") (line 1, column 917014)"
            ),
        ),
        ({"source": {"type": "table", "tableName": "c" * 100_000}}, "table name 'ccc"),
    ],
    ids=["column", "too long", "syntax", "name"],
)
def test_long_expression_is_refused_with_the_reason_and_not_repeated(shared_koalas, change, message) -> None:
    """The message has the reason and an excerpt around the error, even for a megabyte of SQL."""
    status, answer = shared_koalas.call("POST", "/jobs", shared_koalas.rollup(**change))
    assert status == 400
    assert answer["message"].startswith(message)
    assert len(answer["message"]) < 1100


def test_job_with_sql_that_does_not_parse_is_refused(shared_koalas) -> None:
    """The expression is quoted in the message."""
    status, answer = shared_koalas.call("POST", "/jobs", shared_koalas.rollup(filterExpression="city = ("))
    assert (status, answer["target"]) == (400, "filterExpression")
    assert answer["message"].startswith("expression 'city = (' is not valid: ")


@pytest.mark.parametrize(
    ("body", "message", "target"),
    [
        (
            {"type": "batch", "source": {"type": "s3"}, "target": T},
            "The emulator does not implement sources of type 's3'.",
            "source.type",
        ),
    ],
)
def test_job_that_the_emulator_cannot_run_is_a_501(shared_koalas, body, message, target) -> None:
    """The 501 names the feature that the emulator lacks."""
    _refused(shared_koalas, body, 501, message, target)


def test_job_with_several_faults_lists_them_all(shared_koalas) -> None:
    """The first fault is the message, the others are details."""
    status, answer = shared_koalas.call("POST", "/jobs", {"type": "batch", "source": 7, "mappings": {}, "x": 1})
    assert status == 400
    assert [answer["target"], *(detail["target"] for detail in answer["details"])] == [
        "source",
        "target",
        "mappings",
        "x",
    ]


def test_alignment_follows_the_table_when_the_job_names_no_partitioning(koalas) -> None:
    """The granularity of an existing table decides."""
    koalas.ok("POST", "/tables", {"name": "Koalas Rollup", "type": "detail", "partitioningGranularity": "hour"})
    hour = {**T, "intervals": ["2024-06-01T00:00Z/2024-06-01T01:00Z"]}
    job = koalas.run(koalas.rollup(ingestionMode="replace", target=hour, mappings=[CITY]))
    assert (job["executionStatus"], koalas.ok("GET", "/tables/Koalas Rollup")["totalRows"]) == ("completed", 2)


@pytest.mark.parametrize("interval", ["-1000-01-01/5000-01-01", "2024-06-01/2024-06-02"])
def test_partitioning_all_is_replaced_by_replace_all_only(koalas, interval) -> None:
    """No interval is aligned with 'all', not even the unbounded one. OBSERVED(Druid 27) for OVERWRITE WHERE."""
    job = koalas.rollup(ingestionMode="replace", partitionedBy="all")
    assert koalas.call("POST", "/jobs", {**job, "target": {**T, "intervals": [interval]}}) == (
        400,
        {
            "code": "BadRequest",
            "message": f"interval {interval!r} is not aligned with the partitioning granularity 'all'; "
            "set 'replaceAll' to true instead.",
            "target": "target.intervals",
        },
    )
    done = koalas.run({**job, "replaceAll": True})
    assert (done["executionStatus"], koalas.ok("GET", "/tables/Koalas Rollup")["segmentCount"]) == ("completed", 1)


@pytest.mark.parametrize(
    ("mapping", "message", "target"),
    [
        (
            {"columnName": "zip", "expression": '"city"'},
            "table 'Fixed' is strict and has no column 'zip'.",
            "mappings[0].columnName",
        ),
        (
            {"columnName": "city", "expression": 'MAX("city")', "isAggregation": True},
            "column 'city' of table 'Fixed' is a dimension, not a measure.",
            "mappings[0].isAggregation",
        ),
        (
            {"columnName": "longest", "expression": '"session_length"', "isAggregation": False},
            "column 'longest' of table 'Fixed' is a measure, so it needs an aggregation.",
            "mappings[0].isAggregation",
        ),
        (
            {"columnName": "longest", "expression": '"session_length"'},
            "expression '\"session_length\"' does not aggregate, but column 'longest' is a measure.",
            "mappings[0].expression",
        ),
    ],
)
def test_mapping_that_does_not_fit_the_table_is_refused(koalas, mapping, message, target) -> None:
    """The schema of an existing table determines the measures and, if it is strict, the columns."""
    schema = [
        {"type": "dimension", "name": "city", "dataType": "string"},
        {"type": "measure", "name": "longest", "dataType": "long"},
    ]
    koalas.ok("POST", "/tables", {"name": "Fixed", "type": "aggregate", "schemaMode": "strict", "schema": schema})
    body = koalas.rollup(target={"type": "table", "tableName": "Fixed"}, mappings=[mapping])
    _refused(koalas, body, 400, message, target)


def test_aggregation_into_a_detail_table_is_refused(koalas) -> None:
    """Detail tables have no measures."""
    koalas.ok("POST", "/tables", {"name": "Koalas Rollup", "type": "detail"})
    message = "table 'Koalas Rollup' is a detail table, so column 'longest' can't be an aggregation."
    _refused(koalas, koalas.rollup(mappings=[MAX]), 400, message, "mappings[0].isAggregation")


def test_aggregation_is_looked_up_in_the_schema_when_the_job_does_not_say(koalas) -> None:
    """A mapping without isAggregation is an aggregation if its column is a measure; the echo is unchanged."""
    koalas.run(koalas.rollup())
    mappings = [{"columnName": "max_session_length", "expression": 'MAX("session_length")'}]
    job = koalas.run(koalas.rollup(mappings=mappings))
    assert job["executionStatus"] == "completed"
    assert job["mappings"][0]["isAggregation"] is None


def test_created_table_is_what_the_job_says(koalas) -> None:
    """The table is aggregate because the job aggregates, flexible, partitioned and clustered like the job, and created
    before it runs.
    """
    koalas.submit(koalas.rollup(partitionedBy="month", clusteringColumns=["city"]))
    table = koalas.ok("GET", "/tables/Koalas Rollup")
    assert (table["type"], table["schemaMode"], table["partitioningGranularity"]) == ("aggregate", "flexible", "month")
    assert (table["timeResolution"], table["clusteringColumns"]) == ("millisecond", ["city"])
    assert table["schema"] == [
        {"type": "dimension", "name": "__time", "dataType": "timestamp"},
        {"type": "dimension", "name": "city", "dataType": "string"},
        {"type": "measure", "name": "max_session_length", "dataType": "long"},
        {"type": "measure", "name": "__count", "dataType": "long"},
    ]
    source = koalas.ok("GET", "/tables/Koalas Source")
    assert (source["type"], source["partitioningGranularity"], "timeResolution" in source) == ("detail", "day", False)


def test_column_that_no_table_can_have_leaves_no_table(koalas) -> None:
    """If the job is rejected while its table is created, the table is removed."""
    before = koalas.state()
    mappings = [CITY, {"columnName": "CITY", "expression": '"city"'}]
    status, answer = koalas.call("POST", "/jobs", koalas.rollup(mappings=mappings))
    assert (status, answer["code"]) == (400, "BadRequest")
    assert koalas.state() == before


@pytest.mark.parametrize(
    ("changes", "status", "message", "target"),
    [
        ({"fileList": ["nope.json"]}, 400, "file 'nope.json' does not exist.", "source.fileList"),
        ({"fileList": []}, 400, None, "source.fileList"),
        ({"fileList": ["../k.json"]}, 400, "file '../k.json' does not exist.", "source.fileList"),
        (
            {"inputSchema": [{"name": "city", "dataType": "string"}] * 2},
            400,
            "field 'city' occurs more than once.",
            "source.inputSchema",
        ),
        (
            {"formatSettings": {"format": "csv"}},
            501,
            "The emulator does not implement files of format 'csv'.",
            "source.fileList",
        ),
        (
            {"formatSettings": {"format": "nd-json", "flattenSpec": {}}},
            501,
            "The emulator does not implement the format setting 'flattenSpec'.",
            "source.formatSettings.flattenSpec",
        ),
        ({"formatSettings": {}}, 400, None, "source.formatSettings.format"),
    ],
)
def test_job_from_files_that_breaks_a_rule_is_refused(api, changes, status, message, target) -> None:
    """The same for uploaded sources."""
    api.upload("k.json", [])
    body = api.upload_job("t", "k.json")
    before = api.state()
    refused, answer = api.call("POST", "/jobs", {**body, "source": {**body["source"], **changes}})
    assert (refused, answer["target"]) == (status, target)
    assert message in (None, answer["message"])
    assert api.state() == before


def test_job_from_files_needs_a_time_mapping(api) -> None:
    """Only table sources may omit __time."""
    api.upload("k.json", [])
    body = {**api.upload_job("t", "k.json"), "mappings": [CITY]}
    message = "'mappings' has no '__time': it can be omitted for table sources only."
    _refused(api, body, 400, message, "mappings")


def test_desired_status_in_a_create_body_is_ignored(koalas) -> None:
    """As documented, so an echoed spec can be sent again."""
    job = koalas.ok("POST", "/jobs", koalas.rollup(desiredExecutionStatus="canceled"))
    assert job["desiredExecutionStatus"] == "running"
    assert koalas.ok("POST", "/jobs", job["spec"])["spec"] == job["spec"]


def test_reset_of_a_batch_job_is_refused(koalas) -> None:
    """Only streaming jobs have offsets."""
    job_id = koalas.submit(koalas.rollup())
    message = f"job {job_id!r} is of type 'batch': only streaming jobs can be reset."
    assert koalas.call("POST", f"/jobs/{job_id}/reset") == (400, {"code": "BadRequest", "message": message})


@pytest.mark.parametrize("path", ["", "/status", "/progress", "/logs", "/metrics"])
def test_unknown_job_is_a_404(shared_koalas, path) -> None:
    """Every request for a missing job names it."""
    assert shared_koalas.call("GET", f"/jobs/018a90ac{path}") == (
        404,
        {"code": "NotFound", "message": "Job '018a90ac' does not exist."},
    )
