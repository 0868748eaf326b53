# SPDX-License-Identifier: Apache-2.0
"""The checks of the scenarios."""

from __future__ import annotations

from operator import itemgetter

from harness.polaris import Polaris
from harness.rest import Task
from harness.waiting import eventually

SUBMIT = "POST /v1/projects/{projectId}/jobs"
CANCEL = "POST /v1/projects/{projectId}/jobs/{name}/status"
ROLLUP = [
    {"city": "BERLIN", "max_session_length": 30, "__count": 2},
    {"city": "OSLO", "max_session_length": 5, "__count": 1},
]


def see_waiting(polaris: Polaris) -> None:
    """Wait until the job was polled three times from now on."""

    def looks() -> int:
        return sum(count for name, count in polaris.requests().items() if name.startswith("GET "))

    eventually(polaris.jobs, bool, what="a job")
    before = looks()
    eventually(looks, lambda seen: seen >= before + 3, what="three looks at the job")


def cancel_is_asked(polaris: Polaris) -> None:
    """Wait until the cancellation of the first job was requested, and check that no other one was."""
    first, *others = eventually(
        polaris.statuses, lambda seen: ("running", "canceled") in seen, what="a request to cancel the job"
    )
    assert first == ("running", "canceled")
    assert {desired for _, desired in others} <= {"running"}


def check_canceled(polaris: Polaris) -> None:
    """Let jobs continue, and check that there is one and that it ends canceled."""
    polaris.release()
    eventually(polaris.statuses, lambda seen: seen == [("canceled", "canceled")], what="the job's end")


def check_one_job(polaris: Polaris) -> None:
    """Check that one job was submitted, once, and one was created."""
    assert polaris.requests()[SUBMIT] == 2  # the source has one as well
    assert polaris.counters("jobsByBody") == [1, 1]
    assert polaris.counters("effectiveJobsByBody") == [1, 1]


def check_success(polaris: Polaris, task: Task, *, adopted: bool = False) -> None:
    """
    Make sure that task, links, XComs, job and rows are those of one job that went well and was never canceled.

    :param polaris: Where it ran.
    :param task: Whose job it is.
    :param adopted: Whether an earlier attempt submitted it.
    """
    (job,) = polaris.jobs()
    assert (job["executionStatus"], job["desiredExecutionStatus"]) == ("completed", "running")
    assert CANCEL not in polaris.requests()
    rows = polaris.query('SELECT "city", "max_session_length", "__count" FROM "Koalas Rollup"')
    assert sorted(rows, key=itemgetter("city")) == ROLLUP
    assert task.xcom() == job["id"]
    facts = task.xcom("polaris_job")
    assert facts.pop("bytes") > 0
    assert facts.pop("seconds") >= 0
    assert facts == {
        "id": job["id"],
        "status": "completed",
        "intervals": ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"],
        "rows_processed": 3,
        "rows_persisted": 2,
        "adopted": adopted,
    }
    assert task.links() == {
        "Polaris Job": f"{polaris.url}/__emulator__/jobs/{job['id']}",
        "Polaris Table": f"{polaris.url}/v1/projects/00000000-0000-4000-8000-000000000001/tables/Koalas%20Rollup",
    }
