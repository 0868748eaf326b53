# SPDX-License-Identifier: Apache-2.0
"""Helpers that read the console's pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.emulator.conftest import Api

Show = Callable[[Api, str], str]


@pytest.fixture
def show() -> Show:
    """Return a page of the console that must exist."""

    def page(api: Api, path: str) -> str:
        response = api.client.get(f"/__emulator__{path}")
        assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
        return response.text

    return page
