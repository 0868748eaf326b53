"""A Polaris that fails, lags or forgets: no waiter fails, none misses its end, and budgets are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests

INTERVAL = 10.0
MINUTE = 60.0


async def wait_all(world: Any, started: list[Any], seconds: float) -> None:
    """Let time pass until all triggers have fired or the time is up; then stop the rest."""
    await asyncio.wait([task for task, _ in started], timeout=seconds)
    await world.finish(*(task for task, _ in started))


def many(world: Any, count: int) -> list[Any]:
    """Start triggers for jobs that have been running for a while."""
    for number in range(count):
        world.polaris.add(f"job-{number}", (-1000.0 - number, "running"))
    return [world.watch(f"job-{number}", INTERVAL, pending_warning=None) for number in range(count)]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_watcher_told_to_wait_asks_nothing_meanwhile(world: Any, count: int, status: int) -> None:
    """Retry-After holds for all requests of the watcher; then the end is seen, and nobody failed."""
    told = []

    def throttle(method: str, path: str) -> Any:
        if world.time() >= 35.0 and not told:
            told.append(world.time())
            return world.polaris.answer(status, {"message": "slow down"}, Retry_After="30")
        return None

    async def scenario() -> list[Any]:
        world.polaris.failure = throttle
        started = many(world, count)
        for job in world.polaris.jobs.values():
            job.changes.append((40.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * count
    tick = max(at for at, _ in world.polaris.requests if at < told[0] + 5)
    later = [at for at, _ in world.polaris.requests if at > tick]
    assert later[0] == pytest.approx(told[0] + 30.5, abs=0.6)
    assert len(later) <= 5


@pytest.mark.parametrize("count", [1, 3, 200])
def test_waiters_outlive_ten_minutes_of_outage(world: Any, count: int, trigger_log: Any) -> None:
    """A few requests a minute while nobody answers, one warning a waiter, and the end is seen right after."""

    async def scenario() -> list[Any]:
        started = many(world, count)
        world.polaris.failure = lambda method, path: (
            world.polaris.answer(503, {"message": "down for maintenance"}) if 35 <= world.time() < 635 else None
        )
        for number, job in enumerate(world.polaris.jobs.values()):
            job.changes.append((900.0 if number % 2 else 300.0, "completed"))
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["status"] for _, heard in started] == ["ended"] * count
    for number, (_, heard) in enumerate(started):
        assert heard.at <= (900 if number % 2 else 635) + INTERVAL + 2
    in_outage = sum(1 for at, _ in world.polaris.requests if 35 <= at < 635)
    assert in_outage <= 10 * 600 / INTERVAL
    warnings = [line for line in trigger_log() if line.startswith("WARNING")]
    assert len(warnings) == count
    assert "can't be polled; the wait goes on for 15 min without an answer: GET" in warnings[0]
    assert len([line for line in trigger_log() if "can be polled again after" in line]) == count


@pytest.mark.parametrize("count", [1, 200])
def test_each_waiter_gets_one_event_with_the_real_text_when_the_budget_is_spent(world: Any, count: int) -> None:
    """Fifteen minutes without one good answer; the job is left alone."""

    async def scenario() -> list[Any]:
        started = many(world, count)
        world.polaris.failure = lambda method, path: (
            world.polaris.answer(503, {"message": "down for maintenance"}) if world.time() >= 35 else None
        )
        await wait_all(world, started, 30 * MINUTE)
        return started

    started = world.run(scenario())

    for number, (_, heard) in enumerate(started):
        assert heard.event["status"] == "gave_up"
        assert heard.event["job_id"] == f"job-{number}"
        assert heard.event["state"] == "running"
        assert heard.event["message"].startswith(
            f"gave up waiting for Polaris job 'job-{number}', last seen 'running': "
        )
        assert "answered 503: down for maintenance. " in heard.event["message"]
        assert heard.at == pytest.approx(35 + 15 * MINUTE, abs=2 * INTERVAL)
    assert world.polaris.canceled == []


@pytest.mark.parametrize("count", [1, 200])
def test_connection_that_was_reset_is_opened_again_in_the_same_tick(world: Any, count: int, trigger_log: Any) -> None:
    """A server closes idle connections now and then: that is no failure and costs no time."""
    resets = []

    def reset(method: str, path: str) -> Any:
        if len(resets) < world.time() // 30:
            resets.append(world.time())
            raise requests.ConnectionError("Connection aborted", ConnectionResetError(104, "reset by peer"))
        return None

    async def scenario() -> list[Any]:
        world.polaris.failure = reset
        started = many(world, count)
        for job in world.polaris.jobs.values():
            job.changes.append((100.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert len(resets) >= 3
    assert max(heard.at for _, heard in started) <= 100 + INTERVAL + 2
    assert not [line for line in trigger_log() if line.startswith("WARNING")]


@pytest.mark.parametrize("count", [1, 200])
def test_job_that_is_not_visible_at_once_is_waited_for(world: Any, count: int, trigger_log: Any) -> None:
    """A 404 right after creation, and a list without the job, mean nothing."""

    async def scenario() -> list[Any]:
        world.polaris.invisible = world.polaris.lag = 45.0
        for number in range(count):
            world.polaris.add(f"job-{number}", (0.0, "pending"), (20.0, "running"), (200.0, "completed"))
        started = [world.watch(f"job-{number}", INTERVAL, pending_warning=None) for number in range(count)]
        await wait_all(world, started, 10 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * count
    assert max(heard.at for _, heard in started) <= 200 + 45 + INTERVAL + 2
    assert not [line for line in trigger_log() if line.startswith("WARNING")]


def test_lists_that_lag_a_minute_behind_make_nobody_fail_or_miss_its_end(world: Any) -> None:
    """Newcomers are not in them yet, ended jobs still are: no burst, no wrong end, no lost end."""
    count = 300

    async def scenario() -> list[Any]:
        world.polaris.lag = MINUTE
        started = []
        for number in range(count):
            begin = number * 0.5
            world.polaris.jobs[f"job-{number}"] = world.polaris.add(
                f"job-{number}", (begin, "running"), (begin + 5 + number % 100, "completed")
            )
        for number in range(count):
            await asyncio.sleep(max(0.0, number * 0.5 - world.time()))
            started.append(world.watch(f"job-{number}", INTERVAL))
        await wait_all(world, started, 10 * MINUTE)
        return started

    started = world.run(scenario())

    ticks = world.polaris.polls_by_tick(gap=3.0)
    assert max(len(tick) for tick in ticks) <= 12
    for _, heard in started:
        ended = world.polaris.jobs[heard.event["job_id"]].changes[-1][0]
        assert heard.event["state"] == "completed"
        assert ended <= heard.at <= ended + MINUTE + INTERVAL + 2


def test_list_that_shifts_while_it_is_read_hides_nobody(world: Any) -> None:
    """Jobs of the first page end while the second is on its way, so that rows move from the third to the second."""
    count = 2500
    ended: dict[str, float] = {}

    def end_some(offset: int) -> None:
        if offset in (990, 1980) and world.time() > 15:
            running = [job for job in world.polaris.jobs.values() if job.id not in ended][:40]
            for job in running:
                ended[job.id] = world.time()
                world.polaris.change(job.id, "completed")

    async def scenario() -> list[Any]:
        started = many(world, count)
        world.polaris.before_page = end_some
        await asyncio.sleep(20 * INTERVAL)
        world.polaris.before_page = lambda offset: None
        await asyncio.sleep(2 * INTERVAL)
        await world.finish(*(task for task, _ in started))
        return started

    started = world.run(scenario())

    heard = {one.event["job_id"]: one.at for _, one in started if one.event is not None}
    assert heard.keys() == ended.keys()
    assert len(ended) > 400
    assert max(heard[job_id] - at for job_id, at in ended.items()) <= INTERVAL + 2


def test_newcomer_is_not_judged_by_a_list_that_began_before(world: Any) -> None:
    """Who joins while the list is read takes the next one: nothing is asked for its sake in between."""

    async def scenario() -> None:
        world.latency = 0.5
        started = many(world, 20)
        await asyncio.sleep(1.2)  # the first list is on its way
        world.polaris.add("late", (world.time(), "running"))
        started.append(world.watch("late", INTERVAL))
        await asyncio.sleep(INTERVAL)
        await world.finish(*(task for task, _ in started))

    world.run(scenario())

    assert [kind for _, kind in world.polaris.requests] == ["GET page", "GET page"]


def test_job_that_is_gone_is_given_up_after_its_budget(world: Any) -> None:
    """Other waiters are served as ever."""

    async def scenario() -> list[Any]:
        started = many(world, 30)
        del world.polaris.jobs["job-7"]
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    events = [heard.event for _, heard in started]
    assert [number for number, event in enumerate(events) if event is not None] == [7]
    assert events[7]["status"] == "gave_up"
    assert events[7]["state"] is None
    assert "Job job-7 not found" in events[7]["message"]
    assert started[7][1].at == pytest.approx(15 * MINUTE, abs=2 * INTERVAL)


def test_job_that_is_gone_is_no_failure_of_the_others(world: Any, trigger_log: Any) -> None:
    """Where each is asked for by itself, too."""

    async def scenario() -> None:
        started = many(world, 3)
        del world.polaris.jobs["job-0"]
        await wait_all(world, started, 5 * MINUTE)

    world.run(scenario())

    lines = [line for line in trigger_log() if "'job-0'" not in line]
    assert lines == ["INFO Polaris job 'job-1' is 'running'", "INFO Polaris job 'job-2' is 'running'"]


def test_job_whose_request_always_fails_does_not_keep_the_others_from_their_turn(world: Any) -> None:
    """Neither with an error of its own nor with one that looks like everybody's."""

    def poison(method: str, path: str) -> Any:
        if path == "/jobs/job-0/status":
            return world.polaris.answer(500, {"message": "oops"})
        if path == "/jobs/job-1/status":
            raise requests.ReadTimeout("slow")
        return None

    async def scenario() -> list[Any]:
        world.polaris.failure = poison
        started = many(world, 5)
        for number in (2, 3, 4):
            world.polaris.jobs[f"job-{number}"].changes.append((100.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event and heard.event["state"] for _, heard in started] == [None, None] + ["completed"] * 3
    assert max(heard.at for _, heard in started[2:]) <= 100 + 3 * INTERVAL


def test_job_that_failed_by_itself_hears_nothing_of_what_failed_for_all_in_the_same_tick(world: Any) -> None:
    """Its own failure is the one that its task will read."""
    polls = []

    def spoil(method: str, path: str) -> Any:
        if path == "/jobs/job-1/status":
            raise requests.ReadTimeout("slow")
        polls.append(path)
        return None

    async def scenario() -> list[Any]:
        started = many(world, 2)
        world.polaris.failure = spoil
        del world.polaris.jobs["job-0"]
        await wait_all(world, started, 20 * MINUTE)
        return started

    gone, slow = (heard.event["message"] for _, heard in world.run(scenario()))

    assert "Job job-0 not found" in gone
    assert f"never seen: {len(polls)} failed polls in a row" in gone
    assert "no answer" in slow


def test_lists_that_polaris_refuses_are_replaced_by_single_requests(world: Any) -> None:
    """A 400 for the list is the list's fault: nobody waits for ever because of it."""

    async def scenario() -> list[Any]:
        world.polaris.failure = lambda method, path: (
            world.polaris.answer(400, {"message": "no such type"}) if path == "/jobs" else None
        )
        started = many(world, 30)
        for job in world.polaris.jobs.values():
            job.changes.append((50.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert world.polaris.asked("page") == 1


def test_status_that_nobody_knows_has_its_grace(world: Any) -> None:
    """Ten minutes, then the waiter gives up, with lists as with single requests."""

    async def scenario() -> list[Any]:
        started = many(world, 30)
        for word, job_id in (("unknown", "job-1"), ("pondering", "job-2")):
            world.polaris.jobs[job_id].changes.append((35.0, word))
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    for number, word in ((1, "unknown"), (2, "pondering")):
        heard = started[number][1]
        assert heard.event["status"] == "gave_up"
        assert heard.event["state"] == word
        assert heard.at == pytest.approx(35 + 10 * MINUTE, abs=2 * INTERVAL)
    assert [heard.event for _, heard in started].count(None) == 28


def test_key_that_was_changed_is_read_again_and_nothing_is_lost(world: Any, trigger_log: Any) -> None:
    """A 401 makes the watcher read the connection once more, and the same tick goes on with the new key."""

    def check(method: str, path: str) -> Any:
        stale = world.time() >= 35 and world.key == "pok_0123456789abcdef"
        return world.polaris.answer(401, {"message": "who are you?"}) if stale else None

    async def read_new(conn_id: str) -> Any:
        if world.time() >= 35:
            world.key = "pok_brandnewbrandnew"
        return await type(world).read_settings(world, conn_id)

    async def scenario() -> list[Any]:
        started = many(world, 30)
        for job in world.polaris.jobs.values():
            job.changes.append((38.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    world.polaris.failure = check
    world.patch_reads(read_new)
    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert max(heard.at for _, heard in started) <= 38 + INTERVAL + 2
    assert len(world.reads) == 2
    assert not [line for line in trigger_log() if line.startswith("WARNING")]


def test_key_that_is_refused_in_the_middle_of_a_tick_loses_no_news(world: Any) -> None:
    """What was seen before the 401 is told all the same: it won't be seen again as news."""

    def check(method: str, path: str) -> Any:
        stale = world.key == "pok_0123456789abcdef"
        late = path == "/jobs/job-2/status" and world.time() >= 35
        return world.polaris.answer(401, {"message": "who are you?"}) if stale and late else None

    async def read_new(conn_id: str) -> Any:
        if world.time() >= 35:
            world.key = "pok_brandnewbrandnew"
        return await type(world).read_settings(world, conn_id)

    async def scenario() -> list[Any]:
        started = many(world, 3)
        for job in world.polaris.jobs.values():
            job.changes.append((33.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    world.polaris.failure = check
    world.patch_reads(read_new)
    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 3


def test_tick_that_breaks_in_the_middle_loses_no_news(world: Any) -> None:
    """The same for a mistake of ours."""

    def stumble(method: str, path: str) -> Any:
        if path == "/jobs/job-2/status" and 35 <= world.time() < 45:
            raise ZeroDivisionError("division by zero")
        return None

    async def scenario() -> list[Any]:
        started = many(world, 3)
        for job in world.polaris.jobs.values():
            job.changes.append((33.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    world.polaris.failure = stumble
    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 3


def test_jobs_that_are_much_older_than_their_waits_are_found_among_the_ended(world: Any) -> None:
    """Adopted jobs and those of sensors: looked for farther back each time, within the requests of a tick."""

    async def scenario() -> list[Any]:
        for number in range(4000):
            world.polaris.add(f"other-{number}", (-40.0 * number, "running"), (-40.0 * number + 5, "completed"))
        started = []
        for number in range(100):
            job_id = f"old-{number}"
            world.polaris.add(job_id, (-86_400.0 - number, "running"), (-100.0, "completed"))
            started.append(world.watch(job_id, INTERVAL, started=world.epoch(-3600.0)))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 100
    assert max(heard.at for _, heard in started) <= 5 * INTERVAL
    assert max(len(tick) for tick in world.polaris.polls_by_tick()) <= 12


def test_connection_that_is_being_read_is_read_to_the_end(world: Any) -> None:
    """Old Airflow takes the answer to a call that was canceled for that to the next one, and breaks."""
    ended = []

    async def read(conn_id: str) -> Any:
        await asyncio.sleep(5.0)
        ended.append(conn_id)
        return await type(world).read_settings(world, conn_id)

    async def scenario() -> None:
        (task, _), *_ = many(world, 1)
        await asyncio.sleep(3.0)
        await world.finish(task)
        await asyncio.sleep(10.0)

    world.patch_reads(read)
    world.run(scenario())

    assert ended == ["polaris_default"]


def test_connection_whose_read_is_canceled_is_a_failed_poll(world: Any) -> None:
    """Airflow cancels what waits for its line when that breaks; the watcher must not end because of it."""

    async def read(conn_id: str) -> Any:
        if world.time() < 30:
            raise asyncio.CancelledError("Reader loop exited")
        return await type(world).read_settings(world, conn_id)

    async def scenario() -> list[Any]:
        started = many(world, 1)
        world.polaris.jobs["job-0"].changes.append((20.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    world.patch_reads(read)
    ((_, heard),) = world.run(scenario())

    assert heard.event["state"] == "completed"


def test_key_that_stays_refused_is_looked_up_once_a_minute(world: Any) -> None:
    """And after its budget the waiter gets the text of the refusal."""

    async def scenario() -> list[Any]:
        world.polaris.failure = lambda method, path: world.polaris.answer(401, {"message": "who are you?"})
        started = many(world, 1)
        await wait_all(world, started, 30 * MINUTE)
        return started

    ((_, heard),) = world.run(scenario())

    assert heard.event["status"] == "gave_up"
    assert "answered 401: who are you?" in heard.event["message"]
    assert len(world.reads) == pytest.approx(15, abs=2)
    assert world.polaris.sessions_made == 1


def test_connection_that_can_not_be_read_is_a_failed_poll(world: Any) -> None:
    """A triggerer that has lost its Airflow for a while goes on as soon as it is back."""

    async def read(conn_id: str) -> Any:
        if world.time() < 100:
            raise RuntimeError("no route to Airflow")
        return await type(world).read_settings(world, conn_id)

    async def scenario() -> list[Any]:
        started = many(world, 3)
        for job in world.polaris.jobs.values():
            job.changes.append((50.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    world.patch_reads(read)
    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 3


def test_airflow_that_gives_no_answer_is_a_failed_poll(world: Any) -> None:
    """Nobody waits for ever, and the question is not asked again while it is open."""

    async def read(conn_id: str) -> Any:
        world.reads.append(conn_id)
        await asyncio.sleep(10_000)

    async def scenario() -> list[Any]:
        started = many(world, 1)
        await asyncio.wait([task for task, _ in started], timeout=30 * MINUTE)
        await asyncio.sleep(10_000)
        return started

    world.patch_reads(read)
    ((_, heard),) = world.run(scenario())

    assert heard.event["status"] == "gave_up"
    assert heard.event["message"].endswith(
        "connection 'polaris_default' can't be read: Airflow gave no answer within 60 s."
    )
    assert len(world.reads) == 1


def test_connection_that_is_incomplete_is_told_when_the_budget_is_spent(world: Any) -> None:
    """Somebody may be editing it; who waited fifteen minutes for that hears what is wrong with it."""
    from airflow_provider_polaris.jobs.errors import PolarisSpecError

    async def read(conn_id: str) -> Any:
        raise PolarisSpecError(f"connection {conn_id!r} has no project id.")

    async def scenario() -> list[Any]:
        started = many(world, 1)
        await wait_all(world, started, 20 * MINUTE)
        return started

    world.patch_reads(read)
    ((_, heard),) = world.run(scenario())

    assert heard.event["status"] == "gave_up"
    assert heard.event["message"].endswith("The last poll failed so: connection 'polaris_default' has no project id.")


def test_failure_is_none_of_those_whose_look_is_not_due(world: Any, trigger_log: Any) -> None:
    """A waiter with a long interval doesn't hear of an outage between its looks."""

    async def scenario() -> None:
        tasks = []
        for job_id, interval in (("quick", 10.0), ("slow", 600.0)):
            world.polaris.add(job_id, (-5.0, "running"))
            tasks.append(world.watch(job_id, interval)[0])
        world.polaris.failure = lambda method, path: (
            world.polaris.answer(429, {"message": "slow down"}) if 35 <= world.time() < 300 else None
        )
        await asyncio.sleep(590.0)
        await world.finish(*tasks)

    world.run(scenario())

    assert [line[:32] for line in trigger_log() if line.startswith("WARNING")] == [
        "WARNING Polaris job 'quick' can't"[:32]
    ]


def test_poll_that_breaks_counts_as_failed(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours must not leave ten thousand tasks waiting for ever."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    async def scenario() -> list[Any]:
        started = many(world, 2)
        await wait_all(world, started, 20 * MINUTE)
        return started

    monkeypatch.setattr("airflow_provider_polaris.triggers.watcher.poll", broken)  # before any request
    started = world.run(scenario())

    for _, heard in started:
        assert heard.event["status"] == "gave_up"
        assert heard.event["message"].endswith(
            "The last poll failed so: the poll for all waiting tasks broke: ZeroDivisionError('division by zero')."
        )
