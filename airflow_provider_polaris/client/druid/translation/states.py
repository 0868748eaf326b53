# SPDX-License-Identifier: Apache-2.0
"""
Translate the status of a Druid task to the execution status of a job; performs no I/O.

OBSERVED(Druid 27): ``statusCode`` is RUNNING, SUCCESS or FAILED. ``runnerStatusCode`` says where a running task is
(WAITING for a lock, PENDING for a slot, RUNNING, NONE); for an ended task it may still be WAITING or PENDING. A task
that was shut down is FAILED with the message "Shutdown request from user".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Message of a task that was shut down. OBSERVED(Druid 27); newer versions have the same text in Druid's source
#: (OverlordResource.doShutdown).
SHUTDOWN_MESSAGE: Final = "Shutdown request from user"

#: Error code of a multi-stage query that was canceled (druid.apache.org/docs/latest/multi-stage-query/reference).
CANCELED_CODE: Final = "Canceled"

_WAITING: Final = frozenset({"WAITING", "PENDING"})


def execution_status(status: Mapping[str, Any]) -> str:
    """
    Return the execution status of a task.

    >>> execution_status({"statusCode": "RUNNING", "runnerStatusCode": "PENDING"})
    'pending'
    >>> execution_status({"status": "FAILED", "errorMsg": "Shutdown request from user"})
    'canceled'

    :param status: ``status`` of a task's status, an entry of the list of tasks, or of the answer for many tasks, which
        has no ``runnerStatusCode``.
    :return: ``pending``, ``running``, ``completed``, ``failed`` or ``canceled``; a word that Druid added since is
        returned in lower case, as a status that this package doesn't know.
    """
    code = status.get("statusCode") or status.get("status")
    if code == "SUCCESS":
        return "completed"
    if code == "FAILED":
        return "canceled" if was_shut_down(status.get("errorMsg")) else "failed"
    if code == "RUNNING":
        return "pending" if status.get("runnerStatusCode") in _WAITING else "running"
    return str(code).lower() if code else "unknown"


def was_shut_down(message: Any) -> bool:
    """
    Return whether the message of a failed task says that it was shut down or canceled.

    :param message: ``errorMsg`` of the task.
    """
    text = message if isinstance(message, str) else ""
    return text.startswith(SHUTDOWN_MESSAGE) or text.partition(":")[0] == CANCELED_CODE
