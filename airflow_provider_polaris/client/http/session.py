# SPDX-License-Identifier: Apache-2.0
"""A ``requests`` session without redirects and cookies that limits the size of responses."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cache
from typing import Any, Final

import requests

from airflow_provider_polaris.client.http.endpoint import is_loopback
from airflow_provider_polaris.client.http.exchange import CURRENT, AnswerError, BoundedAdapter, Exchange

#: Bytes of an error body that are read. The rest is cut off, because the status determines the type of the error.
ERROR_BYTES: Final = 1024 * 1024
#: Decompressed bytes per block; each block is counted after decompression.
_PIECE_BYTES: Final = 64 * 1024
#: The accepted content encodings. Several encodings on top of each other are rejected.
ACCEPTED_ENCODINGS: Final = "gzip, deflate"
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


class PolarisSession(requests.Session):
    """
    Send requests within the limits of an :class:`Exchange`, which is passed as ``timeout``.

    It neither follows nor reads redirects, and its adapters store no cookies. For a loopback address it ignores the
    proxies of the environment: a proxy can't reach this machine's loopback.
    """

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None; ``requests`` would parse the location and fail if it is malformed."""

    def merge_environment_settings(
        self, url: Any, proxies: MutableMapping[str, str] | None, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Add proxies and CA bundle of the environment, except for a loopback address."""
        self.trust_env = not _is_loopback("/".join(url.split("/", 3)[:3]))
        return super().merge_environment_settings(url, proxies, stream, verify, cert)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """
        Send a request and read its complete response.

        :raises DeadlineError: The exchange exceeded its deadline. urllib3 or requests may wrap this and any other
            error.
        :raises AnswerError: The response is too large or has an encoding that was not requested.
        """
        exchange = kwargs.get("timeout")
        if not isinstance(exchange, Exchange):
            return super().send(request, **kwargs)
        exchange.sent = False
        token = CURRENT.set(exchange)
        try:
            response = super().send(request, **{**kwargs, "stream": True})
            try:
                response._content = _read(response, exchange)
            finally:
                # Closes the connection if unread bytes are left, and otherwise returns it to the pool.
                response.close()
            return response
        finally:
            CURRENT.reset(token)


#: Called before each request, for the same few origins.
_is_loopback = cache(is_loopback)


def _read(response: requests.Response, exchange: Exchange) -> bytes:
    """Return the decompressed body of a response; of an error, only the beginning."""
    success = 200 <= response.status_code < 300
    encoding = (response.headers.get("Content-Encoding") or "").strip().lower()
    if encoding not in _ENCODINGS:
        if success:
            raise AnswerError(f"its Content-Encoding is {encoding[:100]!r}, and only gzip and deflate are accepted")
        return b""
    most = exchange.answer_bytes if success else ERROR_BYTES
    pieces, size = [], 0
    for piece in response.raw.stream(_PIECE_BYTES, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            if success:
                raise exchange.too_large(most)
            break
    return b"".join(pieces)[:most]
