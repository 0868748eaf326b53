# SPDX-License-Identifier: Apache-2.0
"""When the watcher polls, which requests it sends, and when pending is too long: pure decisions."""

from __future__ import annotations

import doctest
import random
from itertools import pairwise

import pytest

from airflow_provider_polaris.jobs.status.health import Health
from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.triggers.job_watcher import request_budget as plan
from airflow_provider_polaris.triggers.polling.schedule import PollSchedule


def test_examples_in_the_module_hold() -> None:
    """They are documentation."""
    assert doctest.testmod(plan).failed == 0


@pytest.mark.parametrize("active", range(0, 10_001, 137))
def test_two_lists_of_ten_thousand_jobs_take_twelve_pages(active: int) -> None:
    """However many of them have ended."""
    assert plan.pages_of(active) + plan.pages_of(10_000 - active) <= plan.MOST_REQUESTS
    assert plan.pages_left(10_000, plan.pages_of(active)) >= plan.pages_of(10_000 - active)


def ticks(schedule: PollSchedule, interval: float, count: int, takes: float = 0.0) -> list[float]:
    """Return the start times of this many polls."""
    now, times = 0.0, []
    for _ in range(count):
        now = max(now, schedule.next(now, interval))
        times.append(now)
        schedule.record_poll(now, now + takes, failed=False, hold=None)
        now += takes
    return times


@pytest.mark.parametrize("interval", [0.5, 10.0, 30.0, 3600.0])
def test_cadence_sways_a_little_around_the_interval(interval: float) -> None:
    """Never so far that an end is detected too late, and on average zero."""
    times = ticks(PollSchedule(random.Random(3)), interval, 1000)

    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) <= min(interval * 1.05, interval + 0.5) + 1e-9
    assert min(gaps) < interval * 0.999 or interval > 500
    assert len({round(gap, 9) for gap in gaps}) > 100
    assert (times[-1] - times[0]) / 999 == pytest.approx(interval, rel=0.01)


def test_cadence_counts_from_start_to_start_and_rests_after_a_long_tick() -> None:
    """A poll that takes half the interval doesn't extend it; after a longer one, a tenth of the interval is left."""
    times = ticks(PollSchedule(random.Random(3)), 10.0, 100, takes=5.0)
    assert (times[-1] - times[0]) / 99 == pytest.approx(10.0, rel=0.01)

    times = ticks(PollSchedule(random.Random(3)), 10.0, 100, takes=15.0)
    assert (times[-1] - times[0]) / 99 == pytest.approx(16.0, rel=0.01)


def test_cadence_waits_a_second_for_others_before_the_first_tick_however_many_come() -> None:
    """New waiters don't postpone it."""
    schedule = PollSchedule(random.Random(3))

    assert [schedule.next(now, 10.0) for now in (5.0, 5.5, 5.9)] == [6.0, 6.0, 6.0]
    assert PollSchedule(random.Random(3)).next(5.0, 0.5) == 5.25


def test_cadence_tries_again_within_a_minute_after_a_failure() -> None:
    """Otherwise a waiter with a long interval would give up after two polls."""
    schedule = PollSchedule(random.Random(3))
    schedule.record_poll(0.0, 0.0, failed=True, hold=None)

    assert schedule.next(0.0, 3600.0) == pytest.approx(60.0, abs=0.5)
    assert schedule.pace(3600.0) == 60.0
    assert schedule.pace(10.0) == 10.0


@pytest.mark.parametrize("hold, waits", [(30.0, 30.0), (3600.0, 600.0)])
def test_cadence_is_held_as_long_as_the_server_asks_within_reason(hold: float, waits: float) -> None:
    """At most ten minutes, so that a budget of 15 minutes can run out."""
    schedule = PollSchedule(random.Random(3))
    schedule.record_poll(0.0, 1.0, failed=True, hold=hold)

    assert 1.0 + waits <= schedule.next(1.0, 10.0) <= 2.0 + waits


def test_newcomers_job_is_looked_for_farther_back_each_time() -> None:
    """But not while it is so new that it may not be listed yet."""
    assert plan.oldest_creation(1000.0, 0, today=2000.0) == 400.0
    assert plan.oldest_creation(1000.0, 2, today=2000.0) == 1000.0 - 600.0 * 36
    assert plan.oldest_creation(1000.0, 2, today=1060.0) == 400.0


def pending(job_id: str = "job-1", health: Health | None = None) -> JobState:
    return JobState(job_id, "batch", "pending", health=health)


def test_patience_warns_once_when_pending_has_been_long_enough() -> None:
    """Counted from the start of the wait, or from when the job became pending again."""
    patience = PendingWarning(600.0, 1000.0)
    patience.record_status(None, 1001.0)
    patience.record_status("pending", 1010.0)

    assert patience.due("pending") == 1600.0
    assert patience.warning(pending(), 1599.0) is None
    assert patience.warning(pending(), 1600.0) == (
        "Job 'job-1' has been 'pending' for 10 min. The service reports no health. A pending job "
        "waits, usually for resources: check the other jobs of the project."
    )
    assert patience.warning(pending(), 1700.0) is None
    assert patience.due("pending") is None


def test_patience_counts_anew_after_another_status() -> None:
    """A job that ran and is pending again has not waited all the time."""
    patience = PendingWarning(600.0, 1000.0)
    patience.record_status("running", 1100.0)
    patience.record_status("pending", 1500.0)

    assert patience.due("running") is None
    assert patience.due("pending") == 2100.0


def test_patience_without_limit_never_warns() -> None:
    """None switches it off."""
    patience = PendingWarning(None, 1000.0)
    patience.record_status("pending", 1001.0)

    assert patience.due("pending") is None
    assert patience.warning(pending(health=Health("warn", "c")), 1e12) is None
