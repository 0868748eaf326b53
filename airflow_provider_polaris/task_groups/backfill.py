# SPDX-License-Identifier: Apache-2.0
"""Load a long interval with many jobs: plan the pieces, then load each one in a separate task."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_polaris.operators.table_to_table import PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import TaskGroup, conf
from airflow_provider_polaris.task_groups.arguments import split_group_arguments
from airflow_provider_polaris.task_groups.read_only_task import ReadOnlyTask

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.task_groups.table_counts import TableCounter

#: Operator arguments that the group sets itself.
_DECIDED = frozenset({"source_interval", "target_intervals", "lookback", "replace_all", "task_id"})


class PolarisBackfillTaskGroup(TaskGroup):
    """
    Load a long interval in pieces, with one job for each piece. Tasks: plan, load.

    .. code-block:: python

        PolarisBackfillTaskGroup(
            group_id="backfill",
            source_table="Koalas Source",
            target_table="Koalas Rollup",
            interval="{{ params.interval }}",
            split_by="month",
            dimensions={"city": 'UPPER("city")'},
            measures={"max_session_length": 'MAX("session_length")'},
            rollup_granularity="hour",
            create_table_if_not_exists=True,
        )

    **Plan** splits the interval at the boundaries of ``split_by`` in UTC. The first and the last piece are shorter if
    the interval begins or ends inside of one. In replace mode it checks, before any job is submitted, that every piece
    matches the target's partitions and that the service accepts the job. It reads the target table, and the source
    table if the job aggregates.

    **Load** is a :class:`PolarisTableToTableOperator`, mapped over the pieces. Each piece has its own job, record,
    guards, retries and page, and its interval as its name. Clear one to load one piece again, or ``plan`` with its
    downstream tasks to load all.

    **Concurrency.** Pieces share no partition, so the jobs of a group don't wait for each other.
    ``max_active_tis_per_dagrun`` limits the concurrent jobs. How many jobs Polaris runs concurrently is not
    documented. Jobs that wait for resources are ``pending``, so more than a few jobs may only delay the scheduled ones.
    Each load waits for other jobs on its partitions (``on_conflict``). With ``deferrable`` no worker slot is occupied.

    **Without the group**, if the interval is known when the DAG file is parsed:
    ``PolarisTableToTableOperator.partial(...).expand(interval=[str(each) for each in year.split(Granularity.MONTH)])``.

    Tasks: ``plan`` and ``load``, which are attributes of the group, too. Arguments that both tasks share, such as
    ``retries``, go into ``default_args``. XComs: ``plan`` returns the intervals, as text; ``load`` pushes those of
    :class:`PolarisTableToTableOperator`. Sources: docs.imply.io/polaris/api-replace-data, polaris-sdk 20250425.14.0
    (``pending``), and Airflow's ``[core] max_map_length``.

    :param group_id: Id of the group and prefix of its task ids.
    :param source_table: Table to read. (templated)
    :param target_table: Table to write. (templated)
    :param interval: ISO 8601 interval to load (``2024/P1Y``); None for the interval of the run. (templated)
    :param split_by: Length of a piece: a granularity of Polaris (``month``) or an ISO 8601 period (``P1M``); whole
        partitions of the target. At most 1024 pieces, or ``[core] max_map_length``. (templated)
    :param partition_grain: Length of the run's partition, if the DAG doesn't define it. (templated)
    :param max_active_tis_per_dagrun: Maximum number of concurrent jobs.
    :param polaris_conn_id: The connection of both tasks. (templated)
    :param arguments: Any argument of :class:`PolarisTableToTableOperator` for the jobs, except those that the group
        sets itself (other intervals, ``lookback``, ``replace_all``). Also arguments of Airflow's ``TaskGroup``, such
        as ``default_args`` and ``tooltip``.
    """

    def __init__(
        self,
        group_id: str,
        *,
        source_table: str,
        target_table: str,
        interval: str | Interval | None = None,
        split_by: str = "month",
        partition_grain: str | None = None,
        max_active_tis_per_dagrun: int | None = 2,
        polaris_conn_id: str = "polaris_default",
        **arguments: Any,
    ) -> None:
        decided = sorted(_DECIDED & set(arguments))
        if decided:
            raise TypeError(f"PolarisBackfillTaskGroup sets {', '.join(decided)} of its jobs itself: omit it.")
        own = split_group_arguments(arguments, tooltip=f"Load {target_table} from {source_table} by the {split_by}")
        super().__init__(group_id=group_id, **own)
        job = {"source_table": source_table, "target_table": target_table, **arguments}
        of_jobs = inspect.signature(PolarisTableToTableOperator.__init__).parameters
        with self:
            self.plan = BackfillPlanOperator(
                task_id="plan",
                interval=interval,
                split_by=split_by,
                partition_grain=partition_grain,
                job_arguments={name: value for name, value in job.items() if name in of_jobs},
                polaris_conn_id=polaris_conn_id,
            )
            self.load = PolarisTableToTableOperator.partial(
                task_id="load",
                **{
                    "map_index_template": "{{ task.interval }}",
                    **job,
                    "max_active_tis_per_dagrun": max_active_tis_per_dagrun,
                    "polaris_conn_id": polaris_conn_id,
                },
            ).expand(interval=self.plan.output)


class BackfillPlanOperator(ReadOnlyTask):
    """
    Split an interval into pieces and check them; changes nothing. See :class:`PolarisBackfillTaskGroup`.

    Return value: the pieces as Polaris writes intervals, in time order.

    :param interval: Interval to split; None for the interval of the run. (templated)
    :param split_by: Length of a piece. (templated)
    :param partition_grain: Length of the run's partition. (templated)
    :param job_arguments: Arguments of the jobs. (templated)
    """

    template_fields: Sequence[str] = (
        "interval",
        "split_by",
        "partition_grain",
        "job_arguments",
        *ReadOnlyTask.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"job_arguments": "json"}

    def __init__(
        self,
        *,
        interval: str | Interval | None = None,
        split_by: str = "month",
        partition_grain: str | None = None,
        job_arguments: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.interval = interval
        self.split_by = split_by
        self.partition_grain = partition_grain
        self.job_arguments = job_arguments

    def work(self, counter: TableCounter, context: Context) -> list[str]:
        """Return the pieces."""
        from airflow_provider_polaris.jobs.time.granularity import Granularity
        from airflow_provider_polaris.runtime.arguments import as_text

        whole = self._whole(context)
        step = Granularity.parse(as_text(self.split_by, "split_by"), field="split_by")
        pieces = _cut(whole, step)
        self._check(pieces, whole, step, counter, context)
        self.log.info("Interval %s in %d pieces, split by %s, one job each.", whole, len(pieces), step.value)
        return [piece.to_wire() for piece in pieces]

    def _whole(self, context: Context) -> Interval:
        from airflow_provider_polaris.jobs.time.interval import Interval
        from airflow_provider_polaris.runtime.arguments import as_text, is_none
        from airflow_provider_polaris.runtime.run_interval import interval_of_run

        if isinstance(self.interval, Interval):
            return self.interval
        if not is_none(self.interval):
            return Interval.parse(cast("str", self.interval))
        grain = None if is_none(self.partition_grain) else as_text(self.partition_grain, "partition_grain")
        found = interval_of_run(context, partition_grain=grain)
        self.log.info("Interval %s, from %s.", found.interval, found.origin)
        return found.interval

    def _check(
        self, pieces: Sequence[Interval], whole: Interval, step: Any, counter: TableCounter, context: Context
    ) -> None:
        """Raise the errors that the load task would raise; both build the jobs from the same arguments."""
        from airflow_provider_polaris.jobs.errors import PolarisSpecError

        if self.job_arguments.get("ingestion_mode", "replace") != "replace":
            self._plan({"interval": whole}, counter, context)
            return
        try:
            self._plan({"target_intervals": pieces}, counter, context)
        except PolarisSpecError as error:
            if len(pieces) == 1 or not self._passes(whole, counter, context):
                raise
            raise PolarisSpecError(
                f"{error} The whole interval is aligned, so it is split_by {step.value!r} that cuts through "
                "partitions: split by a coarser one."
            ) from None

    def _passes(self, whole: Interval, counter: TableCounter, context: Context) -> bool:
        from airflow_provider_polaris.jobs.errors import PolarisSpecError

        try:
            self._plan({"target_intervals": [whole]}, counter, context)
        except PolarisSpecError:
            return False
        return True

    def _plan(self, intervals: Mapping[str, Any], counter: TableCounter, context: Context) -> None:
        from airflow_provider_polaris.operators.table_to_table_arguments import TableToTableArguments
        from airflow_provider_polaris.operators.table_to_table_spec import build_spec

        arguments = TableToTableArguments.pick({**self.job_arguments, **intervals})
        build_spec(arguments, cast("Any", context), counter.hook, counter.log)


def _cut(whole: Interval, step: Any) -> list[Interval]:
    """
    Split an interval at the boundaries of ``step``.

    :raises PolarisSpecError: There are more pieces than Airflow can map.
    """
    from airflow_provider_polaris.jobs.errors import PolarisSpecError
    from airflow_provider_polaris.jobs.time.instant import quote

    most = conf.getint("core", "max_map_length", fallback=1024)
    pieces = list(islice(whole.buckets(step), most + 1))
    if len(pieces) > most:
        raise PolarisSpecError(
            f"interval {quote(whole.to_wire())} split by {step.value!r} makes more than {most} pieces, the maximum for "
            "one mapped task in Airflow ([core] max_map_length). Use a coarser split_by, or a shorter interval."
        )
    return pieces
