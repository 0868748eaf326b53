# SPDX-License-Identifier: Apache-2.0
"""Warn about string constants that look like a column name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def warn_of_constants(spec: Mapping[str, Any], log: Any) -> None:
    """
    Log a warning for each mapping whose expression is a constant equal to its column name.

    :param spec: The JSON object for Polaris.
    :param log: Logger of the task.
    """
    from airflow_provider_polaris.jobs.errors import PolarisSpecError
    from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
    from airflow_provider_polaris.jobs.validation.expressions import misread_constants

    try:
        job = parse_spec(spec)
    except PolarisSpecError:
        return  # a job type that this package does not support
    if isinstance(job, BatchJobSpec):
        for sentence in misread_constants(job):
            log.warning("%s", sentence)
