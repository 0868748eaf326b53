# SPDX-License-Identifier: Apache-2.0
"""
SQL queries, synchronous and asynchronous. Performs requests to the broker only.

Source: druid.apache.org/docs/latest/api-reference/sql-api, OBSERVED(Druid 27).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.calls import DruidCalls
from airflow_provider_polaris.client.druid.translation.missing import explain_missing
from airflow_provider_polaris.client.http.calls import instant_text
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.client.result_lines import ResultLines, select_lines
from airflow_provider_polaris.client.sql import query_body, result_pages, rows_of_state
from airflow_provider_polaris.jobs.errors import PolarisApiError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


class QueriesApi(DruidCalls):
    """Run SQL queries. The transport is that of the broker, or of a router."""

    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Run a SELECT and wait for its rows. It reads loaded segments only.

        :param sql: Druid SQL.
        :param parameters: ``{"type": "VARCHAR", "value": "x"}`` for each ``?``.
        :param context: Query context.
        :return: One object per row.
        """
        body = {**query_body(sql, parameters, context), "resultFormat": "object"}
        return self._rows(endpoints.QUERY, body=json_body(body, "query"))

    def start_query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Start an asynchronous query, which also reads deep storage. It takes two task slots.

        :return: ``{queryId, state, ...}``; state is ``ACCEPTED``, ``RUNNING``, ``SUCCESS`` or ``FAILED``.
        :raises PolarisAmbiguousSubmitError: The outcome is unknown: the query may run.
        """
        body = query_body(sql, parameters, {**(context or {}), "executionMode": "ASYNC"})
        request = self._transport.request(endpoints.START_QUERY, body=json_body(body, "query"), fresh_connection=True)
        doubt = "It is unknown whether Druid accepted the query; it may be running."
        return self._submit(request, body, required="queryId", doubt=lambda _: doubt)

    def get_query(self, query_id: str) -> dict[str, Any]:
        """
        Return the state of an asynchronous query.

        :param query_id: Its id.
        :raises PolarisNotFoundError: No such query, or Druid has removed its task.
        """
        return self._object(endpoints.GET_QUERY, query_id, required="state")

    def iter_query_rows(self, query_id: str, *, state: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """
        Yield the rows of an asynchronous query that has succeeded, page by page.

        OBSERVED(Druid 27): a timestamp in these rows is a number of milliseconds. It is returned as text, as a
        synchronous query returns it.

        :param query_id: Its id.
        :param state: The result of :meth:`get_query` after the query's end, which saves a request; more if it contains
            the rows.
        :raises PolarisProtocolError: It has more than 1,000 pages.
        """
        state = state or self.get_query(query_id)
        times = timestamp_columns(state)
        if (rows := rows_of_state(state)) is not None:
            for row in rows:
                yield with_texts(row, times)
            return
        for page in result_pages(state, query_id):
            params = {"page": page, "resultFormat": "object"}
            for row in self._lines(endpoints.QUERY_ROWS, query_id, params=params):
                yield with_texts(row, times)

    def cancel_query(self, query_id: str) -> None:
        """Cancel an asynchronous query; no effect on one that has ended."""
        self._nothing(endpoints.CANCEL_QUERY, query_id)

    def segment_metadata(self, *tables: str) -> list[dict[str, Any]]:
        """
        Return the metadata of loaded segments: rollup and granularity, of the last week of data that each table has.

        Source: druid.apache.org/docs/latest/querying/segmentmetadataquery.

        :param tables: Names of the tables.
        :return: One merged entry for one table; one entry for each segment of several tables. Empty if none is loaded.
        """
        is_one = len(tables) == 1
        body = {
            "queryType": "segmentMetadata",
            "dataSource": tables[0] if is_one else {"type": "union", "dataSources": list(tables)},
            "merge": is_one,
            "analysisTypes": ["rollup", "queryGranularity"],
            "toInclude": {"type": "none"},
        }
        return self._rows(endpoints.SEGMENT_METADATA, body=json_body(body, "query"))


class SelectApi:
    """Run SELECTs whose columns have types; a base of the client, which has the attributes."""

    _broker: Transport
    _tables: Any  # the client's TablesApi, which builds on this module

    def select(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> ResultLines:
        """
        Run a SELECT and wait for its rows, which are parsed one by one; parameters as in :meth:`QueriesApi.query`.

        :raises PolarisTransportError: The answer has no end marker: rows are missing.
        :raises PolarisServerError: The broker doesn't know a table or column yet that the coordinator has.
        """
        try:
            return select_lines(self._broker, endpoints.QUERY, sql, parameters, context)
        except PolarisApiError as error:
            raise explain_missing(error, self._tables.has) from error


def timestamp_columns(state: Mapping[str, Any]) -> frozenset[str]:
    """
    Return the names of a query's timestamp columns.

    :param state: The state of the query, with its ``schema``.
    """
    schema = state.get("schema")
    return frozenset(
        str(column.get("name"))
        for column in (schema if isinstance(schema, list) else ())
        if isinstance(column, Mapping) and column.get("type") in ("TIMESTAMP", "DATE")
    )


def with_texts(row: Mapping[str, Any], times: frozenset[str]) -> dict[str, Any]:
    """
    Return a row whose timestamps are texts.

    >>> with_texts({"__time": 1717200000000, "n": 1}, frozenset({"__time"}))
    {'__time': '2024-06-01T00:00:00.000Z', 'n': 1}
    """
    return {key: _text(value) if key in times else value for key, value in row.items()}


def _text(value: Any) -> Any:
    if type(value) is not int:
        return value
    try:
        return instant_text(_EPOCH + timedelta(milliseconds=value))
    except OverflowError:
        return value
