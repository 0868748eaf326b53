# SPDX-License-Identifier: Apache-2.0
"""Submit the job of a task, or find the one that an earlier try has submitted: plan, log, guard and submit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from airflow_provider_polaris.hooks.task_reads import TaskReads
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.operators.approval.findings import NeedsApproval
from airflow_provider_polaris.operators.approval.settings import PolarisApproval
from airflow_provider_polaris.operators.constant_columns import warn_of_constants
from airflow_provider_polaris.operators.dry_run.report import PlannedTask, is_task_test, show_problems, show_request
from airflow_provider_polaris.operators.job_run.ask_person import ask_person
from airflow_provider_polaris.operators.job_run.deferred_submission import (
    CLIENT_RETRIES,
    SERVICE,
    submission_deferral,
    wait_for_service,
)
from airflow_provider_polaris.operators.job_run.run import JobRun, NoJobNeeded
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.runtime.failure import is_permanent
from airflow_provider_polaris.runtime.waits import WaitElsewhere

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.status.state import JobState
    from airflow_provider_polaris.operators.submission.record import Store
    from airflow_provider_polaris.runtime.compat import BaseOperator, Context


class SubmittingTask(PlannedTask, Protocol):
    """The required part of an operator."""

    retries: Any
    approval: PolarisApproval | None

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """Check right before the POST whether the job may be submitted."""


def submit_or_defer(
    task: SubmittingTask, run: JobRun, context: Context
) -> tuple[JobState | None, dict[str, Any] | None]:
    """
    Call :func:`submit_job`. Instead of a long wait, a deferrable task gets the arguments of a deferral.

    :param task: The operator, with rendered arguments.
    :param run: The job run of this try.
    :param context: Airflow's context.
    :return: The job as the service described it last, None if no job is needed; and the arguments for ``defer``.
    :raises PolarisError: As :func:`submit_job`.
    :raises TaskAwaitingInput: The task waits for a person (Airflow 3.3 and newer).
    :raises TaskDeferred: The task waits for a person (Airflow 3.1 and 3.2).
    """
    run.hook.limit_retries(CLIENT_RETRIES if run.waits_elsewhere else None)
    wait: WaitElsewhere | None
    try:
        job = submit_job(task, run, context)
    except WaitElsewhere as elsewhere:
        wait = elsewhere
        run.memory.waits.end(SERVICE)
    except NeedsApproval as question:
        operator, approval = cast("BaseOperator", task), task.approval or PolarisApproval()
        ask_person(operator, run, context, approval, question.findings)
    except PolarisError as error:
        wait = wait_for_service(run, error)
        if wait is None:
            raise
    else:
        run.hook.limit_retries(None)
        return job, None
    return None, submission_deferral(run, wait)


def submit_job(task: SubmittingTask, run: JobRun, context: Context) -> JobState | None:
    """
    Submit the job of a task, or find the job of an earlier try.

    :param task: The operator, with rendered arguments.
    :param run: The job run of this try; it gets the job's id.
    :param context: Airflow's context.
    :return: The job as the service described it last; None if no job is needed.
    :raises WaitElsewhere: The task is to be deferred. Afterwards the call is repeated with the same memory.
    :raises PolarisError: There is no job, or its existence is unknown; see ``submit_once``.
    """
    run.kill.prepare(run.hook.settings, cancels=run.options.cancel_on_kill)
    identity = TaskIdentity.from_context(context, task.retries)
    # A retry usually resumes a job, which needs no list.
    lists_jobs = identity.first_try_ever or identity.starts_epoch
    run.reads = TaskReads(run.hook, run.clock, lists_jobs=lists_jobs, check_alive=run.limits.check_alive)
    memory = run.memory
    if memory.spec is None:
        memory.spec = dict(task.plan_job(context, run.hook))
        memory.optional_context = list(task.optional_context)
        warn_of_constants(memory.spec, task.log)
        if is_task_test(context):
            show_request(task, memory.spec, run.hook)
    spec = memory.spec
    try:
        return run.submit(
            spec,
            identity,
            _store(task, context) if run.options.durable else None,
            guards=lambda earlier: task.guard_job(spec, run, earlier),
            optional_context=memory.optional_context,
        )
    except PolarisApiError as error:
        if is_permanent(error):
            show_problems(spec, run.hook.polaris_conn_id, task.log)
        raise
    except NoJobNeeded as reason:
        from airflow_provider_polaris.operators.job_run.asset_events import TableChange, emit_asset_event

        task.log.info("%s", reason)
        emit_asset_event(cast("BaseOperator", task), context, TableChange.without_job(spec), run.hook.settings)
        return None


def _store(task: SubmittingTask, context: Context) -> Store | None:
    store: Store | None = context.get("task_state_store")
    if store is None:
        task.log.info(
            "This Airflow has no task state store (new in 3.3). A retry of this task finds its job by the marker in "
            "the list of jobs."
        )
    return store
