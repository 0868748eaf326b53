"""
What the errors of a service look like, so that nobody else's answer is taken for its word; performs no I/O.

Proxies, ingresses and wrong hosts answer with the same statuses. A status that says something about the request (it is
wrong, not allowed, about nothing that exists) counts only in a body of the service's own form. Each service has a
function of its own that says what its form is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

#: Statuses that the gateway in front of Polaris decides by itself, in its shorter form.
_OF_THE_GATEWAY: Final = frozenset({401, 403})


#: Fields of that form. GUESS: newer gateways of the kind whose texts Polaris shows add the id.
_GATEWAY_FIELDS: Final = frozenset({"message", "request_id"})


#: Fields of the form that the Jobs and Tables API document.
_FIELDS: Final = frozenset({"code", "message", "target", "details", "innererror"})


def is_polaris_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:  # noqa: ARG001 (an ErrorForm)
    """
    Return whether an error has one of the forms that Polaris is known to use.

    - Jobs, tables, files: ``code`` and ``message`` as texts (polaris-sdk 20250425.14.0, ErrorResponse)
    - the same with the HTTP status as ``code``, or one level down in ``error`` (a third-party client of 2022)
    - SQL: ``errorCode`` and ``errorMessage``, or ``error`` and ``errorMessage`` (docs.imply.io/polaris/api-query), also
      one level down in ``error``
    - gateway: ``message`` alone, for 401 and 403 only (docs.imply.io/polaris/oauth)

    GUESS: Polaris never answers 4xx with an empty body. An empty 401 or 403 that it sends all the same is retried, and
    its error says what it means if Polaris sent it.
    """
    data = _object(body)
    if data is None:
        return False
    inner = data.get("error")
    if isinstance(inner, Mapping):
        return _has_code(inner, status) or _is_sql(inner)
    if _has_code(data, status) or _is_sql(data):
        return True
    return status in _OF_THE_GATEWAY and _has_text(data, "message") and data.keys() <= _GATEWAY_FIELDS


def is_token_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """
    Return whether an error has a form that a token endpoint uses.

    That is ``error`` as a text (RFC 6749, section 5.2), or the form of Polaris, whose gateway may stand before it.
    """
    data = _object(body)
    return data is not None and (_has_text(data, "error") or is_polaris_error(status, headers, body))


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        data = json.loads(body.decode("utf-8", "replace").strip("\ufeff \t\r\n\x00"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, Mapping) else None


def _has_code(data: Mapping[str, Any], status: int) -> bool:
    if not _has_text(data, "message"):
        return False
    # Many services put a number beside a message; only the HTTP status, and nothing undocumented, has been seen here.
    is_status = type(data.get("code")) is int and data["code"] == status and data.keys() <= _FIELDS
    return is_status or _has_text(data, "code")


def _is_sql(data: Mapping[str, Any]) -> bool:
    return _has_text(data, "errorMessage") and (_has_text(data, "errorCode") or _has_text(data, "error"))


def _has_text(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key)
    return isinstance(value, str) and bool(value.strip())
