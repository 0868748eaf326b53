# SPDX-License-Identifier: Apache-2.0
"""
Errors of the emulator in the vendor's envelope ``{code, message, target?, details?}``.

There is one exception type, and one place converts it to a response. Routes never build error responses.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

log = logging.getLogger("airflow_provider_polaris.emulator")

# GUESS: the envelope is documented (polaris-sdk 20250425.14.0, ErrorResponse), its codes are not: the reason phrases of
# RFC 9110 without blanks. Python's phrase for 413 differs between versions.
_CODES: Final[Mapping[int, str]] = {413: "PayloadTooLarge"}

#: Maximum length of a message in characters.
_LONGEST_MESSAGE: Final = 1000


class ApiError(Exception):
    """
    An error with an HTTP status.

    :param status: HTTP status.
    :param message: One sentence: what failed, with which value, and why.
    :param target: The field at fault, as a path in the body.
    :param details: Further errors in the same envelope.
    :param headers: Headers of the response.
    :param body: Replaces the envelope if the vendor's error has another format.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        target: str | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = _bounded(message)
        self.target = target
        self.details = details
        self.headers = headers
        self.body = body

    def envelope(self) -> dict[str, Any]:
        """Return the body of the response."""
        if self.body is not None:
            return dict(self.body)
        return envelope(self.status, self.message, target=self.target, details=self.details)


def envelope(
    status: int, message: str, *, target: str | None = None, details: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the vendor's error envelope."""
    body: dict[str, Any] = {"code": _CODES.get(status, HTTPStatus(status).phrase.replace(" ", "")), "message": message}
    if target is not None:
        body["target"] = target
    if details:
        body["details"] = [dict(detail) for detail in details]
    return body


def bad_request(message: str, target: str | None = None) -> ApiError:
    """Return a 400 that names the field."""
    return ApiError(400, message, target=target)


def not_found(what: str, which: str) -> ApiError:
    """Return a 404 that names what is missing."""
    return ApiError(404, f"{what} {which!r} does not exist.")


def not_implemented(feature: str, target: str | None = None) -> ApiError:
    """
    Return a 501 that names the feature.

    Polaris has the feature, the emulator doesn't; it never ignores a request silently.
    """
    return ApiError(501, f"The emulator does not implement {feature}.", target=target)


def sql_error(status: int, message: str, *, category: str = "INVALID_INPUT", code: str = "invalidInput") -> ApiError:
    """
    Return an error of the SQL endpoints, which have their own format.

    DOCUMENTED polaris-sdk 20250425.14.0, SqlErrorResponse; the texts of ``error`` and ``errorCode`` are those of
    https://druid.apache.org/docs/latest/api-reference/sql-api.
    """
    return ApiError(status, message, body=sql_error_body(message, category=category, code=code))


def sql_error_body(
    message: str, *, category: str = "INVALID_INPUT", code: str = "invalidInput", persona: str = "USER"
) -> dict[str, Any]:
    """Return the body of an error of the SQL endpoints."""
    return {
        "error": "druidException",
        "errorCode": code,
        "persona": persona,
        "category": category,
        "errorMessage": _bounded(message),
        "context": {},
    }


def refused_statement(error: Mapping[str, Any], query_id: str | None = None) -> dict[str, Any]:
    """
    Return the body for an asynchronous query that is not accepted.

    DOCUMENTED polaris-sdk 20250425.14.0, SqlErrorResponseWrapper: the error is an object under ``error``.
    OBSERVED(Druid 27): that is the body of ``/druid/v2/sql/task``, while ``/druid/v2/sql/statements`` returns the error
    itself. The package reads both.

    :param error: See :func:`sql_error_body`.
    :param query_id: Id that the query would have had; None if the request is no query.
    """
    return {**({"taskId": query_id} if query_id else {}), "state": "FAILED", "error": dict(error)}


def _bounded(message: str) -> str:
    """Shorten a message that repeats a large value: leave out the middle, because the reason is at the end."""
    half = _LONGEST_MESSAGE // 2
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:half]} ... {message[-half:]}"


def install(app: FastAPI) -> None:
    """Return every error of ``app`` in the envelope: the emulator's, the framework's and unexpected errors."""

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return JSONResponse(error.envelope(), status_code=error.status, headers=dict(error.headers or {}))

    def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message = str(error.detail)
        if error.status_code == 404:
            message = f"{request.method} {request.url.path!r} is not a path of this API."
        elif error.status_code == 405:
            message = f"{request.method} is not allowed on {request.url.path!r}."
        return JSONResponse(envelope(error.status_code, message), status_code=error.status_code, headers=error.headers)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        field = str(first["loc"][-1])
        message = f"parameter {field!r} is not valid: {first['msg']}."
        return JSONResponse(envelope(400, message, target=field), status_code=400)

    def unforeseen(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        message = f"The emulator failed on {request.method} {request.url.path!r}: {type(error).__name__}."
        return JSONResponse(envelope(500, message), status_code=500)

    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unforeseen)
