# SPDX-License-Identifier: Apache-2.0
"""Parse the host field of a connection in all forms that users paste; performs no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_provider_polaris.client.http.endpoint import _is_loopback, host_of
from airflow_provider_polaris.jobs.errors import PolarisSpecError

_API_SUFFIX = ".api.imply.io"


_CONSOLE_SUFFIX = ".app.imply.io"


_WHERE = (
    "In the Polaris console, Sources > Create source > Upload via API shows it on the first line of its example: "
    "https://ORG.REGION.CLOUD.api.imply.io/v1/projects/PROJECT_ID."
)


_PATH = re.compile(r"^(?:/v1(?:/projects(?:/(?P<project_id>[^/]+)(?:/.*)?)?)?)?/*$")


_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class PastedHost:
    """
    A parsed host.

    :param base_url: Scheme, host and port, no trailing slash.
    :param project_id: The project in the URL's path, if there was one.
    """

    base_url: str
    project_id: str | None


def parse_host(host: str, *, connection_name: str) -> PastedHost:
    """
    Parse a bare host, a URL, or a whole URL copied from the console or the vendor's samples.

    The default scheme is https, or http for a loopback address (an emulator). Query and fragment are dropped.
    The forms of the host are those of docs.imply.io/polaris/api-overview; region and cloud are free-form.

    :param host: The host field of the connection.
    :param connection_name: For messages.
    :raises PolarisSpecError: It is no address of the regional Polaris API.
    """
    text = host.strip()
    if not text:
        raise PolarisSpecError(f"connection {connection_name!r} has no host: set it to the regional API. {_WHERE}")
    where = f"of connection {connection_name!r}"
    if "@" in _authority(text):
        raise PolarisSpecError(
            f"the host {where} contains a user name or password, which would be logged: remove it and put the API key "
            "into the password field."
        )
    if not _SCHEME.match(text):
        text = f"{'http' if _is_loopback(_name(_split(f'//{text}', text, where))) else 'https'}://{text}"
    parts = _split(text, host.strip(), where)
    name = _name(parts)
    shown = repr(host.strip())
    if parts.scheme not in ("http", "https"):
        raise PolarisSpecError(f"host {shown} {where} starts with {parts.scheme!r}: only https (or http) is supported.")
    if not re.fullmatch(r"[^\s/\\%'\"<>{}|^`\x00-\x1f\x7f]+", name) or ".." in name or name.startswith("."):
        raise PolarisSpecError(f"host {shown} {where} has no valid host name. {_WHERE}")
    _refuse_other_hosts(name, parts.scheme, shown, where)
    match = _PATH.match(parts.path)
    if match is None:
        raise PolarisSpecError(
            f"host {shown} {where} has the path {parts.path!r}, which is not of the Jobs v1 API: enter only the host, "
            f"or a URL that continues with /v1/projects/PROJECT_ID. {_WHERE}"
        )
    literal = f"[{name}]" if ":" in name else name
    port = f":{parts.port}" if parts.port is not None else ""
    project_id = match["project_id"]
    return PastedHost(f"{parts.scheme}://{literal}{port}", unquote(project_id) if project_id else None)


def organization_of(base_url: str) -> str | None:
    """Return the organization in ``ORG.REGION.CLOUD.api.imply.io``; None for any other host."""
    name = host_of(base_url).removesuffix(".")
    return name.split(".", 1)[0] if name.endswith(_API_SUFFIX) else None


def _refuse_other_hosts(name: str, scheme: str, shown: str, where: str) -> None:
    """Reject the console, the organization-wide API, and unencrypted credentials."""
    if name.endswith(_CONSOLE_SUFFIX):
        raise PolarisSpecError(
            f"host {shown} {where} is the Polaris console, not its API: the API's host is "
            f"{name.removesuffix(_CONSOLE_SUFFIX)}.REGION.CLOUD.api.imply.io. {_WHERE}"
        )
    if name.endswith(_API_SUFFIX) and "." not in name.removesuffix(_API_SUFFIX):
        raise PolarisSpecError(
            f"host {shown} {where} is the organization-wide API, which has no jobs: the regional host is "
            f"{name.removesuffix(_API_SUFFIX)}.REGION.CLOUD.api.imply.io. {_WHERE}"
        )
    if scheme == "http" and not _is_loopback(name):
        raise PolarisSpecError(
            f"host {shown} {where} would send the credentials unencrypted: use https. Only a loopback address such as "
            "127.0.0.1 may use http."
        )


def _split(url: str, original: str, where: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # is parsed lazily and may raise ValueError
    except ValueError as exc:
        raise PolarisSpecError(f"host {original!r} {where} can't be read as an address: {exc}. {_WHERE}") from None
    return parts


def _name(parts: SplitResult) -> str:
    """Return the host without a trailing dot, which has no meaning but would break comparisons of the suffix."""
    return (parts.hostname or "").removesuffix(".")


def _authority(text: str) -> str:
    """Return the part of the URL that may contain user name and host."""
    return re.split(r"[/?#]", _SCHEME.sub("", text), maxsplit=1)[0]
