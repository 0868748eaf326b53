# SPDX-License-Identifier: Apache-2.0
"""
SQL queries, synchronous and asynchronous.

Source: polaris-sdk 20250425.14.0, docs.imply.io/polaris/api-query and /query-async.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_polaris.client.http.calls import Calls
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.polaris import endpoints
from airflow_provider_polaris.client.result_lines import ResultLines, select_lines
from airflow_provider_polaris.client.sql import query_body, result_pages, rows_of_state


class QueriesApi(Calls):
    """Run SQL queries."""

    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Run a SELECT and wait for its rows.

        The query reads precached and real-time data only: rows outside a table's ``cached`` policy are missing from the
        result. Polaris stops it after a minute.

        :param sql: Druid SQL.
        :param parameters: ``{"type": "VARCHAR", "value": "x"}`` for each ``?``.
        :param context: Query context.
        :return: One object per row.
        """
        body = {**query_body(sql, parameters, context), "resultFormat": "object"}
        return self._rows(endpoints.QUERY, body=json_body(body, "query"))

    def select(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> ResultLines:
        """
        Run a SELECT and wait for its rows, which are parsed one by one; parameters as in :meth:`query`.

        :raises PolarisTransportError: The answer has no end marker: rows are missing.
        """
        return select_lines(self._transport, endpoints.QUERY, sql, parameters, context)

    def start_query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Start an asynchronous query, which also reads deep storage. Each query is billed, so it is never sent twice.

        :return: ``{queryId, state, ...}``; state is ``ACCEPTED``, ``RUNNING``, ``SUCCESS`` or ``FAILED``.
        :raises PolarisAmbiguousSubmitError: The outcome is unknown: the query may run.
        """
        body = query_body(sql, parameters, context)
        request = self._transport.request(endpoints.START_QUERY, body=json_body(body, "query"), fresh_connection=True)
        doubt = (
            "It is unknown whether Polaris accepted the query; it may be running. If you send it again, it is "
            "billed again, and an INSERT adds its rows again."
        )
        return self._submit(request, body, required="queryId", doubt=lambda _: doubt)

    def get_query(self, query_id: str, *, detail: bool = False) -> dict[str, Any]:
        """
        Return the state of an asynchronous query.

        :param query_id: Its id.
        :param detail: Include stages, counters and warnings.
        """
        params = {"detail": "true"} if detail else None
        return self._object(endpoints.GET_QUERY, query_id, params=params, required="state")

    def iter_query_rows(self, query_id: str, *, state: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """
        Yield the rows of an asynchronous query that has succeeded, page by page.

        :param query_id: Its id.
        :param state: The result of :meth:`get_query` after the query's end, which saves a request; more if it contains
            the rows.
        :raises PolarisNotFoundError: No such query, or it has no result (not finished, failed or canceled).
        :raises PolarisProtocolError: It has more than 10,000 pages.
        """
        state = state or self.get_query(query_id)
        if (rows := rows_of_state(state)) is not None:
            yield from rows
            return
        for page in result_pages(state, query_id):
            params = {"page": page, "resultFormat": "object"}
            yield from self._rows(endpoints.QUERY_ROWS, query_id, params=params)

    def cancel_query(self, query_id: str) -> None:
        """Cancel an asynchronous query; no effect on one that has ended."""
        self._nothing(endpoints.CANCEL_QUERY, query_id)
