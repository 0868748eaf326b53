# SPDX-License-Identifier: Apache-2.0
"""
Tables and their segments. Performs requests to the coordinator, and queries of the broker's system tables.

Source: druid.apache.org/docs/latest/api-reference/data-management-api and /legacy-metadata-api, OBSERVED(Druid 27),
OBSERVED(Druid 33).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.calls import DruidCalls, array_body
from airflow_provider_polaris.client.druid.errors import is_final_error
from airflow_provider_polaris.client.druid.queries import QueriesApi
from airflow_provider_polaris.client.druid.translation import tables
from airflow_provider_polaris.client.druid.translation.deletion import current_segments
from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.json_body import Unreadable, read_json
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.http.retry import Answer
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisGuardError,
    PolarisNotFoundError,
    PolarisServerError,
)
from airflow_provider_polaris.jobs.time.interval import Interval

#: Segments that one request marks.
_MOST_MARKED: Final = 1000

#: Seconds before segments are marked again. A coordinator reads all tables once a minute by default
#: (``druid.manager.segments.pollDuration``, druid.apache.org/docs/latest/configuration).
_MARK_PAUSE: Final = 5.0


class TablesApi(DruidCalls):
    """
    Describe tables; list, mark and restore segments.

    :param transport: The transport of the coordinator, or of a router that proxies it.
    :param queries: Queries for the broker.
    :param sleep: Waits between two requests that mark segments.
    """

    def __init__(self, transport: Transport, queries: QueriesApi, sleep: Callable[[float], None]) -> None:
        super().__init__(transport)
        self._queries = queries
        self._sleep = sleep

    @property
    def base_url(self) -> str:
        """Address of the coordinator, or of the router that proxies it."""
        return self._transport.settings.base_url

    def has(self, name: str) -> bool:
        """
        Return whether a table has used segments.

        OBSERVED(Druid 27): the list of tables lags behind the end of a job for some seconds, the list of a table's
        segments doesn't. So a name that the first lacks is looked up in the second, whose 200 without segments proves
        that there are none. The second needs DATASOURCE WRITE: for a login that may only read, a new table is absent
        for these seconds.

        :param name: Name of the table.
        """
        return name in self.names() or self._is_used(name, lambda: False)

    def names(self) -> list[str]:
        """Return the names of all tables that have used segments; a new table is missing for some seconds."""
        return [name for name in self._array(endpoints.LIST_TABLES) if isinstance(name, str)]

    def stored(self, names: Sequence[str]) -> dict[str, tables.StoredTable | None]:
        """
        Return what the system tables say about tables: one request, and one more for each without published segments.

        OBSERVED(Druid 27): the system tables lag behind the end of a job, and behind a drop, for some seconds; the list
        of a table's segments doesn't.

        :param names: Names of the tables, each once.
        :return: By name; None for a table that has no used segments.
        """
        sql, parameters = tables.stored_sql(names)
        found = tables.stored_tables(names, self._queries.query(sql, parameters=parameters))
        return {name: table if table.segments or self._has_unseen(name) else None for name, table in found.items()}

    def absent(self, name: str) -> PolarisNotFoundError:
        """Return the error for a table without used segments."""
        return PolarisNotFoundError(
            f"Druid has no table {name!r} with data: check the name.",
            status=404,
            method=endpoints.LIST_TABLES.method,
            path=endpoints.path_of(endpoints.LIST_TABLES),
        )

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
        # The 404 of a version without the list must not be repeated.
        request = replace(
            self._transport.request(endpoints.UNUSED_SEGMENTS, name=table, params=params), error_form=is_final_error
        )
        outcome = self._transport.exchange(request)
        if isinstance(outcome, Answer) and outcome.status == 404 and not outcome.body:
            raise PolarisGuardError(
                "this version of Druid has no list of unused segments, so nothing is known about replaced or deleted "
                f"data of table {table!r}. Druid has that list since version 29: upgrade the cluster."
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

    def iter_current_segments(self, table: str, spans: Sequence[Interval]) -> Iterator[dict[str, Any]]:
        """
        Yield ``{id, interval, version}`` of the segments that overlap some intervals and whose rows jobs read.

        OBSERVED(Druid 27): a change of the metadata store is seen at once. A job asks for its input by the same request
        (Druid's source, ControllerImpl). A segment that was replaced stays in the answer until the coordinator has
        marked it unused; it is left out here.

        :param table: Name of the table.
        :param spans: The intervals; empty for all of time.
        """
        for segment in current_segments(self.used_segments(table, spans)):
            yield {
                "id": segment.get("identifier"),
                "interval": segment.get("interval"),
                "version": segment.get("version"),
            }

    def used_segments(self, table: str, spans: Sequence[Interval]) -> list[dict[str, Any]]:
        """
        Return the used segments that overlap some intervals, with ``identifier``, ``interval`` and ``version``.

        OBSERVED(Druid 27): an unknown table has an empty list.

        :param table: Name of the table.
        :param spans: The intervals; empty for all of time.
        """
        texts = [span.to_wire() for span in spans or (Interval.ETERNITY,)]
        return self._rows(endpoints.USED_SEGMENTS, table, params={"full": "true"}, body=array_body(texts))

    def mark_unused(self, table: str, segments: Sequence[str], spans: Sequence[Interval]) -> int:
        """
        Mark segments unused, so that their rows are not queried. They can be marked used again.

        OBSERVED(Druid 27): a coordinator that hasn't read a new table yet answers 204 and marks nothing. So the used
        segments are read again, and the request is repeated until none of them is left, within the retry budget.

        :param table: Name of the table.
        :param segments: Ids of segments; one request for 1,000.
        :param spans: Intervals that contain the segments; empty for all of time.
        :return: Number of segments that were marked.
        :raises PolarisServerError: Some segments are still used at the end of the retry budget.
        """
        left = list(segments)
        started = self._transport.clock()
        while left:
            self._mark_each(endpoints.MARK_UNUSED, table, left)
            used = {segment.get("identifier") for segment in self.used_segments(table, spans)}
            left = [segment for segment in left if segment in used]
            if not left:
                break
            if self._transport.clock() - started + _MARK_PAUSE > self._transport.settings.retry_budget:
                raise PolarisServerError(
                    f"Druid's coordinator has not marked {len(left)} of {len(segments)} segments of table {table!r} "
                    "unused, probably because it has not read the new table yet. A retry may help.",
                    status=503,
                    method=endpoints.MARK_UNUSED[-1].method,
                    path=endpoints.path_of(endpoints.MARK_UNUSED[-1], table),
                )
            self._sleep(_MARK_PAUSE)
        return len(segments)

    def mark_all_unused(self, table: str) -> int:
        """Mark all segments of a table unused; return their number."""
        return self._mark((endpoints.MARK_ALL_UNUSED,), table, None)

    def mark_used(self, table: str, span: Interval) -> int:
        """
        Mark the segments that lie in an interval used; return the number that changed.

        :param table: Name of the table.
        :param span: The interval.
        """
        return self._mark(endpoints.MARK_USED, table, {"interval": span.to_wire()})

    def mark_segments_used(self, table: str, segments: Sequence[str]) -> int:
        """
        Mark segments used; return the number that changed.

        :param table: Name of the table.
        :param segments: Ids of segments; one request for 1,000.
        """
        return self._mark_each(endpoints.MARK_USED, table, segments)

    def _mark_each(self, choices: tuple[Endpoint, ...], table: str, segments: Sequence[str]) -> int:
        # OBSERVED(Druid 27): an empty list is a 400.
        parts = [segments[start : start + _MOST_MARKED] for start in range(0, len(segments), _MOST_MARKED)]
        return sum(self._mark(choices, table, {"segmentIds": list(part)}) for part in parts)

    def _mark(self, choices: tuple[Endpoint, ...], table: str, body: Mapping[str, Any] | None) -> int:
        """Send the request to the first endpoint that the cluster's version has; return the number of segments."""
        for endpoint in choices:
            sent = None if body is None else json_body(body, "request")
            request = self._transport.request(endpoint, name=table, body=sent)
            if endpoint is not choices[-1]:
                request = replace(request, error_form=is_final_error)
            outcome = self._transport.exchange(request)
            if isinstance(outcome, Answer) and outcome.status == 404 and endpoint is not choices[-1]:
                continue
            if not isinstance(outcome, Answer) or not outcome.is_success:
                raise self._transport.error(request, outcome)
            if not outcome.body.strip():
                return 0  # OBSERVED(Druid 27): 204 for an unknown table
            data = read_json(outcome.body)
            count = data.get("numChangedSegments") if isinstance(data, dict) else None
            if isinstance(data, Unreadable) or type(count) is not int:
                raise self._unreadable(request, outcome, "the body has no number 'numChangedSegments'")
            return count
        raise AssertionError("the last endpoint answers or raises")

    def rules(self, table: str) -> list[dict[str, Any]]:
        """Return the retention rules of a table, then those of the cluster. The default rule keeps everything."""
        # ``full``, with any value, appends the default rules, and only the right on the table is checked.
        # Source: RulesResource in Druid's source.
        return self._rows(endpoints.RULES, table, params={"full": "true"})

    def _has_unseen(self, table: str) -> bool:
        """Return whether a table has used segments that the system tables don't show yet."""
        return self._is_used(table, lambda: table in self.names())

    def _is_used(self, table: str, unknown: Callable[[], bool]) -> bool:
        try:
            return bool(self.used_segments(table, ()))
        except PolarisAuthError as error:
            if error.status != 403:
                raise
            return unknown()

    def _about(self, sql: str, table: str) -> list[dict[str, Any]]:
        return self._queries.query(sql, parameters=[{"type": "VARCHAR", "value": table}])
