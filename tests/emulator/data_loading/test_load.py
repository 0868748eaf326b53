# SPDX-License-Identifier: Apache-2.0
"""Loading rows into a table: their time, their types and the load job."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from airflow_provider_polaris.emulator.data_loading.load import load_all, load_file, load_rows
from airflow_provider_polaris.emulator.data_loading.row_files import LoadError


@pytest.fixture
def emulator(api):
    """The state of an emulator with the default settings."""
    return api.app.state.emulator


@pytest.mark.parametrize(
    "time",
    [
        "2024-06-01T00:30:00.125Z",
        "2024-06-01 10:30:00.125+10:00",
        1_717_201_800_125,
        datetime(2024, 6, 1, 0, 30, 0, 125_999),  # noqa: DTZ001
        datetime(2024, 6, 1, 10, 30, 0, 125_000, timezone(timedelta(hours=10))),
    ],
)
@pytest.mark.parametrize("column", ["__time", "timestamp"])
def test_load_takes_the_time_in_every_form(api, emulator, time, column) -> None:
    """The time is stored in '__time', in UTC and to the millisecond; a time without a zone is UTC."""
    load_rows(emulator, "t", [{column: time, "n": 1}])
    assert api.query('SELECT * FROM "t"') == [{"__time": "2024-06-01T00:30:00.125Z", "n": 1}]


def test_load_takes_a_date_for_its_first_instant(api, emulator) -> None:
    """If a row has both time columns, '__time' is the time and the other one is data."""
    load_rows(emulator, "t", [{"timestamp": "noon", "__time": date(2024, 6, 1)}])
    assert api.query('SELECT * FROM "t"') == [{"__time": "2024-06-01T00:00:00.000Z", "timestamp": "noon"}]


def test_load_gives_each_column_the_narrowest_type_that_holds_its_values(api, emulator) -> None:
    """A row may lack a column; mixed types become text, and no number loses digits."""
    rows = [
        {"__time": 0, "whole": 1, "number": 1, "text": "a", "mix": 1, "truth": True, "huge": 2**70, "never": None},
        {"__time": 1, "number": 2.5, "mix": "b", "money": Decimal("1.25"), "day": date(2024, 6, 1)},
        {
            "__time": 2,
            "texts": ["a", None],
            "numbers": [1, 2.5],
            "deep": {"when": datetime(2024, 6, 1, tzinfo=timezone.utc)},
            "odd": [1, "a"],
        },
    ]
    load_rows(emulator, "t", rows)
    schema = {column["name"]: column["dataType"] for column in api.ok("GET", "/tables/t")["schema"]}
    assert schema == {
        "__time": "timestamp",
        "whole": "long",
        "number": "double",
        "text": "string",
        "mix": "string",
        "truth": "string",
        "huge": "string",
        "never": "string",
        "money": "double",
        "day": "string",
        "texts": "stringArray",
        "numbers": "doubleArray",
        "deep": "json",
        "odd": "json",
    }
    first, second, third = api.query('SELECT * FROM "t" ORDER BY "__time"')
    assert (first["whole"], first["number"], first["mix"], first["truth"]) == (1, 1.0, "1", "true")
    assert (first["huge"], first["never"]) == ("1180591620717411303424", None)
    assert (second["whole"], second["number"], second["money"], second["day"]) == (None, 2.5, 1.25, "2024-06-01")
    assert (third["texts"], third["numbers"]) == ('["a",null]', "[1.0,2.5]")
    assert (third["deep"], third["odd"]) == ('{"when":"2024-06-01T00:00:00.000Z"}', '[1,"a"]')


def test_load_is_a_job_that_can_be_looked_at(api, emulator) -> None:
    """It has a spec, SQL and totals, like every job over an uploaded file."""
    loaded = load_rows(emulator, "t", [{"__time": 0, "n": 1}, {"__time": 1, "n": 2}])
    (job,) = api.ok("GET", "/jobs")["values"]
    assert (loaded.table, loaded.rows, loaded.job_id) == ("t", 2, job["id"])
    assert job["executionStatus"] == "completed"
    assert api.ok("GET", f"/jobs/{loaded.job_id}")["source"]["fileList"] == ["t.json"]
    assert api.ok("GET", f"/jobs/{loaded.job_id}/metrics")["totals"]["numRowsPersisted"] == 2


@pytest.mark.parametrize("progression", ["polls=50", "seconds=3600"])
def test_load_is_done_at_once_whatever_the_progression(make_api, progression) -> None:
    """The rows are stored without a poll and without advancing time; the next job follows the progression."""
    api = make_api(progression)
    load_rows(api.app.state.emulator, "t", [{"__time": 0}])
    assert api.count("t") == 1
    rollup = {"type": "table", "tableName": "t"}
    job = api.submit(api.rollup(source=rollup, mappings=[{"columnName": "__time", "expression": '"__time"'}]))
    assert api.ok("GET", f"/jobs/{job}/status") != {"executionStatus": "completed"}


def test_load_is_done_although_jobs_are_held(api, emulator) -> None:
    """Faults apply only to the jobs of the code under test."""
    api.fault(effect="job_status", jobStatus="running", times=None)
    load_rows(emulator, "t", [{"__time": 0}])
    assert [job.status for job in emulator.jobs.known()] == ["completed"]


def test_load_appends_or_replaces(api, emulator) -> None:
    """Append is the default; a replace removes all old rows."""
    load_rows(emulator, "t", [{"__time": 0, "n": 1}])
    load_rows(emulator, "t", [{"__time": 0, "n": 2}])
    assert api.count("t") == 2
    load_rows(emulator, "t", [{"__time": "2024-06-01", "n": 3}], mode="replace")
    assert [row["n"] for row in api.query('SELECT "n" FROM "t"')] == [3]


def test_load_uploads_each_content_once_under_a_name_of_its_own(api, emulator, tmp_path) -> None:
    """The same file is uploaded once; another file doesn't overwrite a file with the same name."""
    api.upload("events.csv.json", [{"mine": 1}])
    path = tmp_path / "events.csv"
    for text in ("__time\n2024-06-01\n", "__time\n2024-06-01\n", "__time\n2024-06-02\n"):
        path.write_text(text)
        load_file(emulator, "t", path)
    names = [file["name"] for file in api.ok("GET", "/files")["files"]]
    assert sorted(names) == ["2-events.csv.json", "3-events.csv.json", "events.csv.json"]
    assert api.count("t") == 3


