# SPDX-License-Identifier: Apache-2.0
"""
Fault rules: which requests they apply to, whether a request takes effect, and when the effect is visible.

This client returns (500, None) for a dropped reply. One test at the end uses a socket.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from airflow_provider_polaris.emulator.faults.fault import Fault
from airflow_provider_polaris.emulator.faults.middleware import FaultMiddleware
from airflow_provider_polaris.emulator.faults.rules import Faults
from airflow_provider_polaris.emulator.server import running_emulator

DROPPED = (500, None)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "emulator.md"


def _post(api):
    return api.call("POST", "/jobs", api.rollup())


def test_status_strikes_before_the_effect_and_as_often_as_asked(koalas) -> None:
    """Two replies are 429 with Retry-After, then requests succeed; the rejected requests created nothing."""
    koalas.fault(effect="status", status=429, retryAfter="7", method="POST", path="/jobs$", times=2)
    for _ in range(2):
        response = koalas.client.post(f"{koalas.prefix}/jobs", json=koalas.rollup(), headers=koalas.headers)
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        assert response.json() == {
            "code": "TooManyRequests",
            "message": "A fault of the emulator rejects this request.",
        }
    assert koalas.made() == 0
    assert _post(koalas)[0] == 201


@pytest.mark.parametrize("status", [429, 500, 503])
def test_status_after_the_effect_refuses_a_job_that_exists(koalas, status) -> None:
    """The reply is an error, but the job exists, once."""
    koalas.fault(effect="status", status=status, takesEffect="now", method="POST", path="/jobs$")
    assert _post(koalas)[0] == status
    (job_id,) = koalas.listed()
    assert koalas.finish(job_id)["executionStatus"] == "completed"


def test_status_now_and_the_effect_later(koalas) -> None:
    """A gateway timed out before the service did."""
    koalas.fault(effect="status", status=504, takesEffect="later", afterSeconds=5, method="POST", path="/jobs$")
    assert _post(koalas)[0] == 504
    assert koalas.listed() == []
    koalas.clock.advance(5)
    assert len(koalas.listed()) == 1


def test_drop_reply_has_its_effect(koalas) -> None:
    """The job exists, once, and the next request is answered."""
    koalas.fault(effect="drop_reply", method="POST", path="/jobs$")
    assert _post(koalas) == DROPPED
    assert len(koalas.listed()) == 1
    assert _post(koalas)[0] == 201


def test_drop_reply_without_the_effect(koalas) -> None:
    """The request has no effect, as if it never arrived."""
    koalas.fault(effect="drop_reply", takesEffect="never", method="POST", path="/jobs$")
    assert _post(koalas) == DROPPED
    assert koalas.control("GET", "/counters")[1]["lateRequests"] == 0
    koalas.clock.advance(3600)
    assert koalas.listed() == []


def test_late_effect_comes_when_the_clock_says(koalas) -> None:
    """The effect comes exactly when it is due, independent of other requests, and once; it is the job's creation
    time.
    """
    koalas.fault(effect="drop_reply", takesEffect="later", afterSeconds=30, method="POST", path="/jobs$")
    sent = koalas.clock.now
    assert _post(koalas) == DROPPED
    koalas.clock.now = sent + 30_000_000_000 - 1
    assert [koalas.listed() for _ in range(5)] == [[]] * 5
    assert koalas.control("GET", "/counters")[1]["lateRequests"] == 1
    koalas.clock.now += 1
    (job_id,) = koalas.listed()
    job = koalas.ok("GET", f"/jobs/{job_id}")
    assert job["createdTimestamp"] == "2024-07-01T00:00:30.123456789Z"
    assert koalas.listed() == [job_id]
    assert koalas.control("GET", "/counters")[1]["lateRequests"] == 0


def test_late_effect_comes_after_so_many_requests(koalas) -> None:
    """Two more requests are handled without the effect, the third with it; console pages don't count."""
    koalas.fault(effect="drop_reply", takesEffect="later", afterRequests=2, method="POST", path="/jobs$")
    assert _post(koalas) == DROPPED
    for _ in range(5):
        assert koalas.made() == 0
    assert [len(koalas.listed()) for _ in range(4)] == [0, 0, 1, 1]


