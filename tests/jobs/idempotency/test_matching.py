# SPDX-License-Identifier: Apache-2.0
"""Matching of jobs by marker, otherwise by spec, and no match if neither is conclusive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_polaris.jobs.idempotency.fingerprint import fingerprint
from airflow_provider_polaris.jobs.idempotency.matching import (
    Candidate,
    JobCriteria,
    MatchResult,
    match_job,
    select_match,
    spec_adds_rows,
)
from airflow_provider_polaris.jobs.spec.context import marker_in, marker_of, takes_marker, with_marker
from airflow_provider_polaris.jobs.status.state import JobState

SPEC: dict[str, Any] = {"type": "batch", "target": {"type": "table", "tableName": "t"}}


def wanted(**changes: Any) -> JobCriteria:
    values: dict[str, Any] = {
        "fingerprint": fingerprint(SPEC),
        "markers": {"old": 2, "mine": 3},
        "needs_certainty": False,
        "was_marked": True,
    }
    return JobCriteria(**{**values, **changes})


def job(marker: str | None = None, **changes: Any) -> dict[str, Any]:
    spec = {**SPEC, **changes, **({} if marker is None else {"context": {"airflow": marker}})}
    return {"id": "j1", "type": "batch", "executionStatus": "running", "spec": spec, "target": spec["target"]}


def candidate(job_id: str, epoch: int | None = None, status: str = "running", desired: str = "running") -> Candidate:
    return Candidate(JobState(job_id, "batch", status, desired_status=desired), epoch)


def test_marker_of_depends_on_every_part() -> None:
    """Two tasks, two runs, two mapped instances, two epochs, two projects never share a marker."""
    parts: tuple[str | int, ...] = ("api", "project", "dag", "run", "task", -1, 0)
    others = [(*parts[:index], "other", *parts[index + 1 :]) for index in range(len(parts))]
    assert len({marker_of(*parts), *(marker_of(*each) for each in others)}) == len(parts) + 1
    assert marker_of("a", "bc") != marker_of("ab", "c")


def test_with_marker_leaves_the_rest_and_the_original_alone() -> None:
    """Only the context gets a key."""
    spec = {**SPEC, "context": {"maxNumTasks": 3}}
    assert with_marker(spec, "m") == {**SPEC, "context": {"maxNumTasks": 3, "airflow": "m"}}
    assert spec["context"] == {"maxNumTasks": 3}
    assert with_marker({**SPEC, "context": None}, "m")["context"] == {"airflow": "m"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "batch"}, True),
        ({"type": "sql", "context": {"a": 1}}, True),
        ({"type": "batch", "context": {"airflow": 1}}, False),
        ({"type": "batch", "context": "text"}, False),
        ({"type": "delete_data"}, False),
        ({"type": "new_type"}, False),
        ({}, False),
    ],
)
def test_takes_marker_where_there_is_a_context_and_room_in_it(spec: Mapping[str, Any], expected: bool) -> None:
    """Only batch and sql specs without the user's own key take a marker."""
    assert takes_marker(spec) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"context": {"airflow": "m"}}, "m"),
        ({"spec": {"context": {"airflow": "m"}}}, "m"),
        ({"context": None, "spec": {"context": {"airflow": "m"}}}, "m"),
        ({"context": {"airflow": 1}}, None),
        ({"spec": None}, None),
    ],
)
def test_marker_in_reads_either_half_of_a_description(body: Mapping[str, Any], expected: str | None) -> None:
    """It is not documented where Polaris echoes the context."""
    assert marker_in(body) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "batch"}, True),
        ({"type": "batch", "ingestionMode": "append"}, True),
        ({"type": "batch", "ingestionMode": "replace"}, False),
        ({"type": "batch", "query": "REPLACE INTO t OVERWRITE ALL SELECT 1"}, True),
        ({"type": "sql", "query": "INSERT INTO t SELECT 1"}, True),
        ({"type": "sql", "query": ["REPLACE INTO t OVERWRITE ALL SELECT 1"]}, True),
        ({"type": "sql", "query": "-- x\nreplace INTO t OVERWRITE ALL SELECT 1"}, False),
        ({"type": "delete_data"}, False),
        ({"type": "restore_data"}, False),
        ({"type": "drop_table"}, False),
        ({"type": "new_type"}, True),
        ({}, True),
    ],
)
def test_spec_adds_rows_unless_it_is_known_not_to(spec: Mapping[str, Any], expected: bool) -> None:
    """An unknown type is treated like an append."""
    assert spec_adds_rows(spec) is expected


