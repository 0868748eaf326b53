"""
A job that passed every check, and the checks that all types of jobs share.
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
    A job that passed every check.

    :param spec: The specification as it is echoed.
    :param target: The target table; None if it has to be created.
    :param query: The SQL that it stands for; None if it stands for none.
    :param aggregations: Whether each of its mappings is an aggregation.
    """

    spec: dict[str, Any]
    target: TableDef | None
    query: str | None = None
    aggregations: tuple[bool, ...] = ()


def find_target(target: TableTarget, catalog: Catalog, *, may_be_missing: bool = False) -> TableDef | None:
    """
    Find the table that a job is about.

    :param may_be_missing: Whether the job creates it then.
    :raises ApiError: 400 for a name that no table can have, or a table that doesn't exist.
    """
    check_table_name(target.table_name, "target.tableName")
    found = catalog.find(target.table_name)
    if found is None and not may_be_missing:
        raise bad_request(f"table {target.table_name!r} does not exist.", "target.tableName")
    return found


def echo_target(target: TableTarget, intervals: Sequence[Interval] = ()) -> dict[str, Any]:
    """
    Return a target as it is echoed.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table: ``intervals`` is ``[]`` where
    there are none. GUESS: for jobs that can't have any, too.
    """
    return {
        "tableName": target.table_name,
        "type": "table",
        "intervals": [str(interval) for interval in intervals],
    }


def check_table_name(name: str, field: str) -> None:
    """Refuse a name that no table can have."""
    fault = table_name_fault(name)
    if fault is not None:
        raise bad_request(f"table name {name!r} is not valid: {fault}.", field)


def read_interval(text: str, field: str) -> Interval:
    """
    Read an interval of a request.

    :raises ApiError: 400.
    """
    try:
        return parse_interval(text)
    except IntervalError as error:
        raise bad_request(f"interval {text!r} is not valid: {error}.", field) from None
