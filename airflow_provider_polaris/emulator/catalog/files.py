# SPDX-License-Identifier: Apache-2.0
"""
Uploaded files: the Files API's staging area. Contents are blobs of the store, metadata are documents.
"""

from __future__ import annotations

import hashlib
import io
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final

from airflow_provider_polaris.emulator.engine import Store
from airflow_provider_polaris.emulator.wire.errors import ApiError, bad_request, not_found, not_implemented
from airflow_provider_polaris.emulator.wire.identifiers import Clock, rfc3339
from airflow_provider_polaris.emulator.wire.names import file_name_fault

_KIND: Final = "file"
# DOCUMENTED polaris-sdk 20250425.14.0, DataFormat and CompressionFormat
DATA_FORMATS: Final = (
    "avro_ocf",
    "avro_stream",
    "csv",
    "kafka",
    "kinesis",
    "nd-json",
    "orc",
    "parquet",
    "protobuf",
)
COMPRESSION_FORMATS: Final = ("none", "bz2", "gz", "sz", "xz", "zstd")
# DOCUMENTED polaris-sdk 20250425.14.0, FileSortColumn
SORT_COLUMNS: Final[Mapping[str, str]] = {
    "compression_format": "compressionFormat",
    "data_format": "dataFormat",
    "digest_algo": "digest.algo",
    "digest_hash": "digest.hash",
    "name": "name",
    "size_bytes": "sizeBytes",
    "uploaded_by_user_name": "uploadedBy.username",
    "uploaded_on_dt": "uploadedOnDatetime",
}
# GUESS: how Polaris derives the format from a file name is not documented.
_DATA_SUFFIXES: Final[Mapping[str, str]] = {
    "json": "nd-json",
    "jsonl": "nd-json",
    "ndjson": "nd-json",
    "csv": "csv",
    "tsv": "csv",
    "avro": "avro_ocf",
    "orc": "orc",
    "parquet": "parquet",
}
_DATA_MEDIA_TYPES: Final[Mapping[str, str]] = {
    "application/json": "nd-json",
    "application/x-ndjson": "nd-json",
    "text/csv": "csv",
}
_COMPRESSION_SUFFIXES: Final[Mapping[str, str]] = {
    "bz2": "bz2",
    "gz": "gz",
    "sz": "sz",
    "xz": "xz",
    "zst": "zstd",
    "zstd": "zstd",
}
_READABLE_DATA: Final = ("nd-json",)
_READABLE_COMPRESSION: Final = ("none", "gz", "bz2", "xz")
_PIECE: Final = 1024 * 1024
_SPACE_BYTES: Final = 1 << 40  # GUESS: the size of the staging area is not documented


