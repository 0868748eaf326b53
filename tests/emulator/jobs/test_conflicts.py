# SPDX-License-Identifier: Apache-2.0
"""Conflicting jobs: two that rewrite the same data, or a deletion of data that a job reads."""

from __future__ import annotations

import pytest

SOURCE = "Koalas Source"
ROLLUP = "Koalas Rollup"
DAY = "2024-06-01/2024-06-02"
NEXT_DAY = "2024-06-02/2024-06-03"


@pytest.fixture
def slow(make_api):
    """An emulator whose jobs are done at the third poll, with a table of koalas."""
    api = make_api("polls=3")
    api.koalas()
    return api


def _replace(api, *intervals, **changes):
    target = {"type": "table", "tableName": ROLLUP, "intervals": list(intervals)}
    return api.rollup(ingestionMode="replace", target=target, **changes)


def _look(api, job_id):
    return api.ok("GET", f"/jobs/{job_id}/status")["executionStatus"]


@pytest.mark.parametrize(
    ("kind", "fields", "what"),
    [("delete_data", {"deleteAll": True}, "deleted from"), ("drop_table", {}, "dropped")],
)
def test_deletion_of_what_a_job_reads_is_refused(slow, kind, fields, what) -> None:
    """DOCUMENTED by the vendor: the data can't be deleted from the POST of the reader until its end."""
    reader = slow.submit(slow.rollup())
    before = slow.state()
    assert slow.call("POST", "/jobs", slow.about(kind, SOURCE, **fields)) == (
        400,
        {
            "code": "BadRequest",
            "message": f"table 'Koalas Source' can't be {what} while job {reader!r} reads it.",
            "target": "target.tableName",
        },
    )
    assert slow.state() == before
    slow.finish(reader)
    assert slow.run(slow.about(kind, SOURCE, **fields))["executionStatus"] == "completed"


def test_deletion_of_what_a_job_reads_fails_if_assumed_so(slow) -> None:
    """The deletion fails even if the reader has ended; the data stays."""
    slow.assume(busy_source="fail")
    reader = slow.submit(slow.rollup())
    deletion = slow.submit(slow.about("delete_data", SOURCE, deleteAll=True))
    slow.finish(reader)
    job = slow.finish(deletion)
    assert (job["executionStatus"], job["health"]["code"], job["health"]["message"]) == (
        "failed",
        "internal_error",
        f"table 'Koalas Source' can't be deleted from while job {reader!r} reads it.",
    )
    assert slow.count() == 4


def test_deletion_of_what_a_job_reads_waits_if_assumed_so(slow) -> None:
    """Polls don't start the deletion before the reader has read everything."""
    slow.assume(busy_source="wait")
    reader = slow.submit(slow.rollup())
    deletion = slow.submit(slow.about("delete_data", SOURCE, deleteAll=True))
    assert {_look(slow, deletion) for _ in range(5)} == {"pending"}
    slow.finish(reader)
    assert slow.finish(deletion)["executionStatus"] == "completed"
    assert slow.query(f'SELECT SUM("__count") AS "n" FROM "{ROLLUP}"') == [{"n": 4}]
    assert slow.count() == 0


def test_deletion_from_a_table_that_is_only_written_is_no_conflict_with_readers(slow) -> None:
    """A reader of another table is no conflict."""
    slow.submit(slow.rollup())
    slow.run(slow.about("delete_data", ROLLUP, deleteAll=True))


@pytest.mark.parametrize(
    "later",
    [
        lambda api: _replace(api, "2024-06-01/2024-06-03"),
        lambda api: api.rollup(ingestionMode="replace", replaceAll=True),
        lambda api: api.about("delete_data", ROLLUP, "2024-06-01T01:00:00Z/PT1H"),
        lambda api: api.about("delete_data", ROLLUP, deleteAll=True),
        lambda api: api.about("restore_data", ROLLUP, interval=DAY),
        lambda api: api.about("drop_table", ROLLUP),
    ],
)
def test_job_waits_for_an_older_one_that_rewrites_the_same_data(slow, later) -> None:
    """It stays pending, and takes effect after the older one."""
    first = slow.submit(_replace(slow, DAY))
    second = slow.submit(later(slow))
    assert {_look(slow, second) for _ in range(5)} == {"pending"}
    assert slow.finish(first)["executionStatus"] == "completed"
    assert slow.finish(second)["startedTimestamp"] is not None


def test_jobs_about_other_intervals_tables_or_appends_do_not_wait(slow) -> None:
    """Only jobs that rewrite the same data conflict."""
    slow.submit(_replace(slow, DAY))
    for body in (_replace(slow, NEXT_DAY), slow.rollup(), _replace(slow, DAY) | {"target": _other()}):
        assert slow.run(body)["executionStatus"] == "completed"


def _other():
    return {"type": "table", "tableName": "Other", "intervals": [DAY]}


def test_drop_waits_for_an_append_into_the_table(slow) -> None:
    """An append rewrites nothing, but a drop of its table waits for it."""
    first = slow.submit(slow.rollup())
    second = slow.submit(slow.about("drop_table", ROLLUP))
    assert {_look(slow, second) for _ in range(5)} == {"pending"}
    assert slow.finish(first)["executionStatus"] == "completed"
    assert slow.finish(second)["executionStatus"] == "completed"


def test_job_that_rewrites_the_same_data_fails_if_assumed_so(slow) -> None:
    """The older one keeps the lock."""
    slow.assume(overlapping_jobs="fail")
    first, second = slow.submit(_replace(slow, DAY)), slow.submit(_replace(slow, DAY))
    assert slow.finish(second)["health"]["message"] == (
        f"job {first!r} holds the lock of table 'Koalas Rollup' for an interval that this job needs."
    )
    assert slow.finish(first)["executionStatus"] == "completed"


def test_job_that_rewrites_the_same_data_runs_if_assumed_so(slow) -> None:
    """The job that ends last determines the data."""
    slow.assume(overlapping_jobs="free")
    first = slow.submit(_replace(slow, DAY))
    second = slow.submit(_replace(slow, DAY, filterExpression="\"city\" = 'Oslo'"))
    assert slow.finish(second)["executionStatus"] == "completed"
    assert slow.count(ROLLUP) == 1
    assert slow.finish(first)["executionStatus"] == "completed"
    assert slow.count(ROLLUP) == 3


def test_canceled_job_lets_those_go_that_wait_for_it(slow) -> None:
    """A canceled job holds no locks."""
    first, second = slow.submit(_replace(slow, DAY)), slow.submit(_replace(slow, DAY))
    slow.ok("POST", f"/jobs/{first}/status", {"desiredExecutionStatus": "canceled"})
    assert slow.finish(second)["executionStatus"] == "completed"
