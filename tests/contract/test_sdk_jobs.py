# SPDX-License-Identifier: Apache-2.0
"""The Jobs API with the vendor's SDK: every reply becomes the vendor's model, with every required field."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from polaris.sdk.project_api import models

SAMPLE = Path(__file__).parent.parent / "samples" / "jobs" / "table_to_table" / "201.json"


def test_sdk_create_and_describe(vendor) -> None:
    """A job that the SDK creates is a BatchJobResponse, with the spec that was sent."""
    job = vendor.call(vendor.client.jobs.create_job, vendor.rollup())
    assert type(job) is models.BatchJobResponse
    assert (job.execution_status, job.desired_execution_status, job.type) == ("pending", "running", "batch")
    assert type(job.health) is models.JobOkHealthV2
    assert type(job.spec) is models.CreateBatchJobRequest
    assert type(job.source) is models.TableJobSourceV2
    assert isinstance(job.created_timestamp, datetime)
    assert job.query == json.loads(SAMPLE.read_text())["body"]["query"]
    described = vendor.call(vendor.client.jobs.describe_job, job.id)
    assert (described.execution_status, described.created_timestamp) == ("completed", job.created_timestamp)
    assert described.started_timestamp <= described.completed_timestamp


def test_sdk_create_replace_with_everything_set(vendor) -> None:
    """Every field of the SDK's request is in its response."""
    job = vendor.call(
        vendor.client.jobs.create_job,
        vendor.rollup(
            target=models.TableJobTargetV2(table_name="Koalas Rollup", intervals=["2024-06-01/2024-06-02"]),
            ingestion_mode="replace",
            partitioned_by="day",
            clustering_columns=["city"],
            filter_expression="\"city\" <> 'Bonn'",
            max_parse_exceptions=5,
            context={"failOnEmptyInsert": True},
        ),
    )
    assert (job.ingestion_mode, job.spec.ingestion_mode, job.max_parse_exceptions) == ("replace", "replace", 5)
    assert (job.spec.partitioned_by, job.spec.clustering_columns) == ("day", ["city"])
    assert job.context == job.spec.context == {"failOnEmptyInsert": True}
    assert job.filter_expression == "\"city\" <> 'Bonn'"
    assert job.target.intervals == ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]
    assert vendor.call(vendor.client.jobs.describe_job_status, job.id).execution_status == "completed"


def test_sdk_uploaded_source(vendor) -> None:
    """A job that reads files has the SDK's model of them, also in the list."""
    (summary,) = vendor.call(vendor.client.jobs.list_jobs).values
    assert type(summary) is models.BatchJobSummaryResponse
    assert type(summary.source) is models.UploadedJobSourceSummary
    job = vendor.call(vendor.client.jobs.describe_job, summary.id)
    assert type(job.source) is models.UploadedJobSourceV2
    assert [field.data_type for field in job.source.input_schema] == ["string", "string", "long"]
    assert type(job.source.format_settings) is models.JsonFormatSettings


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["failed", "rollup", "load"]),
        ({"type": ["batch"]}, ["failed", "rollup", "load"]),
        ({"type": ["batch", "sql"]}, ["failed", "rollup", "load"]),
        ({"type": ["streaming", "sql", "delete_data", "drop_table", "restore_data"]}, []),
        ({"execution_status": ["completed"]}, ["rollup", "load"]),
        ({"execution_status": ["completed", "failed"]}, ["failed", "rollup", "load"]),
        ({"execution_status": ["pending", "running", "idle", "suspended", "unknown", "canceled"]}, []),
        ({"health_status": ["ok"]}, ["rollup", "load"]),
        ({"health_status": ["warn", "error"]}, ["failed"]),
        ({"connection_name": ["kafka"]}, []),
        ({"search_string": "rollup"}, ["rollup"]),
        ({"target_table_name": "Koalas Rollup"}, ["rollup"]),
        ({"target_table_id": "00000000-0000-4000-8000-000000000000"}, []),
        ({"sort_column": "created_date_time", "sort_order": "ASC"}, ["load", "rollup", "failed"]),
        ({"sort_column": "target_table_name", "sort_order": "DESC"}, ["load", "rollup", "failed"]),
        ({"pagination_limit": 1}, ["failed"]),
        ({"pagination_limit": 1, "pagination_offset": 1}, ["rollup"]),
    ],
)
def test_sdk_list_with_every_filter(vendor, filters, expected) -> None:
    """Each filter as the SDK encodes it."""
    names = {vendor.call(vendor.client.jobs.list_jobs).values[0].id: "load"}
    names[vendor.submit()] = "rollup"
    other = models.TableJobTargetV2(table_name="Bad")
    fails = [models.InputToTableSchemaMapping(column_name="c", expression='SOUNDEX("city")')]
    names[vendor.submit(target=other, mappings=fails)] = "failed"
    page = vendor.call(vendor.client.jobs.list_jobs, **filters)
    assert [names[job.id] for job in page.values] == expected
    assert page.more_results_available is (filters.get("pagination_limit") == 1)


