# SPDX-License-Identifier: Apache-2.0
"""The progression of jobs, and the effect of a cancel."""

from __future__ import annotations

import pytest


def _status(api, job_id):
    return api.ok("GET", f"/jobs/{job_id}/status")["executionStatus"]


def _cancel(api, job_id):
    return api.call("POST", f"/jobs/{job_id}/status", {"desiredExecutionStatus": "canceled"})


def _rows(api):
    return api.ok("GET", "/tables/Koalas Rollup")["totalRows"]


def _with_koalas(make_api, progression):
    """Return an emulator with a source table and the given progression."""
    api = make_api(progression)
    assert api.koalas()["executionStatus"] == "completed"
    return api


def test_immediate_post_says_pending_and_the_next_look_completed(koalas) -> None:
    """The reply to the POST shows the job before it runs, so that waiting code is exercised."""
    created = koalas.ok("POST", "/jobs", koalas.rollup())
    assert (created["executionStatus"], created["startedTimestamp"]) == ("pending", None)
    koalas.clock.advance(2)
    job = koalas.ok("GET", f"/jobs/{created['id']}")
    assert (job["executionStatus"], job["health"]) == ("completed", {"status": "ok"})
    assert job["startedTimestamp"] == job["completedTimestamp"] == "2024-07-01T00:00:02.123456789Z"
    assert job["lastUpdatedTimestamp"] == job["createdTimestamp"]


def test_immediate_query_sees_the_rows_without_a_look_at_the_job(koalas) -> None:
    """Every request advances time."""
    koalas.submit(koalas.rollup())
    assert koalas.query('SELECT COUNT(*) AS n FROM "Koalas Rollup"') == [{"n": 4}]


@pytest.mark.parametrize("kind", ["describe", "status", "list", "progress"])
def test_polls_every_reply_that_shows_the_status_counts(make_api, kind) -> None:
    """With polls=3 two replies show the job running, the third completed."""
    api = _with_koalas(make_api, "polls=3")
    job_id = api.submit(api.rollup())

    def look():
        if kind == "describe":
            return api.ok("GET", f"/jobs/{job_id}")["executionStatus"]
        if kind == "status":
            return _status(api, job_id)
        if kind == "list":
            return api.ok("GET", "/jobs?targetTableName=Koalas Rollup")["values"][0]["executionStatus"]
        return round(api.ok("GET", f"/jobs/{job_id}/progress")["overallProgress"], 2)

    expected = [0.33, 0.67, 1.0] if kind == "progress" else ["running", "running", "completed"]
    assert [look() for _ in range(3)] == expected


def test_polls_other_requests_do_not_count(make_api) -> None:
    """Requests for tables, metrics, logs, other jobs and console pages don't advance a job."""
    api = _with_koalas(make_api, "polls=3")
    job_id = api.submit(api.rollup())
    for _ in range(4):
        assert api.ok("GET", f"/jobs/{job_id}/metrics") == {}
        assert api.ok("GET", f"/jobs/{job_id}/logs") == {"logs": []}
        assert _rows(api) == 0
        api.ok("GET", "/jobs?targetTableName=Koalas Source")
        assert api.client.get(f"/__emulator__/jobs/{job_id}").status_code == 200
    assert [_status(api, job_id) for _ in range(3)] == ["running", "running", "completed"]


def test_polls_completing_look_makes_the_rows_visible(make_api) -> None:
    """No row is visible before the job is done."""
    api = _with_koalas(make_api, "polls=2")
    job_id = api.submit(api.rollup())
    assert (_status(api, job_id), _rows(api)) == ("running", 0)
    assert _status(api, job_id) == "completed"
    assert _rows(api) == 4


def test_seconds_time_decides_and_looks_do_not(make_api, clock) -> None:
    """With seconds=10, a job is pending for one second and running for nine; its timestamps are the due times."""
    api = make_api("seconds=10")
    api.koalas()
    job_id = api.submit(api.rollup())
    assert [_status(api, job_id) for _ in range(5)] == ["pending"] * 5
    clock.advance(1)
    assert [_status(api, job_id) for _ in range(5)] == ["running"] * 5
    assert api.ok("GET", f"/jobs/{job_id}/progress") == {"overallProgress": pytest.approx(0.1)}
    clock.advance(100)
    job = api.ok("GET", f"/jobs/{job_id}")
    created = job["createdTimestamp"]
    assert job["executionStatus"] == "completed"
    assert (created[17:19], job["startedTimestamp"][17:19], job["completedTimestamp"][17:19]) == ("10", "11", "20")


