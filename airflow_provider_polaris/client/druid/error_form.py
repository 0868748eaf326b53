# SPDX-License-Identifier: Apache-2.0
"""
Recognize Druid's own errors, so that an error of a proxy isn't mistaken for one; performs no I/O.

A 404 needs more than the others. A router that proxies no management API, a proxy and a wrong path answer 404, too, and
Druid's own 404 is plain text, empty, or a page of its web server. Therefore no 404 proves that a task or a table is
absent; the callers ask an endpoint that answers 200 without the id. Only a query's 404 has a form of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

#: Fields of the error object that Druid's web server writes for ``Accept: application/json``. OBSERVED(Druid 27).
_JETTY_FIELDS: Final = frozenset({"servlet", "message", "url", "status"})


def is_druid_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:  # noqa: ARG001 (an ErrorForm)
    """
    Return whether an error has one of the known forms of Druid.

    - ``error``, ``errorCode``, ``errorMessage``, ``persona``, ``category`` (OBSERVED(Druid 27),
      druid.apache.org/docs/latest/api-reference/sql-api); with ``taskId`` and ``state`` one level down in ``error``
    - older queries: ``error`` and ``errorMessage``
    - ``error`` alone (OBSERVED(Druid 27): a task that exists)
    - 405: an empty body (OBSERVED(Druid 33): the paths of an extension that is not loaded)
    - 401 and 403: the object of the web server, or ``Access-Check-Result`` (GUESS from Druid's source,
      ForbiddenExceptionMapper: no secured cluster was observed)

    :param status: HTTP status.
    :param headers: Response headers.
    :param body: The whole body.
    """
    if status == 405 and not body.strip():
        return True
    data = _object(body)
    if data is None:
        return False
    inner = data.get("error")
    if isinstance(inner, Mapping):
        data = inner
    if status == 404:
        return data.get("error") == "druidException" and data.get("category") == "NOT_FOUND"
    if status in (401, 403) and ("Access-Check-Result" in data or data.keys() >= _JETTY_FIELDS):
        return True
    return _has_text(data, "errorMessage") or (data.keys() == {"error"} and _has_text(data, "error"))


def is_final_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """
    Return whether an error is final for a request whose 404 is expected: as :func:`is_druid_error`, and every 404.

    Such a 404 is not repeated, because a report is often missing. It proves nothing: the caller asks another endpoint.
    """
    return status == 404 or is_druid_error(status, headers, body)


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        data = json.loads(body.decode("utf-8", "replace").strip("\ufeff \t\r\n\x00"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, Mapping) else None


def _has_text(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key)
    return isinstance(value, str) and bool(value.strip())
