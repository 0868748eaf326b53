# SPDX-License-Identifier: Apache-2.0
"""A proxy between the package and a service: it records requests, and loses or holds some of them."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import requests

#: Headers of one connection, which a proxy doesn't pass on.
_HOP = frozenset({"connection", "content-length", "content-encoding", "host", "keep-alive", "transfer-encoding"})
#: Longest time for which a request is held.
_HELD_SECONDS = 600

Effect = Literal["lose_answer", "hold", "hold_answer", "page"]
PAGE = b"<html><body>Under maintenance</body></html>"


@dataclass
class Rule:
    """
    What happens to some requests.

    :param effect: ``lose_answer`` forwards the request and closes the connection without an answer; ``hold`` forwards
        it, and ``hold_answer`` answers it, once the rule is released; ``page`` answers 503 with somebody else's HTML
        and forwards nothing.
    :param method: Method of the requests.
    :param path: Pattern that the path has to contain.
    :param times: For how many requests; None for all.
    :param seen: Set when the first request is held or lost.
    :param released: Ends the holding.
    """

    effect: Effect
    method: str
    path: str
    times: int | None = 1
    seen: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class Gateway:
    """
    A proxy on the loopback interface.

    :param target: Base URL of the service.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        #: Method and path of each request, in the order of arrival.
        self.requests: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Let all held requests go, and stop."""
        self.clear()
        self._server.shutdown()
        self._server.server_close()

    def rule(self, effect: Effect, method: str, path: str, *, times: int | None = 1) -> Rule:
        """Add a rule; see :class:`Rule`."""
        made = Rule(effect, method, path, times)
        with self._lock:
            self._rules.append(made)
        return made

    def clear(self) -> None:
        """Remove all rules, and let all held requests go."""
        with self._lock:
            rules, self._rules = self._rules, []
        for each in rules:
            each.released.set()

    def count(self, method: str, path: str) -> int:
        """Return the number of requests whose path contains a pattern."""
        return sum(seen == method and re.search(path, where) is not None for seen, where in self.requests)

    def take(self, method: str, path: str) -> Rule | None:
        """Record a request, and return the rule that it meets."""
        with self._lock:
            self.requests.append((method, path))
            for each in self._rules:
                if each.method == method and re.search(each.path, path) and each.times != 0:
                    if each.times is not None:
                        each.times -= 1
                    return each
        return None

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> requests.Response:
        """Send a request to the service, as it came."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, self._target + path, headers=headers, data=body, timeout=_HELD_SECONDS, allow_redirects=False
            )


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            rule = gateway.take(self.command, self.path)
            if rule is not None:
                rule.seen.set()
                if rule.effect == "page":
                    self._answer(503, {"Content-Type": "text/html"}, PAGE)
                    return
                if rule.effect == "hold":
                    rule.released.wait(_HELD_SECONDS)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            answer = gateway.forward(self.command, self.path, headers, body)
            if rule is not None and rule.effect == "lose_answer":
                self.close_connection = True
                return
            if rule is not None and rule.effect == "hold_answer":
                rule.released.wait(_HELD_SECONDS)
            self._answer(answer.status_code, dict(answer.headers), answer.content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # the client has given up
                self.close_connection = True

        do_GET = do_POST = do_DELETE = do_PUT = _do  # noqa: N815  # names of http.server

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    return Handler
