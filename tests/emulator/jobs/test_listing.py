# SPDX-License-Identifier: Apache-2.0
"""The list of jobs: filters, order, pages."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def listed(shared_koalas):
    """Four jobs: an upload that completed, a rollup that completed, one that failed, one that was canceled."""
    koalas = shared_koalas
    ids = [koalas.ok("GET", "/jobs")["values"][0]["id"]]
    other = {"type": "table", "tableName": "Other"}
    fails = [{"columnName": "c", "expression": "SOUNDEX(city)"}]
    for changes in ({}, {"target": other, "mappings": fails}, {"filterExpression": "\"city\" = 'Nowhere'"}):
        koalas.clock.advance(1)
        ids.append(koalas.run(koalas.rollup(**changes))["id"])
    koalas.clock.advance(1)
    ids.append(koalas.submit(koalas.rollup()))
    koalas.clock.advance(1)
    koalas.ok("POST", f"/jobs/{ids[-1]}/status", {"desiredExecutionStatus": "canceled"})
    koalas.clock.advance(1)
    koalas.ok("GET", f"/jobs/{ids[-1]}")
    koalas.ids = ids
    return koalas


def _list(api, query=""):
    """Return the positions of the listed jobs in the order of their creation."""
    return [api.ids.index(job["id"]) for job in api.ok("GET", f"/jobs{query}")["values"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [4, 3, 2, 1, 0]),
        ("?type=batch", [4, 3, 2, 1, 0]),
        ("?type=sql&type=streaming", []),
        ("?executionStatus=failed", [2]),
        ("?executionStatus=failed&executionStatus=canceled", [4, 2]),
        ("?executionStatus=pending&executionStatus=running", []),
        ("?healthStatus=warn", [3]),
        ("?healthStatus=error&healthStatus=warn", [4, 3, 2]),
        ("?executionStatus=completed&healthStatus=ok", [1, 0]),
        ("?connectionName=kafka", []),
        ("?targetTableName=Koalas Rollup", [4, 3, 1]),
        ("?targetTableName=koalas rollup", []),
        ("?targetTableName=Nope", []),
        ("?targetTableId=00000000-0000-4000-8000-000000000000", []),
        ("?searchString=other", [2]),
        ("?searchString=koalas s", [4, 3, 2, 1, 0]),
        ("?searchString=cancel", [4]),
        ("?searchString=pok_", [4, 3, 2, 1, 0]),
        ("?searchString=Nowhere", []),
        ("?sortColumn=created_date_time&sortOrder=ASC", [0, 1, 2, 3, 4]),
        ("?sortColumn=execution_status&sortOrder=ASC", [4, 0, 1, 3, 2]),
        ("?sortColumn=execution_status", [2, 3, 1, 0, 4]),
        ("?sortColumn=target_table_name&sortOrder=ASC", [1, 3, 4, 0, 2]),
        ("?sortColumn=source_type&sortOrder=ASC", [1, 2, 3, 4, 0]),
        ("?sortColumn=source_connection_name&sortOrder=ASC", [0, 1, 2, 3, 4]),
        ("?paginationLimit=2", [4, 3]),
        ("?paginationLimit=2&paginationOffset=4", [0]),
        ("?paginationOffset=5", []),
        ("?somethingElse=1", [4, 3, 2, 1, 0]),
    ],
)
def test_list_filters_sorts_and_pages(listed, query, expected) -> None:
    """Repeated parameters are OR-ed, different ones AND-ed; the newest update comes first."""
    assert _list(listed, query) == expected


def test_list_target_table_id_finds_the_jobs_of_a_table(listed) -> None:
    """The id is that of the Tables API."""
    table_id = listed.ok("GET", "/tables/Other")["id"]
    assert _list(listed, f"?targetTableId={table_id}") == [2]
    assert _list(listed, f"?targetTableId={table_id.upper()}") == [2]


def test_list_says_whether_there_is_more(listed) -> None:
    """The last page is the one that says so, even when it is full."""
    pages = [listed.ok("GET", f"/jobs?paginationLimit=1&paginationOffset={offset}") for offset in range(6)]
    assert [page["moreResultsAvailable"] for page in pages] == [True, True, True, True, False, False]


def test_list_last_update_is_the_users(make_api, clock) -> None:
    """A change of status doesn't move a job; a user's cancel does."""
    api = make_api("seconds=10")
    api.koalas()
    older = api.submit(api.rollup())
    clock.advance(5)
    newer = api.submit(api.rollup())

    def newest():
        return [(job["id"], job["executionStatus"]) for job in api.ok("GET", "/jobs?paginationLimit=2")["values"]]

    clock.advance(5)
    assert newest() == [(newer, "running"), (older, "completed")]
    newest_of_all = api.submit(api.rollup())
    clock.advance(1)
    api.ok("POST", f"/jobs/{newer}/status", {"desiredExecutionStatus": "canceled"})
    assert newest() == [(newer, "canceled"), (newest_of_all, "running")]


def test_list_summary_has_the_vendors_keys_only(listed) -> None:
    """No spec, no query, no mappings."""
    summary = listed.ok("GET", "/jobs?targetTableName=Koalas Rollup")["values"][0]
    assert summary.keys() == {
        "source",
        "createdBy",
        "createdTimestamp",
        "desiredExecutionStatus",
        "executionStatus",
        "health",
        "id",
        "lastModifiedBy",
        "lastUpdatedTimestamp",
        "target",
        "type",
        "completedTimestamp",
        "startedTimestamp",
    }
    assert summary["source"] == {"type": "table", "tableName": "Koalas Source"}


@pytest.mark.parametrize(
    ("query", "message", "target"),
    [
        ("paginationLimit=0", "'0': it must be a whole number from 1 to 1000.", "paginationLimit"),
        ("paginationLimit=1001", "'1001': it must be a whole number from 1 to 1000.", "paginationLimit"),
        ("paginationLimit=ten", "'ten': it must be a whole number from 1 to 1000.", "paginationLimit"),
        ("paginationLimit=٣", "'٣': it must be a whole number from 1 to 1000.", "paginationLimit"),
        ("paginationOffset=-1", "'-1': it must be a whole number from 0.", "paginationOffset"),
        ("sortOrder=desc", "'desc': it must be one of ASC, DESC.", "sortOrder"),
        (
            "sortColumn=id",
            (
                "'id': it must be one of created_by_user_name, created_date_time, execution_status, "
                "last_updated_date_time, source_name, source_type, source_connection_name, source_table_name, "
                "target_table_name, type."
            ),
            "sortColumn",
        ),
        (
            "executionStatus=done",
            "'done': it must be one of pending, running, completed, idle, canceled, failed, suspended, unknown.",
            "executionStatus",
        ),
        ("healthStatus=warning", "'warning': it must be one of ok, warn, error.", "healthStatus"),
        (
            "type=batch,sql",
            "'batch,sql': it must be one of batch, delete_data, drop_table, restore_data, streaming, sql.",
            "type",
        ),
        ("targetTableId=7", "'7': it must be a UUID.", "targetTableId"),
    ],
)
def test_list_impossible_parameter_is_refused(api, query, message, target) -> None:
    """400 names the parameter, its value and what it may be."""
    expected = f"parameter {target!r} has the value {message}"
    assert api.call("GET", f"/jobs?{query}") == (
        400,
        {"code": "BadRequest", "message": expected, "target": target},
    )


def test_list_target_table_name_has_bounds(api) -> None:
    """1 to 255 characters."""
    message = "parameter 'targetTableName' must have 1 to 255 characters."
    for name in ("", "x" * 256):
        assert api.call("GET", f"/jobs?targetTableName={name}")[1]["message"] == message
