# SPDX-License-Identifier: Apache-2.0
"""Processes that run DAGs build one version of Airflow's execution API."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.dag_store import newest_api


@pytest.mark.dag
@pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="Airflow 2 has no execution API")
def test_only_the_newest_version_of_the_execution_api_is_built() -> None:
    """It is the version for which tasks ask."""
    from airflow.api_fastapi.execution_api import versions

    newest = versions.bundle.versions[0].value
    newest_api.build_newest_api_only()
    newest_api.build_newest_api_only()
    assert [version.value for version in versions.bundle.versions] == [newest]
