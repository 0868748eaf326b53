# SPDX-License-Identifier: Apache-2.0
"""The normalized specification of a job: the vendor's sample, and further cases."""

from __future__ import annotations

import json
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "samples" / "jobs" / "table_to_table"


def _sample(name):
    return json.loads((SAMPLES / f"{name}.json").read_text())["body"]


def _blank(job):
    """Return a job without times, ids and user."""
    own = {"createdBy", "lastModifiedBy", "id", "createdTimestamp", "lastUpdatedTimestamp", "query"}
    return {key: value for key, value in job.items() if key not in own}


def test_vendor_sample_request_gives_the_vendor_sample_response(koalas) -> None:
    """Keys, echoed defaults and SQL (whitespace aside) are those of docs.imply.io/polaris/api-ingest-table."""
    sample = _sample("201")
    response = koalas.client.post(
        f"{koalas.prefix}/jobs", json=_sample("request"), headers={"Authorization": "Basic pok_emulator"}
    )
    assert response.status_code == 201
    job = response.json()
    assert _blank(job) == _blank(sample)
    assert list(job) == list(sample)
    assert list(job["spec"]) == list(sample["spec"])
    assert job["query"].split() == sample["query"].split()
    assert job.keys() == sample.keys()
    assert response.headers["location"] == f"{koalas.prefix}/jobs/{job['id']}"
    assert len(job["createdTimestamp"]) == len(sample["createdTimestamp"])


def test_spec_has_new_fields_only_where_they_say_something(koalas) -> None:
    """Explicit defaults, as the vendor's SDK sends them, are echoed like absent fields."""
    bare = koalas.ok("POST", "/jobs", koalas.rollup())["spec"]
    explicit = koalas.ok(
        "POST",
        "/jobs",
        koalas.rollup(
            source={
                "type": "table",
                "tableName": "Koalas Source",
                "interval": "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z",
            },
            ingestionMode="append",
            replaceAll=False,
            maxParseExceptions=2147483647,
        ),
    )["spec"]
    assert explicit == bare


def test_spec_echoes_what_was_set(koalas) -> None:
    """Intervals are echoed in one format, all other values unchanged."""
    job = koalas.ok(
        "POST",
        "/jobs",
        koalas.rollup(
            source={"type": "table", "tableName": "Koalas Source", "interval": "2024-06-01/P2D"},
            target={"type": "table", "tableName": "Koalas Rollup", "intervals": ["2024-06-01/2024-06-02"]},
            ingestionMode="replace",
            partitionedBy="hour",
            clusteringColumns=["city"],
            filterExpression="\"city\" <> 'Bonn'",
            context={"airflow": "0a1b", "nested": {"a": [1, None]}},
            maxParseExceptions=7,
        ),
    )
    assert job["source"]["interval"] == "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z"
    assert job["target"]["intervals"] == ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]
    assert (job["context"], job["maxParseExceptions"]) == ({"airflow": "0a1b", "nested": {"a": [1, None]}}, 7)
    spec = job["spec"]
    assert (spec["partitionedBy"], spec["clusteringColumns"], spec["context"]) == ("hour", ["city"], job["context"])
    assert "replaceAll" not in spec
    assert job["query"] == (
        'REPLACE INTO "Koalas Rollup"\n'
        "OVERWRITE WHERE (\"__time\" >= TIMESTAMP '2024-06-01 00:00:00' "
        "AND \"__time\" < TIMESTAMP '2024-06-02 00:00:00')\n"
        "SELECT\n"
        ' "__time" AS "__time",\n'
        ' UPPER("city") AS "city",\n'
        ' MAX("session_length") AS "max_session_length",\n'
        ' COUNT(*) AS "__count"\n'
        'FROM "Koalas Source"\n'
        "WHERE (TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z')) "
        "AND (TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z')) "
        "AND (\"city\" <> 'Bonn')\n"
        "GROUP BY 1, 2\n"
        "PARTITIONED BY HOUR\n"
        'CLUSTERED BY "city"'
    )


def test_query_of_a_detail_replace_has_no_group_by(koalas) -> None:
    """Without an aggregation nothing is grouped or counted; replaceAll overwrites all."""
    job = koalas.ok(
        "POST",
        "/jobs",
        koalas.rollup(
            target={"type": "table", "tableName": 'Say "hi"'},
            ingestionMode="replace",
            replaceAll=True,
            partitionedBy="quarter",
            mappings=[
                {"columnName": "city", "expression": '"city"'},
                {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
            ],
        ),
    )
    assert job["spec"]["replaceAll"] is True
    assert [mapping["columnName"] for mapping in job["mappings"]] == ["city", "__time"]
    assert job["query"] == (
        'REPLACE INTO "Say ""hi"""\n'
        "OVERWRITE ALL\n"
        "SELECT\n"
        ' "city" AS "city",\n'
        ' TIME_FLOOR("__time", \'PT1H\') AS "__time"\n'
        'FROM "Koalas Source"\n'
        "WHERE (TIME_IN_INTERVAL(\"__time\", '0/5000-01-01T00:00:00.000Z'))\n"
        "PARTITIONED BY TIME_FLOOR(\"__time\", 'P3M')"
    )


def test_count_is_added_to_aggregate_targets_that_have_it(koalas) -> None:
    """A new aggregate table gets __count; an existing one keeps getting it; an explicit mapping takes its place."""
    first = koalas.ok("POST", "/jobs", koalas.rollup())
    again = koalas.ok("POST", "/jobs", koalas.rollup())
    assert again["mappings"] == first["mappings"]
    explicit = {"columnName": "__count", "expression": 'COUNT("session")', "isAggregation": True}
    mappings = [*koalas.rollup()["mappings"], explicit]
    assert koalas.ok("POST", "/jobs", koalas.rollup(mappings=mappings))["mappings"] == [
        {"isAggregation": None, **mapping} for mapping in mappings
    ]


def test_count_is_not_added_to_an_aggregate_table_without_it(koalas) -> None:
    """A table that was created without __count doesn't get the column."""
    schema = [
        {"type": "dimension", "name": "city", "dataType": "string"},
        {"type": "measure", "name": "max_session_length", "dataType": "long"},
    ]
    koalas.ok("POST", "/tables", {"name": "Koalas Rollup", "type": "aggregate", "schema": schema})
    job = koalas.ok("POST", "/jobs", koalas.rollup())
    assert [mapping["columnName"] for mapping in job["mappings"]] == ["city", "max_session_length"]


def test_uploaded_source_is_echoed(api) -> None:
    """Files are read with POLARIS_SOURCE in the SQL; the summary has only the source's type."""
    job = api.koalas("Koala's")
    assert job["source"] == {
        "type": "uploaded",
        "fileList": ["Koala's.json"],
        "inputSchema": [
            {"name": "timestamp", "dataType": "string"},
            {"name": "city", "dataType": "string"},
            {"name": "session", "dataType": "string"},
            {"name": "session_length", "dataType": "long"},
        ],
    }
    assert 'FROM TABLE(POLARIS_SOURCE(\'{"fileList":["Koala\'\'s.json"],' in job["query"]
    assert api.ok("GET", "/jobs")["values"][0]["source"] == {"type": "uploaded"}
