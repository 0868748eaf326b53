# SPDX-License-Identifier: Apache-2.0
"""Build the URLs of job and table pages in the console from the connection, without a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from airflow_provider_polaris.client.polaris.host import organization_of
from airflow_provider_polaris.jobs.errors import PolarisSpecError

_FIELDS = ("project_id", "job_id", "table")
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class ConsoleUrls:
    """
    Build the page URLs of one project.

    The vendor doesn't document the URL of a job's page, so a connection can set its own pattern. Without a pattern,
    links lead to the console's start page, ``https://ORG.app.imply.io/``, for a host of the form
    ``ORG.REGION.CLOUD.api.imply.io``. For any other host the console is unknown, and links lead to the API resource,
    ``BASE_URL/v1/projects/PROJECT_ID/jobs/JOB_ID``, which needs an API key.

    :param base_url: URL of the API, without a trailing slash.
    :param project_id: The project.
    :param pattern: URL whose fields ``{project_id}``, ``{job_id}`` and ``{table}`` are replaced, URL-encoded; or None.
    """

    base_url: str
    project_id: str
    pattern: str | None = None

    def job_url(self, job_id: str, table: str = "") -> str:
        """
        Return the URL of a job's page.

        :param job_id: The job.
        :param table: The table that it writes, if known; used only by a pattern with ``{table}``.
        """
        if self.pattern is not None and self._fits("job_id", other="table"):
            return self._fill({"job_id": job_id, "table": table})
        return self._default(f"jobs/{quote(job_id, safe='')}")

    def table_url(self, table: str) -> str:
        """
        Return the URL of a table's page.

        :param table: The table's name.
        """
        if self.pattern is not None and self._fits("table", other="job_id"):
            return self._fill({"job_id": "", "table": table})
        return self._default(f"tables/{quote(table, safe='')}")

    def _fits(self, own: str, other: str) -> bool:
        # A pattern with only {job_id} doesn't fit a table, and one with only {table} doesn't fit a job.
        # A pattern with neither fits both.
        names = _FIELD.findall(self.pattern or "")
        return own in names or other not in names

    def _fill(self, values: dict[str, str]) -> str:
        values = {"project_id": self.project_id, **values}
        return _FIELD.sub(lambda match: quote(values[match[1]], safe=""), self.pattern or "")

    def _default(self, resource: str) -> str:
        organization = organization_of(self.base_url)
        if organization is not None:
            return f"https://{organization}.app.imply.io/"
        return f"{self.base_url}/v1/projects/{quote(self.project_id, safe='')}/{resource}"


def check_pattern(pattern: str, connection_id: str) -> None:
    """
    Reject an invalid console URL pattern before a job is submitted whose link needs it.

    :param pattern: Value of the extra ``console_url``.
    :param connection_id: Id for the message.
    :raises PolarisSpecError: The pattern isn't an http(s) URL, or has a field other than the three.
    """
    where = f"extra 'console_url' of connection {connection_id!r} is {pattern!r}"
    if urlsplit(pattern).scheme not in ("http", "https"):
        raise PolarisSpecError(
            f"{where}, which is not a URL: it must begin with https:// or http://. "
            f"Give the whole URL, or leave it empty."
        )
    unknown = [name for name in _FIELD.findall(pattern) if name not in _FIELDS]
    if unknown:
        raise PolarisSpecError(
            f"{where}, where {{{unknown[0]}}} is unknown. Only {{project_id}}, {{job_id}} and {{table}} are replaced."
        )
    if "{" in (rest := _FIELD.sub("", pattern)) or "}" in rest:
        raise PolarisSpecError(
            f"{where}, which has an unmatched brace. Only {{project_id}}, {{job_id}} and {{table}} are replaced."
        )
