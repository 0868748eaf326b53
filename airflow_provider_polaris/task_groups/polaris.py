# SPDX-License-Identifier: Apache-2.0
"""Task groups for age-outs and backfills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.operators.approval.settings import PolarisApproval, check_airflow
from airflow_provider_polaris.runtime.compat import TaskGroup
from airflow_provider_polaris.task_groups.age_out.copy import AgeOutCopyOperator
from airflow_provider_polaris.task_groups.age_out.delete import AgeOutDeleteOperator
from airflow_provider_polaris.task_groups.age_out.plan import AgeOutPlanOperator
from airflow_provider_polaris.task_groups.age_out.prove import AgeOutProveOperator
from airflow_provider_polaris.task_groups.arguments import split_group_arguments
from airflow_provider_polaris.task_groups.backfill import PolarisBackfillTaskGroup

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.task_groups.age_out.approve import AgeOutApproveOperator

#: Arguments of the copy that the group sets itself.
_DECIDED = frozenset(
    {
        "interval",
        "source_interval",
        "target_intervals",
        "lookback",
        "ingestion_mode",
        "replace_all",
        "allow_self_append",
        "wait_for_completion",
        "repeat_append",
    }
)
#: Arguments of all four tasks.
_COMMON = frozenset({"deferrable", "poll_interval", "timeout"})
#: Arguments of the two tasks that submit a job.
_OF_JOBS = frozenset({"durable", "pending_warning_after"})

__all__ = ["PolarisAgeOutTaskGroup", "PolarisBackfillTaskGroup"]


class PolarisAgeOutTaskGroup(TaskGroup):
    """
    Move old data to a smaller table. Tasks: plan, copy, prove, approve (on request), delete.

    .. code-block:: python

        PolarisAgeOutTaskGroup(
            group_id="age_out",
            source_table="Koalas Source",
            target_table="Koalas Archive",
            older_than="P30D",
            dimensions={"city": 'UPPER("city")'},
            measures={"sessions": "COUNT(*)", "max_session_length": 'MAX("session_length")'},
            rollup_granularity="hour",
            partitioned_by="day",
            create_table_if_not_exists=True,
        )

    **Selection.** A run ages the time partitions that reach the age in its interval. ``older_than`` counts from the end
    of the run's interval, never from the current time, so a backfill ages what the original runs would have aged. The
    coarser partitions of source and target apply. Each partition belongs to exactly one run, so an hourly run of tables
    with day partitions ages data once a day and is skipped otherwise. The interval of a run is found as in
    :class:`PolarisTableToTableOperator`. With ``catch_up`` a run also ages the oldest earlier partitions that still
    have rows; then allow only one active run (``max_active_runs=1``).

    **Plan** counts the source rows of each partition. Partitions without rows were aged before; if all are empty, the
    group is skipped and logs that. Plan fails while a streaming job into the source accepts rows of that age
    (``on_open_stream``), or if the target has rows that the source may no longer be able to reproduce
    (``on_aged_target``). **Copy** is a :class:`PolarisTableToTableOperator` in replace mode. **Prove** compares both
    tables by partition: by a measure that counts rows (``COUNT(*)``, or ``SUM("__count")`` of a rolled-up source), by
    the rows if none are merged, otherwise by the row metrics of the copy job. **Delete** repeats the proof,
    soft-deletes what is proven (restorable for 30 days), and checks the deleted segments. Polaris deletes whole
    segments; a segment that exceeds the proven intervals is restored.

    With ``approval`` (Airflow 3.1 and newer), a person **approves** the deletion in Airflow's UI after the proof. The
    question has the numbers of the proof, and the task waits without a worker. A rejection skips the deletion. The
    deletion fails if the proof is no longer the approved one.

    **Evidence** includes deep storage: asynchronous SQL, or synchronous SQL of fully precached tables. Rows in a
    stream's memory (real-time rows) are not copied, counted or deleted.

    **Late rows.** If an aged partition gets new rows in the source, it is not aged again automatically, because a
    replace would keep only the new rows. For the run's own partitions, the task fails and its error describes how to
    add the rows. Partitions of ``catch_up`` are left out with a warning.

    **Retry and clear.** Each task can be retried and cleared at any time. Repeating a completed group changes nothing.
    Rows are deleted only if they were found in the target immediately before.

    Tasks: ``plan``, ``copy``, ``prove``, ``approve`` (if requested) and ``delete``, which are attributes of the group,
    too. Arguments that all tasks share, such as ``retries``, go into ``default_args``. XComs: the return values of
    ``plan`` and ``prove`` have ``intervals`` and ``windows`` (``interval``, ``rows``, ``counted``); ``copy`` and
    ``delete`` push those of :class:`PolarisTableToTableOperator`. Sources: docs.imply.io/polaris/api-ingest-table,
    /api-replace-data, /api-delete-data, /manage-deleted-data and /query-async.

    :param group_id: Id of the group and prefix of its task ids.
    :param source_table: Table to move data from. (templated)
    :param target_table: Table to move data to; must differ from the source. (templated)
    :param older_than: Age at which data is moved, an ISO 8601 period: ``P30D``, ``P6M``. (templated)
    :param catch_up: Number of the oldest earlier partitions with rows to age in addition. (templated)
    :param interval: The interval of the run, if it differs from Airflow's. (templated)
    :param partition_grain: Length of the run's partition, if the DAG doesn't define it. (templated)
    :param drop_filtered: With ``filter_expression``: delete rows that don't pass without copying them. Otherwise a
        filter is refused. (templated)
    :param on_open_stream: Action while a streaming job into the source accepts rows of that age: ``fail`` or
        ``continue``. (templated)
    :param on_aged_target: Action if the target already has rows and Polaris' job list doesn't prove that the source
        still has all rows that they were made of: ``fail`` or ``replace``. (templated)
    :param approval: Ask a person before the deletion: True, or a
        :class:`~airflow_provider_polaris.operators.polaris.PolarisApproval` with the users, a time limit, the default
        answer and notifiers. None asks nobody. If guards of the copy ask, they ask the same people.
    :param polaris_conn_id: The connection of all tasks. (templated)
    :param arguments: Any argument of :class:`PolarisTableToTableOperator` for the copy, except those that the group
        sets itself (intervals and mode). If one of its ``checks`` is not met, nothing is deleted. ``deferrable``,
        ``poll_interval`` and ``timeout`` apply to all tasks; ``durable`` and ``pending_warning_after`` apply to copy
        and delete. Also arguments of Airflow's ``TaskGroup``, such as ``default_args`` and ``tooltip``.
    """

    def __init__(
        self,
        group_id: str,
        *,
        source_table: str,
        target_table: str,
        older_than: str,
        catch_up: int | str = 0,
        interval: str | Interval | None = None,
        partition_grain: str | None = None,
        drop_filtered: bool | str = False,
        on_open_stream: str = "fail",
        on_aged_target: str = "fail",
        approval: PolarisApproval | bool | None = None,
        polaris_conn_id: str = "polaris_default",
        **arguments: Any,
    ) -> None:
        decided = sorted(_DECIDED & set(arguments))
        if decided:
            raise TypeError(f"PolarisAgeOutTaskGroup sets {', '.join(decided)} of its copy itself: omit it.")
        settings = PolarisApproval() if approval is True else approval or None
        if settings is not None:
            check_airflow("approval", "Omit it.")
        own = split_group_arguments(arguments, tooltip=f"Age {source_table} out to {target_table}")
        super().__init__(group_id=group_id, **own)
        common = {"polaris_conn_id": polaris_conn_id, **_among(arguments, _COMMON)}
        with self:
            self.plan = AgeOutPlanOperator(
                task_id="plan",
                source_table=source_table,
                target_table=target_table,
                older_than=older_than,
                catch_up=catch_up,
                interval=interval,
                partition_grain=partition_grain,
                drop_filtered=drop_filtered,
                on_open_stream=on_open_stream,
                on_aged_target=on_aged_target,
                copy_arguments={name: value for name, value in arguments.items() if name not in _COMMON | _OF_JOBS},
                **common,
            )
            first_task = self.plan.task_id
            self.copy = AgeOutCopyOperator(
                task_id="copy",
                source_table=source_table,
                target_table=target_table,
                target_intervals=f"{{{{ ti.xcom_pull(task_ids='{first_task}')['intervals'] | tojson }}}}",
                plan=self.plan.output,
                first_task=first_task,
                polaris_conn_id=polaris_conn_id,
                approval=settings,
                **arguments,
            )
            self.prove = AgeOutProveOperator(
                task_id="prove", plan=self.plan.output, job_id=self.copy.output, first_task=first_task, **common
            )
            self.approve = None if settings is None else _approve_task(settings, self.prove.task_id)
            self.delete = AgeOutDeleteOperator(
                task_id="delete",
                proof=self.prove.output,
                first_task=first_task,
                approved=None if self.approve is None else _approved_proof(self.approve.task_id),
                **common,
                **_among(arguments, _OF_JOBS),
            )
            self.plan >> self.copy >> self.prove
            _ = self.prove >> self.delete if self.approve is None else self.prove >> self.approve >> self.delete


def _approve_task(approval: PolarisApproval, prove_task: str) -> AgeOutApproveOperator:
    # Only here, because older versions of Airflow can't import it.
    try:
        from airflow_provider_polaris.task_groups.age_out.approve import AgeOutApproveOperator
    except ImportError as error:
        raise PolarisSpecError(
            f"approval requires apache-airflow-providers-standard 1.12.2 or newer ({error}). Install "
            "airflow-provider-polaris[approval]."
        ) from None
    return AgeOutApproveOperator(task_id="approve", approval=approval, prove_task=prove_task)


def _approved_proof(approve_task: str) -> str:
    return f"{{{{ (ti.xcom_pull(task_ids='{approve_task}') or {{}}).get('proof') or '' }}}}"


def _among(arguments: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name in names}
