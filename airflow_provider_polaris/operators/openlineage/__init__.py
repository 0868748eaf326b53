"""
OpenLineage for the operators: what their jobs read and wrote, for ``apache-airflow-providers-openlineage``.

Nothing here fails or holds up a task: it runs after the task is done, only where OpenLineage is on, and what goes wrong
costs the facets concerned and one line in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_provider_polaris.assets import TableAddress
    from airflow_provider_polaris.client import ClientSettings
    from airflow_provider_polaris.jobs.status.state import JobState


class Attempt(Protocol):
    """
    What is asked of an attempt that is over; :class:`~airflow_provider_polaris.operators.job_run.run.JobRun` has it.
    """

    @property
    def state(self) -> JobState | None:
        """The job as Polaris described it last; None if there is none."""

    @property
    def facts(self) -> Mapping[str, Any] | None:
        """XCom ``polaris_job``."""

    @property
    def hook(self) -> Any:
        """Has the settings that it has read before; no more is asked of it."""


def task_lineage(attempt: Attempt | None, log: Any) -> Any:
    """
    Return what OpenLineage is told about a task, whether it succeeded or failed.

    - ``externalQuery`` (run): id of the job.
    - ``sql`` (job): the statement that Polaris says it runs, else the one that the job stands for; none for deletions.
    - Inputs, the tables that are read, and output, each with ``dataSource``. Files, lookups and the like are no inputs.
    - ``columnLineage`` (output): from the mappings, or from the statement of a SQL job that selects from one table.
    - ``schema``, ``inputStatistics``, ``outputStatistics``, ``lifecycleStateChange``: of a completed job; the schema if
      Polaris tells it within three seconds, statistics of the input if there is one only.
    - ``errorMessage`` (run): Polaris' words on a job that went wrong, unless Airflow puts the task's own error there.
    - ``extractionError`` (run): the SQL that could not be read for sure.

    Everything comes from Polaris' last description of the job, so a task that took over its job from an earlier try, or
    was deferred, has the same lineage. Datasets are named as the assets of the tables are.

    :param attempt: The attempt; None if the task didn't come so far.
    :param log: Logger of the task.
    :return: Airflow's ``OperatorLineage``, empty if there was no job; None without the OpenLineage provider.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    # Not None: Airflow's provider would warn, though a task that ends before it has a job is nothing special.
    lineage: Any = OperatorLineage()
    if attempt is None or attempt.state is None:
        return lineage
    job = _Job(attempt, attempt.state)
    problems = []
    for add in (_add_query, _add_error, _add_tables, _add_columns):
        try:
            add(lineage, job)
        except Exception as error:
            problems.append(repr(error))
    if problems:
        log.warning("OpenLineage is not told all about Polaris job %r: %s", attempt.state.job_id, "; ".join(problems))
    return lineage


@dataclass(frozen=True)
class _Job:
    attempt: Attempt
    state: JobState

    @property
    def settings(self) -> ClientSettings:
        settings: ClientSettings = self.attempt.hook.settings
        return settings

    @property
    def is_completed(self) -> bool:
        return self.state.status == "completed"

    @property
    def facts(self) -> Mapping[str, Any] | None:
        return self.attempt.facts if self.is_completed and self.state.type in ("batch", "sql") else None

    @cached_property
    def sources(self) -> list[TableAddress]:
        from airflow_provider_polaris.operators.openlineage.job_lineage import sources_of

        return [self._address(table) for table in sources_of(self.state)]

    @property
    def target(self) -> TableAddress | None:
        return None if self.state.target_table is None else self._address(self.state.target_table)

    def _address(self, table: str) -> TableAddress:
        from airflow_provider_polaris.assets import table_address

        return table_address(table, host=self.settings.base_url, project_id=self.settings.project_id)


def _add_query(lineage: Any, job: _Job) -> None:
    from openlineage.client.facet_v2 import external_query_run, sql_job

    from airflow_provider_polaris.operators.openlineage.job_lineage import statement_of

    namespace = f"polaris://{urlsplit(job.settings.base_url).netloc.lower()}"
    lineage.run_facets["externalQuery"] = external_query_run.ExternalQueryRunFacet(job.state.job_id, namespace)
    if statement := statement_of(job.state):
        lineage.job_facets["sql"] = sql_job.SQLJobFacet(statement)


def _add_error(lineage: Any, job: _Job) -> None:
    from airflow_provider_polaris.operators.openlineage.facets import error_facet

    if (facet := error_facet(job.state)) is not None:
        lineage.run_facets["errorMessage"] = facet


def _add_tables(lineage: Any, job: _Job) -> None:
    from airflow_provider_polaris.operators.openlineage.facets import change_of, input_table, output_table
    from airflow_provider_polaris.operators.openlineage.table_columns import read_columns

    sources, target = job.sources, job.target
    columns = {}
    # What a failed job would have written needs no types, and Polaris may have other troubles then.
    if job.is_completed and job.state.type != "drop_table":
        columns = read_columns(job.settings, dict.fromkeys(each.table for each in (*sources, target) if each))
    # The numbers of a job are not told by table.
    facts = job.facts if len(sources) == 1 else None
    lineage.inputs += [input_table(source, columns.get(source.table, ()), facts) for source in sources]
    if target is not None:
        lineage.outputs.append(output_table(target, columns.get(target.table, ()), job.facts, change_of(job.state)))


def _add_columns(lineage: Any, job: _Job) -> None:
    from airflow_provider_polaris.operators.openlineage.facets import column_lineage_facet, extraction_error_facet
    from airflow_provider_polaris.operators.openlineage.job_lineage import read_lineage

    sources = job.sources
    schema = lineage.inputs[0].facets.get("schema") if len(lineage.inputs) == 1 else None
    found = read_lineage(job.state, None if schema is None else [field.name for field in schema.fields])
    if found.unread:
        lineage.run_facets["extractionError"] = extraction_error_facet(found)
    if sources and lineage.outputs:
        facet = column_lineage_facet(found, sources[0])
        if facet.fields or facet.dataset:
            lineage.outputs[0].facets["columnLineage"] = facet
