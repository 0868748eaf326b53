# SPDX-License-Identifier: Apache-2.0
"""The emulator, in this process: its table is created and loaded through its own jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from outcomes import Answer, Outcome, Refusal

from airflow_provider_polaris.emulator.engine import QueryFailed, SqlInvalid, SqlNotSupported, run_query
from airflow_provider_polaris.emulator.queries.result_formats import types_of
from airflow_provider_polaris.emulator.server import RunningEmulator, running_emulator
from airflow_provider_polaris.emulator.wire.identifiers import user_of_key
from airflow_provider_polaris.emulator.wire.requests import JsonBody


class EmulatorSide:
    """
    A running emulator.

    :param running: The emulator.
    """

    def __init__(self, running: RunningEmulator) -> None:
        self.running = running

    def load(self, table: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """
        Create a table with these columns and load rows into it.

        :param columns: Type of each column other than ``__time``.
        """
        schema = [{"name": name, "dataType": kind} for name, kind in columns.items()]
        definition = {"name": table, "type": "detail", "partitioningGranularity": "all", "schema": schema}
        emulator, user = self.running.emulator, user_of_key(self.running.settings.api_key)
        emulator.catalog.create(definition, user)
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        emulator.file_store.put(f"{table}.json", lines, user=user, data_format="nd-json", compression_format="none")
        job = emulator.jobs.create(JsonBody(_job(table, schema), table), user)
        job = emulator.jobs.finish(job.id)
        assert job.status == "completed", job.health

    def select(self, sql: str) -> Outcome:
        """Run a SELECT; a refusal is an outcome."""
        emulator = self.running.emulator
        try:
            result = run_query(sql, emulator.tables, emulator.store, native=True)
        except SqlInvalid as error:
            return Refusal("INVALID", error.message)
        except SqlNotSupported as error:
            return Refusal("UNSUPPORTED", error.message)
        except QueryFailed as error:
            return Refusal("FAILED", error.message)
        except Exception as error:  # a fault of the emulator, which the referee reports like any other
            return Refusal("CRASHED", repr(error))
        types = tuple(types_of(column.data_type)[0] for column in result.columns)
        return Answer(tuple(column.name for column in result.columns), types, tuple(map(tuple, result.rows)))


def _job(table: str, schema: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Build a job that reads each field as its column's type; a type inferred from lists would be another."""
    names = [column["name"] for column in schema]
    return {
        "type": "batch",
        "source": {
            "type": "uploaded",
            "fileList": [f"{table}.json"],
            "inputSchema": [{"name": "__time", "dataType": "string"}, *schema],
            "formatSettings": {"format": "nd-json"},
        },
        "target": {"type": "table", "tableName": table},
        "ingestionMode": "append",
        "mappings": [
            {"columnName": "__time", "expression": 'TIME_PARSE("__time")'},
            *({"columnName": name, "expression": f'"{name}"'} for name in names),
        ],
    }


@contextmanager
def emulator_side() -> Iterator[EmulatorSide]:
    """Run an emulator in memory until the block ends."""
    with running_emulator() as running:
        yield EmulatorSide(running)