@pytest.mark.parametrize(("marker", "epoch"), [("mine", 3), ("old", 2)])
def test_recognize_our_marker_is_ours_in_spite_of_differences(marker: str, epoch: int) -> None:
    """The marker identifies the job; differences show that the spec was changed."""
    found = match_job(job(marker, filterExpression="x"), wanted())
    assert found is not None
    assert (found.epoch, found.differences) == (epoch, ("filterExpression",))


def test_recognize_another_marker_is_somebody_elses_however_alike() -> None:
    """Two DAGs may submit equivalent jobs."""
    assert match_job(job("theirs"), wanted()) is None


def test_recognize_without_marker_goes_by_the_spec() -> None:
    """An equal spec is uncertain; a different one is not ours."""
    alike = match_job(job(), wanted())
    assert alike is not None
    assert not alike.is_certain
    assert match_job(job(filterExpression="x"), wanted()) is None


def test_choose_certain_wins_over_alike() -> None:
    """Our marker is proof."""
    ours = candidate("a", 3)
    assert select_match([candidate("b"), ours, candidate("c")], wanted(), echoes_markers=True) == MatchResult(ours)


def test_choose_latest_epoch() -> None:
    """The job of the latest epoch is selected."""
    new = candidate("a", 3)
    assert select_match([candidate("b", 2), new], wanted(), echoes_markers=True) == MatchResult(new)


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_choose_of_one_epoch_the_job_with_an_effect(status: str) -> None:
    """A failed try and the one after it share a marker."""
    good = candidate("b", 3, "completed")
    assert select_match([candidate("a", 3, status), good], wanted(), echoes_markers=True) == MatchResult(good)


def test_choose_failed_certain_job_if_there_is_no_other() -> None:
    """A failed job with our marker is selected."""
    newest = candidate("b", 3, "failed")
    assert select_match([newest, candidate("a", 3, "failed")], wanted(), echoes_markers=True) == MatchResult(newest)


def test_choose_two_certain_jobs_with_an_effect_is_doubtful() -> None:
    """Two effective jobs with our marker are reported, not hidden."""
    both = (candidate("a", 3), candidate("b", 3, "completed"))
    assert select_match(both, wanted(), echoes_markers=True) == MatchResult(doubtful=both)


def test_choose_alike_job_is_foreign_where_markers_are_echoed() -> None:
    """Ours would show its marker."""
    assert select_match([candidate("a")], wanted(), echoes_markers=True) == MatchResult()


@pytest.mark.parametrize(("was_marked", "echoes"), [(True, False), (False, True), (False, False)])
def test_choose_one_alike_job_is_ours_where_it_may_be(was_marked: bool, echoes: bool) -> None:
    """Our job has its marker in a place that isn't visible, or was sent without one."""
    alike = candidate("a")
    assert select_match([alike], wanted(was_marked=was_marked), echoes_markers=echoes) == MatchResult(alike)


def test_choose_one_alike_job_is_doubtful_where_certainty_is_needed() -> None:
    """An unmarked match does not prove that our rows were added."""
    alike = candidate("a")
    choice = select_match([alike], wanted(needs_certainty=True), echoes_markers=False)
    assert choice == MatchResult(doubtful=(alike,))


@pytest.mark.parametrize("needs_certainty", [True, False])
def test_choose_two_alike_jobs_is_doubtful(needs_certainty: bool) -> None:
    """Two unmarked matches are indistinguishable."""
    both = (candidate("a"), candidate("b"))
    choice = select_match(both, wanted(needs_certainty=needs_certainty), echoes_markers=False)
    assert choice == MatchResult(doubtful=both)


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_choose_alike_job_without_effect_is_none(status: str) -> None:
    """A failed unmarked match does not prevent a new submission."""
    assert select_match([candidate("a", status=status)], wanted(), echoes_markers=False) == MatchResult()


def test_choose_alike_job_that_was_asked_to_cancel_is_not_adopted() -> None:
    """It will end without effect; but while that is uncertain, no rows are added beside it."""
    canceling = candidate("a", desired="canceled")
    assert select_match([canceling], wanted(), echoes_markers=False) == MatchResult()
    choice = select_match([canceling], wanted(needs_certainty=True), echoes_markers=False)
    assert choice == MatchResult(doubtful=(canceling,))
