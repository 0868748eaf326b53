# SPDX-License-Identifier: Apache-2.0
"""Deletions and restores: whole segments, exactly those that were asked for, and a job that shows what was done."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.jobs.errors import (
    PolarisGuardError,
    PolarisNotFoundError,
    PolarisServerError,
    PolarisSpecError,
)
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.interval import Interval
from tests.client.conftest import Time
from tests.client.druid.fake import FakeDruid

FIRST = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
SECOND = "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z"


def segment(interval: str, version: str = "v1") -> dict[str, Any]:
    return {"identifier": f"raw_{interval[:10]}_{version}", "interval": interval, "version": version}


def job(kind: str, *intervals: str, **fields: Any) -> dict[str, Any]:
    target = {"type": "table", "tableName": "raw", **({"intervals": list(intervals)} if intervals else {})}
    return {"type": kind, "target": target, **fields}


@pytest.fixture(autouse=True)
def _segments(druid: FakeDruid) -> None:
    druid.tables["raw"]["used"] = [segment(FIRST), segment(FIRST, "v2"), segment(SECOND)]


def test_soft_deletion_marks_the_segments_that_were_checked(client: DruidClient, druid: FakeDruid) -> None:
    """By their ids: a segment that another job writes meanwhile stays. The job has an id and a description."""
    spec = job("delete_data", "2024-06-01/P1D", softDelete=True)
    done = client.create_job(spec)
    assert druid.marked == [("raw", "markUnused", {"segmentIds": ["raw_2024-06-01_v1", "raw_2024-06-01_v2"]})]
    state = JobState.from_wire(client.get_job(done["id"]))
    assert (state.type, state.target_table, state.target_intervals) == ("delete_data", "raw", ("2024-06-01/P1D",))
    assert [task.type for task in druid.tasks.values()] == ["noop"]
    assert client.get_job(done["id"])["spec"] == spec


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (job("delete_data", "2024-06-01/P1D", softDelete=True), "delete_data"),
        (job("delete_data", "2024-06-01/P1D", softDelete=False), "delete_data"),
        (job("restore_data", interval="2024-06-01/P1D"), "restore_data"),
        (job("drop_table", softDelete=True), "drop_table"),
    ],
)
def test_deletion_is_in_the_list_of_the_tables_jobs(
    client: DruidClient, druid: FakeDruid, spec: dict[str, Any], kind: str
) -> None:
    """The age-out and the events of a table read what changed it from there."""
    done = client.create_job(spec)
    (listed,) = client.iter_jobs(type=(kind,), target_table="raw", execution_status=("pending", "running"))
    assert (listed["id"], listed["type"], listed["target"]["tableName"]) == (done["id"], kind, "raw")
    assert list(client.iter_jobs(type=("batch", "sql"), target_table="raw")) == []
    druid.tasks[done["id"]].end("SUCCESS")
    (ended,) = client.iter_jobs(type=(kind,), target_table="raw")
    # The age-out compares the end with the time of its copy: an unknown one could be later.
    for row in (ended, client.get_job(done["id"])):
        assert JobState.from_wire(row).completed == JobState.from_wire(row).created is not None


def test_deletion_that_the_coordinator_ignores_is_repeated_until_it_is_done(
    client: DruidClient, druid: FakeDruid, time: Time
) -> None:
    """OBSERVED(Druid 27): 204 for a table that it has not read yet, and nothing is marked."""
    druid.unread.add("raw")
    sleep, time_of_reading = time.sleep, 15.0

    def read_later(seconds: float) -> None:
        sleep(seconds)
        if time.elapsed >= time_of_reading:
            druid.unread.clear()

    client._tables._sleep = read_later
    client.create_job(job("delete_data", "2024-06-01/P1D", softDelete=True))
    assert time.delays == [5.0] * 3
    assert [each["interval"] for each in druid.tables["raw"]["used"]] == [SECOND]


def test_deletion_that_was_not_done_is_no_success(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """After the retry budget, with the number of segments."""
    druid.unread.add("raw")
    with pytest.raises(PolarisServerError) as caught:
        client.create_job(job("delete_data", "2024-06-01/P1D", softDelete=True))
    assert str(caught.value) == (
        "Druid's coordinator has not marked 2 of 2 segments of table 'raw' unused, probably because it has not read "
        "the new table yet. A retry may help."
    )
    assert (druid.tasks, time.delays) == ({}, [5.0] * 12)


def test_permanent_deletion_adds_a_kill_task_for_the_interval(client: DruidClient, druid: FakeDruid) -> None:
    """The job ends when the segments are removed."""
    done = client.create_job(job("delete_data", "2024-06-01/P1D", "2024-06-02/P1D"))
    task = druid.tasks[done["id"]]
    assert (task.type, task.payload["dataSource"]) == ("kill", "raw")
    assert task.payload["interval"] == "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z"
    assert len(druid.marked[0][2]["segmentIds"]) == 3


def test_deletion_by_version_marks_only_these(client: DruidClient, druid: FakeDruid) -> None:
    """Other versions of the interval stay."""
    client.create_job(job("delete_data", "2024-06-01/P1D", softDelete=True, versions=["v2"]))
    assert druid.marked[0][2] == {"segmentIds": ["raw_2024-06-01_v2"]}


def test_current_segments_are_those_that_no_newer_ones_cover(client: DruidClient, druid: FakeDruid) -> None:
    """A replaced segment is used until the coordinator marks it; a month that two days cover in part is still read."""
    half = "2024-06-01T00:00:00.000Z/2024-06-01T12:00:00.000Z"
    rest = "2024-06-01T12:00:00.000Z/2024-06-02T00:00:00.000Z"
    month = "2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z"
    druid.tables["raw"]["used"] = [segment(FIRST), segment(SECOND), segment(month, "v0")]
    druid.tables["raw"]["used"] += [segment(half, "v2"), segment(rest, "v2")]
    found = list(client.iter_current_segments("raw", [Interval.parse("2024-06-01/P2D")]))
    assert sorted((row["interval"], row["version"]) for row in found) == [
        (half, "v2"),
        (month, "v0"),
        (rest, "v2"),
        (SECOND, "v1"),
    ]
    assert {"id": "raw_2024-06-02_v1", "interval": SECOND, "version": "v1"} in found


def test_deletion_that_names_its_segments_marks_the_replaced_ones_too(client: DruidClient, druid: FakeDruid) -> None:
    """Otherwise rows that had been replaced would be read again."""
    named = job("delete_data", "2024-06-01/P1D", softDelete=True, context={"airflowSegments": ["raw_2024-06-01_v2"]})
    done = client.create_job(named)
    assert druid.marked[0][2] == {"segmentIds": ["raw_2024-06-01_v1", "raw_2024-06-01_v2"]}
    assert "context" not in client.get_job(done["id"])["spec"]


@pytest.mark.parametrize(
    ("named", "difference"),
    [
        (["raw_2024-06-01_v1"], "missing: 'raw_2024-06-01_v1'; new: 'raw_2024-06-01_v2'"),
        ([], "new: 'raw_2024-06-01_v2'"),
        (["a", "b", "c", "raw_2024-06-01_v2"], "missing: 'a', 'b' and 1 more"),
    ],
)
def test_deletion_of_other_segments_than_it_names_is_refused(
    client: DruidClient, druid: FakeDruid, named: list[str], difference: str
) -> None:
    """They were written or removed after the age-out had proven its copy."""
    with pytest.raises(PolarisGuardError) as caught:
        client.create_job(job("delete_data", "2024-06-01/P1D", softDelete=True, context={"airflowSegments": named}))
    assert str(caught.value) == (
        f"table 'raw' has other segments ({difference}) than the deletion was decided for, so nothing was deleted."
    )
    assert (druid.marked, druid.tasks) == ([], {})


def test_deletion_of_everything_names_no_interval(client: DruidClient, druid: FakeDruid) -> None:
    """The list of segments is that of all of time."""
    client.create_job(job("delete_data", deleteAll=True, softDelete=True))
    assert len(druid.marked[0][2]["segmentIds"]) == 3


def test_segment_that_sticks_out_is_a_refusal_that_names_it(client: DruidClient, druid: FakeDruid) -> None:
    """Never a silent rest, and never more rows than were asked for."""
    with pytest.raises(PolarisGuardError) as caught:
        client.create_job(job("delete_data", "2024-06-01T00:00Z/2024-06-02T12:00Z", softDelete=True))
    assert str(caught.value) == (
        "Druid deletes whole segments, and the intervals cover only a part of 'raw_2024-06-02_v1' of table 'raw', so "
        "nothing was deleted. To delete these segments, too, use "
        "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z."
    )
    assert (druid.marked, druid.tasks) == ([], {})


def test_deletion_from_a_table_that_is_absent_is_not_found(client: DruidClient, druid: FakeDruid) -> None:
    """An empty list of segments would look like a success. The list of tables isn't asked first: it lags."""
    druid.tables.clear()
    with pytest.raises(PolarisNotFoundError):
        client.create_job(job("delete_data", "2024-06-01/P1D"))
    assert druid.tasks == {}


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (job("delete_data", "2024-06-01/P1D", "2024-06-05/P1D"), "one job"),
        (job("delete_data", "2024-06-01/P1D", versions=["v1"]), "versions"),
    ],
)
def test_permanent_deletion_that_would_take_more_is_refused(
    spec: dict[str, Any], what: str, client: DruidClient, druid: FakeDruid
) -> None:
    """A kill task removes every unused segment of its interval, also those that were deleted softly before."""
    with pytest.raises(PolarisSpecError) as caught:
        client.create_job(spec)
    assert str(caught.value) == (
        f"the data of table 'raw' can't be deleted permanently by {what}: Druid removes all unused segments of one "
        "interval. Delete one interval per job, without versions, or set soft_delete=True."
    )
    assert druid.seen == []


