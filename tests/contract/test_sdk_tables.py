# SPDX-License-Identifier: Apache-2.0
"""Tables, files and queries with the vendor's SDK."""

from __future__ import annotations

import json

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from polaris.sdk.project_api import models


def _aggregate(name: str):
    return models.AggregateTablePayload(
        name=name,
        schema_mode="strict",
        partitioning_granularity="month",
        time_resolution="hour",
        schema=[
            models.AggregateTableDimensionColumn(name="__time", data_type="timestamp"),
            models.AggregateTableDimensionColumn(name="city", data_type="string"),
            models.AggregateTableMeasureColumn(name="longest", data_type="long"),
        ],
        clustering_columns=["city"],
        description="By hand",
    )


def test_sdk_create_and_describe_tables(vendor) -> None:
    """Detail and aggregate tables are the SDK's models of them."""
    created = vendor.call(vendor.client.tables.create_table, _aggregate("By hand"))
    assert type(created) is models.AggregateTablePayload
    assert (created.version, created.time_resolution, created.schema_mode) == (0, "hour", "strict")
    assert [type(column).__name__ for column in created.schema] == [
        "AggregateTableDimensionColumn",
        "AggregateTableDimensionColumn",
        "AggregateTableMeasureColumn",
    ]
    described = vendor.call(vendor.client.tables.describe_table, "By hand")
    assert described.as_dict() == created.as_dict()
    source = vendor.call(vendor.client.tables.describe_table, "Koalas Source")
    assert type(source) is models.DetailTablePayload
    assert (source.total_rows, source.segment_count, source.availability) == (3, 2, "available")
    assert {column.name for column in source.queryable_schema} == {"__time", "city", "session_length"}


def test_sdk_every_granularity_and_type_of_column_can_be_created(vendor) -> None:
    """Every request of the SDK is accepted, except the deprecated week."""
    for granularity in models.PartitioningGranularity:
        name = f"by {granularity.value}"
        table = models.DetailTablePayload(name=name, partitioning_granularity=granularity)
        assert vendor.call(vendor.client.tables.create_table, table).partitioning_granularity == granularity
    week = models.DetailTablePayload(name="w", partitioning_granularity="week")
    assert vendor.error(vendor.client.tables.create_table, week).target == "partitioningGranularity"
    refused = {}
    for kind in models.TableColumnDataType:
        column = models.DetailTableColumn(name="c", data_type=kind)
        table = models.DetailTablePayload(name=f"of {kind.value}", schema=[column])
        try:
            answer = vendor.call(vendor.client.tables.create_table, table)
        except HttpResponseError as error:
            refused[kind.value] = (error.status_code, json.loads(error.response.text())["message"])
        else:
            assert answer.schema[0].data_type == kind.value
    assert refused == {
        name: (501, f"The emulator does not implement columns of type {name!r}.")
        for name in ("geo", "ipAddress", "ipPrefix", "ingest_timeseries")
    }


def test_sdk_list_tables(vendor) -> None:
    """Summaries with every required field, with each filter."""
    vendor.call(vendor.client.tables.create_table, _aggregate("By hand"))
    tables = vendor.call(vendor.client.tables.list_tables).values
    assert {(type(table), table.name) for table in tables} == {
        (models.TableSummaryPayload, "Koalas Source"),
        (models.TableSummaryPayload, "By hand"),
    }
    filters = ({"partitioning_granularity": "month"}, {"segment_count": 2})
    found = [vendor.call(vendor.client.tables.list_tables, **one).values[0].name for one in filters]
    assert found == ["By hand", "Koalas Source"]


def test_sdk_update_table(vendor) -> None:
    """The SDK sends back what it has read; a stale version is a conflict."""
    table = vendor.call(vendor.client.tables.create_table, _aggregate("By hand"))
    table.description = "By machine"
    updated = vendor.call(vendor.client.tables.update_table, "By hand", table)
    assert (updated.version, updated.description) == (1, "By machine")
    error = vendor.error(vendor.client.tables.update_table, "By hand", table)
    assert error.code == "Conflict"


def test_sdk_refused_tables(vendor) -> None:
    """400, 404 and 409 are ErrorResponses."""
    refused = vendor.error(vendor.client.tables.create_table, models.DetailTablePayload(name="a/b"))
    assert (refused.code, refused.target) == ("BadRequest", "name")
    assert vendor.error(vendor.client.tables.create_table, _aggregate("Koalas Source")).code == "Conflict"
    assert vendor.error(vendor.client.tables.describe_table, "nope").code == "NotFound"
    assert vendor.error(vendor.client.tables.update_table, "nope", _aggregate("nope")).code == "NotFound"
    assert vendor.error(vendor.client.tables.get_unused_segments_for_table, "nope").code == "NotFound"


