# SPDX-License-Identifier: Apache-2.0
"""Reports of multi-stage queries: progress, totals, error, log."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.translation import reports
from airflow_provider_polaris.client.druid.translation.jobs import describe
from airflow_provider_polaris.jobs.status.completion import completion_error
from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of
from airflow_provider_polaris.jobs.status.state import JobState

#: OBSERVED(Druid 27): counters and stages of a rollup of three rows, shortened.
COUNTERS = {
    "0": {
        "0": {
            "input0": {"type": "channel", "rows": [3], "bytes": [2164], "files": [2], "totalFiles": [2]},
            "output": {"type": "channel", "rows": [3], "bytes": [245], "frames": [2]},
            "sortProgress": {"type": "sortProgress", "progressDigest": 1.0},
        }
    },
    "1": {"0": {"input0": {"type": "channel", "rows": [3], "bytes": [199]}, "sortProgress": {"progressDigest": 0.5}}},
    "2": {
        "0": {
            "input0": {"type": "channel", "rows": [2, 1], "bytes": [170, 102], "frames": [1, 1]},
            "segmentGenerationProgress": {"rowsProcessed": 3, "rowsPersisted": 3, "rowsMerged": 3, "rowsPushed": 3},
        }
    },
}


def report(*phases: str | None, status: dict[str, Any] | None = None, counters: Any = COUNTERS) -> dict[str, Any]:
    kinds = ("table", "stage", "stage")
    stages = [
        {
            "stageNumber": number,
            "definition": {"input": [{"type": kinds[number]}]},
            **({"phase": phase} if phase else {}),
        }
        for number, phase in enumerate(phases)
    ]
    return {"status": status or {"status": "RUNNING"}, "stages": stages, "counters": counters}


@pytest.mark.parametrize(
    ("payload", "share"),
    [
        ({}, None),
        (report(None, None, None, counters={}), 0.0),
        (report("RESULTS_READY", "POST_READING", None), 0.5),
        (report("FINISHED", "FINISHED", "READING_INPUT"), 2 / 3),
        (report("FINISHED", "FINISHED", "FINISHED"), 1.0),
        ({"status": {"status": "SUCCESS"}}, 1.0),
        (report("READING_INPUT", counters={"0": {"0": {"input0": {"files": [1], "totalFiles": [2]}}}}), 0.25),
        (report("READING_INPUT", counters={"0": {"0": {"input0": {"files": ["x"]}, "sortProgress": 7}}}), 0.0),
    ],
)
def test_progress_is_the_mean_of_the_stages(payload: dict[str, Any], share: float | None) -> None:
    """A stage without counters has done nothing; odd values count as nothing."""
    assert reports.progress(payload) == share


def test_metrics_count_what_was_read_first_and_pushed_last() -> None:
    """Rows that pass between stages are not counted again."""
    assert reports.metrics(report("FINISHED", "FINISHED", "FINISHED")) == {
        "numRowsProcessed": 3,
        "numBytesProcessed": 2164,
        "numRowsPersisted": 3,
    }
    assert reports.metrics(report("FINISHED", counters={})) == {}
    assert reports.metrics({}) == {}


@pytest.mark.parametrize(
    ("answer", "payload"),
    [
        (None, {}),
        ({"error": "Can't find chatHandler for handler[query-x]"}, {}),
        ({"multiStageQuery": {"payload": {"status": 1}}}, {"status": 1}),
        ({"multiStageQuery": None}, {}),
    ],
)
def test_answer_without_a_report_is_an_empty_one(answer: Any, payload: dict[str, Any]) -> None:
    """As at the start and the end of a task."""
    assert reports.payload_of(answer) == payload


@pytest.mark.parametrize(
    ("error", "message", "expected"),
    [
        (
            {"errorCode": "InsertCannotBeEmpty", "errorMessage": "No rows to insert for dataSource [t]"},
            "InsertCannotBeEmpty: No rows to insert for dataSource [t]",
            ("no_rows_ingested", "No rows to insert for dataSource [t]"),
        ),
        ({"errorCode": "UnknownError", "errorMessage": "/ by zero"}, None, ("UnknownError", "/ by zero")),
        ({}, "QueryNotSupported", ("query_not_supported", None)),
        ({}, "Shutdown request from user", (None, "Shutdown request from user")),
        ({}, None, (None, None)),
    ],
)
def test_error_has_the_code_of_the_package_if_it_means_the_same(
    error: dict[str, Any], message: str | None, expected: tuple[str | None, str | None]
) -> None:
    """The task's message stands in for a report that is missing."""
    payload = {"status": {"errorReport": {"error": error}}} if error else {}
    assert reports.error_of(payload, message) == expected


def test_log_has_the_error_and_the_warnings() -> None:
    """In the form of a job's log."""
    status = {
        "errorReport": {"error": {"errorCode": "RowTooLarge", "errorMessage": "Row of 2 MB"}},
        "warnings": [{"error": {"errorCode": "CannotParseExternalData", "errorMessage": "line 3"}}, 7],
    }
    assert reports.log_entries({"status": status}) == [
        {"timestamp": None, "healthStatus": "error", "code": "row_too_large", "message": "Row of 2 MB"},
        {"timestamp": None, "healthStatus": "warn", "code": "cannot_parse_source", "message": "line 3"},
    ]
    assert reports.log_entries({}) == []


@pytest.mark.parametrize(
    ("message", "retryability"),
    [
        # OBSERVED(Druid 27): the source was replaced while the job ran.
        ("UnknownError: java.lang.RuntimeException: Failed to fetch segment [raw_2024]", Retryability.TRANSIENT),
        ("WorkerRpcFailed: RPC call to task failed unrecoverably: [query-x-worker0_0]", Retryability.TRANSIENT),
        ("Failed to fetch segment details from Coordinator for [raw]", Retryability.TRANSIENT),
        ("InsertCannotBeEmpty: No rows to insert for dataSource [t]", Retryability.PERMANENT),
    ],
)
def test_failure_of_a_job_is_transient_unless_its_spec_or_input_causes_it(
    message: str, retryability: Retryability
) -> None:
    """A retry of the task submits the job again, under the next number."""
    status = {"id": "query-x", "type": "query_controller", "status": "FAILED", "errorMsg": message, "dataSource": "t"}
    state = JobState.from_wire(describe({"type": "query_controller"}, status, {}))
    error = completion_error(state)
    assert error is not None
    assert retryability_of(error) is retryability
