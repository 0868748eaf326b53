# SPDX-License-Identifier: Apache-2.0
"""Deleting, restoring, dropping, streaming and storage policies with the vendor's SDK."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError
from polaris.sdk.project_api import models

SOURCE = "Koalas Source"
DAY = "2024-06-01/2024-06-02"
DAY_ECHOED = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"


def _target(*intervals, table=SOURCE):
    return models.TableJobTargetV2(table_name=table, intervals=list(intervals) or None)


def _run(vendor, request):
    """Create a job and describe it; each reply is checked."""
    created = vendor.call(vendor.client.jobs.create_job, request)
    assert created.execution_status == "pending"
    described = vendor.call(vendor.client.jobs.describe_job, created.id)
    assert described.execution_status == "completed"
    assert type(described) is type(created)
    return described


def _soft_delete(vendor, **options):
    return _run(
        vendor, models.CreateDeleteDataJobRequest(target=_target(DAY), delete_all=False, soft_delete=True, **options)
    )


def test_sdk_delete_data(vendor) -> None:
    """A DeleteDataJobResponse with its spec; the segment is listed as unused."""
    job = _soft_delete(vendor)
    assert (type(job), type(job.spec)) == (models.DeleteDataJobResponse, models.CreateDeleteDataJobRequest)
    assert (job.delete_all, job.versions, job.target.intervals) == (False, None, [DAY_ECHOED])
    assert (job.spec.soft_delete, type(job.health)) == (True, models.JobOkHealthV2)
    (segment,) = vendor.call(vendor.client.tables.get_unused_segments_for_table, SOURCE).values
    assert (segment.interval, segment.table_name, segment.partition_number) == (DAY_ECHOED, SOURCE, 0)
    assert segment.last_updated_on_timestamp >= segment.created_on_timestamp


def test_sdk_delete_data_of_versions_and_of_all(vendor) -> None:
    """Every field of the request is echoed."""
    _soft_delete(vendor)
    (segment,) = vendor.client.tables.get_unused_segments_for_table(SOURCE).values
    job = _run(vendor, models.CreateDeleteDataJobRequest(target=_target(DAY), versions=[segment.version]))
    assert (job.versions, job.spec.versions, job.spec.soft_delete) == ([segment.version], [segment.version], False)
    assert vendor.call(vendor.client.tables.get_unused_segments_for_table, SOURCE).values == []
    job = _run(vendor, models.CreateDeleteDataJobRequest(target=_target(), delete_all=True))
    assert (job.delete_all, job.spec.delete_all) == (True, True)
    assert vendor.call(vendor.client.tables.describe_table, SOURCE).total_rows == 0


def test_sdk_restore_data(vendor) -> None:
    """A RestoreDataJobResponse with interval and versions."""
    _soft_delete(vendor)
    (segment,) = vendor.client.tables.get_unused_segments_for_table(SOURCE).values
    request = models.CreateRestoreDataJobRequest(target=_target(), interval=DAY, versions=[segment.version])
    job = _run(vendor, request)
    assert (type(job), type(job.spec)) == (models.RestoreDataJobResponse, models.CreateRestoreDataJobRequest)
    assert (job.interval, job.versions, job.target.intervals) == (DAY_ECHOED, [segment.version], [])
    assert vendor.call(vendor.client.tables.describe_table, SOURCE).total_rows == 3
    empty = vendor.call(
        vendor.client.jobs.create_job, models.CreateRestoreDataJobRequest(target=_target(), interval=DAY)
    )
    assert vendor.raw(vendor.client.jobs.describe_job, empty.id)["health"]["code"] == "no_rows_found"


def test_sdk_restore_data_over_live_data(vendor) -> None:
    """The job fails with a code of the SDK."""
    for mode in ("append", "replace"):
        vendor.client.jobs.describe_job(vendor.submit(ingestion_mode=mode, replace_all=mode == "replace"))
    request = models.CreateRestoreDataJobRequest(target=_target(table="Koalas Rollup"), interval=DAY)
    created = vendor.call(vendor.client.jobs.create_job, request)
    job = vendor.call(vendor.client.jobs.describe_job, created.id)
    assert (job.execution_status, type(job.health)) == ("failed", models.JobErrorHealthV2)
    assert job.health.code in {code.value for code in models.JobErrorCodeV2}


def test_sdk_drop_table(vendor) -> None:
    """A DropTableJobResponse; then the table is a 404."""
    job = _run(vendor, models.CreateDropTableJobRequest(target=_target(), soft_delete=True))
    assert (type(job), type(job.spec)) == (models.DropTableJobResponse, models.CreateDropTableJobRequest)
    assert job.spec.soft_delete is True
    assert vendor.error(vendor.client.tables.describe_table, SOURCE).code == "NotFound"


@pytest.mark.parametrize("vendor", ["polls=9"], indirect=True)
def test_sdk_streaming(vendor) -> None:
    """A StreamingJobResponse with the accepted rows; suspended and reset; its summary names the connection."""
    request = models.CreateStreamingJobRequest(
        source=models.ConnectionJobSourceV2(
            connection_name="kafka",
            format_settings=models.JsonFormatSettings(),
            input_schema=[models.FieldNameAndDataType(name="city", data_type="string")],
        ),
        target=_target(),
        mappings=[models.InputToTableSchemaMapping(column_name="city", expression='"city"')],
        dimension_exclusions=["secret"],
        clustering_columns=["city"],
        partitioned_by="hour",
        filter_expression="\"city\" <> ''",
        early_message_rejection_period="P1D",
        late_message_rejection_period="P7D",
        read_from_point="earliest",
        use_schema_discovery=True,
        max_parse_exceptions=3,
        replace_running=True,
    )
    created = vendor.call(vendor.client.jobs.create_job, request)
    job = vendor.call(vendor.client.jobs.describe_job, created.id)
    assert (type(job), type(job.spec)) == (models.StreamingJobResponse, models.CreateStreamingJobRequest)
    assert (job.execution_status, type(job.source)) == ("running", models.ConnectionJobSourceV2)
    assert (job.early_message_rejection_period, job.late_message_rejection_period) == ("P1D", "P7D")
    told = request.serialize()
    assert {key: value for key, value in job.spec.serialize().items() if key in told} == {
        **told,
        "target": {"type": "table", "tableName": SOURCE, "intervals": []},
    }
    (row,) = vendor.call(vendor.client.jobs.list_jobs, type=["streaming"], connection_name=["kafka"]).values
    assert (type(row), type(row.source)) == (models.StreamingJobSummaryResponse, models.ConnectionJobSourceSummary)
    assert row.source.connection_name == "kafka"
    suspend = models.UpdateJobStatusRequest(desired_execution_status="suspended")
    vendor.call(vendor.client.jobs.update_job_status, job.id, suspend)
    assert vendor.call(vendor.client.jobs.describe_job_status, job.id).execution_status == "suspended"
    assert vendor.call(vendor.client.jobs.reset_job, job.id) is None


def test_sdk_lists_every_type_as_its_summary(vendor) -> None:
    """Each row is the SDK's model of its type, with the intervals of its target."""
    _soft_delete(vendor)
    _run(vendor, models.CreateRestoreDataJobRequest(target=_target(), interval=DAY))
    _run(vendor, models.CreateDropTableJobRequest(target=_target()))
    rows = vendor.call(vendor.client.jobs.list_jobs, sort_column="created_date_time", sort_order="ASC").values
    assert [(type(row), row.target.intervals) for row in rows] == [
        (models.BatchJobSummaryResponse, []),
        (models.DeleteDataJobSummaryResponse, [DAY_ECHOED]),
        (models.RestoreDataJobSummaryResponse, []),
        (models.DropTableJobSummaryResponse, []),
    ]
    for column in models.JobSortSearchColumn:
        assert len(vendor.call(vendor.client.jobs.list_jobs, sort_column=column).values) == 4