def test_sdk_unused_segments(vendor) -> None:
    """Segments that a replace hid are in the SDK's model."""
    for _ in range(2):
        job_id = vendor.submit(ingestion_mode="replace", replace_all=True)
        assert vendor.client.jobs.describe_job_status(job_id).execution_status == "completed"
    segments = vendor.call(vendor.client.tables.get_unused_segments_for_table, "Koalas Rollup").values
    assert [type(segment) for segment in segments] == [models.SegmentMetadataResponse] * 2
    rest = vendor.call(
        vendor.client.tables.get_unused_segments_for_table,
        "Koalas Rollup",
        interval="2024-06-01/2024-06-03",
        limit=1,
        last_segment_id=segments[0].id,
        sort_order="DESC",
    ).values
    assert [segment.id for segment in rest] == [segments[1].id]


def test_sdk_files(vendor) -> None:
    """Upload, list, describe, delete."""
    uploaded = vendor.call(
        vendor.client.files.upload_file,
        {"file": ("a", b'{"a":1}\n')},
        data_format=models.DataFormat.ND_JSON,
        compression_format=models.CompressionFormat.NONE,
    )
    assert (type(uploaded), uploaded.data_format, uploaded.size_bytes) == (models.FileMetadata, "nd-json", 8)
    page = vendor.call(vendor.client.files.list_files, search_string="a", pagination_limit=1, sort_column="name")
    assert (page.total_count, page.files[0].name, page.space.used_bytes > 8) == (2, "koalas.json.gz", True)
    for column in models.FileSortColumn:
        assert len(vendor.call(vendor.client.files.list_files, sort_column=column).files) == 2
    assert vendor.call(vendor.client.files.get_file_metadata, "a").digest.hash == uploaded.digest.hash
    with pytest.raises(ResourceExistsError):
        vendor.client.files.upload_file({"file": ("a", b"{}")}, data_format="nd-json")
    assert vendor.call(vendor.client.files.delete_file, "a") is None
    assert vendor.error(vendor.client.files.get_file_metadata, "a").code == "NotFound"
    assert vendor.error(vendor.client.files.delete_file, "a").code == "NotFound"
    assert vendor.error(vendor.client.files.upload_file, {"file": ("b.bin", b"")}).target == "dataFormat"


def test_sdk_sync_query(vendor) -> None:
    """Rows are the SDK's list; an error is its SqlErrorResponse."""
    request = models.SqlRequest(
        query='SELECT "city" FROM "Koalas Source" WHERE "session_length" > ? ORDER BY "__time"',
        parameters=[{"type": "BIGINT", "value": 9}],
    )
    assert vendor.call(vendor.client.query.query_sync, request) == [{"city": "Berlin"}, {"city": "berlin"}]
    error = vendor.error(vendor.client.query.query_sync, models.SqlRequest(query='SELECT "x" FROM "Koalas Source"'))
    assert error.category in {category.value for category in models.SqlErrorResponseCategory}
    assert "x" in error.error_message


@pytest.mark.parametrize("vendor", ["polls=2"], indirect=True)
def test_sdk_async_query(vendor) -> None:
    """The states of a query from ACCEPTED to its pages, and its cancellation."""
    for _ in range(2):
        vendor.client.jobs.list_jobs()
    request = models.SqlRequest(query='SELECT "city", "session_length" FROM "Koalas Source" ORDER BY "__time"')
    accepted = vendor.call(vendor.client.query.query_async, request)
    assert (type(accepted), accepted.state) == (models.SqlStatus, "ACCEPTED")
    assert vendor.error(vendor.client.query.query_async_results, accepted.query_id).category == "INVALID_INPUT"
    states = [vendor.call(vendor.client.query.query_async_status, accepted.query_id).state for _ in range(2)]
    assert states == ["RUNNING", "SUCCESS"]
    status = vendor.call(vendor.client.query.query_async_status, accepted.query_id, detail=True)
    assert (status.result.num_total_rows, status.result.pages[0].num_rows) == (3, 3)
    rows = vendor.call(vendor.client.query.query_async_results, accepted.query_id, page=0)
    assert [row["session_length"] for row in rows] == [10, 30, 7]
    assert vendor.error(vendor.client.query.query_async_results, "nope").error == "druidException"
    other = vendor.call(vendor.client.query.query_async, request).query_id
    assert vendor.call(vendor.client.query.query_async_cancel, other) is None
    failed = vendor.call(vendor.client.query.query_async_status, other)
    assert failed.state == "FAILED"
    assert vendor.error(vendor.client.query.query_async_cancel, "nope").error == "druidException"


def test_sdk_async_query_that_is_refused(vendor) -> None:
    """The SDK reads the error as an object below ``error``."""
    refused = vendor.error(vendor.client.query.query_async, models.SqlRequest(query='SELECT "x" FROM "Koalas Source"'))
    assert (type(refused), refused.state) == (models.SqlErrorResponseWrapper, "FAILED")
    assert (refused.error.category, refused.error.error_message) == (
        "INVALID_INPUT",
        "Column 'x' not found in any table; known are '__time', 'city', 'session_length'",
    )
