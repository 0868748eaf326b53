# SPDX-License-Identifier: Apache-2.0
"""Build the URLs of job and table pages in the console from the connection, without a request."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

from airflow_provider_polaris.client.polaris.host import organization_of
from airflow_provider_polaris.jobs.errors import PolarisSpecError

_FIELD: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class ConsoleUrls:
    """
    Build the page URLs of one connection.

    All patterns are URLs whose fields ``{job_id}``, ``{table}`` and those of ``fields`` are replaced, URL-encoded.

    :param job: Pattern of a job's page.
    :param table: Pattern of a table's page.
    :param pattern: The connection's own pattern, which is preferred wherever it fits; or None.
    :param fields: Values of further fields.
    """

    job: str
    table: str
    pattern: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    def job_url(self, job_id: str, table: str = "") -> str:
        """
        Return the URL of a job's page.

        :param job_id: The job.
        :param table: The table that it writes, if known; used only by a pattern with ``{table}``.
        """
        pattern = self.pattern if self._fits("job_id", other="table") else None
        return self._fill(pattern or self.job, {"job_id": job_id, "table": table})

    def table_url(self, table: str) -> str:
        """
        Return the URL of a table's page.

        :param table: The table's name.
        """
        pattern = self.pattern if self._fits("table", other="job_id") else None
        return self._fill(pattern or self.table, {"job_id": "", "table": table})

    def _fits(self, own: str, other: str) -> bool:
        # A pattern with only {job_id} doesn't fit a table, and one with only {table} doesn't fit a job.
        # A pattern with neither fits both.
        names = _FIELD.findall(self.pattern or "")
        return own in names or other not in names

    def _fill(self, pattern: str, values: Mapping[str, str]) -> str:
        known = {**self.fields, **values}
        return _FIELD.sub(lambda match: quote(known.get(match[1], match[0]), safe=""), pattern)


def polaris_console(base_url: str, project_id: str, pattern: str | None) -> ConsoleUrls:
    """
    Return the pages of one Polaris project.

    The vendor doesn't document the URL of a job's page, so a connection can set its own pattern. Without a pattern,
    links lead to the console's start page, ``https://ORG.app.imply.io/``, for a host of the form
    ``ORG.REGION.CLOUD.api.imply.io``. For any other host the console is unknown, and links lead to the API resource,
    ``BASE_URL/v1/projects/PROJECT_ID/jobs/JOB_ID``, which needs an API key.

    :param base_url: URL of the API, without a trailing slash.
    :param project_id: The project.
    :param pattern: The connection's own pattern, with ``{project_id}``, ``{job_id}`` and ``{table}``; or None.
    """
    fields = {"project_id": project_id}
    organization = organization_of(base_url)
    if organization is not None:
        start = f"https://{organization}.app.imply.io/"
        return ConsoleUrls(start, start, pattern, fields)
    project = f"{base_url}/v1/projects/{{project_id}}"
    return ConsoleUrls(f"{project}/jobs/{{job_id}}", f"{project}/tables/{{table}}", pattern, fields)


def druid_console(base_url: str, pattern: str | None) -> ConsoleUrls:
    """
    Return the pages of the web console that the router serves, filtered to one task or one table.

    Source: github.com/apache/druid, web-console/src/console-application.tsx and react-table/react-table-utils.ts (read
    2026-11-30). GUESS: a console that is too old for filters in its URL shows its start page.

    :param base_url: URL of the router, without a trailing slash.
    :param pattern: The connection's own pattern, with ``{job_id}`` and ``{table}``; or None.
    """
    console = f"{base_url}/unified-console.html"
    return ConsoleUrls(f"{console}#tasks/task_id={{job_id}}", f"{console}#datasources/datasource={{table}}", pattern)


def check_pattern(pattern: str, connection_id: str, fields: Collection[str]) -> None:
    """
    Reject an invalid console URL pattern before a job is submitted whose link needs it.

    :param pattern: Value of the extra ``console_url``.
    :param connection_id: Id for the message.
    :param fields: Names of the fields that are replaced.
    :raises PolarisSpecError: The pattern isn't an http(s) URL, or has another field.
    """
    where = f"extra 'console_url' of connection {connection_id!r} is {pattern!r}"
    if urlsplit(pattern).scheme not in ("http", "https"):
        raise PolarisSpecError(
            f"{where}, which is not a URL: it must begin with https:// or http://. "
            f"Give the whole URL, or leave it empty."
        )
    *most, last = (f"{{{name}}}" for name in fields)
    only = f"Only {', '.join(most)} and {last} are replaced."
    unknown = [name for name in _FIELD.findall(pattern) if name not in fields]
    if unknown:
        raise PolarisSpecError(f"{where}, where {{{unknown[0]}}} is unknown. {only}")
    if "{" in (rest := _FIELD.sub("", pattern)) or "}" in rest:
        raise PolarisSpecError(f"{where}, which has an unmatched brace. {only}")
