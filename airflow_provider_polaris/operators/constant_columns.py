"""The warning about constants that have the name of a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def warn_of_constants(spec: Mapping[str, Any], log: Any) -> None:
    """
    Log a warning for each mapping that writes its own name into every row.

    :param spec: The JSON object for Polaris.
    :param log: Logger of the task.
    """
    from airflow_provider_polaris.jobs.errors import PolarisSpecError
    from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
    from airflow_provider_polaris.jobs.validation.expressions import misread_constants

    try:
        job = parse_spec(spec)
    except PolarisSpecError:
        return  # a type of job that this package doesn't know
    if isinstance(job, BatchJobSpec):
        for sentence in misread_constants(job):
            log.warning("%s", sentence)
