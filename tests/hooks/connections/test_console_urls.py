# SPDX-License-Identifier: Apache-2.0
"""The hook's links: the pages of jobs and tables."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.hooks.polaris import PolarisHook
from tests.fixtures import PROJECT

JOB = "0190aaaa-0000-7000-8000-00000000000a"


def test_job_url_without_console_url_is_the_start_page_of_the_organization(connect):
    """The URL of a job's page is not documented, so the link leads to the console's start page."""
    connect()
    hook = PolarisHook()

    assert hook.job_url(JOB) == "https://acme.app.imply.io/"
    assert hook.table_url("koalas") == "https://acme.app.imply.io/"


def test_job_url_behind_another_host_is_the_resource_itself(connect):
    """Without a known console, the link is the job's API resource."""
    connect(host="http://127.0.0.1:8099")
    hook = PolarisHook()

    assert hook.job_url(JOB) == f"http://127.0.0.1:8099/v1/projects/{PROJECT}/jobs/{JOB}"
    assert hook.table_url("a b/c") == f"http://127.0.0.1:8099/v1/projects/{PROJECT}/tables/a%20b%2Fc"


@pytest.mark.parametrize(
    ("pattern", "job", "table"),
    [
        (
            "https://console.example.com/p/{project_id}/jobs/{job_id}",
            f"https://console.example.com/p/{PROJECT}/jobs/j%2F1",
            "https://acme.app.imply.io/",
        ),
        (
            "https://console.example.com/tables/{table}",
            "https://acme.app.imply.io/",
            "https://console.example.com/tables/a%20b",
        ),
        (
            "https://console.example.com/?job={job_id}&table={table}",
            "https://console.example.com/?job=j%2F1&table=a%20b",
            "https://console.example.com/?job=&table=a%20b",
        ),
        (
            "https://console.example.com/p/{project_id}",
            f"https://console.example.com/p/{PROJECT}",
            f"https://console.example.com/p/{PROJECT}",
        ),
    ],
    ids=["jobs only", "tables only", "both", "neither"],
)
def test_console_url_is_filled_in_url_encoded_where_it_fits(connect, pattern, job, table):
    """A pattern for jobs is used for jobs only, and no name can change the rest of the URL."""
    connect(extra={"project_id": PROJECT, "console_url": pattern})
    hook = PolarisHook()

    assert hook.job_url("j/1", "a b") == job
    assert hook.table_url("a b") == table


def test_console_url_of_the_job_page_needs_no_request(connect, server):
    """A link needs no request."""
    connect(host=server.url)

    PolarisHook().job_url(JOB)

    assert server.requests == []
