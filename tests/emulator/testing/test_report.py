# SPDX-License-Identifier: Apache-2.0
"""The section of the fixture ``polaris_emulator`` in the report of a failed test."""

from __future__ import annotations

import asyncio
import re

import pytest

from airflow_provider_polaris.emulator.wire.rejected_requests import RefusalMiddleware, RejectedRequests
from tests.emulator.testing.client import BARE, EVENTS, ROLLUP, ask, submit

pytest_plugins = ["pytester"]

SECTION = "*- polaris_emulator -*"
MISTAKES = {
    "query": ("polaris_emulator.query('SELECT * FROM nothing')", "ValueError"),
    "fault": ("polaris_emulator.fault('explode')", "ValueError"),
    "hold": ("polaris_emulator.hold('')", "ValueError"),
    "load": ("polaris_emulator.load('events', [])", "LoadError"),
    "load of a row": ("polaris_emulator.load('events', [{'city': 'x'}])", "LoadError"),
}


def test_report_of_an_emulator_that_nobody_asked_says_so(polaris_emulator) -> None:
    """The report states it if no job was submitted."""
    assert polaris_emulator.report() == "no job was submitted"


def test_report_has_jobs_and_refusals_the_newest_last(polaris_emulator) -> None:
    """Each with its error; a repeated rejection counts once, and reading the report changes nothing."""
    polaris_emulator.load("events", EVENTS)
    loaded = polaris_emulator.jobs()[0]["id"]
    first = f"  {loaded}  batch by load()  uploaded -> 'events'  completed, rows: 3 read, 3 stored"
    assert polaris_emulator.report() == f"jobs, the newest last:\n{first}\nno job was submitted"

    for _ in range(2):
        ask(polaris_emulator, "GET", "/tables/Koalas?detail=summary")
    done = submit(polaris_emulator)
    polaris_emulator.jobs()
    unknown = {**ROLLUP, "mappings": [{"columnName": "n", "expression": '"nope"'}]}
    status, answer = ask(polaris_emulator, "POST", "/jobs", unknown)
    assert status == 400
    ask(polaris_emulator, "POST", "/query/sql", {"query": 'SELECT COUNT(*) FROM "nothing"'})
    polaris_emulator.fault("status", method="POST", path="/jobs$", status=503)
    ask(polaris_emulator, "POST", "/jobs", ROLLUP)
    polaris_emulator.hold("pending")
    held = submit(polaris_emulator)
    expected = f"""\
jobs, the newest last:
{first}
  {done}  batch  'events' -> 'hourly'  completed, rows: 3 read, 1 stored
  {held}  batch  'events' -> 'hourly'  pending
rejected requests, the newest last:
  GET /tables/Koalas  404 (2 times): Table 'Koalas' does not exist.
  POST /jobs  400: {answer["message"]}
  POST /query/sql  400: Object 'nothing' not found
  POST /jobs  503: A fault of the emulator rejects this request."""
    assert polaris_emulator.report() == expected
    assert polaris_emulator.report() == expected


def test_report_says_why_a_job_failed_or_warns(polaris_emulator) -> None:
    """The report has code and message of its health."""
    polaris_emulator.load("events", EVENTS)
    ended = []
    for expression, strict in (("CAST(\"city\" || 'x' AS TIMESTAMP)", 0), ('"__time"', None)):
        mappings = [{"columnName": "__time", "expression": expression}]
        limits = {} if strict is None else {"maxParseExceptions": strict}
        source = {**ROLLUP["source"], **({} if limits else {"interval": "2020-01-01/2020-01-02"})}
        _, job = ask(polaris_emulator, "POST", "/jobs", {**ROLLUP, "source": source, "mappings": mappings, **limits})
        ended.append(job["id"])
    failed, warned = (job for job in polaris_emulator.jobs() if job["id"] in ended)
    assert (failed["executionStatus"], warned["health"]["status"]) == ("failed", "warn")
    lines = polaris_emulator.report().splitlines()[2:]
    assert lines == [
        (
            f"  {failed['id']}  batch  'events' -> 'hourly'  failed: {failed['health']['code']}: "
            f"{failed['health']['message']}"
        ),
        f"  {warned['id']}  batch  'events' -> 'hourly'  completed, rows: 0 read, 0 stored: no_rows_found",
    ]


