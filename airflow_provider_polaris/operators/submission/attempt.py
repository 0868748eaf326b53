# SPDX-License-Identifier: Apache-2.0
"""The inputs of one attempt to submit a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_polaris.jobs.errors import PolarisJobCanceledError
from airflow_provider_polaris.jobs.idempotency.fingerprint import fingerprint
from airflow_provider_polaris.jobs.idempotency.matching import spec_adds_rows
from airflow_provider_polaris.jobs.spec.context import takes_marker
from airflow_provider_polaris.operators.submission.find_job import SearchScope
from airflow_provider_polaris.operators.submission.messages import SubmissionMessages
from airflow_provider_polaris.operators.submission.record import MarkerUse, Record, Records
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.operators.submission.try_memory import TryMemory
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock


class Kill(Protocol):
    """The required part of :class:`~airflow_provider_polaris.operators.job_run.cancel_on_kill.CancelOnKill`."""

    @property
    def is_killed(self) -> bool:
        """Whether the task was killed."""

    def set_job(self, job_id: str, log: Any) -> None:
        """Store the job's id. If the task was already killed, cancel the job now."""


@dataclass(frozen=True)
class SubmissionAttempt:
    """
    One attempt to submit a job.

    :param spec: The JSON object for Polaris, without a marker.
    :param identity: The try of the task.
    :param records: The task's record in Airflow's task state store.
    :param hook: Hook for Polaris.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param kill: Cancels the job when the task is killed.
    :param uses_marker: Whether jobs get a marker.
    :param repeat_append: Whether rows may be added again.
    :param optional_context: Keys of the context that may be omitted.
    :param memory: What the try keeps over its deferrals.
    :param is_deferrable: Whether a long wait raises ``WaitElsewhere``.
    """

    spec: Mapping[str, Any]
    identity: TaskIdentity
    records: Records
    hook: PolarisHook
    clock: Clock
    log: Any
    kill: Kill
    uses_marker: bool
    repeat_append: bool
    optional_context: frozenset[str] = frozenset()
    memory: TryMemory = field(default_factory=TryMemory)
    is_deferrable: bool = False

    @cached_property
    def limits(self) -> Deadline:
        """Where the task waits. The waits of a submission have limits of their own, so there is no deadline."""
        return Deadline(self.clock, self.is_killed, None, self.memory.waits, self.is_deferrable)

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """Fingerprint of the spec."""
        return fingerprint(self.spec)

    @cached_property
    def scope(self) -> SearchScope:
        """Where to search for the job of the spec."""
        return SearchScope.of(self.spec)

    @cached_property
    def adds_rows(self) -> bool:
        """Whether running the job twice adds its rows twice."""
        return spec_adds_rows(self.spec)

    @property
    def may_be_marked(self) -> bool:
        """Whether the job is sent with a marker, unless the service rejects it."""
        return self.uses_marker and takes_marker(self.spec)

    @cached_property
    def api(self) -> str:
        """Base URL of the API."""
        return self.hook.settings.base_url

    @cached_property
    def project(self) -> str:
        """Id of the project."""
        return self.hook.project_id

    def plain_spec(self) -> dict[str, Any]:
        """Return the spec without the optional keys of its context; an empty context is omitted."""
        context = self.spec.get("context") or {}
        context = {name: value for name, value in context.items() if name not in self.optional_context}
        rest = {name: value for name, value in self.spec.items() if name != "context"}
        return {**rest, "context": context} if context else rest

    @property
    def marker(self) -> str:
        """The marker of this task's jobs."""
        return self.identity.marker(self.api, self.project)

    @cached_property
    def messages(self) -> SubmissionMessages:
        """Builds the errors."""
        return SubmissionMessages(self.hook.polaris_conn_id, self.hook.place, self.scope.table, self.adds_rows)

    def is_killed(self) -> bool:
        """Whether the task was killed."""
        return self.kill.is_killed

    def check_alive(self, hint: str = "") -> None:
        """
        Raise if the task was killed.

        :param hint: Text for the error: which job may still run.
        :raises PolarisJobCanceledError: The task was killed.
        """
        if self.kill.is_killed:
            text = "the task was killed before it submitted its job."
            raise PolarisJobCanceledError(f"{text} {hint}".rstrip(), job_id="")

    def pause_throttled(self, record: Record, seconds: float) -> None:
        """
        Wait after a POST that the service had no capacity for.

        :param record: The record of that POST, which a resumed task needs.
        :param seconds: Duration.
        :raises WaitElsewhere: The task is deferred instead.
        """
        self.memory.throttled = record.to_json()
        self.limits.check_patience(seconds)
        self.memory.throttled = None
        self.clock.sleep(seconds, self.is_killed)

    def record(
        self, before: Record | None, past: tuple[str, ...], now: datetime, marker: MarkerUse, *, number: int = 1
    ) -> Record:
        """
        Return the record of a job that is about to be sent.

        :param before: The existing record.
        :param past: Ids of earlier jobs that are no longer relevant.
        :param now: The current time.
        :param marker: How the job's marker is used.
        :param number: Number of the submission among those with its marker.
        """
        is_same_epoch = before is not None and before.epoch == self.identity.epoch
        return Record(
            epoch=self.identity.epoch,
            fingerprint=self.fingerprint,
            since=before.since if before is not None and is_same_epoch else now,
            api=self.api,
            project=self.project,
            table=self.scope.table,
            past=past,
            sent=now,
            marker=marker,
            number=number,
        )

    def note_job(self, record: Record, job_id: str) -> None:
        """Set the job of the kill handler, then store its id in the record."""
        self.kill.set_job(job_id, self.log)
        self.records.note(replace(record, job_id=job_id))
