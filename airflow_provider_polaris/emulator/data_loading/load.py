# SPDX-License-Identifier: Apache-2.0
"""
Load rows into a table as a user does: upload a file and run a batch job over it. The job stays in the list of jobs.

The job completes immediately, independent of the progression.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from airflow_provider_polaris.emulator.data_loading import sample_data as koalas
from airflow_provider_polaris.emulator.data_loading.row_files import LoadError, PlacedRow, read_rows
from airflow_provider_polaris.emulator.data_loading.row_types import (
    data_types,
    epoch_milliseconds,
    time_column,
    to_json_line,
)
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.state import Emulator
from airflow_provider_polaris.emulator.wire.errors import ApiError
from airflow_provider_polaris.emulator.wire.identifiers import user_of_key
from airflow_provider_polaris.emulator.wire.requests import JsonBody

Mode = Literal["append", "replace"]


@dataclass(frozen=True)
class Loaded:
    """
    The result of a load.

    :param table: The table.
    :param rows: Number of stored rows.
    :param job_id: The job that loaded them.
    """

    table: str
    rows: int
    job_id: str


def load_file(emulator: Emulator, table: str, path: Path, *, mode: Mode = "append") -> Loaded:
    """
    Load a file.

    :param emulator: The emulator.
    :param table: The table; it is created if it doesn't exist.
    :param path: The file; see :func:`~.row_files.read_rows`.
    :param mode: ``replace`` removes all rows that the table has.
    :raises LoadError: The file can't be read, or the table rejects its rows.
    """
    return _load(emulator, table, list(read_rows(path)), f"file {str(path)!r}", path.name, mode)


def load_rows(emulator: Emulator, table: str, rows: Iterable[Mapping[str, Any]], *, mode: Mode = "append") -> Loaded:
    """
    Load rows.

    :param emulator: The emulator.
    :param table: The table; it is created if it doesn't exist.
    :param rows: Column names and values; one column is ``__time`` or ``timestamp``.
    :param mode: ``replace`` removes all rows that the table has.
    :raises LoadError: A row is not a dictionary, or the table rejects the rows.
    """
    placed: list[PlacedRow] = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise LoadError(
                f"row {number} for table {table!r} is a {type(row).__name__}: pass a dictionary, column names as keys."
            )
        placed.append((f"row {number}", row))
    return _load(emulator, table, placed, f"the data for table {table!r}", _file_name(table), mode)


def load_all(emulator: Emulator, files: Sequence[tuple[str, str]], *, demo: bool) -> Iterator[Loaded]:
    """
    Load the data of the command line and replace the tables' rows, so that every start results in the same tables.

    :param emulator: The emulator.
    :param files: Tables and paths; several files of one table are loaded together.
    :param demo: Whether to load the examples' detail data before the files.
    :return: Each result, as soon as it is loaded.
    :raises LoadError: A file can't be loaded; earlier files stay loaded.
    """
    filled = set()
    if demo:
        yield load_rows(emulator, koalas.TABLE, koalas.events(), mode="replace")
        filled.add(koalas.TABLE)
    for table, path in files:
        yield load_file(emulator, table, Path(path), mode="append" if table in filled else "replace")
        filled.add(table)


def _load(emulator: Emulator, table: str, rows: list[PlacedRow], what: str, name: str, mode: Mode) -> Loaded:
    if not rows:
        raise LoadError(f"{what} holds no rows: there is nothing to load.")
    columns = list(dict.fromkeys(str(column) for _, row in rows for column in row))
    time = time_column(columns, what)
    lines = []
    for place, row in rows:
        instant = epoch_milliseconds(row.get(time))
        if instant is None:
            raise LoadError(
                f"{what}, {place}: column {time!r} is {row.get(time)!r}, which is not a time. Write ISO 8601, such as "
                "'2024-06-01T00:00:00Z', or milliseconds since 1970."
            )
        try:
            lines.append(to_json_line({**row, time: instant}))
        except TypeError as error:
            raise LoadError(f"{what}, {place} can't be loaded: {error}. Omit that column.") from None
    types = {**data_types(rows, columns), time: "long"}
    file = _upload(emulator, name, "".join(lines).encode("utf-8", "surrogatepass"))
    job = _run(emulator, _spec(table, file, types, time, mode), what)
    assert job.totals is not None
    return Loaded(table, int(job.totals["numRowsPersisted"]), job.id)


def _upload(emulator: Emulator, name: str, content: bytes) -> str:
    """Upload lines of JSON and return the file's name; if another file has the name, use a new one."""
    stem = name if name.lower().endswith((".json", ".jsonl", ".ndjson")) else f"{name}.json"
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    user = user_of_key(emulator.settings.api_key)
    for number in count(1):
        name = stem if number == 1 else f"{number}-{stem}"
        known = emulator.file_store.find(name)
        if known is None:
            break
        if known["digest"]["hash"] == digest:
            return name  # uploaded by an earlier start with the same file
    try:
        emulator.file_store.put(name, content, user=user, data_format="nd-json", compression_format="none")
    except ApiError as error:
        raise LoadError(error.message) from None
    return name


def _spec(table: str, file: str, types: Mapping[str, str], time: str, mode: Mode) -> dict[str, Any]:
    return {
        "type": "batch",
        "source": {
            "type": "uploaded",
            "fileList": [file],
            "inputSchema": [{"name": name, "dataType": kind} for name, kind in types.items()],
            "formatSettings": {"format": "nd-json"},
        },
        "target": {"type": "table", "tableName": table},
        "createTableIfNotExists": True,
        "ingestionMode": mode,
        **({"replaceAll": True} if mode == "replace" else {}),
        "maxParseExceptions": 0,
        "mappings": [
            {"columnName": "__time", "expression": f"MILLIS_TO_TIMESTAMP({_quoted(time)})"},
            *({"columnName": name, "expression": _quoted(name)} for name in types if name != time),
        ],
    }


def _run(emulator: Emulator, spec: dict[str, Any], what: str) -> Job:
    digest = hashlib.sha256(json.dumps(spec, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
    try:
        job = emulator.jobs.create(JsonBody(spec, digest), user_of_key(emulator.settings.api_key))
    except ApiError as error:
        raise LoadError(f"{what} can't be loaded: {error.message}") from None
    job = emulator.jobs.finish(job.id)
    if job.status != "completed":
        raise LoadError(f"{what} can't be loaded: job {job.id} {job.status}: {job.health.get('message')}")
    return job


def _file_name(table: str) -> str:
    r"""Return a file name for rows without a file. A table's name may contain ``\``, a file's name may not."""
    return table.replace("\\", "_")[:200] + ".json"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
