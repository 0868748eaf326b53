# SPDX-License-Identifier: Apache-2.0
"""The operator that loads one table into another: rollup or copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.checks.checking_operator import CheckingOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.operators.approval.settings import PolarisApproval
    from airflow_provider_polaris.operators.guards.options import GuardOptions
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class PolarisTableToTableOperator(CheckingOperator):
    """
    Load data from one Polaris table into another with one batch job, optionally rolled up.

    By default the job **replaces** the run's interval in the target table, so the task is idempotent. The interval is
    the first of these that is available: ``interval``; the run's data interval, if it is not empty; the run's
    partition. Since Airflow 3, a plain cron schedule has an empty data interval: use ``CronDataIntervalTimetable``,
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

    **Checks.** Before it submits the job, the operator refuses what Polaris would reject and what would lose data. For
    example, it refuses intervals that are not aligned with partitions (Polaris replaces whole partitions), unmarked
    aggregates, and counts of rows on a table that is already rolled up. For these checks and the guards it reads both
    tables and the list of active jobs once, at the same time.

    **Guards.** Right before the POST, in replace mode, the operator counts the rows of source and target, one query
    each at the same time. A replace job that finds fewer rows than the target has erases the difference. Nothing is
    submitted if the source has no rows for the job (``on_empty_source``). Nothing is submitted if partitions of the
    target have rows that the source no longer has (``on_shrink``), for example when an old rollup runs again after its
    source was aged out. The counts use asynchronous SQL, which reads all data. If the project does not support it,
    synchronous SQL counts only tables that are fully precached; otherwise the task fails, and the message lists the
    options. The job has ``failOnEmptyInsert`` in its context, unless the service rejects that key. The task waits
    while the source is being loaded and while other jobs work on the same partitions (``on_conflict``). It refuses to
    write what the target's storage policy would drop immediately (``on_retention``). Each of these arguments is a
    template, so a param can allow a single run: ``on_shrink="{{ params.on_shrink }}"``.

    **Failure.** The task fails if the job fails or is canceled, if its health is an error, and in replace mode if it
    found no rows. In that last case it has emptied the interval, and the message explains how to restore it. The
    message contains Polaris' code, text and log entries. The complete job log is copied into the task's log.

    **Retry, clear, deadline, kill and XCom** are the same for all operators: see
    :class:`~airflow_provider_polaris.operators.base.PolarisBaseOperator`.

    :param source_table: Table to read. (templated)
    :param target_table: Table to write. (templated)
    :param interval: ISO 8601 interval to read and, in replace mode, to replace: ``2025-06-01/2025-06-02``,
        ``2025-06-01/P1D``, or the result of ``{{ data_interval_start }}/{{ data_interval_end }}``. None means the
        interval of the run, also in append mode. A param without a value (``{{ params.interval }}``) counts as None.
        (templated)
    :param source_interval: Interval to read, if it differs. (templated)
    :param target_intervals: Interval or intervals to replace, if they differ. Set alone, they also restrict what is
        read, because Polaris reads no other rows. (templated)
    :param partition_grain: Length of the run's partition (``hour``, ``P1D``), if neither the schedule's rollup window
        nor the partition key nor a cron expression determines it. (templated)
    :param lookback: How much earlier the interval begins, for late data: an ISO 8601 period (``P1D``; ``P1M`` is a
        calendar month). In one job, each run also re-rolls this period before its own interval from the source's
        present data, and ``on_shrink`` checks all of it. Must be whole partitions, in replace mode, and without
        ``replace_all``, ``source_interval`` and ``target_intervals``. Overlapping runs wait for each other. (templated)
    :param ingestion_mode: ``replace`` or ``append``. Polaris' own default is ``append``, which doubles data when a task
        runs twice. (templated)
    :param replace_all: Replace everything in the target with everything in the source (or in ``source_interval``),
        instead of intervals. (templated)
    :param mappings: Columns of the target as Polaris' own objects: ``columnName``, ``expression`` (Druid SQL over the
        columns of the source, in double quotes), and ``isAggregation``, which must be True for an aggregate. Excludes
        ``dimensions``, ``measures`` and ``rollup_granularity``. (templated)
    :param dimensions: Columns to group by: a list of names, or a mapping of names to expressions. (templated)
    :param measures: Mapping of measure names to aggregate expressions. (templated)
    :param rollup_granularity: Granularity to which time is rounded down: Polaris' word (``hour``, ``fifteen_minute``)
        or an ISO 8601 period (``PT1H``). None leaves time unchanged. (templated)
    :param source_is_rollup: Whether the source is already rolled up, so that ``SUM("__count")`` counts events instead
        of ``COUNT(*)``. None reads the type of the table from Polaris. (templated)
    :param filter_expression: SQL condition over the columns of the source, without ``WHERE``. (templated)
    :param create_table_if_not_exists: Let the job create the target. (templated)
    :param partitioned_by: Granularity of the partitions that the job writes: Polaris' word or an ISO 8601 period. None
        means the table's own granularity, or day for a new table. (templated)
    :param allow_finer_partitions: Allow ``partitioned_by`` to be finer than the table's own partitions when intervals
        are checked. Coarser segments that an interval touches are erased whole; make sure that none exist. (templated)
    :param allow_self_append: Allow an append job to read the table that it writes, which doubles its rows. (templated)
    :param clustering_columns: Columns to sort by within a partition. (templated)
    :param max_parse_exceptions: Maximum number of unreadable rows before the job fails; None for Polaris' default.
        (templated)
    :param context: Query context parameters for Polaris. (templated)
    :param on_empty_source: What to do in replace mode if the job would find no rows: ``fail``, ``ask`` a
        person, ``skip`` the task, ``succeed`` without a job if the target has no rows either (a quiet hour; its asset
        event is still emitted), or ``submit`` the job, which empties what it replaces. (templated)
    :param on_shrink: What to do in replace mode if the target has rows that the source no longer has: ``fail``, ``ask``
        or ``submit``. (templated)
    :param on_conflict: What to do while another job works on the same partitions of the target: ``wait`` or ``fail``.
        (templated)
    :param on_retention: What to do if the target's storage policy would drop what the job writes: ``fail``, ``ask`` or
        ``submit``. (templated)
    :param checks: Conditions that the written rows must meet, in Druid SQL by name: ``{"rows": "COUNT(*) > 0", "low":
        'MIN("bytes") >= 0'}``. A condition with an aggregate function is evaluated over all rows, another one for each
        row. One query evaluates all of them after the job has completed, over exactly the interval that it wrote;
        over the whole table if it replaces everything, or appends rows to an unknown interval. If one is false or
        NULL, the task fails without a retry, no asset event is emitted, and the message says how to restore the
        previous rows. (templated)
    :param approval: Whom a guard with the value ``ask`` asks, and for how long: a
        :class:`~airflow_provider_polaris.operators.polaris.PolarisApproval`. None asks everyone who may answer, and
        waits without a limit. Requires Airflow 3.1 or newer.
    :param polaris_conn_id: Id of the Airflow connection. (templated)
    :param wait_for_completion: Wait for the job's end and check its result. False ends the task once the job is
        submitted. (templated)
    :param deferrable: Wait in the triggerer and free the worker slot, before the job is submitted and until it ends.
        The default is Airflow's ``[operators] default_deferrable``. (templated)
    :param poll_interval: Seconds between two polls of the job, varied by up to 10 %. (templated)
    :param timeout: Seconds from the start of this try until the task times out; None for no limit of its own.
        ``execution_timeout`` also counts: the task times out 30 s before it, but not before half of it. (templated)
    :param pending_warning_after: Seconds until a job that is still ``pending`` causes one warning with Polaris' reason;
        None for no warning. (templated)
    :param cancel_on_kill: Cancel the job when the task is killed. (templated)
    :param cancel_on_timeout: Cancel the job when the task times out. (templated)
    :param fail_on_warning: Fail the task if the job completed with a warning. (templated)
    :param durable: Store the job's id in Airflow's task state store (Airflow 3.3 and newer), so that a retry resumes
        the job after any crash. Without the store, a retry finds the job by its marker in the job list. (templated)
    :param repeat_append: Submit a job that adds rows even if they may have been added already: after the task was
        cleared, or if the outcome of an earlier try is unknown. (templated)
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
        *CheckingOperator.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **CheckingOperator.template_fields_renderers,
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
        approval: PolarisApproval | None = None,
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
        self.approval = approval
        if AIRFLOW_VERSION < (3, 1):
            from airflow_provider_polaris.operators.approval.settings import check_literals

            check_literals(on_empty_source=on_empty_source, on_shrink=on_shrink, on_retention=on_retention)

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """Return the spec built from the arguments. The class docstring lists what is refused."""
        from airflow_provider_polaris.jobs.spec.context import (
            EMPTY_INSERT_KEY,
            has_empty_insert_check,
            with_empty_insert_check,
        )
        from airflow_provider_polaris.operators.table_to_table_arguments import TableToTableArguments
        from airflow_provider_polaris.operators.table_to_table_spec import build_spec

        may_be_empty = self._guard_options().on_empty_source == "submit"
        # A dry run has another hook, which reads tables only.
        reads = self._run.reads if self._run is not None and self._run.hook is hook else None
        spec = build_spec(TableToTableArguments.pick(vars(self)), context, hook, self.log, reads)
        if spec["ingestionMode"] != "replace" or may_be_empty or has_empty_insert_check(spec):
            return spec
        # Rows may be deleted between the count and the start of the job.
        self.optional_context = (EMPTY_INSERT_KEY,)
        return with_empty_insert_check(spec)

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """Count the rows to read and to replace, and check for conflicting jobs; see the class."""
        from airflow_provider_polaris.operators.guards.options import GuardOptions
        from airflow_provider_polaris.operators.guards.table_to_table import SourceGuards

        guards = SourceGuards(
            run.hook,
            spec,
            GuardOptions.of_task(self, run.memory),
            limits=run.limits,
            log=self.log,
            poll_interval=run.options.poll_interval,
            reads=run.reads,
            counting=run.memory.counting,
        )
        guards.check(own_jobs=earlier_jobs).apply(run.memory.approved)

    def describe_guards(self) -> Sequence[str]:
        """Return the checks of the guards, one line each."""
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

        return GuardOptions.of_arguments(self)
