# SPDX-License-Identifier: Apache-2.0
"""The last task of an age-out: delete the proven rows from the source, and check what was deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.base import PolarisBaseOperator
from airflow_provider_polaris.runtime.compat import AirflowSkipException

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class AgeOutDeleteOperator(PolarisBaseOperator):
    """
    Soft-delete the intervals of the proof and nothing else.

    Immediately before the job is submitted, the whole proof is repeated, so that no deletion relies on an old proof.
    After the job, the deleted segments are checked. Polaris deletes whole segments. A segment that exceeds the proven
    intervals, or has rows that arrived after the copy, is restored, and the task fails.

    A retry resumes the delete job of the previous try. If the task is cleared after the deletion, it finds nothing to
    delete and is skipped. Polaris can't cancel a delete job: if the task is killed, the job continues.

    :param proof: Result of the prove task. (templated)
    :param first_task: The task to clear to copy again.
    :param approved: Digest of the proof that a person approved; None if nobody is asked. (templated)
    """

    template_fields: Sequence[str] = ("proof", "approved", *PolarisBaseOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"proof": "json"}

    def __init__(self, *, proof: Any, first_task: str, approved: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.proof = proof
        self.approved = approved
        self.first_task = first_task

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the delete job, checked against the table's partitioning."""
        from airflow_provider_polaris.hooks.tables import find_table
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.jobs.spec.context import with_segments
        from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
        from airflow_provider_polaris.jobs.validation.deletion import check_deletion
        from airflow_provider_polaris.jobs.validation.rules import check_spec
        from airflow_provider_polaris.task_groups.age_out.proof_digest import check_digest

        check_digest(self.proof, self.approved)
        proof = AgingPlan.from_json(self.proof, "proof")
        spec = parse_spec(
            {
                "type": "delete_data",
                "target": {
                    "type": "table",
                    "tableName": proof.source,
                    "intervals": [span.to_wire() for span in proof.spans],
                },
                "softDelete": True,
            }
        )
        check_spec(spec)
        source = find_table(hook, proof.source)
        if source is not None:  # otherwise the guard decides what its absence means
            check_deletion(proof.spans, source.facts)
        return with_segments(spec.to_wire(), proof.segments)

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """Repeat the proof."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.task_groups.age_out.deletion_check import DeletionCheck
        from airflow_provider_polaris.task_groups.age_out.job_conflicts import (
            check_unchanged,
            counter_of,
            wait_for_changes,
            wait_for_readers,
        )
        from airflow_provider_polaris.task_groups.age_out.proof import AlreadyAged, CopyProof

        given = AgingPlan.from_json(self.proof, "proof")
        check_unchanged(spec, given)
        counter = counter_of(run, self.log)
        wait_for_changes(counter, given.source, given, ours=earlier_jobs)
        wait_for_changes(counter, given.target, given, ours=earlier_jobs)
        wait_for_readers(counter, given.source)
        prover = CopyProof(counter, given, str(given.job), self.first_task)
        try:
            prover.prove()
        except AlreadyAged as why:
            # An earlier try may have died after the deletion and before its check.
            copied = prover.copied()
            DeletionCheck(counter_of(run, self.log, has_job=True), given).check_segments(copied, copied)
            raise AirflowSkipException(str(why)) from None

    def describe_guards(self) -> Sequence[str]:
        """Return the checks of the guard."""
        return (
            "wait for other jobs that change the two tables there, and for those that read the source",
            "repeat the proof, by queries, that the target has all rows, and fail if it doesn't",
        )

    def check_result(self, run: JobRun) -> None:
        """Check the deleted segments and the remaining rows."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.jobs.status.state import JobState
        from airflow_provider_polaris.operators.guards.messages import format_intervals
        from airflow_provider_polaris.task_groups.age_out.deletion_check import DeletionCheck
        from airflow_provider_polaris.task_groups.age_out.job_conflicts import counter_of
        from airflow_provider_polaris.task_groups.age_out.proof import CopyProof

        given = AgingPlan.from_json(self.proof, "proof")
        counter = counter_of(run, self.log, has_job=True)
        copied = CopyProof(counter, given, str(given.job), self.first_task).copied()
        created = JobState.from_wire(run.hook.get_job(run.job_id)).created
        leftovers = DeletionCheck(counter, given)
        leftovers.check_segments(created or copied, copied)
        leftovers.check_rows()
        self.log.info("Aged from table %r to table %r: %s.", given.source, given.target, format_intervals(given.spans))
