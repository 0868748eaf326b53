# SPDX-License-Identifier: Apache-2.0
"""Jobs that delete whole segments, permanently or softly, and their rules."""

from __future__ import annotations

import pytest

SOURCE = "Koalas Source"
DAY = "2024-06-01/2024-06-02"
HOUR = "2024-06-01T05:00:00Z/PT1H"


def test_soft_delete_hides_the_whole_segment_and_lists_it_as_unused(koalas, clock) -> None:
    """An hour without rows deletes its whole day; queries ignore the day, and it can be restored."""
    clock.advance(60)
    job = koalas.run(koalas.about("delete_data", SOURCE, HOUR, softDelete=True))
    assert (job["executionStatus"], job["health"]) == ("completed", {"status": "ok"})
    assert (koalas.count(), koalas.count_async()) == (1, 1)
    (segment,) = koalas.unused()
    assert segment == {
        "id": "Koalas Source_2024-06-01T00:00:00.000Z_2024-06-02T00:00:00.000Z_2024-07-01T00:00:00.123Z",
        "tableName": SOURCE,
        "interval": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z",
        "version": "2024-07-01T00:00:00.123Z",
        "partitionNumber": 0,
        "sizeBytes": 69,
        "createdOnTimestamp": "2024-07-01T00:00:00.123Z",
        "lastUpdatedOnTimestamp": "2024-07-01T00:01:00.123Z",
    }
    table = koalas.ok("GET", f"/tables/{SOURCE}")
    assert (table["totalRows"], table["segmentCount"]) == (1, 1)


def test_delete_is_permanent_unless_asked_otherwise(koalas) -> None:
    """The rows are removed from the database, not only from the lists."""
    job = koalas.run(koalas.about("delete_data", SOURCE, DAY))
    assert job["spec"]["softDelete"] is False
    assert (koalas.count(), koalas.unused()) == (1, [])
    emulator = koalas.app.state.emulator
    number = emulator.tables.stored(SOURCE).number
    assert emulator.store.execute(f"SELECT count(*) FROM data_{number}") == [(1,)]


def test_delete_all_leaves_the_empty_table_with_its_columns(koalas) -> None:
    """The table itself is not dropped."""
    assert koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True))["deleteAll"] is True
    table = koalas.ok("GET", f"/tables/{SOURCE}")
    assert (table["totalRows"], table["segmentCount"], koalas.count()) == (0, 0, 0)
    assert [column["name"] for column in table["queryableSchema"]] == ["__time", "city", "session", "session_length"]


def test_delete_takes_any_number_of_intervals(koalas) -> None:
    """Intervals may be unaligned, overlap, or have no data."""
    body = koalas.about("delete_data", SOURCE, HOUR, "2024-06-01/P2D", "2030-01-01/2031-01-01", softDelete=True)
    job = koalas.run(body)
    assert job["target"]["intervals"] == [
        "2024-06-01T05:00:00.000Z/2024-06-01T06:00:00.000Z",
        "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z",
        "2030-01-01T00:00:00.000Z/2031-01-01T00:00:00.000Z",
    ]
    assert (koalas.count(), len(koalas.unused())) == (0, 2)


def test_delete_ends_where_the_interval_ends(koalas) -> None:
    """Intervals are half-open: the next day is not deleted."""
    koalas.run(koalas.about("delete_data", SOURCE, "2024-05-31/2024-06-01", "2024-06-02/2024-06-03"))
    assert [day for day, _, _ in koalas.segments("used")] == ["2024-06-01"]


def test_delete_of_versions_leaves_the_others(koalas, clock) -> None:
    """Only the later of the two days has the version."""
    clock.advance(60)
    koalas.run(koalas.upload_job(SOURCE, f"{SOURCE}.json") | {"ingestionMode": "replace", "target": _replaced()})
    (_, old, _), (_, new, _) = koalas.segments("used")
    assert koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True, softDelete=True, versions=[new]))[
        "versions"
    ] == [new]
    assert [version for _, version, _ in koalas.segments("used")] == [old]
    assert koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True, versions=[]))["health"]["code"] == (
        "no_rows_found"
    )


def _replaced() -> dict[str, object]:
    return {"type": "table", "tableName": SOURCE, "intervals": ["2024-06-02/2024-06-03"]}


def test_permanent_delete_of_versions_removes_what_was_softly_deleted(koalas) -> None:
    """So a single version can be purged early."""
    koalas.run(koalas.about("delete_data", SOURCE, DAY, softDelete=True))
    (segment,) = koalas.unused()
    koalas.assume(permanent_delete="live")
    koalas.run(koalas.about("delete_data", SOURCE, DAY, versions=[segment["version"]]))
    assert (koalas.unused(), koalas.count()) == ([], 1)


@pytest.mark.parametrize(("reading", "kept"), [("all", 0), ("live", 1)])
def test_permanent_delete_reaches_what_was_softly_deleted_before(koalas, reading, kept) -> None:
    """Softly deleted data is removed, too, unless the assumption limits the deletion to live data."""
    koalas.run(koalas.about("delete_data", SOURCE, DAY, softDelete=True))
    koalas.assume(permanent_delete=reading)
    koalas.run(koalas.about("delete_data", SOURCE, "2024-06-01/2024-06-03"))
    assert (koalas.count(), len(koalas.unused())) == (0, kept)


