# SPDX-License-Identifier: Apache-2.0
"""Plan what one run ages, from the rows of source and target and their job history; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.age_out.history import removed_since, unproven
from airflow_provider_polaris.jobs.age_out.plan import (
    AgingPlan,
    ProofMethod,
    Window,
    check_time_stays,
    choose_method,
    make_windows,
    oldest_sql,
    query_context,
)
from airflow_provider_polaris.jobs.age_out.window import aged_interval, bounding_interval, partitions_in_common
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.jobs.guards.row_counts import Count
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval, merge
from airflow_provider_polaris.jobs.time.period import Period
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.operators.table_to_table_arguments import TableToTableArguments
from airflow_provider_polaris.operators.table_to_table_spec import build_spec
from airflow_provider_polaris.task_groups.age_out.segments import named_segments
from airflow_provider_polaris.task_groups.age_out.streaming_jobs import check_streams
from airflow_provider_polaris.task_groups.age_out.table_history import TableHistories, aged_before

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.tables import TableInfo
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.task_groups.table_counts import Counts, TableCounter

#: Maximum number of time partitions that a job can write. Source:
#: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_PARTITIONS: Final = 5_000
#: Maximum time from the end of a delete job to the removal of its segments, because clocks of Polaris may differ.
_AFTERMATH: Final = timedelta(minutes=10)


class NothingToDo(Exception):  # noqa: N818 (not an error)
    """Raised when the group has nothing to do; the message gives the reason."""


@dataclass(frozen=True)
class AgeOutRequest:
    """
    The arguments of the user.

    :param source: Table to move data from.
    :param target: Table to move data to.
    :param age: Age of the data.
    :param run: Interval of the run.
    :param catch_up: Number of older partitions to age in addition.
    :param drop_filtered: Whether rows that the copy filters out may be deleted.
    :param fails_on_stream: Whether an open stream is an error.
    :param fails_on_history: Whether target rows of unknown origin are an error.
    """

    source: str
    target: str
    age: Period
    run: Interval
    catch_up: int
    drop_filtered: bool
    fails_on_stream: bool
    fails_on_history: bool


class Planner:
    """
    Plan one run.

    :param counter: Reads tables and counts.
    :param request: The arguments of the user.
    :param copy: Arguments of the copy, rendered.
    :param context: Airflow's context.
    """

    def __init__(
        self, counter: TableCounter, request: AgeOutRequest, copy: Mapping[str, Any], context: Context
    ) -> None:
        self._counter = counter
        self._request = request
        self._copy = copy
        self._context = context

    def plan(self) -> AgingPlan:
        """
        Return the plan.

        :raises NothingToDo: No data has reached the age, or all of it was aged before.
        :raises PolarisSpecError: An argument of the group or of the copy is wrong.
        :raises PolarisGuardError: The data must not be aged; the message describes the fix.
        """
        counter, request = self._counter, self._request
        if request.source == request.target:
            raise PolarisSpecError(
                f"target_table {request.target!r} is also the source, so the copied rows would be deleted. Roll a "
                "table up in place with PolarisTableToTableOperator alone, from a finer to a coarser "
                "rollup_granularity."
            )
        source, target = counter.source(request.source), counter.find(request.target)
        partition = self._partition(source, target)
        window = aged_interval(request.run, request.age, partition)
        if window is None:
            raise NothingToDo(
                f"in the run of {request.run.to_wire()!r} no {partition.value} of table {request.source!r} reaches the "
                "age: a later run ages all of it. Nothing was changed."
            )
        spec = self._spec([window])
        plan = self._first_plan(spec, source, target, window, partition)
        counts = self._count(plan, source, window)
        if not any(window.contains(bucket) for bucket in counts):
            self._check_deletions(plan, window)
        if not counts:
            raise NothingToDo(
                f"table {request.source!r} has no rows in {window.to_wire()!r}{_filtered(plan)}: they were aged "
                "already, or never existed. Nothing was changed."
            )
        if request.fails_on_stream:
            check_streams(counter.hook, request.source, bounding_interval(list(counts)).end, counter.limits.clock.now())
        plan, counts = self._with_usable_way(plan, counts)
        plan = replace(plan, windows=make_windows(self._replaceable(plan, counts, window)))
        self._spec(list(plan.spans))  # check the final spec of the copy
        return replace(plan, segments=named_segments(counter.hook, plan.source, plan.spans, plan.granularity))

    def _partition(self, source: TableInfo, target: TableInfo | None) -> Granularity:
        text = self._copy.get("partitioned_by")
        asked = None if text in (None, "None") else Granularity.parse(text, field="partitioned_by")
        facts = None if target is None else target.facts
        return partitions_in_common(source.facts, facts, self._request.target, asked)

    def _spec(self, spans: list[Interval]) -> BatchJobSpec:
        """Return the checked spec of the copy task."""
        arguments = TableToTableArguments.pick({**self._copy, "target_intervals": spans})
        spec = parse_spec(build_spec(arguments, self._context, self._counter.hook, self._counter.log))
        assert isinstance(spec, BatchJobSpec)
        check_time_stays(spec)
        segments = (spec.context or {}).get("includeSegmentSource", "NONE")
        if segments != "NONE":
            raise PolarisSpecError(
                f"context includeSegmentSource {segments!r} would copy rows that are still in a stream's memory, and "
                "these are not deleted: they would be in both tables. Remove it."
            )
        if spec.filter_expression is not None and not self._request.drop_filtered:
            raise PolarisSpecError(
                f"filter_expression {spec.filter_expression!r} excludes rows from the copy, but the deletion removes "
                "them, too. Pass drop_filtered=True to delete them without a copy, or remove the filter."
            )
        return spec

    def _first_plan(
        self, spec: BatchJobSpec, source: TableInfo, target: TableInfo | None, window: Interval, partition: Granularity
    ) -> AgingPlan:
        way = choose_method(spec, source.facts, None if target is None else target.facts)
        _check_filter(way, spec.filter_expression)
        return AgingPlan(
            source=self._request.source,
            target=self._request.target,
            granularity=partition,
            windows=(Window(window.to_wire(), 0, 0),),
            way=way,
            filter=spec.filter_expression,
            context=query_context(spec.context),
            may_replace=not self._request.fails_on_history,
        )

    def _count(self, plan: AgingPlan, source: TableInfo, window: Interval) -> Counts:
        """Return the counts of the source in the window and in the oldest partitions before it."""
        counter = self._counter
        words = plan.source_words
        counts = counter.count(source, plan.source_sql(), plan.granularity, plan.context, words)
        if self._request.catch_up:
            sql = oldest_sql(
                plan.source, plan.granularity, plan.way.source, window, self._request.catch_up, plan.filter
            )
            counts = {**counter.count(source, sql, plan.granularity, plan.context, words), **counts}
        if len(counts) > _MOST_PARTITIONS:
            raise PolarisGuardError(
                f"{len(counts):,} time partitions ({plan.granularity.value}) would be aged at once, but a job can "
                f"write at most {_MOST_PARTITIONS:,}. Nothing was changed. Use shorter run intervals, or lower "
                "catch_up."
            )
        return counts

    def _with_usable_way(self, plan: AgingPlan, counts: Counts) -> tuple[AgingPlan, Counts]:
        """Use the job metrics as proof if rows have no counter to sum."""
        if all((count.events or 0) > 0 for count in counts.values()):
            return plan, counts
        way = ProofMethod("metrics")
        _check_filter(way, plan.filter)
        return replace(plan, way=way), {bucket: Count(each.rows, each.rows) for bucket, each in counts.items()}

    def _replaceable(self, plan: AgingPlan, counts: Counts, window: Interval) -> Counts:
        """
        Return the partitions that may be aged: the source still has all rows that existing target rows were made of.

        :raises PolarisGuardError: This is not proven for the run's own window.
        """
        reasons = not_replaceable(self._counter, replace(plan, windows=make_windows(counts)), counts)
        own = [(bucket, why) for bucket, why in reasons.items() if window.contains(bucket)]
        if own:
            raise aged_before(plan.source, plan.target, own)
        for bucket, why in reasons.items():
            self._counter.log.warning(
                "Left out of catch_up: %s. Table %r already has rows there: %s. Age it in a separate run, whose error "
                "describes the fix.",
                bucket,
                plan.target,
                why,
            )
        rest = {bucket: count for bucket, count in counts.items() if bucket not in reasons}
        if not rest:
            raise NothingToDo(
                f"nothing of table {plan.source!r} can be aged: {window.to_wire()!r} has no rows, and the partitions "
                "of catch_up were left out. Nothing was changed."
            )
        return rest

    def _check_deletions(self, plan: AgingPlan, window: Interval) -> None:
        """Check deletions of earlier runs, which may have died before their own check. Exact ones need none."""
        if self._counter.hook.capabilities.exact_deletions:
            return
        histories = TableHistories(self._counter.hook, plan.source, plan.target, plan.granularity)
        for job in histories.deletions((window,), None):
            if job.state.created is None or job.state.completed is None:
                continue
            taken = removed_since(histories.unused(window), (window,), job.state.created)
            until = job.state.completed + _AFTERMATH
            own = [each for each in taken if each.removed is not None and each.removed <= until]
            beside = unproven(own, merge(job.spans), until)
            if beside:
                raise PolarisGuardError(
                    f"{job} was to delete {format_intervals(job.spans)} from table {plan.source!r} and took segments "
                    f"that reach further: {', '.join(repr(each.interval) for each in beside[:5])}. It is not proven "
                    "that their rows are elsewhere. This task changed nothing. Restore them, for example with "
                    f"PolarisRestoreDataOperator(table_name={plan.source!r}, interval={beside[0].interval!r}, "
                    f"versions=[{beside[0].version!r}]); if the deletion was intended, mark this task as skipped."
                )


def not_replaceable(counter: TableCounter, plan: AgingPlan, counts: Counts) -> dict[Interval, str]:
    """
    Return the time partitions whose target rows the source may not be able to reproduce, with the reasons.

    :param counter: Reads tables and counts.
    :param plan: The plan.
    :param counts: Counts of the source.
    """
    if plan.may_replace:
        return {}
    there = counter.count_target(plan, plan.target_words)
    histories = TableHistories(counter.hook, plan.source, plan.target, plan.granularity)
    found = {}
    for bucket in sorted(set(counts) & set(there)):
        why = histories.replace_conflict(bucket, counts[bucket], there[bucket], by_partition=plan.way.by_partition)
        if why is not None:
            found[bucket] = why
    return found


def _check_filter(way: ProofMethod, condition: str | None) -> None:
    if way.kind == "metrics" and condition is not None:
        raise PolarisSpecError(
            "drop_filtered=True needs a measure that counts the rows, such as measures={'rows': 'COUNT(*)'}: the "
            "numbers of the copy job don't distinguish rows that were filtered out from rows that were lost."
        )


def _filtered(plan: AgingPlan) -> str:
    return " that pass filter_expression" if plan.filter is not None else ""
