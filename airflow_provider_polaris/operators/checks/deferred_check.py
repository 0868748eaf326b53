# SPDX-License-Identifier: Apache-2.0
"""Run the checks of a completed job, and defer the task instead of a long wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisJobCanceledError, with_link
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.checks.run_checks import CheckRun
from airflow_provider_polaris.operators.job_run.deferred_submission import (
    CLIENT_RETRIES,
    SERVICE,
    wait_deferral,
    wait_for_service,
)
from airflow_provider_polaris.operators.submission.try_memory import TryMemory
from airflow_provider_polaris.runtime.failure import is_permanent
from airflow_provider_polaris.runtime.waits import WaitElsewhere, WaitMemory

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.job_result import JobFacts
    from airflow_provider_polaris.jobs.guards.result_checks import CheckedValue
    from airflow_provider_polaris.operators.job_run.run import JobRun


@dataclass(frozen=True)
class DeferredCheck:
    """
    The saved state of a task that was deferred while it checked its completed job, in plain JSON.

    :param job_id: Id of the job.
    :param polaris_conn_id: Id of the connection.
    :param url: URL of the job's page.
    :param adopted: As in :class:`~..job_run.run.JobRun`.
    :param options: Fields of :class:`~..job_run.options.JobOptions`.
    :param facts: XCom ``polaris_job``.
    :param waits: Fields of :class:`~.runtime.waits.WaitMemory`.
    """

    job_id: str
    polaris_conn_id: str
    url: str
    adopted: bool | None
    options: Mapping[str, Any]
    facts: Mapping[str, Any] | None
    waits: Mapping[str, Any]

    def restore(self, run: JobRun) -> None:
        """Restore the job run of the deferred task."""
        run.job_id, run.url, run.adopted = self.job_id, self.url, self.adopted
        run.facts = cast("JobFacts | None", self.facts)
        run.waits_elsewhere = True


def check_or_defer(run: JobRun, waits: WaitMemory, results: list[CheckedValue]) -> dict[str, Any] | None:
    """
    Run the checks. Instead of a long wait, a deferrable task gets the arguments of a deferral.

    The deadline of the task ends the wait for the job, and not the checks: each of their waits has its own limit.

    :param run: The job run of this try. Its job has completed. Its state is read if it is unknown.
    :param waits: The waits of the checks before an earlier deferral.
    :param results: The results are added to this list, even if an error is raised for them.
    :return: The arguments for ``defer``; None if all checks are met.
    :raises PolarisError: A check is not met, or could not be evaluated; see :meth:`CheckRun.run`.
    """
    checking = replace(run, memory=TryMemory(waits=waits), deadline=None)
    run.hook.limit_retries(CLIENT_RETRIES if run.waits_elsewhere else None)
    try:
        if run.state is None:
            run.state = checking.state = JobState.from_wire(run.hook.get_job(run.job_id))
        CheckRun(checking).run(results)
        return None
    except WaitElsewhere as elsewhere:
        wait = elsewhere
        waits.end(SERVICE)
    except PolarisJobCanceledError:
        raise _killed(run) from None
    except PolarisError as error:
        service = wait_for_service(checking, error)
        if service is None:
            if not is_permanent(error):
                run.log.warning(
                    "Job %r has completed, and its rows could not be checked. A retry doesn't submit the job again: "
                    "it only repeats the checks.",
                    run.job_id,
                )
            raise
        wait = service
    waits.deferrals += 1
    saved = DeferredCheck(
        job_id=run.job_id,
        polaris_conn_id=run.hook.polaris_conn_id,
        url=run.url,
        adopted=run.adopted,
        options=asdict(run.options),
        facts=None if run.facts is None else dict(run.facts),
        waits=asdict(waits),
    )
    return wait_deferral(checking, wait, "continue_check", asdict(saved))


def _killed(run: JobRun) -> PolarisJobCanceledError:
    return PolarisJobCanceledError(
        with_link(
            f"the task was killed while it checked what job {run.job_id!r} wrote. The job has completed: its rows are "
            "in the table and unchecked.",
            run.url,
        ),
        job_id=run.job_id,
        state=None if run.state is None else run.state.status,
        console_url=run.url,
    )
