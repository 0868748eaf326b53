# SPDX-License-Identifier: Apache-2.0
"""Tables, their segments and their queries, as the rest of the package reads them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.translation.tables import partitioning, retention
from airflow_provider_polaris.jobs.age_out.history import UnusedSegment
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisAuthError,
    PolarisForeignAnswerError,
    PolarisGuardError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisServerError,
)
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from tests.client.conftest import Time
from tests.client.druid.conftest import DAY, batch
from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import druid_error

SUBMIT = "/druid/v2/sql/task"
COLUMNS = [
    {"COLUMN_NAME": "__time", "DATA_TYPE": "TIMESTAMP"},
    {"COLUMN_NAME": "longest", "DATA_TYPE": "BIGINT"},
    {"COLUMN_NAME": "__count", "DATA_TYPE": "BIGINT"},
]
#: OBSERVED(Druid 27): answer of a segment metadata query for a rollup, shortened.
ROLLUP = [{"id": "merged", "rollup": True, "queryGranularity": "HOUR"}]
NEWEST = {**DAY, "metrics": '["longest","__count"]'}


def table(loaded: int = 2781, missing: int = 0) -> dict[str, Any]:
    segments = [{"is_available": 1, "segments": 2, "bytes": loaded}]
    if missing:
        segments.append({"is_available": 0, "segments": 1, "bytes": missing})
    return {"segments": segments, "newest": [NEWEST], "columns": COLUMNS, "metadata": ROLLUP}


def test_rollup_is_an_aggregate_table(client: DruidClient, druid: FakeDruid) -> None:
    """With its measures, partitioning and resolution; all of it is loaded."""
    druid.tables["hourly"] = table()
    druid.loaded.add("hourly")
    payload = client.get_table("hourly")
    described, storage = TableDescription.from_wire(payload), TableStorage.from_wire(payload)
    assert (described.type, described.partitioning, described.availability) == (
        "aggregate",
        Granularity.DAY,
        "available",
    )
    assert described.measures == {"longest", "__count"}
    assert described.columns == {"__time", "longest", "__count"}
    assert storage.is_wholly_precached
    assert (storage.time_resolution, storage.retain) == (Granularity.HOUR, None)


def test_table_that_is_not_loaded_yet_is_unavailable(client: DruidClient, druid: FakeDruid) -> None:
    """The coordinator has it; the broker has no columns of it."""
    druid.tables["hourly"] = table(missing=500)
    payload = client.get_table("hourly")
    storage = TableStorage.from_wire(payload)
    assert (payload["availability"], storage.is_loading, storage.is_empty) == ("unavailable", True, False)
    assert TableDescription.from_wire(payload).columns is None


def test_table_is_absent_if_it_has_no_segments(client: DruidClient, druid: FakeDruid) -> None:
    """A 200 with an empty list, not a 404."""
    with pytest.raises(PolarisNotFoundError) as caught:
        client.get_table("nope")
    assert str(caught.value) == "Druid has no table 'nope' with data: check the name."
    druid.answers["POST", "/druid/coordinator/v1/metadata/datasources/nope/segments"] = [(404, "")] * 20
    with pytest.raises(PolarisForeignAnswerError):
        client.get_table("nope")


def test_dropped_table_is_absent_although_the_list_still_has_it(client: DruidClient, druid: FakeDruid) -> None:
    """OBSERVED(Druid 27): the list lags behind a drop, too."""
    druid.tables["hourly"] = {"used": []}
    with pytest.raises(PolarisNotFoundError):
        client.get_table("hourly")


def test_new_table_is_found_before_the_list_has_it(client: DruidClient, druid: FakeDruid) -> None:
    """The list lags behind the end of a job; the list of the table's segments doesn't."""
    druid.tables["hourly"] = {**table(), "used": [{"identifier": "x", "interval": f"{DAY['start']}/{DAY['end']}"}]}
    druid.unlisted.add("hourly")
    assert client.get_table("hourly")["name"] == "hourly"
    assert client.create_job(batch())["executionStatus"] == "running"
    sent = next(body["query"] for _, path, body in druid.seen if path == SUBMIT)
    assert "__count" not in sent  # an existing table without that column, as far as the broker knows


def test_tables_are_listed_by_name(client: DruidClient, druid: FakeDruid) -> None:
    """Druid's list has names only."""
    druid.tables["a"] = {}
    assert list(client.iter_tables()) == [{"name": "a"}, {"name": "raw"}]


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [
        ("2024-06-01T00:00:00.000Z", "2024-06-01T01:00:00.000Z", "hour"),
        ("2024-06-01T00:00:00.000Z", "2024-07-01T00:00:00.000Z", "month"),
        ("2024-06-03T00:00:00.000Z", "2024-06-10T00:00:00.000Z", "week"),
        ("2024-06-01T00:00:00.000Z", "2024-06-03T00:00:00.000Z", None),
        ("-146136543-09-08T08:23:32.096Z", "146140482-04-24T15:36:27.903Z", "all"),
    ],
)
def test_partitioning_is_that_of_the_newest_segment(start: str, end: str, word: str | None) -> None:
    """None for an interval that is no bucket of the package."""
    assert partitioning([{"start": start, "end": end}]) == word
    assert partitioning([]) is None


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        ([], None),
        ([{"type": "loadForever"}], None),
        (
            [{"type": "loadByPeriod", "period": "P3M"}, {"type": "dropForever"}, {"type": "loadForever"}],
            {"type": "period", "period": "P3M", "intervals": []},
        ),
        (
            [{"type": "loadByInterval", "interval": "2024-01-01/2024-02-01"}, {"type": "dropForever"}],
            {"type": "period", "period": None, "intervals": ["2024-01-01/2024-02-01"]},
        ),
        (
            [{"type": "dropBeforeByPeriod", "period": "P1Y"}, {"type": "loadForever"}],
            {"type": "period", "period": "P1Y"},
        ),
    ],
)
def test_retention_rules_are_the_storage_policy(rules: list[dict[str, Any]], policy: Any) -> None:
    """The first rule that matches decides."""
    assert retention(rules) == policy


