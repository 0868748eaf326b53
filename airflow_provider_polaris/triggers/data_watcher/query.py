# SPDX-License-Identifier: Apache-2.0
"""Query a table once for all conditions on it. Blocks; uses neither asyncio nor Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.row_count import CountErrorAdvice, RowCounter
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisError,
    PolarisGuardError,
    PolarisGuardUnansweredError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisSpecError,
)
from airflow_provider_polaris.jobs.shortening import shorten_error
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.runtime.deadline import Deadline
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition, TableData, select
from airflow_provider_polaris.triggers.job_watcher.single_status import unexpected_error

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

_PURPOSE: Final = CountErrorAdvice(rows="the rows of the table that a job could read", aftermath="", advice="")
#: The default time zone of filters, as in a job.
_CONTEXT: Final = {"sqlTimeZone": "UTC"}
#: Maximum number of conditions in one query.
_MOST: Final = 20
#: Time limit for all queries of one call. Each query also has its own limit.
_LONGEST: Final = timedelta(minutes=15)


def query_table(
    connect: Callable[[], IngestionService], conditions: Sequence[DataCondition], *, limits: Deadline, log: Any
) -> list[TableData | PolarisError]:
    """
    Query a table as a job would read it. Streaming rows count only after Polaris has published them.

    All conditions share one query. If the service rejects it, each condition gets its own query, so that a wrong filter
    affects only its own waiters.

    :param connect: Returns the client.
    :param conditions: All on the same table.
    :param limits: Time limit.
    :param log: Logs a warning if Polaris counts differently.
    :return: The result or the error for each condition.
    """
    limits = replace(limits, deadline=limits.limit(_LONGEST))
    try:
        storage = _describe(connect(), conditions[0].table)
    except PolarisError as error:
        return [shorten_error(error) for _ in conditions]
    if storage is None:
        return [TableData(False) for _ in conditions]
    counter = RowCounter(connect, limits, log, purpose=_PURPOSE, first_look=0.0)
    found: list[TableData | PolarisError] = []
    for start in range(0, len(conditions), _MOST):
        found += _query(counter, conditions[start : start + _MOST], storage)
    return found


def _describe(client: IngestionService, table: str) -> TableStorage | None:
    """Return None if the table doesn't exist. A missing project is an error, because waiting can't fix it."""
    try:
        return TableStorage.from_wire(client.get_table(table))
    except PolarisNotFoundError:
        next(client.iter_tables(), None)
        return None


def _query(
    counter: RowCounter, conditions: Sequence[DataCondition], storage: TableStorage
) -> list[TableData | PolarisError]:
    try:
        filters = [each.filter for each in conditions if each.filter is not None]
        words = {"filter_expression": filters[0]} if filters else {}  # several filters are retried one by one
        rows = counter.rows(select(conditions), storage, context=_CONTEXT, as_job=True, words=words)
        row = rows[0] if rows else None
        return [_read(condition, row, number) for number, condition in enumerate(conditions)]
    except PolarisError as known:
        error = known
    except Exception as unknown:
        error = unexpected_error(f"the answer about table {storage.name!r} can't be read", unknown)
    if len(conditions) == 1 or not _may_be_of_one(error):
        return [shorten_error(error) for _ in conditions]
    return [each for condition in conditions for each in _query(counter, [condition], storage)]


def _read(condition: DataCondition, row: Mapping[str, Any] | None, number: int) -> TableData | PolarisError:
    """Return the result for one condition, independent of the columns of the others."""
    try:
        return condition.read(row, number)
    except PolarisError as error:
        return shorten_error(error)


def _may_be_of_one(error: PolarisError) -> bool:
    if isinstance(error, PolarisApiError):
        return error.status == 400
    return isinstance(error, PolarisSpecError | PolarisGuardError | PolarisGuardUnansweredError | PolarisProtocolError)
