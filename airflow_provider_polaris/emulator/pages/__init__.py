# SPDX-License-Identifier: Apache-2.0
"""
Render the console's pages from Jinja2 templates, without a build step; they also work without their script.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.pages.index import index_page
from airflow_provider_polaris.emulator.pages.job import job_page
from airflow_provider_polaris.emulator.pages.job_list import JobQuery, jobs_page
from airflow_provider_polaris.emulator.pages.layout import HEADERS, Site, error_page
from airflow_provider_polaris.emulator.pages.table import table_page

__all__ = ["HEADERS", "JobQuery", "Site", "error_page", "index_page", "job_page", "jobs_page", "table_page"]
