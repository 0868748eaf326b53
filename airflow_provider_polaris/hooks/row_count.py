# SPDX-License-Identifier: Apache-2.0
"""
Run SQL queries that read every row of a table.

Asynchronous SQL reads deep storage, but a project may not have it (docs.imply.io/polaris/query-async). Synchronous SQL
reads precached and real-time data only (docs.imply.io/polaris/api-query). It misses rows that aren't precached, and it
includes streamed rows that no job can read yet. It is used only where neither applies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.query_refusal import QueryRefusal
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisError,
    PolarisGuardError,
    PolarisGuardUnansweredError,
    PolarisThrottledError,
)
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

#: Longest time for one query.
QUERY_LIMIT: Final = timedelta(minutes=10)

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0
#: Seconds before a query is started again that the service had no capacity for, without ``Retry-After``.
_THROTTLED_PAUSE: Final = 15.0
_HELD_BACK: Final = "Rows can't be counted now. This task tries again every %.0f s, for up to %.0f s: %s"
#: Most attempts to start a query with an unknown outcome. A second SELECT costs money but does no harm.
_MOST_STARTS: Final = 3
#: Statuses for a project without asynchronous SQL, or a key without permission for it.
_HAS_NONE: Final = frozenset({400, 403, 404, 405, 501})
#: Query published segments only, as jobs do. This is Druid's default; it is set because results depend on it.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference.
_VIEW_OF_JOBS: Final = {"includeSegmentSource": "NONE"}


@dataclass(frozen=True)
class CountErrorAdvice:
    """
    Texts for errors about row counts.

    :param rows: Which rows are counted.
    :param aftermath: What was not done, as a sentence with a leading space; may be empty.
    :param advice: How to avoid counting, as sentences with a leading space; may be empty.
    """

    rows: str = "the rows that the job would read and replace"
    aftermath: str = " Nothing was submitted."
    advice: str = (
        " If you are sure that the source has all rows, run the task with on_empty_source='submit' and "
        "on_shrink='submit', which turns the counts off (on_shrink='{{ params.on_shrink }}' allows it for one run)."
    )


class _WrongQuery(Exception):  # noqa: N818 (never leaves this module)
    """
    Raised when the service reports a wrong query.

    :param fault: The reason.
    :param error: The error to raise if the user's SQL isn't the cause.
    """

    def __init__(self, fault: QueryRefusal, error: PolarisError) -> None:
        super().__init__()
        self.fault = fault
        self.error = error


class RowCounter:
    """
    Run queries that must read every row that a job can read.

    :param connect: Returns the client.
    :param limits: Time limits.
    :param log: Logger of the task.
    :param purpose: Texts for errors.
    """

    def __init__(
        self,
        connect: Callable[[], IngestionService],
        limits: Deadline,
        log: Any,
        *,
        purpose: CountErrorAdvice = CountErrorAdvice(),
    ) -> None:
        self._connect = connect
        self._purpose = purpose
        self._limits = limits
        self._log = log
        #: Why asynchronous SQL is unavailable; None if it is available.
        self._refusal: PolarisApiError | None = None

    def rows(
        self,
        sql: str,
        table: TableStorage,
        *,
        context: Mapping[str, Any] | None = None,
        as_job: bool,
        words: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Run a SELECT over one table.

        :param sql: Druid SQL.
        :param table: The table that it reads.
        :param context: Query context.
        :param as_job: Exclude rows that a job can't read, such as rows that were just streamed.
        :param words: The user's parts of the SQL, by argument name.
        :return: One dictionary per row.
        :raises PolarisSpecError: The service reports that the user's SQL is wrong; the message names the argument.
        :raises PolarisGuardError: No query can read exactly the required rows.
        :raises PolarisGuardUnansweredError: The query failed or timed out.
        :raises PolarisError: Any error of the client.
        """
        try:
            return self._rows_unless_wrong(sql, table, context, as_job=as_job, words=words or {})
        except (PolarisGuardUnansweredError, PolarisApiError) as error:
            # Druid has no table without segments. Source: druid.apache.org/docs/latest/querying/sql.
            if table.is_empty and not (isinstance(error, PolarisApiError) and error.status != 400):
                self._log.info("Table %r has no data, according to its description.", table.name)
                return []
            raise

    def _rows_unless_wrong(
        self,
        sql: str,
        table: TableStorage,
        context: Mapping[str, Any] | None,
        *,
        as_job: bool,
        words: Mapping[str, str],
    ) -> list[dict[str, Any]]:
        try:
            return self._rows(sql, table, context, as_job=as_job, has_words=bool(words))
        except _WrongQuery as wrong:
            found = wrong
        # Raised outside the handler, so that the error has no context.
        if table.is_empty:
            raise found.error
        if found.fault.is_transient(table):
            raise PolarisGuardUnansweredError(
                "The service couldn't count rows: queries can't read the table or a column yet; the service reports "
                f"{found.fault.reason!r}.{self._purpose.aftermath} A retry counts again."
            )
        raise found.fault.argument_error(words, table, self._purpose.aftermath) or found.error

    def _rows(
        self, sql: str, table: TableStorage, context: Mapping[str, Any] | None, *, as_job: bool, has_words: bool
    ) -> list[dict[str, Any]]:
        if self._refusal is None:
            rows = self._asynchronously(sql, table, context or {}, has_words=has_words)
            if rows is not None:
                return rows
        self._check_all_at_hand(table, as_job=as_job)
        try:
            return self._connect().query(sql, context=context)
        except PolarisApiError as error:
            fault = QueryRefusal.of_refusal(error)
            if not fault.is_of_query:
                raise
            raise _WrongQuery(fault, error) from None

    def _asynchronously(
        self, sql: str, table: TableStorage, context: Mapping[str, Any], *, has_words: bool
    ) -> list[dict[str, Any]] | None:
        client = self._connect()
        try:
            query_id = self._start_as_job(sql, context)
        except PolarisApiError as error:
            if error.status not in _HAS_NONE:
                raise
            fault = QueryRefusal.of_refusal(error)
            # OBSERVED(Druid 27): a query is planned before it is accepted, so a 400 may be about its table.
            if error.status == 400 and fault.is_of_query and (has_words or fault.is_transient(table)):
                raise _WrongQuery(fault, error) from None
            self._refusal = error
            return None
        try:
            self._await(query_id)
        except BaseException:
            self._cancel(query_id)
            raise
        return list(client.iter_query_rows(query_id))

    def _start_as_job(self, sql: str, context: Mapping[str, Any]) -> str:
        try:
            return self._start(sql, {**_VIEW_OF_JOBS, **context})
        except PolarisApiError as error:
            if error.status != 400:
                raise
            query_id = self._start(sql, context)
            self._log.warning(
                "The service rejects %r in the query context, so the count may include rows that no job can read "
                "yet. Its answer: %s",
                "includeSegmentSource",
                error,
            )
            return query_id

    def _start(self, sql: str, context: Mapping[str, Any]) -> str:
        end = self._limits.limit(QUERY_LIMIT)
        lost, told = 0, ""
        while True:
            self._limits.check_alive()
            try:
                return str(self._connect().start_query(sql, context=context)["queryId"])
            except PolarisAmbiguousSubmitError as error:
                lost += 1
                if lost == _MOST_STARTS:
                    raise PolarisGuardUnansweredError(
                        f"The service didn't answer {_MOST_STARTS} requests to count rows.{self._purpose.aftermath} "
                        f"{error.__cause__ or error} A retry counts again."
                    ) from None
            except PolarisThrottledError as error:
                pause = max(error.retry_after or 0.0, _THROTTLED_PAUSE)
                if str(error) != told:
                    told = str(error)
                    self._log.info(_HELD_BACK, pause, QUERY_LIMIT.total_seconds(), error)
                if not self._limits.sleep(pause, end):
                    raise

    def _await(self, query_id: str) -> None:
        end = self._limits.limit(QUERY_LIMIT)
        pause = _FIRST_PAUSE
        while True:
            answer = self._connect().get_query(query_id)
            state = str(answer["state"]).upper()
            if state == "SUCCESS":
                return
            if state == "FAILED":
                fault = QueryRefusal.of_failure(answer)
                said = f": {fault.reason!r}" if fault.reason else ""
                unanswered = PolarisGuardUnansweredError(
                    f"The service couldn't count rows: query {query_id!r} failed{said}.{self._purpose.aftermath} A "
                    "retry counts again."
                )
                raise _WrongQuery(fault, unanswered) if fault.is_of_query else unanswered
            if not self._limits.sleep(pause, end):
                raise PolarisGuardUnansweredError(
                    f"The service couldn't count rows in time: query {query_id!r} is still {state!r} and was "
                    f"canceled.{self._purpose.aftermath} A retry counts again."
                )
            if pause < _LONGEST_PAUSE <= 2 * pause:
                self._log.info("The service is still counting rows (query %r is %r).", query_id, state)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _cancel(self, query_id: str) -> None:
        try:
            self._connect().cancel_query(query_id)
        except PolarisError as error:
            self._log.debug("Query %r may run on: %s", query_id, error)

    def _check_all_at_hand(self, table: TableStorage, *, as_job: bool) -> None:
        if not table.is_wholly_precached:
            raise self._blind(f"table {table.name!r} {table.why_not_precached}")
        if not as_job:
            return
        for row in self._connect().iter_jobs(type=("streaming",), target_table=table.name):
            stream = JobState.from_wire(row)
            if not stream.is_terminal:
                raise self._blind(
                    f"streaming job {stream.job_id!r} writes to table {table.name!r}, so the count would include rows "
                    "that no job can read yet"
                )
        self._check_total(table)

    def _check_total(self, table: TableStorage) -> None:
        """Check the row count against Polaris' own total, which includes published rows only."""
        total = self._connect().get_table(table.name).get("totalRows")
        answer = self._connect().query(f'SELECT COUNT(*) AS "n" FROM {quote_identifier(table.name)}')
        seen = answer[0].get("n") if answer else None
        if isinstance(total, int) and seen != total:
            raise self._blind(
                f"it counts {seen} rows in table {table.name!r}, but jobs can read {total} according to the service"
            )

    def _blind(self, why: str) -> PolarisGuardError:
        return PolarisGuardError(
            f"{self._purpose.rows} can't be counted: asynchronous SQL is unavailable ({self._refusal}), and "
            f"synchronous SQL is not reliable, because {why}.{self._purpose.aftermath} Enable asynchronous SQL for the "
            f"project and the API key, or precache all data of the table.{self._purpose.advice}"
        )
