# SPDX-License-Identifier: Apache-2.0
"""The connection of PEP 249."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_polaris.client.dbapi import errors
from airflow_provider_polaris.client.dbapi.cursor import Cursor

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_polaris.client.result_lines import ResultLines


class QueryService(Protocol):
    """What a connection needs of a client; every client has it."""

    def select(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> ResultLines:
        """
        Run a SELECT and wait for its whole answer. It may not read segments that are in deep storage only.

        :param sql: Druid SQL.
        :param parameters: ``{"type": "VARCHAR", "value": "x"}`` for each ``?``.
        :param context: Query context.
        :raises PolarisTransportError: No complete answer arrived.
        """

    def close(self) -> None:
        """Close all connections. A later request opens new ones."""


class Connection:
    """
    A connection for queries. There are no transactions: a query only reads.

    :param service: The client; used in one thread at a time.
    :param context: Context of all queries.
    :param on_execute: Receives each statement before it is run.
    """

    # The optional extension of PEP 249 for code that doesn't know the module of a connection.
    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    OperationalError = errors.OperationalError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    ProgrammingError = errors.ProgrammingError
    NotSupportedError = errors.NotSupportedError

    def __init__(
        self,
        service: QueryService,
        *,
        context: Mapping[str, Any] | None = None,
        on_execute: Callable[[str], None] | None = None,
    ) -> None:
        self._service = service
        self._context = context
        self._on_execute = on_execute
        self._is_closed = False

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        self.check_open()
        return Cursor(self)

    def commit(self) -> None:
        """Do nothing: there are no transactions."""
        self.check_open()

    def rollback(self) -> None:
        """Do nothing: there are no transactions, and a query changes nothing."""
        self.check_open()

    def close(self) -> None:
        """Close the HTTP connections of the client, which other code may go on using; no effect the second time."""
        if not self._is_closed:
            self._is_closed = True
            self._service.close()

    def run(self, statement: str, parameters: Sequence[Mapping[str, Any]] | None) -> ResultLines:
        """
        Run a statement for a cursor.

        :param statement: One statement.
        :param parameters: In the form of the SQL API.
        """
        if self._on_execute is not None:
            self._on_execute(statement)
        return self._service.select(statement, parameters=parameters, context=self._context)

    def check_open(self) -> None:
        """
        Check that the connection was not closed.

        :raises InterfaceError: It was.
        """
        if self._is_closed:
            raise errors.InterfaceError("the connection is closed.")

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
