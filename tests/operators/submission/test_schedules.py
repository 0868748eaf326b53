# SPDX-License-Identifier: Apache-2.0
"""Any schedule of lost answers, deaths, retries, clears and other tasks' jobs: never two jobs of ours, never none."""

from __future__ import annotations

import itertools
import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisGuardError, PolarisTransportError
from airflow_provider_polaris.operators.submission.submit import Submitted
from tests.operators.submission.conftest import STORES, Death, FakeClock, MemoryStore, Polaris, Task, Wire, api_error
from tests.operators.submission.druid import Cluster, DruidWire, new_druid

POSTS: dict[str, Any] = {
    **{what: what for what in ("ok", "lost", "nothing", "late", "death")},
    "death before": Death(),
    "unsent": PolarisTransportError("POST /jobs was not sent: refused."),
    "forbidden": api_error(403, "no"),
    "conflict": api_error(409, "conflict"),
}
#: The same, and what can happen to the requests of a service whose client sends them again.
DRUID_POSTS: dict[str, Any] = {
    **POSTS,
    **{
        f"{what} {when}": f"{what} {when}"
        for what in ("503", "html", "429")
        for when in ("before", "after", "planning")
    },
    "unplannable": "unplannable",
}
CRASHES = ["none", "none", "before intent", "after intent", "before id", "after id"]
_TABLES = itertools.count(1)
SCHEDULES = int(os.environ.get("SCHEDULES", "30"))
#: The bounded run is always the same; `make schedules` draws a new one.
SEED = int(
    os.environ.get("SCHEDULES_SEED") or (random.SystemRandom().getrandbits(32) if "SCHEDULES" in os.environ else 1)
)


