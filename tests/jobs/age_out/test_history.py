# SPDX-License-Identifier: Apache-2.0
"""History of a table from the list of jobs and the unused segments."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.age_out.history import (
    HistoryJob,
    TableHistory,
    UnusedSegment,
    removed_since,
    unproven,
)
from airflow_provider_polaris.jobs.spec.context import SEGMENTS_KEY
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

DAY = Interval.parse("2024-06-01/P1D")
NEXT_DAY = Interval.parse("2024-06-02/P1D")


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 7, 1, hour, minute, tzinfo=timezone.utc)


def text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def job(
    name: str,
    created: datetime | None,
    completed: datetime | None = None,
    *,
    status: str = "completed",
    mode: str | None = "replace",
    intervals: Any = ("2024-06-01/P1D",),
    kind: str = "batch",
    source: str = "S",
) -> dict[str, Any]:
    """A description; :func:`summary` turns it into a row of the list."""
    body: dict[str, Any] = {
        "id": name,
        "type": kind,
        "executionStatus": status,
        "createdTimestamp": text(created),
        "completedTimestamp": text(completed),
        "target": {"tableName": "T", "intervals": list(intervals)},
    }
    if kind == "batch":
        body |= {"source": {"type": "table", "tableName": source}, "ingestionMode": mode}
    return body


def summary(body: dict[str, Any], *, hides: bool) -> dict[str, Any]:
    row = {name: value for name, value in body.items() if name != "ingestionMode"}
    if hides:
        row["target"] = {"tableName": "T"}
    return row


class Jobs(TableHistory):
    """Some jobs, newest first, and the number of requests for the description of one."""

    def __init__(self, *bodies: dict[str, Any], hides: bool = False, most: int = 1000) -> None:
        self.described: list[str] = []
        self.bodies = {body["id"]: body for body in bodies}
        rows = [summary(body, hides=hides) for body in bodies]
        super().__init__(rows, self.look_up, Granularity.DAY, most)

    def look_up(self, job_id: str) -> dict[str, Any] | None:
        self.described.append(job_id)
        return self.bodies[job_id] if not job_id.startswith("gone") else None


def names(found: Any) -> list[str]:
    return [each.state.job_id for each in found]


@pytest.mark.parametrize("hides", [False, True])
def test_changes_are_those_that_touched_the_partitions_and_may_have_had_an_effect(hides) -> None:
    """Whether or not the list shows intervals; a job is described only if the list is not sufficient."""
    past = Jobs(
        job("active", at(9), status="running"),
        job("failed", at(8), at(8), status="failed"),
        job("canceled", at(8), status="canceled"),
        job("elsewhere", at(7), at(8), intervals=["2024-06-02/P1D"]),
        job("in part", at(6), at(7), intervals=["2024-06-01T05/PT1H"]),
        job("ours", at(5), at(6)),
        job("before", at(3), at(4)),
        hides=hides,
    )
    assert names(past.changes((DAY,), at(5), but="ours")) == ["active", "in part"]
    assert past.described == (["active", "elsewhere", "in part"] if hides else ["active", "in part"])
    assert names(past.changes((DAY,), at(5), but="ours")) == ["active", "in part"]
    assert len(past.described) == (3 if hides else 2)
    assert names(past.changes((DAY,), None, but="ours")) == ["active", "in part", "before"]


def test_change_of_which_nobody_knows_when_it_ended_counts() -> None:
    """A job without a completion time is included."""
    assert names(Jobs(job("old", at(1), None)).changes((DAY,), at(5))) == ["old"]


def test_end_that_only_the_description_has_counts() -> None:
    """A list without times of completion: the job is described, and one that ended before is left out."""
    past = Jobs(job("after", at(4), at(6)), job("before", at(3), at(4)), hides=True)
    past._rows = [(row, replace(state, completed=None)) for row, state in past._rows]
    assert names(past.changes((DAY,), at(5))) == ["after"]
    assert past.described == ["after", "before"]


def test_job_that_ended_when_the_other_began_counts() -> None:
    """The list is sorted by creation, so a job that ended later may come after one that ended before."""
    past = Jobs(job("short", at(4), at(4, 30)), job("long", at(3), at(5)))
    assert names(past.changes((DAY,), at(5))) == ["long"]


def test_ends_that_only_descriptions_have_do_not_cut_the_list() -> None:
    """One that ended before is left out, and those after it in the list are not."""
    past = Jobs(job("short", at(4), at(4, 30)), job("long", at(3), at(6)), hides=True)
    past._rows = [(row, replace(state, completed=None)) for row, state in past._rows]
    assert names(past.changes((DAY,), at(5))) == ["long"]


def test_deletion_whose_row_has_no_interval_is_described() -> None:
    """It may have deleted elsewhere."""
    past = Jobs(job("elsewhere", at(6), at(7), kind="delete_data", intervals=["2024-06-02/P1D"]), hides=True)
    assert names(past.changes((DAY,), at(5))) == []
    assert past.described == ["elsewhere"]


def test_append_is_where_its_source_was_read_and_has_its_segments() -> None:
    """Only the description has both."""
    body = job("append", at(6), at(7), mode="append", intervals=[])
    body["source"]["interval"] = NEXT_DAY.to_wire()
    body["context"] = {SEGMENTS_KEY: ["s1", "s2"]}
    past = Jobs(body)
    assert names(past.changes((DAY,), at(5))) == []
    (found,) = past.changes((NEXT_DAY,), at(5))
    assert found.segments == ("s1", "s2")


def test_removals_are_what_takes_rows_away() -> None:
    """Deletions and replaces; no appends, no restores."""
    past = Jobs(
        job("delete", at(9), at(9), kind="delete_data"),
        job("append", at(8), at(8), mode="append", intervals=[]),
        job("restore", at(7), at(7), kind="restore_data"),
        job("replace", at(6), at(6)),
        job("drop", at(6), at(6), kind="drop_table", intervals=[]),
    )
    assert names(past.changes((DAY,), at(5), only_removals=True)) == ["delete", "replace", "drop"]


def test_job_that_is_gone_counts_for_nothing() -> None:
    """The job was deleted between the list and the request; its effect is long past."""
    past = Jobs(job("gone", at(6), at(6)), hides=True)
    assert names(past.changes((DAY,), at(5))) == []
    assert names(past.changes((DAY,), at(5))) == []
    assert past.described == ["gone"]


WRITERS = {
    "the copy": ([job("copy", at(5), at(6))], "copy"),
    "a copy of more": ([job("copy", at(5), at(6), intervals=["2024-05-01/P2M"])], "copy"),
    "a deletion after it": ([job("d", at(7), at(8), kind="delete_data"), job("copy", at(5), at(6))], "copy"),
    "a failed one after it": ([job("f", at(7), status="failed"), job("copy", at(5), at(6))], "copy"),
    "something before it": ([job("copy", at(5), at(6)), job("a", at(3), at(4), mode="append", intervals=[])], "copy"),
}


@pytest.mark.parametrize("bodies, name", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("hides", [False, True])
def test_writer_is_the_newest_replace_from_the_source(bodies, name, hides) -> None:
    """Only deletions may come after it."""
    found = Jobs(*bodies, hides=hides).writer(DAY, "S")
    assert isinstance(found, HistoryJob)
    assert found.state.job_id == name


NO_WRITERS = {
    "none": ([], "the list of jobs doesn't have the one that wrote it"),
    "another source": (
        [job("copy", at(5), at(6), source="S2")],
        (
            "job 'copy' (batch into 'T', 'completed') changed it, which is not a completed job that "
            "replaced all "
            "of it from table 'S'"
        ),
    ),
    "a part": (
        [job("copy", at(5), at(6), intervals=["2024-06-01T00/PT12H"])],
        (
            "job 'copy' (batch into 'T', 'completed') changed it, which is not a completed job that "
            "replaced all "
            "of it from table 'S'"
        ),
    ),
    "an append": (
        [job("more", at(7), at(8), mode="append", intervals=[]), job("copy", at(5), at(6))],
        (
            "job 'more' (batch into 'T', 'completed') changed it, which is not a completed job that "
            "replaced all "
            "of it from table 'S'"
        ),
    ),
    "a restore": (
        [job("back", at(7), at(8), kind="restore_data"), job("copy", at(5), at(6))],
        (
            "job 'back' (restore_data to 'T', 'completed') changed it, which is not a completed job that "
            "replaced all of it from table 'S'"
        ),
    ),
    "one at work": (
        [job("copy", at(5), status="running")],
        (
            "job 'copy' (batch into 'T', 'running') changed it, which is not a completed job that replaced all "
            "of it from table 'S'"
        ),
    ),
    "a deletion at work": (
        [job("d", at(7), status="running", kind="delete_data"), job("copy", at(5), at(6))],
        (
            "job 'd' (delete_data from 'T', 'running') changed it, which is not a completed job that replaced "
            "all of it from table 'S'"
        ),
    ),
    "made at an unknown time": (
        [job("copy", None, at(6))],
        (
            "job 'copy' (batch into 'T', 'completed') changed it, which is not a completed job that "
            "replaced all "
            "of it from table 'S'"
        ),
    ),
    "a late end": (
        [job("copy", at(5), at(6)), job("slow", at(3), at(7), mode="append", intervals=[])],
        "job 'slow' (batch into 'T', 'completed') changed it, too",
    ),
}


@pytest.mark.parametrize("bodies, why", NO_WRITERS.values(), ids=NO_WRITERS)
@pytest.mark.parametrize("hides", [False, True])
def test_partition_without_a_known_writer_says_why(bodies, why, hides) -> None:
    """The clause is a part of the refusal."""
    assert Jobs(*bodies, hides=hides).writer(DAY, "S") == why


@pytest.mark.parametrize(
    "most, since, reaches", [(3, at(1), True), (2, at(4), True), (2, at(3), False), (2, at(1), False)]
)
def test_list_that_is_cut_reaches_back_to_its_oldest_job(most, since, reaches) -> None:
    """The list does not cover earlier jobs."""
    assert Jobs(job("b", at(5), at(6)), job("a", at(3), at(4)), most=most).reaches(since) is reaches


def test_list_of_a_new_table_reaches_back_and_that_of_three_jobs_to_the_last() -> None:
    """An empty list is complete; the oldest job is the last one, not the second."""
    assert Jobs(most=5).reaches(at(1))
    three = [job(name, at(hour), at(hour + 1)) for name, hour in (("c", 7), ("b", 5), ("a", 3))]
    assert Jobs(*three, most=3).reaches(at(4))


def segment(interval: str, created: datetime | None, removed: datetime | None) -> UnusedSegment:
    return UnusedSegment.from_wire(
        {
            "interval": interval,
            "version": "v1",
            "createdOnTimestamp": text(created),
            "lastUpdatedOnTimestamp": text(removed),
        }
    )


def test_segments_removed_since_are_those_of_the_place_and_the_time() -> None:
    """Polaris' resolution is a millisecond; an unreadable time counts."""
    inside = segment(DAY.to_wire(), at(1), at(5))
    wider = segment("2024-05-01/2024-07-01", at(1), at(6))
    unreadable = segment("a month", at(1), at(6))
    timeless = segment(DAY.to_wire(), at(1), None)
    segments = [
        inside,
        wider,
        unreadable,
        timeless,
        segment(NEXT_DAY.to_wire(), at(1), at(6)),
        segment(DAY.to_wire(), at(1), at(4)),
    ]
    since = at(5).replace(microsecond=999)
    assert removed_since(segments, (DAY,), since) == [inside, wider, unreadable, timeless]


def test_segment_is_restored_by_its_interval_and_version() -> None:
    """As Polaris wrote them."""
    found = segment("2024-06-01T00:00Z/P1D", at(1), at(5))
    assert found == UnusedSegment("2024-06-01T00:00Z/P1D", DAY, "v1", at(1), at(5))


def test_unproven_segments_reach_further_or_came_after_the_copy() -> None:
    """These segments must be restored. The copy has ended, so it lacks what was written in its last millisecond."""
    fine = segment(DAY.to_wire(), at(1), at(6))
    wider = segment("2024-05-01/2024-07-01", at(1), at(6))
    late = segment(DAY.to_wire(), at(5, 1), at(6))
    last = segment(DAY.to_wire(), at(5), at(6))
    unknown = segment(DAY.to_wire(), None, at(6))
    unreadable = segment("a month", at(1), at(6))
    segments = [fine, wider, late, last, unknown, unreadable]
    assert unproven(segments, (DAY,), at(5)) == [wider, late, last, unknown, unreadable]
