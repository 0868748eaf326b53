# SPDX-License-Identifier: Apache-2.0
"""Which jobs are new, without Airflow and Polaris: every completed job once, whatever the order and the lag."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.triggers.table_watcher.cursor import LAG, Cursor, JobListSnapshot, JobSelection

START = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
INTEREST = JobSelection("T", frozenset({"batch", "sql"}))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def job(job_id: str, created: float | None, status: str = "completed", **values: object) -> JobState:
    moment = None if created is None else at(created)
    return JobState(job_id, "batch", status, created=moment, target_table="T", **values)  # type: ignore[arg-type]


def look(*jobs: JobState, since: datetime | None = None) -> JobListSnapshot:
    completed = [one for one in jobs if one.status == "completed"]
    active = [one for one in jobs if one.status in ("running", "pending")]
    return JobListSnapshot(1, "p", tuple(active), tuple(completed), since)


def step(cursor: Cursor, seen: JobListSnapshot, **answers: JobState | None) -> tuple[list[str], Cursor]:
    news = [one.job_id for one in cursor.news(seen, INTEREST, answers)]
    return news, cursor.moved(seen, INTEREST, answers)


def test_news_of_a_job_that_shows_up_late_are_not_lost() -> None:
    """A job that no list had although it was created before one that did, at most ten minutes earlier, is new."""
    cursor = Cursor.at(look(job("a", 0)), INTEREST)
    told, cursor = step(cursor, look(job("a", 0), job("late", -9.9)))
    assert told == ["late"]
    told, _ = step(cursor, look(job("a", 0), job("late", -9.9), job("too-late", -10.1)))
    assert told == []


def test_news_of_a_project_without_jobs_begin_with_its_first() -> None:
    """The first snapshot was empty, so all later jobs are new, whatever their timestamps."""
    cursor = Cursor.at(look(), INTEREST)
    assert cursor.is_reached_by(look())
    told, _ = step(cursor, look(job("first", -100_000)))
    assert told == ["first"]


def test_open_job_that_neither_list_has_is_asked_for_until_there_is_an_answer() -> None:
    """It failed, or completed long after it was created; while that is unknown, it stays open."""
    cursor = Cursor.at(look(job("a", 0, "running"), job("b", 0, "running"), job("c", 0, "running")), INTEREST)
    later = look(job("z", 600), since=at(590))
    assert cursor.missing(later) == {"a", "b", "c"}
    answers = {"a": job("a", 0, "completed"), "b": job("b", 0, "failed")}
    told, cursor = step(cursor, later, **answers)
    assert told == ["a", "z"]
    assert cursor.open == {"c"}
    told, cursor = step(cursor, later, c=None)
    assert (told, cursor.open) == ([], frozenset())


def test_list_that_lags_behind_opens_no_job_again() -> None:
    """A reported job is listed as running once more, and then completed again."""
    cursor = Cursor.at(look(job("a", -600, "running"), job("b", 0)), INTEREST)
    told, cursor = step(cursor, look(job("a", -600), job("b", 0)))
    assert told == ["a"]
    told, cursor = step(cursor, look(job("a", -600, "running"), job("b", 0)))
    assert (told, cursor.open) == ([], frozenset())
    told, _ = step(cursor, look(job("a", -600), job("b", 0)))
    assert told == []


def test_job_without_a_creation_is_news_if_it_was_seen_active() -> None:
    """Polaris doesn't guarantee the timestamp; without it, new and old jobs can't be distinguished."""
    cursor = Cursor.at(look(job("seen", None, "running"), job("b", 0)), INTEREST)
    told, cursor = step(cursor, look(job("seen", None), job("unseen", None), job("b", 0)))
    assert told == ["seen"]
    told, _ = step(cursor, look(job("seen", None), job("unseen", None), job("b", 0)))
    assert told == []


def test_news_are_in_the_order_of_their_end() -> None:
    """The last one is the newest, for consumers that read only one."""
    cursor = Cursor.at(look(), INTEREST)
    long = job("long", 0, completed=at(100))
    short = job("short", 50, completed=at(51))
    assert [one.job_id for one in cursor.news(look(long, short), INTEREST, {})] == ["short", "long"]


def test_look_that_does_not_go_back_far_enough_reaches_no_cursor() -> None:
    """It was read before the requirement was set."""
    cursor = Cursor.at(look(job("a", 0)), INTEREST)
    assert cursor.is_reached_by(look(since=at(0) - LAG))
    assert not cursor.is_reached_by(look(since=at(0) - LAG + timedelta(milliseconds=1)))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"version": 7}, "KeyError('project')"),
        ([], "TypeError('list indices must be integers or slices, not str')"),
        (
            {"project": "p", "until": "soon", "open": [], "done": {}},
            "UnreadableInstantError(\"is not an ISO 8601 instant such as '2024-06-01' or '2024-06-01T00:00:00Z'\")",
        ),
        (
            {"project": "p", "until": "2026-11-20T06:00:00Z", "open": [], "done": []},
            "AttributeError(\"'list' object has no attribute 'items'\")",
        ),
    ],
)
def test_from_json_of_something_else_raises(value: object, reason: str) -> None:
    """The value is in Airflow's database, where another version or a user may have changed it."""
    with pytest.raises(PolarisProtocolError) as caught:
        Cursor.from_json(value)
    assert str(caught.value) == (
        f"the cursor of a watched table can't be read from {value!r}: {reason}. Another version of this provider may "
        "have written it."
    )