@pytest.mark.parametrize(("seconds", "requests"), [(10, 1), (0, 5)])
def test_late_effect_comes_with_the_first_of_both(koalas, seconds, requests) -> None:
    """The delay that ends first applies, time or requests."""
    koalas.fault(
        effect="drop_reply", takesEffect="later", afterSeconds=10, afterRequests=requests, method="POST", path="/jobs$"
    )
    _post(koalas)
    koalas.ok("GET", "/files")
    koalas.clock.advance(10 - seconds)
    assert len(koalas.listed()) == 1


def test_late_effect_shows_in_the_counters_when_it_is_due(koalas) -> None:
    """The counters include the late job, also if no other request was sent."""
    koalas.fault(effect="drop_reply", takesEffect="later", afterSeconds=30, method="POST", path="/jobs$")
    _post(koalas)
    koalas.clock.advance(30)
    assert koalas.made() == 1


def test_health_check_does_not_carry_out_what_is_due(koalas) -> None:
    """The health check returns immediately; the next request executes the due effect."""
    koalas.fault(effect="drop_reply", takesEffect="later", afterSeconds=30, method="POST", path="/jobs$")
    _post(koalas)
    koalas.clock.advance(30)
    assert koalas.control("GET", "/health")[0] == 200
    assert koalas.app.state.emulator.faults.waiting() == 1


def test_late_requests_that_are_alike_all_take_effect(koalas) -> None:
    """Two tasks that submit the same bytes get two jobs, in their order."""
    koalas.fault(effect="drop_reply", takesEffect="later", afterSeconds=30, method="POST", path="/jobs$", times=2)
    assert [_post(koalas), _post(koalas)] == [DROPPED, DROPPED]
    koalas.clock.advance(30)
    assert len(koalas.listed()) == 2


def test_late_request_that_is_refused_harms_nobody(koalas) -> None:
    """The late job is invalid and is not created; the current request is handled normally."""
    koalas.fault(effect="drop_reply", takesEffect="later", afterRequests=1, method="POST", path="/jobs$")
    assert koalas.call("POST", "/jobs", {"type": "nonsense"}) == DROPPED
    koalas.ok("GET", "/files")
    assert koalas.listed() == []


def test_late_request_that_fails_harms_nobody(koalas, monkeypatch, caplog) -> None:
    """A failed late request is logged; it doesn't change the reply to another request."""
    koalas.fault(effect="drop_reply", takesEffect="later", afterRequests=1, method="POST", path="/jobs$")
    assert _post(koalas) == DROPPED
    koalas.ok("GET", "/files")

    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(koalas.app.state.emulator.jobs, "create", fail)
    assert koalas.listed() == []
    ours = [record for record in caplog.records if record.name.startswith("airflow_provider_polaris")]
    assert [record.getMessage() for record in ours] == [f"the late request POST {koalas.prefix}/jobs failed"]


def test_late_cancel_takes_effect_later(make_api) -> None:
    """Any request can be postponed, not only one that creates a job."""
    api = make_api("polls=9")
    api.koalas()
    job_id = api.submit(api.rollup())
    api.fault(effect="drop_reply", takesEffect="later", afterSeconds=5, path="/status$", method="POST")
    assert api.call("POST", f"/jobs/{job_id}/status", {"desiredExecutionStatus": "canceled"}) == DROPPED
    assert api.ok("GET", f"/jobs/{job_id}")["desiredExecutionStatus"] == "running"
    api.clock.advance(5)
    assert api.ok("GET", f"/jobs/{job_id}")["desiredExecutionStatus"] == "canceled"


def test_rules_strike_in_their_order_and_skip_what_they_are_told(koalas) -> None:
    """The first POST is rejected, the second loses its reply, the third succeeds, the fourth is rejected."""
    where = {"method": "POST", "path": "/jobs$"}
    koalas.fault(effect="status", status=429, **where)
    koalas.fault(effect="drop_reply", **where)
    koalas.fault(effect="status", status=503, skip=1, **where)
    koalas.ok("GET", "/jobs")
    assert [_post(koalas)[0] for _ in range(5)] == [429, 500, 201, 503, 201]


