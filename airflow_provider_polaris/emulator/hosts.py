# SPDX-License-Identifier: Apache-2.0
"""
Parse ``Host`` headers and check them against the hosts that an emulator serves. Performs no I/O.

A web page can point its own domain to the address of this machine (DNS rebinding). Its requests then reach the
emulator, and the browser treats them as same-origin, but their ``Host`` is still the page's domain.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

_LOOPBACK_NAME: Final = "localhost"
_AUTHORITY: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII)


def host_name(authority: str) -> str | None:
    """
    Return the host of a ``Host`` header in lower case, without port, brackets and trailing dot.

    :param authority: ``NAME``, ``NAME:PORT``, ``[ADDRESS]`` or ``[ADDRESS]:PORT``.
    :return: None for anything else, such as user information or an empty value.
    """
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    name: str = match["name"]
    if name.startswith("["):
        address = _address(name.strip("[]"))
        return None if address is None else str(address)
    return name.lower().removesuffix(".") or None


class Hosts:
    """
    The hosts that are served: loopback and the configured hosts.

    An address that isn't loopback is served only by an emulator that listens on all addresses (``0.0.0.0`` or ``::``):
    a page can't rebind an address, only a name.

    :param configured: The configured names and addresses, in any case; IPv6 addresses without brackets.
    """

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._configured = frozenset(host.lower().removesuffix(".") for host in configured)
        self._any_address = any(is_wildcard(host) for host in self._configured)

    def serves(self, name: str) -> bool:
        """Return whether requests to a host are served; ``name`` is a result of :func:`host_name`."""
        if name == _LOOPBACK_NAME or name in self._configured:
            return True
        address = _address(name)
        return address is not None and (address.is_loopback or self._any_address)


def is_loopback(host: str) -> bool:
    """Return whether a name or address is loopback."""
    address = _address(host)
    return host == _LOOPBACK_NAME if address is None else address.is_loopback


def is_wildcard(host: str) -> bool:
    """Return whether an address means all addresses of this machine."""
    address = _address(host)
    return address is not None and address.is_unspecified


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
