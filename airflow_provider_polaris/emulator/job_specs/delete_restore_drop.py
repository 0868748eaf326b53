# SPDX-License-Identifier: Apache-2.0
"""
Build jobs that delete data, restore data or drop a table from the body of a POST, and check the rules of the Jobs API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import Tables, find_overlap
from airflow_provider_polaris.emulator.job_specs.validated_job import Prepared, echo_target, find_target, read_interval
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.models import DeleteDataJob, DropTableJob, RestoreDataJob
from airflow_provider_polaris.emulator.wire.requests import parse


def prepare_delete(data: Mapping[str, Any], catalog: Catalog) -> Prepared:
    """
    Validate a job that deletes data of a table.

    DOCUMENTED polaris-sdk 20250425.14.0, CreateDeleteDataJobRequest: any intervals, or ``deleteAll`` without any.
    GUESS: a job with neither is rejected; deleting nothing and deleting everything would both be wrong.

    :raises ApiError: 400 for an invalid job.
    """
    job = parse(DeleteDataJob, data)
    target = find_target(job.target, catalog)
    texts = job.target.intervals or []
    if job.delete_all and texts:
        raise bad_request("'deleteAll' can't be true when 'target.intervals' is set.", "deleteAll")
    if not job.delete_all and not texts:
        raise bad_request(
            "a job of type 'delete_data' needs either 'target.intervals' or 'deleteAll': true.", "target.intervals"
        )
    intervals = [read_interval(text, "target.intervals") for text in texts]
    spec = {
        "type": "delete_data",
        "target": echo_target(job.target, intervals),
        "deleteAll": job.delete_all,
        "softDelete": job.soft_delete,
        "versions": job.versions,
    }
    return Prepared(spec, target)


def prepare_restore(data: Mapping[str, Any], catalog: Catalog, tables: Tables, assumed: Assumptions) -> Prepared:
    """
    Validate a job that restores softly deleted data.

    DOCUMENTED polaris-sdk 20250425.14.0, CreateRestoreDataJobRequest: one interval, outside the target. GUESS: existing
    data in the interval fails the job, unless ``restore_overlap`` rejects the job.

    :raises ApiError: 400 for an invalid job.
    """
    job = parse(RestoreDataJob, data)
    target = find_target(job.target, catalog)
    if job.target.intervals:
        raise bad_request(
            "'target.intervals' can't be set for a job of type 'restore_data'; set 'interval'.", "target.intervals"
        )
    interval = read_interval(job.interval, "interval")
    if assumed.restore_overlap == "refuse":
        found = find_overlap(job.target.table_name, (interval.start, interval.end), tables, job.versions)
        if found is not None:
            raise bad_request(found, "interval")
    spec = {
        "type": "restore_data",
        "target": echo_target(job.target),
        "interval": str(interval),
        "versions": job.versions,
    }
    return Prepared(spec, target)


def prepare_drop(data: Mapping[str, Any], catalog: Catalog) -> Prepared:
    """
    Validate a job that drops a table.

    DOCUMENTED polaris-sdk 20250425.14.0, CreateDropTableJobRequest. GUESS: intervals are rejected.

    :raises ApiError: 400 for an invalid job.
    """
    job = parse(DropTableJob, data)
    target = find_target(job.target, catalog)
    if job.target.intervals:
        raise bad_request(
            "'target.intervals' can't be set for a job of type 'drop_table', which drops all of the table.",
            "target.intervals",
        )
    spec = {"type": "drop_table", "target": echo_target(job.target), "softDelete": job.soft_delete}
    return Prepared(spec, target)
