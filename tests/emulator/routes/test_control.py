# SPDX-License-Identifier: Apache-2.0
"""The control plane: health and counters. It needs no key, and its requests don't count as polls of a job."""

from __future__ import annotations

import hashlib
import json

from airflow_provider_polaris import __version__


def test_health_answers_without_a_key(api) -> None:
    """The reply has ready, version, project and progression."""
    assert api.control("GET", "/health") == (
        200,
        {
            "status": "ready",
            "version": __version__,
            "projectId": "00000000-0000-4000-8000-000000000001",
            "progression": "immediate",
        },
    )


def test_health_answers_while_a_job_holds_the_lock(api) -> None:
    """A running job doesn't delay the health check."""
    with api.app.state.emulator.jobs.lock, api.app.state.emulator.store.transaction():
        assert api.control("GET", "/health")[0] == 200


def test_counters_count_requests_and_jobs_of_the_same_body(koalas) -> None:
    """Two POSTs of the same bytes are two jobs of one body."""
    for _ in range(2):
        koalas.submit(koalas.rollup())
    koalas.ok("GET", "/tables/Koalas Source")
    status, counters = koalas.control("GET", "/counters")
    assert status == 200
    assert sorted(counters["jobsByBody"].values()) == [1, 2]
    assert counters["requests"]["POST /v1/projects/{projectId}/jobs"] == 3
    assert counters["requests"]["GET /v1/projects/{projectId}/tables/{name}"] == 1
    assert counters["requests"]["GET /v1/projects/{projectId}/jobs/{name}"] == 1


def test_counters_tell_jobs_with_effect_from_jobs_without(koalas) -> None:
    """Of two jobs with one body, one is canceled; a job that stored nothing has no effect either."""
    empty = koalas.rollup(filterExpression="\"city\" = 'Nowhere'")
    first = koalas.submit(koalas.rollup())
    koalas.ok("POST", f"/jobs/{first}/status", {"desiredExecutionStatus": "canceled"})
    for body in (koalas.rollup(), empty):
        koalas.run(body)
    counters = koalas.control("GET", "/counters")[1]
    jobs, effective = counters["jobsByBody"], counters["effectiveJobsByBody"]
    assert {key: (jobs[key], effective[key]) for key in map(_sha256, (koalas.rollup(), empty))} == {
        _sha256(koalas.rollup()): (2, 1),
        _sha256(empty): (1, 0),
    }
    assert effective.keys() == jobs.keys()


def test_counters_do_not_let_time_pass(koalas) -> None:
    """A job without a poll is not done yet."""
    koalas.submit(koalas.rollup())
    key = _sha256(koalas.rollup())
    assert koalas.control("GET", "/counters")[1]["effectiveJobsByBody"][key] == 0
    koalas.ok("GET", "/jobs")
    assert koalas.control("GET", "/counters")[1]["effectiveJobsByBody"][key] == 1


def _sha256(body) -> str:
    """Return the hash of a body in the test client's encoding."""
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
