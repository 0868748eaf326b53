# SPDX-License-Identifier: Apache-2.0
"""
Recognize Druid's own errors, and advise what to do about them; performs no I/O.

An error of a proxy must not be mistaken for one of Druid. A 404 needs more than the others: a router that proxies no
management API, a proxy and a wrong path answer 404, too, and Druid's own 404 is plain text, empty, or a page of its web
server. Therefore no 404 proves that a task or a table is absent; the callers ask an endpoint that answers 200 without
the id. Only a query's 404 has a form of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.http.connection_errors import RequestInfo
from airflow_provider_polaris.client.http.endpoint import host_of
from airflow_provider_polaris.client.http.error_body import error_object, excerpt, has_text

#: Fields of a refusal: of Druid's web server, and of its security filter. OBSERVED(Druid 27).
_REFUSALS: Final = (
    frozenset({"servlet", "message", "url", "status"}),
    frozenset({"error", "errorMessage", "errorClass", "host"}),
)


def is_druid_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:  # noqa: ARG001 (an ErrorForm)
    """
    Return whether an error has one of the known forms of Druid.

    - ``error``, ``errorCode``, ``errorMessage``, ``persona``, ``category`` (OBSERVED(Druid 27),
      druid.apache.org/docs/latest/api-reference/sql-api); with ``taskId`` and ``state`` one level down in ``error``
    - older queries: ``error`` and ``errorMessage``
    - ``error`` alone (OBSERVED(Druid 27): a task that exists)
    - 405: an empty body (OBSERVED(Druid 33): the paths of an extension that is not loaded)
    - 401 and 403: the object of the web server, ``Access-Check-Result``, or ``error`` with empty other fields
      (OBSERVED(Druid 27 with druid-basic-security))

    :param status: HTTP status.
    :param headers: Response headers.
    :param body: The whole body.
    """
    if status == 405 and not body.strip():
        return True
    data = error_object(body)
    if data is None:
        return False
    inner = data.get("error")
    if isinstance(inner, Mapping):
        data = inner
    if status == 404:
        return data.get("error") == "druidException" and data.get("category") == "NOT_FOUND"
    if status in (401, 403) and ("Access-Check-Result" in data or any(data.keys() >= form for form in _REFUSALS)):
        return True
    return has_text(data, "errorMessage") or (data.keys() == {"error"} and has_text(data, "error"))


def is_final_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """
    Return whether an error is final for a request whose 404 is expected: as :func:`is_druid_error`, and every 404.

    Such a 404 is not repeated, because a report is often missing. It proves nothing: the caller asks another endpoint.
    """
    return status == 404 or is_druid_error(status, headers, body)


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
