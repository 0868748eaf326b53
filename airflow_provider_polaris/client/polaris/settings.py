# SPDX-License-Identifier: Apache-2.0
"""Settings to reach one Polaris project: address, credentials, TLS, time limits. Performs no I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from airflow_provider_polaris import __version__
from airflow_provider_polaris.client.http.endpoint import is_clear_text, is_loopback
from airflow_provider_polaris.client.http.settings import check_proxies, check_times
from airflow_provider_polaris.client.polaris.host import organization_of, parse_host
from airflow_provider_polaris.client.redaction.redact import url_secrets, without_userinfo
from airflow_provider_polaris.jobs.errors import PolarisSpecError

Auth = Literal["api_key", "raw_api_key", "oauth"]

#: Prefix of API keys (samples in docs.imply.io/polaris/api-ingest-table); used only to recognize an encoded key.
_KEY_PREFIX = "pok_"


@dataclass(frozen=True)
class ClientSettings:
    """
    The settings of a :class:`PolarisClient`; immutable. The repr contains no secret.

    :param base_url: ``https://ORG.REGION.CLOUD.api.imply.io``, no trailing slash; see :meth:`from_host`.
    :param project_id: Id of the project.
    :param api_key: The key as the console shows it. White space, a trailing ``:``, a leading ``Basic`` and base64 are
        removed.
    :param auth: ``api_key`` sends ``Basic base64(KEY:)``, as the vendor's SDK does; ``raw_api_key`` sends
        ``Basic KEY``, as the samples of docs.imply.io/polaris/api-keys do; each falls back to the other on a 401.
        ``oauth`` fetches a token with the client credentials (docs.imply.io/polaris/oauth).
    :param client_id: OAuth client.
    :param client_secret: OAuth secret.
    :param token_url: OAuth token endpoint; None derives it from the organization in ``base_url``.
    :param verify: True verifies certificates, a path names a CA bundle (file or directory), False turns verification
        off.
    :param proxies: ``{"https": "http://proxy:3128"}``; None uses the environment's proxies, except
        for a loopback ``base_url``.
    :param connect_timeout: Seconds to reach the service.
    :param read_timeout: Longest time without a byte of the response, in seconds.
    :param retry_budget: Seconds from the first attempt after which no new attempt starts; 0 turns retries off.
    :param connection_name: Name of the Airflow connection, for messages.
    :param user_agent: ``User-Agent`` header.
    :param exchange_timeout: Seconds for one whole request and its response, from the start of the connection to the
        last byte. None derives it: ``connect_timeout`` + 2 x the read timeout of the call, plus one second for each 64
        KiB sent or received.
    :raises PolarisSpecError: A value is missing or invalid.
    """

    #: Scheme of the URIs of the service's tables; see :mod:`airflow_provider_polaris.assets`.
    asset_scheme: ClassVar[str] = "polaris"

    base_url: str
    project_id: str
    api_key: str | None = field(default=None, repr=False)
    auth: Auth = "api_key"
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    token_url: str | None = None
    verify: bool | str = True
    proxies: Mapping[str, str] | None = field(default=None, repr=False, hash=False)
    connect_timeout: float = 5.0
    read_timeout: float = 20.0
    retry_budget: float = 60.0
    connection_name: str = "polaris_default"
    user_agent: str = f"airflow-provider-polaris/{__version__}"
    exchange_timeout: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))
        object.__setattr__(self, "project_id", (self.project_id or "").strip())
        if not self.project_id:
            raise PolarisSpecError(
                f"connection {self.connection_name!r} has no project id: set the extra 'project_id', or paste a URL "
                "that continues with /v1/projects/PROJECT_ID."
            )
        self._check_base_url()
        self._check_credentials()
        self._check_proxies()
        check_times(self)

    @classmethod
    def from_host(cls, host: str, *, project_id: str | None = None, **others: Any) -> ClientSettings:
        """
        Create settings from the text of a host field.

        :param host: ``ORG.REGION.CLOUD.api.imply.io``, a URL, or a whole URL with ``/v1/projects/ID/...``.
        :param project_id: Required if the URL has none. If both have one, they must be equal.
        :param others: The other fields.
        :raises PolarisSpecError: The host is not the regional API, or there is no project id, or there are two.
        """
        name = others.get("connection_name", cls.connection_name)
        pasted = parse_host(host, connection_name=name)
        given = (project_id or "").strip()
        if given and pasted.project_id and given != pasted.project_id:
            raise PolarisSpecError(
                f"connection {name!r} names two projects: {given!r} in project_id and {pasted.project_id!r} in the "
                "host. Keep one of them."
            )
        return cls(base_url=pasted.base_url, project_id=given or pasted.project_id or "", **others)

    @property
    def oauth_token_url(self) -> str:
        """
        URL of the OAuth token endpoint.

        The default has the form that the vendor's polaris-cli (github.com/implydata/polaris-cli) uses.
        """
        return self.token_url or (
            f"https://id.imply.io/auth/realms/{organization_of(self.base_url)}/protocol/openid-connect/token"
        )

    def secrets(self) -> tuple[str, ...]:
        """Return each secret in plain text, including proxy passwords, for masking."""
        proxies = (secret for url in (self.proxies or {}).values() for secret in url_secrets(url))
        return tuple(secret for secret in (self.api_key, self.client_secret, *proxies) if secret)

    def _check_base_url(self) -> None:
        if is_clear_text(self.base_url):
            raise PolarisSpecError(
                f"host {without_userinfo(self.base_url)!r} of connection {self.connection_name!r} would send the "
                "credentials unencrypted: use https. Only a loopback address such as 127.0.0.1 may use http."
            )

    def _check_credentials(self) -> None:
        name = self.connection_name
        if self.auth not in get_args(Auth):
            raise PolarisSpecError(
                f"auth {self.auth!r} of connection {name!r} is unknown: use 'api_key', 'raw_api_key' or 'oauth'."
            )
        if self.auth == "oauth":
            for attribute in ("client_id", "client_secret"):
                object.__setattr__(self, attribute, (getattr(self, attribute) or "").strip() or None)
                if not getattr(self, attribute):
                    raise PolarisSpecError(f"connection {name!r} uses auth 'oauth' but has no {attribute}: set both.")
            self._check_token_url()
            return
        key = normalize_key(self.api_key or "")
        object.__setattr__(self, "api_key", key)
        if not key:
            raise PolarisSpecError(
                f"connection {name!r} has no API key: put it into the password field (docs.imply.io/polaris/api-keys "
                "describes how to create one)."
            )
        odd = next((index for index, char in enumerate(key, 1) if not "!" <= char <= "~"), None)
        if odd is not None:
            raise PolarisSpecError(
                f"the API key of connection {name!r} is invalid: its character {odd} of {len(key)} is not a visible "
                "ASCII character. Copy it again."
            )

    def _check_token_url(self) -> None:
        name = self.connection_name
        if self.token_url is None and organization_of(self.base_url) is None:
            raise PolarisSpecError(
                f"connection {name!r} uses auth 'oauth' and host {self.base_url!r} does not contain the organization: "
                "set token_url."
            )
        if self.token_url is not None and not self.token_url.startswith(("https://", "http://")):
            raise PolarisSpecError(
                f"token_url {without_userinfo(self.token_url)!r} of connection {name!r} is not an http(s) URL."
            )
        if self.token_url is not None and url_secrets(self.token_url):
            raise PolarisSpecError(
                f"token_url {without_userinfo(self.token_url)!r} of connection {name!r} contains a user name or "
                "password: use client_id and client_secret."
            )
        if self.token_url is not None and is_clear_text(self.token_url):
            raise PolarisSpecError(
                f"token_url {self.token_url!r} of connection {name!r} would send the client_secret unencrypted: use "
                "https. Only a loopback address such as 127.0.0.1 may use http."
            )

    def _check_proxies(self) -> None:
        if self.proxies is None:
            return
        check_proxies(self)
        object.__setattr__(self, "proxies", dict(self.proxies))
        self._check_clear_text_proxies()

    def _check_clear_text_proxies(self) -> None:
        """Reject a proxy for plain http requests, which are allowed to a loopback address only."""
        urls = [self.base_url, *([self.oauth_token_url] if self.auth == "oauth" else [])]
        if all(url.lower().startswith("https://") for url in urls):
            return
        for key, proxy in (self.proxies or {}).items():
            if key.partition("://")[0] in ("http", "all") and not is_loopback(proxy):
                raise PolarisSpecError(
                    f"proxy {without_userinfo(proxy)!r} of connection {self.connection_name!r} would get the "
                    "credentials unencrypted, because the host or token_url uses http: use https or remove the proxy."
                )


def normalize_key(text: str) -> str:
    r"""
    Return the bare key from any form of it that was pasted.

    >>> normalize_key(" Basic pok_abc:\n"), normalize_key("cG9rX2FiYzo=")
    ('pok_abc', 'pok_abc')
    """
    key = text.strip()
    if key[:6].lower() == "basic ":
        key = key[6:].strip()
    if not key.startswith(_KEY_PREFIX):
        try:
            decoded = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True).decode("ascii")
        except (binascii.Error, UnicodeError, ValueError):
            decoded = ""
        if decoded.startswith(_KEY_PREFIX):
            key = decoded.strip()
    return key.removesuffix(":")
