"""
What a task instance writes down about its job, in Airflow's task state store (Airflow 3.3 and newer).

The record is there before the job is, so a try that finds one knows that a job may exist. That there is none proves
nothing: the store may be too old, off, or have been cleaned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from airflow_provider_polaris.jobs.errors import PolarisRecordError
from airflow_provider_polaris.jobs.idempotency.fingerprint import Fingerprint
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, format_instant, parse_instant, quote

#: Key of the record. Stored data: never rename.
RECORD_KEY: Final = "polaris_job"


MarkerUse = Literal["none", "sent", "refused"]


_MARKER_USES: Final[Mapping[str, MarkerUse]] = {"none": "none", "sent": "sent", "refused": "refused"}


_VERSION: Final = 1


#: Jobs that the record remembers as done with. Older ones are out of a search's reach anyway.
_MOST_PAST: Final = 100


class Store(Protocol):
    """The part of Airflow's task state store that is used."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Keep a value."""


@dataclass(frozen=True)
class Record:
    """
    The record.

    :param epoch: Of the task instance when it was written.
    :param fingerprint: Of the job spec.
    :param since: UTC by the worker's clock; no job of this epoch is older. Written once an epoch.
    :param api: Base URL of the API.
    :param project: Id of the project.
    :param table: Name of the target table; None if the spec doesn't tell.
    :param past: Ids of jobs that are done with and must not be taken for the present one.
    :param job_id: The job; None while nobody knows its id.
    :param sent: UTC; when the job was sent last. None without ``job_id`` says that nothing is on its way.
    :param marker: ``sent`` with the job, ``refused`` by Polaris and then left out, or ``none``.
    """

    epoch: int
    fingerprint: Fingerprint
    since: datetime
    api: str
    project: str
    table: str | None
    past: tuple[str, ...] = ()
    job_id: str | None = None
    sent: datetime | None = None
    marker: MarkerUse = "none"

    @property
    def is_marked(self) -> bool:
        """Whether the job was sent with a marker."""
        return self.marker == "sent"

    @property
    def may_have_job(self) -> bool:
        """Whether a job was sent of which there has been no word that it doesn't exist."""
        return self.job_id is not None or self.sent is not None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that is stored."""
        return {
            "v": _VERSION,
            "epoch": self.epoch,
            "fingerprint": dict(self.fingerprint),
            "since": format_instant(self.since),
            "api": self.api,
            "project": self.project,
            "table": self.table,
            "past": list(self.past[-_MOST_PAST:]),
            "job_id": self.job_id,
            "sent": None if self.sent is None else format_instant(self.sent),
            "marker": self.marker,
        }

    @classmethod
    def from_json(cls, value: Any) -> Record:
        """
        Read what :meth:`to_json` wrote.

        :raises ValueError: It is something else, or of a newer version.
        """
        if not isinstance(value, Mapping) or value.get("v") != _VERSION:
            raise ValueError("not a record of version 1")
        sent, job_id, table = value["sent"], value["job_id"], value["table"]
        return cls(
            epoch=int(value["epoch"]),
            fingerprint={str(name): str(digest) for name, digest in value["fingerprint"].items()},
            since=parse_instant(value["since"]),
            api=str(value["api"]),
            project=str(value["project"]),
            table=None if table is None else str(table),
            past=tuple(str(each) for each in value["past"]),
            job_id=None if job_id is None else str(job_id),
            sent=None if sent is None else parse_instant(sent),
            marker=_MARKER_USES[value["marker"]],
        )


class Records:
    """
    The record of one task instance.

    :param store: Airflow's; None if there is none, and then what is written is forgotten with this object.
    :param log: Logger of the task.
    """

    def __init__(self, store: Store | None, log: Any) -> None:
        self._store = store
        self._log = log
        #: Whether there was a record that nobody can read, which proves that the task has run before.
        self.was_unreadable = False

    @property
    def are_durable(self) -> bool:
        """Whether the next try will find what is written."""
        return self._store is not None

    def load(self) -> Record | None:
        """
        Return the record; None if there is none that can be read.

        :raises PolarisRecordError: The store gives no answer.
        """
        if self._store is None:
            return None
        try:
            value = self._store.get(RECORD_KEY)
        except Exception as error:
            raise PolarisRecordError(
                f"Airflow's task state store gave no answer ({error!r}), so nobody knows whether this task has a "
                "Polaris job already; nothing was submitted. Retry the task when Airflow's API server is well."
            ) from error
        if value is None:
            return None
        try:
            return Record.from_json(value)
        except (ValueError, TypeError, KeyError, AttributeError, UnreadableInstantError):
            self.was_unreadable = True
            self._log.warning(
                "The record %r in the task state store can't be read and counts as missing: %s",
                RECORD_KEY,
                quote(value),
            )
            return None

    def write(self, record: Record) -> None:
        """
        Keep a record that must be there before a job is sent.

        It is read back, because a worker only logs a warning when Airflow refuses a value.
        Source: airflow.sdk.execution_time of Airflow 3.3.2.

        :param record: The record.
        :raises PolarisRecordError: It isn't there afterwards.
        """
        if self._store is None:
            return
        value = record.to_json()
        problem = "it can't be read back"
        try:
            self._set(value)
            if self._store.get(RECORD_KEY) == value:
                return
        except Exception as error:
            problem = repr(error)
        raise PolarisRecordError(
            f"the task can't write down what it is about to submit ({problem}), and without its record {RECORD_KEY!r} "
            "in Airflow's task state store a retry could submit the job twice; nothing was submitted. Retry the task "
            "when Airflow's API server is well, check [state_store] max_value_storage_bytes, or do without the store "
            "by durable=False."
        )

    def note(self, record: Record) -> None:
        """Keep a record if possible: what it adds to the one before, the next try can find out."""
        if self._store is None:
            return
        try:
            self._set(record.to_json())
        except Exception as error:
            self._log.warning(
                "Airflow's task state store doesn't take the record %r; a retry will look for the job: %r",
                RECORD_KEY,
                error,
            )

    def _set(self, value: dict[str, Any]) -> None:
        from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined]  # as old as the store itself

        assert self._store is not None
        self._store.set(RECORD_KEY, value, retention=NEVER_EXPIRE)
