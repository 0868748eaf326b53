"""Where a person looks at a job or a table: URLs made from the connection, without a request."""

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
    Makes the URLs of one project's pages.

    No source of the vendor says what the URL of a job's page looks like, so a connection can bring its own pattern.
    Without one, a link leads to the console's start page, ``https://ORG.app.imply.io/``, for a host of the form
    ``ORG.REGION.CLOUD.api.imply.io``; behind any other host no console is known, and a link leads to the resource
    itself, ``BASE_URL/v1/projects/PROJECT_ID/jobs/JOB_ID``, which answers to an API key.

    :param base_url: URL of the API, without a trailing slash.
    :param project_id: The project.
    :param pattern: URL in which ``{project_id}``, ``{job_id}`` and ``{table}`` are filled in, URL-encoded; or None.
    """

    base_url: str
    project_id: str
    pattern: str | None = None

    def job_url(self, job_id: str, table: str = "") -> str:
        """
        Return where to look at a job.

        :param job_id: The job.
        :param table: The table it writes, where known; needed only by a pattern that names ``{table}``.
        """
        if self.pattern is not None and self._fits("job_id", other="table"):
            return self._fill({"job_id": job_id, "table": table})
        return self._default(f"jobs/{quote(job_id, safe='')}")

    def table_url(self, table: str) -> str:
        """
        Return where to look at a table.

        :param table: The table's name.
        """
        if self.pattern is not None and self._fits("table", other="job_id"):
            return self._fill({"job_id": "", "table": table})
        return self._default(f"tables/{quote(table, safe='')}")

    def _fits(self, own: str, other: str) -> bool:
        # A pattern for jobs can't lead to a table, nor the other way round; one that names neither leads anywhere.
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
    Refuse a console URL that can't be filled in, before a job is submitted whose link would need it.

    :param pattern: Value of the extra ``console_url``.
    :param connection_id: For the message.
    :raises PolarisSpecError: It isn't an http(s) URL, or has braces that aren't one of the three fields.
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
            f"{where}, where {{{unknown[0]}}} is unknown. Only {{project_id}}, {{job_id}} and {{table}} are filled in."
        )
    if "{" in (rest := _FIELD.sub("", pattern)) or "}" in rest:
        raise PolarisSpecError(
            f"{where}, which has a brace too many. Only {{project_id}}, {{job_id}} and {{table}} are filled in."
        )
