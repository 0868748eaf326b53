# SPDX-License-Identifier: Apache-2.0
"""
The rows of a synchronous query with the names and types of its columns, parsed one by one.

Source: druid.apache.org/docs/latest/api-reference/sql-api (``arrayLines``, headers, the empty line at the end),
polaris-sdk 20250425.14.0 (the same options in ``SqlRequest``), OBSERVED(Druid 27) and OBSERVED(Druid 33). GUESS:
Polaris sends the empty line at the end, too.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.json_body import Unreadable, kind_of, read_json
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.client.sql import query_body
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisTransportError

_FORMAT: Final = {"resultFormat": "arrayLines", "header": True, "typesHeader": True, "sqlTypesHeader": True}
#: Lines of the header: names, types of the query engine, SQL types.
_HEADER_LINES: Final = 3


class ResultColumn(NamedTuple):
    """
    A column of a result.

    :param name: Its name; not unique.
    :param sql_type: ``VARCHAR``, ``BIGINT``, ``TIMESTAMP`` ...
    """

    name: str
    sql_type: str


class ResultLines:
    """
    A complete result. Iteration yields each row once, as a list of JSON values, and parses it only then.

    :param body: The body of the answer.
    :param unreadable: Returns the error for a body that can't be read, from the problem.
    :param incomplete: The error for a body without its end.
    :raises PolarisTransportError: The body has no end marker, so rows may be missing.
    :raises PolarisProtocolError: The body has another form. Iteration raises it for a row, too.
    """

    def __init__(
        self, body: bytes, *, unreadable: Callable[[str], PolarisError], incomplete: Callable[[], PolarisError]
    ) -> None:
        self._unreadable = unreadable
        self._lines = io.BytesIO(body)
        self.columns = self._read_header(body, incomplete)
        # An error of the service while it sends rows ends the body without the empty line, but with status 200.
        if not body.endswith(b"\n\n"):
            raise incomplete()
        #: Number of rows.
        self.row_count = body.count(b"\n") - _HEADER_LINES - 1

    def __iter__(self) -> Iterator[list[Any]]:
        width = len(self.columns)
        for number in range(1, self.row_count + 1):
            row = read_json(self._lines.readline())
            if isinstance(row, Unreadable):
                raise self._unreadable(f"row {number} can't be read: {row.problem}")
            if not isinstance(row, list) or len(row) != width:
                found = f"an array of {len(row)}" if isinstance(row, list) else kind_of(row)
                raise self._unreadable(f"row {number} is {found}, not an array of {width} values")
            yield row

    def _read_header(self, body: bytes, incomplete: Callable[[], PolarisError]) -> tuple[ResultColumn, ...]:
        lines = []
        for _ in range(_HEADER_LINES):
            line = self._lines.readline()
            if not line.endswith(b"\n") and (not line or line.startswith(b"[")):
                raise incomplete() if body else self._unreadable("the body is empty")
            lines.append(read_json(line))
        names, _, types = lines
        if not _are_texts(names) or not _are_texts(types) or len(names) != len(types):
            raise self._unreadable("the body does not begin with the names and types of its columns")
        return tuple(ResultColumn(name, sql_type) for name, sql_type in zip(names, types, strict=True))


def select_lines(
    transport: Transport,
    endpoint: Endpoint,
    sql: str,
    parameters: Sequence[Mapping[str, Any]] | None,
    context: Mapping[str, Any] | None,
) -> ResultLines:
    """
    Run a SELECT, wait for its whole answer, and return the result.

    :param transport: Sends the request.
    :param endpoint: The operation that runs a query.
    :param sql: Druid SQL.
    :param parameters: ``{"type": "VARCHAR", "value": "x"}`` for each ``?``.
    :param context: Query context.
    """
    body = {**query_body(sql, parameters, context), **_FORMAT}
    request = transport.request(endpoint, body=json_body(body, "query"))
    answer = transport.call(request)
    return ResultLines(
        answer.body,
        unreadable=lambda problem: transport.failures.unreadable(request.subject, answer, problem),
        incomplete=lambda: PolarisTransportError(
            f"{request.subject} answered {answer.status}, but the answer has no end marker, so rows are missing: the "
            "service failed while it sent them, or the answer was cut off. Run the query again. If it fails again, the "
            "log of the service has the reason."
        ),
    )


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