def test_unused_segments_are_listed_by_a_version_that_can(client: DruidClient, druid: FakeDruid) -> None:
    """As the age-out reads them."""
    segment = {"identifier": "raw_x", "interval": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z", "version": "v1"}
    druid.version = 33
    druid.unused = [
        {
            "dataSegment": segment,
            "createdDate": "2024-06-01T00:00:00.000Z",
            "usedStatusLastUpdatedDate": "2024-06-03T00:00:00.000Z",
            "used": False,
        }
    ]
    found = [UnusedSegment.from_wire(row) for row in client.iter_unused_segments("raw", interval="2024-06-01/P1D")]
    assert [(each.version, each.span) for each in found] == [("v1", Interval.parse("2024-06-01/2024-06-02"))]
    assert found[0].removed is not None


def test_unused_segments_of_an_old_version_are_unknown(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """Not an empty list, which would claim that nothing was deleted."""
    with pytest.raises(PolarisGuardError) as caught:
        list(client.iter_unused_segments("raw"))
    assert time.delays == []
    assert str(caught.value) == (
        "this version of Druid has no list of unused segments, so nothing is known about replaced or deleted data of "
        "table 'raw'. Druid has that list since version 29: upgrade the cluster."
    )


def test_rows_of_an_asynchronous_query_are_read_in_both_forms(client: DruidClient, druid: FakeDruid) -> None:
    """One object a line, or an array; timestamps are texts, as in a synchronous query."""
    query = client.start_query("SELECT __time, c FROM raw", context={"a": 1})["queryId"]
    assert druid.seen[-1][2]["context"] == {"a": 1, "executionMode": "ASYNC"}
    schema = [{"name": "__time", "type": "TIMESTAMP"}, {"name": "c", "type": "VARCHAR"}]
    state = {"queryId": query, "state": "SUCCESS", "schema": schema, "result": {"pages": [{"id": 0}]}}
    lines = '{"__time":1717200000000,"c":"a"}\n{"__time":null,"c":"b"}\n\n\n'
    array = [{"__time": 1717200000000, "c": "a"}, {"__time": None, "c": "b"}]
    for rows in (lines, array):
        druid.queries[query] = {"state": state, "rows": (200, rows)}
        assert list(client.iter_query_rows(query)) == [
            {"__time": "2024-06-01T00:00:00.000Z", "c": "a"},
            {"__time": None, "c": "b"},
        ]
    druid.queries[query] = {"state": state, "rows": (200, "")}
    assert list(client.iter_query_rows(query)) == []
    druid.queries[query] = {"state": state, "rows": (200, "{\n7")}
    with pytest.raises(PolarisProtocolError):
        list(client.iter_query_rows(query))
    client.cancel_query(query)


def test_query_that_druid_does_not_have_is_not_found(client: DruidClient) -> None:
    """Druid's error of a query has a form of its own, so its 404 counts."""
    with pytest.raises(PolarisNotFoundError) as caught:
        client.get_query("nope")
    assert str(caught.value) == (
        "GET /druid/v2/sql/statements/nope answered 404 'notFound': Query [nope] was not found. Druid has no result of "
        "query 'nope': it may have failed, or Druid has removed its task."
    )


def test_query_of_a_table_that_is_being_loaded_is_transient(client: DruidClient, druid: FakeDruid) -> None:
    """A table that the coordinator has; a wrong name stays permanent."""
    assert client.query("SELECT 1 FROM raw") == [{"n": 3}]
    druid.tables["hourly"] = {}
    for start in (client.query, client.start_query):
        druid.answers["POST", "/druid/v2/sql/statements"] = [
            (400, druid_error("invalidInput", "Object 'hourly' not found (line [1], column [15])"))
        ]
        with pytest.raises(PolarisServerError):
            start("SELECT 1 FROM hourly")
    with pytest.raises(PolarisApiError) as caught:
        client.query("SELECT 1 FROM nope")
    assert not caught.value.retryable


def test_partitioning_and_count_of_a_job_are_those_of_its_target(client: DruidClient, druid: FakeDruid) -> None:
    """A job without them reads its target first."""
    druid.tables["hourly"] = table()
    druid.loaded.add("hourly")
    spec = batch()
    del spec["partitionedBy"]
    client.create_job(spec)
    sent = next(body["query"] for _, path, body in druid.seen if path == SUBMIT)
    assert 'COUNT(*) AS "__count"' in sent
    assert sent.endswith("PARTITIONED BY DAY")


def test_cluster_without_the_query_engine_is_told_so(client: DruidClient, druid: FakeDruid) -> None:
    """OBSERVED(Druid 33 without the extension): 405 with an empty body."""
    druid.answers["POST", SUBMIT] = [(405, "")]
    with pytest.raises(PolarisApiError) as caught:
        client.create_job(batch())
    assert str(caught.value) == (
        "POST /druid/v2/sql/task answered 405 with an empty body. This Druid doesn't run the multi-stage query engine: "
        "add 'druid-multi-stage-query' to druid.extensions.loadList on all its processes."
    )


def test_login_that_may_only_read_a_table_finds_it_in_the_list(client: DruidClient, druid: FakeDruid) -> None:
    """OBSERVED(Druid 27 with security): the list of segments is a POST and needs WRITE. The list of tables decides."""
    path = "/druid/coordinator/v1/metadata/datasources/nope/segments"
    druid.answers["POST", path] = [(403, {"Access-Check-Result": "Allowed:false, Message:"})] * 2
    with pytest.raises(PolarisNotFoundError, match="Druid has no table 'nope' with data: check the name"):
        client.get_table("nope")
    assert not client._tables.has("nope")
    druid.tables["nope"] = {**table(), "segments": []}
    druid.answers["POST", path] = [(403, {"Access-Check-Result": "Allowed:false, Message:"})]
    assert client.get_table("nope")["availability"] == "unavailable"
    del druid.tables["nope"]
    druid.answers["POST", path] = [(401, {"Access-Check-Result": "no"})]
    with pytest.raises(PolarisAuthError):
        client.get_table("nope")


def test_rules_of_table_and_cluster_are_one_request(client: DruidClient, druid: FakeDruid) -> None:
    """They need no right on the rules of the cluster, which have the name of a table."""
    druid.tables["raw"] = table()
    druid.loaded.add("raw")
    druid.rules = [{"type": "dropBeforeByPeriod", "period": "P30D"}]
    assert client.get_table("raw")["storagePolicy"] == {"retain": {"type": "period", "period": "P30D"}}
    assert [path for path in druid.paths("GET") if "/rules/" in path] == ["/druid/coordinator/v1/rules/raw"]
