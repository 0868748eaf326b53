# SPDX-License-Identifier: Apache-2.0
"""Advice for the error statuses of Polaris: the likely cause and what to do; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_polaris.client.http.connection_errors import RequestInfo
from airflow_provider_polaris.client.http.endpoint import host_of
from airflow_provider_polaris.client.http.error_body import excerpt
from airflow_provider_polaris.client.polaris.settings import ClientSettings
from airflow_provider_polaris.jobs.status.retryability import is_submission


def advise(
    subject: RequestInfo, status: int, settings: ClientSettings, *, wait: float | None = None, location: str = ""
) -> str:
    """
    Return what to do about an error status; empty if the vendor's text is all there is.

    :param subject: The request.
    :param status: HTTP status.
    :param settings: Names for the messages.
    :param wait: Seconds of ``Retry-After``.
    :param location: Target of a redirect, with secrets masked.
    """
    connection = f"connection {settings.connection_name!r}"
    if status in (400, 422) and is_submission(subject.method, subject.path):
        return "Polaris created no job, and a retry would fail, too. Correct the field that Polaris names."
    if status == 401:
        return (
            f"Polaris does not accept {subject.credentials}: it may be wrong, expired, revoked or of another "
            "organization."
        )
    if status == 403:
        return _permission(subject)
    if status == 404:
        return _not_found(subject, settings)
    if status == 409:
        return _CONFLICTS.get((subject.method, subject.noun or subject.path.rsplit("/", 1)[-1]), _CONFLICT)
    if status == 413:
        return "The body is larger than the service accepts. Send less data per request."
    if status == 415:
        return f"A proxy may have changed the Content-Type header: check proxies in {connection}."
    if status == 429:
        asked = f" The service requests a wait of {wait:g} s." if wait is not None else ""
        return f"Too many requests for this project or key.{asked}"
    if 300 <= status < 400:
        target = excerpt(host_of(location), 100)
        to = f" to host {target!r}" if target else ""
        return f"The Polaris API does not redirect, so the redirect{to} was not followed: check host in {connection}."
    if status in (405, 406, 501, 505):
        return f"The service at {settings.base_url!r} does not offer this."
    if status >= 500:
        return "The service, or a proxy in front of it, failed."
    return ""


def _permission(subject: RequestInfo) -> str:
    who = subject.credentials
    needs = " and ".join(subject.permissions)
    plural = "permissions" if len(subject.permissions) > 1 else "permission"
    return (
        f"{who[:1].upper()}{who[1:]} needs the {needs} {plural}{subject.permission_note}. If it has that, a network "
        "policy (IP allow list) may block this machine."
    )


def _not_found(subject: RequestInfo, settings: ClientSettings) -> str:
    project = settings.project_id
    if subject.noun == "job":
        # docs.imply.io/polaris/manage-ingestion-job
        return (
            f"No job {subject.name!r} in project {project!r}: a job is visible in its own project only, and Polaris "
            "deletes finished jobs after 90 days once a project has more than 5000 of them."
        )
    if subject.noun == "query":
        return (
            f"Project {project!r} has no result of query {subject.name!r}: it may still run, may have failed or been "
            "canceled, or no longer exists."
        )
    if subject.noun:
        return f"No {subject.noun} {subject.name!r} in project {project!r}: check the name and the project."
    return f"Check project_id {project!r} and host {settings.base_url!r} in connection {settings.connection_name!r}."


_CONFLICT = "The request conflicts with the current state: check that state, then retry."


_CONFLICTS: Mapping[tuple[str, str], str] = {
    ("POST", "tables"): "A table of that name exists, or is being deleted.",
    ("PUT", "table"): "The table has changed since it was read: read it again and send its new version.",
    # docs.imply.io/polaris/api-upload
    ("POST", "files"): "A file of that name exists: delete it or choose another name.",
    ("POST", "jobs"): "Another job or a table change conflicts with it: check the table's active jobs.",
}
