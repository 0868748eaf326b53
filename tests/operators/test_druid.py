# SPDX-License-Identifier: Apache-2.0
"""The operators with a connection of type apache_druid, on a fake Druid; nothing else differs from Polaris."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.assets import druid_table_asset
from airflow_provider_polaris.client import DruidSettings
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.operators.dry_run.report import dry_run
from airflow_provider_polaris.operators.job_run.cancel_on_kill import cancel_within
from airflow_provider_polaris.operators.polaris import (
    PolarisDeleteDataOperator,
    PolarisDropTableOperator,
    PolarisRestoreDataOperator,
    PolarisTableToTableOperator,
)
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, AirflowFailException
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor, PolarisJobSensor
from tests.druid_service import DruidService
from tests.jumping_loop import run_without_sleeping
from tests.operators.conftest import through_airflow

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
SQL = """REPLACE INTO "hourly"
OVERWRITE WHERE "__time" >= TIMESTAMP '2024-06-01 00:00:00' AND "__time" < TIMESTAMP '2024-06-02 00:00:00'
SELECT
  TIME_FLOOR("__time", 'PT1H') AS "__time",
  "city" AS "city",
  MAX("length") AS "longest",
  COUNT(*) AS "__count"
FROM "raw"
WHERE (TIME_IN_INTERVAL("__time", '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'))
GROUP BY 1, 2
PARTITIONED BY DAY"""


@pytest.fixture
def druid(druid_service: DruidService, connect: Any, monkeypatch: pytest.MonkeyPatch, clock: Any) -> DruidService:
    """Point the operators' default connection to a Druid with a table of three rows on 1 June."""
    connect("polaris_default", conn_type="apache_druid", host=druid_service.url, password=None, extra={})
    from_host = DruidSettings.from_host.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        DruidSettings,
        "from_host",
        classmethod(lambda cls, host, **values: from_host(cls, host, retry_budget=0.0, **values)),
    )
    druid_service.table("raw", columns={"city": "VARCHAR", "length": "BIGINT"}, days=("2024-06-01", "2024-06-02"))
    druid_service.rows["raw"] = [{"bucket": "2024-06-01T00:00:00.000Z", "n": 3}]
    return druid_service


