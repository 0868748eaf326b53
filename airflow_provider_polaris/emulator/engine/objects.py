# SPDX-License-Identifier: Apache-2.0
"""JSON documents and blobs in a database; the base of the store."""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count
from typing import Any, BinaryIO, Final

BLOB_PIECE: Final = 8 * 1024 * 1024
"""Bytes of a blob that are held in memory."""

_BUFFER: Final = 1024 * 1024


class StoredObjects(ABC):
    """Read and write documents and blobs with the statements and transactions of a database."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and fetch its rows."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Run the block as one atomic transaction."""

    def put_document(self, kind: str, key: str, doc: Mapping[str, Any]) -> None:
        """
        Write a JSON document; an existing one keeps its place in the order of :meth:`documents`.

        :param doc: A value that ``json.dumps`` accepts.
        """
        body = _to_json(doc)
        with self.transaction():
            ((updated,),) = self.execute(
                "UPDATE polaris_document SET body = ? WHERE kind = ? AND key = ?", (body, kind, key)
            )
            if not updated:
                self._insert_document(kind, key, body)

    def add_document(self, kind: str, key: str, doc: Mapping[str, Any]) -> None:
        """
        Write a JSON document whose key is new, which the caller knows; :meth:`put_document` finds it out.

        :param doc: A value that ``json.dumps`` accepts.
        """
        self._insert_document(kind, key, _to_json(doc))

    def _insert_document(self, kind: str, key: str, body: str) -> None:
        self.execute("INSERT INTO polaris_document VALUES (?, ?, nextval('polaris_ordinal'), ?)", (kind, key, body))

    def get_document(self, kind: str, key: str) -> dict[str, Any] | None:
        """
        Read one document.

        :return: A new dict, or None if the document doesn't exist.
        """
        rows = self.execute("SELECT body FROM polaris_document WHERE kind = ? AND key = ?", (kind, key))
        return json.loads(rows[0][0]) if rows else None

    def delete_document(self, kind: str, key: str) -> None:
        """Delete a document; no effect if it doesn't exist."""
        self.execute("DELETE FROM polaris_document WHERE kind = ? AND key = ?", (kind, key))

    def documents(self, kind: str) -> list[dict[str, Any]]:
        """
        Read all documents of a kind, in the order in which they were first written.

        :return: New dicts.
        """
        rows = self.execute("SELECT body FROM polaris_document WHERE kind = ? ORDER BY ordinal", (kind,))
        return [json.loads(body) for (body,) in rows]

    def put_blob(self, key: str, content: bytes | BinaryIO) -> None:
        """
        Write a blob and replace an older one with this key; a file is read in pieces.

        :param key: Name of the blob; no other name may begin with it and a slash.
        """
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        with self.transaction():
            self.delete_blob(key)
            data = file.read(BLOB_PIECE)
            if len(data) < BLOB_PIECE:
                self.execute("INSERT INTO polaris_blob VALUES (?, ?)", (key, data))
                return
            for number in count():
                self.execute("INSERT INTO polaris_blob VALUES (?, ?)", (_piece_key(key, number), data))
                data = file.read(BLOB_PIECE)
                if not data:
                    return

    def open_blob(self, key: str) -> io.BufferedReader | None:
        """
        Open a blob; it is read in pieces.

        :return: A file that is valid in the caller's transaction or snapshot; None if the blob doesn't exist.
        """
        whole = self._piece(key)
        if whole is not None:
            return io.BufferedReader(io.BytesIO(whole), _BUFFER)
        first = self._piece(_piece_key(key, 0))
        return None if first is None else io.BufferedReader(_BlobFile(self, key, first), _BUFFER)

    def _piece(self, key: str) -> bytes | None:
        rows = self.execute("SELECT data FROM polaris_blob WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def delete_blob(self, key: str) -> None:
        """Delete a blob; no effect if it doesn't exist."""
        self.execute("DELETE FROM polaris_blob WHERE key = ? OR starts_with(key, ?)", (key, f"{key}/"))


class _BlobFile(io.RawIOBase):
    """The pieces of a blob as one file; one piece is in memory."""

    def __init__(self, store: StoredObjects, key: str, first: bytes) -> None:
        self._store = store
        self._key = key
        self._data = memoryview(first)
        self._number = 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._data:
            self._number += 1
            self._data = memoryview(self._store._piece(_piece_key(self._key, self._number)) or b"")
        length = min(len(buffer), len(self._data))
        buffer[:length] = self._data[:length]
        self._data = self._data[length:]
        self._position += length
        return length

    def tell(self) -> int:
        return self._position


def _to_json(doc: Mapping[str, Any]) -> str:
    return json.dumps(doc, separators=(",", ":"), allow_nan=False)


def _piece_key(key: str, number: int) -> str:
    # A blob of several pieces has no piece under the bare key: an older version must not read its first piece as the
    # blob.
    return f"{key}/{number}"
