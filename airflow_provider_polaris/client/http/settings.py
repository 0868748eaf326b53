# SPDX-License-Identifier: Apache-2.0
"""The inputs of the transport: how to reach a service, and the rules of that service; performs no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from airflow_provider_polaris.client.http.error_body import ErrorForm
from airflow_provider_polaris.client.redaction.redact import without_userinfo
from airflow_provider_polaris.jobs.errors import PolarisSpecError

if TYPE_CHECKING:
    from airflow_provider_polaris.client.http.endpoint import Endpoint
    from airflow_provider_polaris.client.redaction.redact import Redactor


#: Time limits of a connection, in seconds, and whether 0 is allowed.
_TIMES: Final = {"connect_timeout": False, "read_timeout": False, "exchange_timeout": False, "retry_budget": True}


class HttpSettings(Protocol):
    """Address, TLS, proxies and time limits of a service; times are in seconds."""

    @property
    def base_url(self) -> str:
        """Scheme and host, without a trailing slash."""

    @property
    def connection_name(self) -> str:
        """Name of the Airflow connection, for messages."""

    @property
    def verify(self) -> bool | str:
        """Whether to check certificates, or the path of a CA bundle."""

    @property
    def proxies(self) -> Mapping[str, str] | None:
        """Proxy by scheme; None uses the environment's proxies."""

    @property
    def connect_timeout(self) -> float:
        """Longest time to reach the service."""

    @property
    def read_timeout(self) -> float:
        """Longest time without a byte of the response."""

    @property
    def exchange_timeout(self) -> float | None:
        """
        Longest time for a request and its response.

        None derives it from the other limits and the bytes transferred.
        """

    @property
    def retry_budget(self) -> float:
        """Time from the first attempt after which no new attempt starts."""

    @property
    def user_agent(self) -> str:
        """``User-Agent`` header."""

    def secrets(self) -> tuple[str, ...]:
        """Return each secret in plain text, for masking."""


class OAuthSettings(HttpSettings, Protocol):
    """Settings of a service with OAuth tokens of the client credentials grant (RFC 6749, section 4.4)."""

    @property
    def client_id(self) -> str | None:
        """The OAuth client."""

    @property
    def client_secret(self) -> str | None:
        """Its secret."""

    @property
    def oauth_token_url(self) -> str:
        """The token endpoint."""


class Credentials(Protocol):
    """The methods that an authentication scheme provides to the transport."""

    def header(self) -> str | None:
        """Return the header's value for the next request, None for no header; may fetch a token."""

    def refused(self, header: str) -> bool:
        """Record that this value got a 401; return whether to try once more with another value."""

    def accepted(self, header: str) -> None:
        """Record that this value was accepted."""

    def description(self) -> str:
        """Return the name of the credentials for messages."""


class TokenSource(Protocol):
    """The parts of the transport that credentials may use."""

    clock: Callable[[], float]
    redact: Redactor

    def fetch_token(self, settings: OAuthSettings) -> bytes:
        """Request a token from the token endpoint and return the response body."""


@dataclass(frozen=True)
class ServiceRules:
    """
    The rules of a service for its requests and responses.

    :param api: Name of its API in messages: ``Polaris' API``.
    :param path_of: Takes an endpoint and the variable part of its template, returns the path.
    :param credentials: Creates the credentials; the argument fetches tokens.
    :param advise: Returns what to do about an error status. Takes the request, the status and the settings, and by name
        ``wait`` (seconds of ``Retry-After``) and ``location`` (of a redirect).
    :param error_form: Returns whether the body of an error has the service's own form.
    :param token_error_form: The same for the service's OAuth token endpoint.
    """

    api: str
    path_of: Callable[[Endpoint, str | None], str]
    credentials: Callable[[TokenSource], Credentials]
    advise: Callable[..., str]
    error_form: ErrorForm
    token_error_form: ErrorForm


def check_times(settings: HttpSettings) -> None:
    """
    Check the time limits of a service's settings.

    :param settings: The settings.
    :raises PolarisSpecError: A limit is no number of seconds, or out of range.
    """
    for name, zero_allowed in _TIMES.items():
        value: Any = getattr(settings, name)
        if name == "exchange_timeout" and value is None:
            continue
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and value < float("inf")
        if not good or value < 0 or (value == 0 and not zero_allowed):
            raise PolarisSpecError(
                f"{name} {value!r} of connection {settings.connection_name!r} must be a number of seconds"
                f"{'' if zero_allowed else ' above 0'}."
            )


def check_proxies(settings: HttpSettings) -> None:
    """
    Check the form of a service's proxies.

    :param settings: The settings.
    :raises PolarisSpecError: They are no mapping of texts, or a proxy has no host.
    """
    # Any: the value comes from the JSON of a connection.
    proxies: Any = settings.proxies
    if proxies is None:
        return
    if not isinstance(proxies, Mapping) or not all(
        isinstance(key, str) and isinstance(url, str) for key, url in proxies.items()
    ):
        raise PolarisSpecError(
            f"proxies of connection {settings.connection_name!r} must be an object of texts such as "
            '{"https": "http://proxy.example.com:3128"}.'
        )
    for url in proxies.values():
        if not _has_host(url):
            raise PolarisSpecError(
                f"proxy {without_userinfo(url)!r} of connection {settings.connection_name!r} has no host: write it as "
                "http://proxy.example.com:3128."
            )


def _has_host(proxy: str) -> bool:
    try:
        return bool(urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname)
    except ValueError:
        return False
