"""The last task of an age-out: delete from the source what is proven to be in the target, and look at what is gone."""

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
    Delete softly, by the intervals of the proof and nothing else.

    Right before the job is sent the whole proof is made again, so that nothing is deleted on the word of an hour ago.
    After the job, what it took is looked at: Polaris deletes whole segments, and one that reaches outside of the proven
    intervals, or has rows that came after the copy, is restored; the task fails then and says so.

    A retry goes on with the deletion of the try before; cleared after it, the task finds nothing to delete and is
    skipped. Polaris can't cancel a deletion: killed, the task ends and the job runs on.

    :param proof: What the task before left. (templated)
    :param first_task: The task to clear if it has to be copied again.
    """

    template_fields: Sequence[str] = ("proof", *PolarisBaseOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"proof": "json"}

    def __init__(self, *, proof: Any, first_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.proof = proof
        self.first_task = first_task

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the deletion, checked against the table's partitioning."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
        from airflow_provider_polaris.jobs.tables.description import TableDescription
        from airflow_provider_polaris.jobs.validation.deletion import check_deletion
        from airflow_provider_polaris.jobs.validation.rules import check_spec

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
        check_deletion(proof.spans, TableDescription.from_wire(hook.get_table(proof.source)))
        return spec.to_wire()

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:  # noqa: ARG002
        """Prove it again."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.task_groups.age_out.deletion_check import DeletionCheck
        from airflow_provider_polaris.task_groups.age_out.job_conflicts import (
            survey_of,
            wait_for_changes,
            wait_for_readers,
        )
        from airflow_provider_polaris.task_groups.age_out.proof import AlreadyAged, CopyProof

        given = AgingPlan.from_json(self.proof, "proof")
        survey = survey_of(run, self.log)
        wait_for_changes(survey, given.source, given, ours=earlier_jobs)
        wait_for_changes(survey, given.target, given, ours=earlier_jobs)
        wait_for_readers(survey, given.source)
        prover = CopyProof(survey, given, str(given.job), self.first_task)
        try:
            prover.prove()
        except AlreadyAged as why:
            # An earlier deletion may have died before it looked at what it took.
            copied = prover.copied()
            DeletionCheck(survey, given).check_segments(copied, copied)
            raise AirflowSkipException(str(why)) from None

    def describe_guards(self) -> Sequence[str]:
        """Return what the guard looks at."""
        return (
            "wait for other jobs that change the two tables there, and for those that read the source",
            "prove once more, by queries, that the target has everything, and fail if it hasn't",
        )

    def check_result(self, run: JobRun) -> None:
        """Look at what the deletion took, and at what it left."""
        from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
        from airflow_provider_polaris.jobs.status.state import JobState
        from airflow_provider_polaris.operators.guards.messages import format_intervals
        from airflow_provider_polaris.task_groups.age_out.deletion_check import DeletionCheck
        from airflow_provider_polaris.task_groups.age_out.job_conflicts import survey_of
        from airflow_provider_polaris.task_groups.age_out.proof import CopyProof

        given = AgingPlan.from_json(self.proof, "proof")
        survey = survey_of(run, self.log)
        copied = CopyProof(survey, given, str(given.job), self.first_task).copied()
        created = JobState.from_wire(run.hook.get_job(run.job_id)).created
        leftovers = DeletionCheck(survey, given)
        leftovers.check_segments(created or copied, copied)
        leftovers.check_rows()
        self.log.info("Aged from table %r to table %r: %s.", given.source, given.target, format_intervals(given.spans))
