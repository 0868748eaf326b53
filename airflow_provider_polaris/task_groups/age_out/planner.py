"""Decide what one run ages, by what source and target hold and by what became of them before; changes nothing."""

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
from airflow_provider_polaris.task_groups.age_out.streaming_jobs import check_streams
from airflow_provider_polaris.task_groups.age_out.table_history import TableHistories, aged_before

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.tables import TableInfo
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.task_groups.table_counts import Counts, TableCounter

#: A job can't write more time partitions. Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_PARTITIONS: Final = 5_000
#: So long after a deletion its segments may have been taken out: two of Polaris' clocks may differ.
_AFTERMATH: Final = timedelta(minutes=10)


class NothingToDo(Exception):  # noqa: N818 (it is no error)
    """The group has nothing to do; the message says why."""


@dataclass(frozen=True)
class AgeOutRequest:
    """
    What the user asked for.

    :param source: Table to take data from.
    :param target: Table that it goes to.
    :param age: How old the data is to be.
    :param run: Interval of the run.
    :param catch_up: How many older partitions are aged, too.
    :param drop_filtered: Whether rows that the copy filters out may be deleted.
    :param heeds_streams: Whether an open stream is a reason not to.
    :param heeds_history: Whether rows in the target of which nobody knows are one.
    """

    source: str
    target: str
    age: Period
    run: Interval
    catch_up: int
    drop_filtered: bool
    heeds_streams: bool
    heeds_history: bool


