# SPDX-License-Identifier: Apache-2.0
"""Whenever a process dies: after the retry there is one job with an effect, and the table is as without a death."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.exactly_once.conftest import DAYS, FIRST_DAY, Airflow, Table
from tests.exactly_once.crashes import Step, cells
from tests.operators.submission.conftest import Death, FakeClock

KINDS = ["append", "replace", "delete"]
ROWS = {"append": {"01": 4, "02": 2}, "replace": {"01": 2, "02": 1}, "delete": {"02": 1}}
UNUSED = {"append": [], "replace": ["01", "02"], "delete": ["01"]}
INTERVALS = {"append": None, "replace": [DAYS], "delete": [FIRST_DAY]}
#: Result values of a job that stores rows.
COUNTED = {"append": (3, 3), "replace": (3, 3), "delete": (None, None)}
LINES = {
    "submitted": "Submitted job {job!r} ({purpose}), pending. See {url}",
    "adopted": "Adopted job {job!r} ({purpose}), {status}, of an earlier try of this task. See {url}",
    "resumed": "Resumed job {job!r} ({purpose}), {status}, of an earlier try of this task. See {url}",
}


@pytest.mark.parametrize(
    ("step", "deferrable", "kind", "has_store", "has_ended"),
    cells(KINDS, exists=lambda step, ended: step.has_job or not ended),
)
def test_crash_retry_leaves_one_job_with_effect(
    step: Step,
    deferrable: bool,
    kind: str,
    has_store: bool,
    has_ended: bool,
    clock: FakeClock,
    table: Table,
    counted: list[str],
    said: Callable[[], list[str]],
) -> None:
    """The retry resumes the existing job or submits the missing one, and ends as the first try would."""
    airflow = Airflow(clock, table, kind, deferrable, has_store)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
        step.run(airflow, patch)
    if has_ended:
        table.finish()
    counted.clear()
    lines = len(said())

    result = airflow.retry().execute()

    (job,) = table.jobs
    assert result == job.id
    outcome = step.outcome if has_store else step.blind
    is_over = has_ended or step.ends_the_job
    # A job without a marker is adopted only after no other job can appear.
    status = "completed" if is_over else "running" if (kind, outcome) == ("delete", "adopted") else "pending"
    assert counted == [f"polaris.submit.{outcome}"]
    assert [line for line in said()[lines:] if line.startswith(("Submitted", "Adopted", "Resumed", "Refused"))] == [
        LINES[outcome].format(
            job=job.id,
            purpose=airflow.purpose,
            status=status,
            url=airflow.ti.xcom("polaris_job_url"),
        )
    ]
    check_xcoms(airflow, job.id, adopted=outcome != "submitted", status=status)
    table.finish()
    assert [each.id for each in table.jobs if each.had_effect] == [job.id]
    assert len(table.jobs) == 1
    assert table.rows() == ROWS[kind]
    assert table.unused() == UNUSED[kind]


def check_xcoms(airflow: Airflow, job_id: str, *, adopted: bool, status: str) -> None:
    """Airflow cleared the XComs of the first try, so all of them must be pushed again."""
    keys = ["polaris_job_url", "polaris_table_url", "polaris_job", "polaris_job"]
    assert [key for key, _ in airflow.ti.pushed] == keys
    assert airflow.ti.xcom("polaris_job_url").endswith(job_id)
    first, last = (value for key, value in airflow.ti.pushed if key == "polaris_job")
    assert first["id"] == last["id"] == job_id
    assert first["adopted"] is last["adopted"] is adopted
    assert first["status"] == status
    processed, persisted = COUNTED[airflow.kind]
    assert (last["status"], last["intervals"]) == ("completed", INTERVALS[airflow.kind])
    assert (last["rows_processed"], last["rows_persisted"]) == (processed, persisted)