class FileStore:
    """
    The staging area of the project.

    :param store: The database.
    :param clock: Sets the upload time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()

    def put(
        self,
        name: str,
        content: bytes | BinaryIO,
        *,
        user: Mapping[str, Any],
        data_format: str | None = None,
        compression_format: str | None = None,
        media_type: str | None = None,
    ) -> dict[str, Any]:
        """
        Store a file.

        :param name: Its name; unique.
        :param content: Its bytes, stored unchanged; a file object is read twice, in pieces.
        :param user: User of the request.
        :param data_format: Format given by the client; None detects it from the name, then from the media type.
        :param compression_format: Format given by the client; None detects it from the name.
        :param media_type: Media type of the form part.
        :return: Its metadata.
        :raises ApiError: 400 for an invalid name or format, 409 for a name that exists.
        """
        fault = file_name_fault(name)
        if fault is not None:
            raise bad_request(f"file name {name!r} is not valid: {fault}.", "file")
        detected_data, detected_compression = detect(name, media_type)
        chosen = data_format or detected_data
        if chosen is None:
            raise bad_request(f"the data format of file {name!r} is unknown; set 'dataFormat'.", "dataFormat")
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        size, digest = _measure(file)
        metadata = {
            "id": str(uuid.uuid4()),
            "name": name,
            "sizeBytes": size,
            "dataFormat": chosen,
            "compressionFormat": compression_format or detected_compression,
            "digest": {"algo": "md5", "hash": digest},
            "uploadedBy": dict(user),
            "uploadedOnDatetime": rfc3339(self._clock()),
        }
        with self._lock, self._store.transaction():
            if self.find(name) is not None:
                # DOCUMENTED https://docs.imply.io/polaris/api-upload
                raise ApiError(409, f"File {name!r} exists already.")
            self._store.put_blob(name, file)
            self._store.add_document(_KIND, name, metadata)
        return metadata

    def find(self, name: str) -> dict[str, Any] | None:
        """Return a file's metadata, or None."""
        return None if file_name_fault(name) else self._store.get_document(_KIND, name)

    def get(self, name: str) -> dict[str, Any]:
        """
        Return a file's metadata.

        :raises ApiError: 404.
        """
        metadata = self.find(name)
        if metadata is None:
            raise not_found("File", name)
        return metadata

    def delete(self, name: str) -> None:
        """
        Remove a file.

        :raises ApiError: 404.
        """
        self.get(name)
        with self._store.transaction():
            self._store.delete_document(_KIND, name)
            self._store.delete_blob(name)

    def page(self, *, search: str, sort_column: str, descending: bool, offset: int, limit: int) -> dict[str, Any]:
        """
        Return a page of the list.

        DOCUMENTED polaris-sdk 20250425.14.0, FileListResponse and PaginationLinks: links are texts that may be absent,
        and the vendor's OpenAPI document doesn't allow null. GUESS: the search matches the name, ignoring case; a link
        is absent if there is no such page.
        """
        files = self._store.documents(_KIND)
        used = sum(file["sizeBytes"] for file in files)
        found = [file for file in files if search.lower() in file["name"].lower()]
        path = SORT_COLUMNS[sort_column].split(".")
        found.sort(key=lambda file: file[path[0]] if len(path) == 1 else file[path[0]][path[1]], reverse=descending)
        after, before = offset + limit, max(0, offset - limit)
        links = {
            **({"@nextLink": f"?paginationLimit={limit}&paginationOffset={after}"} if after < len(found) else {}),
            **({"@prevLink": f"?paginationLimit={limit}&paginationOffset={before}"} if offset else {}),
        }
        return {
            "files": found[offset:after],
            "links": links,
            "space": {"allocatedBytes": _SPACE_BYTES, "usedBytes": used, "remainingBytes": _SPACE_BYTES - used},
            "totalCount": len(found),
        }

    def check_readable(self, names: Sequence[str], settings: Mapping[str, Any] | None) -> None:
        """
        Reject files that a job can't read in the emulator.

        :param names: Files that exist.
        :param settings: The job's ``formatSettings``; its format takes precedence (DOCUMENTED polaris-sdk
            20250425.14.0, DataFormatSettings).
        :raises ApiError: 501 for a format that the emulator doesn't read, 400 for one that doesn't exist.
        """
        files = [self.get(name) for name in names]
        formats = {file["dataFormat"] for file in files}
        if settings is not None:
            if settings.get("format") not in DATA_FORMATS:
                raise bad_request(
                    f"field 'source.formatSettings.format' has the value {settings.get('format')!r}: it must be one "
                    f"of {', '.join(DATA_FORMATS)}.",
                    "source.formatSettings.format",
                )
            formats = {settings["format"]}
            for key in sorted(settings.keys() - {"format"}):
                if settings[key] is not None:
                    raise not_implemented(f"the format setting {key!r}", f"source.formatSettings.{key}")
        for word in sorted(formats - set(_READABLE_DATA)):
            raise not_implemented(f"files of format {word!r}", "source.fileList")
        for file in files:
            if file["compressionFormat"] not in _READABLE_COMPRESSION:
                raise not_implemented(f"files compressed with {file['compressionFormat']!r}", "source.fileList")


def _measure(file: BinaryIO) -> tuple[int, str]:
    """Return size and MD5 of a file, and rewind it."""
    digest = hashlib.md5(usedforsecurity=False)
    while data := file.read(_PIECE):
        digest.update(data)
    size = file.tell()
    file.seek(0)
    return size, digest.hexdigest()


def detect(name: str, media_type: str | None) -> tuple[str | None, str]:
    """
    Detect a file's format and compression from its name; if the name has no format, from the media type.

    :return: The data format, None if unknown, and the compression format.
    """
    pieces = name.lower().split(".")[1:]
    compression = _COMPRESSION_SUFFIXES.get(pieces[-1], "none") if pieces else "none"
    if compression != "none":
        pieces = pieces[:-1]
    data = _DATA_SUFFIXES.get(pieces[-1]) if pieces else None
    return data or _DATA_MEDIA_TYPES.get((media_type or "").partition(";")[0].strip()), compression
