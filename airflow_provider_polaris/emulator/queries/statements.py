# SPDX-License-Identifier: Apache-2.0
"""Run synchronous queries, and asynchronous statements with pages of results."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from airflow_provider_polaris.emulator.engine import (
    Column,
    QueryFailed,
    QueryResult,
    SqlInvalid,
    SqlNotSupported,
    Store,
    TableDef,
    Tables,
    plan_query,
    run_query,
)
from airflow_provider_polaris.emulator.queries.result_formats import has_array_text, in_milliseconds, to_json, types_of
from airflow_provider_polaris.emulator.status_machine import Progression
from airflow_provider_polaris.emulator.wire.errors import (
    ApiError,
    not_implemented,
    refused_statement,
    sql_error,
    sql_error_body,
)
from airflow_provider_polaris.emulator.wire.identifiers import NANOSECONDS, Clock, rfc3339
from airflow_provider_polaris.emulator.wire.models import Sql

Seen = Callable[[TableDef], str]

_KIND, _PAGE_KIND = "query", "query_page"
_SAMPLE_ROWS: Final = 100  # GUESS: the number of sample records in a status is not documented
_INGESTION: Final = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*(INSERT|REPLACE)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """
    An asynchronous query.

    :param state: ``ACCEPTED``, ``RUNNING``, ``SUCCESS`` or ``FAILED``; ``pages`` has rows and bytes of each page.
    """

    id: str
    sql: str
    parameters: tuple[Mapping[str, Any], ...]
    created: int
    state: str = "ACCEPTED"
    finished: int | None = None
    error: Mapping[str, Any] | None = None
    columns: tuple[tuple[str, str], ...] = ()
    pages: tuple[tuple[int, int], ...] = ()
    sample: tuple[Sequence[Any], ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the query has ended."""
        return self.state in {"SUCCESS", "FAILED"}


