"""
What a task tells Airflow's assets when it has ended well: which table it wrote, for which interval, by which job.

Nothing here may fail a task whose job is done: what goes wrong is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.assets import table_address
from airflow_provider_polaris.jobs.status.state import WRITING_TYPES
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.runtime.compat import outlet_of

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ClientSettings
    from airflow_provider_polaris.hooks.job_result import JobFacts
    from airflow_provider_polaris.jobs.status.state import JobState
    from airflow_provider_polaris.runtime.compat import BaseOperator, Context

#: More events of one table since a run was due are not looked through.
_MOST_EVENTS: Final = 1_000


@dataclass(frozen=True)
class TableChange:
    """
    What became of a table.

    :param table: The table.
    :param source: The table that was read; None if none was.
    :param facts: Of the job; None if none was needed.
    :param intervals: Which part of the table; empty for all of it, or if nobody knows.
    :param is_news: Whether rows were written, so that even an asset that the task doesn't name as outlet has an event.
    """

    table: str
    source: str | None
    facts: JobFacts | None
    intervals: tuple[str, ...]
    is_news: bool

    @classmethod
    def by_job(cls, state: JobState, facts: JobFacts) -> TableChange | None:
        """
        Return what a job did.

        :param state: The job.
        :param facts: Of the job.
        :return: None if it has no table.
        """
        if state.target_table is None:
            return None
        # Who wants to hear of a deletion names the table as an outlet.
        is_news = state.type in WRITING_TYPES and state.status == "completed"
        return cls(state.target_table, state.source_table, facts, tuple(facts["intervals"] or ()), is_news)

    @classmethod
    def without_job(cls, spec: Mapping[str, Any]) -> TableChange:
        """
        Return what a batch job would have done that was not needed.

        :param spec: Of the job.
        """
        target = spec["target"]
        intervals = tuple(target.get("intervals") or ())
        return cls(target["tableName"], spec["source"].get("tableName"), None, intervals, True)

    def describe(self, partition_key: str | None) -> dict[str, Any]:
        """
        Return what the asset event says.

        Plain values only: Airflow 2.11 and 3.0 can't take others with an alias.

        :param partition_key: Of the run.
        """
        return {
            "job_id": self.facts["id"] if self.facts is not None else None,
            "interval": ",".join(self.intervals) or None,
            "rows": self.facts["rows_persisted"] if self.facts is not None else 0,
            "bytes": self.facts["bytes"] if self.facts is not None else 0,
            "partition_key": partition_key,
        }


def emit_asset_event(
    operator: BaseOperator, context: Context, change: TableChange | None, settings: ClientSettings
) -> None:
    """
    Add to the asset events of a task what it did, and name the runs that were built from what it wrote before.

    The event goes to the outlet of the table, if the task has one; else into the task's asset aliases; else to the
    asset of the table, if a DAG uses one.

    :param operator: Its inlets and outlets get the tables.
    :param context: Airflow's context of the task.
    :param change: What the task did; None for nothing.
    :param settings: Of the connection.
    """
    if change is None:
        return
    try:
        if change.source is not None:
            _add_inlet(operator, _uri(change.source, settings))
        key = _partition_key(context)
        asset = _add_event(operator, context, _uri(change.table, settings), change, key)
        was_cleared = TaskIdentity.from_context(context, operator.retries).was_cleared
        if was_cleared and key is not None and asset is not None:
            _name_stale_runs(operator, context, asset, key)
    except Exception as error:
        operator.log.warning("The asset event of table %r lacks what the job did: %r", change.table, error)


def _add_event(operator: BaseOperator, context: Context, uri: str, change: TableChange, key: str | None) -> Any | None:
    # Not from compat, which every operator imports: these load when they are needed.
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    events: Any = context.get("outlet_events")
    if events is None:
        return None
    extra = change.describe(key)
    aliases = [outlet for outlet in operator.outlets if isinstance(outlet, AssetAlias)]
    named = [outlet for outlet in operator.outlets if outlet not in aliases and _uri_of(outlet, events) == uri]
    for outlet in named:
        events[outlet].extra.update(extra)
    if named or not change.is_news:
        return named[0] if named else None
    for alias in aliases:
        events[alias].add(Asset(uri=uri), extra=extra)
    if aliases or (found := outlet_of(events, uri)) is None:
        return Asset(uri=uri) if aliases else None
    outlet, asset = found
    operator.outlets = [*operator.outlets, outlet]
    events[asset].extra.update(extra)
    return asset


def _uri_of(outlet: Any, events: Any) -> str | None:
    """Return the URI of an asset, which one that is named only has in Airflow's database."""
    return outlet.uri if hasattr(outlet, "uri") else getattr(events[outlet].key, "uri", None)


def _uri(table: str, settings: ClientSettings) -> str:
    return table_address(table, host=settings.base_url, project_id=settings.project_id).uri


def _add_inlet(operator: BaseOperator, uri: str) -> None:
    from airflow.providers.common.compat.sdk import Asset

    if not any(getattr(inlet, "uri", None) == uri for inlet in operator.inlets):
        operator.inlets = [*operator.inlets, Asset(uri=uri)]


def _partition_key(context: Mapping[str, Any]) -> str | None:
    key = context.get("partition_key") or getattr(context.get("dag_run"), "partition_key", None)
    return key if isinstance(key, str) else None


def _name_stale_runs(operator: BaseOperator, context: Mapping[str, Any], asset: Any, key: str) -> None:
    """
    Log which runs hold a result of an earlier time.

    Airflow 3.3 begins a new run of a partitioned DAG only when all partitions of it were written anew (its
    PartitionedAssetTimetable), so a single one that is repeated leads to none.
    """
    run, dag_id = context["dag_run"], context["ti"].dag_id
    accessor: Any = type(context["inlet_events"])([asset])[asset]
    events = accessor.after(run.run_after.isoformat()).ascending().limit(_MOST_EVENTS)
    stale = sorted(
        {
            (built.dag_id, built.run_id)
            for event in events
            if (event.source_dag_id, event.source_run_id) == (dag_id, run.run_id)
            for built in event.created_dagruns
        }
    )
    if not stale:
        return
    operator.log.warning(
        "Partition %r of %s was written anew. Airflow doesn't carry that on: these runs were built from what it was "
        "before. Clear them when this task is done, and then what was built from them:\n%s",
        key,
        asset.uri,
        "\n".join(f"  DAG {built_dag_id!r}, run {run_id!r}" for built_dag_id, run_id in stale),
    )
