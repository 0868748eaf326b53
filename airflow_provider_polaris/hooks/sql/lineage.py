# SPDX-License-Identifier: Apache-2.0
"""OpenLineage of queries: the tables that they read. Performs no request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_polaris.assets import table_address
from airflow_provider_polaris.jobs.sql.queries import tables_selected

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings


def statements_lineage(statements: Sequence[str], settings: Callable[[], ServiceSettings], log: Any) -> Any:
    """
    Return the lineage of statements; never raises.

    :param statements: What was run.
    :param settings: Returns the settings of the connection.
    :param log: Logger of the task.
    :return: ``OperatorLineage``; None without the OpenLineage provider, without statements, or after an error.
    """
    if not statements:
        return None
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    try:
        return _lineage(statements, settings(), OperatorLineage)
    except Exception as error:
        log.warning("The OpenLineage facets of the task's queries are missing: %r", error)
        return None


def _lineage(statements: Sequence[str], settings: ServiceSettings, operator_lineage: Any) -> Any:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import datasource_dataset, sql_job

    host = urlsplit(settings.base_url).netloc.lower()
    inputs = []
    for table in sorted({table for statement in statements for table in tables_selected(statement) or ()}):
        address = table_address(table, host=host, project_id=settings.project_id, scheme=settings.asset_scheme)
        source = datasource_dataset.DatasourceDatasetFacet(address.namespace, address.namespace)
        inputs.append(InputDataset(address.namespace, address.name, facets={"dataSource": source}))
    return operator_lineage(inputs=inputs, job_facets={"sql": sql_job.SQLJobFacet(";\n".join(statements))})
