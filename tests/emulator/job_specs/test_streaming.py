# SPDX-License-Identifier: Apache-2.0
"""Streaming jobs: they are listed, show the accepted rows, and can be suspended and canceled."""

from __future__ import annotations

import pytest

SOURCE = "Koalas Source"
KAFKA = {"type": "connection", "connectionName": "kafka"}


def _stream(api, **fields):
    return api.about("streaming", SOURCE, source=KAFKA, **fields)


def test_stream_is_listed_as_running_and_never_completes(make_api) -> None:
    """Polls don't complete it; the list shows the connection and can filter by it."""
    api = make_api("polls=2")
    api.koalas()
    job_id = api.submit(_stream(api))
    for _ in range(5):
        job = api.ok("GET", f"/jobs/{job_id}")
    assert (job["executionStatus"], job["health"], job["completedTimestamp"]) == ("running", {"status": "ok"}, None)
    (row,) = api.ok("GET", "/jobs?type=streaming&executionStatus=running&connectionName=kafka&connectionName=x")[
        "values"
    ]
    assert (row["id"], row["source"]) == (job_id, KAFKA)
    assert api.ok("GET", "/jobs?connectionName=other")["values"] == []
    assert api.ok("GET", "/jobs?sortColumn=source_connection_name&sortOrder=ASC&type=streaming")["values"] == [row]


def test_stream_tells_which_messages_it_accepts(koalas) -> None:
    """The vendor's defaults, or the requested values."""
    job = koalas.ok("POST", "/jobs", _stream(koalas))
    periods = ("lateMessageRejectionPeriod", "earlyMessageRejectionPeriod", "readFromPoint")
    assert [job[key] for key in periods] == [job["spec"][key] for key in periods] == ["P30D", "P2000D", "latest"]
    asked = {"lateMessageRejectionPeriod": "P7D", "earlyMessageRejectionPeriod": "PT1H", "replaceRunning": True}
    job = koalas.ok("POST", "/jobs", _stream(koalas, **asked))
    assert {key: job["spec"][key] for key in asked} == asked


def test_stream_is_suspended_resumed_and_canceled(koalas) -> None:
    """Each change takes effect at the next poll; a canceled job can't be resumed."""
    job_id = koalas.submit(_stream(koalas))
    path = f"/jobs/{job_id}/status"
    seen = []
    for desired in ("suspended", "running", "suspended", "canceled"):
        koalas.ok("POST", path, {"desiredExecutionStatus": desired})
        seen.append(koalas.ok("GET", path)["executionStatus"])
    assert seen == ["suspended", "running", "suspended", "canceled"]
    assert koalas.ok("GET", f"/jobs/{job_id}")["health"]["code"] == "canceled"
    assert koalas.call("POST", path, {"desiredExecutionStatus": "running"})[0] == 400


def test_stream_that_is_being_canceled_cannot_be_resumed(koalas) -> None:
    """The desired status is stored before it takes effect."""
    job_id = koalas.submit(_stream(koalas))
    koalas.fault(effect="job_status", jobStatus="unknown", times=9)
    koalas.ok("POST", f"/jobs/{job_id}/status", {"desiredExecutionStatus": "canceled"})
    assert koalas.call("POST", f"/jobs/{job_id}/status", {"desiredExecutionStatus": "running"}) == (
        400,
        {
            "code": "BadRequest",
            "message": f"job {job_id!r} is being canceled and can no longer be 'running'.",
            "target": "desiredExecutionStatus",
        },
    )


def test_second_stream_of_a_table_is_refused_unless_it_replaces_the_first(koalas) -> None:
    """A table has at most one streaming job."""
    first = koalas.submit(_stream(koalas))
    assert koalas.call("POST", "/jobs", _stream(koalas)) == (
        400,
        {
            "code": "BadRequest",
            "message": (
                f"table 'Koalas Source' has the streaming job {first!r} already; cancel it, or set 'replaceRunning' to "
                "true."
            ),
            "target": "replaceRunning",
        },
    )
    second = koalas.submit(_stream(koalas, replaceRunning=True))
    statuses = {job["id"]: job["executionStatus"] for job in koalas.ok("GET", "/jobs?type=streaming")["values"]}
    assert statuses == {first: "canceled", second: "running"}


def test_stream_can_create_its_table(api) -> None:
    """The table is an aggregate table if a mapping is an aggregation."""
    mapping = {"columnName": "n", "expression": "COUNT(*)", "isAggregation": True}
    api.submit(_stream(api, createTableIfNotExists=True, mappings=[mapping], partitionedBy="hour"))
    table = api.ok("GET", f"/tables/{SOURCE}")
    assert (table["type"], table["partitioningGranularity"], table["totalRows"]) == ("aggregate", "hour", 0)


def test_table_is_not_dropped_under_a_stream(koalas) -> None:
    """Data of the table can be deleted, though."""
    job_id = koalas.submit(_stream(koalas))
    assert koalas.call("POST", "/jobs", koalas.about("drop_table", SOURCE)) == (
        400,
        {
            "code": "BadRequest",
            "message": f"table 'Koalas Source' can't be dropped while job {job_id!r} writes to it.",
            "target": "target.tableName",
        },
    )
    assert koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True))["executionStatus"] == "completed"
    koalas.ok("POST", f"/jobs/{job_id}/status", {"desiredExecutionStatus": "canceled"})
    assert koalas.run(koalas.about("drop_table", SOURCE))["executionStatus"] == "completed"


def test_stream_is_reset_and_has_no_progress_and_no_totals(koalas) -> None:
    """A reset has an empty reply; a batch job can't be reset."""
    job_id = koalas.submit(_stream(koalas))
    assert koalas.call("POST", f"/jobs/{job_id}/reset") == (200, None)
    assert koalas.call("GET", f"/jobs/{job_id}/progress")[0] == 400
    assert koalas.ok("GET", f"/jobs/{job_id}/metrics") == {}


@pytest.mark.parametrize(
    ("changes", "status", "message", "target"),
    [
        (
            {"source": {"type": "table", "tableName": SOURCE}},
            400,
            "field 'source.type' has the value 'table': for a streaming job it must be 'connection'.",
            "source.type",
        ),
        (
            {"target": {"type": "table", "tableName": SOURCE, "intervals": ["2024-06-01/2024-06-02"]}},
            400,
            "'target.intervals' can't be set for a job of type 'streaming'.",
            "target.intervals",
        ),
        (
            {"lateMessageRejectionPeriod": "30 days"},
            400,
            "period '30 days' is not valid: '30 days' is not an ISO 8601 period.",
            "lateMessageRejectionPeriod",
        ),
        ({"partitionedBy": "week"}, 400, None, "partitionedBy"),
        ({"readFromPoint": "middle"}, 400, None, "readFromPoint"),
        ({"enableUpserts": True}, 501, "The emulator does not implement upserts.", "enableUpserts"),
    ],
)
def test_stream_that_breaks_a_rule_is_refused(shared_koalas, changes, status, message, target) -> None:
    """The message names the field, and nothing has changed."""
    before = shared_koalas.state()
    refused, answer = shared_koalas.call("POST", "/jobs", _stream(shared_koalas) | changes)
    assert (refused, answer["target"]) == (status, target)
    assert message in (None, answer["message"])
    assert shared_koalas.state() == before
