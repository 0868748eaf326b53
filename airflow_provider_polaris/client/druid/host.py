# SPDX-License-Identifier: Apache-2.0
"""Parse the address of a Druid process in the forms that users paste; performs no I/O."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from airflow_provider_polaris.client.http.endpoint import is_loopback
from airflow_provider_polaris.jobs.errors import PolarisSpecError

_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")

_HOST_NAME: Final = re.compile(r"[^\s/\\%'\"<>{}|^`\x00-\x1f\x7f]+")

#: The page of the web console, and the paths of the APIs. Source: druid.apache.org/docs/latest/operations/web-console
#: and druid.apache.org/docs/latest/api-reference.
_PAGES: Final = re.compile(r"/(?:unified-console\.html|console\.html|druid/.*|status(?:/.*)?)?/*$")

_WHERE: Final = "Enter the address of the router, such as https://router.example.com:8888."


def parse_address(text: str, *, field: str, connection_name: str) -> str:
    """
    Return the base URL of a Druid process.

    A bare host gets the scheme https, or http for a loopback address. A path in front of Druid's own paths is kept, as
    a reverse proxy may need it. Query, fragment and the page of the web console are dropped.

    :param text: A host, ``HOST:PORT``, or a URL copied from the web console.
    :param field: Field of the connection that has the text, for messages: ``host`` or ``coordinator_url``.
    :param connection_name: Name of the connection, for messages.
    :return: Scheme, host, port and path, without a trailing slash.
    :raises PolarisSpecError: The text is no HTTP address, or contains a user name or password.
    """
    given = text.strip()
    where = f"of connection {connection_name!r}"
    if not given:
        raise PolarisSpecError(f"connection {connection_name!r} has no {field}. {_WHERE}")
    if "@" in re.split(r"[/?#]", _SCHEME.sub("", given), maxsplit=1)[0]:
        raise PolarisSpecError(
            f"the {field} {where} contains a user name or password, which would be logged: remove it and use the "
            "login and password fields."
        )
    url = given
    if not _SCHEME.match(given):
        url = f"{'http' if is_loopback(f'http://{given}') else 'https'}://{given}"
    parts = _split(url, given, field, where)
    name = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise PolarisSpecError(
            f"{field} {given!r} {where} starts with {parts.scheme!r}: only https (or http) is supported."
        )
    if not _HOST_NAME.fullmatch(name) or ".." in name or name.startswith("."):
        raise PolarisSpecError(f"{field} {given!r} {where} has no valid host name. {_WHERE}")
    literal = f"[{name}]" if ":" in name else name
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{literal}{port}{_PAGES.sub('', parts.path)}".rstrip("/")


def _split(url: str, given: str, field: str, where: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # is parsed lazily and may raise ValueError
    except ValueError as exc:
        raise PolarisSpecError(f"{field} {given!r} {where} can't be read as an address: {exc}. {_WHERE}") from None
    return parts
