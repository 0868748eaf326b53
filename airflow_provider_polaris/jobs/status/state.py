# SPDX-License-Identifier: Apache-2.0
"""
Parse a job's description from Polaris: execution status, health, log. Performs no I/O.

Status and health are stored as text, not as an enum: Polaris may add values, and a new one must not break a wait.
Sources: polaris-sdk 20250425.14.0 (fields and values), docs.imply.io/polaris/api-manage-job,
docs.imply.io/polaris/api-ingest-table (a sample answer, with nine fraction digits).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.status.health import NO_ROWS_FOUND, Health, LogEntry, parse_log, text_or_none
from airflow_provider_polaris.jobs.status.statuses import (
    ACTIVE_STATUSES,
    STATUSES,
    TERMINAL_STATUSES,
    StatusInfo,
    is_known_status,
    normalize_status,
)
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant, quote

__all__ = [
    "ACTIVE_STATUSES",
    "NO_ROWS_FOUND",
    "STATUSES",
    "TERMINAL_STATUSES",
    "WRITING_TYPES",
    "Health",
    "JobState",
    "LogEntry",
    "StatusInfo",
    "is_known_status",
    "normalize_status",
    "parse_log",
]


#: Types of jobs that add rows to a table and end. Streaming jobs do not end, and a drop adds no rows.
WRITING_TYPES: Final = frozenset({"batch", "sql", "restore_data"})


# A statement may follow comments and SET statements (docs.imply.io/polaris/sql-ingestion-reference, Apache Druid SQL).
_REPLACE: Final = re.compile(
    r"""(?: \s | --[^\n]*(?:\n|$) | /\*(?:[^*]|\*(?!/))*\*/ | SET\s(?:[^;']|'[^']*')*; )* REPLACE\s+INTO\b""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class JobState:
    """
    State of a job at the time of one request.

    Parsed from a describe or create response (complete) or from a list entry (no spec, so no mode and no intervals).

    :param job_id: Id of the job.
    :param type: ``batch``, ``sql``, ``delete_data``, ``restore_data``, ``drop_table``, ``streaming``, or a newer word.
    :param status: ``executionStatus``, in the vendor's spelling.
    :param desired_status: The requested status; ``canceled`` with the status ``running`` is a pending cancellation.
    :param health: None if the service sent none.
    :param created: Time of creation, UTC, to the microsecond. All four times are None if missing or unreadable.
    :param started: Time at which the job began to run.
    :param completed: Time of completion; Polaris does not guarantee it for failed and canceled jobs.
    :param updated: Last change *by a user*, not of the status.
    :param modified_by: User of that change (``lastModifiedBy.username``).
    :param target_table: Name of the target table.
    :param target_intervals: ``target.intervals``, or the ``interval`` of a restore, as sent by Polaris, not parsed.
    :param source_table: Name of the source table of a table-to-table job.
    :param source_interval: ``source.interval`` as sent by Polaris.
    :param ingestion_mode: ``append`` or ``replace``; None for other jobs and in lists.
    :param query: SQL of a sql job, or the SQL that Polaris generated for a batch job.
    :param body: The complete JSON object.
    """

    job_id: str
    type: str
    status: str
    desired_status: str | None = None
    health: Health | None = None
    created: datetime | None = None
    started: datetime | None = None
    completed: datetime | None = None
    updated: datetime | None = None
    modified_by: str | None = None
    target_table: str | None = None
    target_intervals: tuple[str, ...] = ()
    source_table: str | None = None
    source_interval: str | None = None
    ingestion_mode: str | None = None
    query: str | None = field(default=None, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> JobState:
        """
        Parse a job from an answer of Polaris.

        >>> JobState.from_wire({"id": "j1", "type": "batch", "executionStatus": "running", "health": None}).describe()
        "job 'j1' (batch) is 'running'"

        :param body: Answer of create or describe, or an entry of a list.
        :raises PolarisProtocolError: ``id`` or ``executionStatus`` is missing, or the answer is not a JSON object.
        """
        if not isinstance(body, Mapping):
            raise PolarisProtocolError(f"a job must be a JSON object, but the service sent {quote(body)}.")
        for name in ("id", "executionStatus"):
            if not isinstance(body.get(name), str) or not body[name].strip():
                raise PolarisProtocolError(
                    f"a job must have {name!r}, but the service sent {quote(body.get(name))} in an object with the "
                    f"keys {quote(sorted(map(str, body)))}. "
                    "If a proxy answers in its place, check the host of the connection."
                )
        spec = _mapping(body.get("spec"))
        target = {**_mapping(spec.get("target")), **_filled(_mapping(body.get("target")))}
        source = {**_mapping(spec.get("source")), **_filled(_mapping(body.get("source")))}
        intervals = target.get("intervals") or [body.get("interval") or spec.get("interval")]
        health = body.get("health")
        return cls(
            job_id=body["id"],
            type=text_or_none(body.get("type")) or text_or_none(spec.get("type")) or "unknown type",
            status=normalize_status(body["executionStatus"]),
            desired_status=text_or_none(body.get("desiredExecutionStatus")),
            health=Health.from_wire(health) if isinstance(health, Mapping | str) else None,
            created=_instant(body.get("createdTimestamp")),
            started=_instant(body.get("startedTimestamp")),
            completed=_instant(body.get("completedTimestamp")),
            updated=_instant(body.get("lastUpdatedTimestamp")),
            modified_by=text_or_none(_mapping(body.get("lastModifiedBy")).get("username")),
            target_table=text_or_none(target.get("tableName")),
            target_intervals=tuple(str(each) for each in intervals if each) if isinstance(intervals, list) else (),
            source_table=text_or_none(source.get("tableName")),
            source_interval=text_or_none(source.get("interval")),
            ingestion_mode=text_or_none(body.get("ingestionMode")) or text_or_none(spec.get("ingestionMode")),
            query=text_or_none(body.get("query")) or text_or_none(spec.get("query")),
            body=body,
        )

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, with success or without."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_known(self) -> bool:
        """Whether this package supports the status."""
        return is_known_status(self.status)

    @property
    def is_canceling(self) -> bool:
        """Whether a cancellation was requested and the job has not ended yet."""
        return self.desired_status == "canceled" and not self.is_terminal

    @property
    def is_replace(self) -> bool:
        """Whether the job replaces data, by ``ingestionMode``, or by ``REPLACE INTO`` if only the SQL is known."""
        if self.ingestion_mode is not None:
            return self.ingestion_mode == "replace"
        return self.query is not None and _REPLACE.match(self.query) is not None

    @property
    def seconds(self) -> float | None:
        """Seconds from start (or creation) to completion; None unless the service sent both times."""
        begin = self.started or self.created
        if begin is None or self.completed is None or self.completed < begin:
            return None
        return (self.completed - begin).total_seconds()

    def is_success(self, *, fail_on_warning: bool = False) -> bool:
        """
        Whether the job succeeded, by its status and health.

        ``completed`` is a success unless the health is ``error``. A replace that completed without rows is a failure:
        it has emptied its intervals. Row counts are not part of a state; :func:`~.completion.completion_error` also
        checks those.

        :param fail_on_warning: Treat any health except ``ok`` as failure, unknown words included.
        """
        if self.status != "completed":
            return False
        if self.health is None:
            return True
        if self.health.is_error or (self.is_replace and NO_ROWS_FOUND in self.health.codes):
            return False
        return self.health.is_ok or not fail_on_warning

    def describe(self) -> str:
        """
        Return the job and its status in one phrase, for logs and the start of error messages.

        >>> JobState("j1", "batch", "failed", health=Health("error", "row_too_large"), target_table="t").describe()
        "job 'j1' (batch into 't') is 'failed' with health 'error' ('row_too_large')"
        """
        text = f"job {self.job_id!r} ({self.purpose}) is {self.status!r}"
        if self.health is not None and not self.health.is_ok:
            text += f" with health {self.health.status!r}" + (f" ({self.health.code!r})" if self.health.code else "")
        return text

    @property
    def purpose(self) -> str:
        """Type and target table, such as ``batch into 'events_hourly'``."""
        if self.target_table is None:
            return self.type
        preposition = {"delete_data": "from", "restore_data": "to", "drop_table": "of"}.get(self.type, "into")
        return f"{self.type} {preposition} {self.target_table!r}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, [])}


def _instant(value: Any) -> datetime | None:
    # Informational only: a timestamp in a new format must not fail a successful job.
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except UnreadableInstantError:
        return None


@dataclass(frozen=True)
class CancelResult:
    """
    The result of a cancel request.

    :param status: ``executionStatus`` after the request; None if Polaris did not send it.
    :param problem: Why the service rejected the cancel request; None if it accepted it, or if the job had already
        ended.
    :param again: Whether the same request may succeed later: the service sent no answer or throttled the request.
    """

    status: str | None = None
    problem: str | None = None
    again: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether the job has ended."""
        return self.status is not None and normalize_status(self.status) in TERMINAL_STATUSES