def test_load_all_twice_ends_with_the_same_tables(api, emulator, tmp_path) -> None:
    """Several files of one table are loaded together and replace the old rows."""
    (tmp_path / "a.json").write_text('{"__time": "2024-06-01", "n": 1}\n')
    (tmp_path / "b.csv").write_text("timestamp,n\n2024-06-02,2\n")
    files = [("t", str(tmp_path / "a.json")), ("t", str(tmp_path / "b.csv")), ("u", str(tmp_path / "a.json"))]
    for _ in range(2):
        loaded = [(one.table, one.rows) for one in load_all(emulator, files, demo=False)]
        assert loaded == [("t", 1), ("t", 1), ("u", 1)]
        assert [row["n"] for row in api.query('SELECT "n" FROM "t" ORDER BY "__time"')] == [1, 2]
        assert api.count("u") == 1


def test_load_all_of_the_demo_fills_the_table_of_the_examples(api, emulator) -> None:
    """100,000 rows of three days, in the vendor's columns."""
    ((table, rows),) = [(one.table, one.rows) for one in load_all(emulator, [], demo=True)]
    assert (table, rows) == ("Koalas Source", 100_000)
    columns = 'COUNT(DISTINCT "city") AS "cities", MIN("__time") AS "first", MAX("__time") AS "last"'
    (found,) = api.query(f'SELECT {columns} FROM "Koalas Source"')
    assert found == {"cities": 12, "first": "2024-06-01T00:00:00.000Z", "last": "2024-06-03T23:59:57.408Z"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the data for table 't' holds no rows: there is nothing to load."),
        ([("a", 1)], "row 1 for table 't' is a tuple: pass a dictionary, column names as keys."),
        (
            [{"when": 0, "n": 1}],
            (
                "the data for table 't' has no column '__time' or 'timestamp', and every row of Polaris needs a time; "
                "its columns are 'when', 'n'. Rename the one that holds the time."
            ),
        ),
        (
            [{"__time": 0}, {"__time": "yesterday"}],
            (
                "the data for table 't', row 2: column '__time' is 'yesterday', which is not a time. Write ISO 8601, "
                "such as '2024-06-01T00:00:00Z', or milliseconds since 1970."
            ),
        ),
        (
            [{"__time": 0}, {"n": 1}],
            (
                "the data for table 't', row 2: column '__time' is None, which is not a time. Write ISO 8601, such as "
                "'2024-06-01T00:00:00Z', or milliseconds since 1970."
            ),
        ),
        (
            [{"__time": 0, "picture": b"x"}],
            "the data for table 't', row 1 can't be loaded: bytes have no JSON form. Omit that column.",
        ),
    ],
)
def test_load_of_rows_that_are_none_is_one_sentence(api, emulator, rows, message) -> None:
    """The message names row and column, and nothing has changed."""
    with pytest.raises(LoadError) as caught:
        load_rows(emulator, "t", rows)
    assert str(caught.value) == message
    assert api.state() == ([], [], [])


def test_load_that_the_api_refuses_is_one_sentence(emulator) -> None:
    """The message quotes the API's reason."""
    with pytest.raises(LoadError) as caught:
        load_rows(emulator, ".t", [{"__time": 0}])
    assert str(caught.value) == (
        "the data for table '.t' can't be loaded: table name '.t' is not valid: it starts with '.'."
    )


def test_load_whose_job_fails_is_one_sentence(emulator) -> None:
    """The message quotes the job's reason, and the job stays in the list."""
    with pytest.raises(LoadError) as caught:
        load_rows(emulator, "t", [{"__time": 0, "text": "a\0b"}])
    (job,) = emulator.jobs.known()
    assert str(caught.value) == (
        f"the data for table 't' can't be loaded: job {job.id} failed: {job.health['message']}"
    )
