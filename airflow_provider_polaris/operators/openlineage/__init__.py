# SPDX-License-Identifier: Apache-2.0
"""
OpenLineage for the operators: what their jobs read and wrote, for ``apache-airflow-providers-openlineage``.

Nothing here fails or delays a task. The code runs after the task has ended, and only if OpenLineage is enabled. An
error omits the facets concerned and logs one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_provider_polaris.assets import TableAddress
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.jobs.status.state import JobState


class Attempt(Protocol):
    """
    The required part of a job run that has ended; see :class:`~airflow_provider_polaris.operators.job_run.run.JobRun`.
    """

    @property
    def state(self) -> JobState | None:
        """The job as the service described it last; None if there is none."""

    @property
    def facts(self) -> Mapping[str, Any] | None:
        """XCom ``polaris_job``."""

    @property
    def hook(self) -> Any:
        """The hook, of which only the settings are used."""


def task_lineage(attempt: Attempt | None, log: Any) -> Any:
    """
    Return the lineage of a task that succeeded or failed.

    - ``externalQuery`` (run): id of the job.
    - ``sql`` (job): the statement from Polaris, otherwise the equivalent statement of the spec; none for deletions.
    - Inputs, the tables that are read, and output, each with ``dataSource``. Files and lookups are not inputs.
    - ``columnLineage`` (output): from the mappings, or from the statement of a SQL job, through joins, subqueries and
      ``WITH``.
    - ``schema``, ``inputStatistics``, ``outputStatistics``, ``lifecycleStateChange``: of a completed job; the schema if
      Polaris returns it within 3 s; statistics of the input only if there is a single one.
    - ``errorMessage`` (run): Polaris' error for a failed job, unless Airflow sets the task's own error.
    - ``extractionError`` (run): the SQL that could not be parsed.

    All values come from Polaris' last description of the job, so a task that adopted a job or was deferred has the same
    lineage. Datasets have the same names as the assets of the tables.

    :param attempt: The job run; None if the task ended before.
    :param log: Logger of the task.
    :return: Airflow's ``OperatorLineage``, empty if there was no job; None without the OpenLineage provider.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    # Not None, because Airflow's provider would log a warning for a task that ends before it has a job.
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
        log.warning("The OpenLineage facets of job %r are incomplete: %s", attempt.state.job_id, "; ".join(problems))
    return lineage


@dataclass(frozen=True)
class _Job:
    attempt: Attempt
    state: JobState

    @property
    def settings(self) -> ServiceSettings:
        settings: ServiceSettings = self.attempt.hook.settings
        return settings

    @property
    def host(self) -> str:
        return urlsplit(self.settings.base_url).netloc.lower()

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

        settings = self.settings
        return table_address(table, host=self.host, project_id=settings.project_id, scheme=settings.asset_scheme)


def _add_query(lineage: Any, job: _Job) -> None:
    from openlineage.client.facet_v2 import external_query_run, sql_job

    from airflow_provider_polaris.operators.openlineage.job_lineage import statement_of

    namespace = f"{job.settings.asset_scheme}://{job.host}"
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
    # The output of a failed job needs no types, and Polaris may be unavailable.
    if job.is_completed and job.state.type != "drop_table":
        columns = read_columns(job.settings, dict.fromkeys(each.table for each in (*sources, target) if each))
    # Polaris counts per job, not per table.
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
        facet = column_lineage_facet(found, sources)
        if facet.fields or facet.dataset:
            lineage.outputs[0].facets["columnLineage"] = facet
