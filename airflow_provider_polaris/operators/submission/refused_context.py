# SPDX-License-Identifier: Apache-2.0
"""Log lines about parts of a job's context that a service refuses; performs no I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

from airflow_provider_polaris.jobs.errors import PolarisApiError

WITHOUT_ORIGIN: Final = (
    "The service accepted the job only without %r in its context, so the job doesn't show which task made it. The "
    "answer: %s"
)
WITHOUT_MARKER: Final = (
    "The service accepted the job only without the marker that identifies this task's jobs. Set submit_marker of "
    "connection %r to 'off'. The answer: %s"
)
WITHOUT_KEYS: Final = "The service accepted the job only without %s in its context. The answer: %s"


class Dropped(NamedTuple):
    """
    What was dropped from a job's context after a refusal. The line is logged if the service accepts the rest.

    :param level: Level of the line.
    :param line: The line, for *what* and *refusal*.
    :param what: The part, or the connection whose setting drops it.
    :param refusal: The answer of the service.
    :param needs_marker: Whether the line is wrong if the marker is dropped, too.
    """

    level: int
    line: str
    what: str
    refusal: PolarisApiError
    needs_marker: bool = False
