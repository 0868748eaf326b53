# SPDX-License-Identifier: Apache-2.0
"""
Validate the body of a POST by its job type, its fields and the active jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.catalog.files import FileStore
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import Tables
from airflow_provider_polaris.emulator.job_specs.batch import prepare_batch
from airflow_provider_polaris.emulator.job_specs.delete_restore_drop import (
    prepare_delete,
    prepare_drop,
    prepare_restore,
)
from airflow_provider_polaris.emulator.job_specs.sql import prepare_sql
from airflow_provider_polaris.emulator.job_specs.streaming import prepare_stream
from airflow_provider_polaris.emulator.job_specs.validated_job import Prepared
from airflow_provider_polaris.emulator.wire.errors import bad_request

# DOCUMENTED polaris-sdk 20250425.14.0, JobTypeV2
JOB_TYPES: Final = ("batch", "delete_data", "drop_table", "restore_data", "streaming", "sql")


def prepare(
    data: Mapping[str, Any], catalog: Catalog, file_store: FileStore, tables: Tables, assumed: Assumptions
) -> Prepared:
    """
    Validate the body of a POST and fill in the values that Polaris fills in.

    :param data: The body.
    :param catalog: The tables.
    :param file_store: The uploaded files.
    :param tables: The engine's tables.
    :param assumed: The assumptions.
    :return: The validated job, not yet stored.
    :raises ApiError: 400 for an invalid job, 501 for a job that the emulator can't run.
    """
    # DOCUMENTED polaris-sdk 20250425.14.0 has no default; GUESS from the vendor's OpenAPI document: it is 'sql'.
    job_type = data.get("type", "sql")
    if job_type == "batch":
        return prepare_batch(data, catalog, file_store, assumed)
    if job_type == "delete_data":
        return prepare_delete(data, catalog)
    if job_type == "restore_data":
        return prepare_restore(data, catalog, tables, assumed)
    if job_type == "drop_table":
        return prepare_drop(data, catalog)
    if job_type == "streaming":
        return prepare_stream(data, catalog)
    if job_type == "sql":
        return prepare_sql(data, catalog, tables, assumed)
    words = ", ".join(JOB_TYPES)
    raise bad_request(f"field 'type' has the value {job_type!r}: it must be one of {words}.", "type")
