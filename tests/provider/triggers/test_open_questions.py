"""A question to Airflow about a killed task stays open until an answer settles it, whatever happens to its trigger."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import warnings
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.compat import AIRFLOW_VERSION
from airflow_provider_polaris.jobs.cancel import CancelResult
from airflow_provider_polaris.triggers import open_questions, polaris, task_state
from airflow_provider_polaris.triggers.open_questions import MOST_QUESTIONS, Question
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from airflow_provider_polaris.triggers.task_state import NoAnswerError, TaskKey, TaskStates
from tests.provider.triggers.kills import USER_ACTION, Airflow, deferred, end_triggerer, stop, stop_waiting

STOPPED = "Stopped trigger of task rollup.hourly (run run-0): "
CANCELED = (
    f"INFO {STOPPED}The task no longer waits for it; Polaris was asked to cancel job 'job-0' because "
    "cancel_on_kill=True, it is now 'canceled'."
)
DEFERRED = f"INFO {STOPPED}The trigger was stopped, but the task is still deferred; Polaris job 'job-0' runs on."
SETTLES = "The job may run on; the next try or a clear of the task settles it."


@pytest.fixture
def triggerer_log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that gives what the triggerer's own log has of questions, as ``LEVEL text``."""
    name = open_questions.__name__
    caplog.set_level(logging.INFO, name)
    return lambda: [f"{one.levelname} {one.getMessage()}" for one in caplog.records if one.name == name]


def mark(airflow: Airflow, trigger: PolarisJobTrigger, state: str | None) -> None:
    """Give the task of a trigger another state."""
    airflow.states[TaskKey.of(trigger.task_instance)] = state


def still_open(why: str, level: str) -> str:
    """Return the last line of a trigger whose question stays open."""
    return (
        f"{level} The trigger was stopped, and nothing proves yet that the task no longer waits for Polaris job "
        f"'job-0': {why}. The triggerer goes on asking, for an hour at most, and cancels the job on proof; its own log "
        "has the result. If the triggerer ends before, the job may run on."
    )