def test_report_shows_the_newest_ten_of_each(polaris_emulator) -> None:
    """A DAG with many jobs, or a polling sensor, doesn't fill the screen."""
    for number in range(12):
        polaris_emulator.load(f"events {number}", EVENTS)
        ask(polaris_emulator, "GET", f"/jobs/{number}")
    ask(polaris_emulator, "GET", "/jobs/5")
    lines = polaris_emulator.report().splitlines()
    assert lines[1] == "  (2 older ones)"
    assert [re.search(r"'events (\d+)'", line)[1] for line in lines[2:12]] == [str(number) for number in range(2, 12)]
    assert lines[12:14] == ["no job was submitted", "rejected requests, the newest last:"]
    refused = [re.match(r"  GET /jobs/(\d+)  404(.*): Job", line).groups() for line in lines[14:]]
    assert refused == [(str(number), "") for number in (2, 3, 4, 6, 7, 8, 9, 10, 11)] + [("5", " (2 times)")]


def test_report_has_what_the_emulator_did_not_foresee(polaris_emulator, monkeypatch) -> None:
    """Its reply is built by an outer layer, so it is easily missed."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(polaris_emulator._emulator.jobs, "get_for_reply", broken)
    assert ask(polaris_emulator, "GET", "/jobs/x")[0] == 500
    assert polaris_emulator.report().splitlines()[-1] == "  GET /jobs/x  500: The emulator failed: KeyError('a bug')"


@pytest.mark.parametrize("when", ["call", "setup"])
def test_failed_test_has_a_section(pytester, when) -> None:
    """Whether the test fails or a fixture after the emulator's."""
    pytester.makepyfile(
        f"""
        import pytest
        def act(emulator):
            emulator.load("events", [{{"__time": 0}}])
            print("a long log")
            assert "failed" == "success"
        @pytest.fixture
        def prepared(polaris_emulator):
            if {when!r} == "setup":
                act(polaris_emulator)
        def test_it(polaris_emulator, prepared):
            act(polaris_emulator)
        """
    )
    result = pytester.runpytest_inprocess(*BARE)
    result.assert_outcomes(**{"failed" if when == "call" else "errors": 1})
    result.stdout.fnmatch_lines(["a long log", SECTION, "jobs, the newest last:", "* -> 'events'  completed,*"])
    result.stdout.fnmatch_lines(["no job was submitted", "*= short test summary info =*"], consecutive=True)


def test_test_that_passes_or_does_not_use_the_fixture_has_no_section(pytester) -> None:
    """Neither for an expected failure nor for an error after the emulator's end."""
    pytester.makepyfile(
        """
        import pytest
        def test_passes(polaris_emulator):
            pass
        @pytest.mark.xfail
        def test_is_expected_to_fail(polaris_emulator):
            raise KeyError
        def test_is_without(request):
            raise KeyError
        @pytest.fixture
        def afterwards(polaris_emulator):
            yield
            raise KeyError
        def test_ends_badly(afterwards):
            pass
        """
    )
    result = pytester.runpytest_inprocess(*BARE, "-rA")
    result.assert_outcomes(passed=2, xfailed=1, failed=1, errors=1)
    result.stdout.no_fnmatch_line(SECTION)


def test_strict_expected_failure_that_passes_has_a_section(pytester) -> None:
    """It is reported like other failures."""
    pytester.makepyfile("import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it(polaris_emulator):\n    pass\n")
    result = pytester.runpytest_inprocess(*BARE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([SECTION, "no job was submitted"], consecutive=True)


@pytest.mark.parametrize(("call", "error"), MISTAKES.values(), ids=list(MISTAKES))
def test_traceback_of_a_mistake_ends_at_the_line_of_the_test(pytester, call, error) -> None:
    """The frames of the emulator don't help the author of the test."""
    pytester.makepyfile(test_it=f"def test_it(polaris_emulator):\n    {call}\n")
    result = pytester.runpytest_inprocess(*BARE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f">       {call}".replace("[", "[[]"), f"test_it.py:2: {error}"])
    assert re.findall(r"^(\S+\.py):\d+: ", result.stdout.str(), re.MULTILINE) == ["test_it.py"]


def test_refusal_is_noted_before_the_client_has_it() -> None:
    """Otherwise a test that continues immediately would miss the last one."""
    refusals = RejectedRequests()
    noted = []

    async def refuse(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 400})
        await send({"type": "http.response.body", "body": b'{"message": ', "more_body": True})
        await send({"type": "http.response.body", "body": b'"no"}'})

    async def send(message) -> None:
        noted.append([refusal.message for refusal, _ in refusals.values()])

    scope = {"type": "http", "method": "GET", "path": "/v1/jobs"}
    asyncio.run(RefusalMiddleware(refuse, refusals)(scope, None, send))
    assert noted == [[], [], ["no"]]
