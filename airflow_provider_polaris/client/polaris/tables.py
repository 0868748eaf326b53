# SPDX-License-Identifier: Apache-2.0
"""Operations on tables. Source: polaris-sdk 20250425.14.0 and docs.imply.io/polaris/tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_polaris.client.http.calls import Calls
from airflow_provider_polaris.client.http.paging import iterate_cursor
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.polaris import endpoints
from airflow_provider_polaris.jobs.errors import PolarisSpecError


class TablesApi(Calls):
    """Describe, list, create and update tables; list segments that can be restored."""

    def iter_tables(
        self, *, partitioning_granularity: str | None = None, segment_count: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """
        Yield summaries of the project's tables. The service returns all of them in one response.

        :param partitioning_granularity: Only tables with this granularity.
        :param segment_count: Only tables with this number of segments.
        """
        params = {"partitioningGranularity": partitioning_granularity, "segmentCount": segment_count}
        rows, _ = self._list(endpoints.LIST_TABLES, field="values", key="name", params=params)
        yield from rows

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Return the description of a table.

        :param name: Its name, not encoded.
        :raises PolarisNotFoundError: No such table.
        """
        return self._object(endpoints.GET_TABLE, name, required="name")

    def create_table(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """
        Create a table.

        :param body: The table, with the field names of the API.
        :raises PolarisConflictError: A table with that name exists.
        """
        return self._object(endpoints.CREATE_TABLE, body=json_body(body, "table"))

    def update_table(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """
        Replace a table's definition.

        :param name: The table.
        :param body: The whole table, including the ``version`` that was read.
        :raises PolarisConflictError: The version is outdated.
        """
        return self._object(endpoints.UPDATE_TABLE, name, body=json_body(body, "table"))

    def iter_unused_segments(
        self, table: str, *, interval: str | None = None, page_size: int = 100, sort_order: str = "DESC"
    ) -> Iterator[dict[str, Any]]:
        """
        Yield the segments of a table that are deleted and can still be restored, ordered by their ids.

        :param table: Its name.
        :param interval: Only segments in this ISO 8601 interval.
        :param page_size: Segments per request, at least 1.
        :param sort_order: ``ASC`` or ``DESC``.
        """
        if page_size < 1:
            raise PolarisSpecError(f"page_size {page_size!r} must be at least 1.")

        def fetch(last: str | None, size: int) -> list[dict[str, Any]]:
            params = {"interval": interval, "limit": size, "lastSegmentId": last, "sortOrder": sort_order}
            rows, _ = self._list(endpoints.UNUSED_SEGMENTS, table, field="values", key="id", params=params)
            return rows

        return iterate_cursor(fetch, page_size=page_size, key=lambda row: str(row["id"]))
