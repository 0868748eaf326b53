# SPDX-License-Identifier: Apache-2.0
"""The trigger: its arguments, its one event, its deadline, its lines in the task's log."""

from __future__ import annotations

import asyncio
import gc
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

START = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
URL = "https://acme.app.imply.io/"


def timeout_text(aftermath: str, console_url: str | None = None) -> str:
    """Return the worker's message for a running job 100 s after the start of the wait."""
    tracker = WaitTracker("job-1", now=START, deadline=START + timedelta(seconds=100), console_url=console_url)
    tracker.record_status("running", START)
    return str(tracker.timeout_error(aftermath))


def test_bare_trigger_never_cancels() -> None:
    """Both options are off by default."""
    arguments = PolarisJobTrigger("job-1").serialize()[1]

    assert arguments["cancel_on_kill"] is False
    assert arguments["cancel_on_timeout"] is False


def test_trigger_logs_each_change_once_and_fires_one_event(world: Any, trigger_log: Any) -> None:
    """The lines of the worker, from the same tracker; none for a poll without a change."""

    async def scenario() -> Any:
        world.polaris.add("job-1", (0.0, "pending"), (35.0, "running"), (305.0, "failed"))
        task, heard = world.watch("job-1", console_url=URL)
        await task
        return heard

    heard = world.run(scenario())

    assert heard.event == {
        "status": "ended",
        "job_id": "job-1",
        "state": "failed",
        "message": "Job 'job-1' has ended with 'failed'",
    }
    assert trigger_log() == [
        f"INFO Job 'job-1' is 'pending'. See {URL}",
        f"INFO Job 'job-1' is 'running', was 'pending', 41 s into the wait. See {URL}",
        f"INFO Job 'job-1' is 'failed', was 'running', 5 min into the wait. See {URL}",
    ]


