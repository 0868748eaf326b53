# SPDX-License-Identifier: Apache-2.0
"""The asset events of a successful task."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_polaris.assets import table_asset
from airflow_provider_polaris.operators.guards.guarded_job import GuardDecision
from airflow_provider_polaris.operators.polaris import PolarisJobOperator, PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.operators.conftest import JOB

PROJECT = "00000000-0000-4000-8000-000000000001"
DAY = "2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z"
EXTRA = {"job_id": JOB, "interval": DAY, "rows": 3, "bytes": 99, "partition_key": None}

partitions = pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="has no rollup of partitions")
airflow_3 = pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="has no outlets by name")
not_3_0 = pytest.mark.skipif(AIRFLOW_VERSION == (3, 0), reason="fails a task for an outlet that no DAG uses")


@pytest.fixture
def events(context) -> Any:
    """Put Airflow's own accessors into the context, and return them."""
    if AIRFLOW_VERSION < (3, 0):
        from airflow.utils.context import OutletEventAccessors
    else:
        from airflow.sdk.execution_time.context import OutletEventAccessors
    context["outlet_events"] = OutletEventAccessors()
    return context["outlet_events"]


@pytest.fixture
def ended(jobs, clock, monkeypatch):
    """Let the job complete at the first poll, with three stored rows and without guards."""
    jobs.table("Koalas Source")
    jobs.table("Koalas Rollup", type="aggregate")
    target = {"type": "table", "tableName": "Koalas Rollup", "intervals": [DAY]}
    jobs.accept(target=target)
    jobs.is_now("completed", target=target)
    jobs.has(metrics={"numRowsProcessed": 5, "numRowsPersisted": 3, "numBytesProcessed": 99})
    answer = SimpleNamespace(decision=GuardDecision("submit", "all is well."))
    monkeypatch.setattr(
        "airflow_provider_polaris.operators.guards.table_to_table.SourceGuards.check",
        lambda self, own_jobs: answer.decision,
    )
    return answer


@pytest.fixture
def asset(jobs):
    """Return the asset of a table of the default connection."""
    return lambda table, **options: table_asset(table, host=jobs.server.url, project_id=PROJECT, **options)


def operator(**arguments: Any) -> PolarisTableToTableOperator:
    return PolarisTableToTableOperator(
        **{
            "task_id": "rollup",
            "source_table": "Koalas Source",
            "target_table": "Koalas Rollup",
            "dimensions": ["city"],
            **arguments,
        }
    )


def test_execute_with_its_table_as_outlet_adds_what_the_job_did(ended, context, events, asset) -> None:
    """The event of the outlet has job, interval, rows and bytes; the source becomes an inlet."""
    outlet = asset("Koalas Rollup")
    task = operator(outlets=[outlet])
    task.execute(context)
    assert events[outlet].extra == EXTRA
    assert task.outlets == [outlet]
    assert [inlet.uri for inlet in task.inlets] == [asset("Koalas Source").uri]


def test_execute_keeps_what_the_user_put_into_the_event(ended, context, events, asset) -> None:
    """A callback's own extra stays."""
    outlet = asset("Koalas Rollup")
    events[outlet].extra = {"mine": 1}
    operator(outlets=[outlet]).execute(context)
    assert events[outlet].extra == {"mine": 1, **EXTRA}


@not_3_0
def test_execute_without_outlet_adds_the_asset_that_a_dag_may_use(ended, context, events, asset) -> None:
    """A DAG that is scheduled on the table runs, although this one doesn't name it."""
    task = operator()
    task.execute(context)
    outlet = asset("Koalas Rollup")
    assert [each.uri for each in task.outlets] == [outlet.uri]
    assert events[outlet].extra == EXTRA
    if AIRFLOW_VERSION >= (3, 0):
        assert task.outlets == [Asset.ref(uri=outlet.uri)]


@airflow_3
def test_execute_with_an_outlet_by_name_fills_the_event_of_its_asset(
    ended, context, events, asset, monkeypatch
) -> None:
    """An asset with another name than its URI is the same one; another asset gets no event."""
    assets = {"rollup": asset("Koalas Rollup").uri, "other": asset("Koalas Copy").uri}
    monkeypatch.setattr(
        type(events),
        "_get_asset_from_db",
        staticmethod(lambda name=None, uri=None: Asset(name=name, uri=assets[name])),
    )
    outlets = [Asset.ref(name="other"), Asset.ref(name="rollup")]
    task = operator(outlets=outlets)
    task.execute(context)
    assert task.outlets == outlets
    assert [events[outlet].extra for outlet in outlets] == [{}, EXTRA]


