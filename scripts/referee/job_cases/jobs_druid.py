# SPDX-License-Identifier: Apache-2.0
"""Run a job on a real Druid 27: as the SQL that the package writes for its spec, by the multi-stage query engine."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from druid_client import PATIENCE, Druid, DruidError, call
from ingestion import replace_all
from jobs_model import JobOutcome, count_rows, live_chunks, milliseconds, read_chunk

from airflow_provider_polaris.jobs.sql.statement import job_statement

#: Context of a job: keep sketches, group whole multi-value strings, and take one slot for the work.
WRITING: Final = {"finalizeAggregations": False, "groupByEnableMultiValueUnnesting": False, "maxNumTasks": 2}

#: The vendor's code for a fault of the engine. Source: docs.imply.io/polaris/ingestion-status-reference and
#: druid.apache.org/docs/latest/multi-stage-query/reference.
CODES: Final = {
    "InsertCannotAllocateSegment": "internal_error",
    "InsertCannotBeEmpty": "no_rows_ingested",
    "InsertTimeNull": "null_timestamp",
    "InsertTimeOutOfBoundsFault": "timestamp_out_of_bounds",
    "QueryNotSupported": "query_not_supported",
    "TooManyBuckets": "too_many_time_buckets",
}
#: Seconds after which a task that runs still is shut down; a controller may lose its worker, and waits forever.
STANDSTILL: Final = 60
ATTEMPTS: Final = 2
#: The engine's code if a worker ended: because of the statement, which then fails again, or of the machine's load.
WORKER_LOST: Final = "WorkerRpcFailed"
_PAUSE: Final = 0.1


class JobsOnDruid:
    """
    Runs jobs on Druid and reads what they leave.

    :param druid: The cluster; it needs the multi-stage query engine.
    """

    def __init__(self, druid: Druid) -> None:
        self._druid = druid
        self._tables: set[str] = set()

    def load(self, table: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """Write a table with segments of a day."""
        data = "\n".join(json.dumps({**row, "ts": row["__time"]}) for row in rows)
        outcome = self._run(table, replace_all(table, {"type": "inline", "data": data}, columns, time="ts"))
        if outcome.error is not None:
            raise DruidError(500, {"errorCode": outcome.error, "errorMessage": outcome.message})

    def run(self, spec: Mapping[str, Any]) -> JobOutcome:
        """Run a job."""
        statement = job_statement(spec)
        assert statement is not None
        return self._run(spec["target"]["tableName"], statement)

    def run_statement(self, table: str, statement: str, context: Mapping[str, Any]) -> JobOutcome:
        """Run an ingestion statement into a table."""
        return self._run(table, statement, {"maxNumTasks": 2, **context})

    def rows(self, sql: str, context: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT on the broker and return one object per row."""
        body = {"query": sql, "resultFormat": "object", "context": dict(context or {})}
        return list(call(f"{self._druid.broker}/druid/v2/sql", body))

    def close(self) -> None:
        """Mark the segments of all tables as unused."""
        for table in sorted(self._tables):
            self._druid.drop(table)

    def _run(self, table: str, statement: str, context: Mapping[str, Any] = WRITING) -> JobOutcome:
        for attempt in range(ATTEMPTS):
            try:
                task = self._start(statement, context)
            except DruidError as error:
                return self._outcome(table, "refused", error.message)
            status = self._wait(task)
            if status == "SUCCESS":
                if self._pushes(task):
                    self._tables.add(table)
                return self._outcome(table, None, "")
            if status == "FAILED":
                error = self._report(task)["status"]["errorReport"]["error"]
                code, message = str(error["errorCode"]), str(error.get("errorMessage", ""))
                if code == WORKER_LOST and attempt + 1 < ATTEMPTS:
                    continue
                return self._outcome(table, CODES.get(code, code), message)
        raise DruidError(504, f"{ATTEMPTS} tasks stood still: {statement}")

    def _start(self, statement: str, context: Mapping[str, Any]) -> str:
        body = {"query": statement, "context": context}
        return str(call(f"{self._druid.broker}/druid/v2/sql/task", body)["taskId"])

    def _wait(self, task: str) -> str:
        """Return how a task ended; a task that stands still is shut down, and has written nothing."""
        url = f"{self._druid.coordinator}/druid/indexer/v1/task/{task}"
        for _ in attempts(STANDSTILL):
            status = str(call(f"{url}/status")["status"]["statusCode"])
            if status != "RUNNING":
                return status
        call(f"{url}/shutdown", {})
        status = str(call(f"{url}/status")["status"]["statusCode"])
        return status if status == "SUCCESS" else "STANDS STILL"

    def _report(self, task: str) -> Mapping[str, Any]:
        for _ in attempts(PATIENCE):
            try:
                report = call(f"{self._druid.coordinator}/druid/indexer/v1/task/{task}/reports")
            except DruidError:
                continue  # the report comes a moment after the status
            payload: Mapping[str, Any] = report["multiStageQuery"]["payload"]
            return payload
        raise DruidError(504, f"task {task} has no report")

    def _pushes(self, task: str) -> bool:
        """Whether a job wrote rows. Without rows it fails, unless it is partitioned by ALL."""
        workers = (worker for stage in self._report(task)["counters"].values() for worker in stage.values())
        return any(worker.get("segmentGenerationProgress", {}).get("rowsPushed") for worker in workers)

    def _outcome(self, table: str, error: str | None, message: str) -> JobOutcome:
        if table not in self._tables:
            return JobOutcome(error, message, Counter(), frozenset())
        self._druid.wait_until_loaded(table)
        segments = self.rows(
            'SELECT "start", "end", "version" FROM sys.segments '
            f"WHERE datasource = '{table}' AND is_published = 1 AND is_overshadowed = 0"
        )
        rows = self._all_rows(table)
        chunks = [(read_chunk(one["start"], one["end"]), one["version"]) for one in segments]
        return JobOutcome(
            error, message, count_rows(rows), live_chunks(chunks, [milliseconds(row["__time"]) for row in rows])
        )

    def _all_rows(self, table: str) -> list[dict[str, Any]]:
        try:
            return self.rows(f'SELECT * FROM "{table}"')
        except DruidError as error:
            if f"Object '{table}' not found" not in error.message:
                raise
            return []  # it has empty chunks only


def attempts(seconds: float) -> Iterator[None]:
    """Yield until the time is up, with a pause after each attempt."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(_PAUSE)
