# SPDX-License-Identifier: Apache-2.0
"""Run a job on the emulator: as its spec, by the package's own client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jobs_model import JobOutcome, count_rows, live_chunks, milliseconds, read_chunk

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator
from airflow_provider_polaris.jobs.errors import PolarisApiError


class JobsOnEmulator:
    """
    Runs jobs on the emulator and reads what they leave.

    :param running: The emulator.
    """

    def __init__(self, running: RunningEmulator) -> None:
        self._fixture = PolarisEmulator(running)
        self._tables = running.emulator.tables
        settings = running.settings
        self.client = PolarisClient(
            ClientSettings(base_url=running.base_url, project_id=settings.project_id, api_key=settings.api_key)
        )

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write a table with segments of a day."""
        self._fixture.load(table, rows)

    def run(self, spec: Mapping[str, Any]) -> JobOutcome:
        """Run a job."""
        table = spec["target"]["tableName"]
        try:
            sent = {key: value for key, value in spec.items() if key != "target"} if spec["type"] == "sql" else spec
            job = self.client.get_job(self.client.create_job(sent)["id"])
        except PolarisApiError as error:
            return self._outcome(table, "refused", error.vendor_message or str(error))
        health = job["health"]
        failed = job["executionStatus"] == "failed"
        return self._outcome(table, health["code"] if failed else None, health.get("message") or "")

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _outcome(self, table: str, error: str | None, message: str) -> JobOutcome:
        if self._fixture.table(table) is None:
            return JobOutcome(error, message, Counter(), frozenset())
        rows = self._fixture.query(f'SELECT * FROM "{table}"')
        chunks = [
            (read_chunk(*(bound.replace(tzinfo=None).isoformat() for bound in one.interval)), one.version)
            for one in self._tables.used_segments(table)
        ]
        return JobOutcome(
            error, message, count_rows(rows), live_chunks(chunks, [milliseconds(row["__time"]) for row in rows])
        )
