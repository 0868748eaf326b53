# SPDX-License-Identifier: Apache-2.0
"""
``/v1/projects/{projectId}/files``: the Files v1 API.

DOCUMENTED polaris-sdk 20250425.14.0, FilesOperations, and https://docs.imply.io/polaris/api-upload.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from airflow_provider_polaris.emulator.catalog.files import COMPRESSION_FORMATS, DATA_FORMATS, SORT_COLUMNS
from airflow_provider_polaris.emulator.routes.dependencies import TheEmulator, TheUser
from airflow_provider_polaris.emulator.wire.bodies import LimitedBody
from airflow_provider_polaris.emulator.wire.errors import ApiError, bad_request
from airflow_provider_polaris.emulator.wire.requests import check_encoding, number, one_of

router = APIRouter(prefix="/v1/projects/{project_id}/files")
_FORM_OVERHEAD = 1 << 20
#: Maximum number of form fields besides the file. They are held in memory and ignored.
_MOST_FIELDS = 10


@router.get("")
def list_files(request: Request, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return a page of files."""
    return emulator.file_store.page(
        search=request.query_params.get("searchString", ""),
        sort_column=one_of(request, "sortColumn", tuple(SORT_COLUMNS), "uploaded_on_dt"),
        descending=one_of(request, "sortOrder", ("ASC", "DESC"), "DESC") == "DESC",
        offset=number(request, "paginationOffset", 0, 0),
        limit=number(request, "paginationLimit", 1000, 1, 1000),
    )


@router.post("", status_code=201)
async def upload_file(request: Request, emulator: TheEmulator, user: TheUser) -> dict[str, Any]:
    """Store a file from the part ``file`` of a form."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise ApiError(415, f"content type {media_type!r} is not supported; send 'multipart/form-data'.")
    formats = {
        "data_format": _word(request, "dataFormat", DATA_FORMATS),
        "compression_format": _word(request, "compressionFormat", COMPRESSION_FORMATS),
    }
    check_encoding(request)
    limit = emulator.settings.max_upload_bytes
    too_long = ApiError(413, f"The file is longer than {limit} bytes.", headers={"connection": "close"})
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit + _FORM_OVERHEAD:
        raise too_long
    body = LimitedBody(request.receive, limit + _FORM_OVERHEAD)
    try:
        form = await Request(request.scope, body).form(max_files=1, max_fields=_MOST_FIELDS)
    except HTTPException as error:
        raise (too_long if body.is_too_long else error) from None
    try:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise bad_request("The form has no file in the part 'file'.", "file")
        if (part.size or 0) > limit:
            raise too_long
        return await run_in_threadpool(
            emulator.file_store.put,
            part.filename or "",
            part.file,
            user=user,
            media_type=part.content_type,
            **formats,
        )
    finally:
        await form.close()


@router.get("/{name}")
def get_file_metadata(name: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return a file's metadata."""
    return emulator.file_store.get(name)


@router.delete("/{name}", status_code=204)
def delete_file(name: str, emulator: TheEmulator, _: TheUser) -> Response:
    """Remove a file."""
    emulator.file_store.delete(name)
    return Response(status_code=204)


def _word(request: Request, name: str, words: tuple[str, ...]) -> str | None:
    return one_of(request, name, words, "") if name in request.query_params else None
