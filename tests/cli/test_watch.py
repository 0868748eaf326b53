# SPDX-License-Identifier: Apache-2.0
"""``jobs watch``: exit codes, output, and that the job is never canceled."""

from __future__ import annotations

import io
import json
import signal
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_polaris.cli import main, watch
from airflow_provider_polaris.cli.output import Output

pytestmark = pytest.mark.polaris_emulator(progression="polls=4")


class FakeClock:
    """Time that passes only by sleeping; an action may run at each sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.at_sleep = {}
        self.time = datetime(2026, 11, 20, tzinfo=timezone.utc)

    def now(self):
        return self.time

    def sleep(self, seconds, stop):
        assert len(self.slept) < 50, "the watch does not end"
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        if len(self.slept) in self.at_sleep:
            self.at_sleep[len(self.slept)]()


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The clock of the watch."""
    clock = FakeClock()
    monkeypatch.setattr(watch, "CLOCK", clock)
    return clock


def _where(emulator, job_id) -> str:
    return f"{emulator.url}/__emulator__/console/{job_id}/hourly"


def test_watch_of_a_job_that_succeeds_ends_with_0(polaris_emulator, submit, run, clock) -> None:
    """Without a terminal, each change and each progress step is one line; only the result is on stdout."""
    job_id = submit()
    done = run("jobs", "watch", job_id, "--poll-interval", "7")
    where = _where(polaris_emulator, job_id)
    assert (done.code, clock.slept) == (0, [7.0])
    assert done.out == f"Job {job_id!r} completed: 2 rows read, 1 rows stored. See {where}\n"
    assert done.err == (
        f"Job {job_id!r} is 'running'. See {where}\n"
        f"Job {job_id!r} is 75 % done, 0 s into the wait. See {where}\n"
        f"Job {job_id!r} is 'completed', was 'running', 7 s into the wait. See {where}\n"
    )


def test_watch_as_json_prints_the_facts(polaris_emulator, submit, run, clock) -> None:
    """For programs, once at the end."""
    job_id = submit()
    done = run("jobs", "watch", job_id, "-o", "json")
    facts = json.loads(done.out)
    assert done.code == 0
    assert (facts["id"], facts["status"], facts["rows_processed"], facts["rows_persisted"]) == (
        job_id,
        "completed",
        2,
        1,
    )
    assert (facts["error"], facts["origin"], "adopted" in facts) == (None, None, False)


def test_watch_says_first_who_made_the_job(submit, run, clock) -> None:
    """One line, and a field for programs."""
    origin = {"dag": "koalas", "task": "rollup", "run": "manual__1", "try": 1}
    job_id = submit(context={"airflowOrigin": origin})
    done = run("jobs", "watch", job_id, "-o", "json")
    assert done.err.splitlines()[0] == (
        f"Job {job_id!r} (batch into 'hourly') was made by task 'rollup' of DAG 'koalas', run 'manual__1', try 1."
    )
    assert json.loads(done.out)["origin"] == origin


@pytest.mark.polaris_emulator(progression="polls=6")
def test_watch_in_a_terminal_draws_one_line_that_moves(polaris_emulator, submit, clock, monkeypatch, capsys) -> None:
    """The bar is redrawn in place and removed at the end; changes are shown in it and need no lines of their own."""
    polaris_emulator.hold("pending")
    job_id = submit()
    clock.at_sleep[2] = polaris_emulator.release
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert main(["jobs", "watch", job_id, "--poll-interval", "40"]) == 0
    frames = terminal.getvalue().split("\r\x1b[K")
    assert frames == [
        "",
        "pending    0:00",
        "pending    0:40",
        "running    |#########################.....|   83 %  1:20",
        "",
    ]
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"Job {job_id!r} completed: ")


def test_watch_of_a_job_that_fails_ends_with_3(submit, run, clock) -> None:
    """The reason and the fix on stderr, once; nothing on stdout."""
    mappings = [{"columnName": "__time", "expression": "TIME_PARSE('never')"}]
    job_id = submit(mappings=mappings)
    done = run("jobs", "watch", job_id)
    assert (done.code, done.out) == (3, "")
    last = done.err.splitlines()[-1]
    assert last.startswith(f"polaris: Job {job_id!r} (batch into 'hourly') failed with 'null_timestamp': ")
    done = run("jobs", "watch", job_id, "-o", "json")
    assert (done.code, json.loads(done.out)["error"]) == (3, last.removeprefix("polaris: "))


def test_watch_of_a_replace_that_stored_nothing_ends_with_3(submit, run, clock) -> None:
    """The status is completed, but the old data is gone: it counts as failed, as in an operator."""
    job_id = submit(ingestionMode="replace", replaceAll=True, filterExpression="\"__time\" < TIMESTAMP '2000-01-01'")
    done = run("jobs", "watch", job_id)
    assert (done.code, done.out) == (3, "")
    assert f"polaris: Job {job_id!r} (batch into 'hourly') completed after 0 s, but it found no rows" in done.err