@pytest.mark.parametrize("soft", [True, False])
def test_delete_of_nothing_completes_with_a_warning(koalas, soft) -> None:
    """A second soft deletion finds no data; the job has no effect."""
    body = koalas.about("delete_data", SOURCE, "2025-01-01/2025-02-01", softDelete=soft)
    job = koalas.run(body)
    assert (job["executionStatus"], job["health"]["status"], job["health"]["code"]) == (
        "completed",
        "warn",
        "no_rows_found",
    )
    assert job["health"]["log"]["message"] == "The job completed without deleting any rows."
    counters = koalas.control("GET", "/counters")[1]
    assert sorted(counters["effectiveJobsByBody"].values()) == [0, 1]


def test_delete_job_shows_no_query_no_source_and_no_totals(koalas) -> None:
    """Describe, list, metrics, logs and progress of a job that ingests nothing."""
    job = koalas.run(koalas.about("delete_data", SOURCE, DAY, softDelete=True))
    path = f"/jobs/{job['id']}"
    assert job["spec"] == {
        "type": "delete_data",
        "target": {
            "tableName": SOURCE,
            "type": "table",
            "intervals": ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"],
        },
        "deleteAll": False,
        "softDelete": True,
        "versions": None,
    }
    assert not {"query", "source", "mappings"} & job.keys()
    (row,) = koalas.ok("GET", "/jobs?type=delete_data")["values"]
    assert (row["id"], row["target"], "source" in row) == (job["id"], job["target"], False)
    koalas.assume(summary_intervals="hide")
    (row,) = koalas.ok("GET", "/jobs?type=delete_data")["values"]
    assert row["target"] == {"tableName": SOURCE, "type": "table"}
    assert koalas.ok("GET", f"{path}/metrics") == {}
    assert koalas.ok("GET", f"{path}/logs") == {"logs": []}
    assert koalas.call("GET", f"{path}/progress") == (
        400,
        {"code": "BadRequest", "message": f"job {job['id']!r} is of type 'delete_data', which has no progress."},
    )


@pytest.mark.parametrize(
    ("intervals", "fields", "message", "target"),
    [
        (
            (DAY,),
            {"deleteAll": True},
            "'deleteAll' can't be true when 'target.intervals' is set.",
            "deleteAll",
        ),
        (
            (),
            {},
            "a job of type 'delete_data' needs either 'target.intervals' or 'deleteAll': true.",
            "target.intervals",
        ),
        (
            (DAY, "2024-06-02/2024-06-01"),
            {},
            "interval '2024-06-02/2024-06-01' is not valid: it is reversed: its end is before its start.",
            "target.intervals",
        ),
        ((DAY,), {"context": {"airflow": "x"}}, "field 'context' is not known.", "context"),
        ((DAY,), {"versions": "v"}, "field 'versions' has the value 'v': it must be an array.", "versions"),
        ((DAY,), {"softDelete": "yes"}, "field 'softDelete' has the value 'yes': it must be true or false.", None),
    ],
)
def test_delete_that_breaks_a_rule_is_refused(shared_koalas, intervals, fields, message, target) -> None:
    """The 400 names the field, and nothing has changed."""
    before = shared_koalas.state()
    status, answer = shared_koalas.call(
        "POST", "/jobs", shared_koalas.about("delete_data", SOURCE, *intervals, **fields)
    )
    assert (status, answer["message"], answer["target"]) == (400, message, target or next(iter(fields)))
    assert shared_koalas.state() == before


@pytest.mark.parametrize("kind", ["delete_data", "restore_data", "drop_table", "streaming"])
def test_job_about_a_table_that_does_not_exist_is_refused(shared_koalas, kind) -> None:
    """The rule applies to every job type."""
    fields = {
        "delete_data": {"deleteAll": True},
        "restore_data": {"interval": DAY},
        "streaming": {"source": {"type": "connection", "connectionName": "kafka"}},
    }
    assert shared_koalas.call("POST", "/jobs", shared_koalas.about(kind, "nope", **fields.get(kind, {}))) == (
        400,
        {"code": "BadRequest", "message": "table 'nope' does not exist.", "target": "target.tableName"},
    )


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("delete_data", {"deleteAll": True}), ("restore_data", {"interval": DAY}), ("drop_table", {})],
)
@pytest.mark.parametrize("desired", ["canceled", "suspended", "running"])
def test_deletion_cannot_be_updated(make_api, kind, fields, desired) -> None:
    """The update is a 400, and the deletion completes."""
    api = make_api("polls=3")
    api.koalas()
    job_id = api.submit(api.about(kind, SOURCE, **fields))
    assert api.call("POST", f"/jobs/{job_id}/status", {"desiredExecutionStatus": desired}) == (
        400,
        {
            "code": "BadRequest",
            "message": f"job {job_id!r} is of type {kind!r}: it can't be updated.",
            "target": "desiredExecutionStatus",
        },
    )
    job = api.finish(job_id)
    assert (job["executionStatus"], job["desiredExecutionStatus"]) == ("completed", "running")


def test_deletion_whose_document_cannot_be_written_is_taken_back(koalas, monkeypatch) -> None:
    """The rows and the document that says "completed" are one transaction."""
    job_id = koalas.submit(koalas.about("delete_data", SOURCE, deleteAll=True))
    store = koalas.app.state.emulator.store
    put = store.put_document
    monkeypatch.setattr(store, "put_document", _broken_once(put))
    job = koalas.finish(job_id)
    assert (job["executionStatus"], job["health"]["code"]) == ("failed", "internal_error")
    assert koalas.count() == 4


def _broken_once(put):
    calls = []

    def broken(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise OSError("disk full")
        put(*arguments)

    return broken