def test_cancel_answers_with_the_present_status_and_takes_effect_at_the_next_look(koalas) -> None:
    """The desired status is an intent; the job ends as canceled, without a row and without a completion time."""
    job_id = koalas.submit(koalas.rollup())
    koalas.clock.advance(1)
    assert _cancel(koalas, job_id) == (200, {"executionStatus": "pending"})
    job = koalas.ok("GET", f"/jobs/{job_id}")
    assert (job["executionStatus"], job["desiredExecutionStatus"]) == ("canceled", "canceled")
    assert job["lastUpdatedTimestamp"] > job["createdTimestamp"]
    assert (job["completedTimestamp"], _rows(koalas)) == (None, 0)
    entry = {
        "timestamp": "2024-07-01T00:00:01.123456789Z",
        "healthStatus": "error",
        "code": "canceled",
        "message": "The job was canceled.",
    }
    assert job["health"] == {"status": "error", "code": "canceled", "message": entry["message"], "log": entry}
    assert koalas.ok("GET", f"/jobs/{job_id}/logs") == {"logs": [entry]}
    assert koalas.ok("GET", f"/jobs/{job_id}/metrics") == {}
    assert koalas.ok("GET", f"/jobs/{job_id}/progress") == {"overallProgress": 0.0}


def test_cancel_twice_is_the_same_as_once(make_api) -> None:
    """A pending cancel can be repeated."""
    api = _with_koalas(make_api, "polls=5")
    job_id = api.submit(api.rollup())
    assert _status(api, job_id) == "running"
    assert _cancel(api, job_id) == (200, {"executionStatus": "running"})
    assert _status(api, job_id) == "canceled"


def test_cancel_after_its_time_is_too_late_with_seconds(make_api, clock) -> None:
    """A job that is due has completed, even without a poll."""
    api = make_api("seconds=10")
    api.koalas()
    job_id = api.submit(api.rollup())
    clock.advance(10)
    status, answer = _cancel(api, job_id)
    assert (status, answer["message"]) == (400, f"job {job_id!r} is 'completed' and can no longer be 'canceled'.")
    assert _rows(api) == 4


@pytest.mark.parametrize(
    ("desired", "message"),
    [
        ("suspended", "job {id!r} is of type 'batch': only streaming jobs can be suspended and resumed."),
        (
            "paused",
            "field 'desiredExecutionStatus' has the value 'paused': it must be one of running, canceled, suspended.",
        ),
    ],
)
def test_update_impossible_status_is_refused_and_changes_nothing(koalas, desired, message) -> None:
    """A rejected move doesn't change the job."""
    job_id = koalas.submit(koalas.rollup())
    status, answer = koalas.call("PUT", f"/jobs/{job_id}", {"desiredExecutionStatus": desired})
    assert (status, answer) == (
        400,
        {"code": "BadRequest", "message": message.format(id=job_id), "target": "desiredExecutionStatus"},
    )
    assert koalas.finish(job_id)["executionStatus"] == "completed"


def test_update_to_running_changes_nothing_and_cannot_take_a_cancel_back(koalas) -> None:
    """A batch job runs anyway; a canceled job can't be resumed."""
    job_id = koalas.submit(koalas.rollup())
    job = koalas.ok("PUT", f"/jobs/{job_id}", {"desiredExecutionStatus": "running"})
    assert (job["executionStatus"], job["desiredExecutionStatus"]) == ("pending", "running")
    job_id = koalas.submit(koalas.rollup())
    assert _cancel(koalas, job_id)[0] == 200
    status, answer = koalas.call("PUT", f"/jobs/{job_id}", {"desiredExecutionStatus": "running"})
    assert (status, answer["message"]) == (
        400,
        f"job {job_id!r} is of type 'batch': only streaming jobs can be suspended and resumed.",
    )


def test_failed_job_has_code_message_and_log_and_keeps_its_table(koalas) -> None:
    """Unsupported SQL fails the job and the message names the function; the new table stays, empty."""
    mappings = [{"columnName": "city", "expression": 'SOUNDEX("city")'}]
    job = koalas.run(koalas.rollup(mappings=mappings))
    assert (job["executionStatus"], job["completedTimestamp"]) == ("failed", None)
    assert (job["health"]["status"], job["health"]["code"]) == ("error", "query_not_supported")
    assert "SOUNDEX" in job["health"]["message"]
    assert koalas.ok("GET", f"/jobs/{job['id']}/logs")["logs"] == [job["health"]["log"]]
    assert _rows(koalas) == 0


