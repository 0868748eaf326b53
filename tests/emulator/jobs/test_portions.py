# SPDX-License-Identifier: Apache-2.0
"""Many jobs are due at once: no request runs all of them."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.jobs import job_store, registry

PORTION = 3
MANY = PORTION + 2


@pytest.fixture(autouse=True)
def small_portion(monkeypatch) -> None:
    """Reduce the portion to a few jobs."""
    monkeypatch.setattr(registry, "PORTION", PORTION)


@pytest.fixture
def runs(monkeypatch):
    """The ids of the jobs that ran, in order; batch jobs are stubs."""
    ran: list[str] = []

    def run(job, *_):
        ran.append(job.id)
        return 0

    monkeypatch.setattr(job_store, "run_job", run)
    return ran


@pytest.fixture
def due(make_api, clock, runs):
    """An emulator with more due jobs than a request advances, and their ids."""
    api = make_api("seconds=1000")
    api.ok("POST", "/tables", {"name": "Koalas Source", "type": "detail"})
    ids = []
    for number in range(2 * MANY):
        interval = f"{2000 + number}-01-01/{2001 + number}-01-01"
        ids.append(api.submit(api.about("delete_data", "Koalas Source", interval)))
    clock.advance(1000)
    assert runs == []
    return api, ids


def _statuses(api) -> list[str]:
    answer = api.ok("GET", "/jobs?paginationLimit=1000&sortColumn=created_date_time&sortOrder=ASC")
    return [job["executionStatus"] for job in answer["values"]]


def test_list_runs_a_portion_and_shows_the_others_as_they_are(due, runs) -> None:
    """The oldest run first; the next list continues."""
    api, ids = due
    assert _statuses(api) == ["completed"] * PORTION + ["pending"] * (2 * MANY - PORTION)
    assert runs == ids[:PORTION]
    assert _statuses(api) == ["completed"] * 2 * PORTION + ["pending"] * (2 * MANY - 2 * PORTION)
    for _ in range(2):
        shown = _statuses(api)
    assert shown == ["completed"] * 2 * MANY
    assert runs == ids


@pytest.mark.parametrize("path", ["", "/status", "/logs", "/metrics"])
def test_job_that_is_asked_for_is_done_whatever_is_due_before_it(due, runs, path) -> None:
    """A requested job doesn't wait for other due jobs."""
    api, ids = due
    api.ok("GET", f"/jobs/{ids[-1]}{path}")
    assert runs == [*ids[:PORTION], ids[-1]]
    assert api.app.state.emulator.jobs.get(ids[-1]).status == "completed"


def test_job_that_is_canceled_after_its_time_has_completed(due, runs) -> None:
    """A late cancel is rejected, although other jobs are due before this one."""
    api, ids = due
    status, answer = api.call("POST", f"/jobs/{ids[-1]}/status", {"desiredExecutionStatus": "canceled"})
    assert (status, answer["code"]) == (400, "BadRequest")
    assert runs == [*ids[:PORTION], ids[-1]]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/tables", None),
        ("GET", "/tables/Koalas Source", None),
        ("GET", "/tables/Koalas Source/unusedSegments", None),
        ("POST", "/tables", {"name": "x", "type": "detail"}),
        ("POST", "/query/sql", {"query": "SELECT 1"}),
        ("POST", "/jobs", {"type": "streaming"}),
    ],
)
def test_other_requests_run_a_portion(due, runs, method, path, body) -> None:
    """No request waits for all jobs."""
    api, ids = due
    api.call(method, path, body)
    assert runs == ids[:PORTION]


def test_page_of_the_console_runs_a_portion(due, runs) -> None:
    """The page shows the other jobs as pending."""
    api, ids = due
    assert api.client.get("/__emulator__/").status_code == 200
    assert runs == ids[:PORTION]


def test_job_starts_count_as_well_as_job_ends(make_api, clock) -> None:
    """Each start and each end is a database write."""
    api = make_api("polls=3")
    api.ok("POST", "/tables", {"name": "Koalas Source", "type": "detail"})
    for number in range(MANY):
        api.submit(api.about("delete_data", "Koalas Source", f"{2000 + number}-01-01/{2001 + number}-01-01"))
    assert _statuses(api) == ["running"] * PORTION + ["pending"] * 2
    assert _statuses(api) == ["running"] * MANY


def test_test_that_looks_at_its_emulator_sees_all_jobs_done(due, runs) -> None:
    """The pytest fixture advances all due jobs, because no request waits for it."""
    api, ids = due
    api.app.state.emulator.jobs.advance_due_jobs()
    assert runs == ids
