# SPDX-License-Identifier: Apache-2.0
"""Assumptions: every value has its effect, set at the start or changed at run time."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_polaris.emulator.assumptions import ASSUMPTIONS, Assumptions
from airflow_provider_polaris.emulator.job_specs.context import KNOWN_CONTEXT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "emulator.md"
MARKED = {"airflow": "0a1b", "failOnEmptyInsert": True}
ROLLUP = "Koalas Rollup"
NOTHING = "\"city\" = 'Nowhere'"
CITY = [{"columnName": "city", "expression": '"city"'}]


def _unknown(text) -> str:
    known = ", ".join(f"{key}={'|'.join(values)}" for key, values in ASSUMPTIONS.items())
    return f"assumption {text!r} is unknown. The known ones are: {known}."


def _replace(api, **changes):
    target = {"type": "table", "tableName": ROLLUP, "intervals": ["2024-06-01/2024-06-02"]}
    return api.rollup(**{"ingestionMode": "replace", "target": target, **changes})


def _times(api) -> list[str]:
    return sorted({row["__time"][:10] for row in api.query(f'SELECT "__time" FROM "{ROLLUP}"')})


def test_default_is_the_first_reading_of_each() -> None:
    """The table of values and the defaults agree."""
    assert Assumptions().as_dict() == {key: values[0] for key, values in ASSUMPTIONS.items()}


def test_control_plane_changes_some_and_resets_all(make_api) -> None:
    """PATCH changes the given assumptions, DELETE restores those of the start."""
    api = make_api(assumptions=Assumptions(empty_replace="keep"))
    start = {**Assumptions().as_dict(), "empty_replace": "keep"}
    assert api.control("GET", "/assumptions") == (200, start)
    changed = {**start, "empty_replace": "fail", "summary_intervals": "hide"}
    changes = {"empty_replace": "fail", "summary_intervals": "hide"}
    assert api.control("PATCH", "/assumptions", changes) == (200, changed)
    assert api.control("GET", "/assumptions") == (200, changed)
    assert api.control("DELETE", "/assumptions") == (200, start)


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"summary_intervals": "hide", "gravity": "off"}, "gravity", "gravity=off"),
        ({"summary_intervals": "hide", "empty_replace": ["keep"]}, "empty_replace", "empty_replace=['keep']"),
    ],
)
def test_control_plane_refuses_what_it_does_not_know(api, changes, key, text) -> None:
    """The 400 lists all known values; nothing has changed, not even valid parts of the request."""
    status, answer = api.control("PATCH", "/assumptions", changes)
    assert (status, answer) == (400, {"code": "BadRequest", "message": _unknown(text), "target": key})
    assert api.control("GET", "/assumptions") == (200, Assumptions().as_dict())


def test_page_describes_every_reading() -> None:
    """The documentation has one row for each, with its values."""
    page = PAGE.read_text()
    for key, values in ASSUMPTIONS.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{key}` |")]
        assert [value for value in values if f"`{value}`" in row] == list(values)


def test_unknown_context_is_accepted_and_echoed(koalas) -> None:
    """The vendor's schema allows any keys."""
    job = koalas.ok("POST", "/jobs", koalas.rollup(context=MARKED))
    assert (job["context"], job["spec"]["context"]) == (MARKED, MARKED)


def test_unknown_context_is_refused(koalas) -> None:
    """The 400 names the first key that Druid's reference lacks; known keys are accepted."""
    koalas.assume(unknown_context="refuse")
    before = koalas.state()
    assert koalas.call("POST", "/jobs", koalas.rollup(context=MARKED)) == (
        400,
        {
            "code": "BadRequest",
            "message": "context parameter 'airflow' is not known.",
            "target": "context.airflow",
        },
    )
    assert koalas.state() == before
    context = dict.fromkeys(sorted(KNOWN_CONTEXT), True)
    assert koalas.ok("POST", "/jobs", koalas.rollup(context=context))["context"] == context


@pytest.mark.parametrize(
    ("sent", "kept"), [(MARKED, {"failOnEmptyInsert": True}), ({"airflow": "0a1b"}, None), ({}, {}), (None, None)]
)
def test_unknown_context_is_dropped(koalas, sent, kept) -> None:
    """Neither the POST nor describe echoes it; if no keys remain, there is no context."""
    koalas.assume(unknown_context="drop")
    job = koalas.ok("POST", "/jobs", koalas.rollup(context=sent))
    for shown in (job, koalas.ok("GET", f"/jobs/{job['id']}")):
        assert (shown.get("context"), shown["spec"].get("context")) == (kept, kept)


