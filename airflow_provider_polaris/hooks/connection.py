# SPDX-License-Identifier: Apache-2.0
"""Read an Airflow connection and validate it before any request is sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_polaris.hooks.connection_form import (
    DEFAULT_AUTH,
    DEFAULT_MARKER,
    DEFAULT_REQUEST_TIMEOUT,
    MARKER_WORDS,
    MAX_REQUEST_TIMEOUT,
)
from airflow_provider_polaris.hooks.console_urls import check_pattern
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.runtime.compat import mask_secret

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ClientSettings
    from airflow_provider_polaris.runtime.compat import Connection


@dataclass(frozen=True)
class ConnectionSettings:
    """
    The settings of a connection.

    :param client: Settings of the client.
    :param console_url: Pattern of the console's URLs; None if the connection has none.
    :param submit_marker: Whether submitted jobs get a marker.
    """

    client: ClientSettings
    console_url: str | None
    submit_marker: Literal["auto", "off"]


@dataclass(frozen=True)
class _Extra:
    """The extra of one connection. Its values come from a form, a URI or handwritten JSON."""

    connection_id: str
    values: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """Return a value without surrounding white space; None if it is missing or empty."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            # The message omits the value: it may be a secret.
            raise self.refuse(name, f"must be text, but has the type {type(value).__name__!r}. Put it in quotes.")
        return value.strip() or None

    def refuse(self, name: str, why: str) -> PolarisSpecError:
        return PolarisSpecError(f"extra {name!r} of connection {self.connection_id!r} {why}")

    def number(self, name: str, *, default: float, lowest: float, highest: float) -> float:
        """Return a number, which may be stored as text; the default if it is missing or empty."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if not lowest <= number <= highest:
            raise self.refuse(
                name,
                f"is {value!r}: it must be a number of seconds from {lowest:g} to {highest:g}. "
                f"Leave it empty for {default:g}.",
            )
        return number

    def console_url(self) -> str | None:
        pattern = self.text("console_url")
        if pattern is not None:
            check_pattern(pattern, self.connection_id)
        return pattern

    def submit_marker(self) -> Literal["auto", "off"]:
        value = self.values.get("submit_marker")
        if value in (None, "", DEFAULT_MARKER):
            return "auto"
        if value is False or value == "off":  # YAML reads a bare off as false
            return "off"
        raise self.refuse("submit_marker", f"is {value!r}: it must be one of {', '.join(map(repr, MARKER_WORDS))}.")

    def verify(self) -> bool | str:
        value = self.values.get("verify")
        if isinstance(value, bool):
            return value
        text = self.text("verify")
        if text is None or text.lower() == "true":
            return True
        if text.lower() == "false":
            return False
        if not Path(text).exists():
            raise self.refuse(
                "verify",
                f"is {text!r}, which is not a file on this machine. Set it to 'true', 'false', or the path of a file "
                "with CA certificates that exists on every worker.",
            )
        return text

    def proxies(self) -> Any:
        # A proxy URL may hold a password, so no message shows the value.
        value = self.values.get("proxies")
        if isinstance(value, str):
            text = value.strip()
            if not text:
                return None
            if not text.startswith("{"):
                return {"http": text, "https": text}
            try:
                value = json.loads(text)
            except ValueError as error:
                raise self.refuse(
                    "proxies", f'is not valid JSON ({error}). Write {{"https": "http://proxy:3128"}} or one proxy URL.'
                ) from None
        return value or None  # ClientSettings rejects anything but an object of texts


def read_connection(connection: Connection, connection_id: str) -> ConnectionSettings:
    """
    Return the settings of a connection and mask its secrets in the log.

    :param connection: The Airflow connection.
    :param connection_id: Id for messages.
    :raises PolarisSpecError: A field is missing or malformed. The message names the connection, the field and the fix.
        ``ClientSettings`` validates the fields that the client needs (host, key, OAuth client).
    """
    from airflow_provider_polaris.client import ClientSettings

    extra = _Extra(connection_id, _extra_values(connection, connection_id))
    settings = ClientSettings.from_host(
        _host(connection, connection_id),
        project_id=extra.text("project_id"),
        api_key=connection.password,
        auth=extra.text("auth") or DEFAULT_AUTH,
        client_id=extra.text("client_id"),
        client_secret=extra.text("client_secret"),
        token_url=extra.text("token_url"),
        verify=extra.verify(),
        proxies=extra.proxies(),
        read_timeout=extra.number(
            "request_timeout", default=float(DEFAULT_REQUEST_TIMEOUT), lowest=1, highest=MAX_REQUEST_TIMEOUT
        ),
        connection_name=connection_id,
    )
    for secret in (settings.api_key, settings.client_secret):
        _hide(secret)
    return ConnectionSettings(settings, extra.console_url(), extra.submit_marker())


def _extra_values(connection: Connection, connection_id: str) -> Mapping[str, Any]:
    # Airflow logs an invalid extra and continues with an empty one. The message would then be about a missing field.
    if connection.extra:
        try:
            values = json.loads(connection.extra)
        except ValueError as error:
            raise PolarisSpecError(
                f"the extra of connection {connection_id!r} is not valid JSON ({error}). "
                f'Write an object such as {{"project_id": "..."}}.'
            ) from None
        if not isinstance(values, dict):
            raise PolarisSpecError(
                f"the extra of connection {connection_id!r} is not a JSON object. "
                f'Write an object such as {{"project_id": "..."}}.'
            )
    values = connection.extra_dejson  # with this property Airflow masks what it considers secret
    return values if isinstance(values, Mapping) else {}


def _host(connection: Connection, connection_id: str) -> str:
    host = (connection.host or "").strip()
    if not host or "://" in host:
        return host
    # A connection written as URI, polaris://:KEY@HOST:PORT/http?project_id=..., has port and scheme in fields of
    # their own.
    if connection.port:
        name, slash, path = host.partition("/")
        host = f"{name}:{connection.port}{slash}{path}"
    scheme = (connection.schema or "").strip()
    if scheme not in ("", "http", "https"):
        raise PolarisSpecError(
            f"field schema of connection {connection_id!r} is {scheme!r}: it must be 'https' or 'http'. "
            f"Leave it empty and write the whole URL into the host."
        )
    return f"{scheme}://{host}" if scheme else host


def _hide(secret: str | None) -> None:
    """Mask a secret in the log, in each form in which it is sent."""
    if secret is None:
        return
    mask_secret(secret)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        mask_secret(encode(f"{secret}:".encode()).decode())
