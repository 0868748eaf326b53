# SPDX-License-Identifier: Apache-2.0
"""
Emit asset events of a successful task: the table that it wrote, the interval, and the job.

Errors here are logged and never fail the task, because its job has already completed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_provider_polaris.assets import table_address
from airflow_provider_polaris.jobs.status.state import WRITING_TYPES
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.runtime.compat import outlet_of

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.hooks.job_result import JobFacts
    from airflow_provider_polaris.jobs.sql.ingestion.statement import IngestionStatement
    from airflow_provider_polaris.jobs.status.state import JobState
    from airflow_provider_polaris.runtime.compat import BaseOperator, Context

#: Maximum number of asset events that are read to find stale runs.
_MAX_EVENTS: Final = 1_000


@dataclass(frozen=True)
class TableChange:
    """
    A change of a table.

    :param table: Name of the table.
    :param sources: Names of the tables that were read.
    :param facts: Facts of the job; None if no job was needed.
    :param intervals: The changed part of the table; empty for all of it, or if unknown.
    :param has_new_rows: Whether rows were written. Then an event is emitted even if the task has no such outlet.
    """

    table: str
    sources: tuple[str, ...]
    facts: JobFacts | None
    intervals: tuple[str, ...]
    has_new_rows: bool

    @classmethod
    def by_job(cls, state: JobState, facts: JobFacts) -> TableChange | None:
        """
        Return the change that a job made.

        :param state: The job.
        :param facts: Facts of the job.
        :return: None if the job has no target table.
        """
        if state.target_table is None:
            return None
        # A deletion emits an event only if the table is an outlet of the task.
        has_new_rows = state.type in WRITING_TYPES and state.status == "completed"
        intervals = tuple(facts["intervals"] or ())
        return cls(state.target_table, _sources(state.source_table, state.body), facts, intervals, has_new_rows)

    @classmethod
    def without_job(cls, spec: Mapping[str, Any]) -> TableChange | None:
        """
        Return the change for a batch or SQL job that was not needed.

        :param spec: Spec of the job.
        :return: None if the table is not known.
        """
        if spec["type"] == "sql":
            statement = _statement(spec)
            if statement is None:
                return None
            return cls(statement.target, _sources(None, spec), None, tuple(map(str, statement.intervals)), True)
        target = spec["target"]
        intervals = tuple(target.get("intervals") or ())
        return cls(target["tableName"], _sources(spec["source"].get("tableName"), spec), None, intervals, True)

    def describe(self, partition_key: str | None) -> dict[str, Any]:
        """
        Return the extra of the asset event.

        It contains only plain values, because Airflow 2.11 and 3.0 accept no others with an alias.

        :param partition_key: Partition key of the run.
        """
        return {
            "job_id": self.facts["id"] if self.facts is not None else None,
            "interval": ",".join(self.intervals) or None,
            "rows": self.facts["rows_persisted"] if self.facts is not None else 0,
            "bytes": self.facts["bytes"] if self.facts is not None else 0,
            "partition_key": partition_key,
        }


def emit_asset_event(
    operator: BaseOperator, context: Context, change: TableChange | None, settings: ServiceSettings
) -> None:
    """
    Add the change to the asset events of a task, and log the runs that used the previous data.

    The event goes to the task's outlet of the table. Without such an outlet it goes to the task's asset aliases.
    Without aliases it goes to the asset of the table, if a DAG uses it.

    :param operator: Operator whose inlets and outlets receive the tables.
    :param context: Airflow's context of the task.
    :param change: The change; None if there is none.
    :param settings: Settings of the connection.
    """
    if change is None:
        return
    try:
        for source in change.sources:
            _add_inlet(operator, _uri(source, settings))
        key = _partition_key(context)
        asset = _add_event(operator, context, _uri(change.table, settings), change, key)
        was_cleared = TaskIdentity.from_context(context, operator.retries).was_cleared
        if was_cleared and key is not None and asset is not None:
            _log_stale_runs(operator, context, asset, key)
    except Exception as error:
        operator.log.warning("The asset event of table %r lacks the details of the job: %r", change.table, error)


def _add_event(operator: BaseOperator, context: Context, uri: str, change: TableChange, key: str | None) -> Any | None:
    # Imported here and not in compat, which every operator imports: these are loaded only when needed.
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    events: Any = context.get("outlet_events")
    if events is None:
        return None
    extra = change.describe(key)
    aliases = [outlet for outlet in operator.outlets if isinstance(outlet, AssetAlias)]
    named = [outlet for outlet in operator.outlets if outlet not in aliases and _uri_of(outlet, events) == uri]
    for outlet in named:
        events[outlet].extra.update(extra)
    if named or not change.has_new_rows:
        return named[0] if named else None
    for alias in aliases:
        events[alias].add(Asset(uri=uri), extra=extra)
    if aliases or (found := outlet_of(events, uri)) is None:
        return Asset(uri=uri) if aliases else None
    outlet, asset = found
    operator.outlets = [*operator.outlets, outlet]
    events[asset].extra.update(extra)
    return asset


def _sources(table: str | None, job: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tables that a job reads: its source, or those of its statement."""
    if table is not None:
        return (table,)
    statement = _statement(job)
    return statement.selection.tables if statement is not None and statement.selection is not None else ()


def _statement(job: Mapping[str, Any]) -> IngestionStatement | None:
    # Imported here, because the module loads slowly and few jobs need it.
    from airflow_provider_polaris.jobs.sql.ingestion.statement import described_statement

    return described_statement(job)


def _uri_of(outlet: Any, events: Any) -> str | None:
    """Return the URI of an outlet. For an asset reference by name, Airflow's database contains the URI."""
    return outlet.uri if hasattr(outlet, "uri") else getattr(events[outlet].key, "uri", None)


def _uri(table: str, settings: ServiceSettings) -> str:
    host = urlsplit(settings.base_url).netloc
    return table_address(table, host=host, project_id=settings.project_id, scheme=settings.asset_scheme).uri


def _add_inlet(operator: BaseOperator, uri: str) -> None:
    from airflow.providers.common.compat.sdk import Asset

    if not any(getattr(inlet, "uri", None) == uri for inlet in operator.inlets):
        operator.inlets = [*operator.inlets, Asset(uri=uri)]


def _partition_key(context: Mapping[str, Any]) -> str | None:
    key = context.get("partition_key") or getattr(context.get("dag_run"), "partition_key", None)
    return key if isinstance(key, str) else None


def _log_stale_runs(operator: BaseOperator, context: Mapping[str, Any], asset: Any, key: str) -> None:
    """
    Log which runs used the previous data of a partition.

    Airflow 3.3 starts a new run of a partitioned DAG only after all its partitions were rewritten (its
    PartitionedAssetTimetable), so a single rewritten partition starts none.
    """
    run, dag_id = context["dag_run"], context["ti"].dag_id
    accessor: Any = type(context["inlet_events"])([asset])[asset]
    events = accessor.after(run.run_after.isoformat()).ascending().limit(_MAX_EVENTS)
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
        "Partition %r of %s was rewritten. Airflow does not rerun downstream runs. These runs used the old data. "
        "Clear them after this task, and then the runs that used their results:\n%s",
        key,
        asset.uri,
        "\n".join(f"  DAG {built_dag_id!r}, run {run_id!r}" for built_dag_id, run_id in stale),
    )
