"""What goes into the ``Authorization`` header, and what to do when it is refused."""

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


#: Tokens live five minutes (docs.imply.io/polaris/oauth); for an answer that does not say.
_TOKEN_SECONDS = 300.0


#: Longest life that is believed; none is that long.
_LONGEST_SECONDS = 86_400.0


#: Longest token that fits into a header of a usual server.
_LONGEST_TOKEN = 16 * 1024


#: Renew this long before the end, but use a token for at least half of its life.
_MARGIN_SECONDS = 60.0


class HeaderAuth(AuthBase):
    """
    Set one ``Authorization`` header, or none.

    An auth object also keeps requests from replacing our header by an entry of ``~/.netrc``.
    """

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header in."""
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request

    def __repr__(self) -> str:
        return "HeaderAuth(***)"


class OAuthCredentials:
    """
    Tokens bought with client credentials, renewed before they end.

    :param settings: For messages.
    :param fetch: Makes the token request and returns its body.
    :param clock: Monotonic seconds.
    :param redact: Is told each token.
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
        """Return a token that is good for a while; one thread fetches, the others wait for it."""
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
                self._redact.add_passing(token)
                self._header = f"Bearer {token}"
                self._renew_at = started + seconds - min(_MARGIN_SECONDS, seconds / 2)
            return self._header

    def refused(self, header: str) -> bool:
        """Forget that token, unless another thread has renewed it already."""
        with self._lock:
            if self._header == header:
                self._header = None
        return True

    def accepted(self, header: str) -> None:
        """Nothing to learn: a good token ends all the same."""

    def description(self) -> str:
        """Return ``the OAuth client '...' in connection '...'``."""
        return f"the OAuth client {self._settings.client_id!r} in connection {self._settings.connection_name!r}"

    def __repr__(self) -> str:
        return f"OAuthCredentials({self._settings.client_id!r})"


def _read_token(body: bytes) -> tuple[str, float] | None:
    """Take token and life time in seconds out of an answer (RFC 6749, section 5.1); None if there is no token."""
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
