"""
Ask Polaris to fail a job that finds no rows instead of emptying what it replaces; performs no I/O.

It closes the gap between a count of the source and the launch of the job: rows that are gone by then fail the job.

Source: druid.apache.org/docs/latest/multi-stage-query/reference (``failOnEmptyInsert``: false by default, and a REPLACE
without rows erases what it overwrites). That Polaris heeds it is not documented.
"""

from __future__ import annotations

import hashlib
import json
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


#: Key in a job's ``context`` that says which attempt submitted it. It is no part of what the job asks for.
MARKER_KEY: Final = "airflow"


#: Only these have a ``context``. Source: polaris-sdk 20250425.14.0.
_MARKED_TYPES: Final = frozenset({"batch", "sql"})


def marker_of(*parts: str | int) -> str:
    """
    Return the marker of one attempt to get a task's work done.

    >>> task = ("https://acme.us-east-1.aws.api.imply.io", "project", "dag", "run", "task", -1)
    >>> marker_of(*task, 0) == marker_of(*task, 1)
    False

    :param parts: API, project, DAG, run, task, map index, epoch.
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def takes_marker(spec: Mapping[str, Any]) -> bool:
    """Whether a marker can be put into a spec: its type has a context, and the user doesn't use the key himself."""
    context = spec.get("context")
    return spec.get("type") in _MARKED_TYPES and (
        context is None or (isinstance(context, Mapping) and MARKER_KEY not in context)
    )


def with_marker(spec: Mapping[str, Any], marker: str) -> dict[str, Any]:
    """Return a copy of a spec that carries a marker."""
    return {**spec, "context": {**(spec.get("context") or {}), MARKER_KEY: marker}}


def marker_in(job: Mapping[str, Any]) -> str | None:
    """Return the marker that a described job carries; None if none is echoed."""
    spec = job.get("spec")
    for body in (job, spec):
        context = body.get("context") if isinstance(body, Mapping) else None
        if isinstance(context, Mapping) and isinstance(context.get(MARKER_KEY), str):
            return str(context[MARKER_KEY])
    return None
