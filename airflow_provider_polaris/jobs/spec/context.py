# SPDX-License-Identifier: Apache-2.0
"""
Set and read the keys that this package adds to a job's ``context``: marker, number, segments, ``failOnEmptyInsert``.
No I/O.

The origin, which is for people, is in ``origin.py``.

``failOnEmptyInsert`` fails a job that finds no rows, instead of emptying the data that it replaces. It covers the time
between the count of the source and the start of the job, in which rows may disappear.

Source: druid.apache.org/docs/latest/multi-stage-query/reference (``failOnEmptyInsert``: false by default, and a REPLACE
without rows erases what it overwrites). It is not documented whether Polaris respects it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

#: Key of the empty-insert check in a job's ``context``.
EMPTY_INSERT_KEY: Final = "failOnEmptyInsert"


def with_empty_insert_check(spec: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a copy of a spec whose job fails if it finds no rows; the user's own value of the key is kept.

    >>> with_empty_insert_check({"type": "batch"})["context"]
    {'failOnEmptyInsert': True}

    :param spec: The JSON object for Polaris.
    """
    return {**spec, "context": {EMPTY_INSERT_KEY: True, **(spec.get("context") or {})}}


def has_empty_insert_check(spec: Mapping[str, Any]) -> bool:
    """Whether the context of a spec contains the key, set by the user or by this package."""
    context = spec.get("context")
    return isinstance(context, Mapping) and EMPTY_INSERT_KEY in context


#: Key of the marker in a job's ``context``. It identifies the try that submitted the job and does not change the work.
MARKER_KEY: Final = "airflow"

#: Key of the number of a submission among those with its marker, for a service that accepts marker and number only
#: once. Without the key it is 1.
NUMBER_KEY: Final = "airflowNumber"

#: Key of the segments of an age-out, for a service that deletes exactly these: their ids. A copy reads them, or a
#: deletion removes them.
SEGMENTS_KEY: Final = "airflowSegments"


#: Only these types have a ``context``. Source: polaris-sdk 20250425.14.0.
_MARKED_TYPES: Final = frozenset({"batch", "sql"})


def marker_of(*parts: str | int) -> str:
    """
    Return the marker of one epoch of a task instance.

    >>> task = ("https://acme.us-east-1.aws.api.imply.io", "project", "dag", "run", "task", -1)
    >>> marker_of(*task, 0) == marker_of(*task, 1)
    False

    :param parts: API, project, DAG, run, task, map index, epoch.
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def takes_context(job_type: Any) -> bool:
    """Whether jobs of a type have a context."""
    return job_type in _MARKED_TYPES


def takes_marker(spec: Mapping[str, Any]) -> bool:
    """Whether a spec can carry a marker: its type has a context, and the user does not use the key."""
    context = spec.get("context")
    return takes_context(spec.get("type")) and (
        context is None or (isinstance(context, Mapping) and MARKER_KEY not in context)
    )


def with_marker(spec: Mapping[str, Any], marker: str, number: int = 1) -> dict[str, Any]:
    """
    Return a copy of a spec that carries a marker.

    >>> with_marker({"type": "batch"}, "5f3a", 2)["context"]
    {'airflow': '5f3a', 'airflowNumber': 2}

    :param spec: The JSON object of the job.
    :param marker: The marker.
    :param number: Number of the submission among those with this marker.
    """
    numbered = {NUMBER_KEY: number} if number > 1 else {}
    return {**spec, "context": {**(spec.get("context") or {}), MARKER_KEY: marker, **numbered}}


def marker_in(job: Mapping[str, Any]) -> str | None:
    """Return the marker of a described job; None if Polaris echoes none."""
    for context in contexts_of(job):
        if isinstance(context.get(MARKER_KEY), str):
            return str(context[MARKER_KEY])
    return None


def number_in(job: Mapping[str, Any]) -> int:
    """Return the number of a described job among those with its marker."""
    numbers = [context[NUMBER_KEY] for context in contexts_of(job) if type(context.get(NUMBER_KEY)) is int]
    return numbers[0] if numbers else 1


def with_segments(spec: Mapping[str, Any], segments: Sequence[str] | None) -> dict[str, Any]:
    """
    Return a copy of a spec that names segments; None changes nothing.

    >>> with_segments({"type": "delete_data"}, ["t_2024"])["context"]
    {'airflowSegments': ['t_2024']}

    :param spec: The JSON object of the job.
    :param segments: Ids of the segments that the job reads or deletes.
    """
    if segments is None:
        return dict(spec)
    return {**spec, "context": {**(spec.get("context") or {}), SEGMENTS_KEY: list(segments)}}


def segments_in(job: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the ids of the segments that a described job names; None if it names none."""
    for context in contexts_of(job):
        if isinstance(context.get(SEGMENTS_KEY), list):
            return tuple(map(str, context[SEGMENTS_KEY]))
    return None


def contexts_of(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the contexts of a described job: services echo the context in the job, in its spec, or in both."""
    bodies = [body for body in (job, job.get("spec")) if isinstance(body, Mapping)]
    return [body["context"] for body in bodies if isinstance(body.get("context"), Mapping)]
