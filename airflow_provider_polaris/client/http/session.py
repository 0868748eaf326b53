"""A session of ``requests`` without redirects and cookies, which reads no more of an answer than it may."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cache
from typing import Any, Final

import requests

from airflow_provider_polaris.client.http.endpoint import is_loopback
from airflow_provider_polaris.client.http.exchange import CURRENT, AnswerError, BoundedAdapter, Exchange

#: So much of an error's body is read; beyond, it is cut, because the status alone tells the type of the error.
ERROR_BYTES: Final = 1024 * 1024
#: Decompressed bytes that exist before they are counted.
_PIECE_BYTES: Final = 64 * 1024
#: What is asked for and accepted; several encodings on top of each other are not.
ACCEPTED_ENCODINGS: Final = "gzip, deflate"
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


class PolarisSession(requests.Session):
    """
    Send requests within the limits of an :class:`Exchange`, which is given as ``timeout``.

    It follows no redirect and doesn't look at one, and its adapters hand it no cookies. For a loopback address it
    ignores the proxies of the environment: a proxy can't reach this machine's loopback.
    """

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None; ``requests`` would read the location, and fail if it is broken."""

    def merge_environment_settings(
        self, url: Any, proxies: MutableMapping[str, str] | None, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Add proxies and CA bundle of the environment, unless the address is a loopback."""
        self.trust_env = not _is_loopback("/".join(url.split("/", 3)[:3]))
        return super().merge_environment_settings(url, proxies, stream, verify, cert)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """
        Send a request and read its answer to the end.

        :raises DeadlineError: The exchange took too long; wrapped by urllib3 or requests, as everything here may be.
        :raises AnswerError: The answer is too large, or encoded in a way that was not asked for.
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
                # Closes the connection if anything is left to read, and returns it to the pool otherwise.
                response.close()
            return response
        finally:
            CURRENT.reset(token)


#: Asked before each request, of the same few origins.
_is_loopback = cache(is_loopback)


def _read(response: requests.Response, exchange: Exchange) -> bytes:
    """Return the body of an answer, decompressed; of an error, no more than its beginning."""
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
