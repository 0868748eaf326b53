# SPDX-License-Identifier: Apache-2.0
"""
Recognize the service's own errors, so that an error of a proxy isn't mistaken for one; performs no I/O.

Proxies, ingresses and wrong hosts return the same statuses. A status that blames the request (malformed, forbidden,
not found) counts only with a body in the service's own form. Each service has its own function that checks the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.client.http.error_body import error_object, has_text

#: Statuses that the gateway in front of Polaris returns itself, in its shorter form.
_OF_THE_GATEWAY: Final = frozenset({401, 403})


#: Fields of that form. GUESS: newer gateways of the type whose texts Polaris returns add the id.
_GATEWAY_FIELDS: Final = frozenset({"message", "request_id"})


#: Fields of the form that the Jobs and Tables API document.
_FIELDS: Final = frozenset({"code", "message", "target", "details", "innererror"})


def is_polaris_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:  # noqa: ARG001 (an ErrorForm)
    """
    Return whether an error has one of the known forms of Polaris.

    - Jobs, tables, files: ``code`` and ``message`` as texts (polaris-sdk 20250425.14.0, ErrorResponse)
    - the same with the HTTP status as ``code``, or one level down in ``error`` (a third-party client of 2022)
    - SQL: ``errorCode`` and ``errorMessage``, or ``error`` and ``errorMessage`` (docs.imply.io/polaris/api-query), also
      one level down in ``error``
    - gateway: ``message`` alone, for 401 and 403 only (docs.imply.io/polaris/oauth)

    GUESS: Polaris never returns a 4xx with an empty body. An empty 401 or 403 is retried, and its error message states
    what it means if Polaris sent it.
    """
    data = error_object(body)
    if data is None:
        return False
    inner = data.get("error")
    if isinstance(inner, Mapping):
        return _has_code(inner, status) or _is_sql(inner)
    if _has_code(data, status) or _is_sql(data):
        return True
    return status in _OF_THE_GATEWAY and has_text(data, "message") and data.keys() <= _GATEWAY_FIELDS


def is_token_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """
    Return whether an error has one of the forms of a token endpoint.

    These are ``error`` as a text (RFC 6749, section 5.2), and the form of Polaris, whose gateway may be in front of it.
    """
    data = error_object(body)
    return data is not None and (has_text(data, "error") or is_polaris_error(status, headers, body))


def _has_code(data: Mapping[str, Any], status: int) -> bool:
    if not has_text(data, "message"):
        return False
    # Many services return a number with a message. From Polaris only the HTTP status, without undocumented fields, is
    # known.
    is_status = type(data.get("code")) is int and data["code"] == status and data.keys() <= _FIELDS
    return is_status or has_text(data, "code")


def _is_sql(data: Mapping[str, Any]) -> bool:
    return has_text(data, "errorMessage") and (has_text(data, "errorCode") or has_text(data, "error"))
