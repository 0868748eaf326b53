# SPDX-License-Identifier: Apache-2.0
"""Advice for the error statuses of Druid: the likely cause and what to do; performs no I/O."""

from __future__ import annotations

from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.http.connection_errors import RequestInfo
from airflow_provider_polaris.client.http.endpoint import host_of
from airflow_provider_polaris.client.http.error_body import excerpt


def advise(
    subject: RequestInfo, status: int, settings: DruidSettings, *, wait: float | None = None, location: str = ""
) -> str:
    """
    Return what to do about an error status; empty if Druid's text is all there is.

    :param subject: The request.
    :param status: HTTP status.
    :param settings: Names for the messages.
    :param wait: Seconds of ``Retry-After``.
    :param location: Target of a redirect, with secrets masked.
    """
    connection = f"connection {settings.connection_name!r}"
    if status == 401:
        return f"Druid does not accept {subject.credentials}: check login, password and auth of {connection}."
    if status == 403:
        who = subject.credentials
        needs = " and ".join(subject.permissions)
        return f"{who[:1].upper()}{who[1:]} needs the {'rights' if ' and ' in needs else 'right'} {needs} in Druid."
    if status == 404 and subject.noun == "query":
        return f"Druid has no result of query {subject.name!r}: it may have failed, or Druid has removed its task."
    if status == 405 and subject.path.startswith("/druid/v2/sql/"):
        # OBSERVED(Druid 33 without the extension): 405 with an empty body.
        return (
            "This Druid doesn't run the multi-stage query engine: add 'druid-multi-stage-query' to "
            "druid.extensions.loadList on all its processes."
        )
    if status == 413:
        return "The body is larger than Druid accepts. Send less data per request."
    if status == 429:
        asked = f" Druid requests a wait of {wait:g} s." if wait is not None else ""
        return f"Druid, or a proxy in front of it, limits the number of requests.{asked}"
    if 300 <= status < 400:
        target = excerpt(host_of(location), 100)
        to = f" to host {target!r}" if target else ""
        return f"The redirect{to} was not followed: enter the address of the router as host of {connection}."
    if status == 504:
        return "The query took longer than Druid or a proxy in front of it allows."
    if status >= 500:
        return "Druid, or a proxy in front of it, failed."
    return ""
