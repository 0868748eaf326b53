# SPDX-License-Identifier: Apache-2.0
"""
``/v1/projects/{projectId}/query/sql``: synchronous and asynchronous SQL.

DOCUMENTED polaris-sdk 20250425.14.0, QueryOperations: methods, paths, parameters, statuses and bodies.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from airflow_provider_polaris.emulator.engine import QueryResult
from airflow_provider_polaris.emulator.queries.result_formats import render
from airflow_provider_polaris.emulator.routes.dependencies import TheBody, TheEmulator, TheUser
from airflow_provider_polaris.emulator.wire.errors import ApiError, refused_statement, sql_error_body
from airflow_provider_polaris.emulator.wire.models import Sql
from airflow_provider_polaris.emulator.wire.requests import JsonBody, number, one_of, parse

router = APIRouter(prefix="/v1/projects/{project_id}/query/sql")
_FORMATS = ("object", "array", "objectLines", "arrayLines", "csv")


@router.post("")
def query_sync(emulator: TheEmulator, _: TheUser, body: TheBody) -> Response:
    """Run a query and return its rows."""
    request = _read(body)
    emulator.jobs.advance()
    return _rows(emulator.queries.run(request), request)


@router.post("/statements")
def query_async(emulator: TheEmulator, _: TheUser, body: TheBody) -> dict[str, Any]:
    """Accept a query and return its status."""
    try:
        request = parse(Sql, body.data)
    except ApiError as error:
        rejected = refused_statement(sql_error_body(error.message))
        raise ApiError(error.status, error.message, body=rejected) from None
    emulator.jobs.advance()
    return emulator.queries.start(request)


@router.get("/statements/{query_id}")
def query_async_status(query_id: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return the status of a query. GUESS: ``detail`` adds nothing, because the emulator has no stages."""
    emulator.jobs.advance()
    return emulator.queries.status(query_id)


@router.get("/statements/{query_id}/results")
def query_async_results(query_id: str, request: Request, emulator: TheEmulator, _: TheUser) -> Response:
    """Return all rows of a query, or one page."""
    page = number(request, "page", 0, 0) if "page" in request.query_params else None
    result_format = one_of(request, "resultFormat", _FORMATS, "object")
    emulator.jobs.advance()
    result = emulator.queries.results(query_id, page)
    return _rows(result, Sql.model_validate({"query": "-", "resultFormat": result_format}))


@router.delete("/statements/{query_id}")
def query_async_cancel(query_id: str, emulator: TheEmulator, _: TheUser) -> Response:
    """Cancel a query: 202 if it was active, otherwise 200."""
    return Response(status_code=202 if emulator.queries.cancel(query_id) else 200)


def _read(body: JsonBody) -> Sql:
    try:
        return parse(Sql, body.data)
    except ApiError as error:
        raise ApiError(error.status, error.message, body=sql_error_body(error.message)) from None


def _rows(result: QueryResult, request: Sql) -> Response:
    text, media_type = render(result, request)
    headers = {"x-druid-sql-header-included": "yes"} if request.header else {}
    return Response(text, media_type=media_type, headers=headers)
