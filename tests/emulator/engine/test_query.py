# SPDX-License-Identifier: Apache-2.0
"""Queries: live rows only, JSON values, and clear error messages."""

from __future__ import annotations

import json
import threading

import pytest

from airflow_provider_polaris.emulator.engine import (
    Column,
    QueryFailed,
    SqlInvalid,
    SqlNotSupported,
    TableInput,
    run_query,
)
from tests.emulator.engine.conftest import COPY, ROWS, Engine, day


@pytest.fixture
def loaded(engine: Engine) -> Engine:
    """An engine with five rows in 'Koalas Source'."""
    engine.load("Koalas Source")
    return engine


def ask(engine: Engine, sql: str, **options: int) -> list[tuple[object, ...]]:
    return run_query(sql, engine.tables, engine.store, **options).rows


def test_query_answers_json_values_with_types(loaded: Engine) -> None:
    """Times are ISO text, and everything passes through json.dumps."""
    result = run_query(
        'SELECT "__time", "city", "session_length" / 2.0 AS "half" FROM "Koalas Source" ORDER BY "__time" LIMIT 1',
        loaded.tables,
        loaded.store,
    )
    assert result.columns == (Column("__time", "timestamp"), Column("city", "string"), Column("half", "double"))
    assert result.rows == [("2024-06-01T00:10:00.000Z", "Berlin", 5.0)]
    assert json.loads(json.dumps(result.rows, allow_nan=False)) == [["2024-06-01T00:10:00.000Z", "Berlin", 5.0]]


def test_query_counts_in_an_interval(loaded: Engine) -> None:
    """The query that verifies a job."""
    sql = """SELECT COUNT(*) FROM "Koalas Source" WHERE TIME_IN_INTERVAL("__time", '2024-06-01/2024-06-02')"""
    assert ask(loaded, sql) == [(3,)]


def test_query_does_not_see_hidden_rows(loaded: Engine) -> None:
    """Replaced rows are stored, but never returned."""
    plan = {"target": "Koalas Source", "source": TableInput("Koalas Source"), "mappings": COPY}
    loaded.run(mode="replace", intervals=((day(1), day(2)),), filter_expression="\"city\" = 'Oslo'", **plan)
    assert ask(loaded, 'SELECT COUNT(*), SUM("session_length") FROM "Koalas Source"') == [(3, 21)]


def test_query_of_more_rows_than_allowed_is_cut_and_says_so(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the limit is not truncated, independent of the fetch size."""
    monkeypatch.setattr("airflow_provider_polaris.emulator.engine.query._BATCH", 2)
    for limit, cut in ((4, True), (5, False), (6, False)):
        result = run_query('SELECT "city" FROM "Koalas Source"', loaded.tables, loaded.store, max_rows=limit)
        assert (len(result.rows), result.truncated) == (min(limit, 5), cut)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ('SELECT "town" FROM "Koalas Source"', "Column 'town' not found in any table"),
        ('SELECT * FROM "nowhere"', "Object 'nowhere' not found"),
        ("SELECT * FROM data_1", "Object 'data_1' not found"),
        ("SELECT * FROM polaris_document", "Object 'polaris_document' not found"),
    ],
)
def test_query_that_is_wrong_is_refused(loaded: Engine, sql: str, message: str) -> None:
    """The engine's own tables can't be queried."""
    with pytest.raises(SqlInvalid) as caught:
        ask(loaded, sql)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("sql", ["SELECT READ_TEXT('/etc/passwd')", "SELECT FROBNICATE(1)"])
def test_query_with_an_unknown_function_is_refused_by_name(loaded: Engine, sql: str) -> None:
    """DuckDB's own functions can't be called."""
    with pytest.raises(SqlNotSupported) as caught:
        ask(loaded, sql)
    assert caught.value.function in ("READ_TEXT", "FROBNICATE")


def test_query_that_fails_while_it_runs_says_why(loaded: Engine) -> None:
    """A number out of range is an error, not a wrong number; the store works afterwards."""
    with pytest.raises(QueryFailed) as caught:
        ask(loaded, 'SELECT SUM("session_length" * 1000000000000000000) FROM "Koalas Source"')
    assert caught.value.message.startswith("the query failed: ")
    assert "\n" not in caught.value.message
    assert ask(loaded, 'SELECT COUNT(*) FROM "Koalas Source"') == [(len(ROWS),)]


def test_query_of_a_column_that_no_row_has_yet_reads_null(engine: Engine) -> None:
    """Declared columns exist before any job writes them, sketches too."""
    engine.create("new", columns=(Column("a", "long"), Column("people", "HLLSketch")))
    assert ask(engine, 'SELECT "a", "__time" FROM "new"') == []
    assert ask(engine, 'SELECT COUNT("a"), APPROX_COUNT_DISTINCT_DS_HLL("people") FROM "new"') == [(0, 0)]


def test_query_of_another_thread_does_not_wait_for_a_writer(loaded: Engine) -> None:
    """While a job runs, other threads read the old state of the table."""
    seen: list[object] = []

    def read() -> None:
        seen.extend(ask(loaded, 'SELECT COUNT(*) FROM "Koalas Source"'))

    with loaded.store.transaction():
        loaded.run(target="Koalas Source", mode="append", source=TableInput("Koalas Source"), mappings=COPY)
        assert ask(loaded, 'SELECT COUNT(*) FROM "Koalas Source"') == [(10,)]
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(120)
        assert seen == [(5,)]
    assert ask(loaded, 'SELECT COUNT(*) FROM "Koalas Source"') == [(10,)]


@pytest.mark.parametrize("text", ["'abcdefghij'", "UPPER('abcdefghij')", '"city"'])
def test_repeat_of_too_much_fails_before_it_is_made(loaded: Engine, text: str) -> None:
    """A short expression must not fill the memory, whether DuckDB evaluates it in planning or execution."""
    with pytest.raises(QueryFailed) as caught:
        ask(loaded, f'SELECT LENGTH(REPEAT({text}, 2000000000)) FROM "Koalas Source"')
    assert caught.value.message == (
        "the query failed: Invalid Input Error: function 'REPEAT' is not supported with a result of more than 16777216 "
        "characters."
    )


def test_repeat_up_to_its_limit_is_made(loaded: Engine) -> None:
    """Repeating NULL gives NULL, and so do zero repetitions."""
    sql = (
        "SELECT LENGTH(REPEAT('ab', 8388608)), REPEAT(NULLIF(LOWER('X'), 'y'), 0), REPEAT(CAST(NULL AS VARCHAR), 5), "
        "REPEAT('', 2000000000)"
    )
    assert ask(loaded, sql) == [(16_777_216, None, None, "")]
