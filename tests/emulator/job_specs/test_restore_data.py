# SPDX-License-Identifier: Apache-2.0
"""Jobs that restore softly deleted data: the choice of the version, and conflicts with existing data."""

from __future__ import annotations

import pytest

SOURCE = "Koalas Source"
ROLLUP = "Koalas Rollup"
DAY = "2024-06-01/2024-06-02"


@pytest.fixture
def replaced(koalas, clock):
    """A rollup of the first day that was replaced twice: 2 rows, 1 row, then 3."""
    for condition in ("\"city\" <> 'Oslo'", "\"city\" = 'Oslo'", None):
        target = {"type": "table", "tableName": ROLLUP, "intervals": [DAY]}
        job = koalas.run(koalas.rollup(ingestionMode="replace", target=target, filterExpression=condition))
        assert job["executionStatus"] == "completed", job
        clock.advance(60)
    assert [rows for _, _, rows in koalas.segments("used", ROLLUP)] == [3]
    return koalas


def _restore(api, table=SOURCE, interval=DAY, **fields):
    return api.run(api.about("restore_data", table, interval=interval, **fields))


def test_restore_brings_back_whole_segments_under_their_version(koalas, clock) -> None:
    """An hour restores its whole day; other deleted days stay deleted."""
    before = koalas.segments("used")
    koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True, softDelete=True))
    clock.advance(60)
    job = _restore(koalas, interval="2024-06-01T05:00:00Z/PT1H")
    assert (job["executionStatus"], job["health"]) == ("completed", {"status": "ok"})
    assert (job["interval"], job["versions"]) == ("2024-06-01T05:00:00.000Z/2024-06-01T06:00:00.000Z", None)
    assert job["target"] == {"tableName": SOURCE, "type": "table", "intervals": []}
    assert (koalas.count(), koalas.segments("used"), koalas.segments("unused")) == (3, before[:1], before[1:])


def test_restored_rows_can_be_read_by_jobs_and_appended_to(koalas) -> None:
    """Restored segments behave like other segments."""
    koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True, softDelete=True))
    _restore(koalas, interval="2024-06-01/2024-06-03")
    koalas.run(koalas.upload_job(SOURCE, f"{SOURCE}.json"))
    assert koalas.run(koalas.rollup())["health"] == {"status": "ok"}
    assert koalas.query(f'SELECT SUM("__count") AS "n" FROM "{ROLLUP}"') == [{"n": 8}]
    koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True, softDelete=True))
    assert len({segment["id"] for segment in koalas.unused()}) == 4


def test_restore_without_versions_takes_the_newest(replaced) -> None:
    """Of three versions of the day, the newest is restored."""
    replaced.run(replaced.about("delete_data", ROLLUP, deleteAll=True, softDelete=True))
    assert len(replaced.unused(ROLLUP)) == 3
    assert _restore(replaced, ROLLUP)["health"] == {"status": "ok"}
    assert [rows for _, _, rows in replaced.segments("used", ROLLUP)] == [3]


def test_restore_of_a_version_undoes_a_replace(replaced) -> None:
    """The vendor's recipe: find the version, delete what is there, restore."""
    oldest = min(replaced.segments("unused", ROLLUP), key=lambda segment: segment[1])
    assert oldest[2] == 2
    replaced.run(replaced.about("delete_data", ROLLUP, DAY, softDelete=True))
    job = _restore(replaced, ROLLUP, versions=[oldest[1]])
    assert (job["versions"], replaced.segments("used", ROLLUP)) == ([oldest[1]], [oldest])
    assert sorted(rows for _, _, rows in replaced.segments("unused", ROLLUP)) == [1, 3]


def test_restore_of_several_versions_of_a_chunk_takes_the_newest_of_them(replaced) -> None:
    """Two versions of one interval are never live together."""
    versions = sorted(version for _, version, _ in replaced.segments("unused", ROLLUP))
    replaced.run(replaced.about("delete_data", ROLLUP, DAY, softDelete=True))
    _restore(replaced, ROLLUP, versions=versions)
    assert [version for _, version, _ in replaced.segments("used", ROLLUP)] == versions[-1:]


def test_restore_while_data_is_present_fails_and_changes_nothing(replaced) -> None:
    """The message names the conflicting segment and the fix."""
    before = [replaced.control("GET", f"/tables/{ROLLUP}/segments"), replaced.query(f'SELECT * FROM "{ROLLUP}"')]
    job = _restore(replaced, ROLLUP)
    assert (job["executionStatus"], job["health"]["code"]) == ("failed", "internal_error")
    assert job["health"]["message"] == (
        "segment 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z of table 'Koalas Rollup' can't be restored: the "
        "table has data in 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z. Delete that data first."
    )
    after = [replaced.control("GET", f"/tables/{ROLLUP}/segments"), replaced.query(f'SELECT * FROM "{ROLLUP}"')]
    assert after == before


