# SPDX-License-Identifier: Apache-2.0
"""Due jobs: a few run in the request that finds them, many in a background thread, and no reply waits for them all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_polaris.emulator.engine import StorageError
from airflow_provider_polaris.emulator.faults.fault import Freeze
from airflow_provider_polaris.emulator.jobs import due_jobs, job_store

PORTION = 3
MANY = 2 * PORTION + 2
GUARD = 120
"""Seconds after which a test that hangs fails."""
BACKGROUND = "polaris-emulator-jobs_0"


class Runs:
    """Jobs that run as stubs inside their transaction: their ids in order, and the thread of each."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.threads: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.before_gate = 0
        self.has_begun = threading.Event()
        self.errors: dict[str, Exception] = {}

    def run(self, job, *_):
        self.ids.append(job.id)
        self.threads.append(threading.current_thread().name)
        self.has_begun.set()
        assert len(self.ids) <= self.before_gate or self.gate.wait(GUARD)
        if job.id in self.errors:
            raise self.errors.pop(job.id)
        return 0


@pytest.fixture(autouse=True)
def small_portion(monkeypatch) -> None:
    """Reduce the portion to a few jobs; requests wait as long as a test may last."""
    monkeypatch.setattr(due_jobs, "PORTION", PORTION)
    monkeypatch.setattr(due_jobs, "LONGEST_WAIT", GUARD)


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Requests don't wait for jobs of another thread."""
    monkeypatch.setattr(due_jobs, "LONGEST_WAIT", 0)


@pytest.fixture
def runs(monkeypatch):
    """What ran; batch jobs are stubs."""
    runs = Runs()
    monkeypatch.setattr(job_store, "run_job", runs.run)
    yield runs
    runs.gate.set()


def _submit(api, number: int) -> str:
    interval = f"{2000 + number}-01-01/{2001 + number}-01-01"
    return api.submit(api.about("delete_data", "Koalas Source", interval))


def _due(make_api, clock, number: int):
    api = make_api("seconds=1000")
    api.ok("POST", "/tables", {"name": "Koalas Source", "type": "detail"})
    ids = [_submit(api, one) for one in range(number)]
    clock.advance(1000)
    return api, ids


@pytest.fixture
def few(make_api, clock, runs):
    """An emulator with as many due jobs as a request runs, and their ids."""
    return _due(make_api, clock, PORTION)


@pytest.fixture
def many(make_api, clock, runs):
    """An emulator with more due jobs than a request runs, and their ids."""
    return _due(make_api, clock, MANY)


def _statuses(api) -> list[str]:
    answer = api.ok("GET", "/jobs?paginationLimit=1000&sortColumn=created_date_time&sortOrder=ASC")
    return [job["executionStatus"] for job in answer["values"]]


def _let_the_background_thread_end_its_work(api) -> None:
    api.app.state.emulator.jobs._background.submit(int).result(GUARD)


def test_few_due_jobs_run_in_the_request(few, runs) -> None:
    """The next poll after a submission shows the end of the job, without a wait for another thread."""
    api, ids = few
    assert _statuses(api) == ["completed"] * PORTION
    assert runs.ids == ids
    assert BACKGROUND not in runs.threads


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/jobs", None),
        ("GET", "/jobs/{last}", None),
        ("GET", "/jobs/{last}/status", None),
        ("GET", "/jobs/{last}/logs", None),
        ("GET", "/jobs/{last}/metrics", None),
        ("GET", "/tables", None),
        ("GET", "/tables/Koalas Source", None),
        ("GET", "/tables/Koalas Source/unusedSegments", None),
        ("POST", "/query/sql", {"query": 'SELECT COUNT(*) FROM "Koalas Source"'}),
    ],
)
def test_request_runs_none_of_many_due_jobs_and_waits_for_none(many, runs, method, path, body) -> None:
    """It is answered while the first job is in its transaction."""
    api, ids = many
    runs.gate.clear()
    assert api.call(method, path.format(last=ids[-1]), body)[0] == 200
    assert runs.has_begun.wait(GUARD)
    assert api.call(method, path.format(last=ids[-1]), body)[0] == 200
    assert api.client.get("/__emulator__/").status_code == 200
    assert len(runs.ids) == 1
    runs.gate.set()
    _let_the_background_thread_end_its_work(api)
    assert sorted(runs.ids) == sorted(ids)
    assert set(runs.threads) == {BACKGROUND}
    assert _statuses(api) == ["completed"] * MANY


