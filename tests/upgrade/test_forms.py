# SPDX-License-Identifier: Apache-2.0
"""Stored data of earlier releases can be read: an upgrade may happen while tasks wait, retry or age data out."""

from __future__ import annotations

import json
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
from airflow_provider_polaris.jobs.idempotency.fingerprint import changed_fields, fingerprint
from airflow_provider_polaris.operators.job_run.cancel_on_kill import CancelOnKill
from airflow_provider_polaris.operators.polaris import PolarisJobOperator, PolarisTableToTableOperator
from airflow_provider_polaris.operators.submission.record import RECORD_KEY, Records
from airflow_provider_polaris.runtime.deferral import restore_state
from airflow_provider_polaris.sensors.job_wait import DeferredJobWait
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor
from airflow_provider_polaris.triggers.data import check_data_event
from airflow_provider_polaris.triggers.event import check_event
from airflow_provider_polaris.triggers.table_watcher.cursor import Cursor
from tests.upgrade.forms import HERE, VERSION, forms, identity
from tests.upgrade.names import names

RELEASES = sorted(path for path in HERE.iterdir() if path.is_dir() and path.name[0].isdigit())

pytestmark = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)


def left(release: Path, name: str) -> Any:
    return json.loads((release / f"{name}.json").read_text())


def test_release_in_the_tree_leaves_what_was_written_down(release: Path) -> None:
    """A changed stored form fails here; the files are rewritten before the release, never afterwards."""
    if release.name != VERSION:
        pytest.skip("an earlier release")

    assert {path.stem: left(release, path.stem) for path in release.glob("*.json")} == forms()


def test_public_names_and_arguments_of_the_release_exist(release: Path) -> None:
    """A DAG that was written for the release needs no change; an old name stays, with a warning, for two releases."""
    stored = (release / "names.txt").read_text().splitlines()

    assert "operators.polaris:PolarisTableToTableOperator(source_table" in stored
    assert sorted({*stored} - {*names()}) == []


def test_trigger_rows_make_the_same_triggers(release: Path) -> None:
    """A triggerer of the new version continues the old one's wait; arguments may only be added."""
    for row in left(release, "triggers"):
        module, _, name = row["classpath"].rpartition(".")
        classpath, kwargs = getattr(import_module(module), name)(**row["kwargs"]).serialize()

        assert classpath == row["classpath"]
        assert {key: kwargs[key] for key in row["kwargs"]} == row["kwargs"]


def test_deferred_tasks_have_the_method_that_they_go_on_with(release: Path) -> None:
    """Airflow's database names the method, and passes the event and the saved state."""
    for place, deferral in left(release, "deferrals").items():
        module, _, name = place.rpartition(".")
        method = getattr(getattr(import_module(f"airflow_provider_polaris.{module}"), name), deferral["method_name"])

        signature(method).bind(None, {}, event={}, **deferral["kwargs"])


def test_deferred_operator_goes_on_with_its_job(release: Path) -> None:
    """No part of the attempt is lost: the job, its page, the options of the wait."""
    left_by_operator = left(release, "deferrals")["operators.polaris.PolarisJobOperator"]["kwargs"]["wait"]
    operator = PolarisJobOperator(task_id="load", spec={})
    operator._kill = CancelOnKill()

    run = operator._resume(left_by_operator, {"ti": None})  # type: ignore[typeddict-item]

    assert (run.job_id, run.url, run.submitted.timestamp()) == ("job-1", left_by_operator["url"], 1795154400.0)
    assert {name: getattr(run.options, name) for name in left_by_operator["options"]} == left_by_operator["options"]


def test_task_that_was_deferred_before_its_job_goes_on_with_its_plan(release: Path) -> None:
    """The planned job, the deadline, and what it has done."""
    deferrals = left(release, "deferrals")
    if release.name == "0.1":
        assert "operators.polaris.PolarisTableToTableOperator" not in deferrals
        return  # 0.1 defers a task only when it has its job
    stored = deferrals["operators.polaris.PolarisTableToTableOperator"]["kwargs"]["wait"]
    operator = PolarisTableToTableOperator(task_id="load", source_table="a", target_table="b")
    operator._kill = CancelOnKill()

    run = operator._begin_again(stored, {"ti": None})  # type: ignore[typeddict-item]

    assert run.memory.to_json() == stored["memory"]
    assert run.deadline is not None
    assert run.deadline.timestamp() == stored["deadline"]
    assert {name: getattr(run.options, name) for name in stored["options"]} == stored["options"]


def test_deferred_job_sensor_goes_on_with_its_job(release: Path) -> None:
    """The sensor gets all values that it needs."""
    left_by_sensor = left(release, "deferrals")["sensors.polaris.PolarisJobSensor"]["kwargs"]["wait"]

    memory = restore_state(DeferredJobWait, left_by_sensor)

    assert {name: getattr(memory, name) for name in left_by_sensor} == left_by_sensor


def test_deferred_data_sensor_ends_with_what_the_trigger_found(release: Path) -> None:
    """The condition is parsed again and the result is pushed."""
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    waiting = left(release, "deferrals")["sensors.polaris.PolarisDataSensor"]["kwargs"]["wait"]

    PolarisDataSensor(task_id="wait", table="other").execute_complete(
        {"ti": ti},  # type: ignore[typeddict-item]
        left(release, "data_events")[0],
        waiting,
    )

    assert pushed == {"polaris_data": {"table": "Koalas Source", "newest": "2026-11-20T06:00:00Z", "rows": 12}}


def test_events_of_an_older_triggerer_pass_the_check(release: Path) -> None:
    """Workers are often newer than the triggerer for a while."""
    for event in left(release, "job_events"):
        assert check_event(event) == event
    for event in left(release, "data_events"):
        assert check_data_event(event) == event


def test_records_are_read_with_all_they_say(release: Path) -> None:
    """A record that counts as missing would make a retry search for its job, or refuse to append."""
    for stored in left(release, "records"):
        records = Records(SimpleNamespace(get=lambda key, default=None, stored=stored: {RECORD_KEY: stored}[key]), None)  # type: ignore[arg-type]

        record = records.load()

        assert record is not None
        assert {name: record.to_json()[name] for name in stored} == stored


def test_cursor_of_a_watched_table_is_read(release: Path) -> None:
    """An unreadable cursor would lose the jobs that completed during the upgrade."""
    stored = left(release, "table_cursor")

    assert Cursor.from_json(stored).to_json() == stored


def test_plans_of_an_age_out_in_progress_are_read(release: Path) -> None:
    """The tasks after the upgrade continue with the results of the tasks before it."""
    for stored in left(release, "aging_plans"):
        assert AgingPlan.from_json(stored, "plan").to_json() == stored


def test_jobs_at_polaris_are_recognised(release: Path) -> None:
    """Another marker or another fingerprint of the same spec would make a retry submit a second job, or refuse."""
    known = left(release, "at_polaris")

    assert identity(known["task"]).marker(*known["place"]) == known["marker"]
    for job in known["jobs"]:
        assert changed_fields(job["fingerprint"], fingerprint(job["spec"])) == ()
