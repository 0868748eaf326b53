# SPDX-License-Identifier: Apache-2.0
"""Runs that the tested Airflow's own code plans for a schedule, and the context of a task in one."""

from __future__ import annotations

import importlib
import logging
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

NOW = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Planned:
    """
    What Airflow knows of a run when it makes it.

    :param run_type: ``scheduled``, ``manual``, ``backfill`` or ``asset_triggered``.
    :param logical_date: None for runs that have none, since Airflow 3.
    :param interval: Begin and end of the data interval; None if there is none.
    :param key: Partition key.
    :param date: Partition date.
    :param conf: Of a manual run.
    """

    run_type: str
    logical_date: datetime | None = None
    interval: Any = None
    key: str | None = None
    date: datetime | None = None
    conf: dict[str, Any] | None = None


def author(name: str) -> Any:
    """Return a class that DAG authors use, by its name; a LookupError if this Airflow doesn't have it."""
    from airflow.providers.common.compat import sdk as compat

    places = ["airflow.sdk", *(f"airflow.timetables.{name}" for name in ("interval", "trigger", "events", "datasets"))]
    if name == "Asset":
        return compat.Asset
    for place in places:
        try:
            return getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
    raise LookupError(f"Airflow {AIRFLOW_VERSION} has no {name}")


def in_scheduler(dag: Any) -> Any:
    """Return the DAG as the scheduler has it: serialized to JSON and deserialized."""
    if AIRFLOW_VERSION >= (3, 2):
        from airflow.serialization.serialized_objects import DagSerialization as Serialization
    else:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialization
    return Serialization.from_dict(Serialization.to_dict(dag))


def scheduled(dag: Any) -> Planned | None:
    """Return the first run of the schedule from the DAG's start on; None if there is none."""
    import pendulum
    from airflow.timetables.base import TimeRestriction

    schedule = in_scheduler(dag).timetable
    restriction = TimeRestriction(pendulum.instance(dag.start_date), None, catchup=True)
    if AIRFLOW_VERSION >= (3, 2):
        info = schedule.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    else:
        info = schedule.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    return None if info is None else _planned("scheduled", info)


def backfilled(dag: Any, first: datetime, last: datetime) -> list[Planned] | None:
    """Return the runs of a backfill; None if Airflow doesn't backfill the schedule."""
    import pendulum

    serialized = in_scheduler(dag)
    if not serialized.timetable.periodic:
        return None
    first, last = pendulum.instance(first), pendulum.instance(last)
    if AIRFLOW_VERSION < (3, 0):
        return [_planned("backfill", info) for info in serialized.iter_dagrun_infos_between(first, last)]
    from airflow.models.backfill import _get_info_list

    infos = _get_info_list(from_date=first, to_date=last, reverse=False, dag=serialized)
    return [_planned("backfill", info) for info in infos]


def manual(dag: Any, at: datetime | None, key: str | None = None, conf: dict[str, Any] | None = None) -> Planned:
    """Return the run that the REST API creates, which the UI calls."""
    serialized = in_scheduler(dag)
    if AIRFLOW_VERSION < (3, 0):
        import pendulum

        at = pendulum.instance(at or NOW)
        # As post_dag_run of airflow.api_connexion.endpoints.dag_run_endpoint.
        return Planned("manual", at, serialized.timetable.infer_manual_data_interval(run_after=at), conf=conf)
    from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody

    given = {"partition_key": key, "conf": conf}
    fields = {name: value for name, value in given.items() if value is not None}
    body = TriggerDAGRunPostBody(dag_run_id="run", logical_date=at, run_after=NOW, **fields)
    made = body.validate_context(serialized)
    return Planned(
        "manual",
        made["logical_date"],
        made["data_interval"],
        made.get("partition_key"),
        made.get("partition_date"),
        conf,
    )


def by_assets(dag: Any, produced: Any = None, carried: datetime | None = None) -> Planned:
    """
    Return the run that an asset's event makes.

    :param produced: Airflow 2: the data interval of the run that wrote the dataset. Else its partition key, or None.
    :param carried: Partition date of the run that wrote the asset.
    """
    schedule = in_scheduler(dag).timetable
    if AIRFLOW_VERSION < (3, 0):
        import pendulum

        start, end = produced
        event = SimpleNamespace(source_dag_run=SimpleNamespace(data_interval_start=start, data_interval_end=end))
        interval = schedule.data_interval_for_events(pendulum.instance(NOW), [event])
        return Planned("dataset_triggered", NOW, interval)
    if produced is None:
        return Planned("asset_triggered")
    name, uri = "koalas", "koalas"
    key = schedule.get_partition_mapper(name=name, uri=uri).to_downstream(produced)
    key = key if isinstance(key, str) else sorted(key)[-1]
    if AIRFLOW_VERSION < (3, 3):
        return Planned("asset_triggered", key=key)
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    date = SchedulerJobRunner._resolve_partition_date(
        SimpleNamespace(log=logging.getLogger("test.scheduler")),  # type: ignore[arg-type]
        timetable=schedule,
        asset_infos=[(name, uri)],
        partition_key=key,
        dag_id=dag.dag_id,
        carried_partition_date=carried,
    )
    return Planned("asset_triggered", key=key, date=date)


def context(dag: Any, task_id: str, run: Planned) -> Any:
    """Return the context that Airflow builds for a task of the run."""
    with quiet():
        return _context_of_2(dag, task_id, run) if AIRFLOW_VERSION < (3, 0) else _context_of_3(dag, task_id, run)


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore warnings that Airflow causes itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _planned(run_type: str, info: Any) -> Planned:
    logical_date = info.data_interval.start if info.data_interval is not None else None
    return Planned(
        run_type,
        logical_date,
        info.data_interval,
        getattr(info, "partition_key", None),
        getattr(info, "partition_date", None),
    )


def _context_of_2(dag: Any, task_id: str, run: Planned) -> Any:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy.orm.attributes import set_committed_value

    made = DagRun(
        dag_id=dag.dag_id,
        run_id="run",
        execution_date=run.logical_date,
        data_interval=run.interval,
        run_type=run.run_type,
        conf=run.conf or {},
    )
    instance = TaskInstance(dag.get_task(task_id), run_id="run")
    set_committed_value(instance, "dag_run", made)
    no_runs = SimpleNamespace(scalar=lambda *_: None)  # requests the previous run, which doesn't exist
    return instance.get_template_context(session=no_runs)


def _context_of_3(dag: Any, task_id: str, run: Planned) -> Any:
    from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    start, end = run.interval or (None, None)
    fields = {"partition_key": run.key, "partition_date": run.date}
    made = DagRun(
        dag_id=dag.dag_id,
        run_id="run",
        logical_date=run.logical_date,
        data_interval_start=start,
        data_interval_end=end,
        run_after=NOW,
        start_date=NOW,
        end_date=None,
        run_type=run.run_type,
        state="running",
        conf=run.conf,
        consumed_asset_events=[],
        # A field that a version doesn't send to its workers is missing here.
        **{name: value for name, value in fields.items() if name in DagRun.model_fields},
    )
    instance = RuntimeTaskInstance.model_construct(
        id=uuid.uuid4(),
        task_id=task_id,
        dag_id=dag.dag_id,
        run_id="run",
        try_number=1,
        map_index=-1,
        task=dag.get_task(task_id),
        _ti_context_from_server=TIRunContext(dag_run=made, max_tries=0),
        max_tries=0,
        start_date=NOW,
    )
    return instance.get_template_context()
