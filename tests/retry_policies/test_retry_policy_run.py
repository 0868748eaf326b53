# SPDX-License-Identifier: Apache-2.0
"""A task with the retry policy in a real Airflow process, against an emulator with injected faults."""

from __future__ import annotations

import os
import warnings
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from airflow_provider_polaris.retry_policies import PolarisRetryPolicy
from airflow_provider_polaris.runtime.compat import HAS_RETRY_POLICIES

pytestmark = [
    pytest.mark.dag,
    pytest.mark.skipif(not HAS_RETRY_POLICIES, reason="Airflow has retry policies since 3.3"),
]


@pytest.fixture
def polaris(connect, emulator_server):
    """Run an emulator and point the default connection to it; return a function that makes its next POSTs fail."""
    from airflow_provider_polaris.emulator.settings import EmulatorSettings

    with emulator_server.emulator(EmulatorSettings()) as emulator:
        settings = emulator.settings
        connect(host=emulator.base_url, password=settings.api_key, extra={"project_id": settings.project_id})

        def fail(**fault: Any) -> None:
            rule = {"effect": "status", "method": "POST", "path": "/jobs$", "times": None, **fault}
            assert requests.post(f"{emulator.base_url}/__emulator__/faults", json=rule, timeout=120).ok

        yield fail


def run_once(dag_id: str, **arguments: Any) -> Any:
    """Run one try of a task that submits a job; return its task instance as the database stores it."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import DAG
    from airflow.sdk.definitions.dag import _run_task
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    from airflow_provider_polaris.operators.polaris import PolarisDropTableOperator

    now = datetime.now(timezone.utc)
    with DAG(dag_id, schedule=None, start_date=datetime(2024, 6, 1, tzinfo=timezone.utc)) as dag:
        PolarisDropTableOperator(task_id="drop", table_name="Koalas", confirm_table_name="Koalas", **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        bag = DagBag(os.devnull)
        bag.bag_dag(dag)
        with create_session() as session:
            if not session.get(DagBundleModel, "testing"):
                session.add(DagBundleModel(name="testing"))
        sync_bag_to_db(bag, "testing", None)
        run = DagSerialization.from_dict(DagSerialization.to_dict(dag)).create_dagrun(
            run_id=f"manual__{now.isoformat()}",
            logical_date=now,
            data_interval=(now, now),
            run_after=now,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state="running",
        )
        (ti,) = run.get_task_instances()
        _run_task(ti=ti, task=dag.get_task("drop"))
        with create_session() as session:
            found = session.get(TaskInstance, ti.id)
            assert found is not None
            session.expunge(found)
    return found


def test_throttled_task_waits_as_long_as_polaris_asked(airflow_db, polaris):
    """The task's own retry_delay is 5 minutes; Airflow schedules the next try after the requested 10 minutes."""
    polaris(status=429, retryAfter="600")
    ti = run_once("throttled", retries=2, retry_delay=timedelta(minutes=5), retry_policy=PolarisRetryPolicy())

    assert (ti.state, ti.retry_delay_override) == ("up_for_retry", 600.0)
    assert ti.next_retry_datetime() == ti.end_date + timedelta(minutes=10)
    assert (
        ti.retry_reason
        == "PolarisThrottledError: the service received too many requests and requested a wait of 600 s."
    )


def test_denied_task_fails_at_its_first_try(airflow_db, polaris):
    """Without the policy it is up for retry; with it, it has failed and keeps its retries."""
    polaris(status=403)
    without = run_once("denied_without", retries=2)
    ti = run_once("denied", retries=2, retry_policy=PolarisRetryPolicy())

    assert without.state == "up_for_retry"
    assert (ti.state, ti.max_tries) == ("failed", 2)


def test_wrong_spec_fails_without_the_policy_being_asked(airflow_db, polaris, monkeypatch):
    """Operators convert permanent errors to AirflowFailException, for which Airflow doesn't call the policy."""
    asked = []
    monkeypatch.setattr(PolarisRetryPolicy, "evaluate", lambda *args, **kwargs: asked.append(kwargs))
    polaris(status=400)
    ti = run_once("refused", retries=2, retry_policy=PolarisRetryPolicy())

    assert (ti.state, asked) == ("failed", [])