@pytest.mark.parametrize(
    ("reading", "status", "code", "times", "unused"),
    [
        ("wipe", "completed", "no_rows_found", ["2024-06-02"], 1),
        ("keep", "completed", "no_rows_found", ["2024-06-01", "2024-06-02"], 0),
        ("fail", "failed", "no_rows_ingested", ["2024-06-01", "2024-06-02"], 0),
    ],
)
def test_empty_replace(koalas, reading, status, code, times, unused) -> None:
    """A replace that reads nothing: the result of the job, and the effect on the old data."""
    koalas.assume(empty_replace=reading)
    koalas.run(koalas.rollup())
    job = koalas.run(_replace(koalas, filterExpression=NOTHING))
    assert (job["executionStatus"], job["health"]["code"]) == (status, code)
    assert _times(koalas) == times
    assert len(koalas.ok("GET", f"/tables/{ROLLUP}/unusedSegments")["values"]) == unused


@pytest.mark.parametrize("reading", ["wipe", "keep", "fail"])
def test_empty_replace_that_says_so_fails_under_every_reading(koalas, reading) -> None:
    """``failOnEmptyInsert`` is stronger; an empty append completes."""
    koalas.assume(empty_replace=reading)
    koalas.run(koalas.rollup())
    job = koalas.run(_replace(koalas, filterExpression=NOTHING, context={"failOnEmptyInsert": True}))
    assert (job["executionStatus"], job["health"]["code"]) == ("failed", "no_rows_ingested")
    assert _times(koalas) == ["2024-06-01", "2024-06-02"]
    assert koalas.run(koalas.rollup(filterExpression=NOTHING))["executionStatus"] == "completed"


@pytest.mark.parametrize(
    ("reading", "times", "unused"),
    [
        ("whole", ["2024-06-01"], ["2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z"]),
        ("part", ["2024-06-01", "2024-06-02"], ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]),
    ],
)
def test_partial_segment(koalas, reading, times, unused) -> None:
    """A replace of a day in a month's segment replaces the whole segment, or that day."""
    koalas.assume(partial_segment=reading)
    koalas.run(koalas.rollup(partitionedBy="month"))
    koalas.run(_replace(koalas, partitionedBy="day"))
    assert _times(koalas) == times
    values = koalas.ok("GET", f"/tables/{ROLLUP}/unusedSegments")["values"]
    assert [segment["interval"] for segment in values] == unused


@pytest.mark.parametrize(
    ("reading", "declared", "mode", "added"),
    [
        ("declared", True, "flexible", True),
        ("declared", False, "flexible", False),
        ("never", True, "flexible", False),
        ("always", False, "flexible", True),
        ("always", True, "strict", True),
        ("always", False, "strict", False),
    ],
)
def test_existing_count(koalas, reading, declared, mode, added) -> None:
    """Whether ``__count`` is added for an existing aggregate table; a job that maps it is unchanged."""
    koalas.assume(existing_count=reading)
    schema = [
        {"type": "dimension", "name": "city", "dataType": "string"},
        {"type": "measure", "name": "max_session_length", "dataType": "long"},
    ]
    if declared:
        schema.append({"type": "measure", "name": "__count", "dataType": "long"})
    koalas.ok("POST", "/tables", {"name": ROLLUP, "type": "aggregate", "schema": schema, "schemaMode": mode})
    job = koalas.run(koalas.rollup())
    assert job["executionStatus"] == "completed"
    names = [mapping["columnName"] for mapping in job["mappings"]]
    assert names == ["city", "max_session_length", *(["__count"] if added else [])]
    if declared:
        explicit = {"columnName": "__count", "expression": 'COUNT("session")', "isAggregation": True}
        body = koalas.rollup(mappings=[*koalas.rollup()["mappings"], explicit])
        assert len(koalas.ok("POST", "/jobs", body)["mappings"]) == 3


@pytest.mark.parametrize("reading", ["declared", "never", "always"])
def test_existing_count_leaves_other_tables_alone(koalas, reading) -> None:
    """A new aggregate table gets the column, a detail table doesn't."""
    koalas.assume(existing_count=reading)
    assert koalas.ok("POST", "/jobs", koalas.rollup())["mappings"][-1]["columnName"] == "__count"
    body = koalas.rollup(mappings=CITY, target=_table("detail"))
    for _ in range(2):
        assert len(koalas.ok("POST", "/jobs", body)["mappings"]) == 1


