# SPDX-License-Identifier: Apache-2.0
"""Set the ``Authorization`` header, and fetch and renew OAuth tokens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.auth import AuthBase

from airflow_provider_polaris.client.http.json_body import read_json
from airflow_provider_polaris.client.http.settings import OAuthSettings
from airflow_provider_polaris.client.redaction.redact import Redactor
from airflow_provider_polaris.jobs.errors import PolarisProtocolError

log = logging.getLogger("airflow_provider_polaris.client")


#: Default token lifetime in seconds if the response has no ``expires_in`` (docs.imply.io/polaris/oauth).
_TOKEN_SECONDS = 300.0


#: Upper limit for ``expires_in``, in seconds. Real tokens expire much earlier.
_LONGEST_SECONDS = 86_400.0


#: Longest token in characters. Common servers limit a header to this size.
_LONGEST_TOKEN = 16 * 1024


#: Renew a token this many seconds before it expires, but use it for at least half of its lifetime.
_MARGIN_SECONDS = 60.0


class HeaderAuth(AuthBase):
    """
    Set the ``Authorization`` header of a request, or none.

    An auth object also prevents ``requests`` from replacing the header with an entry of ``~/.netrc``.
    """

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header of the request."""
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request

    def __repr__(self) -> str:
        return "HeaderAuth(***)"


class OAuthCredentials:
    """
    Fetch OAuth tokens with client credentials, and renew them before they expire.

    :param settings: Client id, token endpoint and connection name for messages.
    :param fetch: Sends the token request and returns the response body.
    :param clock: Monotonic seconds.
    :param redact: Receives each token, to mask it.
    """

    def __init__(
        self, settings: OAuthSettings, *, fetch: Callable[[], bytes], clock: Callable[[], float], redact: Redactor
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._redact = redact
        self._settings = settings
        self._lock = threading.Lock()
        self._header: str | None = None
        self._renew_at = 0.0

    def header(self) -> str:
        """Return the header with a valid token; one thread fetches a new token while the others wait."""
        with self._lock:
            if self._header is None or self._clock() >= self._renew_at:
                started = self._clock()
                found = _read_token(self._fetch())
                if found is None:
                    raise PolarisProtocolError(
                        f"the token endpoint {self._settings.oauth_token_url} answered without a usable access_token. "
                        f"Check token_url in connection {self._settings.connection_name!r}."
                    )
                token, seconds = found
                self._redact.add_temporary(token)
                self._header = f"Bearer {token}"
                self._renew_at = started + seconds - min(_MARGIN_SECONDS, seconds / 2)
            return self._header

    def refused(self, header: str) -> bool:
        """Discard that token, unless another thread has already renewed it."""
        with self._lock:
            if self._header == header:
                self._header = None
        return True

    def accepted(self, header: str) -> None:
        """Do nothing: an accepted token still expires."""

    def description(self) -> str:
        """Return ``the OAuth client '...' in connection '...'``."""
        return f"the OAuth client {self._settings.client_id!r} in connection {self._settings.connection_name!r}"

    def __repr__(self) -> str:
        return f"OAuthCredentials({self._settings.client_id!r})"


def _read_token(body: bytes) -> tuple[str, float] | None:
    """Return token and lifetime in seconds from a response (RFC 6749, section 5.1); None if it has no token."""
    data: Any = read_json(body)
    token = data.get("access_token") if isinstance(data, Mapping) else None
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
        return None
    if not all("!" <= char <= "~" for char in token):
        return None
    seconds = data.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        seconds = _TOKEN_SECONDS
    return token, float(min(seconds, _LONGEST_SECONDS))