def test_deletion_without_intervals_is_refused(client: DruidClient) -> None:
    """It never means everything."""
    with pytest.raises(PolarisSpecError) as caught:
        client.create_job(job("delete_data", softDelete=True))
    assert str(caught.value) == "a delete_data job needs target.intervals or deleteAll."


def test_restore_marks_the_interval_used(client: DruidClient, druid: FakeDruid) -> None:
    """All segments in it that nothing overshadows."""
    done = client.create_job(job("restore_data", interval="2024-06-01/P1D"))
    assert druid.marked == [("raw", "markUsed", {"interval": FIRST})]
    assert client.get_job(done["id"])["type"] == "restore_data"


def test_restore_by_version_marks_the_listed_segments(client: DruidClient, druid: FakeDruid) -> None:
    """By their ids, because an old version of Druid ignores the versions of the request."""
    druid.version = 33
    druid.unused = [{"dataSegment": segment(FIRST, version)} for version in ("v1", "v2")]
    druid.unused.append({"dataSegment": segment("2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z", "v2")})
    client.create_job(job("restore_data", interval="2024-06-01/P1D", versions=["v2"]))
    # The coordinator's path answers 500 in Druid 33 although it takes effect.
    assert "/druid/coordinator/v1/datasources/raw/markUsed" not in druid.paths()
    assert druid.marked == [("raw", "markUsed", {"segmentIds": ["raw_2024-06-01_v2"]})]


