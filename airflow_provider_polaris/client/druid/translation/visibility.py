# SPDX-License-Identifier: Apache-2.0
"""
Decide whether the rows of a job that has succeeded can be seen; performs no I/O.

OBSERVED(Druid 27): the broker plans from loaded segments. For one to three seconds after SUCCESS a new table is "not
found", and so is a new column of an old table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from airflow_provider_polaris.client.druid.translation.jobs import CONTROLLER, end_of

#: Longest time after the end of a query for which its segments are waited for. A cluster may load them later, or never:
#: retention rules can keep them in deep storage only.
LONGEST_LOAD: Final = timedelta(minutes=1)


def awaited_table(task: Mapping[str, Any], report: Mapping[str, Any], now: datetime) -> str | None:
    """
    Return the table whose columns the broker has to know before the job counts as ended; None if it ended long ago.

    :param task: ``payload`` of a task that has succeeded.
    :param report: Payload of its report. Without a time in it nothing is waited for.
    :param now: Current time (aware).
    """
    ended = end_of(report)
    if task.get("type") != CONTROLLER or ended is None or now - ended > LONGEST_LOAD:
        return None
    table = _destination(task).get("dataSource")
    return table if isinstance(table, str) else None


def is_visible(task: Mapping[str, Any], columns: Collection[str]) -> bool:
    """
    Return whether the broker knows the table and the columns that a task wrote.

    :param task: ``payload`` of the task.
    :param columns: Columns that the broker knows; empty if it doesn't know the table.
    """
    mappings = _mapping(task.get("spec")).get("columnMappings")
    listed = mappings if isinstance(mappings, list) else []
    written = {each.get("outputColumn") for each in listed if isinstance(each, Mapping)}
    return bool(columns) and written <= set(columns)


def _destination(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(task.get("spec")).get("destination"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
