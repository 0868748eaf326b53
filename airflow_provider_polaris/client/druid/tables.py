# SPDX-License-Identifier: Apache-2.0
"""
Tables and their segments. Performs requests to the coordinator, and queries of the broker's system tables.

Source: druid.apache.org/docs/latest/api-reference/data-management-api and /legacy-metadata-api, OBSERVED(Druid 27),
OBSERVED(Druid 33).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.calls import DruidCalls
from airflow_provider_polaris.client.druid.queries import QueriesApi
from airflow_provider_polaris.client.druid.translation import tables
from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.json_body import Unreadable, read_json
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.http.retry import Answer
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisNotFoundError
from airflow_provider_polaris.jobs.time.interval import Interval


class TablesApi(DruidCalls):
    """
    Describe tables; list, mark and restore segments.

    :param transport: The transport of the coordinator, or of a router that proxies it.
    :param queries: Queries for the broker.
    """

    def __init__(self, transport: Transport, queries: QueriesApi) -> None:
        super().__init__(transport)
        self._queries = queries

    def names(self) -> list[str]:
        """Return the names of all tables that have used segments, as the coordinator has them."""
        return [name for name in self._array(endpoints.LIST_TABLES) if isinstance(name, str)]

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Return the description of a table; up to five queries and two requests.

        :param name: Its name.
        :raises PolarisNotFoundError: The coordinator answered with a list of tables without it.
        """
        if name not in self.names():
            raise PolarisNotFoundError(
                f"Druid has no table {name!r} with data: check the name.",
                status=404,
                method=endpoints.LIST_TABLES.method,
                path=endpoints.path_of(endpoints.LIST_TABLES),
            )
        columns = self._about(tables.COLUMNS_SQL, name)
        return tables.describe_table(
            name,
            tables.TableFacts(
                segments=self._about(tables.SEGMENTS_SQL, name),
                newest=self._about(tables.NEWEST_SQL, name),
                columns=columns,
                metadata=self._queries.segment_metadata(name) if columns else (),
                rules=self._rules(name),
            ),
        )

    def newest_segment(self, name: str) -> list[dict[str, Any]]:
        """Return start and end of a table's newest segment in a list; empty if it has none."""
        return self._about(tables.NEWEST_SQL, name)

    def columns(self, name: str) -> list[str]:
        """Return the names of a table's columns; empty if the broker doesn't know the table."""
        return [str(row.get("COLUMN_NAME")) for row in self._about(tables.COLUMNS_SQL, name)]

    def iter_unused_segments(self, table: str, *, interval: str | None = None) -> Iterator[dict[str, Any]]:
        """
        Yield the segments of a table that are marked unused.

        OBSERVED(Druid 33): overshadowed segments are listed one or two seconds after a replace. OBSERVED(Druid 27): the
        cluster has no such list.

        :param table: Name of the table.
        :param interval: Only segments in this ISO 8601 interval.
        :raises PolarisGuardError: The cluster's version has no list of unused segments.
        """
        params = {"interval": None if interval is None else interval.replace("/", "_")}
        request = self._transport.request(endpoints.UNUSED_SEGMENTS, name=table, params=params)
        outcome = self._transport.exchange(request)
        if isinstance(outcome, Answer) and outcome.status == 404 and not outcome.body:
            raise PolarisGuardError(
                "this version of Druid has no list of unused segments, so nothing is known about replaced or deleted "
                f"data of table {table!r}. Druid 27 lacks the list and Druid 33 has it: upgrade the cluster."
            )
        if not isinstance(outcome, Answer) or not outcome.is_success:
            raise self._transport.error(request, outcome)
        data = self._decode(request, outcome)
        for row in data if isinstance(data, list) else ():
            if isinstance(row, Mapping) and isinstance(segment := row.get("dataSegment"), Mapping):
                yield {
                    "id": segment.get("identifier"),
                    "interval": segment.get("interval"),
                    "version": segment.get("version"),
                    "createdOnTimestamp": row.get("createdDate"),
                    "lastUpdatedOnTimestamp": row.get("usedStatusLastUpdatedDate"),
                }

    def mark_unused(self, table: str, span: Interval) -> int:
        """
        Mark the segments of an interval unused, so that their rows are not queried. They can be marked used again.

        OBSERVED(Druid 27 and 33): only segments that lie wholly inside the interval are marked.

        :param table: Name of the table.
        :param span: The interval.
        :return: Number of segments that changed.
        """
        return self._mark(endpoints.MARK_UNUSED, table, {"interval": span.to_wire()})

    def mark_used(self, table: str, span: Interval, versions: Sequence[str] | None = None) -> int:
        """
        Mark the segments of an interval used.

        :param table: Name of the table.
        :param span: The interval.
        :param versions: Only segments of these versions. DOCUMENTED
            druid.apache.org/docs/latest/api-reference/data-management-api; OBSERVED(Druid 33).
        :return: Number of segments that changed.
        """
        body: dict[str, Any] = {"interval": span.to_wire()}
        if versions is not None:
            body["versions"] = list(versions)
        return self._mark(endpoints.MARK_USED, table, body)

    def _mark(self, endpoint: Endpoint, table: str, body: Mapping[str, Any]) -> int:
        request = self._transport.request(endpoint, name=table, body=json_body(body, "request"))
        answer = self._transport.call(request)
        if not answer.body.strip():
            return 0  # OBSERVED(Druid 27): 204 for an unknown table
        data = read_json(answer.body)
        count = data.get("numChangedSegments") if isinstance(data, dict) else None
        if isinstance(data, Unreadable) or type(count) is not int:
            raise self._unreadable(request, answer, "the body has no number 'numChangedSegments'")
        return count

    def _rules(self, table: str) -> list[dict[str, Any]]:
        """Return the retention rules of a table, then those of the cluster. The default rule keeps everything."""
        rules = self._rows(endpoints.RULES, table)
        return [*rules, *self._rows(endpoints.RULES, "_default")]

    def _about(self, sql: str, table: str) -> list[dict[str, Any]]:
        return self._queries.query(sql, parameters=[{"type": "VARCHAR", "value": table}])