def test_state_that_takes_a_minute_cancels_the_job_after_its_trigger_has_ended(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """The trigger returns within Airflow's limit, and the answer that comes later counts."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        airflow.seconds = 60.0
        began = world.time()
        await stop(task, trigger, has_on_kill)
        assert world.time() - began == pytest.approx(10.0)
        assert world.polaris.canceled == []
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1] == still_open("Airflow gave no answer yet", "INFO")
    assert triggerer_log() == [CANCELED]


def test_answer_within_ten_seconds_is_logged_once_in_the_task(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """The trigger still waits, so the line is not repeated in the triggerer's own log."""
    trigger = deferred(world, airflow)
    airflow.seconds = 9.0

    async def scenario() -> None:
        mark(airflow, trigger, "failed")
        await stop_waiting(world, trigger, has_on_kill)

    world.run(scenario())

    assert trigger_log()[-1] == CANCELED.replace(STOPPED, "")
    assert triggerer_log() == []


def test_state_that_fails_five_times_cancels_the_job_at_the_sixth(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """An Airflow whose database is busy is asked again, with growing pauses."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        airflow.asked.clear()
        mark(airflow, trigger, "failed")
        airflow.failure = OSError("database is locked")
        await stop(task, trigger, has_on_kill)
        while len(airflow.asked) < 5:
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.1)
        airflow.failure = None
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert len(airflow.asked) == 6
    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1] == still_open(
        "Airflow couldn't be asked for the task's state: OSError('database is locked')", "WARNING"
    )
    assert triggerer_log() == [CANCELED]


def test_loop_that_is_blocked_for_twenty_seconds_loses_no_question(
    world: Any, airflow: Airflow, has_on_kill: bool
) -> None:
    """All limits pass while nothing runs, and the job is canceled all the same."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        airflow.seconds = 5.0
        stopping = asyncio.ensure_future(stop(task, trigger, has_on_kill))
        await asyncio.sleep(1.0)
        world.loop._clock.now += 20.0
        await stopping
        await asyncio.sleep(30.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]


@pytest.mark.parametrize("failure", [None, OSError("busy")])
def test_trigger_that_airflow_cancels_again_leaves_its_question_open(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, failure: Exception | None, has_on_kill: bool
) -> None:
    """Airflow cancels a trigger in every round until it has ended: the handler ends, its question doesn't."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        airflow.seconds, airflow.failure = (3.0, None) if failure is None else (0.5, failure)
        stopping = asyncio.ensure_future(stop(task, trigger, has_on_kill))
        await asyncio.sleep(1.0)
        (stopping if has_on_kill else task).cancel(USER_ACTION)
        await asyncio.wait([stopping])
        assert world.polaris.canceled == []
        airflow.failure = None
        await asyncio.sleep(10.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1] == (
        still_open("Airflow gave no answer yet", "INFO")
        if failure is None
        else still_open("Airflow couldn't be asked for the task's state: OSError('busy')", "WARNING")
    )
    assert triggerer_log() == [CANCELED]


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="without on_kill")
@pytest.mark.usefixtures("database_models")
def test_message_of_a_kill_is_that_of_airflow() -> None:
    """It is Airflow's own and may change; ``on_kill`` works without it, unless Airflow is cut off before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.jobs import triggerer_job_runner

    assert triggerer_job_runner._USER_ACTION_CANCEL_MSG == polaris._USER_ACTION == USER_ACTION


def test_trigger_that_airflow_cancels_again_before_on_kill_has_its_question_asked(
    world: Any, airflow: Airflow, triggerer_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3.3 logs a line first and may be cut off in that; then ``on_kill`` is never called."""
    monkeypatch.setattr(polaris, "_HAS_ON_KILL", True)
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        await stop_waiting(world, trigger, has_on_kill=False)
        mark(airflow, trigger, "failed")
        await asyncio.sleep(10.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert triggerer_log() == [CANCELED]


def test_trigger_that_is_cut_off_during_its_cancel_says_so(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any
) -> None:
    """What is missing then is Polaris' answer."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    world.latency = 3.0

    async def scenario() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(trigger.on_kill(), 1.0)
        await asyncio.sleep(10.0)

    world.run(scenario())

    (line,) = trigger_log()
    assert line == (
        "INFO The task no longer waits for Polaris job 'job-0', and the job is not canceled yet: Polaris gave no "
        "answer yet. The triggerer goes on trying; its own log has the result. If the triggerer ends before, the job "
        "may run on."
    )
    assert triggerer_log() == [CANCELED]


def test_question_keeps_its_watcher_and_not_its_trigger(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """The last trigger of a connection may be gone: the cancel needs the connection, which is read once."""
    airflow.failure = OSError("busy")
    here = contextvars.ContextVar("here", default="the triggerer")
    seen = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(here.get())

    async def scenario() -> None:
        trigger = deferred(world, airflow)
        key = TaskKey.of(trigger.task_instance)
        here.set("the trigger")
        await stop_waiting(world, trigger, has_on_kill=True)
        gone = weakref.ref(trigger)
        del trigger
        gc.collect()
        assert gone() is None
        airflow.failure, airflow.states[key] = None, "failed"
        await asyncio.sleep(60.0)

    listener = Listener()
    logging.getLogger(open_questions.__name__).addHandler(listener)
    try:
        world.run(scenario())
    finally:
        logging.getLogger(open_questions.__name__).removeHandler(listener)

    assert world.polaris.canceled == ["job-0"]
    assert world.reads == ["polaris_default"]
    assert triggerer_log() == [CANCELED]
    assert seen == ["the triggerer"]


def test_triggerer_that_ends_with_open_questions_names_the_jobs(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """Mapped tasks too; nothing is canceled any more."""
    triggers = [deferred(world, airflow, number) for number in range(2)]
    triggers[1].task_instance.map_index = 3
    airflow.failure = OSError("busy")

    async def scenario() -> None:
        await asyncio.gather(*(stop_waiting(world, trigger, has_on_kill=True) for trigger in triggers))
        await end_triggerer()
        assert len(open_questions.open_questions()) == 0

    world.run(scenario())

    assert world.polaris.canceled == []
    assert sorted(triggerer_log()) == [
        f"WARNING The triggerer ends, and Polaris job {job!r} of task rollup.hourly ({run}) may run on, because the "
        "question whether the task still waits for it is open: Airflow couldn't be asked for the task's state: "
        "OSError('busy'). The next try or a clear of the task settles it."
        for run, job in (("run run-0", "job-0"), ("run run-1, map index 3", "job-1"))
    ]


def test_triggerer_that_ends_while_a_trigger_waits_for_its_answer_names_the_job(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """The trigger's own handler is cut off as well."""
    trigger = deferred(world, airflow)
    airflow.seconds = 60.0

    async def scenario() -> None:
        stopping = asyncio.ensure_future(trigger.on_kill())
        await asyncio.sleep(1.0)
        await end_triggerer()
        assert stopping.cancelled()

    world.run(scenario())

    (line,) = triggerer_log()
    assert line == (
        "WARNING The triggerer ends, and Polaris job 'job-0' of task rollup.hourly (run run-0) may run on, because the "
        "question whether the task still waits for it is open: Airflow gave no answer yet. The next try or a clear of "
        "the task settles it."
    )


@pytest.mark.parametrize(
    "states, xcom, canceled, line",
    [
        (["scheduled", "queued", "running", "deferred"], {"id": "job-0"}, [], DEFERRED),
        (["scheduled", "queued", "running", "deferred"], {"id": "job-1"}, ["job-0"], CANCELED),
        (["queued", "running", "up_for_retry", "failed"], {"id": "job-0"}, ["job-0"], CANCELED),
        (["running", "up_for_reschedule", "success"], {"id": "job-0"}, ["job-0"], CANCELED),
        (["restarting", "awaiting_input", None], {"id": "job-0"}, ["job-0"], CANCELED),
    ],
)
def test_doubt_cancels_nothing_until_a_later_answer_settles_it(
    world: Any, airflow: Airflow, triggerer_log: Any, states: list[str], xcom: Any, canceled: list[str], line: str
) -> None:
    """A retry may resume the very job; a task that was cleared runs again and waits for another one."""
    trigger = deferred(world, airflow)
    airflow.xcom = xcom

    async def scenario() -> None:
        mark(airflow, trigger, states[0])
        await trigger.on_kill()
        for state in states[1:]:
            assert world.polaris.canceled == []
            mark(airflow, trigger, state)
            await asyncio.sleep(130.0)

    world.run(scenario())

    assert world.polaris.canceled == canceled
    assert triggerer_log() == [line]


@pytest.mark.parametrize("other", ["job-1", "job-0", None])
def test_job_of_the_task_that_airflow_fails_to_tell_is_asked_for_again(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, other: str | None
) -> None:
    """That a task is deferred says nothing without its job: no answer is neither a reason to cancel nor to stop."""
    trigger = deferred(world, airflow)
    airflow.xcom = OSError("gone")

    async def scenario() -> None:
        await trigger.on_kill()
        assert world.polaris.canceled == []
        airflow.xcom = {"id": other}
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert world.polaris.canceled == (["job-0"] if other == "job-1" else [])
    assert trigger_log() == [
        still_open("Airflow couldn't be asked which job the task waits for: OSError('gone')", "WARNING")
    ]
    assert triggerer_log() == [CANCELED if other == "job-1" else DEFERRED]


def test_question_is_given_up_after_an_hour(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """It is asked after 1, 2, 4, … 60 seconds, then every minute, and leaves nothing behind."""
    trigger = deferred(world, airflow)
    airflow.states.clear()
    airflow.seconds = 0.0

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(3590.0)
        assert len(open_questions.open_questions()) == 0

    world.run(scenario())

    pauses = [round(later - earlier) for earlier, later in zip(airflow.asked_at, airflow.asked_at[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 32, *[60] * 58]
    assert world.polaris.canceled == []
    (line,) = triggerer_log()
    assert line == (
        f"WARNING {STOPPED}In 3600 s no answer proved that the task no longer waits for Polaris job 'job-0' (the last: "
        f"Airflow didn't tell the task's state). {SETTLES}"
    )


def test_task_that_is_in_doubt_for_an_hour_is_no_warning(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """A task that resumed its job in a worker may run for hours."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "running")

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(3600.0)

    world.run(scenario())

    (line,) = triggerer_log()
    assert line == (
        f"INFO {STOPPED}In 3600 s no answer proved that the task no longer waits for Polaris job 'job-0' (the last: "
        f"the task's state is 'running'). {SETTLES}"
    )


def test_ten_thousand_questions_are_open_at_most(world: Any, airflow: Airflow, trigger_log: Any) -> None:
    """One more is refused with a line that names its job; there is room again when they are answered."""
    canceled: list[str] = []

    async def cancel(job_id: str) -> CancelResult:
        canceled.append(job_id)
        return CancelResult("canceled")

    async def scenario() -> None:
        questions = open_questions.open_questions()
        assert MOST_QUESTIONS == 10_000
        keys = [TaskKey("rollup", f"run-{number}", "hourly", -1) for number in range(MOST_QUESTIONS)]
        for number, key in enumerate(keys):
            question = Question(key, f"job-{number}", cancel, "cancel_on_kill=True")
            assert questions.open(question) is not None
        trigger = deferred(world, airflow, MOST_QUESTIONS)
        await trigger.on_kill()
        airflow.states.update(dict.fromkeys(keys, "failed"))
        await asyncio.sleep(30.0)
        assert len(canceled) == MOST_QUESTIONS
        assert len(questions) == 0
        trigger = deferred(world, airflow, 0)
        mark(airflow, trigger, "failed")
        await trigger.on_kill()

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[0] == (
        "WARNING The trigger was stopped, and Airflow is not asked why: 10000 such questions are open already. Polaris "
        "job 'job-10000' may run on; the next try or a clear of the task settles it."
    )
    assert len(airflow.asked) <= 4


def test_cancel_that_polaris_does_not_answer_is_repeated_while_airflow_proves_the_end(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """A Polaris that is away for a minute doesn't turn a kill into nothing."""
    trigger = deferred(world, airflow)
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(503, {"message": "away"}) if world.time() > 20.0 and world.time() < 80.0 else None
    )

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        await stop(task, trigger, has_on_kill)
        assert world.polaris.canceled == []
        await asyncio.sleep(120.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1].startswith(
        "WARNING The task no longer waits for Polaris job 'job-0', and the job is not canceled yet: Polaris could not "
        "be asked to cancel it: "
    )
    assert trigger_log()[-1].endswith(
        ". The triggerer goes on trying; its own log has the result. If the triggerer ends before, the job may run on."
    )
    assert triggerer_log() == [CANCELED]


def test_cancel_that_polaris_never_answers_is_given_up_after_an_hour(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """The last line says that the job may run on, and why."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    world.polaris.failure = lambda method, path: world.polaris.answer(503, {"message": "away"})

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(3700.0)

    world.run(scenario())

    (line,) = triggerer_log()
    assert line.startswith(
        f"WARNING {STOPPED}The task no longer waits for it, and Polaris job 'job-0' could not be canceled in 3600 s; "
        "it may run on, and the next try or a clear of the task settles it. Polaris could not be asked to cancel it: "
    )
    assert "503" in line


def test_cancel_that_needs_a_connection_which_airflow_fails_to_read_is_repeated(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """A trigger that never ran has read no connection yet."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")

    async def read(conn_id: str) -> Any:
        if world.time() < 20.0:
            raise OSError("database is locked")
        return await type(world).read_settings(world, conn_id)

    world.patch_reads(read)

    async def scenario() -> None:
        await trigger.on_kill()
        assert world.polaris.canceled == []
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert triggerer_log() == [CANCELED]


def test_proof_that_a_later_answer_takes_back_cancels_nothing(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """While Polaris is away the task is cleared and resumes its job: each request to cancel has a proof of its own."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(503, {"message": "away"}) if world.time() < 60.0 else None
    )

    async def scenario() -> None:
        await trigger.on_kill()
        mark(airflow, trigger, "running")
        await asyncio.sleep(3600.0)

    world.run(scenario())

    assert world.polaris.canceled == []
    (line,) = triggerer_log()
    assert line == (
        f"INFO {STOPPED}In 3600 s no answer proved that the task no longer waits for Polaris job 'job-0' (the last: "
        f"the task's state is 'running'). {SETTLES}"
    )


def test_trigger_that_is_stopped_twice_asks_once(world: Any, airflow: Airflow) -> None:
    """Past its deadline it asks by itself, and Airflow may call ``on_kill`` as well."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")

    async def scenario() -> None:
        await trigger.on_kill()
        await trigger.on_kill()

    world.run(scenario())

    assert airflow.asked == [1]


def test_failure_after_the_deadline_is_no_proof_where_the_job_outlives_it(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """With ``cancel_on_timeout=False`` a task that failed by its time-out leaves its job alone."""
    trigger = deferred(world, airflow, deadline=world.epoch(100.0), cancel_on_timeout=False)
    airflow.failure = OSError("busy")

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(100.0)
        airflow.failure = None
        mark(airflow, trigger, "failed")
        await asyncio.sleep(100.0)

    world.run(scenario())

    assert world.polaris.canceled == []
    (line,) = triggerer_log()
    assert line == (
        f"INFO {STOPPED}The task's deadline passed before it was known whether the task was killed; Polaris job "
        "'job-0' runs on, because cancel_on_timeout=False."
    )


def test_first_trigger_asks_once_so_that_airflow_has_loaded_what_a_kill_needs(
    world: Any, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question for all triggers, none for those that never cancel, and no trigger waits for its answer."""
    monkeypatch.setattr(polaris, "_HAS_ON_KILL", True)
    airflow.seconds = 60.0
    free = deferred(world, airflow, 0, cancel_on_kill=False, cancel_on_timeout=False)
    triggers = [deferred(world, airflow, number) for number in range(1, 4)]

    async def scenario() -> None:
        tasks = [world.run_trigger(free)[0]]
        await asyncio.sleep(1.0)
        assert airflow.asked == []
        tasks += [world.run_trigger(trigger)[0] for trigger in triggers]
        await asyncio.sleep(15.0)
        assert airflow.asked == [1]
        assert world.polaris.asked(since=1.0) > 0
        await asyncio.sleep(60.0)
        await world.finish(*tasks)

    world.run(scenario())

    assert airflow.asked == [1]


def test_warm_up_that_fails_is_nobodys_concern(
    world: Any, airflow: Airflow, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is logged, not even when the answer is thrown away."""
    monkeypatch.setattr(polaris, "_HAS_ON_KILL", True)
    airflow.failure = OSError("busy")

    async def scenario() -> None:
        task, _ = world.run_trigger(deferred(world, airflow))
        await asyncio.sleep(5.0)
        await world.finish(task)
        gc.collect()

    world.run(scenario())

    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_jobs_of_tasks_are_asked_for_eight_at_once(world: Any, airflow: Airflow) -> None:
    """A triggerer that has lost a thousand triggers must not fill its line to Airflow."""
    triggers = [deferred(world, airflow, number) for number in range(100)]
    airflow.xcom = {"id": "job-of-the-next-try"}

    async def scenario() -> None:
        await asyncio.gather(*(trigger.on_kill() for trigger in triggers))

    world.run(scenario())

    assert airflow.most_lookups == 8
    assert len(world.polaris.canceled) == 100


def test_request_that_hangs_does_not_hold_up_the_next_one(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    """After five minutes its tasks have no answer, those that came meanwhile are asked for, and its end is nothing."""
    asked = []
    keys = [TaskKey("rollup", f"run-{number}", "hourly", -1) for number in range(2)]

    async def query(wanted: Any) -> Any:
        asked.append(list(wanted))
        if len(asked) == 1:
            await asyncio.sleep(1000.0)
            raise OSError("too late")
        return dict.fromkeys(wanted, "failed")

    async def scenario() -> None:
        states = TaskStates(query)
        first = asyncio.ensure_future(states.state(keys[0]))
        await asyncio.sleep(1.0)
        second = asyncio.ensure_future(states.state(keys[1]))
        with pytest.raises(NoAnswerError, match=r"TimeoutError\('Airflow gave no answer within 300 s'\)"):
            await first
        assert await second == "failed"
        assert world.time() == pytest.approx(300.0)
        await asyncio.sleep(1000.0)
        gc.collect()

    world.run(scenario())

    assert asked == [[keys[0]], [keys[1]]]
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_ask_supervisor_keeps_what_other_requests_answered(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request that fails leaves out its own tasks; if all fail, the failure is raised."""
    task_runner = pytest.importorskip("airflow.sdk.execution_time.task_runner")

    class Comms:
        async def asend(self, message: Any) -> Any:
            if message.dag_id == "a":
                raise OSError("busy")
            return SimpleNamespace(task_states={"run-0": {"t": "failed"}})

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(), raising=False)
    keys = [TaskKey(dag_id, "run-0", "t", -1) for dag_id in ("a", "b")]

    assert world.run(task_state.ask_supervisor(keys)) == {keys[1]: "failed"}
    with pytest.raises(OSError, match="busy"):
        world.run(task_state.ask_supervisor(keys[:1]))


@pytest.mark.parametrize("seconds, attended", [(1.0, True), (20.0, False)])
def test_failure_of_our_own_closes_the_question_with_a_line(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, seconds: float, attended: bool
) -> None:
    """Nothing leaves ``on_kill``, or the question that outlives it, but a line in a log."""

    async def broken(job_id: str) -> CancelResult:
        raise ValueError(job_id)

    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    airflow.seconds = seconds
    trigger._watcher = SimpleNamespace(cancel=broken)  # type: ignore[assignment]

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(20.0)
        assert len(open_questions.open_questions()) == 0

    world.run(scenario())

    line = "Polaris job 'job-0' may not have been canceled: ValueError('job-0')"
    assert (f"WARNING {line}" in trigger_log()) is attended
    assert triggerer_log() == ([] if attended else [f"WARNING {STOPPED}{line}"])