def _double(api) -> None:
    """Append the source to itself."""
    api.run(api.rollup(target=_table("Koalas Source"), mappings=CITY))


def _table(name):
    return {"type": "table", "tableName": name}


@pytest.mark.parametrize(("reading", "rows"), [("end", 8), ("post", 4)])
def test_source_snapshot(make_api, reading, rows) -> None:
    """Rows added to the source after the POST are read, or not; the copy is dropped with the end of the job."""
    api = make_api("polls=2")
    api.koalas()
    api.assume(source_snapshot=reading)
    job_id = api.submit(api.rollup())
    api.assume(source_snapshot="end")
    _double(api)
    job = api.finish(job_id)
    totals = api.ok("GET", f"/jobs/{job['id']}/metrics")["totals"]
    assert totals["numRowsProcessed"] == rows
    assert api.query(f'SELECT SUM("__count") AS n FROM "{ROLLUP}"') == [{"n": rows}]
    assert _copies(api) == 0


def test_source_snapshot_survives_what_becomes_of_the_source(make_api) -> None:
    """The source is replaced while the job waits; interval, replace and filter also apply to the copy."""
    api = make_api("polls=9")
    api.koalas()
    api.assume(source_snapshot="post")
    source = {"type": "table", "tableName": "Koalas Source", "interval": "2024-06-01T01:00:00Z/2024-06-03"}
    job_id = api.submit(_replace(api, source=source, filterExpression="\"city\" = 'Oslo'"))
    empty = {"ingestionMode": "replace", "replaceAll": True, "filterExpression": NOTHING}
    api.run(api.rollup(target=_table("Koalas Source"), mappings=CITY, **empty))
    assert api.query('SELECT COUNT(*) AS n FROM "Koalas Source"') == [{"n": 0}]
    assert api.finish(job_id)["executionStatus"] == "completed"
    assert [row["__time"] for row in api.query(f'SELECT "__time" FROM "{ROLLUP}"')] == ["2024-06-01T01:20:00.000Z"]


def test_source_snapshot_goes_with_a_job_that_fails_or_is_canceled(make_api) -> None:
    """Every end of a job drops its copy."""
    api = make_api("polls=2", assumptions=Assumptions(source_snapshot="post"))
    api.koalas()
    soundex = [{"columnName": "city", "expression": 'SOUNDEX("city")'}]
    failing = api.submit(api.rollup(mappings=soundex, target=_table("failing")))
    canceled = api.submit(api.rollup())
    assert _copies(api) == 2
    api.ok("POST", f"/jobs/{canceled}/status", {"desiredExecutionStatus": "canceled"})
    assert [api.finish(job)["executionStatus"] for job in (failing, canceled)] == ["failed", "canceled"]
    assert _copies(api) == 0


def test_source_snapshot_survives_a_restart(make_api, tmp_path) -> None:
    """An active job reads its copy, independent of the assumptions of the new process."""
    db = str(tmp_path / "polaris.db")
    first = make_api("polls=2", db=db, assumptions=Assumptions(source_snapshot="post"))
    first.koalas()
    job_id = first.submit(first.rollup())
    _double(first)
    first.app.state.emulator.close()
    second = make_api("polls=2", db=db)
    assert second.finish(job_id)["executionStatus"] == "completed"
    assert second.ok("GET", f"/tables/{ROLLUP}")["totalRows"] == 4
    assert _copies(second) == 0


def _copies(api) -> int:
    store = api.app.state.emulator.store
    ((count,),) = store.execute(
        "SELECT count(*) FROM information_schema.tables WHERE starts_with(table_name, 'snapshot_')"
    )
    return int(count)


@pytest.mark.parametrize(("reading", "shown"), [("show", True), ("hide", False)])
def test_summary_intervals(koalas, reading, shown) -> None:
    """The list has the target's intervals, or not; describe always has."""
    koalas.assume(summary_intervals=reading)
    job = koalas.run(_replace(koalas))
    (summary,) = koalas.ok("GET", f"/jobs?targetTableName={ROLLUP}")["values"]
    intervals = ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]
    expected = {"type": "table", "tableName": ROLLUP, **({"intervals": intervals} if shown else {})}
    assert summary["target"] == expected
    assert job["target"]["intervals"] == job["spec"]["target"]["intervals"] == intervals
