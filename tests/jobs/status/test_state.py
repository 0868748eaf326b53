# SPDX-License-Identifier: Apache-2.0
"""JobState: parsing of every form of job that Polaris sends, and its properties."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.status.state import Health, JobState, LogEntry, parse_log
from airflow_provider_polaris.jobs.status.statuses import ACTIVE_STATUSES, STATUSES, TERMINAL_STATUSES, normalize_status

# Source: the sample response of docs.imply.io/polaris/api-ingest-table, shortened.
DESCRIBED: dict[str, Any] = {
    "source": {
        "interval": "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z",
        "tableName": "Koalas Source",
        "type": "table",
    },
    "ingestionMode": "append",
    "query": 'INSERT INTO "Koalas Rollup"\nSELECT "__time" AS "__time"',
    "type": "batch",
    "id": "018a90c5-4ea9-7d14-a14a-d1e0f4a5a3a9",
    "target": {"intervals": [], "tableName": "Koalas Rollup", "type": "table"},
    "createdBy": {"username": "api-key-pok_vipgj...bjjvyo", "userId": "a52cacf6-3ddc-48e5-8675-2a2d4b7e2a51"},
    "lastModifiedBy": {"username": "api-key-pok_vipgj...bjjvyo", "userId": "a52cacf6-3ddc-48e5-8675-2a2d4b7e2a51"},
    "executionStatus": "pending",
    "health": {"status": "ok"},
    "createdTimestamp": "2023-09-13T22:31:47.753491Z",
    "lastUpdatedTimestamp": "2023-09-13T22:31:47.753491Z",
    "startedTimestamp": None,
    "completedTimestamp": None,
    "spec": {
        "source": {"tableName": "Koalas Source", "type": "table"},
        "target": {"intervals": [], "tableName": "Koalas Rollup", "type": "table"},
        "ingestionMode": "append",
        "type": "batch",
    },
}


def described(**changes: Any) -> JobState:
    return JobState.from_wire({**DESCRIBED, **changes})


def test_from_wire_described_job_reads_every_field() -> None:
    """A describe response has all fields that the provider uses."""
    state = described(
        executionStatus="completed",
        desiredExecutionStatus="running",
        startedTimestamp="2023-09-13T22:31:50.000000001Z",
        completedTimestamp="2023-09-13T22:32:50.800252712Z",
    )
    assert state == JobState(
        job_id="018a90c5-4ea9-7d14-a14a-d1e0f4a5a3a9",
        type="batch",
        status="completed",
        desired_status="running",
        health=Health("ok"),
        created=datetime(2023, 9, 13, 22, 31, 47, 753491, timezone.utc),
        started=datetime(2023, 9, 13, 22, 31, 50, tzinfo=timezone.utc),
        completed=datetime(2023, 9, 13, 22, 32, 50, 800252, timezone.utc),
        updated=datetime(2023, 9, 13, 22, 31, 47, 753491, timezone.utc),
        modified_by="api-key-pok_vipgj...bjjvyo",
        target_table="Koalas Rollup",
        target_intervals=(),
        source_table="Koalas Source",
        source_interval="-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z",
        ingestion_mode="append",
        query='INSERT INTO "Koalas Rollup"\nSELECT "__time" AS "__time"',
    )
    assert state.seconds == pytest.approx(60.800252)


def test_from_wire_list_entry_reads_what_is_there() -> None:
    """A summary has no spec; source may be only a type."""
    summary = {key: DESCRIBED[key] for key in ("id", "type", "executionStatus", "health", "target", "createdTimestamp")}
    state = JobState.from_wire({**summary, "source": {"type": "table"}})
    assert (state.target_table, state.source_table, state.ingestion_mode, state.query) == (
        "Koalas Rollup",
        None,
        None,
        None,
    )
    assert not state.is_replace


def test_from_wire_smallest_job_is_enough() -> None:
    """Only id and status are required; all other fields may be missing or null."""
    for rest in ({}, dict.fromkeys(("type", "health", "spec", "source", "target", "lastModifiedBy", "query"))):
        state = JobState.from_wire({"id": "j1", "executionStatus": "running", **rest})
        assert state == JobState("j1", "unknown type", "running")
        assert state.seconds is None


def test_from_wire_spec_fills_what_the_top_level_lacks() -> None:
    """If the top level lacks a field, the spec is used; if both have it, the top level takes precedence."""
    spec = {
        "type": "batch",
        "source": {"tableName": "from spec", "interval": "2024/2025"},
        "target": {"tableName": "from spec", "intervals": ["2024/2025"]},
        "ingestionMode": "replace",
    }
    state = described(spec=spec, ingestionMode=None, source=None, target={"tableName": "top", "intervals": []})
    assert (state.target_table, state.target_intervals) == ("top", ("2024/2025",))
    assert (state.source_table, state.source_interval) == ("from spec", "2024/2025")
    assert state.is_replace


def test_from_wire_restore_job_has_its_one_interval() -> None:
    """A restore job has its interval at the top level."""
    state = described(type="restore_data", interval="2024-01-01/2024-02-01", spec={})
    assert state.target_intervals == ("2024-01-01/2024-02-01",)
    assert state.purpose == "restore_data to 'Koalas Rollup'"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "a job must be a JSON object, but the service sent None."),
        (["id"], "a job must be a JSON object, but the service sent ['id']."),
        (
            {"executionStatus": "running"},
            (
                "a job must have 'id', but the service sent None in an object with the keys ['executionStatus']. "
                "If a proxy answers in its place, check the host of the connection."
            ),
        ),
        (
            {"id": "j1", "executionStatus": 7, "x": 1},
            (
                "a job must have 'executionStatus', but the service sent 7 in an object with the keys "
                "['executionStatus', 'id', 'x']. "
                "If a proxy answers in its place, check the host of the connection."
            ),
        ),
    ],
)
def test_from_wire_without_id_or_status_is_a_protocol_error(body: Any, message: str) -> None:
    """The error for an invalid answer gives the expected and the received value."""
    with pytest.raises(PolarisProtocolError) as caught:
        JobState.from_wire(body)
    assert str(caught.value) == message


def test_from_wire_odd_shapes_of_unimportant_fields_are_survived() -> None:
    """Informational fields may change their format without breaking a wait."""
    state = described(
        createdTimestamp="last Tuesday",
        startedTimestamp=1_700_000_000,
        target="Koalas",
        source=7,
        spec="x",
        lastModifiedBy="me",
    )
    assert (state.created, state.started, state.target_table, state.modified_by) == (None, None, None, None)
    assert described(target={"tableName": "t", "intervals": "2024/2025"}, spec={}).target_intervals == ()


@pytest.mark.parametrize(
    ("wire", "health"),
    [
        ({"status": "ok"}, Health("ok")),
        ({"status": "warn", "code": "no_rows_found"}, Health("warn", "no_rows_found")),
        ({"status": "warning", "code": "multiple"}, Health("warn", "multiple")),
        ({"status": "ERROR", "code": "x", "message": None}, Health("error", "x")),
        ({"status": "Degraded"}, Health("Degraded")),
        ({"code": "brand_new"}, Health("error", "brand_new")),
        ({}, Health("ok")),
        ("error", Health("error")),
        (
            {
                "status": "error",
                "code": "multiple",
                "message": "",
                "log": [{"code": "a", "healthStatus": "warning"}, 7],
            },
            Health("error", "multiple", None, (LogEntry(None, "warn", "a", None),)),
        ),
        (None, None),
        (7, None),
    ],
)
def test_from_wire_health_in_every_shape(wire: Any, health: Health | None) -> None:
    """'warn' and 'warning' are equal, unknown words and codes are kept, null is None."""
    assert described(health=wire).health == health


def test_statuses_split_into_terminal_and_active() -> None:
    """Every known status is either terminal or active."""
    assert {"completed", "failed", "canceled"} == TERMINAL_STATUSES
    assert {"pending", "running", "idle", "suspended", "unknown"} == ACTIVE_STATUSES
    assert set(STATUSES) == TERMINAL_STATUSES | ACTIVE_STATUSES


def test_statuses_are_exactly_those_of_the_vendor() -> None:
    """The statuses are those of the vendor's SDK."""
    enums = pytest.importorskip("polaris.sdk.project_api.models", reason="polaris-sdk is not installed")
    assert set(STATUSES) == {status.value for status in enums.JobExecutionStatusV2}


