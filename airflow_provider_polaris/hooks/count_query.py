# SPDX-License-Identifier: Apache-2.0
"""One count of rows by an asynchronous query: what was asked, what the service answered. Sends nothing itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.query_refusal import QueryRefusal
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisError,
    PolarisGuardUnansweredError,
    PolarisThrottledError,
)
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

#: Most attempts to start a query with an unknown outcome. A second SELECT costs money but does no harm.
_MOST_STARTS: Final = 3
#: Statuses for a project without asynchronous SQL, or a key without permission for it.
_HAS_NONE: Final = frozenset({400, 403, 404, 405, 501})
#: Query published segments only, as jobs do. This is Druid's default; it is set because results depend on it.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference.
_VIEW_OF_JOBS: Final = {"includeSegmentSource": "NONE"}


class WrongQuery(Exception):  # noqa: N818 (never leaves the counter)
    """
    Raised when the service reports a wrong query.

    :param fault: The reason.
    :param error: The error to raise if the user's SQL isn't the cause.
    """

    def __init__(self, fault: QueryRefusal, error: PolarisError) -> None:
        super().__init__()
        self.fault = fault
        self.error = error


@dataclass
class CountQuery:
    """
    A SELECT, and its state. An error is stored, not raised: the caller decides the order of several.

    :param sql: Druid SQL.
    :param table: The table that it reads; of several, the one that errors are judged by.
    :param context: Query context.
    :param as_job: Exclude rows that a job can't read, such as rows that were just streamed.
    :param words: The user's parts of the SQL, by argument name.
    :param other_tables: The other tables that it reads.
    :param parameters: ``{"type": "VARCHAR", "value": "x"}`` for each ``?`` of the SQL.
    """

    sql: str
    table: TableStorage
    context: Mapping[str, Any] = field(default_factory=dict)
    as_job: bool = True
    words: Mapping[str, str] = field(default_factory=dict)
    other_tables: Sequence[TableStorage] = ()
    parameters: Sequence[Mapping[str, Any]] = ()
    #: Id of the query; empty before it was started.
    query_id: str = ""
    #: The last state that the service returned.
    state: str = ""
    #: The answer that the state was read from.
    answer: Mapping[str, Any] = field(default_factory=dict)
    #: The rows; None before they were read.
    rows: list[dict[str, Any]] | None = None
    #: Why there are no rows.
    failure: BaseException | None = None
    #: Why the service has no asynchronous SQL; None if it may have.
    refusal: PolarisApiError | None = None
    #: Whether it failed because queries can't read the table or a column yet.
    is_early: bool = False
    _view_refusal: PolarisApiError | None = None
    _lost: int = 0

    @property
    def digest(self) -> str:
        """A name of the query that a resumed task finds again."""
        text = json.dumps([self.sql, self.context, *self.parameters], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def values(self) -> dict[str, Any]:
        """The argument of the client with the parameters; empty if there are none."""
        return {"parameters": self.parameters} if self.parameters else {}

    @property
    def is_over(self) -> bool:
        """Whether the query needs no further request."""
        return self.rows is not None or self.failure is not None or self.refusal is not None

    @property
    def is_running(self) -> bool:
        """Whether the query was started and its end was not seen."""
        return bool(self.query_id) and not self.is_over and self.state != "SUCCESS"

    def start(self, client: IngestionService) -> dict[str, Any]:
        """Start the query."""
        context = self.context if self._view_refusal is not None else {**_VIEW_OF_JOBS, **self.context}
        return client.start_query(self.sql, context=context, **self.values)

    def look(self, client: IngestionService) -> dict[str, Any]:
        """Request the state of the query."""
        return client.get_query(self.query_id)

    def read(self, client: IngestionService) -> list[dict[str, Any]]:
        """Return the rows of the query, from its state if that contains all of them."""
        # The answer to the start of a query that has ended at once may lack its result.
        state = self.answer if "result" in self.answer else None
        return list(client.iter_query_rows(self.query_id, state=state))

    def cancel(self, client: IngestionService) -> None:
        """Cancel the query."""
        client.cancel_query(self.query_id)

    def take_start(self, answer: Future[Any], aftermath: str, log: Any) -> PolarisThrottledError | None:
        """
        Process the answer to :meth:`start`.

        :param answer: The answer.
        :param aftermath: What was not done, as a sentence with a leading space.
        :param log: Logger of the task.
        :return: The error if the service has no capacity, so that the query must be started later.
        """
        try:
            started = answer.result()
        except PolarisAmbiguousSubmitError as error:
            self._lost += 1
            if self._lost == _MOST_STARTS:
                self.failure = PolarisGuardUnansweredError(
                    f"The service didn't answer {_MOST_STARTS} requests to count rows.{aftermath} "
                    f"{error.__cause__ or error} A retry counts again."
                )
        except PolarisThrottledError as error:
            return error
        except PolarisApiError as error:
            self._take_refusal(error)
        except BaseException as error:
            self.failure = error
        else:
            self._take_state(started)
            self.query_id = str(started["queryId"])
            if self._view_refusal is not None:
                log.warning(
                    "The service rejects %r in the query context, so the count may include rows that no job can read "
                    "yet. Its answer: %s",
                    "includeSegmentSource",
                    self._view_refusal,
                )
        return None

    def take_look(self, answer: Future[Any], aftermath: str) -> None:
        """
        Process the answer to :meth:`look`.

        :param answer: The answer.
        :param aftermath: As in :meth:`take_start`.
        """
        try:
            self._take_state(answer.result())
        except BaseException as error:
            self.failure = error
            return
        if self.state == "FAILED":
            fault = QueryRefusal.of_failure(self.answer)
            said = f": {fault.reason!r}" if fault.reason else ""
            unanswered = PolarisGuardUnansweredError(
                f"The service couldn't count rows: query {self.query_id!r} failed{said}.{aftermath} A retry counts "
                "again."
            )
            self.failure = WrongQuery(fault, unanswered) if fault.is_of_query else unanswered

    def take_rows(self, answer: Future[Any]) -> None:
        """Process the answer to :meth:`read`."""
        try:
            self.rows = answer.result()
        except BaseException as error:
            self.failure = error

    def time_out(self, aftermath: str) -> None:
        """
        Give up, because the limit for one query has passed.

        :param aftermath: As in :meth:`take_start`.
        """
        self.failure = PolarisGuardUnansweredError(
            f"The service couldn't count rows in time: query {self.query_id!r} is still {self.state!r} and was "
            f"canceled.{aftermath} A retry counts again."
        )

    def _take_state(self, answer: Mapping[str, Any]) -> None:
        self.answer, self.state = answer, str(answer.get("state")).upper()

    def _take_refusal(self, error: PolarisApiError) -> None:
        if error.status == 400 and self._view_refusal is None:
            self._view_refusal = error
            return
        if error.status not in _HAS_NONE:
            self.failure = error
            return
        fault = QueryRefusal.of_refusal(error)
        # OBSERVED(Druid 27): a query is planned before it is accepted, so a 400 may be about its table.
        if error.status == 400 and fault.is_of_query and (self.words or fault.is_transient(self.table)):
            self.failure = WrongQuery(fault, error)
        else:
            self.refusal = error


Ask = Callable[[list[Callable[["IngestionService"], Any]]], list[Future[Any]]]
