# SPDX-License-Identifier: Apache-2.0
"""The operator that runs an ``INSERT INTO`` or ``REPLACE INTO`` statement as a job."""

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


class PolarisSqlJobOperator(CheckingOperator):
    """
    Run one ``INSERT INTO`` or ``REPLACE INTO`` statement as a job: joins, subqueries, ``WITH``, external files.

    Write the statement in the DAG or in a ``.sql`` file, with templates. ``REPLACE`` makes the task idempotent: the
    macro ``within`` writes the condition of an interval for both of its places.

    .. code-block:: sql+jinja

        REPLACE INTO "sessions by country"
        OVERWRITE WHERE {{ macros.polaris.within(data_interval_start, data_interval_end) }}
        SELECT TIME_FLOOR(s."__time", 'PT1H') AS "__time", c."country", SUM(s."length") AS "length"
        FROM "sessions" s JOIN "cities" c ON s."city" = c."city"
        WHERE {{ macros.polaris.within(data_interval_start, data_interval_end, 's."__time"') }}
        GROUP BY 1, 2
        PARTITIONED BY DAY CLUSTERED BY "country"

    .. code-block:: python

        PolarisSqlJobOperator(
            task_id="by_country", sql="by_country.sql", interval="{{ data_interval_start }}/{{ data_interval_end }}"
        )

    **What is read from the statement.** The target, the replaced intervals, the partitions and the tables are read from
    the statement, so that the job is checked like that of
    :class:`~airflow_provider_polaris.operators.polaris.PolarisTableToTableOperator`. What can't be read for sure is
    refused, or asked for by an argument, and never assumed. A ``UNION`` at the top level is refused, because Druid
    makes several jobs of it. A semicolon at the end is removed. Times are in UTC, unless ``context`` has
    ``sqlTimeZone``.

    **Checks.** Before it submits the job, the operator refuses what the service would reject and what would lose data:
    an ``OVERWRITE WHERE`` that is not aligned with partitions, that is not the task's ``interval``, or that is larger
    than the part of the source that is read; and an ``INSERT`` into a table that the statement reads. For these checks
    it reads the target table, unless an ``INSERT`` may create it. The guards use the same description.

    **Guards.** Right before the POST of a ``REPLACE``, the operator counts the rows that the SELECT returns and the
    rows that are replaced, one query each, at the same time. Nothing is submitted if the SELECT returns none
    (``on_empty_source``), or if partitions of the target have rows that the SELECT no longer returns (``on_shrink``).
    The counts use asynchronous SQL, which reads all data. If the project does not support it, synchronous SQL counts
    only tables that are fully precached; otherwise the task fails. The job has ``failOnEmptyInsert`` in its context,
    unless the service rejects that key. The task waits while a source is being loaded and while other jobs work on the
    same partitions (``on_conflict``). It refuses to write what the target's storage policy would drop immediately
    (``on_retention``).

    **Failure.** As for the other operators: if the job fails or is canceled, if its health is an error, and if a
    ``REPLACE`` found no rows.

    **Retry, clear, deadline, kill and XCom** are the same for all operators: see
    :class:`~airflow_provider_polaris.operators.base.PolarisBaseOperator`. A cleared ``INSERT`` whose job has completed
    is refused, unless ``repeat_append=True``.

    :param sql: The statement, or the path of a ``.sql`` file, relative to the DAG file or to ``template_searchpath``.
        (templated, including the file's text)
    :param parameters: A value for each ``?`` of the SELECT, in order: text, number, boolean, or ``{"type": "VARCHAR",
        "value": "x"}``. Sent as parameters, not pasted into the text. (templated)
    :param interval: ISO 8601 interval that a ``REPLACE`` has to overwrite: the task fails if the statement names
        another one. None accepts what the statement says. (templated)
    :param create_table_if_not_exists: Let the job create the target. (templated)
    :param source_tables: The tables that the statement reads, if this package can't read them from the SELECT.
        (templated)
    :param allow_finer_partitions: Allow ``PARTITIONED BY`` to be finer than the table's own partitions when intervals
        are checked. Coarser segments that an interval touches may be erased whole; make sure that none exist.
        (templated)
    :param allow_self_append: Allow an ``INSERT`` to read the table that it writes, which doubles its rows. (templated)
    :param context: Query context parameters. (templated)
    :param on_empty_source: What to do in a ``REPLACE`` if the SELECT returns no rows: ``fail``, ``ask`` a person,
        ``skip`` the task, ``succeed`` without a job if the target has no rows either, or ``submit`` the job, which
        empties what it replaces. (templated)
    :param on_shrink: What to do in a ``REPLACE`` if the target has rows that the SELECT no longer returns: ``fail``,
        ``ask`` or ``submit``. (templated)
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
    :param deferrable: Wait in the triggerer and free the worker slot. No effect without ``wait_for_completion``. The
        default is Airflow's ``[operators] default_deferrable``. (templated)
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
        "sql",
        "parameters",
        "interval",
        "create_table_if_not_exists",
        "source_tables",
        "allow_finer_partitions",
        "allow_self_append",
        "context",
        "on_empty_source",
        "on_shrink",
        "on_conflict",
        "on_retention",
        *CheckingOperator.template_fields,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **CheckingOperator.template_fields_renderers,
        "sql": "sql",
        "parameters": "json",
        "source_tables": "json",
        "context": "json",
    }

    def __init__(
        self,
        *,
        sql: str,
        parameters: Sequence[Any] | str | None = None,
        interval: str | Interval | None = None,
        create_table_if_not_exists: bool | str = False,
        source_tables: Sequence[str] | str | None = None,
        allow_finer_partitions: bool | str = False,
        allow_self_append: bool | str = False,
        context: Mapping[str, Any] | str | None = None,
        on_empty_source: str = "fail",
        on_shrink: str = "fail",
        on_conflict: str = "wait",
        on_retention: str = "fail",
        approval: PolarisApproval | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.parameters = parameters
        self.interval = interval
        self.create_table_if_not_exists = create_table_if_not_exists
        self.source_tables = source_tables
        self.allow_finer_partitions = allow_finer_partitions
        self.allow_self_append = allow_self_append
        self.context = context
        self.on_empty_source = on_empty_source
        self.on_shrink = on_shrink
        self.on_conflict = on_conflict
        self.on_retention = on_retention
        self.approval = approval
        if AIRFLOW_VERSION < (3, 1):
            from airflow_provider_polaris.operators.approval.settings import check_literals

            check_literals(on_empty_source=on_empty_source, on_shrink=on_shrink, on_retention=on_retention)

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the spec with the checked statement. The class docstring lists what is refused."""
        from airflow_provider_polaris.jobs.spec.context import (
            EMPTY_INSERT_KEY,
            has_empty_insert_check,
            with_empty_insert_check,
        )
        from airflow_provider_polaris.jobs.validation.statement import tables_of
        from airflow_provider_polaris.operators.sql.arguments import SqlJobArguments
        from airflow_provider_polaris.operators.sql.plan import check_job

        job = SqlJobArguments.read(vars(self))
        sources = tables_of(job.statement, job.source_tables)
        # A dry run has another hook, which reads tables only.
        run = self._run if self._run is not None and self._run.hook is hook else None
        check_job(job, hook, None if run is None else run.reads, sources)
        if run is not None:
            run.memory.source_tables = list(sources)
        spec = job.spec()
        may_be_empty = self._guard_options().on_empty_source == "submit"
        if not job.statement.replaces or may_be_empty or has_empty_insert_check(spec):
            return spec
        # Rows may be deleted between the count and the start of the job.
        self.optional_context = (EMPTY_INSERT_KEY,)
        return with_empty_insert_check(spec)

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """Count the rows to read and to replace, and check for conflicting jobs; see the class."""
        from airflow_provider_polaris.operators.guards.options import GuardOptions
        from airflow_provider_polaris.operators.sql.guards import StatementGuards

        guards = StatementGuards(
            run.hook,
            spec,
            run.memory.source_tables,
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
        from airflow_provider_polaris.jobs.validation.statement import tables_of
        from airflow_provider_polaris.operators.sql.arguments import SqlJobArguments
        from airflow_provider_polaris.operators.sql.messages import describe_statement_guards

        job = SqlJobArguments.read(vars(self))
        sources = tables_of(job.statement, job.source_tables)
        return describe_statement_guards(self._guard_options(), job.statement, sources)

    def _guard_options(self) -> GuardOptions:
        from airflow_provider_polaris.operators.guards.options import GuardOptions

        return GuardOptions.of_arguments(self)
