# SPDX-License-Identifier: Apache-2.0
"""Any schedule of faults, deaths, kills, retries, clears and other users' jobs that an operator can meet."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.assumptions import ASSUMPTIONS
from airflow_provider_polaris.emulator.faults.fault import Fault
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisGuardError
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.exactly_once.conftest import Airflow, Table
from tests.exactly_once.crashes import STEPS, Step
from tests.operators.submission.conftest import STORES, Death, FakeClock

#: Outcomes of a POST. A late effect occurs within the visibility wait.
POSTS: dict[str, dict[str, Any] | None] = {
    "fine": None,
    "lost with effect": {"effect": "drop_reply"},
    "lost without": {"effect": "drop_reply", "takesEffect": "never"},
    "lost, effect later": {"effect": "drop_reply", "takesEffect": "later", "afterSeconds": 30},
    "503 with effect": {"effect": "status", "takesEffect": "now"},
    "503 without": {"effect": "status"},
    "503, effect later": {"effect": "status", "takesEffect": "later", "afterSeconds": 30},
    "429 with effect": {"effect": "status", "status": 429, "takesEffect": "now"},
    "429 without": {"effect": "status", "status": 429, "retryAfter": "7"},
    "403": {"effect": "status", "status": 403},
    "409": {"effect": "status", "status": 409},
}
#: How long a new job is missing from the list, and whether it can be described meanwhile.
HIDDEN = [None, None, None, (15, True), (15, False), (25, False)]
#: Number of consecutive requests without a good answer, besides the POST.
OUTAGES = [0, 0, 0, 1, 3, 40]
KILLS = [None, None, None, "in the POST", "after the POST", "waiting"]
#: Events between two tries; methods of :class:`Schedule`.
EVENTS = [
    "clear",
    "wait_a_little",
    "wait_for_the_job",
    "marked_twin",
    "unmarked_twin",
    "cancel",
    "doom",
    "change",
    "read",
]
ROWS_BEFORE = {"01": 2, "02": 1}
_TABLES = itertools.count(1)


@dataclass(frozen=True)
class Setup:
    """The circumstances of a task."""

    deferrable: bool
    has_store: bool
    marker: str
    readings: dict[str, str]


@dataclass(frozen=True)
class Round:
    """One try and the events before it."""

    events: list[str]
    post: str
    hidden: tuple[float, bool] | None
    outages: int
    step: Step | None
    kill: str | None
    is_cleared_by_kill: bool


SETUPS = st.builds(
    Setup,
    deferrable=st.booleans(),
    has_store=st.sampled_from(STORES),
    marker=st.sampled_from(["auto", "auto", "auto", "off"]),
    readings=st.fixed_dictionaries(
        {
            "overlapping_jobs": st.sampled_from(ASSUMPTIONS["overlapping_jobs"]),
            "summary_intervals": st.sampled_from(ASSUMPTIONS["summary_intervals"]),
            "busy_source": st.sampled_from(ASSUMPTIONS["busy_source"]),
        }
    ),
)
ROUNDS = st.lists(
    st.builds(
        Round,
        events=st.lists(st.sampled_from(EVENTS), max_size=2),
        post=st.sampled_from(list(POSTS)),
        hidden=st.sampled_from(HIDDEN),
        outages=st.sampled_from(OUTAGES),
        step=st.sampled_from([None, None, *STEPS]),
        kill=st.sampled_from(KILLS),
        is_cleared_by_kill=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


class Schedule:
    """
    One task instance over its whole life.

    :param running: The emulator.
    :param clock: Its clock and the workers'.
    :param connect: Defines the connection.
    :param kind: What the task does.
    :param setup: The circumstances.
    :param drawn: How often each thing was met, to tell what a run was worth.
    """

    def __init__(
        self,
        running: RunningEmulator,
        clock: FakeClock,
        connect: Callable[..., str],
        kind: str,
        setup: Setup,
        drawn: Counter[str],
    ) -> None:
        self.running, self.clock, self.kind, self.has_store = running, clock, kind, setup.has_store
        self.drawn = drawn
        jobs = running.emulator.jobs
        jobs.assumed = running.settings.assumptions.changed(setup.readings)
        self._count(*(f"{key}={value}" for key, value in setup.readings.items()))
        self._count(kind, f"deferrable {setup.deferrable}", f"store {setup.has_store}", f"marker {setup.marker}")
        clock.slept = 0.0
        extra = {"project_id": running.settings.project_id, "submit_marker": setup.marker}
        connect(host=running.base_url, password="pok_emulator", extra=extra)
        self.table = Table(running, clock, f"Schedule {next(_TABLES)}")
        self.airflow = Airflow(clock, self.table, kind, setup.deferrable, setup.has_store)
        takes_marker = setup.marker == "auto" and kind != "delete"
        #: Whether a job can always be distinguished from others.
        self.shows_marker = takes_marker and jobs.assumed.unknown_context == "accept"
        self.state = "new"
        #: Counts the changes of the spec; each job contains it, in a filter without effect.
        self.spec_number = 0
        self.was_killed = False
        self.last_error: BaseException | None = None
        #: The epochs in which each spec was submitted.
        self.epochs: dict[int, set[int]] = {}
        self.cleared_at: int | None = None
        self.has_twin = False

    def play(self, rounds: list[Round]) -> None:
        """Run all rounds, and then a final one without faults."""
        try:
            for each in rounds:
                for event in each.events:
                    getattr(self, event)()
                    self._check_jobs()
                self._attempt(each)
                self._check_jobs()
            self._end_well()
        finally:
            self.running.emulator.faults.clear()
            self.table.close()

    def clear(self) -> None:
        """A user clears the task, whatever its state."""
        if self.state == "new":
            return
        self._count("cleared")
        self.airflow.clear()
        self.airflow.ti.try_number -= 1  # the attempt increments it
        self.cleared_at = max(job.number for job in self.running.emulator.jobs.known())
        self.state = "up for retry"

    def wait_a_little(self) -> None:
        self.clock.advance(20)

    def wait_for_the_job(self) -> None:
        self.clock.advance(400)

    def marked_twin(self) -> None:
        """Another task submits an equivalent job."""
        if self.kind == "delete" or self.running.emulator.jobs.assumed.unknown_context == "refuse":
            return
        spec = self._plan()
        self._add_twin({**spec, "context": {**spec.get("context", {}), "airflow": "somebody"}})

    def unmarked_twin(self) -> None:
        """A user submits an equivalent job in the console."""
        self._add_twin(self._plan())

    def cancel(self) -> None:
        """A user cancels the task's job."""
        jobs = self.running.emulator.jobs
        for job in self.table.jobs:
            if not job.is_terminal and job.type != "delete_data":
                self._count("canceled")
                jobs._keep(replace(job, desired="canceled"))
        jobs.advance_due_jobs()

    def doom(self) -> None:
        """The task's job will fail."""
        for job in self.table.jobs:
            if not job.is_terminal:
                self._count("doomed")
                self.running.emulator.jobs._keep(replace(job, doomed="it broke."))

    def change(self) -> None:
        """A user edits the DAG."""
        if self.kind == "delete":
            return
        self._count("spec changed")
        self.spec_number += 1
        where = f"\"city\" <> 'nowhere {self.spec_number}'"
        if self.kind == "replace":
            self.airflow.arguments = {"filter_expression": where}
        else:
            self.airflow.arguments = {"spec": self.table.append(filterExpression=where)}
        self.airflow.operator = self.airflow.new_operator()

    def read(self) -> None:
        """A user reads the table, which may prevent a job from deleting its data."""
        spec = self.table.append(target={"type": "table", "tableName": f"{self.table.name} copy"})
        spec["source"] = {"type": "table", "tableName": self.table.name}
        self.table.foreign(spec)

    def _attempt(self, each: Round) -> None:
        """Run one try with the drawn faults."""
        if self.state in ("success", "failed"):
            self.clear()
        self._count(f"POST {each.post}", f"hidden {each.hidden}", f"outages {each.outages}", f"kill {each.kill}")
        self._count("dies: " + ("never" if each.step is None else each.step.name))
        if self.state == "up for retry":
            self.airflow.retry()
        self._note_try()
        faults = self.running.emulator.faults
        for rule in self._faults(each.post, each.hidden, each.outages):
            faults.add(Fault.model_validate(rule))
        try:
            with pytest.MonkeyPatch.context() as patch:
                self._arm(each.kill, patch)
                self._run(each.step, patch)
        except Death:
            self.state = "up for retry"
            self._count("died")
        finally:
            self._forget_rules()
        if self.was_killed:
            self._count("killed")
            self.state = "up for retry" if each.is_cleared_by_kill else "failed"

    def _check_jobs(self) -> None:
        """An append exists once; a replace doesn't run twice at once, nor twice per epoch, if it can be recognized."""
        ours = [job for job in self.table.jobs if job.status == "completed" or job in self.table.effective]
        if self.kind == "append":
            assert len(ours) <= 1, ours
            return
        if not (self.shows_marker or (self.has_store and not self.has_twin)):
            return
        active = [job for job in ours if not job.is_terminal]
        assert len(active) <= 1, active
        for number, epochs in self.epochs.items():
            same = [job for job in ours if self._spec_number(job) == number]
            assert len(same) <= len(epochs), same

    def _end_well(self) -> None:
        """Without faults a retry succeeds or is refused; the table has the rows of each claimed success."""
        self.table.finish()
        self.running.emulator.faults.clear()
        if self.state == "failed":
            self.clear()
        for _ in range(3):
            if self.state in ("success", "failed"):
                break
            if self.state == "up for retry":
                self.airflow.retry()
            self._note_try()
            with pytest.MonkeyPatch.context() as patch:
                self._run(None, patch)
        self.table.finish()
        self._check_jobs()
        assert self.state in ("success", "failed"), self.last_error
        if self.state == "failed":
            assert isinstance(self.last_error, PolarisGuardError), self.last_error
        self._check_table()

    def _check_table(self) -> None:
        everybody = [
            job
            for job in self.running.emulator.jobs.known()
            if job.target_name == self.table.name and job.status == "completed"
        ][1:]
        if self.kind == "append":
            rows = {day: count * (1 + len(everybody)) for day, count in ROWS_BEFORE.items()}
            unused: list[str] = []
        elif self.kind == "replace":
            rows, unused = ROWS_BEFORE, sorted(["01", "02"] * len(everybody))
        else:
            rows, unused = ({"02": 1}, ["01"]) if everybody else (ROWS_BEFORE, [])
        assert self.table.rows() == rows
        assert self.table.unused() == unused

    def _run(self, step: Step | None, patch: pytest.MonkeyPatch) -> None:
        """Run the current try to any end; a death is raised."""
        self.last_error = None
        can_die = step is not None and step.exists(deferrable=self.airflow.deferrable, has_store=self.has_store)
        try:
            if step is not None and can_die:
                result = step.run(self.airflow, patch) or self._result()
            else:
                result = self.airflow.execute()
        except AirflowFailException as error:
            self.state, self.last_error = "failed", error.__cause__
            self._count(f"failed: {type(error.__cause__).__name__}")
        except (PolarisError, pytest.fail.Exception) as error:
            # The latter is from a step that expected a deferral although none was needed.
            self.state, self.last_error = "up for retry", error
            self._count(f"raised: {type(error).__name__}")
        else:
            self.state = "success"
            self._count("succeeded")
            self._check_claim(result)

        is_refused = isinstance(self.last_error, PolarisGuardError)
        assert not is_refused or self._may_be_refused(), self.last_error

    def _may_be_refused(self) -> bool:
        """A refusal is for jobs that can't be distinguished from ours, and for rows that would be added twice."""
        if self.has_twin or not (self.shows_marker or self.kind == "delete"):
            return True
        # A deletion has no marker, so after a clear an active one is not taken for the task's.
        is_repeat = self.cleared_at is not None or self.spec_number > 0
        return is_repeat and self.kind in ("append", "delete")

    def _result(self) -> str:
        """A step without a point of death has reached the end."""
        return str(self.airflow.ti.xcom("polaris_job")["id"])

    def _check_claim(self, result: str) -> None:
        """Success requires a completed job that is ours and did what the current spec requests."""
        job = self.running.emulator.jobs.get(result)
        assert job.status == "completed"
        assert job.target_name == self.table.name
        assert self._spec_number(job) == self.spec_number
        if self.kind == "append" or (self.shows_marker and self.has_store):
            # Without a store a replace may adopt an unmarked job whose marker wasn't kept.
            assert job.id in [each.id for each in self.table.jobs], "another task's job was taken for ours"
            assert self.cleared_at is None or job.number > self.cleared_at, "a clear took the job of before it"
        facts = self.airflow.ti.xcom("polaris_job")
        assert (facts["id"], facts["status"]) == (job.id, "completed")

    def _note_try(self) -> None:
        self.epochs.setdefault(self.spec_number, set()).add(self.airflow.ti.max_tries)

    def _faults(self, post: str, hidden: Any, outages: int) -> Iterator[dict[str, Any]]:
        if POSTS[post] is not None:
            yield {"method": "POST", "path": "/jobs$", **POSTS[post]}
        if hidden is not None:
            yield {"effect": "hide_job", "afterSeconds": hidden[0], "describe": hidden[1]}
        if outages:
            yield {"effect": "status", "status": 502, "method": "GET", "path": "/jobs", "times": outages}

    def _forget_rules(self) -> None:
        """Discard faults that did not occur; the next try has its own. Delayed effects stay."""
        with self.running.emulator.faults._lock:
            self.running.emulator.faults._rules.clear()

    def _arm(self, kill: str | None, patch: pytest.MonkeyPatch) -> None:
        """Kill the task as its process would be killed: during a request or a sleep."""
        submit_job, sleep = PolarisHook.submit_job, self.clock.sleep
        self.was_killed = False

        def strike(when: str) -> None:
            if kill == when and not self.was_killed:
                self.was_killed = True
                self.airflow.operator.on_kill()

        def submit(*args: Any, **options: Any) -> Any:
            try:
                answer = submit_job(*args, **options)
            finally:
                strike("in the POST")
            return answer

        def sleeping(seconds: float, stop: Callable[[], bool]) -> None:
            strike("waiting")
            sleep(seconds, stop)

        def push(key: str, value: Any) -> None:
            strike("after the POST")
            xcom_push(key, value)

        xcom_push = self.airflow.ti.xcom_push
        patch.setattr(PolarisHook, "submit_job", submit)
        patch.setattr(self.clock, "sleep", sleeping)
        patch.setattr(self.airflow.ti, "xcom_push", push)

    def _plan(self) -> dict[str, Any]:
        """Return the spec of the task, without a marker."""
        hook = PolarisHook()
        try:
            return dict(self.airflow.operator.plan_job(self.airflow.context, hook))  # type: ignore[arg-type]
        finally:
            hook.close()

    @staticmethod
    def _spec_number(job: Any) -> int:
        where = job.spec.get("filterExpression") or ""
        return int(where.rpartition(" ")[2].rstrip("'") or 0)

    def _add_twin(self, spec: dict[str, Any]) -> None:
        self._count("twin")
        self.has_twin = True
        try:
            self.table.foreign(spec)
        except PolarisError:
            return  # the assumption doesn't allow it

    def _count(self, *names: str) -> None:
        self.drawn.update(names)
