# SPDX-License-Identifier: Apache-2.0
"""
Read uploaded files as a source: decompress JSON lines and load them into a temporary table with the requested types.

It reads only blobs of the store; the database has no access to the file system.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_polaris.emulator.engine.data_types import stored_as
from airflow_provider_polaris.emulator.engine.jobs.list_fields import ListFields, pointer
from airflow_provider_polaris.emulator.engine.model import FileInput, JobFault
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.sql import Column
from airflow_provider_polaris.emulator.sql.values.json_text import repeats_key
from airflow_provider_polaris.emulator.sql.values.types import canonical
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE, quote_name, quote_text

_PIECE = 8 * 1024 * 1024
"""Bytes per read; a longer line makes a longer piece."""

LONGEST_LINE = 64 * 1024 * 1024
"""Maximum bytes of a line; a longer line fails the job before it is in memory."""

MOST_UNPACKED = 200
"""Maximum ratio of decompressed to compressed size; a file above it fails the job. Generated events had ratios of 8 to
23 (gzip, bzip2), in the most regular case 107 (xz)."""

_UNPACKED_ANYWAY = 64 * 1024 * 1024
"""Decompressed bytes that every file may have, however small its archive is."""

_STAGING = "staged_rows"
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class StagedFiles:
    """
    The result of reading files.

    :param relation_sql: SELECT of the rows, one column for each field of the input schema.
    :param rows: Number of lines read.
    :param skipped: Number of unreadable lines.
    :param size_bytes: Decompressed size in bytes.
    :param multi_value: Names of the string fields that have lists, each with whether one of them has no value.
    """

    relation_sql: str
    rows: int
    skipped: int
    size_bytes: int
    multi_value: Mapping[str, bool]


def stage_files(source: FileInput, store: Store, max_parse_exceptions: int) -> StagedFiles:
    """
    Read files into a temporary table; :func:`discard_staged` or a rollback drops it.

    A line that isn't a JSON object in UTF-8 is a parse exception and is skipped. GUESS: a field that is missing, or
    whose value doesn't fit the type, reads as null, as in Druid's ``EXTERN``; a number with a fraction read as ``long``
    loses the fraction.

    :raises JobFault: ``cannot_parse_source`` for more parse exceptions than allowed, a damaged archive, a missing file
        or a format other than JSON lines; ``column_type_not_supported``; ``invalid_null_byte``.
    """
    _check(source)
    columns = ", ".join(f"{quote_name(c.name)} {stored_as(c.data_type)}" for c in source.input_schema)
    store.execute(f"CREATE TEMP TABLE {_STAGING} ({columns})")
    lists = ListFields(source.input_schema, _STAGING)
    rows = skipped = size = 0
    suspicious = False
    for name in source.names:
        blob = store.open_blob(name)
        if blob is None:
            raise JobFault("cannot_parse_source", f"file {name!r} doesn't exist.")
        for piece in _pieces(name, blob):
            if piece.isspace():
                size += len(piece)
                continue
            text, lines, undecodable = _decode(piece)
            lists.look_for(text, store)
            ((read,),) = store.execute(_insert_sql(lists.columns), (text,))
            size += len(piece)
            rows += read
            skipped += lines - read + undecodable
            suspicious = suspicious or "\\u0000" in text or "\0" in text
            if skipped > max_parse_exceptions:
                raise JobFault(
                    "cannot_parse_source",
                    f"file {name!r} has lines that are not JSON objects: {skipped} so far, and maxParseExceptions "
                    f"allows {max_parse_exceptions}.",
                )
    if suspicious:
        _check_null_bytes(lists.columns, store)
    _check_repeated_keys(source.input_schema, store)
    return StagedFiles(f"SELECT * FROM {_STAGING}", rows, skipped, size, lists.found)


def discard_staged(store: Store) -> None:
    """Drop the temporary table of :func:`stage_files`."""
    store.execute(f"DROP TABLE {_STAGING}")


def _check(source: FileInput) -> None:
    kind = (source.format_settings or {}).get("format", "nd-json")
    if kind != "nd-json":
        raise JobFault("cannot_parse_source", f"format {kind!r} is not supported by the emulator; it reads 'nd-json'.")
    if not source.input_schema:
        raise JobFault("cannot_parse_source", "the input schema is empty: name the fields to read.")
    seen: dict[str, str] = {}
    for column in source.input_schema:
        if column.name.lower() in seen:
            raise JobFault(
                "column_name_restricted",
                f"field {column.name!r} of the input schema differs from {seen[column.name.lower()]!r} only by case.",
            )
        seen[column.name.lower()] = column.name
        if canonical(column.data_type) not in _READERS:
            raise JobFault(
                "column_type_not_supported",
                f"field {column.name!r}: the emulator doesn't read data type {column.data_type!r} from files.",
            )


def _insert_sql(schema: tuple[Column, ...]) -> str:
    pointers = ", ".join(quote_text(pointer(column.name)) for column in schema)
    values = ", ".join(
        _READERS[canonical(column.data_type)].format(
            text=f"fields[{index}]", json=f"json_extract(line, {quote_text(pointer(column.name))})"
        )
        for index, column in enumerate(schema, 1)
    )
    # Each line is parsed once for all plain fields. CASE, because json_type fails on invalid JSON.
    return (
        f"INSERT INTO {_STAGING} SELECT {values} FROM (SELECT line, json_extract_string(line, [{pointers}]) AS fields"
        " FROM (SELECT unnest(string_split(?, chr(10))) AS line)"
        " WHERE CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END)"
    )


_READERS = {
    "string": "{text}",
    # OBSERVED(Druid 27): an empty list and a list of one null are stored as null.
    MULTI_VALUE: "CASE WHEN json_type({json}) = 'ARRAY' THEN CASE WHEN CAST({json} AS VARCHAR) NOT IN ('[]', '[null]')"
    " THEN CAST({json} AS VARCHAR[]) END WHEN {text} IS NOT NULL THEN [{text}] END",
    "long": "CASE WHEN regexp_matches({text}, '^[+-]?[0-9]+$') THEN TRY_CAST({text} AS BIGINT)"
    " ELSE TRY_CAST(trunc(TRY_CAST({text} AS DOUBLE)) AS BIGINT) END",
    "double": "TRY_CAST({text} AS DOUBLE)",
    "float": "TRY_CAST({text} AS FLOAT)",
    # OBSERVED(Druid 33): a field with the value null is a missing one.
    "json": "CASE WHEN json_type({json}) <> 'NULL' THEN {json} END",
    "stringArray": "TRY_CAST({json} AS VARCHAR[])",
    "longArray": "TRY_CAST({json} AS BIGINT[])",
    "doubleArray": "TRY_CAST({json} AS DOUBLE[])",
    "floatArray": "TRY_CAST({json} AS FLOAT[])",
    # GUESS: ISO 8601, or milliseconds since 1970 as a number.
    "timestamp": "date_trunc('millisecond', coalesce(CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP),"
    " make_timestamp_ms(TRY_CAST({text} AS BIGINT))))",
}


def _pieces(name: str, blob: io.BufferedReader) -> Iterator[bytes]:
    """
    Yield decompressed pieces that end at line ends, so that a large file is never completely in memory.

    GUESS: Polaris' limits for the length of a line and for the decompressed size of a file are not documented.
    """
    pending: list[bytes] = []  # the start of a line whose end has not been read yet
    held = unpacked = 0
    try:
        with _open(blob) as stream:
            while data := stream.read(_PIECE):
                if not unpacked:
                    data = data.removeprefix(_UTF8_BOM)
                unpacked += len(data)
                if unpacked > max(_UNPACKED_ANYWAY, MOST_UNPACKED * blob.tell()):
                    raise JobFault(
                        "cannot_parse_source", f"file {name!r} unpacks to more than {MOST_UNPACKED} times its size."
                    )
                head, newline, tail = data.rpartition(b"\n")
                if newline:
                    yield b"".join([*pending, head, newline])
                    pending, held = [tail], len(tail)
                else:
                    pending.append(data)
                    held += len(data)
                if held > LONGEST_LINE:
                    raise JobFault(
                        "cannot_parse_source", f"file {name!r} has a line of more than {LONGEST_LINE} bytes."
                    )
    except (EOFError, OSError, lzma.LZMAError, ValueError) as error:
        raise JobFault("cannot_parse_source", f"file {name!r} can't be decompressed: {str(error)!r}.") from error
    if any(pending):
        yield b"".join(pending)


def _open(blob: io.BufferedReader) -> io.BufferedIOBase:
    head = blob.peek()
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=blob)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(blob)
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(blob)
    return blob


def _decode(piece: bytes) -> tuple[str, int, int]:
    """
    Decode a piece and count its lines.

    :return: The text, the number of nonblank lines, and the number of further lines that are not UTF-8 and are skipped.
    """
    try:
        text, undecodable = piece.decode(), 0
    except UnicodeDecodeError:
        good = []
        undecodable = 0
        for line in piece.split(b"\n"):
            try:
                good.append(line.decode())
            except UnicodeDecodeError:
                undecodable += 1
        text = "\n".join(good)
    return text, sum(1 for line in text.split("\n") if line and not line.isspace()), undecodable


def _check_repeated_keys(schema: tuple[Column, ...], store: Store) -> None:
    """Refuse objects that have a key twice: DuckDB reads the first value, Druid the last one. OBSERVED(Druid 33)."""
    for column in schema:
        name = quote_name(column.name)
        if canonical(column.data_type) == "json" and store.execute(
            f"SELECT 1 FROM {_STAGING} WHERE {name} IS NOT NULL AND {repeats_key(name)} LIMIT 1"
        ):
            raise JobFault(
                "cannot_parse_source",
                f"field {column.name!r} holds an object that has a key twice, which the emulator doesn't read.",
            )


def _check_null_bytes(schema: tuple[Column, ...], store: Store) -> None:
    """DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: a null byte in a string fails the job."""
    for column in schema:
        kind, text = canonical(column.data_type), quote_name(column.name)
        if kind == MULTI_VALUE:
            text = f"array_to_string({text}, '')"
        if kind in ("string", MULTI_VALUE) and store.execute(
            f"SELECT 1 FROM {_STAGING} WHERE contains({text}, chr(0)) LIMIT 1"
        ):
            raise JobFault("invalid_null_byte", f"field {column.name!r} holds a null byte, which strings can't have.")