def test_triggers_share_one_logger(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow would create one for each, and there may be ten thousand."""
    monkeypatch.delattr(PolarisJobTrigger, "log")  # that of the world

    async def scenario() -> None:
        world.polaris.add("job-1", (-5.0, "running"), (5.0, "completed"))
        task, _ = world.watch("job-1")
        await task

    world.run(scenario())

    assert PolarisJobTrigger("job-1").log is PolarisJobTrigger("job-2").log


def test_deadline_cancels_the_job_and_then_fires(world: Any) -> None:
    """At the deadline, not at the next poll; the message is the worker's."""

    async def scenario() -> Any:
        world.polaris.add("job-1", (-5.0, "running"))
        task, heard = world.watch(
            "job-1", interval=60.0, deadline=world.epoch(100.0), cancel_on_timeout=True, console_url=URL
        )
        await task
        return heard

    heard = world.run(scenario())

    message = heard.event.pop("message")
    assert heard.event == {"status": "timeout", "job_id": "job-1", "state": "running"}
    assert message == timeout_text("it was canceled because cancel_on_timeout=True", console_url=URL)
    assert world.polaris.canceled == ["job-1"]
    assert heard.at == pytest.approx(100.0, abs=1.0)


def test_deadline_without_cancel_leaves_the_job_alone(world: Any) -> None:
    """The event states it."""

    async def scenario() -> Any:
        world.polaris.add("job-1", (-5.0, "running"))
        task, heard = world.watch("job-1", deadline=world.epoch(100.0))
        await task
        return heard

    heard = world.run(scenario())

    assert heard.event["message"] == timeout_text("it runs on, because cancel_on_timeout=False")
    assert world.polaris.canceled == []


def test_time_out_tells_the_state_at_the_deadline_and_not_that_of_the_last_poll(world: Any) -> None:
    """The trigger polls once more, so that the error contains the current status."""

    async def scenario() -> Any:
        world.polaris.add("job-1", (-5.0, "pending"), (70.0, "running"))
        task, heard = world.watch("job-1", interval=60.0, deadline=world.epoch(100.0))
        await task
        return heard

    heard = world.run(scenario())

    assert heard.event["state"] == "running"
    assert heard.event["message"].startswith("Job 'job-1' was still 'running' at the deadline")


@pytest.mark.parametrize("cancel_on_timeout", [True, False])
def test_job_that_ended_just_before_the_deadline_is_ended(world: Any, cancel_on_timeout: bool) -> None:
    """No poll has detected the end yet; the trigger polls again before it times out."""

    async def scenario() -> Any:
        world.polaris.add("job-1", (-5.0, "running"), (99.0, "completed"))
        task, heard = world.watch(
            "job-1", interval=60.0, deadline=world.epoch(100.0), cancel_on_timeout=cancel_on_timeout
        )
        await task
        return heard

    heard = world.run(scenario())

    assert (heard.event["status"], heard.event["state"]) == ("ended", "completed")


def test_deadline_that_passed_while_the_triggerer_was_down_is_kept(world: Any) -> None:
    """It is absolute: a restart doesn't extend it, and the trigger still polls the job first."""

    async def scenario() -> Any:
        world.polaris.add("late", (-500.0, "running"))
        world.polaris.add("done", (-500.0, "running"), (-20.0, "completed"))
        started = [
            world.watch(job_id, started=world.epoch(-400.0), deadline=world.epoch(-10.0), cancel_on_timeout=True)
            for job_id in ("late", "done")
        ]
        await asyncio.wait([task for task, _ in started])
        return [heard for _, heard in started]

    late, done = world.run(scenario())

    assert late.event["status"] == "timeout"
    assert late.event["message"].startswith("Job 'late' had not been seen once at the deadline")
    assert (done.event["status"], done.event["state"]) == ("ended", "completed")
    assert late.at < 2.0


def test_deadline_holds_while_the_poll_hangs(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has its own alarm, and cancels have their own threads."""

    async def scenario() -> Any:
        world.polaris.add("job-1", (-5.0, "running"))
        task, heard = world.watch("job-1", deadline=world.epoch(100.0), cancel_on_timeout=True)
        await task
        return heard

    class Hanging(type(world.threads("x", most=1, stay=True, retry_budget=1.0))):  # type: ignore[misc]
        async def call(self, settings: Any, work: Any) -> Any:
            if self.name == "polaris-poll":
                await asyncio.sleep(10_000)
            return await super().call(settings, work)

    monkeypatch.setattr(
        "airflow_provider_polaris.triggers.job_watcher.watcher.DEPENDENCIES.threads",
        lambda name, *, most, stay, retry_budget: Hanging(world, name, retry_budget),
    )
    heard = world.run(scenario())

    assert heard.event["status"] == "timeout"
    assert heard.at == pytest.approx(100.0, abs=1.0)


@pytest.mark.parametrize("seconds, problem", [(0.0, "answered 403: not yours"), (600.0, "no answer came within 15 s")])
def test_deadline_tells_when_the_job_could_not_be_canceled(world: Any, seconds: float, problem: str) -> None:
    """The event is still fired in time."""

    def refuse(method: str, path: str) -> Any:
        if method == "POST":
            world.latency = seconds
            return world.polaris.answer(403, {"message": "not yours"})
        return None

    async def scenario() -> Any:
        world.polaris.failure = refuse
        world.polaris.add("job-1", (-5.0, "running"))
        task, heard = world.watch("job-1", deadline=world.epoch(100.0), cancel_on_timeout=True)
        await task
        return heard

    heard = world.run(scenario())

    assert "; it could not be canceled: " in heard.event["message"]
    assert problem in heard.event["message"]
    assert heard.at <= 100.0 + 15.5


def test_each_deadline_is_kept_whichever_was_set_first(world: Any) -> None:
    """Polls are an hour apart; only the alarms wake a trigger."""

    async def scenario() -> list[Any]:
        started = []
        for number, deadline in enumerate((500.0, 100.0, 300.0)):
            world.polaris.add(f"job-{number}", (-5.0, "running"))
            started.append(world.watch(f"job-{number}", interval=3600.0, deadline=world.epoch(deadline)))
        await asyncio.wait([task for task, _ in started])
        return started

    started = world.run(scenario())

    assert [heard.at for _, heard in started] == [pytest.approx(at, abs=1.0) for at in (500.0, 100.0, 300.0)]


def test_thousand_deadlines_at_once_fire_a_thousand_events(world: Any) -> None:
    """One timer serves all of them."""

    async def scenario() -> list[Any]:
        started = []
        for number in range(1000):
            world.polaris.add(f"job-{number}", (-5.0, "running"))
            started.append(world.watch(f"job-{number}", deadline=world.epoch(100.0), cancel_on_timeout=True))
        await asyncio.wait([task for task, _ in started])
        return started

    started = world.run(scenario())

    assert {heard.event["status"] for _, heard in started} == {"timeout"}
    assert len(world.polaris.canceled) == 1000
    assert all(heard.at == pytest.approx(100.0, abs=1.0) for _, heard in started)


@pytest.mark.parametrize("others", [0, 30], ids=["asked for singly", "found in a list"])
def test_job_that_stays_pending_is_worth_one_warning(world: Any, trigger_log: Any, others: int) -> None:
    """It contains Polaris' details and needs no extra request."""
    health = {
        "status": "warn",
        "code": "insufficient_capacity",
        "message": "waiting for task slots",
        "log": [{"timestamp": "2026-11-20T06:05:00Z", "healthStatus": "warn", "code": "c1", "message": "0 of 4"}],
    }

    async def scenario() -> None:
        tasks = []
        for number in range(others):
            world.polaris.add(f"other-{number}", (-5.0, "running"))
            tasks.append(world.watch(f"other-{number}")[0])
        world.polaris.add("job-1", (-5.0, "pending"), stated={"health": health})
        tasks.append(world.watch("job-1", pending_warning=600.0, console_url=URL)[0])
        await asyncio.sleep(3000)
        await world.finish(*tasks)

    world.run(scenario())

    (warning,) = [line for line in trigger_log() if line.startswith("WARNING")]
    assert warning == (
        "WARNING Job 'job-1' has been 'pending' for 10 min. The service reports: health 'warn', code "
        "'insufficient_capacity', message 'waiting for task slots', log 2026-11-20T06:05:00Z warn c1: '0 of 4'. "
        f"A pending job waits, usually for resources: check the other jobs of the project. See {URL}"
    )
    assert len(world.polaris.requests) == pytest.approx(300, abs=3)


def test_job_that_runs_in_time_is_worth_no_warning(world: Any, trigger_log: Any) -> None:
    """Neither does one whose warning is off."""

    async def scenario() -> None:
        world.polaris.add("job-1", (-5.0, "pending"), (590.0, "running"))
        world.polaris.add("job-2", (-5.0, "pending"))
        tasks = [
            world.watch("job-1", pending_warning=600.0)[0],
            world.watch("job-2", pending_warning=None)[0],
        ]
        await asyncio.sleep(3000)
        await world.finish(*tasks)

    world.run(scenario())

    assert [line for line in trigger_log() if line.startswith("WARNING")] == []
    assert world.polaris.asked("describe") == 0


def test_last_waiter_out_closes_the_session_and_a_new_one_begins_anew(world: Any) -> None:
    """Without waiters there are no polls; the next waiter reads the connection again."""

    async def scenario() -> None:
        world.polaris.add("job-1", (-5.0, "running"), (35.0, "completed"))
        task, _ = world.watch("job-1")
        await task
        await asyncio.sleep(0)
        assert world.polaris.sessions == 0
        requests = len(world.polaris.requests)
        await asyncio.sleep(1000)
        assert len(world.polaris.requests) == requests
        world.polaris.add("job-2", (world.time(), "running"), (world.time() + 5, "completed"))
        task, heard = world.watch("job-2")
        await task
        assert heard.event["state"] == "completed"

    world.run(scenario())

    assert len(world.reads) == 2


def test_watcher_logs_nothing_into_the_task_that_came_first(world: Any) -> None:
    """Its work runs in its own context."""
    from contextvars import ContextVar

    task_of: ContextVar[str] = ContextVar("task_of", default="nobody")
    seen = []

    async def read(conn_id: str) -> Any:
        seen.append(task_of.get())
        return await type(world).read_settings(world, conn_id)

    async def scenario() -> None:
        world.polaris.failure = lambda method, path: seen.append(task_of.get())
        world.polaris.add("job-1", (-5.0, "running"), (35.0, "completed"))
        task_of.set("the first")
        task, _ = world.watch("job-1")
        await task

    world.patch_reads(read)
    world.run(scenario())

    assert len(seen) > 4
    assert set(seen) == {"nobody"}


def test_watchers_of_a_loop_are_forgotten_with_it(world: Any) -> None:
    """Two loops share nothing, and nothing remains of a closed loop."""
    from airflow_provider_polaris.triggers.job_watcher import watcher

    async def take() -> Any:
        return watcher.watcher_of("polaris_default")

    gc.collect()
    before = len(watcher._WATCHERS)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    watchers = [loop.run_until_complete(take()) for loop in (first, second)]
    assert watchers[0] is not watchers[1]
    assert first.run_until_complete(take()) is watchers[0]
    first.close()
    second.close()
    del first, second, watchers
    gc.collect()

    assert len(watcher._WATCHERS) == before
