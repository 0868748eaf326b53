# SPDX-License-Identifier: Apache-2.0
"""The emulator, in this process: its table is created and loaded through its own jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from outcomes import Answer, Outcome, Refusal

from airflow_provider_polaris.emulator.engine import QueryFailed, SqlInvalid, SqlNotSupported, run_query
from airflow_provider_polaris.emulator.queries.result_formats import types_of
from airflow_provider_polaris.emulator.server import RunningEmulator, running_emulator
from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator
from airflow_provider_polaris.emulator.wire.identifiers import user_of_key


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
        emulator = self.running.emulator
        emulator.catalog.create(definition, user_of_key(self.running.settings.api_key))
        PolarisEmulator(self.running).load(table, rows)

    def select(self, sql: str) -> Outcome:
        """Run a SELECT; a refusal is an outcome."""
        emulator = self.running.emulator
        try:
            result = run_query(sql, emulator.tables, emulator.store)
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


@contextmanager
def emulator_side() -> Iterator[EmulatorSide]:
    """Run an emulator in memory until the block ends."""
    with running_emulator() as running:
        yield EmulatorSide(running)
