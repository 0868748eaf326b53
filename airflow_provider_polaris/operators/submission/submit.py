# SPDX-License-Identifier: Apache-2.0
"""
Submit a job exactly once: reconcile with earlier tries, run the guards, store a record, POST, store the job's id.

The job gets a marker, and a record is stored before the POST. If the outcome of the POST is unknown, the job is
searched for before it is sent again, or sent again under the same id if the service accepts an id only once. The caller
waits for the job and pushes the XComs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.jobs.idempotency.matching import JobCriteria
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.submission.attempt import Kill, SubmissionAttempt
from airflow_provider_polaris.operators.submission.find_job import Search
from airflow_provider_polaris.operators.submission.post import JobPost
from airflow_provider_polaris.operators.submission.post_by_id import JobPostById
from airflow_provider_polaris.operators.submission.reconcile import Reconciled, Reconciliation
from airflow_provider_polaris.operators.submission.reconcile_by_id import ReconciliationById
from airflow_provider_polaris.operators.submission.record import Record, Records, Store
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.operators.submission.try_memory import TryMemory

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock


Outcome = Literal["submitted", "adopted", "resumed", "replaced"]


@dataclass(frozen=True)
class Submitted:
    """
    The job of a task.

    :param job: As the service described it last: in the answer to the POST, or when it was found.
    :param outcome: ``submitted``; ``adopted``: found in the list, after a POST whose answer was lost; ``resumed``: an
        earlier try's job, found by its recorded id; ``replaced``: submitted after an earlier job was ended.
    """

    job: JobState
    outcome: Outcome

    @property
    def is_found(self) -> bool:
        """Whether the job existed already. If its result counts as a failure, a retry would find the same job again."""
        return self.outcome in ("adopted", "resumed")


def submit_once(
    *,
    spec: Mapping[str, Any],
    identity: TaskIdentity,
    store: Store | None,
    hook: PolarisHook,
    clock: Clock,
    log: Any,
    kill: Kill,
    marker: Literal["auto", "off"] = "auto",
    repeat_append: bool = False,
    guards: Callable[[tuple[str, ...]], None] | None = None,
    optional_context: Collection[str] = (),
    memory: TryMemory | None = None,
    is_deferrable: bool = False,
) -> Submitted:
    """
    Return the task's job: the one of an earlier try, or a newly submitted one. Never submits two.

    If nothing goes wrong, a first try makes one request, the POST. Logs at most one line and increments one of
    ``polaris.submit.submitted``, ``adopted``, ``resumed``, ``settled`` (outcome ``replaced``) and ``refused``.

    :param spec: The JSON object for Polaris.
    :param identity: The try of the task.
    :param store: Airflow's task state store; None if there is none or it must not be used.
    :param hook: Hook for Polaris.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param kill: Receives the job's id before anything else happens.
    :param marker: ``auto`` marks jobs so that they can be recognized; ``off`` sends the spec as it is.
    :param repeat_append: Submit even if that could add rows twice. An existing job is still resumed.
    :param guards: Called once, right before the first POST, with the ids of this task's earlier jobs. Raises if the job
        must not be submitted.
    :param optional_context: Keys of the spec's context that are left out, with a warning, if Polaris refuses the job.
    :param memory: What the try keeps over its deferrals; None if this is its begin.
    :param is_deferrable: Raise ``WaitElsewhere`` instead of a long wait. Call again with the same memory afterwards.
    :raises WaitElsewhere: The task is to be deferred.
    :raises PolarisGuardError: Submitting could add rows twice, or several jobs match and none can be selected. A retry
        would raise the same error.
    :raises PolarisAmbiguousSubmitError: It is unknown whether there is a job. A retry searches for it.
    :raises PolarisRecordError: The store doesn't work; nothing was submitted.
    :raises PolarisError: Any other error. Nothing was submitted, or the record contains the job.
    """
    attempt = SubmissionAttempt(
        spec=spec,
        identity=identity,
        records=Records(store, log),
        hook=hook,
        clock=clock,
        log=log,
        kill=kill,
        uses_marker=marker == "auto",
        repeat_append=repeat_append,
        optional_context=frozenset(optional_context),
        memory=memory or TryMemory(),
        is_deferrable=is_deferrable,
    )
    try:
        submitted = _submit(attempt, guards)
    except PolarisGuardError:
        count("refused", log)
        raise
    count("settled" if submitted.outcome == "replaced" else submitted.outcome, log)
    return submitted


def _submit(attempt: SubmissionAttempt, guards: Callable[[tuple[str, ...]], None] | None) -> Submitted:
    reconciliation, post = _strategy(attempt)
    memory = attempt.memory
    before = _before_deferral(attempt)
    earlier = before or reconciliation(attempt).run()
    if earlier.job is not None:
        _adopt(attempt, earlier, earlier.job)
        return Submitted(earlier.job, earlier.outcome)
    if before is None:
        memory.reconciled, memory.throttled, memory.passed = earlier.to_json(), None, None
    attempt.check_alive()
    if guards is not None and not memory.has_passed(attempt.clock.now()):
        guards(earlier.past)
        memory.passed = attempt.clock.now().timestamp()
    submission = post(attempt, earlier)
    job, was_lost = submission.run() if memory.throttled is None else submission.run_after_pause()
    if was_lost:
        _log_job(attempt, "Adopted job %r (%s), %s: the POST whose answer was lost created it. See %s", job)
        return Submitted(job, "adopted")
    if earlier.replaced is not None:
        _log_job(attempt, f"Submitted job %r (%s), %s, in place of job {earlier.replaced!r}. See %s", job)
        return Submitted(job, "replaced")
    _log_job(attempt, "Submitted job %r (%s), %s. See %s", job)
    return Submitted(job, "submitted")


def _before_deferral(attempt: SubmissionAttempt) -> Reconciled | None:
    """
    Return the result of the reconciliation from before a deferral of this try; None if it must be repeated.

    It is repeated if the record is no longer the one of that time, because another process may have sent the job.
    """
    memory = attempt.memory
    if memory.reconciled is None or (memory.sent and memory.throttled is None):
        return None
    expected = memory.reconciled["record"] if memory.throttled is None else memory.throttled
    record = attempt.records.load()
    if attempt.records.are_durable and (None if record is None else record.to_json()) != expected:
        return None
    if record is None and memory.throttled is not None:
        record = Record.from_json(memory.throttled)
    earlier = Reconciled.from_json(memory.reconciled, record)
    if attempt.records.are_durable or memory.throttled is not None:
        return earlier
    job = _find_own_job(attempt, earlier.past)
    return earlier if job is None else Reconciled(job, "adopted", None, earlier.past)


def _find_own_job(attempt: SubmissionAttempt, past: tuple[str, ...]) -> JobState | None:
    """
    Return the job with this task's marker; None if there is none.

    Without a store, this is how a resumed task notices that another process has resumed it before. A service that
    accepts a marker only once needs no search.
    """
    if not attempt.may_be_marked or attempt.hook.capabilities.idempotent_submission:
        return None
    marker = {attempt.marker: attempt.identity.epoch}
    wanted = JobCriteria(attempt.fingerprint, marker, needs_certainty=True, was_marked=True)
    search = Search(attempt.hook, wanted, attempt.scope, since=None, past=past, log=attempt.log)
    choice = search.run_once().choice
    return None if choice.job is None else choice.job.state


def _strategy(attempt: SubmissionAttempt) -> tuple[type[Reconciliation], type[JobPost]]:
    """
    Return what settles an unknown outcome: a search for the job, or the same submission again.

    Polaris has no idempotency key. A job without a marker has no id that could be sent again.
    """
    if attempt.may_be_marked and attempt.hook.capabilities.idempotent_submission:
        return ReconciliationById, JobPostById
    return Reconciliation, JobPost


def _adopt(attempt: SubmissionAttempt, earlier: Reconciled, job: JobState) -> None:
    if earlier.outcome == "resumed":
        _log_job(attempt, "Resumed job %r (%s), %s, of an earlier try of this task. See %s", job)
        return
    record = earlier.record or attempt.record(None, earlier.past, attempt.clock.now(), "none")
    attempt.note_job(record, job.job_id)
    _log_job(attempt, "Adopted job %r (%s), %s, of an earlier try of this task. See %s", job)


def _log_job(attempt: SubmissionAttempt, text: str, job: JobState) -> None:
    url = attempt.hook.job_url(job.job_id, job.target_table or "")
    attempt.log.info(text, job.job_id, job.purpose, job.status, url)


def count(outcome: Literal["submitted", "adopted", "resumed", "settled", "refused"], log: Any) -> None:
    """
    Increment the metric ``polaris.submit.<outcome>``.

    :param outcome: How the submission ended.
    :param log: Logger of the task.
    """
    try:
        from airflow.providers.common.compat.sdk import Stats

        Stats.incr(f"polaris.submit.{outcome}")
    except Exception as error:
        log.debug("The metric of this submission was not incremented: %r", error)
