# SPDX-License-Identifier: Apache-2.0
"""
A job in its stored form and in the form of the API. Performs no I/O.

A :class:`Job` is immutable: a change creates a new one, so a failed move leaves the old one unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from airflow_provider_polaris.emulator.status_machine import TERMINAL_STATUSES
from airflow_provider_polaris.emulator.wire.identifiers import rfc3339

OK: Mapping[str, Any] = {"status": "ok"}
# Top-level fields of describe that repeat the specification, by job type.
_COPIED: Mapping[str, tuple[str, ...]] = {
    "batch": ("source", "filterExpression", "ingestionMode", "mappings", "maxParseExceptions", "context"),
    "delete_data": ("deleteAll", "versions"),
    "drop_table": (),
    "restore_data": ("interval", "versions"),
    "sql": ("context", "parameters"),
    "streaming": (
        "source",
        "mappings",
        "dimensionExclusions",
        "useSchemaDiscovery",
        "filterExpression",
        "lateMessageRejectionPeriod",
        "earlyMessageRejectionPeriod",
        "readFromPoint",
        "maxParseExceptions",
    ),
}

#: Fields of a SQL job's request; its stored specification also has what the statement says.
#: DOCUMENTED polaris-sdk 20250425.14.0, CreateSqlJobRequest. GUESS: Polaris echoes no other fields.
_SQL_REQUEST = ("type", "query", "context", "createTableIfNotExists", "parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    A job.

    :param number: Sequence number of the job, in the order of creation.
    :param created: Nanoseconds since the epoch, like all instants in this module.
    :param spec: The specification as it is echoed.
    :param query: The SQL of the job; None if it has no SQL.
    :param aggregations: Whether each of the spec's mappings is an aggregation, all defaults resolved.
    :param table_id: Id of the target table when the job was created.
    :param body_sha256: Hash of the raw body of the POST.
    :param snapshot: The engine's copy of the source for an active job; None if the job reads the source itself.
    :param doomed: Why the job will fail when it is due; None if no conflict was found.
    :param totals: The counts of a finished ingestion job; None before, and for other jobs.
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
    query: str | None
    aggregations: tuple[bool, ...]
    table_id: str | None
    body_sha256: str
    snapshot: str | None = None
    doomed: str | None = None
    totals: Mapping[str, Any] | None = None
    log: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self.status in TERMINAL_STATUSES

    @property
    def had_effect(self) -> bool:
        """Whether the job completed and stored, deleted or restored rows."""
        if self.totals is not None:
            return bool(self.totals["numRowsPersisted"])
        return self.status == "completed" and self.health["status"] == "ok"

    @property
    def source(self) -> Mapping[str, Any]:
        """The echoed source; empty for a job without a source."""
        source: Mapping[str, Any] = self.spec.get("source", {})
        return source

    @property
    def tables_read(self) -> tuple[str, ...]:
        """Names of the tables that the job reads."""
        table = self.source.get("tableName")
        return tuple(self.spec.get("sourceTables", ())) if table is None else (str(table),)

    @property
    def target_name(self) -> str:
        """Name of the target table."""
        return str(self.spec["target"]["tableName"])

    def document(self) -> dict[str, Any]:
        """Return the job as a JSON document."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Job:
        """Parse a document that :meth:`document` returned."""
        known = {field.name: document[field.name] for field in fields(cls) if field.name in document}
        return cls(**{**known, "aggregations": tuple(known["aggregations"]), "log": tuple(known["log"])})


def summary(job: Job, *, intervals: bool = True) -> dict[str, Any]:
    """
    Return a job in the form of the list: without spec, query and mappings, and with only the name of the source.

    DOCUMENTED polaris-sdk 20250425.14.0, BatchJobSummaryResponse and those of the other types. GUESS:
    ``target.intervals`` is shown, unless ``summary_intervals`` hides it.

    :param job: The job.
    :param intervals: Whether to show ``target.intervals``.
    """
    shown = _common(job)
    if job.source:
        named = ("type", "tableName", "connectionName")
        shown = {"source": {key: job.source[key] for key in named if key in job.source}, **shown}
    if not intervals:
        del shown["target"]["intervals"]
    return shown


def full(job: Job) -> dict[str, Any]:
    """
    Return a job in the form of the describe endpoint.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table: the keys and their order.
    DOCUMENTED polaris-sdk 20250425.14.0, BatchJobResponse and those of the other types: the fields that are copied from
    the specification. GUESS: ``context`` is absent when none was sent.
    """
    spec = {key: value for key, value in job.spec.items() if job.type != "sql" or key in _SQL_REQUEST}
    common = _common(job)
    ending = {key: common.pop(key) for key in ("target", "type", "completedTimestamp", "startedTimestamp")}
    return {
        **{key: spec[key] for key in _COPIED[job.type] if key in spec},
        **({} if job.query is None else {"query": job.query}),
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
        "target": _target(job),
        "type": job.type,
        "completedTimestamp": rfc3339(job.completed),
        "startedTimestamp": rfc3339(job.started),
    }


def _target(job: Job) -> dict[str, Any]:
    """GUESS: Polaris shows no intervals of a SQL job, whose request has none."""
    target = dict(job.spec["target"])
    return {**target, "intervals": []} if job.type == "sql" else target
