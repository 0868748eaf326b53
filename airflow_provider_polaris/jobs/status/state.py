"""
What Polaris says about a job: execution status, health, log; performs no I/O and draws no conclusion beyond one look.

Status and health are kept as text, not as an enum: the vendor may add values, and a new one must not break a wait.
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
from airflow_provider_polaris.jobs.shortening import LONGEST_WORD, shorten
from airflow_provider_polaris.jobs.status.health import NO_ROWS_FOUND, Health, LogEntry, parse_log, text_or_none
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


#: Jobs that put rows into a table and end. Streaming jobs don't end, and who drops a table updates nothing.
WRITING_TYPES: Final = frozenset({"batch", "sql", "restore_data"})


@dataclass(frozen=True)
class StatusInfo:
    """
    What one execution status means for a job that is no streaming job.

    :param meaning: For people.
    :param is_terminal: The job has ended and will never have another status.
    :param is_abnormal: A job like ours shouldn't have it; somebody should look.
    """

    meaning: str
    is_terminal: bool = False
    is_abnormal: bool = False


#: Every status that Polaris documents; the value on the wire is the key.
STATUSES: Final[Mapping[str, StatusInfo]] = {
    "pending": StatusInfo("waits, usually for resources"),
    "running": StatusInfo("is in progress"),
    "idle": StatusInfo("gets no data; only streaming jobs should", is_abnormal=True),
    "suspended": StatusInfo("was suspended by a user and can be resumed", is_abnormal=True),
    "unknown": StatusInfo("can't be looked up because of an error inside Polaris", is_abnormal=True),
    "completed": StatusInfo("has finished; its health may still hold warnings or errors", is_terminal=True),
    "failed": StatusInfo("has failed; its health says why", is_terminal=True),
    "canceled": StatusInfo("was canceled by a user", is_terminal=True),
}


#: A job with one of these has ended.
TERMINAL_STATUSES: Final = frozenset(status for status, info in STATUSES.items() if info.is_terminal)


#: A job with one of these has not ended.
ACTIVE_STATUSES: Final = frozenset(STATUSES) - TERMINAL_STATUSES


#: A job with one of these has ended and left the data as it was.
STATUSES_WITHOUT_EFFECT: Final = frozenset({"failed", "canceled"})


_SPELLINGS: Final = {status: status for status in STATUSES}


# A statement may follow comments and SET statements (docs.imply.io/polaris/sql-ingestion-reference, Apache Druid SQL).
_REPLACE: Final = re.compile(
    r"""(?: \s | --[^\n]*(?:\n|$) | /\*(?:[^*]|\*(?!/))*\*/ | SET\s(?:[^;']|'[^']*')*; )* REPLACE\s+INTO\b""",
    re.VERBOSE | re.IGNORECASE,
)


def normalize_status(text: str) -> str:
    """
    Return a status in the vendor's spelling; one that we don't know comes back as it is, but shortened.

    >>> normalize_status("COMPLETED"), normalize_status("Hibernating")
    ('completed', 'Hibernating')
    """
    text = shorten(text.strip(), LONGEST_WORD)
    # The table's own text, so that ten thousand waiters share it.
    return _SPELLINGS.get(text.lower(), text)


def is_known_status(status: str) -> bool:
    """Whether we know what the status means; ``unknown``, Polaris' own word for "no idea", is not known."""
    return status in STATUSES and status != "unknown"


@dataclass(frozen=True)
class JobState:
    """
    One look at a job.

    Read from a describe or create response (everything) or from a list entry (no spec, so no mode and no intervals).

    :param job_id: Id of the job.
    :param type: ``batch``, ``sql``, ``delete_data``, ``restore_data``, ``drop_table``, ``streaming``, or a newer word.
    :param status: ``executionStatus``, in the vendor's spelling.
    :param desired_status: What the user wants; ``canceled`` with the status ``running`` is a cancel on its way.
    :param health: None if Polaris sent none.
    :param created: UTC, to the microsecond. None if missing or unreadable, as all four.
    :param started: When it began to run.
    :param completed: When it was completed; Polaris doesn't promise it for failed and canceled jobs.
    :param updated: Last change *by a user*, not of the status.
    :param modified_by: Who made it, as Polaris names them (``lastModifiedBy.username``).
    :param target_table: Name of the target table.
    :param target_intervals: ``target.intervals``, or the one ``interval`` of a restore, as sent by Polaris, not parsed.
    :param source_table: Name of the source table of a table-to-table job.
    :param source_interval: ``source.interval`` as sent by Polaris.
    :param ingestion_mode: ``append`` or ``replace``; None for other jobs and in lists.
    :param query: SQL of a sql job, or the SQL that Polaris made of a batch job.
    :param body: All that Polaris sent.
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
        Read a job as Polaris sends it.

        >>> JobState.from_wire({"id": "j1", "type": "batch", "executionStatus": "running", "health": None}).describe()
        "job 'j1' (batch) is 'running'"

        :param body: Answer of create or describe, or an entry of a list.
        :raises PolarisProtocolError: It has no ``id`` or no ``executionStatus``, or is no JSON object.
        """
        if not isinstance(body, Mapping):
            raise PolarisProtocolError(f"a job must be a JSON object, but Polaris sent {quote(body)}.")
        for name in ("id", "executionStatus"):
            if not isinstance(body.get(name), str) or not body[name].strip():
                raise PolarisProtocolError(
                    f"a job must have {name!r}, but Polaris sent {quote(body.get(name))} in an object with the keys "
                    f"{quote(sorted(map(str, body)))}. "
                    "If a proxy answers in Polaris' place, check the host of the connection."
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
        """Whether the job has ended, well or badly."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_known(self) -> bool:
        """Whether we know what the status means."""
        return is_known_status(self.status)

    @property
    def is_canceling(self) -> bool:
        """Whether somebody asked to cancel the job and it has not ended yet."""
        return self.desired_status == "canceled" and not self.is_terminal

    @property
    def is_replace(self) -> bool:
        """Whether the job replaces data: ``ingestionMode``, or ``REPLACE INTO`` where only SQL is known."""
        if self.ingestion_mode is not None:
            return self.ingestion_mode == "replace"
        return self.query is not None and _REPLACE.match(self.query) is not None

    @property
    def seconds(self) -> float | None:
        """Seconds from start (or creation) to completion; None unless Polaris gave both."""
        begin = self.started or self.created
        if begin is None or self.completed is None or self.completed < begin:
            return None
        return (self.completed - begin).total_seconds()

    def is_success(self, *, fail_on_warning: bool = False) -> bool:
        """
        Whether the job did what it was for, as far as its own record shows.

        ``completed`` counts unless the health is ``error``. A replace that completed but found no rows does not: it has
        emptied its intervals. Row counts aren't part of a state; :func:`~.judgement.judge` looks at those too.

        :param fail_on_warning: Count any health but ``ok`` as failure, words that we don't know included.
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
        Name the job and its status in one phrase, for logs and the start of error messages.

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
    # Informational only: a timestamp in a new shape must not fail a job that went well.
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except UnreadableInstantError:
        return None


@dataclass(frozen=True)
class CancelResult:
    """
    What came of asking to cancel a job.

    :param status: ``executionStatus`` after that; None if Polaris didn't say.
    :param problem: Why Polaris didn't take the order; None if it did, or if the job had ended before.
    :param again: Whether the same request may succeed later: Polaris gave no answer, or throttled us.
    """

    status: str | None = None
    problem: str | None = None
    again: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether the job is over."""
        return self.status is not None and normalize_status(self.status) in TERMINAL_STATUSES