@pytest.mark.parametrize(
    ("status", "is_terminal", "is_known"),
    [
        ("running", False, True),
        ("suspended", False, True),
        ("unknown", False, False),
        ("hibernating", False, False),
        ("cancelled", False, False),
        ("completed", True, True),
        ("CANCELED", True, True),
    ],
)
def test_status_questions(status: str, is_terminal: bool, is_known: bool) -> None:
    """Known words are recognized in any case; 'unknown' and new words are neither known nor terminal."""
    state = described(executionStatus=status)
    assert (state.is_terminal, state.is_known) == (is_terminal, is_known)


def test_normalize_status_keeps_a_new_word_as_it_is() -> None:
    """An unknown word is kept, so that messages show what Polaris wrote."""
    assert normalize_status(" Hibernating ") == "Hibernating"
    assert described(executionStatus="Hibernating").status == "Hibernating"


def test_is_canceling_while_intent_and_status_differ() -> None:
    """A pending cancellation is visible; a completed one is not."""
    assert described(executionStatus="running", desiredExecutionStatus="canceled").is_canceling
    assert not described(executionStatus="canceled", desiredExecutionStatus="canceled").is_canceling
    assert not described(executionStatus="running", desiredExecutionStatus="running").is_canceling


@pytest.mark.parametrize(
    ("changes", "strict", "expected"),
    [
        ({}, False, True),
        ({"health": None}, True, True),
        ({"health": {"status": "warn", "code": "invalid_rows_found"}}, False, True),
        ({"health": {"status": "warn", "code": "invalid_rows_found"}}, True, False),
        ({"health": {"status": "novel"}}, False, True),
        ({"health": {"status": "novel"}}, True, False),
        ({"health": {"status": "error", "code": "row_too_large"}}, False, False),
        ({"health": {"status": "warn", "code": "no_rows_found"}}, False, True),
        ({"health": {"status": "warn", "code": "no_rows_found"}, "ingestionMode": "replace"}, False, False),
        (
            {
                "health": {"status": "warn", "code": "multiple", "log": [{"code": "no_rows_found"}]},
                "ingestionMode": "replace",
            },
            False,
            False,
        ),
        ({"executionStatus": "failed"}, False, False),
        ({"executionStatus": "canceled"}, False, False),
        ({"executionStatus": "running"}, False, False),
    ],
)
def test_is_success_by_status_and_health(changes: dict[str, Any], strict: bool, expected: bool) -> None:
    """Completed with ok or warn succeeds, fail_on_warning is stricter, a replace without rows never succeeds."""
    assert described(**{"executionStatus": "completed", **changes}).is_success(fail_on_warning=strict) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('REPLACE INTO "t" OVERWRITE ALL SELECT 1', True),
        ("-- every night\n/* REPLACE */ set sqlTimeZone = 'a;b'; \n replace  into \"t\" OVERWRITE ALL SELECT 1", True),
        ("INSERT INTO \"t\" SELECT REPLACE(x, 'a', 'b') FROM \"s\"", False),
        ("-- REPLACE INTO\nINSERT INTO t SELECT 1", False),
        (" " * 50_000 + "/* a */" * 5_000 + "SELECT 1", False),
        (None, False),
    ],
)
def test_is_replace_of_sql_jobs_reads_the_statement(query: str | None, expected: bool) -> None:
    """Without an ingestion mode the statement decides, not words in comments, strings or functions."""
    assert described(type="sql", ingestionMode=None, spec={}, query=query).is_replace is expected