def test_execute_with_an_alias_puts_its_table_into_it(ended, context, events, asset) -> None:
    """DAGs that are scheduled on the alias get an event of the table, in use or not."""
    alias = AssetAlias("rollups")
    operator(outlets=[alias]).execute(context)
    told = getattr(events[alias], "asset_alias_events", None) or events[alias].dataset_alias_events
    (event,) = told
    assert (event["extra"] if isinstance(event, dict) else event.extra) == EXTRA
    uri = asset("Koalas Rollup").uri
    assert (event["dest_dataset_uri"] if isinstance(event, dict) else event.dest_asset_key.uri) == uri


def test_execute_of_a_deletion_tells_only_its_own_outlets(ended, jobs, context, events, asset) -> None:
    """A rollup that is scheduled on a table doesn't run after a deletion there, unless the table is an outlet."""
    outlet = asset("Koalas Rollup")
    spec = {"type": "delete_data", "target": {"tableName": "Koalas Rollup", "intervals": [DAY]}}
    jobs.accept(**spec, source=None)
    jobs.is_now("completed", **spec, source=None)
    task = PolarisJobOperator(task_id="delete", spec=spec)
    task.execute(context)
    assert (task.outlets, len(events)) == ([], 0)
    PolarisJobOperator(task_id="delete_loudly", spec=spec, outlets=[outlet]).execute(context)
    assert events[outlet].extra["job_id"] == JOB


def test_execute_that_needs_no_job_has_its_event_and_no_id(ended, jobs, context, events, asset, task_log, ti) -> None:
    """A quiet hour counts as done, so that the daily run doesn't wait for it."""
    ended.decision = GuardDecision("succeed", "nothing to do.")
    outlet = asset("Koalas Rollup")
    task = operator(outlets=[outlet])
    assert task.execute(context) is None
    assert events[outlet].extra == {"job_id": None, "interval": DAY, "rows": 0, "bytes": 0, "partition_key": None}
    assert jobs.posted == []
    assert ti.pushed == []
    assert "INFO nothing to do." in task_log()


def test_execute_without_wait_says_which_job_and_no_rows(ended, jobs, context, events, asset) -> None:
    """Unknown values are None."""
    outlet = asset("Koalas Rollup")
    operator(outlets=[outlet], wait_for_completion=False).execute(context)
    assert events[outlet].extra == {**EXTRA, "rows": None, "bytes": None}


def test_execute_whose_event_breaks_succeeds_and_says_so(ended, context, events, task_log) -> None:
    """The job has completed; no later error may fail the task."""

    def broken(events: Any, uri: str) -> Any:
        raise RuntimeError("no supervisor")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_polaris.operators.job_run.asset_events.outlet_of", broken)
        assert operator().execute(context) == JOB
    assert (
        "WARNING The asset event of table 'Koalas Rollup' lacks the details of the job: RuntimeError('no supervisor')"
        in task_log()
    )


class InletEvents:
    """The used part of Airflow's accessor of past events; a new one is created for other inlets."""

    past: list[Any]

    def __init__(self, inlets: Any = ()) -> None:
        self.inlets = inlets

    def __getitem__(self, asset: Any) -> InletEvents:
        assert self.inlets == [asset]
        return self

    def after(self, instant: str) -> InletEvents:
        assert instant == "2026-11-20T00:00:00+00:00"
        return self

    def ascending(self) -> InletEvents:
        return self

    def limit(self, most: int) -> InletEvents:
        assert most == 1000
        return self

    def __iter__(self) -> Any:
        return iter(self.past)


@partitions
def test_execute_of_a_cleared_partition_names_the_runs_built_from_it(ended, context, events, asset, ti, task_log):
    """The log lists the runs to clear, each once; events of other runs are ignored."""
    outlet = asset("Koalas Rollup")
    run = SimpleNamespace(
        run_id="run-1",
        partition_key="2026-11-19",
        run_after=datetime(2026, 11, 20, tzinfo=timezone.utc),
        start_date=None,
    )
    built = [SimpleNamespace(dag_id="month", run_id="m-11"), SimpleNamespace(dag_id="month", run_id="m-11")]
    InletEvents.past = [
        SimpleNamespace(source_dag_id="koalas", source_run_id="run-1", created_dagruns=built),
        SimpleNamespace(source_dag_id="koalas", source_run_id="run-1", created_dagruns=[]),
        SimpleNamespace(
            source_dag_id="koalas",
            source_run_id="run-2",
            created_dagruns=[SimpleNamespace(dag_id="month", run_id="m-12")],
        ),
    ]
    context |= {"dag_run": run, "partition_key": "2026-11-19", "inlet_events": InletEvents()}
    stale = (
        f"WARNING Partition '2026-11-19' of {outlet.uri} was rewritten. Airflow does not rerun downstream runs. These "
        "runs used the old data. Clear them after this task, and then the runs that used their results:\n"
        "  DAG 'month', run 'm-11'"
    )
    task = operator(outlets=[outlet])
    task.execute(context)
    assert stale not in task_log()
    ti.max_tries = 1  # cleared
    task.execute(context)
    assert stale in task_log()
    assert events[outlet].extra["partition_key"] == "2026-11-19"
