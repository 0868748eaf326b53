# SPDX-License-Identifier: Apache-2.0
"""
What routes need of a request. All are coroutines that never wait for a lock: FastAPI runs a plain function in a thread,
which takes longer than the function.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from airflow_provider_polaris.emulator.state import Emulator
from airflow_provider_polaris.emulator.wire.errors import not_found
from airflow_provider_polaris.emulator.wire.requests import JsonBody, read_json


async def the_emulator(request: Request) -> Emulator:
    """
    Return the emulator of a request.

    :raises StorageError: Its database failed permanently, so the state in memory may differ from the stored state.
    """
    emulator = request.app.state.emulator
    assert isinstance(emulator, Emulator)
    emulator.store.check()
    return emulator


async def the_user(request: Request, project_id: str) -> dict[str, Any]:
    """
    Return the user of a request to the project.

    GUESS: a project that doesn't exist is a 404, and credentials are checked first.

    :raises ApiError: 401, 404.
    """
    emulator = await the_emulator(request)
    user = emulator.authenticator.authenticate(request.headers.get("authorization"))
    if project_id.lower() != emulator.settings.project_id.lower():
        raise not_found("Project", project_id)
    return user


# The user is a parameter, so that credentials are checked before the body is read.
async def the_body(request: Request, _: Annotated[dict[str, Any], Depends(the_user)]) -> JsonBody:
    """Return the JSON object in the body of a request."""
    emulator = await the_emulator(request)
    return await read_json(request, emulator.settings.max_body_bytes)


TheEmulator = Annotated[Emulator, Depends(the_emulator)]


TheUser = Annotated[dict[str, Any], Depends(the_user)]


TheBody = Annotated[JsonBody, Depends(the_body)]
