# SPDX-License-Identifier: Apache-2.0
"""
The execution statuses of jobs, as Polaris documents them; performs no I/O.

Source: polaris-sdk 20250425.14.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airflow_provider_polaris.jobs.shortening import LONGEST_WORD, shorten


@dataclass(frozen=True)
class StatusInfo:
    """
    The meaning of an execution status for jobs other than streaming jobs.

    :param meaning: The meaning, as text for messages.
    :param is_terminal: The job has ended; its status no longer changes.
    :param is_abnormal: Not expected for a job of this package; it deserves a warning.
    """

    meaning: str
    is_terminal: bool = False
    is_abnormal: bool = False


#: Every status that Polaris documents, by its value in the API.
STATUSES: Final[Mapping[str, StatusInfo]] = {
    "pending": StatusInfo("waits, usually for resources"),
    "running": StatusInfo("is in progress"),
    "idle": StatusInfo("receives no data, which is normal only for streaming jobs", is_abnormal=True),
    "suspended": StatusInfo("was suspended by a user and can be resumed", is_abnormal=True),
    "unknown": StatusInfo("has an unknown status because of an error inside the service", is_abnormal=True),
    "completed": StatusInfo("has finished; its health may still hold warnings or errors", is_terminal=True),
    "failed": StatusInfo("has failed; its health contains the reason", is_terminal=True),
    "canceled": StatusInfo("was canceled by a user", is_terminal=True),
}


#: Statuses of jobs that have ended.
TERMINAL_STATUSES: Final = frozenset(status for status, info in STATUSES.items() if info.is_terminal)


#: Statuses of jobs that have not ended.
ACTIVE_STATUSES: Final = frozenset(STATUSES) - TERMINAL_STATUSES


#: Statuses of jobs that have ended without a change to the data.
STATUSES_WITHOUT_EFFECT: Final = frozenset({"failed", "canceled"})


_SPELLINGS: Final = {status: status for status in STATUSES}


def normalize_status(text: str) -> str:
    """
    Return a status in the vendor's spelling; an unknown status is returned unchanged, but shortened.

    >>> normalize_status("COMPLETED"), normalize_status("Hibernating")
    ('completed', 'Hibernating')
    """
    text = shorten(text.strip(), LONGEST_WORD)
    # Return the string object of the table, so that ten thousand waiters share it.
    return _SPELLINGS.get(text.lower(), text)


def is_known_status(status: str) -> bool:
    """Whether this package supports the status; False for Polaris' own status ``unknown``."""
    return status in STATUSES and status != "unknown"