@pytest.fixture
def context(ti: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Return the context of a run for 1 June 2024."""
    day = datetime(2024, 6, 1, tzinfo=timezone.utc)
    return {**context, "data_interval_start": day, "data_interval_end": day + timedelta(days=1)}


def rollup(**arguments: Any) -> PolarisTableToTableOperator:
    return PolarisTableToTableOperator(
        **{
            "task_id": "job",
            "source_table": "raw",
            "target_table": "hourly",
            "create_table_if_not_exists": True,
            "rollup_granularity": "hour",
            "dimensions": ["city"],
            "measures": {"longest": 'MAX("length")'},
            **arguments,
        }
    )


def submissions(druid: DruidService) -> list[dict[str, Any]]:
    return [body for _, path, body in druid.seen if path == "/druid/v2/sql/task"]


def test_rollup_runs_as_one_task_with_the_same_results(druid, context, ti):
    """Its SQL, its id, its XComs and its links."""
    job_id = rollup().execute(context)

    (body,) = submissions(druid)
    assert body["query"] == SQL
    marker = body["context"]["airflow"]
    assert job_id == f"query-airflow-{marker}-1"
    assert list(druid.tasks) == [job_id]
    console = f"{druid.url}/unified-console.html"
    assert ti.xcom("polaris_job_url") == f"{console}#tasks/task_id={job_id}"
    assert ti.xcom("polaris_table_url") == f"{console}#datasources/datasource=hourly"
    assert {**ti.xcom("polaris_job"), "seconds": None} == {
        "id": job_id,
        "status": "completed",
        "intervals": [DAY],
        "rows_processed": 3,
        "rows_persisted": 2,
        "bytes": 2164,
        "seconds": None,
        "adopted": False,
    }


def test_rollup_that_is_deferred_is_resumed_with_the_same_results(druid, context, ti):
    """One trigger polls the task; the worker checks its result."""
    druid.reads = 3
    operator = rollup(deferrable=True)
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    deferred = caught.value
    trigger = type(deferred.trigger)(**through_airflow(deferred.trigger.serialize()[1]))
    trigger.poll_interval = 0.01

    async def fire() -> Any:
        return [event.payload async for event in trigger.run()]

    (event,) = run_without_sleeping(fire())

    assert (event["status"], event["state"]) == ("ended", "completed")
    arguments = through_airflow({**deferred.kwargs, "event": event})
    assert getattr(operator, deferred.method_name)(context, **arguments) == event["job_id"]
    assert ti.xcom("polaris_job")["rows_persisted"] == 2
    assert len(submissions(druid)) == 1


def test_rollup_whose_worker_died_is_found_by_the_next_try(druid, context, ti):
    """The task runs on; a second one is never made."""
    druid.reads = None
    first = rollup(wait_for_completion=False).execute(context)
    druid.reads = 1
    ti.try_number = 2

    assert rollup(retries=1).execute(context) == first
    assert list(druid.tasks) == [first]


def test_rollup_without_source_rows_is_refused(druid, context):
    """The guards count by a statement, which reads deep storage."""
    druid.rows["raw"] = []

    with pytest.raises(AirflowFailException, match="raw"):
        rollup().execute(context)

    assert submissions(druid) == []
    assert "/druid/v2/sql/statements" in druid.paths()


def test_full_task_slots_hold_back_the_count_and_the_job(druid, context, clock, task_log):
    """A count takes slots, too. The task says what it waits for, and goes on when slots are free."""
    druid.used = 5

    def free(count: int) -> None:
        assert not druid.used or "/druid/v2/sql/statements" not in druid.paths()
        druid.used = 5 if count < 3 else 0

    clock.then = free
    rollup(wait_for_completion=False).execute(context)

    assert clock.sleeps[:3] == [15.0, 15.0, 15.0]
    assert (
        task_log().count(
            "INFO Rows can't be counted now. This task tries again every 15 s, for up to 600 s: Druid has 1 free task "
            "slot, and the job needs 2, so it was not submitted: jobs that wait for each other's slots block the "
            "cluster. Limit the number of jobs at a time with an Airflow pool, or add workers."
        )
        == 1
    )
    assert len(submissions(druid)) == 1


def test_deletion_marks_the_segments_of_the_interval(druid, context):
    """It takes effect at once, and is recorded as a task."""
    operator = PolarisDeleteDataOperator(task_id="job", table_name="raw", intervals="2024-06-02/P1D")

    job_id = operator.execute(context)

    assert druid.marked == [("raw", "markUnused", {"segmentIds": ["raw_2024-06-02T00:00:00.000Z"]})]
    assert druid.tasks[job_id].type == "noop"


def test_restore_marks_the_segments_of_the_interval(druid, context):
    """Without versions, by the interval."""
    operator = PolarisRestoreDataOperator(task_id="job", table_name="raw", interval="2024-06-02/P1D")

    operator.execute(context)

    interval = "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z"
    assert druid.marked == [("raw", "markUsed", {"interval": interval})]


def test_restore_of_a_version_needs_a_cluster_with_a_list_of_unused_segments(druid, context):
    """Druid 27 marks every version; it is refused instead."""
    operator = PolarisRestoreDataOperator(task_id="job", table_name="raw", interval="2024-06-02/P1D", versions=["v1"])

    with pytest.raises(AirflowFailException) as caught:
        operator.execute(context)

    assert str(caught.value) == (
        "this version of Druid has no list of unused segments, so nothing is known about replaced or deleted data of "
        "table 'raw'. Druid has that list since version 29: upgrade the cluster."
    )
    assert druid.marked == []


def test_drop_marks_all_segments(druid, context):
    """Restorable by default."""
    PolarisDropTableOperator(task_id="job", table_name="raw", confirm_table_name="raw").execute(context)

    assert druid.marked == [("raw", "DELETE", None)]


def test_data_sensor_reads_the_newest_row(druid, context, ti, airflow_sleeps):
    """By the same queries."""
    druid.rows["raw"] = [{"newest0": "2024-06-01T23:59:00.000Z", "recent0": 1, "rows0": 3}]
    sensor = PolarisDataSensor(
        task_id="wait", table="raw", up_to="2024-06-01T23:55:00Z", min_rows=3, poke_interval=60, timeout=3600
    )

    sensor.execute(context)

    assert ti.xcom("polaris_data") == {"table": "raw", "newest": "2024-06-01T23:59:00.000Z", "rows": 3}


def test_dry_run_shows_the_request_and_changes_nothing(druid, context, task_log):
    """The SQL is that of the task."""
    dry_run(rollup(), context)

    texts = "\n".join(task_log())
    assert f"POST {druid.url}/druid/v2/sql/task" in texts
    assert f"The equivalent SQL, in UTC:\n{SQL}\n" in texts
    assert "by which a retry recognizes its job.\n" in texts
    assert (submissions(druid), druid.tasks) == ([], {})


def test_asset_event_goes_to_the_asset_of_the_table(druid, context):
    """Its URI has the router's host and no project."""
    if AIRFLOW_VERSION < (3, 0):
        from airflow.utils.context import OutletEventAccessors
    else:
        from airflow.sdk.execution_time.context import OutletEventAccessors
    context["outlet_events"] = OutletEventAccessors()
    outlet = druid_table_asset("hourly", host=druid.url)
    operator = rollup(outlets=[outlet])

    job_id = operator.execute(context)

    extra = context["outlet_events"][outlet].extra
    assert (extra["job_id"], extra["interval"], extra["rows"]) == (job_id, DAY, 2)
    assert [inlet.uri for inlet in operator.inlets] == [druid_table_asset("raw", host=druid.url).uri]


def test_kill_shuts_the_task_down(druid, context):
    """Within the time limits of a killed worker."""
    druid.reads = None
    job_id = rollup(wait_for_completion=False).execute(context)

    result = cancel_within(PolarisHook().settings, job_id)

    assert (result.problem, druid.tasks[job_id].message) == (None, "Shutdown request from user")


def test_lineage_names_the_tables_of_the_cluster(druid, context):
    """The namespace is the scheme and host of the assets; a table has no project."""
    pytest.importorskip("airflow.providers.openlineage")
    operator = rollup()
    operator.execute(context)

    lineage = operator.get_openlineage_facets_on_complete(None)

    here = druid.url.replace("http://", "druid://")
    assert [(each.namespace, each.name) for each in lineage.inputs] == [(here, "raw")]
    assert [(each.namespace, each.name) for each in lineage.outputs] == [(here, "hourly")]
    assert lineage.run_facets["externalQuery"].source == here


def test_job_sensor_waits_for_a_task_of_another_party(druid, context, ti, airflow_sleeps):
    """By its id in Druid."""
    druid.reads = 2
    job_id = rollup(wait_for_completion=False).execute(context)

    PolarisJobSensor(task_id="wait", job_id=job_id, poke_interval=60, timeout=3600).execute(context)

    assert ti.xcom("polaris_job")["status"] == "completed"
    assert druid.tasks[job_id].status == "SUCCESS"
