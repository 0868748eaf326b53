# SPDX-License-Identifier: Apache-2.0
"""Credentials that don't change: none, basic, or a bearer token; performs no I/O."""

from __future__ import annotations

import base64

from airflow_provider_polaris.client.druid.settings import DruidSettings


class DruidCredentials:
    """
    Authenticate with the login and password or the token of the connection, or without credentials.

    Source: druid.apache.org/docs/latest/development/extensions-core/druid-basic-security (HTTP basic auth). The
    password is sent in UTF-8 (RFC 7617, section 2.1).

    :param settings: Login, password or token, and the name of the connection.
    """

    def __init__(self, settings: DruidSettings) -> None:
        self._settings = settings
        self._header: str | None = None
        if settings.auth == "basic":
            pair = f"{settings.login}:{settings.password}".encode()
            self._header = f"Basic {base64.b64encode(pair).decode('ascii')}"
        elif settings.auth == "bearer":
            self._header = f"Bearer {settings.password}"

    def header(self) -> str | None:
        """Return the header; None without credentials."""
        return self._header

    def refused(self, header: str) -> bool:  # noqa: ARG002 (the protocol's)
        """Return False: there is no other header to try."""
        return False

    def accepted(self, header: str) -> None:
        """Do nothing: the header doesn't change."""

    def description(self) -> str:
        """Return the name of the credentials for messages."""
        name = self._settings.connection_name
        if self._settings.auth == "basic":
            return f"the login {self._settings.login!r} of connection {name!r}"
        if self._settings.auth == "bearer":
            return f"the token of connection {name!r}"
        return f"a request without login (connection {name!r} has none)"

    def __repr__(self) -> str:
        return f"DruidCredentials({self._settings.connection_name!r}, auth={self._settings.auth!r})"