@pytest.mark.usefixtures("impatient")
def test_due_job_that_has_not_run_is_shown_as_running(many, runs) -> None:
    """In the list, in its status and on its page; its start is the time at which it was due."""
    api, ids = many
    runs.gate.clear()
    assert _statuses(api) == ["running"] * MANY
    assert api.ok("GET", f"/jobs/{ids[-1]}/status") == {"executionStatus": "running"}
    assert api.ok("GET", f"/jobs/{ids[-1]}")["startedTimestamp"].startswith("2024-07-01T00:01:40.")
    assert ">running<" in api.client.get(f"/__emulator__/jobs/{ids[-1]}").text


def test_requested_job_runs_next(many, runs, monkeypatch) -> None:
    """A request about a job waits for the running job and its own, not for those that are due before it."""
    api, ids = many
    runs.gate.clear()
    monkeypatch.setattr(due_jobs, "LONGEST_WAIT", 0)
    _statuses(api)
    assert runs.has_begun.wait(GUARD)
    monkeypatch.setattr(due_jobs, "LONGEST_WAIT", GUARD)
    stored = api.app.state.emulator.jobs._stored
    wait_for = stored.wait_for

    def release_and_wait(*arguments):
        runs.gate.set()
        return wait_for(*arguments)

    stored.wait_for = release_and_wait
    assert api.ok("GET", f"/jobs/{ids[-1]}/status") == {"executionStatus": "completed"}
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == [ids[0], ids[-1], *ids[1:-1]]


def test_list_waits_for_a_portion(many, runs) -> None:
    """A client that polls without pauses gives the jobs time to run."""
    api, ids = many
    assert _statuses(api)[:PORTION] == ["completed"] * PORTION
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == ids
    assert set(runs.threads) == {BACKGROUND}


def test_other_requests_are_answered_while_a_request_runs_a_job(few, runs, monkeypatch) -> None:
    """Also if few jobs are due. The request that runs the job gets its end."""
    api, ids = few
    runs.gate.clear()
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(api.ok, "GET", f"/jobs/{ids[0]}/status")
        assert runs.has_begun.wait(GUARD)
        monkeypatch.setattr(due_jobs, "LONGEST_WAIT", 0)
        assert _statuses(api) == ["running"] * PORTION
        assert api.ok("GET", f"/jobs/{ids[1]}/status") == {"executionStatus": "running"}
        assert runs.ids == [ids[0]]
        runs.gate.set()
        assert answer.result(GUARD) == {"executionStatus": "completed"}
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == ids


def test_completed_jobs_have_their_rows(make_api, clock) -> None:
    """A table that is read after a list has at least the rows of the jobs that the list shows as completed."""
    api = make_api("seconds=10")
    api.koalas()
    jobs = [api.submit(api.rollup()) for _ in range(MANY)]
    clock.advance(10)
    for _ in range(1000):
        listed = api.ok("GET", "/jobs?targetTableName=Koalas Rollup&executionStatus=completed")["values"]
        assert api.ok("GET", "/tables/Koalas Rollup")["totalRows"] >= 4 * len(listed)
        if len(listed) == len(jobs):
            break
    assert api.count("Koalas Rollup") == 4 * MANY


def test_jobs_that_wait_for_others_run_after_them(make_api, clock, runs) -> None:
    """Each waits for the lock of the one before, and one request is enough for all."""
    api = make_api("seconds=10")
    api.ok("POST", "/tables", {"name": "Koalas Source", "type": "detail"})
    ids = [_submit(api, 0) for _ in range(MANY)]
    runs.before_gate = PORTION  # the background thread may be faster than the reply
    runs.gate.clear()
    clock.advance(10)
    assert _statuses(api) == ["completed"] * PORTION + ["running"] + ["pending"] * (MANY - PORTION - 1)
    runs.gate.set()
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == ids


def test_job_starts_count_as_well_as_job_ends(make_api) -> None:
    """Each is a database write. Replies show the start at once."""
    api = make_api("polls=3")
    api.ok("POST", "/tables", {"name": "Koalas Source", "type": "detail"})
    ids = [_submit(api, number) for number in range(MANY)]
    assert _statuses(api) == ["running"] * MANY
    _let_the_background_thread_end_its_work(api)
    assert {api.app.state.emulator.jobs.get(job_id).status for job_id in ids} == {"running"}
    assert _statuses(api) == ["running"] * MANY
    _statuses(api)
    _let_the_background_thread_end_its_work(api)
    assert _statuses(api) == ["completed"] * MANY


@pytest.mark.usefixtures("impatient")
def test_job_that_is_canceled_after_its_time_has_completed(many, runs) -> None:
    """With 'seconds', a late cancel is rejected, although other jobs are due before this one."""
    api, ids = many
    status, answer = api.call("POST", f"/jobs/{ids[-1]}/status", {"desiredExecutionStatus": "canceled"})
    assert (status, answer["message"]) == (400, f"job {ids[-1]!r} is 'completed' and can no longer be 'canceled'.")
    assert ids[-1] in runs.ids