def test_rule_strikes_only_its_method_and_path(api) -> None:
    """The rule searches the path; other requests are unaffected and don't count."""
    api.fault(effect="status", method="GET", path="/jobs/[^/]+/status$")
    assert api.call("GET", "/jobs")[0] == 200
    assert api.call("POST", "/jobs/x/status", {"desiredExecutionStatus": "canceled"})[0] == 404
    assert api.call("GET", "/jobs/x/status")[0] == 503
    assert api.call("GET", "/jobs/x/status")[0] == 404


def test_rule_without_end_lasts_until_it_is_cleared(api) -> None:
    """times=null applies always; DELETE removes all rules."""
    api.fault(effect="status", times=None)
    assert [api.call("GET", "/jobs")[0] for _ in range(3)] == [503, 503, 503]
    assert api.control("DELETE", "/faults") == (200, {})
    assert api.call("GET", "/jobs")[0] == 200


def test_clear_forgets_what_was_to_come_and_shows_what_was_hidden(koalas) -> None:
    """After DELETE, no request is postponed, no job is hidden, and all jobs make progress."""
    koalas.fault(effect="hide_job", afterSeconds=30)
    koalas.fault(effect="drop_reply", takesEffect="later", afterSeconds=30, method="POST", path="/jobs$", skip=1)
    koalas.fault(effect="job_status", jobStatus="running", times=None)
    job_id = koalas.submit(koalas.rollup())
    assert _post(koalas) == DROPPED
    koalas.control("DELETE", "/faults")
    assert koalas.listed() == [job_id]
    koalas.clock.advance(60)
    assert koalas.listed() == [job_id]
    assert koalas.ok("GET", f"/jobs/{job_id}")["executionStatus"] == "completed"


@pytest.mark.parametrize(
    ("options", "order"),
    [({}, ["waits 7.0", "effect", "answer"]), ({"takesEffect": "now"}, ["effect", "waits 7.0", "answer"])],
)
def test_latency_lets_the_request_or_the_answer_wait(monkeypatch, options, order) -> None:
    """If the client disconnects during the delay, the request has no effect, or an effect without a reply."""
    seen = []

    async def sleep(seconds) -> None:
        seen.append(f"waits {seconds}")

    async def app(scope, receive, send) -> None:
        seen.append("effect")
        await send({"type": "http.response.start", "status": 201, "headers": []})

    async def send(message) -> None:
        seen.append("answer")

    # Only the middleware's: the server of the other tests sleeps, too.
    monkeypatch.setattr("airflow_provider_polaris.emulator.faults.middleware.asyncio", SimpleNamespace(sleep=sleep))
    faults = Faults(lambda: 0)
    faults.add(Fault.model_validate({"effect": "latency", "seconds": 7, **options}))
    scope = {"type": "http", "method": "POST", "path": "/v1/projects/p/jobs"}
    asyncio.run(FaultMiddleware(app, faults)(scope, None, send))
    assert seen == order


def test_list_of_faults_says_how_often_each_struck(koalas) -> None:
    """The rules in their order, as they were set; for a frozen status the remaining replies."""
    rules = [
        {"effect": "status", "status": 429, "method": "POST"},
        {"effect": "hide_job", "afterRequests": 9, "times": None},
        {"effect": "job_status", "jobStatus": "unknown", "times": 3},
    ]
    for rule in rules:
        assert koalas.control("POST", "/faults", rule) == (201, rule)
    assert _post(koalas)[0] == 429
    job_id = koalas.submit(koalas.rollup())
    koalas.ok("GET", f"/jobs/{job_id}")
    assert koalas.control("GET", "/faults") == (
        200,
        {"values": [{**rules[0], "struck": 1}, {**rules[1], "struck": 1}, {**rules[2], "times": 2}]},
    )


def test_job_status_shows_another_status_and_stops_the_clock(koalas) -> None:
    """Two replies show an unknown status; then the job is done at the next poll. Ended jobs show their own status."""
    done = koalas.ok("GET", "/jobs")["values"][0]["id"]
    job_id = koalas.submit(koalas.rollup())
    koalas.fault(effect="job_status", jobStatus="unknown", times=2)
    assert koalas.ok("GET", f"/jobs/{done}/status") == {"executionStatus": "completed"}
    assert koalas.ok("GET", "/jobs?executionStatus=unknown")["values"][0]["id"] == job_id
    statuses = [koalas.ok("GET", f"/jobs/{job_id}/status")["executionStatus"] for _ in range(2)]
    assert statuses == ["unknown", "completed"]