class Queries:
    """
    Runs queries and stores asynchronous statements with their results.

    :param store: The database.
    :param tables: The engine's tables.
    :param progression: How time advances for asynchronous statements; the same as for jobs.
    :param clock: The time.
    :param page_rows: Rows per page of results.
    :param seen_by_sync: Returns the condition for the segments that a synchronous query reads.
    :param seen_by_async: The same for asynchronous statements.
    """

    def __init__(
        self,
        store: Store,
        tables: Tables,
        progression: Progression,
        clock: Clock,
        page_rows: int,
        *,
        seen_by_sync: Seen,
        seen_by_async: Seen,
    ) -> None:
        self._store = store
        self._tables = tables
        self._progression = progression
        self._clock = clock
        self._page_rows = page_rows
        self._seen_by_sync = seen_by_sync
        self._seen_by_async = seen_by_async
        self._lock = threading.RLock()
        self._polls: dict[str, int] = {}

    def run(self, request: Sql) -> QueryResult:
        """
        Run a query now, as Druid's native engine does; asynchronous queries run in the multi-stage engine.

        :param request: The query.
        :return: Its rows.
        :raises ApiError: 400 in the format of SQL errors.
        """
        if _INGESTION.match(request.query):
            # DOCUMENTED https://docs.imply.io/polaris/api-query: this endpoint accepts only SELECT
            raise sql_error(400, "INSERT and REPLACE are not supported by this endpoint.")
        array_text = has_array_text(request)
        try:
            return self._execute(
                request.query, _parameters(request), self._seen_by_sync, native=True, array_text=array_text
            )
        except _QueryError as error:
            raise ApiError(400, str(error.body["errorMessage"]), body=error.body) from None

    def start(self, request: Sql) -> dict[str, Any]:
        """
        Accept an asynchronous query.

        OBSERVED(Druid 27): the query is planned before it is accepted, so that a wrong one never starts.

        :param request: The query.
        :return: Its status, ``ACCEPTED``.
        :raises ApiError: 501 for INSERT and REPLACE and for arrays as lists, 400 for a query that can't be planned.
        """
        if _INGESTION.match(request.query):
            raise not_implemented("INSERT and REPLACE in asynchronous queries", "query")
        if not has_array_text(request):
            raise not_implemented("sqlStringifyArrays in the context of asynchronous queries", "context")
        statement = Statement(
            id=f"query-{uuid.uuid4()}", sql=request.query, parameters=_parameters(request), created=self._clock()
        )
        try:
            with _errors_as_bodies():
                plan_query(statement.sql, self._tables, self._store, statement.parameters, self._seen_by_async)
        except _QueryError as error:
            body = refused_statement(error.body, statement.id)
            raise ApiError(400, str(error.body["errorMessage"]), body=body) from None
        self._keep(statement)
        return self._status(statement)

    def status(self, query_id: str, *, polls: bool = True) -> dict[str, Any]:
        """
        Return the status of an asynchronous query; each call counts as a poll.

        :raises ApiError: 404.
        """
        with self._lock:
            statement = self._refreshed(query_id)
            if polls and not statement.is_over:
                self._polls[query_id] = self._polls.get(query_id, 0) + 1
            return self._status(statement)

    def results(self, query_id: str, page: int | None) -> QueryResult:
        """
        Return results of an asynchronous query.

        DOCUMENTED https://druid.apache.org/docs/latest/api-reference/sql-api: 400 while the query is active, 404 if it
        failed.

        :param page: Number of the page; None returns all rows.
        :raises ApiError: 404, 400.
        """
        with self._lock:
            statement = self._refreshed(query_id)
            if statement.state == "FAILED":
                raise sql_error(404, f"Query [{query_id}] failed. Check the status api for more details.")
            if not statement.is_over:
                raise sql_error(
                    400, f"Query[{query_id}] is currently in [{statement.state}] state. Please wait for it to complete."
                )
            if page is not None and not 0 <= page < len(statement.pages):
                raise sql_error(400, f"Page number [{page}] is out of the range of results.")
            numbers = range(len(statement.pages)) if page is None else (page,)
            rows: list[tuple[Any, ...]] = []
            for number in numbers:
                document = self._store.get_document(_PAGE_KIND, f"{query_id}/{number}") or {"rows": []}
                rows.extend(tuple(row) for row in document["rows"])
        return QueryResult(tuple(Column(name, kind) for name, kind in statement.columns), rows)

    def cancel(self, query_id: str) -> bool:
        """
        Cancel an asynchronous query.

        OBSERVED(Druid 27): the state of a canceled query is ``FAILED``; polaris-sdk 20250425.14.0 has no other.

        :return: Whether the query was active.
        :raises ApiError: 404.
        """
        with self._lock:
            statement = self._get(query_id)
            if statement.is_over:
                return False
            error = sql_error_body("The query was canceled.", category="CANCELED", code="general")
            self._keep(replace(statement, state="FAILED", finished=self._clock(), error=error))
            return True

    def _execute(self, sql: str, parameters: Sequence[Mapping[str, Any]], seen: Seen, **options: bool) -> QueryResult:
        with _errors_as_bodies():
            return run_query(sql, self._tables, self._store, parameters, seen=seen, **options)

    def _refreshed(self, query_id: str) -> Statement:
        statement = self._get(query_id)
        if statement.is_over:
            return statement
        now = self._clock()
        fraction = self._progression.fraction(
            polls=self._polls.get(query_id, 0) + 1, elapsed=(now - statement.created) / NANOSECONDS
        )
        if fraction < 1:
            return replace(statement, state="RUNNING" if self._progression.has_started(fraction) else "ACCEPTED")
        try:
            result = in_milliseconds(self._execute(statement.sql, statement.parameters, self._seen_by_async))
        except _QueryError as error:
            return self._keep(replace(statement, state="FAILED", finished=now, error=error.body))
        pages = [result.rows[i : i + self._page_rows] for i in range(0, len(result.rows), self._page_rows)]
        done = replace(
            statement,
            state="SUCCESS",
            finished=now,
            columns=tuple((column.name, column.data_type) for column in result.columns),
            pages=tuple((len(page), len(to_json(page).encode())) for page in pages),
            sample=tuple(result.rows[:_SAMPLE_ROWS]),
        )
        with self._store.transaction():
            for number, page in enumerate(pages):
                self._store.put_document(_PAGE_KIND, f"{query_id}/{number}", {"rows": page})
            return self._keep(done)

    def _status(self, statement: Statement) -> dict[str, Any]:
        """DOCUMENTED polaris-sdk 20250425.14.0, SqlStatus; ``errorDetails`` is Druid's."""
        body: dict[str, Any] = {
            "queryId": statement.id,
            "state": statement.state,
            "createdAt": rfc3339(statement.created),
        }
        if statement.finished is not None:
            body["durationMs"] = (statement.finished - statement.created) // 1_000_000
        if statement.state == "SUCCESS":
            body["schema"] = [
                {"name": name, "type": types_of(kind)[1], "nativeType": types_of(kind)[0]}
                for name, kind in statement.columns
            ]
            body["result"] = {
                "numTotalRows": sum(rows for rows, _ in statement.pages),
                "totalSizeInBytes": sum(size for _, size in statement.pages),
                "dataSource": "__query_select",
                "sampleRecords": [list(row) for row in statement.sample],
                "pages": [
                    {"id": number, "numRows": rows, "sizeInBytes": size}
                    for number, (rows, size) in enumerate(statement.pages)
                ],
            }
        if statement.error is not None:
            body["errorDetails"] = dict(statement.error)
        return body

    def _get(self, query_id: str) -> Statement:
        document = self._store.get_document(_KIND, query_id)
        if document is None:
            raise sql_error(
                404, f"Query [{query_id}] was not found. The query details are no longer present or invalid."
            )
        lists = {key: tuple(document[key]) for key in ("parameters", "pages", "sample")}
        columns = tuple((name, kind) for name, kind in document["columns"])
        return Statement(**{**document, **lists, "columns": columns})

    def _keep(self, statement: Statement) -> Statement:
        self._store.put_document(_KIND, statement.id, asdict(statement))
        return statement


class _QueryError(Exception):
    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(body["errorMessage"])
        self.body = body


@contextmanager
def _errors_as_bodies() -> Iterator[None]:
    try:
        yield
    except SqlInvalid as error:
        raise _QueryError(sql_error_body(error.message)) from None
    except SqlNotSupported as error:
        body = sql_error_body(error.message, category="UNSUPPORTED", code="general", persona="USER")
        raise _QueryError(body) from None
    except QueryFailed as error:
        raise _QueryError(sql_error_body(error.message, category="RUNTIME_FAILURE", code="general")) from None


def _parameters(request: Sql) -> tuple[Mapping[str, Any], ...]:
    return tuple({"type": one.type, "value": one.value} for one in request.parameters or ())