def test_sdk_metrics_logs_and_progress_of_a_deletion(vendor) -> None:
    """No totals, no entries, and an ErrorResponse for the progress."""
    job = _soft_delete(vendor)
    assert vendor.call(vendor.client.jobs.describe_job_metrics, job.id).totals is None
    assert vendor.call(vendor.client.jobs.describe_job_logs, job.id).logs == []
    assert vendor.error(vendor.client.jobs.describe_job_overall_progress, job.id).code == "BadRequest"


@pytest.mark.parametrize("vendor", ["polls=4"], indirect=True)
def test_sdk_deletion_can_neither_be_canceled_nor_come_under_a_reader(vendor) -> None:
    """Both are 400: one is declared (PUT, POST of a job), the other isn't (POST of a status)."""
    source = vendor.client.jobs.list_jobs().values[0].id
    for _ in range(4):
        vendor.client.jobs.describe_job_status(source)
    deletion = vendor.call(
        vendor.client.jobs.create_job, models.CreateDeleteDataJobRequest(target=_target(), delete_all=True)
    )
    cancel = models.UpdateJobStatusRequest(desired_execution_status="canceled")
    assert vendor.error(vendor.client.jobs.update_job, deletion.id, cancel).target == "desiredExecutionStatus"
    with pytest.raises(HttpResponseError) as caught:
        vendor.client.jobs.update_job_status(deletion.id, cancel)
    assert caught.value.status_code == 400
    vendor.submit()
    again = models.CreateDeleteDataJobRequest(target=_target(), delete_all=True)
    assert vendor.error(vendor.client.jobs.create_job, again).target == "target.tableName"


def test_sdk_storage_policy(vendor) -> None:
    """Both kinds, as the SDK writes and parses them, in describe and list."""
    table = vendor.call(vendor.client.tables.describe_table, SOURCE)
    table.storage_policy = models.TableStoragePolicy(
        retain=models.PeriodPolicyPayload(period="P99Y"),
        cached=models.IntervalsPolicyPayload(intervals=["2024-06-02/2024-06-03"], period="P1M"),
    )
    updated = vendor.call(vendor.client.tables.update_table, SOURCE, table)
    assert type(updated.storage_policy.retain) is models.PeriodPolicyPayload
    assert type(updated.storage_policy.cached) is models.IntervalsPolicyPayload
    assert updated.precached_data_size_bytes < updated.total_data_size_bytes
    (row,) = vendor.call(vendor.client.tables.list_tables).values
    assert row.storage_policy.as_dict() == updated.storage_policy.as_dict()
    counted = models.SqlRequest(query=f'SELECT COUNT(*) AS "n" FROM "{SOURCE}"')
    assert vendor.call(vendor.client.query.query_sync, counted) == [{"n": 1}]
    query = vendor.call(vendor.client.query.query_async, counted).query_id
    vendor.call(vendor.client.query.query_async_status, query)
    assert vendor.call(vendor.client.query.query_async_results, query) == [{"n": 3}]
