# SPDX-License-Identifier: Apache-2.0
"""
The ids under which jobs are submitted, so that Druid refuses the same job a second time; performs no I/O.

OBSERVED(Druid 27): a task submitted with the context key ``sqlQueryId`` = ID gets the task id ``query-ID``, and a
second submission of that id is refused while the overlord keeps the task. Letters, digits, ``_`` and ``-`` are
accepted; 240 characters passed, 250 did not.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError

#: Longest ``sqlQueryId`` that this package sends.
LONGEST_ID: Final = 200

#: Druid's prefix of the task id.
_TASK_PREFIX: Final = "query-"

_OURS: Final = re.compile(r"query-airflow-(?P<marker>[A-Za-z0-9_-]+)-(?P<number>[0-9]+)")
_MARKER: Final = re.compile(r"[A-Za-z0-9_-]+")


def query_id(marker: str, number: int) -> str:
    """
    Return the ``sqlQueryId`` of a submission.

    >>> query_id("5f3a", 1)
    'airflow-5f3a-1'

    :param marker: Marker of the task's epoch.
    :param number: Number of the submission in that epoch, from 1.
    :raises PolarisSpecError: The marker has a character that Druid doesn't accept, or is too long.
    """
    text = f"airflow-{marker}-{number}"
    if not _MARKER.fullmatch(marker) or len(text) > LONGEST_ID:
        raise PolarisSpecError(
            f"the marker {marker!r} can't be part of a task id: Druid accepts letters, digits, '_' and '-', and the id "
            f"must not be longer than {LONGEST_ID} characters."
        )
    return text


def random_marker() -> str:
    """Return a marker for a job without one. Only the call that made it can send the same job again."""
    return uuid.uuid4().hex


def task_id(query: str) -> str:
    """
    Return the id of the task that runs a query.

    >>> task_id("airflow-5f3a-1")
    'query-airflow-5f3a-1'
    """
    return _TASK_PREFIX + query


def parse_task_id(text: str) -> tuple[str, int] | None:
    """
    Return marker and number of a task id of this package; None for any other id.

    >>> parse_task_id("query-airflow-5f3a-12"), parse_task_id("query-airflow-5f3a-1-worker0_0")
    (('5f3a', 12), None)
    """
    match = _OURS.fullmatch(text)
    return None if match is None else (match["marker"], int(match["number"]))
