# SPDX-License-Identifier: Apache-2.0
"""Operations on the staging area for files. Source: polaris-sdk 20250425.14.0 and docs.imply.io/polaris/api-upload."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

from airflow_provider_polaris.client.http.calls import Calls
from airflow_provider_polaris.client.http.paging import Page, iterate_offsets
from airflow_provider_polaris.client.http.request import file_body
from airflow_provider_polaris.client.polaris import endpoints
from airflow_provider_polaris.jobs.errors import PolarisSpecError

_LARGEST_PAGE = 1000


class FilesApi(Calls):
    """Upload, list and delete files that jobs of source type ``uploaded`` read."""

    def iter_files(
        self,
        *,
        search: str | None = None,
        sort_column: str = "uploaded_on_dt",
        sort_order: str = "DESC",
        page_size: int = _LARGEST_PAGE,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """
        Yield the description of each file once.

        :param search: Text to find in the sortable fields.
        :param sort_column: Name of the column in the API.
        :param sort_order: ``ASC`` or ``DESC``.
        :param page_size: Files per request, 1 to 1000.
        :param limit: Largest number of files to yield.
        """
        if not 1 <= page_size <= _LARGEST_PAGE:
            raise PolarisSpecError(f"page_size {page_size!r} must be from 1 to {_LARGEST_PAGE}.")
        filters = {"searchString": search, "sortColumn": sort_column, "sortOrder": sort_order}

        def fetch(offset: int, size: int) -> Page:
            params = {**filters, "paginationLimit": size, "paginationOffset": offset}
            rows, data = self._list(endpoints.LIST_FILES, field="files", key="name", params=params)
            total = data.get("totalCount")
            return Page(rows, offset + len(rows) < total if isinstance(total, int) else None)

        return iterate_offsets(fetch, page_size=page_size, key=lambda row: str(row["name"]), limit=limit)

    def upload_file(
        self,
        file: str | os.PathLike[str] | BinaryIO,
        *,
        name: str | None = None,
        data_format: str | None = None,
        compression_format: str | None = None,
    ) -> dict[str, Any]:
        """
        Upload a file to the staging area; streamed, up to 2 GB.

        :param file: A path, or a seekable file that is open in binary mode (sent from its current position).
        :param name: Name in Polaris; by default the last part of the path.
        :param data_format: ``nd-json``, ``csv`` ...; by default from the name.
        :param compression_format: ``gz``, ``zstd`` ...; by default from the name.
        :return: The description of the file in Polaris.
        :raises PolarisConflictError: A file with that name exists.
        """
        with ExitStack() as stack:
            if isinstance(file, (str, os.PathLike)):
                name = name or os.path.basename(os.fspath(file))
                file = stack.enter_context(open(file, "rb"))
            elif not hasattr(file, "read") or not file.seekable() or not isinstance(file.read(0), bytes):
                raise PolarisSpecError(f"upload_file needs a path or a seekable file in binary mode, not {file!r}.")
            if not name:
                raise PolarisSpecError("upload_file needs a name for a file object.")
            params = {"dataFormat": data_format, "compressionFormat": compression_format}
            return self._object(endpoints.UPLOAD_FILE, params=params, body=file_body(file, name), required="name")

    def get_file(self, name: str) -> dict[str, Any]:
        """
        Return the description of a file.

        :raises PolarisNotFoundError: No such file.
        """
        return self._object(endpoints.GET_FILE, name, required="name")

    def delete_file(self, name: str) -> None:
        """
        Delete a file.

        :raises PolarisNotFoundError: No such file.
        """
        self._nothing(endpoints.DELETE_FILE, name)
