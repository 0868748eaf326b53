# SPDX-License-Identifier: Apache-2.0
"""Requests: their parameters, and bodies that record whether they have been read."""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from urllib.parse import urlencode

from urllib3.fields import RequestField

from airflow_provider_polaris.client.http.connection_errors import RequestInfo
from airflow_provider_polaris.client.http.endpoint import STATUS_BYTES
from airflow_provider_polaris.client.http.error_body import ErrorForm, is_foreign
from airflow_provider_polaris.client.http.retry import NoAnswer, Outcome
from airflow_provider_polaris.client.http.settings import OAuthSettings
from airflow_provider_polaris.jobs.errors import PolarisSpecError

_BLOCK = 64 * 1024

#: Query parameters. A sequence is sent as a repeated key; None is omitted.
Params = Mapping[str, Any]


class Body:
    """
    A request body that is read in blocks and records when the first one is read.

    The connection reads the first block after it has sent the headers. While ``started`` is false, the service doesn't
    have the whole request, so it can't have acted on it, whatever the exception is.

    :param parts: Bytes or seekable binary files, sent in order. A file is sent from its current position.
    :param content_type: Value of the ``Content-Type`` header.
    """

    def __init__(self, parts: Sequence[bytes | BinaryIO], content_type: str) -> None:
        self.content_type = content_type
        self.started = False
        self._parts: list[tuple[BinaryIO, int]] = []
        self._length = 0
        for part in parts:
            file = io.BytesIO(part) if isinstance(part, bytes) else part
            start = file.tell()
            self._length += file.seek(0, os.SEEK_END) - start
            self._parts.append((file, start))
        self.rewind()

    def rewind(self) -> None:
        """Return to the start, for another attempt."""
        self.started = False
        self._current = 0
        for file, start in self._parts:
            file.seek(start)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """Return the next block; empty at the end."""
        self.started = True
        while self._current < len(self._parts):
            block = self._parts[self._current][0].read(_BLOCK if size is None or size < 0 else size)
            if block:
                return block
            self._current += 1
        return b""

    def __iter__(self) -> Iterator[bytes]:
        # requests treats a body as a stream only if it is iterable.
        while block := self.read(_BLOCK):
            yield block

    def __repr__(self) -> str:
        return f"Body({self._length} bytes of {self.content_type})"


def json_body(data: Mapping[str, Any], what: str) -> Body:
    """
    Encode an object as JSON.

    :param data: The object.
    :param what: Name of the object in the error message.
    :raises PolarisSpecError: A value has no JSON form (a datetime, NaN).
    """
    try:
        text = json.dumps(dict(data), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise PolarisSpecError(f"the {what} can't be written as JSON: {exc}.") from None
    return Body([text.encode("ascii")], "application/json")


def form_body(fields: Mapping[str, str]) -> Body:
    """Encode fields as an HTML form."""
    return Body([urlencode(fields).encode("ascii")], "application/x-www-form-urlencoded")


def file_body(file: BinaryIO, name: str) -> Body:
    """
    Wrap a file as the part ``file`` of a multipart form. The file is streamed.

    Source: docs.imply.io/polaris/api-upload. The part has no content type, so Polaris determines the format from the
    name.
    """
    boundary = secrets.token_hex(16)
    field = RequestField(name="file", data=b"", filename=name)
    field.make_multipart()
    head = f"--{boundary}\r\n{field.render_headers()}".encode()
    return Body([head, file, f"\r\n--{boundary}--\r\n".encode()], f"multipart/form-data; boundary={boundary}")


def token_body(settings: OAuthSettings) -> Body:
    """Return the body of a token request with the client credentials (RFC 6749, section 4.4.2)."""
    return form_body(
        {
            "grant_type": "client_credentials",
            "client_id": settings.client_id or "",
            "client_secret": settings.client_secret or "",
        }
    )


@dataclass(frozen=True)
class Request:
    """
    A complete request, except for its ``Authorization``.

    :param subject: Method, URL and names for messages.
    :param error_form: Returns whether an error has the form of the service's own errors.
    :param params: Query parameters.
    :param body: The body; None for none.
    :param fresh_connection: Open a new connection, because the server may be closing a kept one.
    :param repeat_throttled: Whether to retry after a 429.
    :param answer_bytes: Largest body of a successful response, in bytes after decompression.
    """

    subject: RequestInfo
    error_form: ErrorForm
    params: Sequence[tuple[str, str]] = ()
    body: Body | None = None
    fresh_connection: bool = False
    repeat_throttled: bool = True
    answer_bytes: int = STATUS_BYTES

    def judge(self, outcome: Outcome) -> Outcome:
        """Return the outcome, marked as foreign if the service itself didn't send it."""
        if isinstance(outcome, NoAnswer):
            return outcome
        foreign = is_foreign(outcome.status, outcome.headers, outcome.body, self.error_form)
        return replace(outcome, is_foreign=True) if foreign else outcome


def flatten(params: Params) -> list[tuple[str, str]]:
    """Return query parameters as pairs, without missing ones."""
    pairs: list[tuple[str, str]] = []
    for key, value in params.items():
        if value is None:
            continue
        values = [value] if isinstance(value, (str, int)) else list(value)
        pairs.extend((key, str(item)) for item in values)
    return pairs
