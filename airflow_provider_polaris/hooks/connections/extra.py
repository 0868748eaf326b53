# SPDX-License-Identifier: Apache-2.0
"""Read the fields of an Airflow connection that both types have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_polaris.hooks.connections.console_urls import check_pattern
from airflow_provider_polaris.hooks.connections.form import (
    DEFAULT_MARKER,
    DEFAULT_REQUEST_TIMEOUT,
    MARKER_WORDS,
    MAX_REQUEST_TIMEOUT,
)
from airflow_provider_polaris.jobs.errors import PolarisSpecError

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import Connection


@dataclass(frozen=True)
class Extra:
    """
    The extra of one connection. Its values come from a form, a URI or handwritten JSON.

    :param connection_id: Id for messages.
    :param values: Value by key.
    """

    connection_id: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, connection: Connection, connection_id: str, *, example: str) -> Extra:
        """
        Return the extra of a connection.

        :param connection: The Airflow connection.
        :param connection_id: Id for messages.
        :param example: An object for the message about an invalid extra.
        :raises PolarisSpecError: The extra is no JSON object.
        """
        # Airflow logs an invalid extra and continues with an empty one. The message would then be about a missing
        # field.
        if connection.extra:
            try:
                values = json.loads(connection.extra)
            except ValueError as error:
                raise PolarisSpecError(
                    f"the extra of connection {connection_id!r} is not valid JSON ({error}). "
                    f"Write an object such as {example}."
                ) from None
            if not isinstance(values, dict):
                raise PolarisSpecError(
                    f"the extra of connection {connection_id!r} is not a JSON object. "
                    f"Write an object such as {example}."
                )
        values = connection.extra_dejson  # with this property Airflow masks what it considers secret
        return cls(connection_id, values if isinstance(values, Mapping) else {})

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
        """Return the error for a value."""
        return PolarisSpecError(f"extra {name!r} of connection {self.connection_id!r} {why}")

    def request_timeout(self) -> float:
        """Return the seconds, which may be stored as text; the default if the value is missing or empty."""
        name, default, lowest, highest = "request_timeout", float(DEFAULT_REQUEST_TIMEOUT), 1, MAX_REQUEST_TIMEOUT
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

    def console_url(self, *fields: str) -> str | None:
        """
        Return the pattern of the console's URLs; None if it is missing or empty.

        :param fields: Names of the fields that are replaced.
        :raises PolarisSpecError: As :func:`check_pattern`.
        """
        pattern = self.text("console_url")
        if pattern is not None:
            check_pattern(pattern, self.connection_id, fields)
        return pattern

    def submit_marker(self) -> Literal["auto", "off"]:
        """Return whether submitted jobs get a marker."""
        value = self.values.get("submit_marker")
        if value in (None, "", DEFAULT_MARKER):
            return "auto"
        if value is False or value == "off":  # YAML reads a bare off as false
            return "off"
        raise self.refuse("submit_marker", f"is {value!r}: it must be one of {', '.join(map(repr, MARKER_WORDS))}.")

    def verify(self) -> bool | str:
        """Return whether certificates are checked, or the path of a CA bundle."""
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

    def file(self, name: str, what: str) -> str | None:
        """
        Return the path of a file; None if it is missing or empty.

        :param name: Key of the extra.
        :param what: Content of the file.
        :raises PolarisSpecError: There is no such file.
        """
        text = self.text(name)
        if text is not None and not Path(text).is_file():
            raise self.refuse(
                name,
                f"is {text!r}, which is not a file on this machine. Set it to the path of a file with {what} that "
                "exists on every worker.",
            )
        return text

    def proxies(self) -> Any:
        """Return the proxies by scheme; the settings of the client check them."""
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
        return value or None  # the settings reject anything but an object of texts


def host_text(connection: Connection, connection_id: str) -> str:
    """
    Return the address of a connection: its host, with port and scheme if they have fields of their own.

    :param connection: The Airflow connection.
    :param connection_id: Id for messages.
    :raises PolarisSpecError: The scheme is neither http nor https.
    """
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
