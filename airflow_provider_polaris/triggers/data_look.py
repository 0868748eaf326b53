"""One look at what a table holds, for all who wait for its data; blocks, knows neither asyncio nor Airflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.counting import Counter, Limits, PolarisGuardUnansweredError, Purpose
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisError,
    PolarisGuardError,
    PolarisNotFoundError,
    PolarisSpecError,
)
from airflow_provider_polaris.jobs.retention import TableStorage
from airflow_provider_polaris.triggers.data_condition import DataCondition, Seen, select

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient

_PURPOSE: Final = Purpose(rows="the rows of the table that a job could read", aftermath="", advice="")
#: The time zone in which a filter without one is read, as in a job.
_CONTEXT: Final = {"sqlTimeZone": "UTC"}
#: So many conditions are put into one query.
_MOST: Final = 20


def look(
    connect: Callable[[], PolarisClient], conditions: Sequence[DataCondition], *, limits: Limits, log: Any
) -> list[Seen | PolarisError]:
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
    try:
        storage = _describe(connect(), conditions[0].table)
    except PolarisError as error:
        return [error for _ in conditions]
    if storage is None:
        return [Seen(False) for _ in conditions]
    counter = Counter(connect, limits, log, purpose=_PURPOSE)
    found: list[Seen | PolarisError] = []
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


def _look(counter: Counter, conditions: Sequence[DataCondition], storage: TableStorage) -> list[Seen | PolarisError]:
    try:
        rows = counter.rows(select(conditions), storage, context=_CONTEXT, as_job=True)
        row = rows[0] if rows else None
        return [condition.read(row, number) for number, condition in enumerate(conditions)]
    except PolarisError as error:
        if len(conditions) == 1 or not _may_be_of_one(error):
            return [error for _ in conditions]
    return [each for condition in conditions for each in _look(counter, [condition], storage)]


def _may_be_of_one(error: PolarisError) -> bool:
    if isinstance(error, PolarisApiError):
        return error.status == 400
    return isinstance(error, PolarisSpecError | PolarisGuardError | PolarisGuardUnansweredError)
