"""The operator that loads one table into another: rollup and copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.base import PolarisBaseOperator
from airflow_provider_polaris.runtime.compat import AirflowSkipException

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.operators.guards.options import GuardOptions
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class PolarisTableToTableOperator(PolarisBaseOperator):
    """
    Load data from one Polaris table into another, rolled up if you like: one batch job, waited for.

    By default the job **replaces** the run's interval in the target table, so that a task can run twice and leave the
    same data. The interval is, in this order: ``interval``; the run's data interval, if it is not empty; the run's
    partition. Since Airflow 3 a plain cron schedule gives an empty data interval: use ``CronDataIntervalTimetable``,
    partitions, or ``interval``. Intervals are half-open and in UTC.

    .. code-block:: python

        PolarisTableToTableOperator(
            task_id="rollup",
            source_table="Koalas Source",
            target_table="Koalas Rollup",
            dimensions={"city": 'UPPER("city")'},
            measures={"max_session_length": 'MAX("session_length")'},
            rollup_granularity="hour",
            partitioned_by="day",
            create_table_if_not_exists=True,
        )

    **Before the job.** What Polaris would refuse, and what would lose data, is refused here, without a request for the
    job: intervals that don't fall on partitions (Polaris replaces whole partitions), aggregates that are not marked as
    such, counts that would count the rows of a table that is rolled up already, and more. For that the target table is
    read once in replace mode and where the run gives the interval, and the source table once if the job aggregates and
    ``source_is_rollup`` is not set.

    **Guards.** Right before the job is sent, source and target are looked at once more. In replace mode the rows of
    both are counted, a query each, because a replace that finds less than was there erases the difference: nothing is
    submitted if the source has no rows for the job (``on_empty_source``), or if partitions of the target have rows
    that the source can't give any more (``on_shrink``), such as when an old rollup runs again after its source was aged
    out. Counts come from asynchronous SQL, which sees all data; where the project has none, synchronous SQL counts only
    tables that are wholly precached, and else the task fails and says how to choose. The job carries
    ``failOnEmptyInsert`` in its context, unless Polaris refuses it. The task waits for a source whose data is being
    loaded and for other jobs on the same partitions (``on_conflict``), and refuses to write what the target's storage
    policy would drop at once (``on_retention``). Each of these arguments is a template, so one run can be let through
    by a param: ``on_shrink="{{ params.on_shrink }}"``.

    **Failure.** The job fails the task if it fails or is canceled, if its health is an error, and in replace mode if it
    found no rows: it has emptied the interval then, and the message says how to restore it. The message has Polaris'
    code, words and log entries; the whole log is copied into the task's log.

    **Retry.** A retry goes on with the job of the try before: it waits for it, or takes its result. Only a job that
    failed or was canceled is submitted again. If a try lost the answer to its POST, or died before it could read it,
    the job is looked for and adopted. What can't get better by itself, such as a spec that Polaris refuses or a job
    that failed because of its spec, fails at once without a retry.

    **Clear.** The old job is canceled if it is still at work; once it has ended, a new one is submitted. A completed
    job that added rows is not repeated, unless ``repeat_append=True``: mark the task as success if its rows are wanted.

    **Where it waits.** In the worker, or with ``deferrable``, after one look, in the triggerer, together with all other
    tasks that wait there through the same connection. Result, errors and log are the same. After a deferral nothing is
    taken from templates, which Airflow renders anew.

    **Deadline.** At ``timeout``, or 30 s before ``execution_timeout`` (at half of it at the earliest), the job is
    canceled, unless ``cancel_on_timeout=False``, and the task fails and says how long it waited and in which state the
    job was. In the triggerer no free worker is needed for the cancel. Should no triggerer be there, Airflow resumes the
    task two minutes later and the worker does it.

    **Kill.** Marking the task failed or clearing it cancels the job, unless ``cancel_on_kill=False``: from the worker
    within four seconds; from the triggerer once Airflow says that the task no longer waits for it, so that a triggerer
    may be restarted or replaced. The triggerer goes on asking for up to an hour. A worker can't tell a kill from other
    polite ends of its process, such as an evicted pod, which cancel the job as well: prefer ``deferrable`` where that
    happens.

    **XCom.** Return value: the job's id. ``polaris_job``: ``id``, ``status``, ``intervals``, ``rows_processed``,
    ``rows_persisted``, ``bytes``, ``seconds``, ``adopted``, None where unknown; pushed when the job is submitted and
    again when it has ended. ``polaris_job_url`` and ``polaris_table_url``: where to look.

    :param source_table: Table to read. (templated)
    :param target_table: Table to write. (templated)
    :param interval: ISO 8601 interval to read and, in replace mode, to replace: ``2025-06-01/2025-06-02``,
        ``2025-06-01/P1D``, or what ``{{ data_interval_start }}/{{ data_interval_end }}`` renders. None takes the
        interval of the run, in append mode too, and so does a param without a value (``{{ params.interval }}``).
        (templated)
    :param source_interval: Interval to read, if it is another one. (templated)
    :param target_intervals: Interval or intervals to replace, if they are others; alone they restrict what is read,
        too, because Polaris reads no other rows. (templated)
    :param partition_grain: How long a partition of the run is (``hour``, ``P1D``), where neither the schedule's rollup
        window nor the partition key nor a cron expression tells it. (templated)
    :param lookback: How much earlier the interval begins, for data that comes late: an ISO 8601 period (``P1D``, by the
        calendar for ``P1M``). Each run re-rolls that much before its own interval, in one job, from the source as it is
        then; ``on_shrink`` looks at all of it. In whole partitions, in replace mode, and not with ``replace_all``,
        ``source_interval`` or ``target_intervals``. Runs that overlap wait for each other. (templated)
    :param ingestion_mode: ``replace`` or ``append``. Polaris' own default is ``append``, which doubles data when a task
        runs twice. (templated)
    :param replace_all: Replace everything in the target by everything in the source (or in ``source_interval``),
        instead of intervals. (templated)
    :param mappings: Columns of the target as Polaris' own objects: ``columnName``, ``expression`` (Druid SQL over the
        columns of the source, in double quotes), and ``isAggregation``, which must be True for an aggregate. Instead of
        the next three. (templated)
    :param dimensions: Columns to group by: a list of names, or name and expression of each. (templated)
    :param measures: Name and aggregate expression of each measure. (templated)
    :param rollup_granularity: What time is rounded down to: Polaris' word (``hour``, ``fifteen_minute``) or an ISO 8601
        period (``PT1H``). None leaves time as it is. (templated)
    :param source_is_rollup: Whether the source is rolled up already, so that events are counted by ``SUM("__count")``
        and not by ``COUNT(*)``. None asks Polaris for the type of the table. (templated)
    :param filter_expression: SQL condition over the columns of the source, without ``WHERE``. (templated)
    :param create_table_if_not_exists: Let the job create the target. (templated)
    :param partitioned_by: Granularity of the partitions that the job writes, Polaris' word or an ISO 8601 period; None
        for the table's own, or day for a new table. (templated)
    :param allow_finer_partitions: Let ``partitioned_by`` be finer than the table's own partitions where intervals are
        checked. Coarser segments that an interval touches are erased whole, so be sure that there are none. (templated)
    :param allow_self_append: Let an append read the table that it writes, which doubles its rows. (templated)
    :param clustering_columns: Columns to sort by within a partition. (templated)
    :param max_parse_exceptions: How many rows may be unreadable before the job fails; None for Polaris' default.
        (templated)
    :param context: Query context parameters for Polaris. (templated)
    :param on_empty_source: What to do in replace mode if the job would find no rows: ``fail``, ``skip`` the task, let
        it ``succeed`` without a job where the target has no rows either (a quiet hour; its asset event comes all the
        same), or ``submit`` the job, which empties what it replaces. (templated)
    :param on_shrink: What to do in replace mode if the target has rows that the source can't give any more: ``fail`` or
        ``submit``. (templated)
    :param on_conflict: What to do while another job works on the same partitions of the target: ``wait`` or ``fail``.
        (templated)
    :param on_retention: What to do if the target's storage policy would drop what the job writes: ``fail`` or
        ``submit``. (templated)
    :param polaris_conn_id: The connection. (templated)
    :param wait_for_completion: Wait for the job's end and judge it; False ends the task once the job is submitted.
        (templated)
    :param deferrable: Wait in the triggerer and leave the worker to others. Without effect where nobody waits. The
        default is Airflow's ``[operators] default_deferrable``. (templated)
    :param poll_interval: Seconds between two looks at the job, give or take a tenth. (templated)
    :param timeout: Seconds from the start of this attempt after which the task gives up; None for no limit of its own.
        ``execution_timeout`` counts too: the task gives up 30 s before it, at half of it at the earliest. (templated)
    :param pending_warning_after: Seconds after which a job that is still ``pending`` is worth one warning with what
        Polaris says about it; None for no warning. (templated)
    :param cancel_on_kill: Cancel the job when the task is killed. (templated)
    :param cancel_on_timeout: Cancel the job when the task gives up. (templated)
    :param fail_on_warning: Fail if the job completed with a warning. (templated)
    :param durable: Write the job down in Airflow's task state store, where there is one (Airflow 3.3 and newer), so
        that a retry goes on with it whatever died when. Without, the marker in the job and the list of jobs decide.
        (templated)
    :param repeat_append: Submit a job that adds rows also where rows may be in already: after the task was cleared, or
        where nobody knows what an earlier try did. (templated)
    """

    template_fields: Sequence[str] = (
        "source_table",
        "target_table",
        "interval",
        "source_interval",
        "target_intervals",
        "partition_grain",
        "lookback",
        "ingestion_mode",
        "replace_all",
        "mappings",
        "dimensions",
        "measures",
        "rollup_granularity",
        "source_is_rollup",
        "filter_expression",
        "create_table_if_not_exists",
        "partitioned_by",
        "allow_finer_partitions",
        "allow_self_append",
        "clustering_columns",
        "max_parse_exceptions",
        "context",
        "on_empty_source",
        "on_shrink",
        "on_conflict",
        "on_retention",
        *PolarisBaseOperator.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "mappings": "json",
        "dimensions": "json",
        "measures": "json",
        "target_intervals": "json",
        "clustering_columns": "json",
        "context": "json",
        "filter_expression": "sql",
    }

    def __init__(
        self,
        *,
        source_table: str,
        target_table: str,
        interval: str | Interval | None = None,
        source_interval: str | Interval | None = None,
        target_intervals: Sequence[str | Interval] | str | Interval | None = None,
        partition_grain: str | None = None,
        lookback: str | None = None,
        ingestion_mode: str = "replace",
        replace_all: bool | str = False,
        mappings: Sequence[Mapping[str, Any]] | str | None = None,
        dimensions: Sequence[str] | Mapping[str, str] | str | None = None,
        measures: Mapping[str, str] | str | None = None,
        rollup_granularity: str | None = None,
        source_is_rollup: bool | str | None = None,
        filter_expression: str | None = None,
        create_table_if_not_exists: bool | str = False,
        partitioned_by: str | None = None,
        allow_finer_partitions: bool | str = False,
        allow_self_append: bool | str = False,
        clustering_columns: Sequence[str] | str | None = None,
        max_parse_exceptions: int | str | None = None,
        context: Mapping[str, Any] | str | None = None,
        on_empty_source: str = "fail",
        on_shrink: str = "fail",
        on_conflict: str = "wait",
        on_retention: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_table = source_table
        self.target_table = target_table
        self.interval = interval
        self.source_interval = source_interval
        self.target_intervals = target_intervals
        self.partition_grain = partition_grain
        self.lookback = lookback
        self.ingestion_mode = ingestion_mode
        self.replace_all = replace_all
        self.mappings = mappings
        self.dimensions = dimensions
        self.measures = measures
        self.rollup_granularity = rollup_granularity
        self.source_is_rollup = source_is_rollup
        self.filter_expression = filter_expression
        self.create_table_if_not_exists = create_table_if_not_exists
        self.partitioned_by = partitioned_by
        self.allow_finer_partitions = allow_finer_partitions
        self.allow_self_append = allow_self_append
        self.clustering_columns = clustering_columns
        self.max_parse_exceptions = max_parse_exceptions
        self.context = context
        self.on_empty_source = on_empty_source
        self.on_shrink = on_shrink
        self.on_conflict = on_conflict
        self.on_retention = on_retention

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """Return the job made from the arguments; see the class for what is refused."""
        from airflow_provider_polaris.jobs.spec.context import (
            EMPTY_INSERT_KEY,
            has_empty_insert_check,
            with_empty_insert_check,
        )
        from airflow_provider_polaris.operators.table_to_table_arguments import TableToTableArguments
        from airflow_provider_polaris.operators.table_to_table_spec import build_spec

        may_be_empty = self._guard_options().on_empty_source == "submit"
        spec = build_spec(TableToTableArguments.pick(vars(self)), context, hook, self.log)
        if spec["ingestionMode"] != "replace" or may_be_empty or has_empty_insert_check(spec):
            return spec
        # Rows that are there when they are counted may be gone when the job is launched.
        self.optional_context = (EMPTY_INSERT_KEY,)
        return with_empty_insert_check(spec)

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """Count what would be read and replaced, look for other jobs in the way; see the class."""
        from airflow_provider_polaris.operators.guards.table_to_table import SourceGuards
        from airflow_provider_polaris.operators.job_run.run import NoJobNeeded

        guards = SourceGuards(
            run.hook,
            spec,
            self._guard_options(),
            clock=run.clock,
            log=self.log,
            stop=lambda: run.kill.thrown,
            deadline=run.deadline,
            poll_interval=run.options.poll_interval,
        )
        decision = guards.check(own_jobs=earlier_jobs)
        if decision.action == "skip":
            raise AirflowSkipException(decision.reason)
        if decision.action == "succeed":
            raise NoJobNeeded(decision.reason)

    def describe_guards(self) -> Sequence[str]:
        """Return what the guards look at."""
        from airflow_provider_polaris.operators.guards.messages import describe_source_guards
        from airflow_provider_polaris.runtime.arguments import as_optional_text

        return describe_source_guards(
            self._guard_options(),
            self.ingestion_mode,
            source=self.source_table,
            target=self.target_table,
            condition=as_optional_text(self.filter_expression, "filter_expression"),
        )

    def _guard_options(self) -> GuardOptions:
        from airflow_provider_polaris.operators.guards.options import GuardOptions

        return GuardOptions.read(
            on_empty_source=self.on_empty_source,
            on_shrink=self.on_shrink,
            on_conflict=self.on_conflict,
            on_retention=self.on_retention,
        )