class Planner:
    """
    Plans one run.

    :param survey: Asks Polaris.
    :param wishes: What the user asked for.
    :param copy: Arguments of the copy, rendered.
    :param context: Airflow's context.
    """

    def __init__(self, survey: TableCounter, wishes: AgeOutRequest, copy: Mapping[str, Any], context: Context) -> None:
        self._survey = survey
        self._wishes = wishes
        self._copy = copy
        self._context = context

    def plan(self) -> AgingPlan:
        """
        Decide.

        :raises NothingToDo: Nothing is of age, or all of it was aged already.
        :raises PolarisSpecError: An argument is wrong, or the copy would be.
        :raises PolarisGuardError: It must not be aged; the sentence says what to do.
        """
        survey, wishes = self._survey, self._wishes
        if wishes.source == wishes.target:
            raise PolarisSpecError(
                f"target_table {wishes.target!r} is the source, too: what was copied would be deleted. Roll a table up "
                "in place with PolarisTableToTableOperator alone, from a finer to a coarser rollup_granularity."
            )
        source, target = survey.source(wishes.source), survey.find(wishes.target)
        partition = self._partition(source, target)
        window = aged_interval(wishes.run, wishes.age, partition)
        if window is None:
            raise NothingToDo(
                f"in the run of {wishes.run.to_wire()!r} no {partition.value} of table {wishes.source!r} comes of age: "
                "a later run takes it whole. Nothing was changed."
            )
        spec = self._spec([window])
        plan = self._first_plan(spec, source, target, window, partition)
        counts = self._count(plan, source, window)
        if not any(window.contains(bucket) for bucket in counts):
            self._check_deletions(plan, window)
        if not counts:
            raise NothingToDo(
                f"table {wishes.source!r} has no rows in {window.to_wire()!r}{_filtered(plan)}: it was aged already, "
                "or there never were any. Nothing was changed."
            )
        if wishes.heeds_streams:
            check_streams(survey.hook, wishes.source, bounding_interval(list(counts)).end, survey.limits.clock.now())
        plan, counts = self._with_usable_way(plan, counts)
        plan = replace(plan, windows=make_windows(self._replaceable(plan, counts, window)))
        self._spec(list(plan.spans))  # as the copy will send it
        return plan

    def _partition(self, source: TableInfo, target: TableInfo | None) -> Granularity:
        text = self._copy.get("partitioned_by")
        asked = None if text in (None, "None") else Granularity.parse(text, field="partitioned_by")
        facts = None if target is None else target.facts
        return partitions_in_common(source.facts, facts, self._wishes.target, asked)

    def _spec(self, spans: list[Interval]) -> BatchJobSpec:
        """Return the copy as the next task makes it, checked."""
        arguments = TableToTableArguments.pick({**self._copy, "target_intervals": spans})
        spec = parse_spec(build_spec(arguments, self._context, self._survey.hook, self._survey.log))
        assert isinstance(spec, BatchJobSpec)
        check_time_stays(spec)
        segments = (spec.context or {}).get("includeSegmentSource", "NONE")
        if segments != "NONE":
            raise PolarisSpecError(
                f"context includeSegmentSource {segments!r} would copy rows that are still "
                "in a stream's memory, and these are not deleted: they would be in both tables. Take it out."
            )
        if spec.filter_expression is not None and not self._wishes.drop_filtered:
            raise PolarisSpecError(
                f"filter_expression {spec.filter_expression!r} leaves rows out of the copy, and the deletion takes "
                "them, too. Pass drop_filtered=True if they shall be lost, or take the filter out."
            )
        return spec

    def _first_plan(
        self, spec: BatchJobSpec, source: TableInfo, target: TableInfo | None, window: Interval, partition: Granularity
    ) -> AgingPlan:
        way = choose_method(spec, source.facts, None if target is None else target.facts)
        _check_filter(way, spec.filter_expression)
        return AgingPlan(
            source=self._wishes.source,
            target=self._wishes.target,
            granularity=partition,
            windows=(Window(window.to_wire(), 0, 0),),
            way=way,
            filter=spec.filter_expression,
            context=query_context(spec.context),
            may_replace=not self._wishes.heeds_history,
        )

    def _count(self, plan: AgingPlan, source: TableInfo, window: Interval) -> Counts:
        """Return what the source has, of the window and of the oldest partitions before it."""
        survey = self._survey
        words = plan.source_words
        counts = survey.count(source, plan.source_sql(), plan.granularity, plan.context, words)
        if self._wishes.catch_up:
            sql = oldest_sql(plan.source, plan.granularity, plan.way.source, window, self._wishes.catch_up, plan.filter)
            counts = {**survey.count(source, sql, plan.granularity, plan.context, words), **counts}
        if len(counts) > _MOST_PARTITIONS:
            raise PolarisGuardError(
                f"{len(counts):,} time partitions ({plan.granularity.value}) would be aged at once, and a job can "
                f"write {_MOST_PARTITIONS:,}. Nothing was changed. Let a run stand for less time, or lower catch_up."
            )
        return counts

    def _with_usable_way(self, plan: AgingPlan, counts: Counts) -> tuple[AgingPlan, Counts]:
        """Prove otherwise where rows have no number to be summed."""
        if all((count.events or 0) > 0 for count in counts.values()):
            return plan, counts
        way = ProofMethod("metrics")
        _check_filter(way, plan.filter)
        return replace(plan, way=way), {bucket: Count(each.rows, each.rows) for bucket, each in counts.items()}

    def _replaceable(self, plan: AgingPlan, counts: Counts, window: Interval) -> Counts:
        """
        Return what may be aged: where the target has rows, it is known that the source still has all of them.

        :raises PolarisGuardError: That isn't known of the run's own window.
        """
        reasons = not_replaceable(self._survey, replace(plan, windows=make_windows(counts)), counts)
        own = [(bucket, why) for bucket, why in reasons.items() if window.contains(bucket)]
        if own:
            raise aged_before(plan.source, plan.target, own)
        for bucket, why in reasons.items():
            self._survey.log.warning(
                "Left out of catch_up: %s. Table %r has rows there already: %s. Age it by a run of its own, whose "
                "error says what to do.",
                bucket,
                plan.target,
                why,
            )
        rest = {bucket: count for bucket, count in counts.items() if bucket not in reasons}
        if not rest:
            raise NothingToDo(
                f"nothing of table {plan.source!r} can be aged: {window.to_wire()!r} has no rows and what catch_up "
                "found was left out. Nothing was changed."
            )
        return rest

    def _check_deletions(self, plan: AgingPlan, window: Interval) -> None:
        """An earlier run may have died after its deletion and before it looked at what that took."""
        pasts = TableHistories(self._survey.hook, plan.source, plan.target, plan.granularity)
        for job in pasts.deletions((window,), None):
            if job.state.created is None or job.state.completed is None:
                continue
            taken = removed_since(pasts.unused(window), (window,), job.state.created)
            until = job.state.completed + _AFTERMATH
            own = [each for each in taken if each.removed is not None and each.removed <= until]
            beside = unproven(own, merge(job.spans), until)
            if beside:
                raise PolarisGuardError(
                    f"{job} was to delete {format_intervals(job.spans)} from table {plan.source!r} and took "
                    f"segments that reach "
                    f"further: {', '.join(repr(each.interval) for each in beside[:5])}. Nobody has proven that their "
                    "rows are elsewhere. Nothing was changed by this task. Bring them back, for example with "
                    f"PolarisRestoreDataOperator(table_name={plan.source!r}, interval={beside[0].interval!r}, "
                    f"versions=[{beside[0].version!r}]); if they were meant to go, mark this task as skipped."
                )


def not_replaceable(survey: TableCounter, plan: AgingPlan, counts: Counts) -> dict[Interval, str]:
    """
    Return the time partitions of which the source may not have all rows that the target's were made of, and why.

    :param survey: Asks Polaris.
    :param plan: What is to be replaced.
    :param counts: What the source has there.
    """
    if plan.may_replace:
        return {}
    there = survey.count_target(plan, plan.target_words)
    pasts = TableHistories(survey.hook, plan.source, plan.target, plan.granularity)
    found = {}
    for bucket in sorted(set(counts) & set(there)):
        why = pasts.why_not_replace(bucket, counts[bucket], there[bucket], by_partition=plan.way.by_partition)
        if why is not None:
            found[bucket] = why
    return found


def _check_filter(way: ProofMethod, condition: str | None) -> None:
    if way.kind == "metrics" and condition is not None:
        raise PolarisSpecError(
            "drop_filtered=True needs a measure that counts the rows, such as measures={'rows': 'COUNT(*)'}: by the "
            "numbers of the copy job nobody can tell rows that were filtered out from rows that were lost."
        )


def _filtered(plan: AgingPlan) -> str:
    return " that pass filter_expression" if plan.filter is not None else ""
