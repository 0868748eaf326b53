# SPDX-License-Identifier: Apache-2.0
"""Run the checks of a completed job: wait until its rows can be read, query them, and judge the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.count_query import CountQuery
from airflow_provider_polaris.hooks.row_count import CountErrorAdvice, RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo, find_table
from airflow_provider_polaris.jobs.errors import (
    PolarisGuardUnansweredError,
    PolarisJobFailedError,
    with_link,
)
from airflow_provider_polaris.jobs.guards.result_checks import CheckedValue, ResultChecks, WrittenRows
from airflow_provider_polaris.jobs.idempotency.fingerprint import echoed_spec
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.operators.guards.job_guards import AVAILABILITY_LIMIT
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.runtime.waits import Condition

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.status.state import JobState
    from airflow_provider_polaris.operators.job_run.run import JobRun

_RESTORE: Final = (
    "The replaced rows, if there were any, are unused segments now. Polaris keeps them for up to 30 days, Druid until "
    "its clean-up. To restore them, delete the new rows with PolarisDeleteDataOperator and restore the older version "
    "with PolarisRestoreDataOperator: the example restore_interval does both."
)
_APPENDED: Final = (
    "The job has added its rows and replaced none, so there is no older version to restore. Deleting the interval also "
    "deletes the rows that were there before."
)


class CheckRun:
    """
    Runs the checks of one completed job.

    :param run: The job run. It has the job's state and facts, and a fresh memory for the waits.
    """

    def __init__(self, run: JobRun) -> None:
        assert run.state is not None
        assert run.state.target_table is not None
        self._run = run
        self._state = run.state
        written = WrittenRows.of_job(run.state.target_table, run.state.body, echoed_spec(run.state.body))
        self._checks = ResultChecks(written, run.options.checks)
        self._table = written.table
        self._has_rows = bool(run.facts is not None and run.facts["rows_persisted"])

    def run(self, results: list[CheckedValue]) -> None:
        """
        Run the checks.

        :param results: The result of each check is added to this list.
        :raises PolarisJobFailedError: A condition is not true. A retry would raise the same error.
        :raises PolarisSpecError: The service rejects a condition. A retry would raise the same error.
        :raises PolarisGuardError: No query can read exactly the required rows.
        :raises PolarisGuardUnansweredError: The rows could not be read in time; a retry reads them again.
        :raises PolarisJobCanceledError: The task was killed.
        :raises WaitElsewhere: The task is to be deferred. Its next call, with the same memory, continues.
        :raises PolarisError: A request failed.
        """
        limits, name = self._run.limits, f"rows of {self._table}"
        end = limits.limit(AVAILABILITY_LIMIT, name)
        counter = RowCounter(
            self._run.hook.get_client,
            limits,
            self._run.log,
            purpose=CountErrorAdvice(
                rows=f"the rows that job {self._state.job_id!r} wrote",
                aftermath=f" Job {self._state.job_id!r} has completed: its rows are in the table and unchecked.",
                advice="",
            ),
            ask=lambda requests: self._run.hook.ask_together(requests, limits.check_alive),
        )
        while True:
            table = self._find_table()
            if table is not None:
                query = self._query(table)
                (rows,) = counter.start([query])
                try:
                    answer = rows()
                except PolarisGuardUnansweredError:
                    if not query.is_early:
                        raise
                else:
                    return self._judge(answer, results)
            elif not self._has_rows:
                return self._judge([], results)
            if limits.memory.is_new_line(name, "wait"):
                self._run.log.info("Waiting until queries can read what the job wrote to table %r.", self._table)
            until = Condition("table", (self._table,)) if table is None else None
            if not limits.sleep(self._run.options.poll_interval * limits.clock.jitter(), end, until):
                raise PolarisGuardUnansweredError(
                    f"queries still can't read what job {self._state.job_id!r} wrote to table {self._table!r}. The job "
                    "has completed, and its rows are unchecked. Check the table. A retry of this task doesn't submit "
                    "the job again: it only repeats the checks."
                )

    def _find_table(self) -> TableInfo | None:
        """Return the table if its rows can be read."""
        found = find_table(self._run.hook, self._table)
        if found is None or found.storage.availability == "unavailable":
            return None
        return None if self._has_rows and found.storage.is_empty else found

    def _query(self, table: TableInfo) -> CountQuery:
        written = self._checks.written
        # The description may not have the new columns yet.
        storage: TableStorage = replace(table.storage, columns=table.storage.columns | written.columns)
        return CountQuery(self._checks.sql(), storage, written.context, True, self._checks.words)

    def _judge(self, answer: Sequence[Mapping[str, Any]], results: list[CheckedValue]) -> None:
        rows, found = self._checks.read(answer)
        results += found
        unmet = [each for each in found if not each.is_met]
        where = format_intervals(self._checks.written.intervals)
        for each in found:
            verdict = "is met" if each.is_met else "is not met"
            self._run.log.info("Check %r %s: %s. %s", each.name, verdict, each.condition, each.found)
        if not unmet:
            self._run.log.info("All checks of table %r are met in %s (%s rows).", self._table, where, f"{rows:,}")
            return
        raise failed(self._state, unmet, len(found), f"{where} ({rows:,} rows)", self._run.url)


def failed(state: JobState, unmet: list[CheckedValue], total: int, where: str, url: str) -> PolarisJobFailedError:
    """
    Return the error for checks that are not met.

    :param state: The job.
    :param unmet: Their results.
    :param total: Number of all checks.
    :param where: Which rows were checked.
    :param url: Page of the job.
    """
    shown = "; ".join(f"{each.name!r} ({each.condition}): {each.found}" for each in unmet)
    what_now = _RESTORE if state.is_replace else _APPENDED
    return PolarisJobFailedError(
        with_link(
            f"Job {state.job_id!r} completed, but {len(unmet)} of {total} checks of table {state.target_table!r} are "
            f"not met in {where}: {shown}. The rows of the job are in the table, and no asset event was emitted. "
            f"{what_now} If the rows are right, correct the check and mark the task as success; a cleared task submits "
            "the job again.",
            url,
        ),
        job_id=state.job_id,
        state=state.status,
        console_url=url,
    )
