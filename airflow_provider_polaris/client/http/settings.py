"""What the transport is told: how to reach a service, and what the service itself decides; performs no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_provider_polaris.client.http.error_body import ErrorForm

if TYPE_CHECKING:
    from airflow_provider_polaris.client.http.endpoint import Endpoint
    from airflow_provider_polaris.client.redaction.redact import Redactor


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
        """Proxy by scheme; None for those of the environment."""

    @property
    def connect_timeout(self) -> float:
        """Longest time to reach the service."""

    @property
    def read_timeout(self) -> float:
        """Longest time without a byte of the answer."""

    @property
    def exchange_timeout(self) -> float | None:
        """Longest time for a request and its answer; None derives it from the others and the bytes that move."""

    @property
    def retry_budget(self) -> float:
        """Time from the first attempt after which no new attempt starts."""

    @property
    def user_agent(self) -> str:
        """``User-Agent`` header."""

    def secrets(self) -> tuple[str, ...]:
        """Return each secret in the clear, for masking."""


class OAuthSettings(HttpSettings, Protocol):
    """A service that takes tokens of the client credentials grant (RFC 6749, section 4.4)."""

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
    """What the transport asks of a way to authenticate."""

    def header(self) -> str:
        """Return the header's value for the next request; may fetch a token."""

    def refused(self, header: str) -> bool:
        """Record that this value was answered with 401; return whether another value is worth one more request."""

    def accepted(self, header: str) -> None:
        """Record that this value was accepted."""

    def description(self) -> str:
        """Return what the user would call it."""


class TokenSource(Protocol):
    """What credentials may ask of the transport."""

    clock: Callable[[], float]
    redact: Redactor

    def fetch_token(self, settings: OAuthSettings) -> bytes:
        """Get a token from the token endpoint, and return the body of the answer."""


@dataclass(frozen=True)
class ServiceRules:
    """
    What a service decides about its requests and answers.

    :param api: What messages call its API: ``Polaris' API``.
    :param path_of: Writes the path of an endpoint, given the variable part of its template.
    :param credentials: Makes the credentials; the argument fetches tokens.
    :param advise: Returns a sentence that says what to do about an error status. Takes the request, the status and the
        settings; by name ``wait`` (seconds of ``Retry-After``) and ``location`` (of a redirect).
    :param error_form: Whether the body of an error has the service's own form.
    :param token_error_form: The same for its OAuth token endpoint.
    """

    api: str
    path_of: Callable[[Endpoint, str | None], str]
    credentials: Callable[[TokenSource], Credentials]
    advise: Callable[..., str]
    error_form: ErrorForm
    token_error_form: ErrorForm
