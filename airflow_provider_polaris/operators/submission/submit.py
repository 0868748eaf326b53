"""
The one way in which an operator gets its job: reconcile with earlier tries, check, write down, POST, write down the id.

Polaris has no idempotency key. So a job is marked, its coming is recorded before it is sent, and after an outcome that
nobody knows it is looked for instead of sent again. Waiting, judging and XComs are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.submission.attempt import Kill, SubmissionAttempt
from airflow_provider_polaris.operators.submission.post import JobPost
from airflow_provider_polaris.operators.submission.reconcile import Reconciled, Reconciliation
from airflow_provider_polaris.operators.submission.record import Records, Store
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock


Outcome = Literal["submitted", "adopted", "resumed", "settled"]


@dataclass(frozen=True)
class Submitted:
    """
    The job of a task.

    :param job: As Polaris described it last: in the answer to the POST, or when it was found.
    :param outcome: ``submitted``; ``adopted``: found in the list, after a POST whose answer nobody read; ``resumed``:
        an earlier try's, by its recorded id; ``settled``: submitted after an earlier job was brought to its end.
    """

    job: JobState
    outcome: Outcome

    @property
    def is_finished(self) -> bool:
        """Whether the job has ended already: take its result, there is nothing to wait for."""
        return self.job.is_terminal

    @property
    def is_found(self) -> bool:
        """Whether the job was there already. If it completed but is judged a failure, a retry would find it again."""
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
) -> Submitted:
    """
    Get a task its job: go on with the one it has, or submit one, and never two.

    If nothing is wrong a first try makes one request, the POST. Writes at most one log line and counts one of
    ``polaris.submit.submitted``, ``adopted``, ``resumed``, ``settled`` and ``refused``.

    :param spec: The JSON object for Polaris.
    :param identity: Which task asks.
    :param store: Airflow's task state store; None if there is none or it isn't to be used.
    :param hook: Asks Polaris.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param kill: Learns the job's id before anything else happens.
    :param marker: ``auto`` marks jobs so that they can be recognized; ``off`` sends the spec as it is.
    :param repeat_append: Submit where it could add rows twice; a job that is there is gone on with all the same.
    :param guards: Called right before the first POST, and only then, with the ids of this task's earlier jobs; raises
        if the job must not be submitted.
    :param optional_context: Keys of the spec's context that are left out, with a warning, if Polaris refuses the job.
    :raises PolarisGuardError: To submit could add rows twice, or there are jobs between which nobody can choose. A
        retry would find the same.
    :raises PolarisAmbiguousSubmitError: Nobody knows whether there is a job. A retry looks for it.
    :raises PolarisRecordError: The store doesn't work; nothing was submitted.
    :raises PolarisError: Anything else; nothing was submitted, or the record knows of it.
    """
    attempt = SubmissionAttempt(
        spec=spec,
        identity=identity,
        records=Records(store, log),
        hook=hook,
        clock=clock,
        log=log,
        kill=kill,
        wants_marker=marker == "auto",
        repeat_append=repeat_append,
        optional_context=frozenset(optional_context),
    )
    try:
        submitted = _submit(attempt, guards)
    except PolarisGuardError:
        count("refused", log)
        raise
    count(submitted.outcome, log)
    return submitted


def _submit(attempt: SubmissionAttempt, guards: Callable[[tuple[str, ...]], None] | None) -> Submitted:
    earlier = Reconciliation(attempt).run()
    if earlier.job is not None:
        _take_up(attempt, earlier, earlier.job)
        return Submitted(earlier.job, earlier.outcome)
    attempt.check_alive()
    if guards is not None:
        guards(earlier.past)
    job, was_lost = JobPost(attempt, earlier.record, earlier.past).run()
    if was_lost:
        _tell(attempt, "Adopted Polaris job %r (%s), %s: it is what came of the POST without an answer. See %s", job)
        return Submitted(job, "adopted")
    if earlier.settled is not None:
        _tell(attempt, f"Submitted Polaris job %r (%s), %s, in the place of job {earlier.settled!r}. See %s", job)
        return Submitted(job, "settled")
    _tell(attempt, "Submitted Polaris job %r (%s), %s. See %s", job)
    return Submitted(job, "submitted")


def _take_up(attempt: SubmissionAttempt, earlier: Reconciled, job: JobState) -> None:
    if earlier.outcome == "resumed":
        _tell(attempt, "Resumed Polaris job %r (%s), %s, of an earlier try of this task. See %s", job)
        return
    record = earlier.record or attempt.record(None, earlier.past, attempt.clock.now(), "none")
    attempt.note_job(record, job.job_id)
    _tell(attempt, "Adopted Polaris job %r (%s), %s, of an earlier try of this task. See %s", job)


def _tell(attempt: SubmissionAttempt, text: str, job: JobState) -> None:
    url = attempt.hook.job_url(job.job_id, job.target_table or "")
    attempt.log.info(text, job.job_id, job.purpose, job.status, url)


def count(outcome: Literal["submitted", "adopted", "resumed", "settled", "refused"], log: Any) -> None:
    """
    Count one attempt under ``polaris.submit.<outcome>`` in Airflow's metrics.

    :param outcome: How it ended.
    :param log: Logger of the task.
    """
    try:
        from airflow.providers.common.compat.sdk import Stats

        Stats.incr(f"polaris.submit.{outcome}")
    except Exception as error:
        log.debug("The metric of this attempt to submit was not counted: %r", error)
