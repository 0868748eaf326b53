# SPDX-License-Identifier: Apache-2.0
"""Reading a page doesn't count as a poll; meanwhile, only the progression by time advances jobs."""

from __future__ import annotations

import re

PATHS = ("/", "/jobs", "/jobs/{job}", "/tables/Koalas%20Source")


def state(page: str) -> tuple[list[str], list[str]]:
    """Return the badges and the percentage on a page."""
    return re.findall(r'class="badge [a-z]*">(\w+)<', page), re.findall(r'<span class="percent">(.*?)</span>', page)


def test_pages_with_polls_leave_the_looks_of_a_job_alone(make_api, show) -> None:
    """However often the page is reloaded: the job is done at the third poll of the client, and not earlier."""
    api = make_api("polls=3")
    api.koalas()
    job = api.submit(api.rollup())
    seen = []
    for looks in range(4):
        for path in PATHS * 3:
            show(api, path.format(job=job))
        seen.append(state(show(api, f"/jobs/{job}")))
        if looks < 3:
            api.ok("GET", f"/jobs/{job}/status")
    assert seen == [
        (["pending"], ["0 %"]),
        (["running"], ["33 %"]),
        (["running"], ["67 %"]),
        (["completed"], []),
    ]


def test_pages_with_immediate_leave_a_job_pending(koalas, show) -> None:
    """The job is done at the next request of the API, not at the next page, which states it."""
    job = koalas.submit(koalas.rollup())
    for path in PATHS:
        show(koalas, path.format(job=job))
    page = show(koalas, f"/jobs/{job}")
    assert state(page) == (["pending"], ["0 %"])
    assert "Here a job ends at the next request to the API. This page doesn&#39;t count as a request." in page
    assert koalas.ok("GET", f"/jobs/{job}/status") == {"executionStatus": "completed"}


def test_pages_with_seconds_show_jobs_as_the_clock_has_them(make_api, show) -> None:
    """Without any request of the API, the job ends when it is due."""
    api = make_api("seconds=10")
    api.koalas()
    job = api.submit(api.rollup())
    seen = []
    for _ in range(4):
        seen.append(state(show(api, f"/jobs/{job}")))
        api.clock.advance(4)
    assert seen == [(["pending"], ["0 %"]), (["running"], ["40 %"]), (["running"], ["80 %"]), (["completed"], [])]
    assert "<dt>Ran for</dt><dd>9.0 s</dd>" in show(api, f"/jobs/{job}")


def test_pages_under_a_job_status_fault_show_what_replies_show(koalas, show) -> None:
    """Nor do pages use the fault up."""
    job = koalas.submit(koalas.rollup())
    koalas.fault(effect="job_status", jobStatus="running", times=1)
    for _ in range(3):
        assert state(show(koalas, f"/jobs/{job}")) == (["running"], ["0 %"])
        assert state(show(koalas, "/jobs?status=running"))[0] == ["running"]
    assert koalas.ok("GET", f"/jobs/{job}/status") == {"executionStatus": "running"}
    assert state(show(koalas, f"/jobs/{job}"))[0] == ["pending"]


def test_pages_refresh_while_something_is_unfinished(koalas, show) -> None:
    """The browser reloads only then; the script always updates, except for a job that has ended."""
    job = koalas.submit(koalas.rollup())
    follows = '<body data-refresh="2">'
    refreshing = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
    for path in PATHS:
        page = show(koalas, path.format(job=job))
        assert refreshing in page, path
        assert follows in page, path
    koalas.finish(job)
    for path in PATHS:
        page = show(koalas, path.format(job=job))
        assert refreshing not in page, path
        assert (follows in page) == ("{job}" not in path), path


def test_pages_are_no_requests_of_the_api(koalas, show) -> None:
    """Counters and faults ignore requests for pages."""
    koalas.fault(effect="status", status=503)
    before = koalas.control("GET", "/counters")[1]["requests"]
    for path in PATHS[:2]:
        show(koalas, path)
    assert koalas.control("GET", "/counters")[1]["requests"] == before
    assert koalas.call("GET", "/jobs")[0] == 503
