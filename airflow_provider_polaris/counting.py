# SPDX-License-Identifier: Apache-2.0
"""Deprecated: :class:`~airflow_provider_polaris.jobs.errors.PolarisGuardUnansweredError` was here in release 0.1.0."""

from airflow_provider_polaris.runtime.moved import moved

__getattr__ = moved(__name__, PolarisGuardUnansweredError="airflow_provider_polaris.jobs.errors")
