# SPDX-License-Identifier: Apache-2.0
"""Deprecated; see :mod:`airflow_provider_polaris.submission.record`."""
