# SPDX-License-Identifier: Apache-2.0
"""A session of the client whose requests a fake Druid answers, without a socket."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.client.druid.fake import FakeDruid


class FakeSession(requests.Session):
    """A session whose requests a :class:`FakeDruid` answers."""

    def __init__(self, druid: FakeDruid) -> None:
        super().__init__()
        self._druid = druid

    def request(self, method: Any, url: Any, params: Any = None, data: Any = None, **_: Any) -> requests.Response:  # type: ignore[override]
        if urlsplit(url).path == self._druid.refuses_connections_to:
            raise requests.exceptions.ConnectionError(ConnectionRefusedError(111, "Connection refused"))
        body = b"".join(data) if data is not None else b""
        status, answer = self._druid.answer(
            method, urlsplit(url).path, dict(params or ()), json.loads(body) if body else None
        )
        response = requests.Response()
        response.status_code = status
        kind = "application/json"
        if isinstance(answer, str):
            kind = "text/html" if answer.startswith("<") else "text/plain"
        response.headers["Content-Type"] = kind
        response._content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        return response