def test_restore_by_version_needs_a_version_of_druid_that_lists_them(client: DruidClient, druid: FakeDruid) -> None:
    """OBSERVED(Druid 27): every version would come back."""
    with pytest.raises(PolarisGuardError, match="has no list of unused segments"):
        client.create_job(job("restore_data", interval="2024-06-01/P1D", versions=["v2"]))
    assert (druid.marked, druid.tasks) == ([], {})


@pytest.mark.parametrize(("soft", "task"), [(True, "noop"), (False, "kill")])
def test_dropped_table_has_no_used_segment(soft: bool, task: str, client: DruidClient, druid: FakeDruid) -> None:
    """Permanently with a kill task for all of time."""
    client.create_job(job("drop_table", softDelete=soft))
    assert druid.marked == [("raw", "DELETE", None)]
    assert [each.type for each in druid.tasks.values()] == [task]


def test_lost_answer_of_the_record_is_no_error(client: DruidClient, druid: FakeDruid) -> None:
    """The repeated request is refused because the first one arrived."""
    druid.native_faults = ["lost after"]
    done = client.create_job(job("drop_table", softDelete=True))
    assert list(druid.tasks) == [done["id"]]


def test_job_that_can_not_be_recorded_fails(client: DruidClient, druid: FakeDruid) -> None:
    """A retry marks the same segments again, which changes nothing."""
    druid.answers["POST", "/druid/indexer/v1/task"] = [(503, "")] * 20
    with pytest.raises(PolarisServerError):
        client.create_job(job("drop_table", softDelete=True))
