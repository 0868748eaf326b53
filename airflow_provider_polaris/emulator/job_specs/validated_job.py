# SPDX-License-Identifier: Apache-2.0
"""
A validated job, and the checks that all job types share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import TableDef
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.intervals import Interval, IntervalError, parse_interval
from airflow_provider_polaris.emulator.wire.models import TableTarget
from airflow_provider_polaris.emulator.wire.names import table_name_fault


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    A validated job.

    :param spec: The specification as it is echoed.
    :param target: The target table; None if the job creates it.
    :param query: The SQL of the job; None if it has no SQL.
    :param aggregations: Whether each of its mappings is an aggregation.
    """

    spec: dict[str, Any]
    target: TableDef | None
    query: str | None = None
    aggregations: tuple[bool, ...] = ()


def find_target(target: TableTarget, catalog: Catalog, *, may_be_missing: bool = False) -> TableDef | None:
    """
    Return the target table of a job.

    :param may_be_missing: Whether the job creates a missing table.
    :raises ApiError: 400 for an invalid name, or a table that doesn't exist.
    """
    check_table_name(target.table_name, "target.tableName")
    found = catalog.find(target.table_name)
    if found is None and not may_be_missing:
        raise bad_request(f"table {target.table_name!r} does not exist.", "target.tableName")
    return found


def echo_target(target: TableTarget, intervals: Sequence[Interval] = ()) -> dict[str, Any]:
    """
    Return the echo of a target.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table: ``intervals`` is ``[]`` if
    there are none. GUESS: also for job types without intervals.
    """
    return {
        "tableName": target.table_name,
        "type": "table",
        "intervals": [str(interval) for interval in intervals],
    }


def check_table_name(name: str, field: str) -> None:
    """Reject an invalid table name."""
    fault = table_name_fault(name)
    if fault is not None:
        raise bad_request(f"table name {name!r} is not valid: {fault}.", field)


def read_interval(text: str, field: str) -> Interval:
    """
    Parse an interval of a request.

    :raises ApiError: 400.
    """
    try:
        return parse_interval(text)
    except IntervalError as error:
        raise bad_request(f"interval {text!r} is not valid: {error}.", field) from None
