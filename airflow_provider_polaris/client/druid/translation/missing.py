# SPDX-License-Identifier: Apache-2.0
"""
Recognize errors that disappear when the broker has caught up; performs no I/O.

OBSERVED(Druid 27): the broker plans from loaded segments, so for some seconds after a job has succeeded it answers 400
"Object 'T' not found" or "Column 'C' not found in any table" for a new table or column.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisServerError

_OBJECT: Final = re.compile(r"Object '(?P<name>[^']+)' not found")
_COLUMN: Final = re.compile(r"Column '[^']+' not found in any table")


def missing_object(message: str | None) -> str | None:
    """
    Return the name of the table that the broker doesn't know; None if the error is another.

    >>> missing_object("Object 'koalas' not found (line [1], column [15])")
    'koalas'

    :param message: Druid's text.
    """
    match = _OBJECT.search(message or "")
    return None if match is None else match["name"]


def is_missing_column(message: str | None) -> bool:
    """Return whether the broker doesn't know a column of a table."""
    return _COLUMN.search(message or "") is not None


def explain_missing(error: PolarisApiError, has_table: Callable[[str], bool]) -> PolarisApiError:
    """
    Return the error, or a retryable one if the broker only lags behind.

    The broker plans from loaded segments. A table that the coordinator has, or a column of one, may be unknown to it
    for some seconds after the job that wrote it has ended.

    :param error: The error of a query or of a job's submission.
    :param has_table: Returns whether the coordinator has a table.
    """
    text = error.vendor_message
    name = missing_object(text)
    if error.status != 400 or (name is None and not is_missing_column(text)):
        return error
    if name is not None and not has_table(name):
        return error
    if name is None and not error.path.endswith("/sql/task"):
        return error
    what = f"table {name!r}, which the coordinator has" if name is not None else "a column"
    return PolarisServerError(
        f"{error} Druid's broker does not know {what} yet: it plans from loaded segments, and a job's segments are "
        "loaded some seconds after its end. A retry may help.",
        status=503,
        code=error.code,
        vendor_message=text,
        method=error.method,
        path=error.path,
    )
