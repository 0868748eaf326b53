# SPDX-License-Identifier: Apache-2.0
"""The first task of an age-out: select the partitions, check that they may be aged, and choose the proof method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_polaris.runtime.compat import AirflowSkipException
from airflow_provider_polaris.task_groups.read_only_task import ReadOnlyTask

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.task_groups.age_out.planner import AgeOutRequest
    from airflow_provider_polaris.task_groups.table_counts import TableCounter


class AgeOutPlanOperator(ReadOnlyTask):
    """
    Plan what a run ages; changes nothing. See :class:`PolarisAgeOutTaskGroup` for the arguments.

    Return value: the plan, in JSON. Skips the rest of the group if there is nothing to do.

    :param source_table: Table to move data from. (templated)
    :param target_table: Table to move data to. (templated)
    :param older_than: Age of the data, an ISO 8601 period. (templated)
    :param catch_up: Number of older partitions to age in addition. (templated)
    :param interval: Interval of the run. (templated)
    :param partition_grain: Length of the run's partition. (templated)
    :param drop_filtered: Whether rows that the copy filters out may be deleted. (templated)
    :param on_open_stream: ``fail`` or ``continue``. (templated)
    :param on_aged_target: ``fail`` or ``replace``. (templated)
    :param copy_arguments: Arguments of the copy. (templated)
    """

    template_fields: Sequence[str] = (
        "source_table",
        "target_table",
        "older_than",
        "catch_up",
        "interval",
        "partition_grain",
        "drop_filtered",
        "on_open_stream",
        "on_aged_target",
        "copy_arguments",
        *ReadOnlyTask.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"copy_arguments": "json"}

    def __init__(
        self,
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
        copy_arguments: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_table = source_table
        self.target_table = target_table
        self.older_than = older_than
        self.catch_up = catch_up
        self.interval = interval
        self.partition_grain = partition_grain
        self.drop_filtered = drop_filtered
        self.on_open_stream = on_open_stream
        self.on_aged_target = on_aged_target
        self.copy_arguments = copy_arguments

    def work(self, counter: TableCounter, context: Context) -> dict[str, Any]:
        """Return the plan."""
        from airflow_provider_polaris.task_groups.age_out.planner import NothingToDo, Planner

        try:
            plan = Planner(counter, self._request(context), self._copy(), context).plan()
        except NothingToDo as why:
            raise AirflowSkipException(str(why)) from None
        for window in plan.windows:
            self.log.info("Will be aged: %s, %s rows.", window.interval, f"{window.rows:,}")
        self.log.info("The proof method is %s.", plan.way)
        return plan.to_json()

    def _request(self, context: Context) -> AgeOutRequest:
        from airflow_provider_polaris.jobs.age_out.window import read_age
        from airflow_provider_polaris.jobs.tables.name import check_table_name
        from airflow_provider_polaris.jobs.time.interval import Interval
        from airflow_provider_polaris.runtime.arguments import as_bool, as_count, as_text, is_none
        from airflow_provider_polaris.runtime.run_interval import interval_of_run
        from airflow_provider_polaris.task_groups.age_out.planner import AgeOutRequest

        if isinstance(self.interval, Interval):
            run = self.interval
        elif not is_none(self.interval):
            run = Interval.parse(cast("str", self.interval))
        else:
            grain = None if is_none(self.partition_grain) else as_text(self.partition_grain, "partition_grain")
            found = interval_of_run(context, partition_grain=grain)
            self.log.info("Interval of the run %s, from %s.", found.interval, found.origin)
            run = found.interval
        source, target = as_text(self.source_table, "source_table"), as_text(self.target_table, "target_table")
        check_table_name(source, "source_table")
        return AgeOutRequest(
            source=source,
            target=target,
            age=read_age(as_text(self.older_than, "older_than")),
            run=run,
            catch_up=as_count(self.catch_up, "catch_up") or 0,
            drop_filtered=as_bool(self.drop_filtered, "drop_filtered"),
            fails_on_stream=_choice(self.on_open_stream, "on_open_stream", "continue"),
            fails_on_history=_choice(self.on_aged_target, "on_aged_target", "replace"),
        )

    def _copy(self) -> Mapping[str, Any]:
        from airflow_provider_polaris.runtime.arguments import as_mapping

        return {
            **(as_mapping(self.copy_arguments, "copy_arguments") or {}),
            "source_table": self.source_table,
            "target_table": self.target_table,
        }


def _choice(value: Any, argument: str, otherwise: str) -> bool:
    """Return whether a guard fails the task."""
    from airflow_provider_polaris.jobs.errors import PolarisSpecError
    from airflow_provider_polaris.jobs.time.instant import quote

    text = value.strip() if isinstance(value, str) else value
    if text not in ("fail", otherwise):
        raise PolarisSpecError(f"{argument} {quote(value)} is neither 'fail' nor {otherwise!r}.")
    return bool(text == "fail")
