# SPDX-License-Identifier: Apache-2.0
"""Base class of the operators with ``checks``: conditions on the rows that the job has written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.base import PolarisBaseOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.guards.result_checks import CheckedValue
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class CheckingOperator(PolarisBaseOperator):
    """
    Check the rows that the job has written, after it has completed and before the task succeeds.

    A retry doesn't submit the completed job again: it only repeats the checks. A check that is not met fails the task
    without a retry.

    :param checks: Condition in Druid SQL by the name of the check; see the subclasses. (templated)
    """

    template_fields: Sequence[str] = ("checks", *PolarisBaseOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"checks": "json"}

    def __init__(self, *, checks: Mapping[str, str | Mapping[str, str]] | str | None = None, **kwargs: Any) -> None:
        if checks:
            from airflow_provider_polaris.operators.job_run.checks_argument import refuse_malformed

            refuse_malformed(checks)
        super().__init__(**kwargs)
        self.checks = checks
        #: The results, for OpenLineage.
        self._check_results: list[CheckedValue] = []

    def check_result(self, run: JobRun) -> None:
        """Check the rows that the job has written; see the class."""
        from airflow_provider_polaris.runtime.waits import WaitMemory

        if run.options.checks:
            self._check(run, WaitMemory())

    def continue_check(self, context: Context, event: Any = None, wait: Any = None) -> str | None:  # noqa: ARG002
        """
        Continue the checks after a deferral, and return the job's id, as :meth:`execute` does.

        :param context: Airflow's context.
        :param event: Event of the trigger, which only ends the wait.
        :param wait: The saved state. ``airflow dags test`` drops it. It is None then, and the checks start again in
            this worker.
        :raises AirflowFailException: As :meth:`execute`.
        :raises PolarisError: As :meth:`execute`.
        :raises TaskDeferred: The task waits in the triggerer again.
        """
        from airflow_provider_polaris.runtime.waits import WaitMemory

        if wait is None:
            job_id = self._pushed_facts(context).get("id")
            return self.execute_complete(
                context, {"status": "ended", "job_id": job_id, "state": "completed", "message": "the checks continue"}
            )
        waits = WaitMemory.restore(wait.get("waits"))
        return self._attempt(context, lambda: self._resume_check(wait, context), lambda run: self._check(run, waits))

    def describe_checks(self) -> Sequence[str]:
        """Return the checks after the job, for a dry run, one line each."""
        from airflow_provider_polaris.operators.job_run.checks_argument import read_checks

        return [f"{name}: {condition}" for name, condition in read_checks(self.checks).items()]

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """
        Return the lineage of the job, and the results of the checks as ``dataQualityAssertions`` of its output.

        :param task_instance: Unused.
        """
        lineage = super().get_openlineage_facets_on_complete(task_instance)
        if lineage is not None and self._check_results and lineage.outputs:
            from airflow_provider_polaris.operators.openlineage.assertions import add_assertions

            add_assertions(lineage.outputs[0], self._check_results, self.log)
        return lineage

    def _check(self, run: JobRun, waits: Any) -> None:
        from airflow_provider_polaris.operators.checks.deferred_check import check_or_defer

        deferral = check_or_defer(run, waits, self._check_results)
        if deferral is not None:
            self.defer(**deferral)

    def _resume_check(self, wait: Any, context: Context) -> JobRun:
        from airflow_provider_polaris.operators.checks.deferred_check import DeferredCheck
        from airflow_provider_polaris.operators.job_run.options import JobOptions
        from airflow_provider_polaris.runtime.deferral import restore_state

        deferred = restore_state(DeferredCheck, wait)
        options = restore_state(JobOptions, deferred.options)
        run = self._new_run(deferred.polaris_conn_id, options, None, context)
        deferred.restore(run)
        self.job_id = run.job_id
        return run
