"""
One job as the emulator keeps it, and as the API shows it; performs no I/O.

A :class:`Job` is a value: a change makes a new one, so a move that fails leaves the old one as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from airflow_provider_polaris.emulator.identity import rfc3339
from airflow_provider_polaris.emulator.machine import TERMINAL_STATUSES

OK: Mapping[str, Any] = {"status": "ok"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    A job.

    :param number: Counts jobs up in the order of their creation.
    :param created: Nanoseconds since the epoch, like all instants here.
    :param spec: The specification as it is echoed.
    :param query: The SQL that the job stands for.
    :param aggregations: Whether each of the spec's mappings is an aggregation, all defaults resolved.
    :param table_id: Id of the target table when the job was made.
    :param body_sha256: Hash of the raw body that the job was made from.
    :param snapshot: What the engine keeps of the source for a job that has not ended; None if it reads the source.
    :param totals: What a finished job counted; None before.
    """

    id: str
    number: int
    type: str
    status: str = "pending"
    desired: str = "running"
    health: Mapping[str, Any]
    created: int
    updated: int
    started: int | None = None
    completed: int | None = None
    created_by: Mapping[str, Any]
    modified_by: Mapping[str, Any]
    spec: Mapping[str, Any]
    query: str
    aggregations: tuple[bool, ...]
    table_id: str | None
    body_sha256: str
    snapshot: str | None = None
    totals: Mapping[str, Any] | None = None
    log: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to the job any more."""
        return self.status in TERMINAL_STATUSES

    @property
    def had_effect(self) -> bool:
        """Whether the job completed, which is when it has totals, and stored rows."""
        return bool(self.totals and self.totals["numRowsPersisted"])

    @property
    def source(self) -> Mapping[str, Any]:
        """The source as it is echoed."""
        source: Mapping[str, Any] = self.spec["source"]
        return source

    @property
    def target_name(self) -> str:
        """Name of the target table."""
        return str(self.spec["target"]["tableName"])

    def document(self) -> dict[str, Any]:
        """Return the job as a JSON document."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Job:
        """Read what :meth:`document` wrote."""
        known = {field.name: document[field.name] for field in fields(cls) if field.name in document}
        return cls(**{**known, "aggregations": tuple(known["aggregations"]), "log": tuple(known["log"])})


def summary(job: Job, *, intervals: bool = True) -> dict[str, Any]:
    """
    Return a job as a list shows it: no spec, no query, no mappings, the source's type and table only.

    DOCUMENTED polaris-sdk 20250425.14.0, BatchJobSummaryResponse. GUESS: ``target.intervals`` is shown, unless
    ``summary_intervals`` says otherwise.

    :param job: The job.
    :param intervals: Whether to show ``target.intervals``.
    """
    source = {key: job.source[key] for key in ("type", "tableName") if key in job.source}
    shown = {"source": source, **_common(job)}
    if not intervals:
        del shown["target"]["intervals"]
    return shown


def full(job: Job) -> dict[str, Any]:
    """
    Return a job as describe shows it.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table: the keys and their order.
    GUESS: ``context`` is absent when none was sent.
    """
    spec = dict(job.spec)
    common = _common(job)
    ending = {key: common.pop(key) for key in ("target", "type", "completedTimestamp", "startedTimestamp")}
    copied = ("source", "filterExpression", "ingestionMode", "mappings", "maxParseExceptions", "context")
    return {
        **{key: spec[key] for key in copied if key in spec},
        "query": job.query,
        **common,
        "spec": spec,
        **ending,
    }


def _common(job: Job) -> dict[str, Any]:
    return {
        "createdBy": dict(job.created_by),
        "createdTimestamp": rfc3339(job.created),
        "desiredExecutionStatus": job.desired,
        "executionStatus": job.status,
        "health": dict(job.health),
        "id": job.id,
        "lastModifiedBy": dict(job.modified_by),
        "lastUpdatedTimestamp": rfc3339(job.updated),
        "target": dict(job.spec["target"]),
        "type": job.type,
        "completedTimestamp": rfc3339(job.completed),
        "startedTimestamp": rfc3339(job.started),
    }
