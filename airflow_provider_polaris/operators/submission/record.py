# SPDX-License-Identifier: Apache-2.0
"""
The record of a task's job in Airflow's task state store (Airflow 3.3 and newer).

The record is stored before the POST, so a record means that a job may exist. A missing record proves nothing: the store
may be missing, disabled or cleaned.
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


#: Maximum number of earlier job ids in the record. A search doesn't reach older jobs.
_MOST_PAST: Final = 100


class Store(Protocol):
    """The required part of Airflow's task state store."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Store a value."""


@dataclass(frozen=True)
class Record:
    """
    The record of a task's job.

    :param epoch: Epoch of the task instance when the record was written.
    :param fingerprint: Fingerprint of the job spec.
    :param since: UTC by the worker's clock; no job of this epoch is older. Written once per epoch.
    :param api: Base URL of the API.
    :param project: Id of the project.
    :param table: Name of the target table; None if the spec doesn't contain it.
    :param past: Ids of earlier jobs, which must not be adopted.
    :param job_id: Id of the job; None while it is unknown.
    :param sent: UTC; when the job was sent last. None without ``job_id`` means that there is no pending POST.
    :param marker: ``sent`` with the job; ``refused`` by Polaris and then omitted; or ``none``.
    :param number: Number of the submission among those with its marker. Only for a service that accepts marker and
        number once.
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
    number: int = 1

    @property
    def is_marked(self) -> bool:
        """Whether the job was sent with a marker."""
        return self.marker == "sent"

    @property
    def may_have_job(self) -> bool:
        """Whether a job was sent and nothing shows that it doesn't exist."""
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
            **({"number": self.number} if self.number > 1 else {}),
        }

    @classmethod
    def from_json(cls, value: Any) -> Record:
        """
        Parse the result of :meth:`to_json`.

        :raises ValueError: The value is not a record, or has a newer version.
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
            number=int(value.get("number", 1)),
        )


class Records:
    """
    The record of one task instance.

    :param store: Airflow's task state store; None if there is none. Then nothing is stored.
    :param log: Logger of the task.
    """

    def __init__(self, store: Store | None, log: Any) -> None:
        self._store = store
        self._log = log
        #: Whether there was an unreadable record, which proves that the task has run before.
        self.was_unreadable = False

    @property
    def are_durable(self) -> bool:
        """Whether the next try can read the record."""
        return self._store is not None

    def load(self) -> Record | None:
        """
        Return the record; None if there is no readable one.

        :raises PolarisRecordError: The store failed.
        """
        if self._store is None:
            return None
        try:
            value = self._store.get(RECORD_KEY)
        except Exception as error:
            raise PolarisRecordError(
                f"Airflow's task state store failed ({error!r}), so it is unknown whether this task already has a "
                "job. Nothing was submitted. Retry the task when Airflow's API server works again."
            ) from error
        if value is None:
            return None
        try:
            return Record.from_json(value)
        except (ValueError, TypeError, KeyError, AttributeError, UnreadableInstantError):
            self.was_unreadable = True
            self._log.warning(
                "The record %r in the task state store is unreadable and is treated as missing: %s",
                RECORD_KEY,
                quote(value),
            )
            return None

    def write(self, record: Record) -> None:
        """
        Store a record that must exist before a job is sent.

        Reads the record back, because a worker only logs a warning when Airflow rejects a value.
        Source: airflow.sdk.execution_time of Airflow 3.3.2.

        :param record: The record.
        :raises PolarisRecordError: The record was not stored.
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
            f"the task can't store its record {RECORD_KEY!r} in Airflow's task state store ({problem}). Without it, a "
            "retry could submit the job twice, so nothing was submitted. Retry the task when Airflow's API server "
            "works again, check [state_store] max_value_storage_bytes, or set durable=False to work without the store."
        )

    def note(self, record: Record) -> None:
        """Store a record if possible. The next try can find out what it adds to the previous record."""
        if self._store is None:
            return
        try:
            self._set(record.to_json())
        except Exception as error:
            self._log.warning(
                "Airflow's task state store doesn't accept the record %r; a retry will search for the job: %r",
                RECORD_KEY,
                error,
            )

    def _set(self, value: dict[str, Any]) -> None:
        from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined]  # as old as the store itself

        assert self._store is not None
        self._store.set(RECORD_KEY, value, retention=NEVER_EXPIRE)