def test_empty_job_completes_with_a_warning(koalas) -> None:
    """A job that reads nothing gets a warning, with a code and a log entry but no message."""
    job = koalas.run(koalas.rollup(filterExpression="\"city\" = 'Nowhere'"))
    assert (job["executionStatus"], job["health"]["status"], job["health"]["code"]) == (
        "completed",
        "warn",
        "no_rows_found",
    )
    assert job["health"].keys() == {"status", "code", "log"}
    assert koalas.ok("GET", f"/jobs/{job['id']}/metrics")["totals"]["numRowsProcessed"] == 0


def test_lines_that_cannot_be_parsed_are_counted_and_warned_of(api) -> None:
    """At most maxParseExceptions invalid lines are skipped; one more fails the job."""
    line = b'{"timestamp":"2024-06-01T00:00:00Z","city":"Oslo"}\n'
    api.ok("POST", "/files", files={"file": ("bad.json", line + b"{nonsense\n" + line)})
    job = api.run(api.upload_job("t", "bad.json"))
    assert (job["executionStatus"], job["health"]["code"]) == ("completed", "invalid_rows_found")
    totals = api.ok("GET", f"/jobs/{job['id']}/metrics")["totals"]
    assert (totals["numRowsPersisted"], totals["numRowsSkippedByError"]) == (2, 1)
    job = api.run({**api.upload_job("t", "bad.json"), "maxParseExceptions": 0})
    assert (job["executionStatus"], job["health"]["code"]) == ("failed", "cannot_parse_source")
    assert api.ok("GET", "/tables/t")["totalRows"] == 2


def test_metrics_of_a_rollup_count_rows_in_and_out(koalas) -> None:
    """Fields that batch jobs don't report are null."""
    job = koalas.run(koalas.rollup(mappings=[*koalas.rollup()["mappings"], _hourly()]))
    totals = koalas.ok("GET", f"/jobs/{job['id']}/metrics")["totals"]
    size = totals.pop("numBytesProcessed")
    assert size > 0
    assert totals == {
        "numRowsProcessed": 4,
        "numRowsPersisted": 3,
        "numRowsSkippedByError": 0,
        "numRowsProcessedWithWarning": None,
        "numRowsSkippedByFilter": None,
    }


def test_rollup_of_the_vendor_page_gives_its_table(koalas) -> None:
    """The example of docs.imply.io/polaris/api-ingest-table, per hour, gives the expected rows."""
    job = koalas.run(koalas.rollup(mappings=[*koalas.rollup()["mappings"], _hourly()]))
    assert job["executionStatus"] == "completed"
    assert koalas.query('SELECT * FROM "Koalas Rollup" ORDER BY "__time"') == [
        {"__time": "2024-06-01T00:00:00.000Z", "city": "BERLIN", "max_session_length": 30, "__count": 2},
        {"__time": "2024-06-01T01:00:00.000Z", "city": "OSLO", "max_session_length": 5, "__count": 1},
        {"__time": "2024-06-02T02:00:00.000Z", "city": "OSLO", "max_session_length": 7, "__count": 1},
    ]


def test_replace_twice_gives_the_same_table_and_append_twice_the_rows_twice(koalas) -> None:
    """A repeated replace gives the same rows, a repeated append adds them again."""
    target = {"type": "table", "tableName": "Koalas Rollup", "intervals": ["2024-06-01/2024-06-02"]}
    for _ in range(2):
        koalas.run(koalas.rollup(ingestionMode="replace", target=target))
        assert _rows(koalas) == 3
    koalas.run(koalas.rollup())
    assert _rows(koalas) == 7


def test_same_table_as_source_and_target_appends_a_copy(koalas) -> None:
    """As documented, an append from a table to itself duplicates its rows."""
    target = {"type": "table", "tableName": "Koalas Source"}
    koalas.run(koalas.rollup(target=target, mappings=[{"columnName": "city", "expression": '"city"'}]))
    assert koalas.ok("GET", "/tables/Koalas Source")["totalRows"] == 8


def test_jobs_settle_in_the_order_of_their_creation(make_api, clock) -> None:
    """A job reads the rows of an earlier job, even if both are due at once."""
    api = make_api("seconds=10")
    api.koalas()
    first = api.submit(api.rollup(target={"type": "table", "tableName": "A"}))
    second = api.submit(
        api.rollup(
            source={"type": "table", "tableName": "A"},
            target={"type": "table", "tableName": "B"},
            mappings=[{"columnName": "city", "expression": '"city"'}],
        )
    )
    clock.advance(60)
    assert (_status(api, second), _status(api, first)) == ("completed", "completed")
    assert api.ok("GET", "/tables/B")["totalRows"] == 4


def _hourly():
    return {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"}
