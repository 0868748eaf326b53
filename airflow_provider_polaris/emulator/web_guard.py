# SPDX-License-Identifier: Apache-2.0
"""
Reject requests from web pages of other sites: every page in a developer's browser can reach the emulator.

Clients other than browsers send neither ``Origin`` nor ``Sec-Fetch-Site`` and pass; a page can't omit these headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_polaris.emulator.hosts import Hosts, host_name
from airflow_provider_polaris.emulator.wire.bodies import drain
from airflow_provider_polaris.emulator.wire.errors import envelope
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

#: Default headers of every reply: they prevent framing, and embedding by other sites.
SAFE_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
#: Values of Sec-Fetch-Site for a page of the emulator, and for an address that a person typed.
_OUR_SITE: Final = ("same-origin", "none")


class WebGuard:
    """
    Rejects requests to unknown hosts and requests from other sites, in the envelope of the API.

    :param app: The application that handles the other requests.
    :param hosts: The hosts that are served.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, guarded)
        else:
            status, reason = refusal
            await drain(receive)
            await JSONResponse(envelope(status, reason), status, {"connection": "close"})(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the reason of a rejection; None if the request is accepted."""
        headers = Headers(scope=scope)
        if not scope["path"].startswith("/"):
            return (
                400,
                f"The request target {scope['path']!r} is not a path. Don't use the emulator as a proxy.",
            )
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return 400, f"The request has {len(hosts)} Host headers, but must have one."
        name = host_name(hosts[0])
        if name is None:
            return 400, f"The Host header {hosts[0]!r} is not of the form NAME:PORT."
        if not self._hosts.serves(name):
            return 421, (
                f"Host {name!r} is not one that this emulator serves, so the request may come from a web page of "
                f"another site. Start the emulator with --allow-host {name}, or use the address 127.0.0.1 or localhost."
            )
        foreign = _foreign_site(scope, headers, hosts[0])
        return None if foreign is None else (403, f"{foreign} Web pages of other sites can't use the emulator.")


def _foreign_site(scope: Scope, headers: Headers, host: str) -> str | None:
    """
    Return a sentence on the other site that a request comes from.

    Browsers send Origin with every POST and every cross-site read by a script. They send Sec-Fetch-Site with every
    request, except over plain HTTP to another machine.

    :return: One sentence; None if the request comes from no browser, from a page of the emulator, or from a link.
    """
    for origin in headers.getlist("origin"):
        if origin.partition("://")[2].lower() != host.lower():
            return f"The request comes from a page of {origin!r}, and this is {host!r}."
    for site in headers.getlist("sec-fetch-site"):
        if site not in _OUR_SITE and not _is_link(scope, headers):
            return f"The request comes from a page of another site (Sec-Fetch-Site is {site!r})."
    return None


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Return whether a person follows a link to the console, such as the one on Airflow's pages."""
    return (
        scope["method"] == "GET"
        and scope["path"].startswith(f"{CONTROL_PREFIX}/")
        and headers.getlist("sec-fetch-mode") == ["navigate"]
        and headers.getlist("sec-fetch-dest") == ["document"]
    )
