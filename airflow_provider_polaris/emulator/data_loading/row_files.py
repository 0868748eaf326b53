# SPDX-License-Identifier: Apache-2.0
"""
Read files with rows: JSON lines, CSV, TSV and Parquet; the text formats may be compressed.

A file with an unreadable line is rejected with file, line and fix; nothing is skipped. The whole file is in memory.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import duckdb

from airflow_provider_polaris.emulator.engine.storage import NO_EXTENSIONS

#: The position of a row for messages (``line 3``), and the row.
PlacedRow = tuple[str, Mapping[str, Any]]

_JSON: Final = ("json", "jsonl", "ndjson")
_DELIMITERS: Final[Mapping[str, str]] = {"csv": ",", "tsv": "\t"}
_PACKERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gz": gzip.decompress,
    "bz2": bz2.decompress,
    "xz": lzma.decompress,
}
# A field with leading zeros is text, for example a postal code.
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


class LoadError(Exception):
    """Raised if rows can't be loaded; the message states what failed, where, why and how to fix it."""


def read_rows(path: Path) -> Iterator[PlacedRow]:
    """
    Read the rows of a file; its suffix determines the format.

    ``.json``, ``.jsonl``, ``.ndjson``: one object per line. ``.csv``, ``.tsv``: the first line names the columns; if
    all fields of a column are numbers, they are read as numbers; an empty field is null. ``.parquet``: its own types.
    All but ``.parquet`` may also end in ``.gz``, ``.bz2`` or ``.xz``.

    :param path: The file.
    :return: The position of each row, and the row.
    :raises LoadError: The file can't be read, or has another format.
    """
    pieces = path.name.lower().split(".")[1:]
    unpack = _PACKERS[pieces.pop()] if pieces and pieces[-1] in _PACKERS else bytes
    kind = pieces[-1] if pieces else ""
    if kind not in (*_JSON, *_DELIMITERS, "parquet") or (kind == "parquet" and unpack is not bytes):
        raise LoadError(
            f"file {str(path)!r} has a name without a known suffix: give it one that ends in .json (one object "
            "per line), .csv or .tsv, each also with .gz, .bz2 or .xz, or in .parquet."
        )
    content = _content(path, unpack)
    if kind == "parquet":
        return _parquet(path)
    text = _text(path, content)
    return _json_lines(path, text) if kind in _JSON else _separated(path, text, _DELIMITERS[kind])


def _content(path: Path, unpack: Callable[[bytes], bytes]) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LoadError(f"file {str(path)!r} can't be read: {error.strerror}. Check the path.") from None
    try:
        return unpack(content)
    except (EOFError, OSError, lzma.LZMAError) as error:
        raise LoadError(
            f"file {str(path)!r} can't be decompressed: {str(error)!r}. Check that it is complete and that its "
            "suffix matches its compression."
        ) from None


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(path, line, "is not UTF-8. Convert the file, for example with iconv.")


def _json_lines(path: Path, text: str) -> Iterator[PlacedRow]:
    for number, line in enumerate(text.split("\n"), 1):  # splitlines() would split at U+2028, too
        if not line or line.isspace():
            continue
        if line.lstrip().startswith("[") and number == 1:
            _refuse(path, number, f"is an array, not an object. Write one object per line: jq -c '.[]' {path.name}")
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            _refuse(path, number, f"is not JSON: {error.msg} at column {error.colno}. Write one object per line.")
        if not isinstance(row, dict):
            _refuse(path, number, f"is {line.strip()[:50]!r}, not an object. Write one object per line.")
        yield f"line {number}", row


def _separated(path: Path, text: str, delimiter: str) -> Iterator[PlacedRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    begin = 1
    try:
        for fields in reader:
            if fields:  # a blank line has no fields
                rows.append((begin, fields))
            begin = reader.line_num + 1
    except csv.Error as error:
        _refuse(path, begin, f"can't be read: {error}. Check its quotes.")
    if not rows:
        return iter(())
    (first, names), *lines = rows
    for name in names:
        if not name.strip() or names.count(name) > 1:
            _refuse(
                path,
                first,
                f"names column {name!r}, but each column needs a unique, nonempty name. "
                "The first line holds the names.",
            )
    for number, fields in lines:
        if len(fields) != len(names):
            _refuse(
                path,
                number,
                f"has {len(fields)} fields, but the first line has {len(names)}. "
                f"Put quotes around a field that holds {delimiter!r}.",
            )
    columns = [_typed([fields[index] for _, fields in lines]) for index in range(len(names))]
    return (
        (f"line {number}", dict(zip(names, values, strict=True)))
        for (number, _), values in zip(lines, zip(*columns, strict=True), strict=True)
    )


def _typed(texts: Sequence[str]) -> Sequence[Any]:
    """Convert a column of texts to numbers if all of them are numbers; empty texts become null."""
    filled = [text for text in texts if text]
    read: Callable[[str], Any] = str
    if all(_WHOLE.fullmatch(text) for text in filled):
        read = int
    elif all(_NUMBER.fullmatch(text) for text in filled):
        read = float
    return [read(text) if text else None for text in texts]


def _parquet(path: Path) -> Iterator[PlacedRow]:
    with duckdb.connect(config=NO_EXTENSIONS) as database:
        try:
            # Instants are read as UTC without a zone. DuckDB would return this machine's zone, and needs pytz for that.
            described = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            zoned = [name for name, kind, *_ in described if kind == "TIMESTAMP WITH TIME ZONE"]
            replaced = ", ".join(f"make_timestamp(epoch_us({_quoted(name)})) AS {_quoted(name)}" for name in zoned)
            columns = f"* REPLACE ({replaced})" if zoned else "*"
            rows = database.execute(f"SELECT {columns} FROM read_parquet(?)", [str(path)]).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise LoadError(
                f"file {str(path)!r} can't be read as Parquet: {reason!r}. Check that it is complete."
            ) from None
    names = [name for name, *_ in described]
    return ((f"row {number}", dict(zip(names, row, strict=True))) for number, row in enumerate(rows, 1))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _refuse(path: Path, line: int, why: str) -> NoReturn:
    raise LoadError(f"file {str(path)!r}, line {line} {why}")