class Schedule(RuleBasedStateMachine):
    """One task instance over its whole life."""

    running: RunningEmulator
    clock: FakeClock
    posts = POSTS
    markers = ("echoed", "echoed", "dropped", "refused", "off")

    def new_wire(self) -> tuple[Wire, Polaris]:
        """Return a network and the target table behind it."""
        return Wire(self.clock), Polaris(self.running, self.clock, f"Schedule {next(_TABLES)}")

    @initialize(
        mode=st.sampled_from(["append", "replace"]),
        has_store=st.sampled_from(STORES),
        marker_number=st.integers(0, 4),
        visible_after=st.sampled_from([0, 0, 10, 25]),
    )
    def begin(self, mode: str, has_store: bool, marker_number: int, visible_after: int) -> None:
        self.clock.events.clear()
        self.clock.slept = 0.0
        self.wire, self.polaris = self.new_wire()
        marker = self.markers[marker_number % len(self.markers)]
        self.wire.echoes_markers = marker == "echoed"
        self.wire.refuses_markers = marker == "refused"
        self.wire.visible_after = visible_after
        self.store = MemoryStore() if has_store else None
        self.task = Task(self.wire, self.polaris, self.store, retries=1000, epoch=1000)
        self.task.marker = "off" if marker == "off" else "auto"
        self.spec = self.polaris.spec(mode)
        self.mode, self.marker = mode, marker
        self.has_begun = self.is_cleared = self.has_twin = self.has_unmarked_twin = False

    @rule(
        is_clear=st.sampled_from([False, False, False, True]),
        post_number=st.integers(0, 99),
        crash=st.sampled_from(CRASHES),
        outages=st.sampled_from([0, 0, 0, 1, 20]),
    )
    def attempt(self, is_clear: bool, post_number: int, crash: str, outages: int) -> None:
        self._next_try(is_clear=is_clear)
        names = sorted(self.posts)
        self.wire.posts = [self.posts[names[post_number % len(names)]]]
        self.wire.fail_reads(outages)
        self._arm(crash)
        try:
            self._check(self.task.submit(self.spec))
        except (Death, PolarisError):
            pass
        finally:
            self._arm("none")
            self.wire.posts = []
            self.wire.fail_reads(0)

    @rule(seconds=st.sampled_from([1, 20, 90, 1100]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.polaris.end_due_jobs()

    @rule(marker=st.sampled_from([None, "somebody"]))
    def twin(self, marker: str | None) -> None:
        if marker is not None and self.marker != "refused":
            self.wire.foreign({**self.spec, "context": {"airflow": marker}})
        else:
            self.wire.foreign(self.spec)
            self.has_unmarked_twin = True
        self.has_twin = True

    @rule()
    def cancel(self) -> None:
        """The kill handler of the worker."""
        if self.task.kill.job_id is not None:
            try:
                self.wire.cancel_job(self.task.kill.job_id)
            except PolarisError:
                return
            self.polaris.end_due_jobs()

    @invariant()
    def at_most_one_job(self) -> None:
        """An append exists once; a replace doesn't run twice at once, except if it can't be recognized."""
        if not hasattr(self, "spec"):
            return
        ours = [job for job in self.polaris.effective if job.id in self.wire.ours]
        if self.mode == "append":
            assert len(ours) <= 1, ours
        elif self.marker == "echoed" or (self.store is not None and not self.has_twin):
            assert len([job for job in ours if not job.is_terminal]) <= 1, ours

    def teardown(self) -> None:
        if not hasattr(self, "spec"):
            return
        try:
            self._end_well()
        finally:
            self.wire.close()

    def _end_well(self) -> None:
        """Without faults a retry has its job, or a refusal that a user understands."""
        self.clock.advance(60)
        self._next_try(is_clear=False)
        try:
            submitted = self.task.submit(self.spec)
        except PolarisGuardError:
            submitted = None
        else:
            self._check(submitted)
        self.at_most_one_job()
        if self.marker == "echoed" and not (self.is_cleared or self.has_unmarked_twin):
            assert submitted is not None, "the task was refused though its marker tells which job is its own"
        self.polaris.finish()
        if submitted is not None:
            assert submitted.job.job_id in [job.id for job in self.polaris.jobs if job.status == "completed"]
        completed = len([job for job in self.polaris.jobs if job.status == "completed"])
        assert self.polaris.rows() == (3 * completed if self.mode == "append" else 3 * min(1, completed))

    def _check(self, submitted: Submitted) -> None:
        assert submitted.job.desired_status != "canceled"
        # An equivalent replace has the same effect, whoever submitted it.
        if self.mode == "append":
            assert submitted.job.job_id in self.wire.ours, "another task's job was taken for ours"

    def _next_try(self, *, is_clear: bool) -> None:
        if not self.has_begun:
            self.has_begun = True
        elif is_clear:
            self.task.clear()
            self.is_cleared = True
        else:
            self.task.retry()

    def _arm(self, crash: str) -> None:
        def die(when: bool) -> None:
            if when:
                raise Death

        if self.store is not None:
            when, _, what = crash.partition(" ")
            strikes = lambda value: die((value["job_id"] is not None) == (what == "id"))  # noqa: E731
            self.store.before_set = strikes if when == "before" else lambda value: None
            self.store.after_set = strikes if when == "after" else lambda value: None


class DruidSchedule(Schedule):
    """The same with a service that accepts an id once; late submissions arrive after the end of the schedule, too."""

    posts = DRUID_POSTS
    markers = ("echoed",)

    def new_wire(self) -> tuple[Wire, Polaris]:
        wire = DruidWire(self.clock, new_druid(self.clock))
        return wire, Cluster(wire.druid, self.clock, f"schedule_{next(_TABLES)}")


@pytest.mark.parametrize("machine", [Schedule, DruidSchedule])
def test_schedules_keep_one_job(
    machine: type[Schedule], running: RunningEmulator, clock: FakeClock, connect: Any
) -> None:
    """The protocol alone, on a simulated network; a failure prints how to reproduce it."""
    print(f"{SCHEDULES} schedules; SCHEDULES_SEED={SEED} repeats them")
    connect("polaris_default", host=running.base_url, password="pok_emulator")
    Schedule.running, Schedule.clock = running, clock
    run_state_machine_as_test(
        seed(SEED)(machine),
        settings=settings(
            max_examples=SCHEDULES,
            stateful_step_count=8,
            deadline=None,
            print_blob=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
