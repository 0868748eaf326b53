# SPDX-License-Identifier: Apache-2.0
"""The second task of an age-out: copy the data, and check both tables again immediately before the job is submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.table_to_table import PolarisTableToTableOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class AgeOutCopyOperator(PolarisTableToTableOperator):
    """
    Replace the planned partitions of the target with the rows of the source.

    If this task is cleared alone after the source was deleted, it would replace the only remaining rows. It therefore
    repeats the checks of the plan: every partition still has rows in the source, and for existing target rows, the
    source still has all rows that they were made of.

    :param plan: Result of the plan task. (templated)
    :param first_task: The task to clear if the tables have changed.
    """

    template_fields: Sequence[str] = ("plan", *PolarisTableToTableOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **PolarisTableToTableOperator.template_fields_renderers,
        "plan": "json",
    }

    def __init__(self, *, plan: Any, first_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.first_task = first_task

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """Return the spec, which names the segments of the plan, so that a later run can compare them."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.jobs.spec.context import with_segments

        return with_segments(super().plan_job(context, hook), AgingPlan.from_json(self.plan, "plan").segments)

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """Wait for jobs that change the source, then count the rows that would be read and replaced."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.jobs.errors import PolarisGuardError
        from airflow_provider_polaris.jobs.time.interval import merge
        from airflow_provider_polaris.operators.guards.messages import format_intervals
        from airflow_provider_polaris.task_groups.age_out.job_conflicts import (
            check_unchanged,
            counter_of,
            wait_for_changes,
        )
        from airflow_provider_polaris.task_groups.age_out.planner import not_replaceable
        from airflow_provider_polaris.task_groups.age_out.segments import changed_segments
        from airflow_provider_polaris.task_groups.age_out.table_history import aged_before

        plan = AgingPlan.from_json(self.plan, "plan")
        check_unchanged(spec, plan)
        counter = counter_of(run, self.log)
        wait_for_changes(counter, plan.source, plan, ours=earlier_jobs)
        guards = super().guard_job
        counter.once("guards of the copy", lambda: guards(spec, run, earlier_jobs))
        counts = counter.count_source(plan)
        empty = [bucket for bucket in plan.buckets if bucket not in counts]
        if empty:
            raise PolarisGuardError(
                f"table {plan.source!r} no longer has rows in {format_intervals(merge(empty))}, where it had some when "
                "this was planned; the copy would empty that part of the target. Nothing was submitted. Clear task "
                f"{self.first_task!r} with its downstream tasks: it checks both tables again."
            )
        reasons = not_replaceable(counter, plan, counts)
        if reasons:
            raise aged_before(plan.source, plan.target, list(reasons.items()))
        changed = changed_segments(run.hook, plan)
        if changed is not None:
            raise PolarisGuardError(
                f"{changed} than when this was planned. Nothing was submitted. Clear task {self.first_task!r} with its "
                "downstream tasks: it plans with the current segments."
            )

    def describe_guards(self) -> Sequence[str]:
        """Return the checks of the guards."""
        return (
            f"wait for other jobs that change {self.source_table!r} where it is copied",
            *super().describe_guards(),
            "fail if a planned partition no longer has rows, may have been aged before, or has other segments",
        )
