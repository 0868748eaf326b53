# SPDX-License-Identifier: Apache-2.0
"""
``/auth/realms/{organization}/protocol/openid-connect/token``: the emulated OAuth server.

GUESS: the server of Polaris is https://id.imply.io with this path (seen in public clients of the vendor, not in its
docs). The emulator serves it on its own host.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request

from airflow_provider_polaris.emulator.routes.dependencies import TheEmulator
from airflow_provider_polaris.emulator.wire.errors import ApiError, not_found
from airflow_provider_polaris.emulator.wire.requests import read_bytes

router = APIRouter()
_LIMIT = 64 * 1024


@router.post("/auth/realms/{organization}/protocol/openid-connect/token")
async def issue_token(organization: str, request: Request, emulator: TheEmulator) -> dict[str, Any]:
    """Issue a token for client credentials."""
    if organization != emulator.settings.organization:
        raise not_found("Realm", organization)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise ApiError(415, f"content type {media_type!r} is not supported.")
    raw = await read_bytes(request, _LIMIT)
    return emulator.authenticator.issue(dict(parse_qsl(raw.decode(errors="replace"))))
