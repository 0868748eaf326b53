"""What one attempt to submit a job knows and works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock


class Kill(Protocol):
    """The part of the kill switch that is used."""

    @property
    def thrown(self) -> bool:
        """Whether the task was killed."""

    def job_is(self, job_id: str, log: Any) -> None:
        """Name the job; if the task was killed meanwhile, it is canceled now."""


@dataclass(frozen=True)
class SubmissionAttempt:
    """
    One attempt.

    :param spec: The JSON object for Polaris, without a marker.
    :param identity: Which task asks.
    :param records: What the task wrote down.
    :param hook: Asks Polaris.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param kill: Thrown when the task is killed.
    :param wants_marker: Whether jobs are to be marked.
    :param repeat_append: Whether rows may be added again.
    :param optional_context: Keys of the context that may be left out.
    """

    spec: Mapping[str, Any]
    identity: TaskIdentity
    records: Records
    hook: PolarisHook
    clock: Clock
    log: Any
    kill: Kill
    wants_marker: bool
    repeat_append: bool
    optional_context: frozenset[str] = frozenset()

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """Of the spec."""
        return fingerprint(self.spec)

    @cached_property
    def place(self) -> SearchScope:
        """Where the job of the spec is to be found."""
        return SearchScope.of(self.spec)

    @cached_property
    def adds_rows(self) -> bool:
        """Whether running the job twice adds its rows twice."""
        return spec_adds_rows(self.spec)

    @property
    def may_be_marked(self) -> bool:
        """Whether the job is sent with a marker, unless Polaris refuses it."""
        return self.wants_marker and takes_marker(self.spec)

    @cached_property
    def api(self) -> str:
        """Base URL of the API."""
        return self.hook.settings.base_url

    @cached_property
    def project(self) -> str:
        """Id of the project."""
        return self.hook.project_id

    def plain_spec(self) -> dict[str, Any]:
        """Return the spec without what may be left out of its context; without a context if none is left."""
        context = self.spec.get("context") or {}
        context = {name: value for name, value in context.items() if name not in self.optional_context}
        rest = {name: value for name, value in self.spec.items() if name != "context"}
        return {**rest, "context": context} if context else rest

    @property
    def marker(self) -> str:
        """The marker of this task's jobs."""
        return self.identity.marker(self.api, self.project)

    @cached_property
    def refusals(self) -> SubmissionMessages:
        """Makes the errors."""
        return SubmissionMessages(self.hook.polaris_conn_id, self.project, self.place.table, self.adds_rows)

    def is_killed(self) -> bool:
        """Whether the task was killed."""
        return self.kill.thrown

    def check_alive(self, hint: str = "") -> None:
        """
        Stop if the task was killed.

        :param hint: What may run on, for the error.
        :raises PolarisJobCanceledError: It was.
        """
        if self.kill.thrown:
            text = "the task was killed before it submitted its job."
            raise PolarisJobCanceledError(f"{text} {hint}".rstrip(), job_id="")

    def record(self, before: Record | None, past: tuple[str, ...], now: datetime, marker: MarkerUse) -> Record:
        """
        Return the record of a job that is about to be sent.

        :param before: The record that was found.
        :param past: Ids of jobs that are done with.
        :param now: The present.
        :param marker: Whether the job carries one.
        """
        is_same_epoch = before is not None and before.epoch == self.identity.epoch
        return Record(
            epoch=self.identity.epoch,
            fingerprint=self.fingerprint,
            since=before.since if before is not None and is_same_epoch else now,
            api=self.api,
            project=self.project,
            table=self.place.table,
            past=past,
            sent=now,
            marker=marker,
        )

    def note_job(self, record: Record, job_id: str) -> None:
        """Name the job to the kill switch, then write its id down."""
        self.kill.job_is(job_id, self.log)
        self.records.note(replace(record, job_id=job_id))