def test_seconds_count_from_creation_if_the_start_is_unknown_and_never_backwards() -> None:
    """The duration needs two timestamps in order; the start may be missing."""
    assert described(completedTimestamp="2023-09-13T22:31:48.753491Z").seconds == 1.0
    assert described(completedTimestamp="2023-09-13T22:31:40Z").seconds is None
    assert described().seconds is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "job 'j1' (batch into 'Koalas Rollup') is 'pending'"),
        ({"target": None, "spec": None, "type": "sql"}, "job 'j1' (sql) is 'pending'"),
        (
            {
                "type": "delete_data",
                "executionStatus": "failed",
                "health": {"status": "error", "code": "internal_error"},
            },
            "job 'j1' (delete_data from 'Koalas Rollup') is 'failed' with health 'error' ('internal_error')",
        ),
        (
            {"type": "drop_table", "health": {"status": "warning"}},
            "job 'j1' (drop_table of 'Koalas Rollup') is 'pending' with health 'warn'",
        ),
    ],
)
def test_describe_names_job_purpose_status_and_health(changes: dict[str, Any], text: str) -> None:
    """The description is one phrase, for logs."""
    assert described(id="j1", **changes).describe() == text


def test_parse_log_keeps_order_and_skips_what_is_no_entry() -> None:
    """Entries of the logs endpoint become LogEntry in their order; anything else is an empty log."""
    assert parse_log(None) == parse_log(7) == parse_log({"logs": []}) == ()
    assert parse_log([{"message": "b", "timestamp": None}, "x", {"message": "a", "code": "c"}]) == (
        LogEntry(message="b"),
        LogEntry(code="c", message="a"),
    )


def test_log_entry_as_text_is_one_line() -> None:
    """A message with line breaks stays on one line of the task log."""
    assert str(LogEntry("2024-06-01T00:00:00Z", "warn", None, "a\nb")) == "2024-06-01T00:00:00Z warn: 'a\\nb'"
    assert str(LogEntry(message="a")) == "no code: 'a'"
