# SPDX-License-Identifier: Apache-2.0
"""The third task of an age-out: prove that the copy is complete, or fail before anything is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.runtime.compat import AirflowSkipException
from airflow_provider_polaris.task_groups.read_only_task import ReadOnlyTask

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.task_groups.table_counts import TableCounter


class AgeOutProveOperator(ReadOnlyTask):
    """
    Compare source and target by the planned method; changes nothing.

    Return value: the proof, which is the plan with the copy job and the current counts of the source. Skips the
    deletion if the source has no rows left.

    :param plan: Result of the plan task. (templated)
    :param job_id: The copy job. (templated)
    :param first_task: The task to clear to copy again.
    """

    template_fields: Sequence[str] = ("plan", "job_id", *ReadOnlyTask.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"plan": "json"}

    def __init__(self, *, plan: Any, job_id: Any, first_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.job_id = job_id
        self.first_task = first_task

    def work(self, counter: TableCounter, context: Context) -> dict[str, Any]:  # noqa: ARG002
        """Return the proof."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.runtime.arguments import as_text
        from airflow_provider_polaris.task_groups.age_out.proof import AlreadyAged, CopyProof

        plan = AgingPlan.from_json(self.plan, "plan")
        try:
            proof = CopyProof(counter, plan, as_text(self.job_id, "job_id"), self.first_task).prove()
        except AlreadyAged as why:
            raise AirflowSkipException(str(why)) from None
        for window in proof.windows:
            self.log.info("Proven: %s, %s rows, by %s.", window.interval, f"{window.rows:,}", plan.way)
        return proof.to_json()
