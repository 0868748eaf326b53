# SPDX-License-Identifier: Apache-2.0
"""
Run SQL queries that read every row of a table.

Asynchronous SQL reads deep storage, but a project may not have it (docs.imply.io/polaris/query-async). Synchronous SQL
reads precached and real-time data only (docs.imply.io/polaris/api-query). It misses rows that aren't precached, and it
includes streamed rows that no job can read yet. It is used only where neither applies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.count_query import Ask, CountQuery, WrongQuery
from airflow_provider_polaris.hooks.query_refusal import QueryRefusal
from airflow_provider_polaris.hooks.running_counts import FIRST_PAUSE, RunningCounts
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisGuardError,
    PolarisGuardUnansweredError,
)
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService


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


class RowCounter:
    """
    Run queries that must read every row that a job can read.

    :param connect: Returns the client.
    :param limits: Time limits.
    :param log: Logger of the task.
    :param purpose: Texts for errors.
    :param ask: Sends several requests at once; None sends one after the other with the client.
    :param first_look: Seconds from the start of a query to the first look at it.
    """

    def __init__(
        self,
        connect: Callable[[], IngestionService],
        limits: Deadline,
        log: Any,
        *,
        purpose: CountErrorAdvice = CountErrorAdvice(),
        ask: Ask | None = None,
        first_look: float = FIRST_PAUSE,
    ) -> None:
        self._connect = connect
        self._purpose = purpose
        self._limits = limits
        self._log = log
        self._ask = ask or self._ask_in_turn
        self._first_look = first_look
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
        (rows,) = self.start([CountQuery(sql, table, context or {}, as_job, words or {})])
        return rows()

    def start(self, queries: Sequence[CountQuery]) -> list[Callable[[], list[dict[str, Any]]]]:
        """
        Run several queries at once, and wait for them.

        :param queries: The queries, in the order in which their rows are read.
        :return: One function for each query, which returns its rows or raises its error; see :meth:`rows`. An error of
            one query means that the later ones may have no result. Without asynchronous SQL, it runs the query now.
        :raises PolarisJobCanceledError: The task was killed. The queries are canceled.
        """
        if queries and self._refusal is None:
            RunningCounts(
                queries,
                self._ask,
                self._limits,
                self._log,
                aftermath=self._purpose.aftermath,
                first_look=self._first_look,
            ).run()
            self._refusal = next((query.refusal for query in queries if query.refusal is not None), None)
        return [lambda query=query: self._rows_of(query) for query in queries]  # type: ignore[misc]

    def _ask_in_turn(self, requests: Sequence[Callable[[IngestionService], Any]]) -> list[Future[Any]]:
        answers = []
        for request in requests:
            answer: Future[Any] = Future()
            try:
                answer.set_result(request(self._connect()))
            except Exception as error:
                answer.set_exception(error)
            answers.append(answer)
        return answers

    def _rows_of(self, query: CountQuery) -> list[dict[str, Any]]:
        table = query.table
        try:
            return self._rows_unless_wrong(query)
        except (PolarisGuardUnansweredError, PolarisApiError) as error:
            # Druid has no table without segments. Source: druid.apache.org/docs/latest/querying/sql.
            if table.is_empty and not (isinstance(error, PolarisApiError) and error.status != 400):
                self._log.info("Table %r has no data, according to its description.", table.name)
                return []
            raise

    def _rows_unless_wrong(self, query: CountQuery) -> list[dict[str, Any]]:
        table = query.table
        try:
            if query.failure is not None:
                raise query.failure
            return self._synchronously(query) if query.rows is None else query.rows
        except WrongQuery as wrong:
            found = wrong
        # Raised outside the handler, so that the error has no context.
        if table.is_empty:
            raise found.error
        if found.fault.is_transient(table):
            query.is_early = True
            raise PolarisGuardUnansweredError(
                "The service couldn't count rows: queries can't read the table or a column yet; the service reports "
                f"{found.fault.reason!r}.{self._purpose.aftermath} A retry counts again."
            )
        raise found.fault.argument_error(query.words, table, self._purpose.aftermath) or found.error

    def _synchronously(self, query: CountQuery) -> list[dict[str, Any]]:
        for table in (query.table, *query.other_tables):
            self._check_all_at_hand(table, as_job=query.as_job)
        try:
            return self._connect().query(query.sql, context=query.context, **query.values)
        except PolarisApiError as error:
            fault = QueryRefusal.of_refusal(error)
            if not fault.is_of_query:
                raise
            raise WrongQuery(fault, error) from None

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