@pytest.mark.parametrize("column", [column.value for column in models.JobSortSearchColumn])
def test_sdk_list_by_every_column(vendor, column) -> None:
    """Every column of the SDK can be sorted by."""
    vendor.submit()
    for order in models.SortOrder:
        assert len(vendor.call(vendor.client.jobs.list_jobs, sort_column=column, sort_order=order).values) == 2


def test_sdk_progress_metrics_and_logs(vendor) -> None:
    """The small replies of a job that completed."""
    job_id = vendor.submit()
    assert vendor.call(vendor.client.jobs.describe_job_overall_progress, job_id).overall_progress == 1.0
    totals = vendor.call(vendor.client.jobs.describe_job_metrics, job_id).totals
    assert (totals.num_rows_processed, totals.num_rows_persisted, totals.num_rows_skipped_by_error) == (3, 3, 0)
    assert totals.num_bytes_processed > 0
    assert vendor.call(vendor.client.jobs.describe_job_logs, job_id).logs == []


def test_sdk_failed_job(vendor) -> None:
    """A failure has the SDK's model of health and log."""
    fails = [models.InputToTableSchemaMapping(column_name="c", expression='SOUNDEX("city")')]
    job = vendor.call(vendor.client.jobs.describe_job, vendor.submit(mappings=fails))
    assert type(job.health) is models.JobErrorHealthV2
    assert job.health.code in {code.value for code in models.JobErrorCodeV2}
    (entry,) = vendor.call(vendor.client.jobs.describe_job_logs, job.id).logs
    assert (entry.code, entry.message) == (job.health.code, job.health.message)
    assert vendor.call(vendor.client.jobs.describe_job_metrics, job.id).totals is None


def test_sdk_reads_no_warning(vendor) -> None:
    """
    The wire says 'warn'; the SDK's discriminator says 'warning', so it loses status and code.

    When a newer SDK reads it, this test fails: then ``check`` in conftest.py can lose its exception.
    """
    job_id = vendor.submit(filter_expression="\"city\" = 'Nowhere'")
    raw = vendor.raw(vendor.client.jobs.describe_job, job_id)
    assert (raw["health"]["status"], raw["health"]["code"]) == ("warn", "no_rows_found")
    assert raw["health"]["status"] in {status.value for status in models.JobHealthStatusV2}
    assert raw["health"]["code"] in {code.value for code in models.JobWarningCodeV2}
    health = vendor.client.jobs.describe_job(job_id).health
    assert (type(health), health.status) == (models.JobHealthV2, None)
    # Everything else about a warning is as in the SDK's model.
    warning = models.JobWarningHealthV2.deserialize({**raw["health"], "status": "warning"})
    assert (warning.code, warning.log.message) == (
        "no_rows_found",
        "The job completed without ingesting any rows.",
    )


@pytest.mark.parametrize("vendor", ["polls=4"], indirect=True)
def test_sdk_cancel(vendor) -> None:
    """The reply has the current status; the job ends as canceled."""
    source = vendor.client.jobs.list_jobs().values[0].id
    for _ in range(4):
        vendor.client.jobs.describe_job_status(source)
    job_id = vendor.submit()
    cancel = models.UpdateJobStatusRequest(desired_execution_status="canceled")
    assert vendor.call(vendor.client.jobs.describe_job_status, job_id).execution_status == "running"
    assert vendor.call(vendor.client.jobs.update_job_status, job_id, cancel).execution_status == "running"
    job = vendor.call(vendor.client.jobs.describe_job, job_id)
    assert (job.execution_status, job.desired_execution_status) == ("canceled", "canceled")
    assert (type(job.health), job.health.code) == (models.JobErrorHealthV2, "canceled")
    # POST /jobs/{id}/status declares 404 and 415 only, so the SDK raises on the 400.
    with pytest.raises(HttpResponseError) as caught:
        vendor.client.jobs.update_job_status(job_id, cancel)
    assert caught.value.status_code == 400