@pytest.mark.usefixtures("impatient")
def test_due_job_that_has_not_run_can_be_canceled_with_polls(make_api, runs) -> None:
    """It was shown as running. It never runs."""
    api = make_api("polls=2")
    api.koalas()
    runs.ids.clear()
    ids = [api.submit(api.rollup()) for _ in range(MANY)]
    _statuses(api)
    _let_the_background_thread_end_its_work(api)
    jobs = api.app.state.emulator.jobs
    with jobs.lock:  # so that no job runs
        assert _statuses(api) == ["completed"] + ["running"] * MANY
        assert jobs.update(ids[-1], "canceled", jobs.get(ids[-1]).created_by).status == "running"
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == ids[:-1]
    assert _statuses(api) == ["completed"] * MANY + ["canceled"]


def test_new_job_can_be_canceled_while_the_background_thread_runs_others(make_api, clock, runs) -> None:
    """With 'immediate', only a later request lets a new job run."""
    api = make_api()
    api.ok("POST", "/tables", {"name": "Koalas Source", "type": "detail"})
    jobs = api.app.state.emulator.jobs
    jobs.freeze = Freeze("pending")
    ids = [_submit(api, number) for number in range(MANY)]
    jobs.freeze = None
    assert _statuses(api)[:PORTION] == ["completed"] * PORTION
    new = _submit(api, MANY)
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == ids
    assert jobs.get(new).status == "pending"
    assert api.ok("GET", f"/jobs/{new}/status") == {"executionStatus": "completed"}


@pytest.mark.usefixtures("impatient")
def test_held_jobs_stop_in_the_background_too(many, runs) -> None:
    """The running job ends; the others continue when they are released."""
    api, ids = many
    runs.gate.clear()
    _statuses(api)
    assert runs.has_begun.wait(GUARD)
    api.app.state.emulator.jobs.freeze = Freeze("unknown")
    runs.gate.set()
    _let_the_background_thread_end_its_work(api)
    assert _statuses(api) == ["completed"] + ["unknown"] * (MANY - 1)
    assert runs.ids == ids[:1]
    api.app.state.emulator.jobs.freeze = None
    _statuses(api)
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == ids


@pytest.mark.usefixtures("impatient")
def test_closing_ends_the_background_thread_after_the_running_job(many, runs) -> None:
    """No thread is left, and the other jobs continue after a restart."""
    api, ids = many
    emulator = api.app.state.emulator
    runs.gate.clear()
    _statuses(api)
    assert runs.has_begun.wait(GUARD)
    shut_down = emulator.jobs._background.shutdown

    def release_and_shut_down():
        runs.gate.set()
        shut_down()

    emulator.jobs._background.shutdown = release_and_shut_down
    emulator.close()
    assert runs.ids == ids[:1]
    assert BACKGROUND not in {thread.name for thread in threading.enumerate()}
    assert [emulator.jobs.get(job_id).status for job_id in ids] == ["completed"] + ["pending"] * (MANY - 1)


@pytest.mark.parametrize("is_known", [True, False])
def test_failure_in_the_background_is_logged_and_the_next_request_continues(many, runs, caplog, monkeypatch, is_known):
    """The job is unchanged, and its earlier ones don't run again."""
    api, ids = many
    jobs = api.app.state.emulator.jobs
    run = jobs._run
    errors = [StorageError("the disk is full.") if is_known else RuntimeError("no idea")]

    def fail_once(job, now):
        if job.id == ids[1] and errors:
            raise errors.pop()
        run(job, now)

    jobs._run = fail_once
    monkeypatch.setattr(due_jobs, "LONGEST_WAIT", 0)
    _statuses(api)
    _let_the_background_thread_end_its_work(api)
    assert [jobs.get(job_id).status for job_id in ids[:2]] == ["completed", "pending"]
    (record,) = [each for each in caplog.records if each.name.startswith("airflow_provider_polaris")]
    reason = "it again: the disk is full." if is_known else "it again."
    assert record.getMessage() == f"job {ids[1]} can't run now; the next request tries {reason}"
    assert (record.exc_info is None) is is_known
    _statuses(api)
    _let_the_background_thread_end_its_work(api)
    assert runs.ids == ids


def test_test_that_looks_at_its_emulator_sees_all_jobs_done(many, runs) -> None:
    """The pytest fixture runs all due jobs, because no request waits for it."""
    api, ids = many
    api.app.state.emulator.jobs.advance_due_jobs()
    assert runs.ids == ids
    assert {api.app.state.emulator.jobs.get(job_id).status for job_id in ids} == {"completed"}
