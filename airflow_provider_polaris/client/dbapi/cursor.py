# SPDX-License-Identifier: Apache-2.0
"""The cursor of PEP 249."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_polaris.client.dbapi.errors import (
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
    translated,
)
from airflow_provider_polaris.client.dbapi.parameters import wire_parameters
from airflow_provider_polaris.client.dbapi.types import row_reader
from airflow_provider_polaris.jobs.sql.queries import count_placeholders, split_statements

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_polaris.client.result_lines import ResultLines

_WRITES: Final = ("INSERT", "REPLACE")


class QueryRunner(Protocol):
    """What a cursor needs of its connection."""

    def run(self, statement: str, parameters: Sequence[Mapping[str, Any]] | None) -> ResultLines:
        """Run a statement."""

    def check_open(self) -> None:
        """Raise ``InterfaceError`` if the connection was closed."""


class Cursor:
    """
    Run queries and fetch their rows.

    :meth:`execute` returns when the whole answer has arrived, which may have 256 MiB. Rows are parsed as they are
    fetched.

    :param connection: Runs the queries.
    """

    def __init__(self, connection: QueryRunner) -> None:
        self.connection = connection
        #: Number of rows that :meth:`fetchmany` returns by default.
        self.arraysize = 1
        #: For each column of the result its name, its SQL type and five None; None before a query.
        self.description: tuple[tuple[Any, ...], ...] | None = None
        #: Number of rows of the result; -1 before a query.
        self.rowcount = -1
        self._rows: Iterator[tuple[Any, ...]] | None = None
        self._is_closed = False

    def execute(self, operation: str, parameters: Any = None) -> None:
        """
        Run a SELECT. Transient failures are retried, as in every request that reads.

        :param operation: One statement of Druid SQL, with ``?`` for each parameter. One ``;`` may end it.
        :param parameters: A list or tuple of values: None, str, bool, int, float, Decimal, aware datetime or date. The
            service receives them beside the SQL.
        :raises ProgrammingError: The service rejects the query, or the number of parameters doesn't fit it.
        :raises DataError: A value can't be a parameter.
        :raises NotSupportedError: The statement writes rows.
        :raises OperationalError: The service didn't answer, or with an error that the query hasn't caused.
        """
        self._check_open()
        self.description, self.rowcount, self._rows = None, -1, None
        statement = _one_statement(operation)
        values = None
        if parameters:
            values = wire_parameters(parameters)
            # Druid ignores parameters without a ?, for example if the mark is in quotes.
            found = count_placeholders(statement)
            if found is not None and found != len(values):
                raise ProgrammingError(
                    f"the statement has {found} ? outside of quotes, but there are {len(values)} parameters. Write an "
                    "unquoted ? for each of them."
                )
        with translated():
            result = self.connection.run(statement, values)
        self.description = tuple((column.name, column.sql_type, *[None] * 5) for column in result.columns)
        self.rowcount = result.row_count
        self._rows = map(row_reader(result.columns), result)

    def executemany(self, operation: str, seq_of_parameters: Any) -> None:  # noqa: ARG002
        """
        Raise ``NotSupportedError``: only statements that write rows are run many times.

        :param operation: The statement.
        :param seq_of_parameters: Its parameters.
        """
        self._check_open()
        raise NotSupportedError(
            "executemany() is not supported: it is for statements that write rows, and a query can't write. Submit a "
            "job."
        )

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row; None after the last one."""
        rows = self._result()
        with translated():
            return next(rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """
        Return the next rows; empty after the last one.

        :param size: Number of rows; None for ``arraysize``.
        """
        rows: list[tuple[Any, ...]] = []
        for _ in range(self.arraysize if size is None else size):
            row = self.fetchone()
            if row is None:
                break
            rows.append(row)
        self._result()
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all remaining rows."""
        rows = self._result()
        with translated():
            return list(rows)

    def setinputsizes(self, sizes: Any) -> None:
        """Do nothing; required by PEP 249."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing; required by PEP 249."""

    def close(self) -> None:
        """Discard the result. Other methods raise ``InterfaceError`` from now on."""
        self._is_closed = True
        self._rows = None

    def __iter__(self) -> Cursor:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise InterfaceError("the cursor is closed.")
        self.connection.check_open()

    def _result(self) -> Iterator[tuple[Any, ...]]:
        self._check_open()
        if self._rows is None:
            raise ProgrammingError("there are no rows to fetch: no query has succeeded on this cursor.")
        return self._rows


def _one_statement(operation: str) -> str:
    statements = split_statements(operation)
    if not statements:
        raise ProgrammingError("the statement is empty.")
    if len(statements) > 1:
        raise ProgrammingError(
            f"the text has {len(statements)} statements, and the service runs one at a time. Pass them as a list, or "
            "set split_statements=True on Airflow's operator."
        )
    (statement,) = statements
    word = statement.split(maxsplit=1)[0].upper()
    if word in _WRITES:
        raise NotSupportedError(
            f"{word} writes a table, which a query can't do: submit it as a job, with PolarisSqlJobOperator of "
            "airflow_provider_polaris.operators.polaris."
        )
    return statement