@pytest.mark.parametrize("vendor", ["polls=9"], indirect=True)
def test_sdk_update(vendor) -> None:
    """PUT returns the job; an impossible status is an ErrorResponse."""
    job_id = vendor.client.jobs.list_jobs().values[0].id
    job = vendor.call(
        vendor.client.jobs.update_job, job_id, models.UpdateJobStatusRequest(desired_execution_status="canceled")
    )
    assert (type(job), job.desired_execution_status) == (models.BatchJobResponse, "canceled")
    suspend = models.UpdateJobStatusRequest(desired_execution_status="suspended")
    assert vendor.error(vendor.client.jobs.update_job, job_id, suspend).target == "desiredExecutionStatus"


def test_sdk_refused_job(vendor) -> None:
    """A 400 is an ErrorResponse with code, message, target and details."""
    error = vendor.error(vendor.client.jobs.create_job, vendor.rollup(ingestion_mode="replace"))
    assert (error.code, error.target) == ("BadRequest", "target.intervals")
    error = vendor.error(vendor.client.jobs.create_job, vendor.rollup(max_parse_exceptions=-1, ingestion_mode="x"))
    assert (error.target, [detail.target for detail in error.details]) == ("ingestionMode", ["maxParseExceptions"])


@pytest.mark.parametrize(
    "name",
    [
        "describe_job",
        "describe_job_status",
        "describe_job_overall_progress",
        "describe_job_logs",
        "describe_job_metrics",
    ],
)
def test_sdk_unknown_job(vendor, name) -> None:
    """A 404 is an ErrorResponse."""
    error = vendor.error(getattr(vendor.client.jobs, name), "nope")
    assert (error.code, error.message) == ("NotFound", "Job 'nope' does not exist.")


def test_sdk_wrong_key(vendor) -> None:
    """A 401 is the SDK's ClientAuthenticationError."""
    client = type(vendor.client).from_endpoint(
        vendor.emulator.settings.project_id, vendor.emulator.base_url, "pok_wrong", retry_total=0
    )
    with client, pytest.raises(ClientAuthenticationError) as caught:
        client.jobs.list_jobs()
    assert caught.value.status_code == 401


def test_sdk_type_that_is_not_implemented(vendor) -> None:
    """A 501 names the feature in the envelope."""
    with pytest.raises(HttpResponseError) as caught:
        vendor.client.jobs.create_job(
            models.CreateSqlJobRequest(
                query="INSERT INTO t SELECT * FROM TABLE(EXTERN('{}', '{}', '[]')) PARTITIONED BY DAY",
                create_table_if_not_exists=True,
            )
        )
    assert caught.value.status_code == 501
    assert json.loads(caught.value.response.text()) == {
        "code": "NotImplemented",
        "message": "The emulator does not implement this SQL: FROM \"TABLE(EXTERN('{}', '{}', '[]'))\" is not "
        "supported: only tables and subqueries are.",
        "target": "query",
    }


def test_sdk_sql_job(vendor) -> None:
    """A SQL job is a SqlJobResponse; its target comes from the statement."""
    query = 'INSERT INTO "t" SELECT "__time", "city" FROM "Koalas Source" WHERE "city" = ? PARTITIONED BY DAY'
    request = models.CreateSqlJobRequest(
        query=query,
        create_table_if_not_exists=True,
        context={"maxNumTasks": 2},
        parameters=[models.SqlParameter(type="VARCHAR", value="Oslo")],
    )
    job = vendor.call(vendor.client.jobs.create_job, request)
    assert type(job) is models.SqlJobResponse
    assert type(job.spec) is models.CreateSqlJobRequest
    assert (job.query, job.spec.query, job.target.table_name) == (query, query, "t")
    assert job.context == job.spec.context == {"maxNumTasks": 2}
    assert [(one.type, one.value) for one in job.spec.parameters] == [("VARCHAR", "Oslo")]
    assert vendor.call(vendor.client.jobs.describe_job, job.id).execution_status == "completed"
    kinds = [type(one) for one in vendor.call(vendor.client.jobs.list_jobs).values]
    assert kinds == [models.SqlJobSummaryResponse, models.BatchJobSummaryResponse]
