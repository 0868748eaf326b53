# SPDX-License-Identifier: Apache-2.0
"""Points at which a process can die, as data: how to cause the death, and what the next try does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.hooks.job_wait import WorkerWait
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisThrottledError
from tests.exactly_once.conftest import Airflow, die
from tests.operators.submission.conftest import STORES, Death


@dataclass(frozen=True)
class Step:
    """
    One point at which the process dies.

    :param name: What had been done by then.
    :param run: Runs the first try until the death.
    :param outcome: What the retry does, by its counter, with a store.
    :param blind: The same without a store.
    :param waits: ``worker`` or ``triggerer`` for a point that only one of the modes has.
    :param needs_store: Whether the point exists with a store only.
    :param has_job: Whether a job is at work when the process dies, which may end before the retry or not.
    :param ends_the_job: Whether the job has ended by then.
    """

    name: str
    run: Callable[[Airflow, pytest.MonkeyPatch], Any]
    outcome: str = "resumed"
    blind: str = "adopted"
    waits: str | None = None
    needs_store: bool = False
    has_job: bool = True
    ends_the_job: bool = False

    def exists(self, *, deferrable: bool, has_store: bool) -> bool:
        """Return whether a task reaches this point."""
        waits = "triggerer" if deferrable else "worker"
        return self.waits in (None, waits) and (has_store or not self.needs_store)


def before_record(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(airflow.store, "before_set", die)
    airflow.execute()


def after_record(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PolarisHook, "submit_job", die)
    airflow.execute()


def post_sent(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    """The request is sent, and takes effect half a minute later."""
    airflow.table.lose_reply(takesEffect="later", afterSeconds=30)
    airflow.table.die_after_the_loss(patch)
    airflow.execute()


def reply_lost(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    airflow.table.lose_reply()
    airflow.table.die_after_the_loss(patch)
    airflow.execute()


def reply_read(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    submit_job = PolarisHook.submit_job

    def submit_and_die(*args: Any, **options: Any) -> None:
        submit_job(*args, **options)
        raise Death

    patch.setattr(PolarisHook, "submit_job", submit_and_die)
    airflow.execute()


def recorded(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(airflow.ti, "xcom_push", die)
    airflow.execute()


def waiting(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WorkerWait, "until_end", die)
    airflow.execute()


def deferring(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(airflow.operator, "defer", die)
    airflow.execute()


def deferred(airflow: Airflow, _: pytest.MonkeyPatch) -> None:
    """No triggerer ever runs the trigger, and a user retries the task."""
    airflow.defer()
    raise Death


def event_fired(airflow: Airflow, _: pytest.MonkeyPatch) -> None:
    """The worker that should receive the event dies first."""
    airflow.trigger(airflow.defer())
    raise Death


def throttle(patch: pytest.MonkeyPatch) -> None:
    """Let the service answer the next POST with 429."""
    submit_job = PolarisHook.submit_job

    def refuse(*_: Any, **__: Any) -> None:
        patch.setattr(PolarisHook, "submit_job", submit_job)
        raise PolarisThrottledError("POST /jobs answered 429.", status=429)

    patch.setattr(PolarisHook, "submit_job", refuse)


def deferred_before_post(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    """The task waits in the triggerer before it sends its job again, and no triggerer ever runs the trigger."""
    throttle(patch)
    airflow.defer()
    raise Death


def resumed_twice(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    """The trigger fires twice, so two workers, one after the other, send the job again."""
    throttle(patch)
    resumption = airflow.trigger(airflow.defer())
    for _ in range(2):
        with pytest.raises(TaskDeferred):
            airflow.resume(*resumption)
    raise Death


def result_not_pushed(airflow: Airflow, patch: pytest.MonkeyPatch) -> None:
    xcom_push = airflow.ti.xcom_push

    def push(key: str, value: Any) -> None:
        if key == "polaris_job" and value["status"] == "completed":
            raise Death
        xcom_push(key, value)

    patch.setattr(airflow.ti, "xcom_push", push)
    airflow.execute()


STEPS = [
    Step("before record", before_record, "submitted", needs_store=True, has_job=False),
    Step("after record", after_record, "submitted", "submitted", has_job=False),
    Step("POST sent", post_sent, "adopted", has_job=False),
    Step("reply lost", reply_lost, "adopted"),
    Step("reply read, id not recorded", reply_read, "adopted"),
    Step("recorded, not announced", recorded),
    Step("waiting", waiting, waits="worker"),
    Step("recorded, not deferred", deferring, waits="triggerer"),
    Step("deferred", deferred, waits="triggerer"),
    Step("deferred before the POST", deferred_before_post, "submitted", "submitted", waits="triggerer", has_job=False),
    Step("resumed twice before the POST", resumed_twice, waits="triggerer"),
    Step("event fired", event_fired, waits="triggerer", has_job=False, ends_the_job=True),
    Step("result not yet pushed", result_not_pushed, has_job=False, ends_the_job=True),
]


def cells(kinds: Sequence[str], *, exists: Callable[[Step, bool], bool] = lambda step, ended: True) -> list[Any]:
    """
    Return the parameters step, deferrable, kind, has_store and has_ended of every existing combination, with its name.

    :param kinds: Kinds of jobs.
    :param exists: Whether there is a cell for a step and for whether its job ends before the next try.
    """
    return [
        pytest.param(step, deferrable, kind, store, ended, id=f"{step.name}-{mode}-{kind}-{with_store}-{end}")
        for step, (mode, deferrable), kind, (with_store, store), (end, ended) in itertools.product(
            STEPS,
            [("worker", False), ("triggerer", True)],
            kinds,
            [("store" if each else "no store", each) for each in STORES],
            [("active", False), ("ended", True)],
        )
        if step.exists(deferrable=deferrable, has_store=store) and exists(step, ended)
    ]
