# SPDX-License-Identifier: Apache-2.0
"""Jobs that the list doesn't show yet: which requests find them, and when."""

from __future__ import annotations


def test_hidden_job_is_in_no_list_until_its_time_and_can_be_described(koalas) -> None:
    """Requests by id work immediately; the list shows the job later."""
    koalas.fault(effect="hide_job", afterSeconds=30)
    job_id = koalas.submit(koalas.rollup())
    koalas.clock.advance(29)
    assert koalas.listed() == []
    assert koalas.ok("GET", f"/jobs/{job_id}")["id"] == job_id
    assert len(koalas.ok("GET", "/jobs")["values"]) == 1
    koalas.clock.advance(1)
    assert koalas.listed() == [job_id]


def test_hidden_job_shows_after_so_many_requests(koalas) -> None:
    """The first two lists lack it; the third and all later lists have it."""
    koalas.fault(effect="hide_job", afterRequests=2)
    job_id = koalas.submit(koalas.rollup())
    assert [koalas.listed() for _ in range(4)] == [[], [], [job_id], [job_id]]


def test_hidden_job_that_cannot_be_described_is_a_404_everywhere(koalas) -> None:
    """All requests by id return a 404, but the job runs."""
    koalas.fault(effect="hide_job", afterSeconds=30, describe=False)
    job_id = koalas.submit(koalas.rollup())
    gone = {"code": "NotFound", "message": f"Job {job_id!r} does not exist."}
    for path in ("", "/status", "/progress", "/logs", "/metrics"):
        assert koalas.call("GET", f"/jobs/{job_id}{path}") == (404, gone)
    cancel = {"desiredExecutionStatus": "canceled"}
    assert koalas.call("POST", f"/jobs/{job_id}/status", cancel) == (404, gone)
    assert koalas.call("PUT", f"/jobs/{job_id}", cancel) == (404, gone)
    assert koalas.call("POST", f"/jobs/{job_id}/reset") == (404, gone)
    assert koalas.client.get(f"/__emulator__/jobs/{job_id}").status_code == 200
    koalas.clock.advance(30)
    assert koalas.ok("GET", f"/jobs/{job_id}")["executionStatus"] == "completed"


def test_hidden_job_of_a_lost_reply(koalas) -> None:
    """One POST can lose its reply and make a hidden job: the two rules don't use each other up."""
    koalas.fault(effect="hide_job", afterSeconds=30)
    koalas.fault(effect="drop_reply", method="POST", path="/jobs$")
    assert koalas.call("POST", "/jobs", koalas.rollup()) == (500, None)  # this client's result for a dropped reply
    assert (koalas.listed(), koalas.made()) == ([], 1)
    koalas.clock.advance(30)
    assert len(koalas.listed()) == 1


def test_hidden_job_counts_from_its_creation_if_that_is_late(koalas) -> None:
    """The job exists after ten seconds, and the list shows it after ten more."""
    koalas.fault(effect="drop_reply", takesEffect="later", afterSeconds=10, method="POST", path="/jobs$")
    koalas.fault(effect="hide_job", afterSeconds=10)
    koalas.call("POST", "/jobs", koalas.rollup())
    koalas.clock.advance(10)
    assert (koalas.listed(), koalas.made()) == ([], 1)
    koalas.clock.advance(9)
    assert koalas.listed() == []
    koalas.clock.advance(1)
    assert len(koalas.listed()) == 1


def test_hide_job_counts_jobs_and_no_other_requests(koalas) -> None:
    """The second of three jobs is hidden; lists and rejected POSTs don't count."""
    koalas.fault(effect="hide_job", skip=1, afterSeconds=30)
    first = koalas.submit(koalas.rollup())
    koalas.ok("GET", "/files")
    assert koalas.call("POST", "/jobs", {"type": "nonsense"})[0] == 400
    second, third = koalas.submit(koalas.rollup()), koalas.submit(koalas.rollup())
    assert sorted(koalas.listed()) == sorted([first, third])
    assert koalas.ok("GET", f"/jobs/{second}")["id"] == second
