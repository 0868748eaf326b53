# SPDX-License-Identifier: Apache-2.0
"""
Control an emulator in a test: load data, set faults, and read tables and jobs.

These methods never count as polls of a job: a job that needs two polls needs two polls by the code under test. All
methods but ``load`` and ``report`` first advance due jobs, as every request does. Methods that raise for a mistake in
the test hide their own frame, so that pytest shows the line of the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from pydantic.alias_generators import to_camel

from airflow_provider_polaris.emulator.assumptions import AssumptionError, Assumptions
from airflow_provider_polaris.emulator.data_loading.load import load_file, load_rows
from airflow_provider_polaris.emulator.data_loading.row_files import LoadError
from airflow_provider_polaris.emulator.engine import QueryFailed, SqlInvalid, SqlNotSupported, run_query
from airflow_provider_polaris.emulator.faults.fault import Fault, Freeze
from airflow_provider_polaris.emulator.jobs.job import full
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings, connection_of
from airflow_provider_polaris.emulator.status_machine import Progression, ProgressionError
from airflow_provider_polaris.emulator.testing.report import report
from airflow_provider_polaris.emulator.wire.errors import ApiError
from airflow_provider_polaris.emulator.wire.requests import parse


class PolarisEmulator:
    """
    The value of the pytest fixture ``polaris_emulator``.

    :param running: The running emulator.
    """

    def __init__(self, running: RunningEmulator) -> None:
        self._running = running
        self._emulator = running.emulator
        self._loads: set[str] = set()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``; its pages are under ``/__emulator__/``."""
        return self._running.base_url

    @property
    def connection(self) -> dict[str, Any]:
        """The Airflow connection as a JSON object: ``conn_type``, ``host``, ``password``, ``extra``."""
        return connection_of(self.url, self._running.settings)

    @property
    def connection_json(self) -> str:
        """The connection as JSON text, for an ``AIRFLOW_CONN_...`` variable."""
        return json.dumps(self.connection)

    def load(
        self,
        table: str,
        rows: Iterable[Mapping[str, Any]] | str | PathLike[str],
        *,
        mode: Literal["append", "replace"] = "append",
    ) -> int:
        """
        Load rows into a table; a missing table is created.

        A batch job over an uploaded file loads them. It completes immediately, independent of the progression, and
        stays in the list of jobs.

        :param table: The table; a new table is partitioned by day.
        :param rows: Dictionaries, or the path of a file (JSON lines, CSV, Parquet). The time is in the column
            ``__time`` or ``timestamp``: ISO 8601, a datetime (UTC if it has no zone), or milliseconds since 1970.
        :param mode: ``replace`` removes all rows that the table has.
        :return: Number of stored rows.
        :raises LoadError: A row or the table is invalid; the message states which and why.
        """
        __tracebackhide__ = True
        try:
            if isinstance(rows, (str, PathLike)):
                loaded = load_file(self._emulator, table, Path(rows), mode=mode)
            else:
                loaded = load_rows(self._emulator, table, rows, mode=mode)
        except LoadError as error:
            raise error.with_traceback(None) from None
        self._loads.add(loaded.job_id)
        return loaded.rows

    def query(self, sql: str) -> list[dict[str, Any]]:
        """
        Return the rows of a SELECT as dictionaries; it reads all live rows, cached or not.

        :param sql: Druid SQL; a table name with blanks needs double quotes.
        :raises ValueError: The query is invalid, or the emulator doesn't support it.
        """
        __tracebackhide__ = True
        self._emulator.jobs.advance_due_jobs()
        try:
            result = run_query(sql, self._emulator.tables, self._emulator.store)
        except (QueryFailed, SqlInvalid, SqlNotSupported) as error:
            raise ValueError(f"query {sql!r} can't be answered: {error}") from None
        names = [column.name for column in result.columns]
        return [dict(zip(names, row, strict=True)) for row in result.rows]

    def table(self, name: str) -> dict[str, Any] | None:
        """Return a table in the form of the Tables API (``totalRows``, ``schema`` ...); None if it doesn't exist."""
        self._emulator.jobs.advance_due_jobs()
        try:
            return dict(self._emulator.catalog.payload(name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def jobs(self, table: str | None = None) -> list[dict[str, Any]]:
        """
        Return the jobs in the form of the Jobs API, in the order of their creation.

        :param table: Only jobs that write to this table; None returns all jobs, those of :meth:`load` included.
        """
        self._emulator.jobs.advance_due_jobs()
        return [full(job) for job in self._emulator.jobs.known() if table in (None, job.target_name)]

    def fault(self, effect: str, **fields: Any) -> None:
        """
        Set a fault from now on; see "Faults" in the emulator's documentation.

        ``fault("status", method="POST", path="/jobs$", status=503)`` rejects the next job. ``fault("drop_reply",
        method="POST", path="/jobs$")`` accepts it and drops the reply.

        :param effect: ``status``, ``drop_reply``, ``latency``, ``hide_job`` or ``job_status``.
        :param fields: The fault's fields, in snake case.
        :raises ValueError: A field is unknown, has an invalid value, or is not used by the effect.
        """
        __tracebackhide__ = True
        try:
            fault = parse(Fault, {"effect": effect, **{to_camel(name): value for name, value in fields.items()}})
            fault.check()
            if fault.effect == "job_status":
                self._emulator.jobs.freeze = Freeze(fault.job_status, fault.times)
            else:
                self._emulator.faults.add(fault)
        except ApiError as error:
            raise ValueError(f"fault {effect!r}: {error.message}") from None

    def clear_faults(self) -> None:
        """Remove all faults, and release the jobs that :meth:`hold` stopped."""
        self._emulator.faults.clear()
        self.release()

    def hold(self, status: str = "running") -> None:
        """
        Stop the progress of all unfinished jobs until :meth:`release`.

        :param status: Status that they show, such as ``pending``, ``running`` or ``unknown``.
        """
        __tracebackhide__ = True
        self.fault("job_status", job_status=status, times=None)

    def release(self) -> None:
        """Let held jobs continue."""
        self._emulator.jobs.freeze = None

    def report(self) -> str:
        """
        Return a short report of the newest jobs and the last rejected requests, without advancing time.

        pytest shows it for a failed test.
        """
        return report(self._emulator, self._loads)


def read_settings(*, progression: str = "immediate", assume: Mapping[str, str] | None = None) -> EmulatorSettings:
    """
    Convert the options of a test to settings.

    :param progression: The progression in the form of the command line.
    :param assume: Assumptions and their values.
    :raises ValueError: An option is unknown; the message lists the known ones.
    """
    try:
        return EmulatorSettings(
            progression=Progression.parse(str(progression)), assumptions=Assumptions().changed(assume or {})
        )
    except (AssumptionError, ProgressionError) as error:
        raise ValueError(str(error)) from None
