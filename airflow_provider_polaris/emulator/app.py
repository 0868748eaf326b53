# SPDX-License-Identifier: Apache-2.0
"""
Create the emulator as an ASGI application.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from airflow_provider_polaris import __version__
from airflow_provider_polaris.emulator.engine import StorageError
from airflow_provider_polaris.emulator.faults.middleware import FaultMiddleware
from airflow_provider_polaris.emulator.hosts import Hosts
from airflow_provider_polaris.emulator.routes import console, control, files, jobs, query, table_control, tables, token
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.state import Emulator
from airflow_provider_polaris.emulator.web_guard import WebGuard
from airflow_provider_polaris.emulator.wire import errors
from airflow_provider_polaris.emulator.wire.identifiers import Clock
from airflow_provider_polaris.emulator.wire.rejected_requests import RefusalMiddleware
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX


def create_app(settings: EmulatorSettings | None = None, *, clock: Clock = time.time_ns) -> FastAPI:
    """
    Create an emulator; several emulators in one process share no state.

    This call opens the database. The shutdown of the application, or ``app.state.emulator.close()``, closes it.

    :param settings: Settings of the emulator; None uses the defaults.
    :param clock: Returns nanoseconds since the epoch; tests pass their own clock.
    :return: The application; ``app.state.emulator`` is the :class:`Emulator` behind it.
    :raises StoreError: The database file can't be used.
    """
    emulator = Emulator(settings or EmulatorSettings(), clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        emulator.close()

    app = FastAPI(
        title="Polaris emulator",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{CONTROL_PREFIX}/openapi.json",
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.emulator = emulator
    errors.install(app)
    app.add_exception_handler(StorageError, console.show_storage_error)
    app.add_middleware(FaultMiddleware, faults=emulator.faults)
    app.add_middleware(WebGuard, hosts=Hosts(emulator.settings.allowed_hosts))
    app.add_middleware(RefusalMiddleware, refusals=emulator.refusals)  # outermost: the others reject requests, too
    app.router.routes += _routes()
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Return all routes. They are stateless and cached: FastAPI needs several times longer for them than for the
    rest.
    """
    router = APIRouter(redirect_slashes=False)
    for module in (console, control, table_control, files, jobs, query, tables, token):
        router.include_router(module.router)
    return router.routes