@pytest.mark.parametrize("seed", range(20))
def test_every_job_that_completes_is_news_once(seed: int) -> None:
    """Random job histories, lagging lists and restarts from the store: each job is reported exactly once."""
    rng = random.Random(seed)
    lives = {
        f"job-{number}": (
            born := rng.uniform(-300, 1500),
            born + rng.choice([0.5, 5, 50, 500]) * rng.uniform(0.1, 1),
            rng.choice(["completed", "completed", "completed", "failed", "canceled"]),
            rng.uniform(0, 9) if rng.random() < 0.2 else 0.0,
        )
        for number in range(100)
    }

    def status(job_id: str, now: float) -> str | None:
        born, ended, end, lag = lives[job_id]
        return None if now < born + lag else "running" if now < ended + lag else end

    def states(now: float, *wanted: str) -> list[JobState]:
        found = [job(name, life[0], status(name, now) or "") for name, life in lives.items()]
        return sorted((one for one in found if one.status in wanted), key=lambda one: one.created, reverse=True)  # type: ignore[arg-type,return-value]

    now, number, told, cursor = 0.0, 0, [], None
    kept: object = None
    while now < 2600:
        active = states(now, "running")
        completed = states(now + rng.uniform(0, 0.2), "completed")
        newest = max(one.created for one in (*active, *completed) if one.created)
        since = newest - LAG if cursor is None else min(newest - LAG, cursor.need)
        seen = JobListSnapshot(
            number, "p", tuple(active), tuple(one for one in completed if one.created and one.created >= since), since
        )
        if cursor is None:
            first = {one.job_id for one in completed}
            cursor = Cursor.at(seen, INTEREST)
        else:
            assert cursor.is_reached_by(seen)
            asked = sorted(cursor.missing(seen))[: rng.randint(0, 20)]
            answers = {name: job(name, lives[name][0], status(name, now) or "running") for name in asked}
            told += [one.job_id for one in cursor.news(seen, INTEREST, answers)]
            cursor = cursor.moved(seen, INTEREST, answers)
        kept = json.loads(json.dumps(cursor.to_json()))
        if rng.random() < 0.1:
            cursor, now = Cursor.from_json(kept), now + rng.uniform(0, 200)
        now, number = now + rng.uniform(0.5, 5), number + 1

    wanted = {name for name, life in lives.items() if life[2] == "completed"} - first
    assert sorted(told) == sorted(wanted)
    assert cursor is not None
    assert (cursor.open, len(cursor.done) < 50) == (frozenset(), True)
