"""
Ask Polaris to fail a job that finds no rows instead of emptying what it replaces; performs no I/O.

It closes the gap between a count of the source and the launch of the job: rows that are gone by then fail the job.

Source: druid.apache.org/docs/latest/multi-stage-query/reference (``failOnEmptyInsert``: false by default, and a REPLACE
without rows erases what it overwrites). That Polaris heeds it is not documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Key in a job's ``context``.
EMPTY_INSERT_KEY: Final = "failOnEmptyInsert"


def with_empty_insert_check(spec: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a copy of a spec whose job fails if it finds no rows; what the user wrote for that key stays.

    >>> with_empty_insert_check({"type": "batch"})["context"]
    {'failOnEmptyInsert': True}

    :param spec: The JSON object for Polaris.
    """
    return {**spec, "context": {EMPTY_INSERT_KEY: True, **(spec.get("context") or {})}}


def has_empty_insert_check(spec: Mapping[str, Any]) -> bool:
    """Whether a spec has the key, whoever put it there."""
    context = spec.get("context")
    return isinstance(context, Mapping) and EMPTY_INSERT_KEY in context
