# SPDX-License-Identifier: Apache-2.0
"""
Druid's SQL API, as far as Polaris and a self-hosted Druid have the same: body of a query, pages of a result. No I/O.

Source: druid.apache.org/docs/latest/api-reference/sql-api, docs.imply.io/polaris/api-query and /query-async.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_polaris.client.http.paging import MOST_PAGES
from airflow_provider_polaris.jobs.errors import PolarisProtocolError


def query_body(
    sql: str, parameters: Sequence[Mapping[str, Any]] | None, context: Mapping[str, Any] | None
) -> dict[str, Any]:
    """
    Build the body of a request that runs a query.

    :param sql: Druid SQL.
    :param parameters: ``{"type": "VARCHAR", "value": "x"}`` for each ``?``.
    :param context: Query context.
    """
    body: dict[str, Any] = {"query": sql}
    if parameters:
        body["parameters"] = [dict(parameter) for parameter in parameters]
    if context:
        body["context"] = dict(context)
    return body


def result_pages(state: Mapping[str, Any], query_id: str) -> list[int] | list[None]:
    """
    Return the pages of an asynchronous query's result; one None if all rows are in one response.

    :param state: The state of the query.
    :param query_id: Its id, for the error.
    :raises PolarisProtocolError: There are more pages than are read.
    """
    result = state.get("result")
    listed = result.get("pages") if isinstance(result, dict) else None
    pages = [page["id"] for page in listed or () if isinstance(page, dict) and isinstance(page.get("id"), int)]
    if len(pages) > MOST_PAGES:
        raise PolarisProtocolError(f"query {query_id!r} has {len(pages)} pages, more than {MOST_PAGES}.")
    return pages or [None]


def rows_of_state(state: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """
    Return the rows of an asynchronous query that its state contains; None if it doesn't contain all of them.

    Druid's state has the rows of a query that were written to its report. OBSERVED(Druid 27): a timestamp in them is a
    number of milliseconds.

    >>> rows_of_state({"schema": [{"name": "n"}], "result": {"numTotalRows": 1, "sampleRecords": [[7]]}})
    [{'n': 7}]

    :param state: The state of the query.
    """
    result, schema = state.get("result"), state.get("schema")
    if not isinstance(result, Mapping) or not isinstance(schema, list):
        return None
    records, total = result.get("sampleRecords"), result.get("numTotalRows")
    names = [str(column.get("name")) for column in schema if isinstance(column, Mapping)]
    if not isinstance(records, list) or type(total) is not int or total != len(records):
        return None
    if len(set(names)) != len(schema):
        return None
    if not all(isinstance(record, list) and len(record) == len(names) for record in records):
        return None
    return [dict(zip(names, record, strict=True)) for record in records]
