# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from airflow_provider_polaris.jobs.errors import PolarisSpecError


def is_loopback(url: str) -> bool:
    """Return whether a request to the URL stays on this machine."""
    return _is_loopback(host_of(url))


def is_clear_text(url: str) -> bool:
    """Return whether a request to the URL would leave this machine unencrypted."""
    return not url.lower().startswith("https://") and not is_loopback(url)


def host_of(url: str) -> str:
    """
    Return the host of a URL in lower case, without brackets; empty if there is none.

    This uses the parser of the library that connects, so both always find the same host.
    """
    try:
        host = parse_url(url).host or ""
    except LocationParseError:
        return ""
    return host.lower().strip("[]")


def _is_loopback(name: str) -> bool:
    if name in ("localhost", "localhost."):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:  # also 127.1 and 2130706433: their meaning depends on the resolver
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


# Limits for response bodies, in bytes after decompression. They are well above what the service sends, and low
# enough to protect the memory of a worker or of the shared triggerer.
#: One status, number or acknowledgement; also an OAuth token.
STATUS_BYTES: Final = 1024 * 1024


#: One job with its spec, one table, one asynchronous query, the log of a job.
OBJECT_BYTES: Final = 16 * 1024 * 1024


#: A page of up to a thousand summaries, or all tables of a project.
LIST_BYTES: Final = 64 * 1024 * 1024


#: The rows of a query. For a larger result, use an asynchronous query and read its pages.
ROWS_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True)
class Endpoint:
    """
    One API operation.

    :param method: HTTP method.
    :param template: Path below the project; ``{name}`` is the variable part.
    :param permissions: Permissions that the credentials need, by the vendor's names.
    :param repeatable: Whether the request is idempotent and may be sent again after any failure.
    :param noun: Type of the resource that the variable part names.
    :param read_seconds: Minimum read timeout in seconds.
    :param answer_bytes: Largest body of a successful response, in bytes after decompression.
    """

    method: str
    template: str
    permissions: tuple[str, ...]
    repeatable: bool = True
    noun: str = ""
    read_seconds: float = 0.0
    answer_bytes: int = STATUS_BYTES


def encode_segment(name: str | None, noun: str) -> str:
    """
    Percent-encode one path segment.

    ``.`` and ``..`` are rejected because every URL library normalizes them, encoded or not. A request for the table
    ``..`` would go to another endpoint.
    """
    if not isinstance(name, str) or not name:
        raise PolarisSpecError(f"a {noun} needs a name that is a non-empty text, not {name!r}.")
    if name in (".", ".."):
        raise PolarisSpecError(f"{noun} {name!r} can't be addressed: in a URL it means another directory.")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError:
        raise PolarisSpecError(f"{noun} {name!r} contains half a character (a lone surrogate).") from None
