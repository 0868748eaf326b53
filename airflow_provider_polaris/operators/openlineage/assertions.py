# SPDX-License-Identifier: Apache-2.0
"""The results of checks as OpenLineage's data quality assertions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.guards.result_checks import CheckedValue


def add_assertions(output: Any, results: Sequence[CheckedValue], log: Any) -> None:
    """
    Add the facet ``dataQualityAssertions`` to a dataset; log one line if that fails.

    :param output: OpenLineage's dataset.
    :param results: The results.
    :param log: Logger of the task.
    """
    try:
        from openlineage.client.facet_v2 import data_quality_assertions_dataset as facet

        assertions = [facet.Assertion(assertion=each.name, success=each.is_met) for each in results]
        output.facets["dataQualityAssertions"] = facet.DataQualityAssertionsDatasetFacet(assertions=assertions)
    except Exception as error:
        log.warning("The OpenLineage facet of the checks is missing: %r", error)
