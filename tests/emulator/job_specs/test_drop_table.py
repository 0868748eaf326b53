# SPDX-License-Identifier: Apache-2.0
"""Jobs that drop tables: permanently, or so that a table of the same name can restore the data."""

from __future__ import annotations

import pytest

SOURCE = "Koalas Source"


def test_drop_removes_the_table_when_the_job_completes(make_api) -> None:
    """Until then its status is deleting, and no job can read it."""
    api = make_api("polls=2")
    api.koalas()
    job_id = api.submit(api.about("drop_table", SOURCE))
    assert api.ok("GET", f"/tables/{SOURCE}")["availability"] == "deleting"
    assert api.call("POST", "/jobs", api.rollup())[1] == {
        "code": "BadRequest",
        "message": "table 'Koalas Source' is 'deleting' and can't be a source now.",
        "target": "source.tableName",
    }
    job = api.finish(job_id)
    assert (job["executionStatus"], job["health"]) == ("completed", {"status": "ok"})
    assert api.call("GET", f"/tables/{SOURCE}")[0] == 404
    assert api.call("GET", f"/tables/{SOURCE}/unusedSegments")[0] == 404
    assert api.ok("GET", "/tables") == {"values": []}
    assert api.call("POST", "/query/sql", {"query": f'SELECT * FROM "{SOURCE}"'})[0] == 400


def test_drop_of_an_empty_table_is_no_warning(api) -> None:
    """The drop succeeds without a warning."""
    api.ok("POST", "/tables", {"name": "t", "type": "detail"})
    assert api.run(api.about("drop_table", "t"))["health"] == {"status": "ok"}


def test_dropped_table_can_be_made_again_and_starts_empty(koalas) -> None:
    """A permanent drop leaves nothing to restore, and no setting of the control plane."""
    koalas.control("PATCH", f"/tables/{SOURCE}", {"availability": "unavailable"})
    koalas.run(koalas.about("drop_table", SOURCE))
    koalas.ok("POST", "/tables", {"name": SOURCE, "type": "aggregate"})
    table = koalas.ok("GET", f"/tables/{SOURCE}")
    assert (table["type"], table["totalRows"], table["availability"]) == ("aggregate", 0, "available")
    assert koalas.unused() == []


def test_soft_drop_can_be_restored_into_a_table_of_the_same_name(koalas) -> None:
    """Its segments become unused segments of the new table; its undeclared columns are restored."""
    koalas.run(koalas.about("drop_table", SOURCE, softDelete=True))
    assert koalas.call("GET", f"/tables/{SOURCE}")[0] == 404
    koalas.ok("POST", "/tables", {"name": SOURCE, "type": "detail", "schema": [{"name": "city", "dataType": "string"}]})
    assert (koalas.count(), len(koalas.unused())) == (0, 2)
    koalas.run(koalas.about("restore_data", SOURCE, interval="2024-06-01/2024-06-03"))
    rows = koalas.query(f'SELECT "city", "session_length" FROM "{SOURCE}" ORDER BY "__time"')
    assert rows[0] == {"city": "Berlin", "session_length": 10}
    assert len(rows) == 4


def test_soft_drop_restored_under_another_type_reads_null(koalas) -> None:
    """Values that don't fit the new schema become null; a column that differs only by case is a different column."""
    koalas.run(koalas.about("drop_table", SOURCE, softDelete=True))
    schema = [{"name": "session_length", "dataType": "string"}, {"name": "CITY", "dataType": "string"}]
    koalas.ok("POST", "/tables", {"name": SOURCE, "type": "detail", "schema": schema})
    koalas.run(koalas.about("restore_data", SOURCE, interval="2024-06-01/2024-06-03"))
    assert koalas.query(f'SELECT DISTINCT "CITY", "session_length" FROM "{SOURCE}"') == [
        {"CITY": None, "session_length": None}
    ]
    assert koalas.query(f'SELECT "session" FROM "{SOURCE}" ORDER BY "__time" LIMIT 1') == [{"session": "S1"}]


def test_soft_drop_is_over_after_thirty_days(koalas, clock) -> None:
    """After that, a new table with this name is empty."""
    koalas.run(koalas.about("drop_table", SOURCE, softDelete=True))
    clock.advance(31 * 86_400)
    koalas.ok("POST", "/tables", {"name": SOURCE, "type": "detail"})
    assert koalas.unused() == []


def test_soft_drop_takes_real_time_rows_with_it(koalas) -> None:
    """They are not segments, so they can't be restored and must not appear in the next table."""
    koalas.control("POST", f"/tables/{SOURCE}/realtime", {"rows": [{"__time": "2024-06-03T00:00:00Z"}]})
    koalas.run(koalas.about("drop_table", SOURCE, softDelete=True))
    koalas.ok("POST", "/tables", {"name": SOURCE, "type": "detail"})
    assert koalas.count() == 0


def test_job_into_a_table_that_was_dropped_before_it_was_due_fails(make_api) -> None:
    """The job doesn't create the table again."""
    api = make_api("polls=3")
    api.koalas()
    drop = api.submit(api.about("drop_table", SOURCE))
    later = api.submit(api.about("delete_data", SOURCE, deleteAll=True))
    api.finish(drop)
    job = api.finish(later)
    assert (job["executionStatus"], job["health"]["code"], job["health"]["message"]) == (
        "failed",
        "internal_error",
        "table 'Koalas Source' doesn't exist.",
    )


@pytest.mark.parametrize(
    ("intervals", "fields", "message", "target"),
    [
        (
            ("2024-06-01/2024-06-02",),
            {},
            "'target.intervals' can't be set for a job of type 'drop_table', which drops all of the table.",
            "target.intervals",
        ),
        ((), {"deleteAll": True}, "field 'deleteAll' is not known.", "deleteAll"),
    ],
)
def test_drop_that_breaks_a_rule_is_refused(shared_koalas, intervals, fields, message, target) -> None:
    """The 400 names the field, and nothing has changed."""
    before = shared_koalas.state()
    assert shared_koalas.call("POST", "/jobs", shared_koalas.about("drop_table", SOURCE, *intervals, **fields)) == (
        400,
        {"code": "BadRequest", "message": message, "target": target},
    )
    assert shared_koalas.state() == before
