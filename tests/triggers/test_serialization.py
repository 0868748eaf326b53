# SPDX-License-Identifier: Apache-2.0
"""The part of a trigger that passes through Airflow's database: plain JSON, no secret, the same trigger afterwards."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

pytestmark = pytest.mark.usefixtures("database_models")

ARGUMENTS = {
    "job_id": "job-1",
    "polaris_conn_id": "polaris_other",
    "poll_interval": 12.5,
    "started": 1763618400.25,
    "deadline": 1763622000.0,
    "cancel_on_timeout": True,
    "cancel_on_kill": True,
    "pending_warning": None,
    "console_url": "https://acme.app.imply.io/",
}
DEFAULTS = {
    "job_id": "job-1",
    "polaris_conn_id": "polaris_default",
    "poll_interval": 30.0,
    "started": None,
    "deadline": None,
    "cancel_on_timeout": False,
    "cancel_on_kill": False,
    "pending_warning": 1800.0,
    "console_url": None,
}


def rebuilt(classpath: str, arguments: dict[str, Any]) -> PolarisJobTrigger:
    """Create the trigger as a triggerer does."""
    module, _, name = classpath.rpartition(".")
    trigger = getattr(import_module(module), name)(**arguments)
    assert isinstance(trigger, PolarisJobTrigger)
    return trigger


@pytest.mark.parametrize("arguments", [ARGUMENTS, DEFAULTS], ids=["all given", "defaults"])
def test_serialize_gives_json_scalars_by_which_the_trigger_is_made_again(arguments: dict[str, Any]) -> None:
    """Numbers, texts and booleans: nothing that a version of Airflow could encode differently."""
    given = {name: value for name, value in arguments.items() if arguments is ARGUMENTS or name == "job_id"}
    classpath, serialized = PolarisJobTrigger(**given).serialize()

    assert serialized == arguments
    assert all(type(value) in (str, int, float, bool, type(None)) for value in serialized.values())
    assert json.loads(json.dumps(serialized, allow_nan=False)) == arguments
    assert rebuilt(classpath, serialized).serialize() == (classpath, arguments)


@pytest.mark.parametrize("arguments", [ARGUMENTS, DEFAULTS], ids=["all given", "defaults"])
def test_trigger_round_trips_through_airflows_row(arguments: dict[str, Any]) -> None:
    """As Airflow's model encrypts and decrypts it: the whole path before Airflow 3."""
    from airflow.models.trigger import Trigger

    row = Trigger.from_object(PolarisJobTrigger(**arguments))

    assert isinstance(row.encrypted_kwargs, str)
    assert rebuilt(row.classpath, row.kwargs).serialize()[1] == arguments


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="before Airflow 3 a worker writes the row itself")
@pytest.mark.parametrize("arguments", [ARGUMENTS, DEFAULTS], ids=["all given", "defaults"])
def test_trigger_round_trips_from_worker_to_triggerer(arguments: dict[str, Any]) -> None:
    """The worker's message, the API server's row, the triggerer's arguments: Airflow's own code, without a network."""
    from airflow.models.trigger import Trigger
    from airflow.providers.common.compat.sdk import TaskDeferred
    from airflow.sdk.execution_time.task_runner import _defer_task

    deferred = TaskDeferred(
        trigger=PolarisJobTrigger(**arguments), method_name="execute_complete", timeout=timedelta(minutes=5)
    )
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", task=SimpleNamespace(queue="default"))
    message, _ = _defer_task(deferred, ti, SimpleNamespace(info=lambda *_, **__: None))  # type: ignore[arg-type]
    sent = json.loads(message.model_dump_json())
    row = Trigger(classpath=sent["classpath"], kwargs={})
    row.encrypted_kwargs = sent["trigger_kwargs"]
    if not isinstance(row.encrypted_kwargs, str):
        row.encrypted_kwargs = json.dumps(row.encrypted_kwargs)

    assert rebuilt(row.classpath, row.kwargs).serialize()[1] == arguments


def test_trigger_that_has_used_its_key_keeps_none_of_it(world: Any) -> None:
    """No state of the watcher is in what Airflow stores or shows."""

    async def scenario() -> PolarisJobTrigger:
        world.polaris.add("job-1", (-5.0, "running"), (35.0, "completed"))
        trigger = PolarisJobTrigger("job-1", poll_interval=10.0, started=world.epoch(0.0))
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        assert world.reads == ["polaris_default"]
        assert world.key not in json.dumps(trigger.serialize())
        assert world.key not in repr(trigger)
        await task
        return trigger

    trigger = world.run(scenario())

    assert world.key not in json.dumps(trigger.serialize())