def test_restore_is_all_or_nothing(koalas) -> None:
    """If one of two days has new data, the other day stays deleted, too."""
    koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True, softDelete=True))
    _restore(koalas, interval=DAY)
    koalas.run(koalas.upload_job("other", f"{SOURCE}.json"))
    job = koalas.run(
        koalas.upload_job(SOURCE, f"{SOURCE}.json")
        | {"ingestionMode": "replace", "target": {"type": "table", "tableName": SOURCE, "intervals": [DAY]}}
    )
    assert job["executionStatus"] == "completed"
    assert _restore(koalas, interval="2024-06-01/2024-06-03")["executionStatus"] == "failed"
    assert [day for day, _, _ in koalas.segments("used")] == ["2024-06-01"]


def test_restore_of_a_month_is_stopped_by_any_day_of_it(koalas) -> None:
    """Whole segments are compared: the coarse segment to restore overlaps a fine one outside of the interval."""
    target = {"type": "table", "tableName": ROLLUP}
    for granularity in ("month", "day"):
        koalas.run(koalas.rollup(partitionedBy=granularity, ingestionMode="replace", replaceAll=True, target=target))
    (month,) = koalas.unused(ROLLUP)
    koalas.run(koalas.about("delete_data", ROLLUP, DAY, softDelete=True))
    job = _restore(koalas, ROLLUP, versions=[month["version"]])
    assert job["health"]["message"] == (
        "segment 2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z of table 'Koalas Rollup' can't be restored: the "
        "table has data in 2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z. Delete that data first."
    )


def test_restore_of_months_and_days_takes_the_newer_where_they_overlap(koalas, clock) -> None:
    """The day that replaced a month is newer than the month."""
    target = {"type": "table", "tableName": ROLLUP}
    for granularity in ("month", "day"):
        koalas.run(koalas.rollup(partitionedBy=granularity, ingestionMode="replace", replaceAll=True, target=target))
        clock.advance(60)
    koalas.run(koalas.about("delete_data", ROLLUP, deleteAll=True, softDelete=True))
    assert _restore(koalas, ROLLUP, interval="2024-06-01/2024-07-01")["health"] == {"status": "ok"}
    assert [day for day, _, _ in koalas.segments("used", ROLLUP)] == ["2024-06-01", "2024-06-02"]
    assert [day for day, _, _ in koalas.segments("unused", ROLLUP)] == ["2024-06-01"]


def test_restore_while_data_is_present_is_refused_if_assumed_so(replaced) -> None:
    """The POST is a 400, and there is no job."""
    replaced.assume(restore_overlap="refuse")
    before = replaced.state()
    status, answer = replaced.call("POST", "/jobs", replaced.about("restore_data", ROLLUP, interval=DAY))
    assert (status, answer["target"]) == (400, "interval")
    assert answer["message"].endswith("Delete that data first.")
    assert replaced.state() == before


@pytest.mark.parametrize(
    ("reading", "status", "code"),
    [("warn", "completed", "no_rows_found"), ("fail", "failed", "no_rows_ingested")],
)
def test_restore_of_nothing_warns_or_fails(koalas, reading, status, code) -> None:
    """A live day has no data to restore."""
    koalas.assume(empty_restore=reading)
    job = _restore(koalas, interval="2025-06-01/2025-06-02")
    assert (job["executionStatus"], job["health"]["code"]) == (status, code)
    assert (
        job["health"]["log"]["message"]
        == {
            "warn": "The job completed without restoring any rows.",
            "fail": (
                "table 'Koalas Source' has nothing to restore in 2025-06-01T00:00:00.000Z/2025-06-02T00:00:00.000Z."
            ),
        }[reading]
    )


def test_restore_comes_too_late_after_thirty_days(koalas, clock) -> None:
    """The grace period ends for deleted data only; its rows are removed from the database."""
    koalas.run(koalas.about("delete_data", SOURCE, DAY, softDelete=True))
    clock.advance(30 * 86_400)
    assert len(koalas.unused()) == 1
    clock.advance(61)
    assert koalas.unused() == []
    assert _restore(koalas)["health"]["code"] == "no_rows_found"
    assert koalas.count() == 1
    number = koalas.app.state.emulator.tables.stored(SOURCE).number
    assert koalas.app.state.emulator.store.execute(f"SELECT count(*) FROM data_{number}") == [(1,)]


@pytest.mark.parametrize(
    ("intervals", "fields", "message", "target"),
    [
        ((), {}, "field 'interval' is required.", "interval"),
        (
            (DAY,),
            {"interval": DAY},
            "'target.intervals' can't be set for a job of type 'restore_data'; set 'interval'.",
            "target.intervals",
        ),
        (
            (),
            {"interval": DAY, "versions": "v"},
            "field 'versions' has the value 'v': it must be an array.",
            "versions",
        ),
        (
            (),
            {"interval": "x"},
            "interval 'x' is not valid: it is not of the form start/end, start/period or period/end.",
            "interval",
        ),
        ((), {"interval": DAY, "softDelete": True}, "field 'softDelete' is not known.", "softDelete"),
    ],
)
def test_restore_that_breaks_a_rule_is_refused(shared_koalas, intervals, fields, message, target) -> None:
    """The 400 names the field, and nothing has changed."""
    before = shared_koalas.state()
    assert shared_koalas.call("POST", "/jobs", shared_koalas.about("restore_data", SOURCE, *intervals, **fields)) == (
        400,
        {"code": "BadRequest", "message": message, "target": target},
    )
    assert shared_koalas.state() == before
