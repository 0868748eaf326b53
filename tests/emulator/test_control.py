"""The control plane: health, pages, counters, faults. None of it needs a key, none of it is a look at a job."""

from __future__ import annotations

import http.client

import pytest

from airflow_provider_polaris import __version__
from airflow_provider_polaris.emulator.serving import running_emulator


def _control(api, method, path, body=None):
    response = api.client.request(method, f"/__emulator__{path}", json=body)
    return response.status_code, response.json()


def _fault(api, **fault) -> None:
    status, answer = _control(api, "POST", "/faults", fault)
    assert status == 201, answer


def test_health_answers_without_a_key(api) -> None:
    """Ready, version, project, progression."""
    assert _control(api, "GET", "/health") == (
        200,
        {
            "status": "ready",
            "version": __version__,
            "projectId": "00000000-0000-4000-8000-000000000001",
            "progression": "immediate",
        },
    )


def test_health_answers_while_a_job_holds_the_lock(api) -> None:
    """Whoever waits for the emulator isn't kept waiting by what it does."""
    with api.app.state.emulator.jobs.lock, api.app.state.emulator.store.transaction():
        assert _control(api, "GET", "/health")[0] == 200


def test_pages_show_tables_and_jobs_escaped(koalas) -> None:
    """Rows, SQL, log and specification; what came from outside is text, never markup."""
    target = {"type": "table", "tableName": "<script>alert(1)</script>".replace("/", "")}
    koalas.run(koalas.rollup(target=target))
    mappings = [{"columnName": "c", "expression": "SOUNDEX(\"city\") || '<b>'"}]
    failed = koalas.run(koalas.rollup(mappings=mappings))
    index = koalas.client.get("/__emulator__/").text
    page = koalas.client.get(f"/__emulator__/jobs/{failed['id']}").text
    assert "<script>" not in index + page
    assert "&lt;script&gt;alert(1)" in index
    assert f'<a href="/__emulator__/jobs/{failed["id"]}">' in index
    assert "<td>Koalas Source</td>" in index
    assert "query_not_supported" in page
    assert "SOUNDEX(&quot;city&quot;) || &#x27;&lt;b&gt;&#x27;" in page
    assert koalas.client.get("/__emulator__/jobs/nope").status_code == 404


def test_index_of_an_empty_emulator_says_so(api) -> None:
    """The page is there before anything else is."""
    text = api.client.get("/__emulator__/").text
    assert "There are no tables yet." in text
    assert "There are no jobs yet." in text


def test_counters_count_requests_and_jobs_of_the_same_body(koalas) -> None:
    """Two POSTs of the same bytes are two jobs of one body."""
    for _ in range(2):
        koalas.submit(koalas.rollup())
    koalas.ok("GET", "/tables/Koalas Source")
    status, counters = _control(koalas, "GET", "/counters")
    assert status == 200
    assert sorted(counters["jobsByBody"].values()) == [1, 2]
    assert counters["requests"]["POST /v1/projects/{projectId}/jobs"] == 3
    assert counters["requests"]["GET /v1/projects/{projectId}/tables/{name}"] == 1
    assert counters["requests"]["GET /v1/projects/{projectId}/jobs/{name}"] == 1


def test_fault_status_strikes_before_the_effect_and_as_often_as_asked(koalas) -> None:
    """429 with Retry-After twice, then the service is itself again; nothing was created meanwhile."""
    _fault(koalas, effect="status", status=429, retryAfter="7", method="POST", path="/jobs$", times=2)
    for _ in range(2):
        response = koalas.client.post(f"{koalas.prefix}/jobs", json=koalas.rollup(), headers=koalas.headers)
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        assert response.json()["code"] == "TooManyRequests"
    assert len(koalas.ok("GET", "/jobs")["values"]) == 1
    assert koalas.call("POST", "/jobs", koalas.rollup())[0] == 201


def test_fault_without_end_lasts_until_it_is_cleared(api) -> None:
    """times=null strikes always; DELETE forgets all."""
    _fault(api, effect="status", times=None)
    assert [api.call("GET", "/jobs")[0] for _ in range(3)] == [503, 503, 503]
    assert _control(api, "DELETE", "/faults") == (200, {})
    assert api.call("GET", "/jobs")[0] == 200


def test_fault_job_status_shows_another_status_and_stops_the_clock(koalas) -> None:
    """An unknown status for two replies; then the job is done at the next look. Jobs that have ended show theirs."""
    done = koalas.ok("GET", "/jobs")["values"][0]["id"]
    job_id = koalas.submit(koalas.rollup())
    _fault(koalas, effect="job_status", jobStatus="unknown", times=2)
    assert koalas.ok("GET", f"/jobs/{done}/status") == {"executionStatus": "completed"}
    assert koalas.ok("GET", "/jobs?executionStatus=unknown")["values"][0]["id"] == job_id
    statuses = [koalas.ok("GET", f"/jobs/{job_id}/status")["executionStatus"] for _ in range(2)]
    assert statuses == ["unknown", "completed"]


@pytest.mark.parametrize(
    ("fault", "target"),
    [
        ({"effect": "explode"}, "effect"),
        ({}, "effect"),
        ({"effect": "status", "status": 200}, "status"),
        ({"effect": "status", "path": "("}, "path"),
        ({"effect": "status", "times": 0}, "times"),
        ({"effect": "latency", "seconds": 1e9}, "seconds"),
        ({"effect": "job_status", "jobStatus": "gone"}, "jobStatus"),
    ],
)
def test_fault_that_makes_no_sense_is_refused(api, fault, target) -> None:
    """400 names the field."""
    status, answer = _control(api, "POST", "/faults", fault)
    assert (status, answer["target"]) == (400, target)
    assert api.call("GET", "/jobs")[0] == 200


def test_fault_drop_reply_closes_the_connection_after_the_effect(caplog) -> None:
    """The job exists, and the client has no answer."""
    with running_emulator() as emulator:
        host, port = emulator.base_url.removeprefix("http://").split(":")
        headers = {"Authorization": "Basic pok_emulator", "Content-Type": "application/json"}

        def ask(method, path, body=None):
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()

        fault = b'{"effect": "drop_reply", "method": "POST", "path": "/tables$"}'
        assert ask("POST", "/__emulator__/faults", fault)[0] == 201
        path = f"/v1/projects/{emulator.settings.project_id}/tables"
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask("POST", path, b'{"name": "t", "type": "detail"}')
        assert [table.name for table in emulator.emulator.tables.list()] == ["t"]
        assert ask("POST", path, b'{"name": "t", "type": "detail"}')[0] == 409
