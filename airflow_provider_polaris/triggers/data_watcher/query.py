"""One look at what a table holds, for all who wait for its data; blocks, knows neither asyncio nor Airflow."""

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
    from airflow_provider_polaris.client import PolarisClient

_PURPOSE: Final = CountErrorAdvice(rows="the rows of the table that a job could read", aftermath="", advice="")
#: The time zone in which a filter without one is read, as in a job.
_CONTEXT: Final = {"sqlTimeZone": "UTC"}
#: So many conditions are put into one query.
_MOST: Final = 20
#: So long a look may take in all; a query has a limit of its own.
_LONGEST: Final = timedelta(minutes=15)


def query_table(
    connect: Callable[[], PolarisClient], conditions: Sequence[DataCondition], *, limits: Deadline, log: Any
) -> list[TableData | PolarisError]:
    """
    Look at a table as a job would read it: rows that a stream has just brought don't count before they are published.

    One query for all conditions; one for each if Polaris finds fault with the query, so that nobody suffers from a
    filter that isn't his.

    :param connect: Returns the client.
    :param conditions: All on the same table.
    :param limits: How long.
    :param log: Takes a warning if Polaris counts otherwise.
    :return: What was found, or why not, for each condition.
    """
    limits = replace(limits, deadline=limits.end(_LONGEST))
    try:
        storage = _describe(connect(), conditions[0].table)
    except PolarisError as error:
        return [shorten_error(error) for _ in conditions]
    if storage is None:
        return [TableData(False) for _ in conditions]
    counter = RowCounter(connect, limits, log, purpose=_PURPOSE)
    found: list[TableData | PolarisError] = []
    for start in range(0, len(conditions), _MOST):
        found += _look(counter, conditions[start : start + _MOST], storage)
    return found


def _describe(client: PolarisClient, table: str) -> TableStorage | None:
    """Return None if there is no such table; that there is no such project is an error, which no wait mends."""
    try:
        return TableStorage.from_wire(client.get_table(table))
    except PolarisNotFoundError:
        next(client.iter_tables(), None)
        return None


def _look(
    counter: RowCounter, conditions: Sequence[DataCondition], storage: TableStorage
) -> list[TableData | PolarisError]:
    try:
        filters = [each.filter for each in conditions if each.filter is not None]
        words = {"filter_expression": filters[0]} if filters else {}  # with more than one, each is asked by itself
        rows = counter.rows(select(conditions), storage, context=_CONTEXT, as_job=True, words=words)
        row = rows[0] if rows else None
        return [_read(condition, row, number) for number, condition in enumerate(conditions)]
    except PolarisError as known:
        error = known
    except Exception as unknown:
        error = unexpected_error(f"the answer about table {storage.name!r} can't be read", unknown)
    if len(conditions) == 1 or not _may_be_of_one(error):
        return [shorten_error(error) for _ in conditions]
    return [each for condition in conditions for each in _look(counter, [condition], storage)]


def _read(condition: DataCondition, row: Mapping[str, Any] | None, number: int) -> TableData | PolarisError:
    """Return what was found for one condition, whatever stands in the columns of the others."""
    try:
        return condition.read(row, number)
    except PolarisError as error:
        return shorten_error(error)


def _may_be_of_one(error: PolarisError) -> bool:
    if isinstance(error, PolarisApiError):
        return error.status == 400
    return isinstance(error, PolarisSpecError | PolarisGuardError | PolarisGuardUnansweredError | PolarisProtocolError)