def test_watch_counts_a_warning_as_failure_if_asked_to(submit, run, clock) -> None:
    """An append that read nothing completes with a warning."""
    job_id = submit(filterExpression="\"__time\" < TIMESTAMP '2000-01-01'")
    assert run("jobs", "watch", job_id).code == 0
    assert run("jobs", "watch", job_id, "--fail-on-warning").code == 3


def test_watch_of_a_canceled_job_ends_with_4(polaris_emulator, submit, run, clock) -> None:
    """The same exit code whoever canceled the job."""
    job_id = submit()
    assert run("jobs", "cancel", job_id).code == 0
    done = run("jobs", "watch", job_id)
    assert (done.code, done.out) == (4, "")
    assert f"polaris: Job {job_id!r} (batch into 'hourly') was canceled" in done.err


def test_watch_whose_time_is_up_ends_with_124_and_leaves_the_job(polaris_emulator, submit, run, clock) -> None:
    """The last sleep lasts only for the remaining time."""
    polaris_emulator.hold()
    job_id = submit()
    done = run("jobs", "watch", job_id, "--timeout", "12")
    assert (done.code, done.out, clock.slept) == (124, "", [5.0, 5.0, 2.0])
    assert done.err.splitlines()[-1] == (
        f"polaris: Job {job_id!r} is still 'running' after 12 s and continues. Watch it again, or raise --timeout."
    )
    assert polaris_emulator.jobs("hourly")[0]["desiredExecutionStatus"] == "running"


def test_watch_stopped_by_ctrl_c_leaves_the_job_alone(polaris_emulator, submit, run, clock) -> None:
    """Exit code 130 and one line."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    polaris_emulator.hold()
    job_id = submit()
    clock.at_sleep[2] = interrupt
    done = run("jobs", "watch", job_id)
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == f"Stopped watching. Job {job_id!r} continues; its last status was 'running'."
    assert polaris_emulator.jobs("hourly")[0]["desiredExecutionStatus"] == "running"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_watch_stopped_by_ctrl_c_in_a_destructor(polaris_emulator, submit, run, clock, monkeypatch) -> None:
    """Python drops the exception there; the command ends before it sleeps."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook

    class Interrupted:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def get_job_progress(self, job_id) -> None:
        Interrupted()

    monkeypatch.setattr(PolarisHook, "get_job_progress", get_job_progress)
    polaris_emulator.hold()
    job_id = submit()
    done = run("jobs", "watch", job_id)
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == f"Stopped watching. Job {job_id!r} continues; its last status was 'running'."
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_watch_goes_on_while_polaris_does_not_answer(polaris_emulator, submit, run, clock, monkeypatch) -> None:
    """A poll without an answer is reported once, and so is the next successful one."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.errors import PolarisTransportError

    job_id = submit()
    answers = iter([PolarisTransportError("no answer"), PolarisTransportError("no answer")])
    original = PolarisHook.get_job_status

    def get_job_status(self, job_id):
        for error in answers:
            raise error
        return original(self, job_id)

    monkeypatch.setattr(PolarisHook, "get_job_status", get_job_status)
    done = run("jobs", "watch", job_id)
    assert (done.code, len(clock.slept)) == (0, 3)
    assert done.err.count("no answer") == 1


def test_watch_that_nobody_answers_gives_up_with_1(polaris_emulator, submit, run, clock, monkeypatch) -> None:
    """After the same 15 minutes as in operators; the result of the job is unknown."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.errors import PolarisTransportError

    def get_job_status(self, job_id):
        raise PolarisTransportError("no answer")

    job_id = submit()
    monkeypatch.setattr(PolarisHook, "get_job_status", get_job_status)
    done = run("jobs", "watch", job_id, "--poll-interval", "60")
    assert (done.code, done.out, sum(clock.slept)) == (1, "", 900.0)
    assert done.err.splitlines()[-1].startswith(f"polaris: gave up waiting for job {job_id!r}, never seen: ")


def test_bar_of_a_job_without_progress_is_status_and_time() -> None:
    """Only batch jobs report progress; a message removes the bar first."""
    terminal = Terminal()
    screen = Output(io.StringIO(), terminal)
    screen.show_bar("running", None, 3725)
    screen.print_message("a message")
    screen.show_bar("running", 2.0, 0)
    assert terminal.getvalue() == (
        f"\r\x1b[Krunning    62:05\r\x1b[Ka message\n\r\x1b[Krunning    |{'#' * 30}|  100 %  0:00"
    )
