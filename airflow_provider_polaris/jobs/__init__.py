# SPDX-License-Identifier: Apache-2.0
"""
Model jobs: specs, validation, intervals, states and errors. Performs no I/O; independent of Airflow and HTTP.

All names but those of errors are loaded on first use, which keeps the import of this package fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisAuthError,
    PolarisConflictError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisGuardError,
    PolarisJobCanceledError,
    PolarisJobError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisSpecError,
    PolarisThrottledError,
    PolarisTransportError,
)

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.spec.job_spec import (
        BatchJobSpec,
        ColumnMapping,
        DeleteDataJobSpec,
        DropTableJobSpec,
        JobSpec,
        RestoreDataJobSpec,
        SqlJobSpec,
        SqlParameter,
        TableSource,
        TableTarget,
        UploadedSource,
        parse_spec,
    )
    from airflow_provider_polaris.jobs.sql.rollup import build_mappings
    from airflow_provider_polaris.jobs.status.state import Health, JobState, LogEntry
    from airflow_provider_polaris.jobs.tables.description import TableDescription
    from airflow_provider_polaris.jobs.tables.description import TableDescription as TableFacts
    from airflow_provider_polaris.jobs.tables.name import check_table_name
    from airflow_provider_polaris.jobs.time.granularity import Granularity
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.jobs.validation.rules import check_spec

__all__ = [
    "BatchJobSpec",
    "ColumnMapping",
    "DeleteDataJobSpec",
    "DropTableJobSpec",
    "Granularity",
    "Health",
    "Interval",
    "JobSpec",
    "JobState",
    "LogEntry",
    "PolarisAmbiguousSubmitError",
    "PolarisApiError",
    "PolarisAuthError",
    "PolarisConflictError",
    "PolarisError",
    "PolarisForeignAnswerError",
    "PolarisGuardError",
    "PolarisJobCanceledError",
    "PolarisJobError",
    "PolarisJobFailedError",
    "PolarisJobTimeoutError",
    "PolarisNotFoundError",
    "PolarisProtocolError",
    "PolarisServerError",
    "PolarisSpecError",
    "PolarisThrottledError",
    "PolarisTransportError",
    "RestoreDataJobSpec",
    "SqlJobSpec",
    "SqlParameter",
    "TableDescription",
    "TableFacts",
    "TableSource",
    "TableTarget",
    "UploadedSource",
    "build_mappings",
    "check_spec",
    "check_table_name",
    "parse_spec",
]

_HOME: Final = {
    "Granularity": "time.granularity",
    "Health": "status.state",
    "Interval": "time.interval",
    "JobState": "status.state",
    "LogEntry": "status.state",
    "TableDescription": "tables.description",
    "TableFacts": "tables.description",
    "build_mappings": "sql.rollup",
    "check_spec": "validation.rules",
    "check_table_name": "tables.name",
}
#: Names of release 0.1, and the names that replace them.
_RENAMED: Final = {"TableFacts": "TableDescription"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'spec.job_spec')}"), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
