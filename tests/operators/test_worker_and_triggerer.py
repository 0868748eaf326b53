# SPDX-License-Identifier: Apache-2.0
"""The result of a deferred operator is that of one that waits in the worker."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.jobs.errors import PolarisAuthError, PolarisJobTimeoutError
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.operators.conftest import JOB, REPLACE
from tests.operators.deferral import APPEND, CANCEL, STATUS, operator


@pytest.fixture
def outcome(jobs, clock, triggerer, context, ti, task_log):
    """Return a function that runs a task, in the worker or deferred, and returns its visible output."""

    def run(deferrable, then, steps=30.0, **arguments):
        clock.__init__()
        clock.then = then
        if store := context.get("task_state_store"):
            store.values.clear()
        ti.pushed.clear()
        lines = len(task_log())
        jobs.server.requests.clear()
        triggerer.step = steps
        task = operator(deferrable=deferrable, **arguments)
        result, error = None, None
        was_deferred = False
        try:
            try:
                result = task.execute(context)
            except TaskDeferred as deferred:
                was_deferred = True
                method, kwargs = triggerer.run(deferred)
                result = operator(**arguments).resume_execution(method, kwargs, context)
        except Exception as exception:
            error = (type(exception), str(exception), type(exception.__cause__))
        assert was_deferred is deferrable
        return {
            "result": result,
            "error": error,
            "xcoms": ti.pushed[:],
            "job log": [line for line in task_log()[lines:] if "Log of job" in line],
            "submitted": jobs.submitted,
            "canceled": jobs.asked.count(CANCEL),
        }

    return run


ENDS = {
    "completed": ("completed", {}, {}, None),
    "warning": ("completed", {"health": {"status": "warn", "code": "x"}}, {"fail_on_warning": True}, "fail_on_warning"),
    "no rows": ("completed", {"health": {"status": "warn", "code": "no_rows_found"}}, {}, "it found no rows"),
    "its spec": (
        "failed",
        {"health": {"code": "query_not_supported", "message": "FOO"}},
        {},
        "after 60 s with 'query_",
    ),
    "internal": ("failed", {"health": {"code": "internal_error", "message": "boom"}}, {}, "after 60 s with 'internal_"),
    "canceled": ("canceled", {"lastModifiedBy": {"username": "kim"}}, {}, "after 60 s, last changed by 'kim'"),
}


@pytest.mark.parametrize("status, values, arguments, words", ENDS.values(), ids=ENDS.keys())
def test_end_of_the_job_is_the_same_in_worker_and_triggerer(jobs, outcome, status, values, arguments, words):
    """Result, XComs, class and message of the error, and the job's log don't depend on where the task waits."""
    jobs.accept()
    jobs.has(
        metrics={"numRowsProcessed": 7, "numRowsPersisted": 2},
        logs=[{"timestamp": "2026-11-20T06:00:02Z", "healthStatus": "error", "code": "c", "message": "in the log"}],
        progress=0.5,
    )

    def then(count):
        jobs.is_now("running" if count < 2 else status, **(values if count >= 2 else {}))

    jobs.is_now("pending")
    in_worker = outcome(False, then, **arguments)
    jobs.is_now("pending")
    deferred = outcome(True, then, **arguments)
    assert deferred == in_worker
    assert [key for key, _ in deferred["xcoms"]] == [
        "polaris_job_url",
        "polaris_table_url",
        "polaris_job",
        "polaris_job",
    ]
    assert deferred["xcoms"][-1][1]["status"] == status
    if words is None:
        assert (deferred["result"], deferred["error"]) == (JOB, None)
    else:
        assert words in deferred["error"][1]
        assert len(deferred["job log"]) == 1


LATE = {
    "canceled": (
        REPLACE,
        {},
        (200, {"executionStatus": "canceled"}),
        PolarisJobTimeoutError,
        "; it was canceled because",
    ),
    "asked": (
        REPLACE,
        {},
        (200, {"executionStatus": "running"}),
        PolarisJobTimeoutError,
        "; its cancellation was requested",
    ),
    "not wanted": (
        REPLACE,
        {"cancel_on_timeout": False},
        None,
        PolarisJobTimeoutError,
        "; it runs on, because cancel_on",
    ),
    "append canceled": (
        APPEND,
        {},
        (200, {"executionStatus": "canceled"}),
        PolarisJobTimeoutError,
        "; it was canceled",
    ),
    "append asked": (
        APPEND,
        {},
        (200, {"executionStatus": "running"}),
        PolarisJobTimeoutError,
        "; its cancellation was requested",
    ),
}


@pytest.mark.parametrize("spec, arguments, answer, kind, words", LATE.values(), ids=LATE.keys())
def test_deadline_is_the_same_in_worker_and_triggerer(jobs, outcome, spec, arguments, answer, kind, words):
    """At the deadline the job is canceled once if configured, and the message gives the result."""
    jobs.accept(ingestionMode=spec["ingestionMode"])
    jobs.has(progress=0.1)
    jobs.is_now("running")
    if answer:
        jobs.cancel_answers(*answer)
    in_worker = outcome(False, lambda count: None, spec=spec, timeout=100, **arguments)
    if answer == (200, {"executionStatus": "canceled"}):
        jobs.server.answers = _CanceledByRequest(jobs)
    # The trigger's second poll is after the deadline.
    deferred = outcome(True, lambda count: None, 99.95, spec=spec, timeout=100, **arguments)
    assert deferred == in_worker
    assert deferred["error"][0] is kind
    assert words in deferred["error"][1]
    assert "was still 'running' at the deadline 2026-11-20T06:01:40Z, 100 s into the wait" in deferred["error"][1]
    assert deferred["canceled"] == (1 if answer else 0)


class _CanceledByRequest(dict):
    """Answers of a Polaris that cancels a job on request."""

    def __init__(self, jobs):
        super().__init__(jobs.server.answers)
        self.jobs = jobs

    def get(self, key, default=None):
        answer = super().get(key, default)
        if key == ("POST", f"/jobs/{JOB}/status"):
            self[STATUS] = (200, {"executionStatus": "canceled"})
        return answer


@pytest.mark.parametrize(
    "spec, answer, status, kind",
    [
        (REPLACE, (401, {"message": "key revoked"}), None, PolarisAuthError),
        (APPEND, (401, {"message": "key revoked"}), None, PolarisAuthError),
        (REPLACE, None, "unknown", AirflowFailException),
    ],
    ids=["no answers", "no answers, append", "unknown status"],
)
def test_giving_up_is_the_same_in_worker_and_triggerer(jobs, outcome, spec, answer, status, kind):
    """A job that can't be polled for too long: the same class, so that retry policies get a 401, and the same text."""
    jobs.accept(ingestionMode=spec["ingestionMode"])
    if answer:
        jobs.server.answer(*STATUS, *answer)
    else:
        jobs.is_now(status)
    in_worker = outcome(False, lambda count: None, spec=spec, poll_interval=300)
    deferred = outcome(True, lambda count: None, 300.0, spec=spec, poll_interval=300)
    assert deferred["error"][0] is in_worker["error"][0] is kind
    # The number of polls depends on the watcher.
    beginning = in_worker["error"][1].partition(":")[0]
    assert deferred["error"][1].startswith(beginning)
    assert deferred["xcoms"] == in_worker["xcoms"]
    assert deferred["canceled"] == 0
