# SPDX-License-Identifier: Apache-2.0
"""Asset events of whole DAG runs in a real Airflow process, against the emulator."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone

import pytest

from airflow_provider_polaris.assets import table_asset
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.dag_runs import INGEST, polaris, run
from tests.dag_store import store

__all__ = ["polaris"]

pytestmark = pytest.mark.dag


def events(uri: str) -> list[tuple[str, dict[str, object]]]:
    """Return source task and extra of each event of an asset in Airflow's database."""
    from airflow.utils.session import create_session

    if AIRFLOW_VERSION < (3, 0):
        from airflow.models.dataset import DatasetEvent as AssetEvent
        from airflow.models.dataset import DatasetModel as AssetModel

        asset_id = AssetEvent.dataset_id
    else:
        from airflow.models.asset import AssetEvent, AssetModel

        asset_id = AssetEvent.asset_id
    with create_session() as session:
        found = session.query(AssetEvent).join(AssetModel, AssetModel.id == asset_id).filter(AssetModel.uri == uri)
        return [(event.source_task_id, event.extra) for event in found]


@pytest.mark.filterwarnings("ignore")
def test_run_without_outlets_tells_the_dags_that_are_scheduled_on_its_table(airflow_db, polaris) -> None:
    """A consumer names the table, the producer doesn't; a table that no DAG names has no event."""
    from airflow.providers.common.compat.sdk import DAG
    from airflow.providers.common.compat.sdk import BaseOperator as Base

    from airflow_provider_polaris.operators.polaris import PolarisJobOperator

    settings = polaris.settings
    asset = table_asset("Koalas Source", host=settings.base_url, project_id=settings.project_id)
    with DAG("consumer", schedule=[asset], start_date=datetime(2024, 6, 1, tzinfo=timezone.utc)) as consumer:
        Base(task_id="nothing")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store(consumer)
    spec = {**INGEST, "ingestionMode": "replace", "replaceAll": True}
    other = {**spec, "target": {"type": "table", "tableName": "Koalas Copy"}}
    with DAG("producer", schedule=None, start_date=datetime(2024, 6, 1, tzinfo=timezone.utc)) as dag:
        for task_id, each in (("known", spec), ("unknown", other)):
            PolarisJobOperator(task_id=task_id, spec=each, poll_interval=0.1)
    dag_run = run(dag, datetime(2024, 6, 2, tzinfo=timezone.utc))
    assert str(dag_run.state) == "success"
    ((task_id, extra),) = events(asset.uri)
    facts = dag_run.get_task_instance("known").xcom_pull(task_ids="known", key="polaris_job")
    assert task_id == "known"
    assert extra == {
        "job_id": facts["id"],
        "interval": None,
        "rows": 4,
        "bytes": facts["bytes"],
        "partition_key": None,
    }
    assert events(table_asset("Koalas Copy", host=settings.base_url, project_id=settings.project_id).uri) == []
