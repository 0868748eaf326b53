# SPDX-License-Identifier: Apache-2.0
"""Settings to reach one self-hosted Druid: addresses, credentials, TLS, time limits. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, get_args

from airflow_provider_polaris import __version__
from airflow_provider_polaris.client.druid.host import parse_address
from airflow_provider_polaris.client.http.endpoint import is_clear_text, is_loopback
from airflow_provider_polaris.client.http.settings import check_proxies, check_times
from airflow_provider_polaris.client.redaction.redact import url_secrets, without_userinfo
from airflow_provider_polaris.jobs.errors import PolarisSpecError

DruidAuth = Literal["none", "basic", "bearer"]


@dataclass(frozen=True)
class DruidSettings:
    """
    The settings of a :class:`DruidClient`; immutable. The repr contains no secret.

    :param base_url: Address of the router (or of a broker), no trailing slash; see :meth:`from_host`.
    :param coordinator_url: Address of the coordinator and overlord, if no router proxies their API. None: the router
        proxies it (``druid.router.managementProxy.enabled``, druid.apache.org/docs/latest/design/router).
    :param auth: ``none`` sends no credentials. ``basic`` sends login and password (druid-basic-security), ``bearer``
        sends the password as a token, for a proxy or an extension that accepts one.
    :param login: User of ``basic``.
    :param password: Password of ``basic``, or the token of ``bearer``.
    :param verify: True verifies certificates, a path names a CA bundle (file or directory), False turns verification
        off.
    :param client_cert: Path of a file with a client certificate, and its key unless ``client_key`` is set.
    :param client_key: Path of a file with the key, which must not be encrypted.
    :param proxies: ``{"https": "http://proxy:3128"}``; None uses the environment's proxies, except
        for a loopback ``base_url``.
    :param connect_timeout: Seconds to reach Druid.
    :param read_timeout: Longest time without a byte of the response, in seconds.
    :param retry_budget: Seconds from the first attempt after which no new attempt starts; 0 turns retries off.
    :param connection_name: Name of the Airflow connection, for messages.
    :param user_agent: ``User-Agent`` header.
    :param exchange_timeout: Seconds for one whole request and its response. None derives it, as for
        :class:`~airflow_provider_polaris.client.ClientSettings`.
    :raises PolarisSpecError: A value is missing or invalid, or credentials would be sent unencrypted.
    """

    #: Scheme of the URIs of the service's tables; see :mod:`airflow_provider_polaris.assets`.
    asset_scheme: ClassVar[str] = "druid"

    base_url: str
    coordinator_url: str | None = None
    auth: DruidAuth = "none"
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool | str = True
    client_cert: str | None = None
    client_key: str | None = None
    proxies: Mapping[str, str] | None = field(default=None, repr=False, hash=False)
    connect_timeout: float = 5.0
    read_timeout: float = 20.0
    retry_budget: float = 60.0
    connection_name: str = "apache_druid_default"
    user_agent: str = f"airflow-provider-polaris/{__version__}"
    exchange_timeout: float | None = None

    def __post_init__(self) -> None:
        for name, label in (("base_url", "host"), ("coordinator_url", "coordinator_url")):
            text = getattr(self, name)
            if name == "base_url" or text is not None:
                address = parse_address(text or "", field=label, connection_name=self.connection_name)
                object.__setattr__(self, name, address)
        self._check_credentials()
        self._check_certificate()
        check_proxies(self)
        if self.proxies is not None:
            object.__setattr__(self, "proxies", dict(self.proxies))
        self._check_clear_text()
        check_times(self)

    @classmethod
    def from_host(
        cls, host: str, *, login: str | None = None, password: str | None = None, auth: str | None = None, **others: Any
    ) -> DruidSettings:
        """
        Create settings from the fields of a connection.

        :param host: Address of the router.
        :param login: User; empty for none.
        :param password: Password or token; empty for none.
        :param auth: How to authenticate. None or empty: ``basic`` with a login, otherwise ``none``.
        :param others: The other fields.
        :raises PolarisSpecError: A value is missing or invalid.
        """
        method: Any = (auth or "").strip().lower() or ("basic" if (login or "").strip() else "none")
        return cls(base_url=host, auth=method, login=login, password=password, **others)

    @property
    def project_id(self) -> str:
        """Empty: Druid has no projects."""
        return ""

    @property
    def certificate(self) -> str | tuple[str, str] | None:
        """The client certificate, in the form that ``requests`` takes."""
        if self.client_cert is None or self.client_key is None:
            return self.client_cert
        return self.client_cert, self.client_key

    @property
    def coordinator(self) -> DruidSettings:
        """The settings for requests to the coordinator and overlord."""
        if self.coordinator_url is None:
            return self
        return replace(self, base_url=self.coordinator_url, coordinator_url=None)

    def secrets(self) -> tuple[str, ...]:
        """Return each secret in plain text, including proxy passwords, for masking."""
        proxies = (secret for url in (self.proxies or {}).values() for secret in url_secrets(url))
        return tuple(secret for secret in (self.password, *proxies) if secret)

    def _check_credentials(self) -> None:
        name = self.connection_name
        if str(self.auth).lower() in ("kerberos", "spnego"):
            raise PolarisSpecError(
                f"connection {name!r} uses auth {self.auth!r}, which is not supported: put a proxy that authenticates "
                "with Kerberos in front of the router, enter the proxy's address as host, and set auth to the method "
                "that the proxy accepts ('none', 'basic' or 'bearer')."
            )
        if self.auth not in get_args(DruidAuth):
            raise PolarisSpecError(
                f"auth {self.auth!r} of connection {name!r} is unknown: use 'none', 'basic' or 'bearer'."
            )
        for attribute in ("login", "password"):
            object.__setattr__(self, attribute, (getattr(self, attribute) or "").strip() or None)
        if self.auth == "none":
            if self.password:
                raise PolarisSpecError(
                    f"connection {name!r} has a password but no login: enter the login, set auth to 'bearer' if the "
                    "password is a token, or remove the password."
                )
            return
        needed = ("login", "password") if self.auth == "basic" else ("password",)
        for attribute in needed:
            if not getattr(self, attribute):
                raise PolarisSpecError(f"connection {name!r} uses auth {self.auth!r} but has no {attribute}.")
        # RFC 7617, section 2: the first colon ends the user name.
        if self.auth == "basic" and ":" in (self.login or ""):
            raise PolarisSpecError(f"the login of connection {name!r} contains a colon, which basic auth can't send.")
        if self.auth == "bearer" and not all("!" <= char <= "~" for char in self.password or ""):
            raise PolarisSpecError(
                f"the token of connection {name!r} is invalid: it contains a character that is not visible ASCII. Copy "
                "it again."
            )

    def _check_certificate(self) -> None:
        name = self.connection_name
        if self.client_key is not None and self.client_cert is None:
            raise PolarisSpecError(f"connection {name!r} has a client_key but no client_cert: set both.")
        if self.client_cert is not None and not self.base_url.startswith("https://"):
            raise PolarisSpecError(
                f"connection {name!r} has a client_cert, but host {self.base_url!r} uses http, which has no "
                "certificates: use https or remove client_cert."
            )

    def _check_clear_text(self) -> None:
        """Reject credentials over plain http; a Druid without security may be reached with http."""
        if self.auth == "none":
            return
        name = self.connection_name
        addresses = {"host": self.base_url, "coordinator_url": self.coordinator_url or self.base_url}
        for label, url in addresses.items():
            if is_clear_text(url):
                raise PolarisSpecError(
                    f"{label} {url!r} of connection {name!r} would send the credentials unencrypted: use https. Only a "
                    "loopback address such as 127.0.0.1 may use http with a login or token."
                )
        if all(url.startswith("https://") for url in addresses.values()):
            return
        for key, proxy in (self.proxies or {}).items():
            if key.partition("://")[0] in ("http", "all") and not is_loopback(proxy):
                raise PolarisSpecError(
                    f"proxy {without_userinfo(proxy)!r} of connection {name!r} would get the credentials unencrypted, "
                    "because the host or coordinator_url uses http: use https or remove the proxy."
                )