_DELAY = "'afterSeconds' and 'afterRequests' need 'takesEffect' with the value 'later'."


@pytest.mark.parametrize(
    ("fault", "target", "message"),
    [
        ({"effect": "explode"}, "effect", None),
        ({}, "effect", "field 'effect' is required."),
        ({"effect": "status", "status": 200}, "status", None),
        ({"effect": "status", "path": "("}, "path", None),
        ({"effect": "status", "times": 0}, "times", None),
        ({"effect": "status", "skip": -1}, "skip", None),
        ({"effect": "latency", "seconds": 1e9}, "seconds", None),
        (
            {"effect": "latency", "takesEffect": "later", "afterSeconds": 5},
            "afterSeconds",
            "field 'afterSeconds' is not used by the effect 'latency'.",
        ),
        (
            {"effect": "latency", "takesEffect": "never"},
            "takesEffect",
            "field 'takesEffect' has the value 'never', but the effect 'latency' allows only 'now'.",
        ),
        ({"effect": "job_status", "jobStatus": "gone"}, "jobStatus", None),
        ({"effect": "drop_reply", "takesEffect": "soon"}, "takesEffect", None),
        ({"effect": "drop_reply", "afterSeconds": 5}, "takesEffect", _DELAY),
        ({"effect": "status", "takesEffect": "now", "afterRequests": 5}, "takesEffect", _DELAY),
        (
            {"effect": "status", "takesEffect": "later"},
            "takesEffect",
            "field 'takesEffect' has the value 'later', which needs 'afterSeconds' or 'afterRequests'.",
        ),
        ({"effect": "hide_job"}, "effect", "effect 'hide_job' needs 'afterSeconds' or 'afterRequests'."),
        ({"effect": "drop_reply", "status": 503}, "status", "field 'status' is not used by the effect 'drop_reply'."),
        (
            {"effect": "hide_job", "afterSeconds": 1, "takesEffect": "now"},
            "takesEffect",
            "field 'takesEffect' is not used by the effect 'hide_job'.",
        ),
        ({"effect": "job_status", "path": "x"}, "path", "field 'path' is not used by the effect 'job_status'."),
    ],
)
def test_rule_that_makes_no_sense_is_refused(api, fault, target, message) -> None:
    """The 400 names the field, and no rule is set."""
    status, answer = api.control("POST", "/faults", fault)
    assert (status, answer["target"]) == (400, target)
    assert message in (None, answer["message"])
    assert api.control("GET", "/faults") == (200, {"values": []})
    assert api.call("GET", "/jobs")[0] == 200


def test_page_names_every_effect_and_field() -> None:
    """The documentation has all effects and fields."""
    section = PAGE.read_text().split("## Faults")[1].split("## Open questions")[0]
    effects = get_args(Fault.model_fields["effect"].annotation)
    assert re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE) == ["effect", *effects]
    for field in Fault.model_fields.values():
        assert f"`{field.alias}`" in section


def test_dropped_reply_closes_the_connection(caplog) -> None:
    """On a socket, with, without and before the effect: the client reads the end of the stream, never a partial
    reply.
    """
    with running_emulator() as emulator:
        host, port = emulator.base_url.removeprefix("http://").split(":")
        headers = {"Authorization": "Basic pok_emulator", "Content-Type": "application/json"}

        def ask(method, path, body=None):
            connection = http.client.HTTPConnection(host, int(port), timeout=120)
            try:
                connection.request(method, path, body and json.dumps(body), headers)
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()

        def tables() -> list[str]:
            return [table.name for table in emulator.emulator.tables.list()]

        path = f"/v1/projects/{emulator.settings.project_id}/tables"
        drop = {"effect": "drop_reply", "method": "POST", "path": "/tables$"}
        rules = {"a": {}, "b": {"takesEffect": "never"}, "c": {"takesEffect": "later", "afterRequests": 1}}
        for name, rule in rules.items():
            assert ask("POST", "/__emulator__/faults", {**drop, **rule})[0] == 201
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                ask("POST", path, {"name": name, "type": "detail"})
        assert tables() == ["a"]
        assert ask("GET", path)[0] == 200
        assert ask("POST", path, {"name": "c", "type": "detail"})[0] == 409
        assert tables() == ["a", "c"]
