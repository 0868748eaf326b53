# SPDX-License-Identifier: Apache-2.0
"""The search for our job: the requests, their number, and the jobs that are excluded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
from airflow_provider_polaris.jobs.idempotency.fingerprint import fingerprint
from airflow_provider_polaris.jobs.idempotency.matching import JobCriteria, MatchResult
from airflow_provider_polaris.operators.submission.find_job import Search, SearchResult, SearchScope

NOW = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
SPEC: dict[str, Any] = {
    "type": "batch",
    "source": {"type": "table", "tableName": "s"},
    "target": {"type": "table", "tableName": "t"},
    "mappings": [{"columnName": "c", "expression": '"c"'}],
}
log = logging.getLogger("test.submission")


class Listing:
    """A hook that lists jobs, newest first, and describes them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.bodies: dict[str, dict[str, Any]] = {}
        self.filters: dict[str, Any] = {}
        self.described: list[str] = []

    def add(self, job_id: str, *, age: timedelta = timedelta(), marker: str | None = None, **changes: Any) -> None:
        """Add a job that is older than the previous ones, or as old."""
        created = (NOW - age).isoformat().replace("+00:00", "Z")
        row = {
            "id": job_id,
            "type": "batch",
            "executionStatus": "running",
            "createdTimestamp": created,
            "source": SPEC["source"],
            "target": SPEC["target"],
        }
        spec = {**SPEC, **changes, **({"context": {"airflow": marker}} if marker else {})}
        self.rows.append({**row, **{key: value for key, value in changes.items() if key in row}})
        self.bodies[job_id] = {**row, "spec": spec, "source": spec["source"]}

    def iter_jobs(self, **filters: Any) -> Iterator[dict[str, Any]]:
        self.filters = filters
        yield from self.rows[: filters["limit"]]

    def get_job(self, job_id: str) -> dict[str, Any]:
        self.described.append(job_id)
        if job_id not in self.bodies:
            raise PolarisNotFoundError("gone", status=404)
        return self.bodies[job_id]


@pytest.fixture
def listing() -> Listing:
    return Listing()


def search(listing: Listing, *, since: datetime | None = NOW, past: tuple[str, ...] = ()) -> Search:
    wanted = JobCriteria(fingerprint(SPEC), {"mine": 1}, needs_certainty=False, was_marked=True)
    hook: Any = listing
    return Search(hook, wanted, SearchScope.of(SPEC), since=since, past=past, log=log)


def found(outlook: SearchResult) -> str | None:
    return None if outlook.choice.job is None else outlook.choice.job.state.job_id


def test_look_asks_for_the_newest_two_hundred_jobs_of_the_table(listing: Listing) -> None:
    """One page, by the only column that doesn't change while a list is read."""
    assert search(listing).run_once() == SearchResult(MatchResult(), is_complete=True)
    assert listing.filters == {
        "type": ("batch",),
        "target_table": "t",
        "sort_column": "created_date_time",
        "sort_order": "DESC",
        "page_size": 200,
        "limit": 200,
    }


def test_look_of_a_sql_job_asks_without_table() -> None:
    """The target table of a statement isn't parsed."""
    assert SearchScope.of({"type": "sql", "query": 'INSERT INTO "t" SELECT 1'}) == SearchScope(None, "sql", None)


@pytest.mark.parametrize(
    ("age", "expected"), [(timedelta(minutes=10), "j1"), (timedelta(minutes=10, seconds=1), None)], ids=["in", "out"]
)
def test_look_allows_ten_minutes_of_skew(age: timedelta, expected: str | None, listing: Listing) -> None:
    """The worker's clock and Polaris' may differ; an older job existed before."""
    listing.add("j1", age=age, marker="mine")
    outlook = search(listing).run_once()
    assert (found(outlook), outlook.is_complete) == (expected, True)


def test_look_describes_no_job_that_is_past_or_reads_another_table(listing: Listing) -> None:
    """Each description is a request."""
    listing.add("j1", marker="mine")
    listing.add("j2", source={"type": "table", "tableName": "other"})
    listing.add("j3", marker="mine")
    assert found(search(listing, past=("j1",)).run_once()) == "j3"
    assert listing.described == ["j3"]


def test_look_describes_a_foreign_job_once(listing: Listing) -> None:
    """The spec of a job doesn't change between two searches."""
    listing.add("j1", marker="theirs")
    seeker = search(listing)
    seeker.run_once()
    seeker.run_once()
    assert listing.described == ["j1"]


def test_look_job_that_vanishes_between_list_and_description_is_none(listing: Listing) -> None:
    """The history may be cleaned at any time."""
    listing.add("j1")
    del listing.bodies["j1"]
    assert search(listing).run_once().choice.job is None


def test_look_describes_fifty_jobs_at_most(listing: Listing) -> None:
    """A busy table makes a search incomplete, not endless."""
    for number in range(60):
        listing.add(f"j{number}", marker="theirs")
    outlook = search(listing).run_once()
    assert len(listing.described) == 50
    assert (found(outlook), outlook.is_complete) == (None, False)


@pytest.mark.parametrize(("count", "is_complete"), [(199, True), (200, False)])
def test_look_at_a_full_page_is_incomplete(count: int, is_complete: bool, listing: Listing) -> None:
    """There may be more jobs on the next page."""
    for number in range(count):
        listing.add(f"j{number}", source={"type": "table", "tableName": "other"})
    assert search(listing, since=None).run_once().is_complete is is_complete


def test_look_at_a_full_page_that_reaches_back_far_enough_is_complete(listing: Listing) -> None:
    """Jobs on the next page are older than our job can be."""
    for number in range(199):
        listing.add(f"j{number}", source={"type": "table", "tableName": "other"})
    listing.add("old", age=timedelta(hours=1))
    listing.add("older", age=timedelta(hours=2))
    assert search(listing).run_once().is_complete
