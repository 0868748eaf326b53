# SPDX-License-Identifier: Apache-2.0
"""SQL, synchronous and asynchronous."""

from __future__ import annotations

import pytest

ROWS = 'SELECT "city", "session_length" FROM "Koalas Source" WHERE "session_length" > 5 GROUP BY 1, 2 ORDER BY 2'


COLUMN_CTY = "Column 'cty' not found in any table; known are '__time', 'city', 'session', 'session_length'"


def _post(api, **body):
    response = api.client.post(f"{api.prefix}/query/sql", json=body, headers=api.headers)
    return response.status_code, response.headers["content-type"].partition(";")[0], response.text


@pytest.mark.parametrize(
    ("options", "media_type", "text"),
    [
        (
            {},
            "application/json",
            (
                '[{"city":"Oslo","session_length":7},{"city":"Berlin","session_length":10},'
                '{"city":"berlin","session_length":30}]'
            ),
        ),
        ({"resultFormat": "array"}, "application/json", '[["Oslo",7],["Berlin",10],["berlin",30]]'),
        (
            {"resultFormat": "objectLines"},
            "text/plain",
            (
                '{"city":"Oslo","session_length":7}\n{"city":"Berlin","session_length":10}\n'
                '{"city":"berlin","session_length":30}\n\n'
            ),
        ),
        ({"resultFormat": "arrayLines"}, "text/plain", '["Oslo",7]\n["Berlin",10]\n["berlin",30]\n\n'),
        ({"resultFormat": "csv"}, "text/csv", "Oslo,7\nBerlin,10\nberlin,30\n\n"),
        (
            {"resultFormat": "array", "header": True, "typesHeader": True, "sqlTypesHeader": True},
            "application/json",
            '[["city","session_length"],["STRING","LONG"],["VARCHAR","BIGINT"],["Oslo",7],["Berlin",10],["berlin",30]]',
        ),
        (
            {"resultFormat": "csv", "header": True},
            "text/csv",
            "city,session_length\nOslo,7\nBerlin,10\nberlin,30\n\n",
        ),
        (
            {"header": True, "sqlTypesHeader": True},
            "application/json",
            (
                '[{"city":{"sqlType":"VARCHAR"},"session_length":{"sqlType":"BIGINT"}},{"city":"Oslo","session_length":7},'
                '{"city":"Berlin","session_length":10},{"city":"berlin","session_length":30}]'
            ),
        ),
        (
            {"header": True, "resultFormat": "object"},
            "application/json",
            (
                '[{"city":null,"session_length":null},{"city":"Oslo","session_length":7},'
                '{"city":"Berlin","session_length":10},{"city":"berlin","session_length":30}]'
            ),
        ),
    ],
)
def test_sync_query_answers_in_each_format(shared_koalas, options, media_type, text) -> None:
    """Each format has its text, media type and headers."""
    assert _post(shared_koalas, query=ROWS, **options) == (200, media_type, text)


def test_sync_query_names_the_types_of_times(shared_koalas) -> None:
    """OBSERVED(Druid 27): a DATE has a type of its own, and the form of a TIMESTAMP."""
    header = {"header": True, "typesHeader": True, "sqlTypesHeader": True, "resultFormat": "arrayLines"}
    sql = 'SELECT MIN("__time"), CAST(MIN("__time") AS DATE) FROM "Koalas Source"'
    assert _post(shared_koalas, query=sql, **header)[2] == (
        '["EXPR$0","EXPR$1"]\n["LONG","LONG"]\n["TIMESTAMP","DATE"]\n'
        '["2024-06-01T00:10:00.000Z","2024-06-01T00:00:00.000Z"]\n\n'
    )


def test_sync_query_csv_quotes_what_needs_it(shared_koalas) -> None:
    """Commas and quotes are quoted, null is empty, a boolean is that of JSON."""
    sql = "SELECT 'a,b', 'say \"hi\"', CAST(NULL AS VARCHAR), 1 = 1, TIMESTAMP '2024-06-01 00:00:00'"
    assert (
        _post(shared_koalas, query=sql, resultFormat="csv")[2]
        == '"a,b","say ""hi""",,true,2024-06-01T00:00:00.000Z\n\n'
    )


def test_sync_query_takes_parameters(shared_koalas) -> None:
    """Values for the question marks, with their SQL types."""
    sql = 'SELECT COUNT(*) AS n FROM "Koalas Source" WHERE "city" = ? AND "__time" >= ?'
    parameters = [{"type": "VARCHAR", "value": "Oslo"}, {"type": "TIMESTAMP", "value": "2024-06-02 00:00:00"}]
    assert shared_koalas.ok("POST", "/query/sql", {"query": sql, "parameters": parameters}) == [{"n": 1}]


@pytest.mark.parametrize(
    ("body", "category", "part"),
    [
        ({"query": "SELEKT 1"}, "INVALID_INPUT", ""),
        ({"query": 'SELECT * FROM "Wombats"'}, "INVALID_INPUT", "Wombats"),
        ({"query": 'SELECT "cty" FROM "Koalas Source"'}, "INVALID_INPUT", "cty"),
        ({"query": 'SELECT SOUNDEX("city") FROM "Koalas Source"'}, "UNSUPPORTED", "SOUNDEX"),
        ({"query": "INSERT INTO t SELECT 1"}, "INVALID_INPUT", "INSERT"),
        ({"query": " -- x\n/* y */ replace into t"}, "INVALID_INPUT", "REPLACE"),
        ({"query": "DROP TABLE data_1"}, "UNSUPPORTED", ""),
        ({"query": "SELECT 1; SELECT 2"}, "INVALID_INPUT", ""),
        ({"query": "SELECT * FROM read_csv('/etc/passwd')"}, "", ""),
        ({"query": 'SELECT * FROM "data_1"'}, "INVALID_INPUT", "data_1"),
        ({"query": ""}, "INVALID_INPUT", "query"),
        ({}, "INVALID_INPUT", "query"),
        ({"query": 7}, "INVALID_INPUT", "query"),
        ({"query": "SELECT 1", "resultFormat": "xml"}, "INVALID_INPUT", "resultFormat"),
    ],
)
def test_sync_query_that_is_wrong_is_refused_in_the_shape_of_sql_errors(shared_koalas, body, category, part) -> None:
    """The error is a 400 with the vendor's keys; the database is unchanged."""
    before = shared_koalas.state()
    status, answer = shared_koalas.call("POST", "/query/sql", body)
    assert status == 400
    assert answer.keys() == {"error", "errorCode", "persona", "category", "errorMessage", "context"}
    assert category in ("", answer["category"])
    assert part in answer["errorMessage"]
    assert shared_koalas.state() == before


def test_only_async_query_sorts_rows_by_any_column(koalas) -> None:
    """A synchronous query runs in Druid's native engine, which sorts rows of a table by time. OBSERVED(Druid 33)."""
    sql = 'SELECT "session_length" FROM "Koalas Source" ORDER BY {} DESC'
    assert [row["session_length"] for row in koalas.query(sql.format('"__time"'))] == [7, 5, 30, 10]
    status, answer = koalas.call("POST", "/query/sql", {"query": sql.format('"session_length"')})
    assert (status, answer["category"], answer["errorMessage"]) == (
        400,
        "INVALID_INPUT",
        (
            "Query could not be planned. A possible reason is [SQL query requires ordering a table by non-time column "
            "[[session_length]], which is not supported.]"
        ),
    )
    query_id = _statement(koalas, sql.format('"session_length"'))["queryId"]
    assert koalas.ok("GET", f"/query/sql/statements/{query_id}")["state"] == "SUCCESS"
    rows = koalas.ok("GET", f"/query/sql/statements/{query_id}/results")
    assert [row["session_length"] for row in rows] == [30, 10, 7, 5]


def _statement(api, sql=ROWS):
    return api.ok("POST", "/query/sql/statements", {"query": sql})


def test_async_query_is_accepted_then_done(koalas) -> None:
    """The POST returns ACCEPTED, the next poll SUCCESS with a summary; the results are those of the query."""
    accepted = _statement(koalas)
    assert (accepted.keys(), accepted["state"]) == ({"queryId", "state", "createdAt"}, "ACCEPTED")
    koalas.clock.advance(1.5)
    done = koalas.ok("GET", f"/query/sql/statements/{accepted['queryId']}")
    assert (done["state"], done["durationMs"]) == ("SUCCESS", 1500)
    assert done["schema"][1] == {"name": "session_length", "type": "BIGINT", "nativeType": "LONG"}
    assert (done["result"]["numTotalRows"], done["result"]["sampleRecords"][0]) == (3, ["Oslo", 7])
    rows = koalas.ok("GET", f"/query/sql/statements/{accepted['queryId']}/results")
    assert rows == koalas.query(ROWS)


def test_async_query_has_its_results_in_pages(make_api) -> None:
    """Pages are numbered from 0; without a number, all rows are returned."""
    api = make_api(query_page_rows=2)
    api.koalas()
    path = f"/query/sql/statements/{_statement(api)['queryId']}"
    pages = api.ok("GET", path)["result"]["pages"]
    assert [(page["id"], page["numRows"]) for page in pages] == [(0, 2), (1, 1)]
    assert sum(page["sizeInBytes"] for page in pages) == api.ok("GET", path)["result"]["totalSizeInBytes"] > 0
    answers = [api.ok("GET", f"{path}/results{query}") for query in ("?page=0", "?page=1", "")]
    assert [[row["session_length"] for row in rows] for rows in answers] == [[7, 10], [30], [7, 10, 30]]
    assert api.call("GET", f"{path}/results?page=2")[0] == 400
    assert api.call("GET", f"{path}/results?page=x")[0] == 400
    csv = api.client.get(f"{api.prefix}{path}/results?resultFormat=csv", headers=api.headers)
    assert csv.text == "Oslo,7\nBerlin,10\nberlin,30\n\n"


def test_async_query_results_do_not_change_afterwards(koalas) -> None:
    """Results keep the state of the query's end."""
    query_id = _statement(koalas, 'SELECT COUNT(*) AS n FROM "Koalas Source"')["queryId"]
    path = f"/query/sql/statements/{query_id}"
    assert koalas.ok("GET", path)["state"] == "SUCCESS"
    koalas.run(
        koalas.rollup(target={"type": "table", "tableName": "Koalas Source"}, mappings=koalas.rollup()["mappings"][:1])
    )
    assert koalas.ok("GET", f"{path}/results") == [{"n": 4}]


def test_async_query_without_rows_has_no_pages(koalas) -> None:
    """An empty result is a success."""
    query_id = _statement(koalas, 'SELECT 1 AS x FROM "Koalas Source" WHERE 1 = 2')["queryId"]
    assert koalas.ok("GET", f"/query/sql/statements/{query_id}")["result"]["pages"] == []
    assert koalas.ok("GET", f"/query/sql/statements/{query_id}/results") == []


def test_async_query_that_is_running_has_no_results_yet(make_api) -> None:
    """The reply is a 400 in the format of SQL errors."""
    api = make_api("polls=3")
    api.koalas()
    query_id = _statement(api)["queryId"]
    assert api.ok("GET", f"/query/sql/statements/{query_id}")["state"] == "RUNNING"
    status, answer = api.call("GET", f"/query/sql/statements/{query_id}/results")
    assert (status, answer["errorMessage"]) == (
        400,
        f"Query[{query_id}] is currently in [RUNNING] state. Please wait for it to complete.",
    )
    states = [api.ok("GET", f"/query/sql/statements/{query_id}")["state"] for _ in range(2)]
    assert states == ["RUNNING", "SUCCESS"]


@pytest.mark.parametrize(
    ("sql", "code", "category", "message"),
    [
        ('SELECT "cty" FROM "Koalas Source"', "invalidInput", "INVALID_INPUT", COLUMN_CTY),
        ('SELECT 1 FROM "Koala"', "invalidInput", "INVALID_INPUT", "Object 'Koala' not found"),
        (
            'SELECT SOUNDEX("city") FROM "Koalas Source"',
            "general",
            "UNSUPPORTED",
            "function 'SOUNDEX' is not supported",
        ),
    ],
)
def test_async_query_that_is_wrong_is_refused(koalas, sql, code, category, message) -> None:
    """It is planned before it is accepted. OBSERVED(Druid 27)."""
    before = koalas.state()
    status, answer = koalas.call("POST", "/query/sql/statements", {"query": sql})
    assert answer.pop("taskId").startswith("query-")
    assert (status, answer) == (
        400,
        {
            "state": "FAILED",
            "error": {
                "error": "druidException",
                "errorCode": code,
                "persona": "USER",
                "category": category,
                "errorMessage": message,
                "context": {},
            },
        },
    )
    assert koalas.state() == before


def test_async_request_that_is_no_query_is_refused(koalas) -> None:
    """The error is below ``error``, as for a query that can't be planned."""
    assert koalas.call("POST", "/query/sql/statements", {"query": 1}) == (
        400,
        {
            "state": "FAILED",
            "error": {
                "error": "druidException",
                "errorCode": "invalidInput",
                "persona": "USER",
                "category": "INVALID_INPUT",
                "errorMessage": "field 'query' has the value 1: it must be a string.",
                "context": {},
            },
        },
    )


def test_async_query_that_fails_while_it_runs(koalas) -> None:
    """It is accepted, then FAILED with the error; it has no results."""
    query_id = _statement(koalas, 'SELECT 1 / ("session_length" - "session_length") FROM "Koalas Source"')["queryId"]
    failed = koalas.ok("GET", f"/query/sql/statements/{query_id}")
    assert (failed["state"], failed["errorDetails"]["category"]) == ("FAILED", "RUNTIME_FAILURE")
    assert koalas.call("GET", f"/query/sql/statements/{query_id}/results")[0] == 404


def test_async_query_has_times_as_milliseconds(koalas) -> None:
    """OBSERVED(Druid 27): not as ISO 8601 text, in which a synchronous query has them."""
    columns = '"__time" AS "newest", TIME_FLOOR("__time", \'P1D\') AS "day", "city"'
    sql = f'SELECT {columns} FROM "Koalas Source" WHERE "session_length" = 7'
    query_id = _statement(koalas, sql)["queryId"]
    done = koalas.ok("GET", f"/query/sql/statements/{query_id}")
    assert done["result"]["sampleRecords"] == [[1717293600000, 1717286400000, "Oslo"]]
    rows = koalas.ok("GET", f"/query/sql/statements/{query_id}/results")
    assert rows == [{"newest": 1717293600000, "day": 1717286400000, "city": "Oslo"}]
    assert koalas.query(sql)[0]["newest"] == "2024-06-02T02:00:00.000Z"


def test_async_query_can_be_canceled_once(make_api) -> None:
    """202 means canceled, 200 nothing to cancel; a canceled query has no results."""
    api = make_api("polls=3")
    api.koalas()
    path = f"/query/sql/statements/{_statement(api)['queryId']}"
    assert api.call("DELETE", path) == (202, None)
    assert api.call("DELETE", path) == (200, None)
    assert api.ok("GET", path)["state"] == "FAILED"
    assert api.call("GET", f"{path}/results")[0] == 404


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/results"), ("DELETE", "")])
def test_async_query_that_is_unknown_is_a_404(api, method, path) -> None:
    """The 404 has the format of SQL errors."""
    status, answer = api.call(method, f"/query/sql/statements/nope{path}")
    assert (status, answer["category"]) == (404, "INVALID_INPUT")
    assert "[nope]" in answer["errorMessage"]


def test_async_ingestion_is_a_501(api) -> None:
    """INSERT and REPLACE are not implemented."""
    status, answer = api.call("POST", "/query/sql/statements", {"query": "REPLACE INTO t OVERWRITE ALL SELECT 1"})
    assert (status, answer["message"]) == (
        501,
        "The emulator does not implement INSERT and REPLACE in asynchronous queries.",
    )


_ARRAYS = "SELECT ARRAY[1, 2] AS la, ARRAY['a', NULL, ''] AS sa, ARRAY[1.5, 1e300] AS da"


@pytest.mark.parametrize(
    ("value", "is_list"),
    [(False, True), ("false", True), ("no", True), (True, False), ("TRUE", False), (None, False)],
)
def test_context_of_a_query_chooses_lists_for_arrays(shared_koalas, value, is_list) -> None:
    """By default an array is a string with JSON. OBSERVED(Druid 33)."""
    body = {"query": _ARRAYS, "context": {"sqlStringifyArrays": value}, "resultFormat": "array"}
    text = [["[1,2]", '["a",null,""]', "[1.5,1.0E300]"]]
    lists = [[[1, 2], ["a", None, ""], [1.5, 1e300]]]
    assert shared_koalas.ok("POST", "/query/sql", body) == (lists if is_list else text)


def test_lists_in_csv_are_those_of_java(shared_koalas) -> None:
    """They have no quotes. OBSERVED(Druid 33)."""
    context = {"sqlStringifyArrays": False}
    assert _post(shared_koalas, query=_ARRAYS, context=context, resultFormat="csv") == (
        200,
        "text/csv",
        '"[1, 2]","[a, null, ]","[1.5, 1.0E300]"\n\n',
    )


def test_number_as_sqlstringifyarrays_is_refused(shared_koalas) -> None:
    """It is neither true nor false. OBSERVED(Druid 33)."""
    body = {"query": _ARRAYS, "context": {"sqlStringifyArrays": 0}}
    status, answer = shared_koalas.call("POST", "/query/sql", body)
    assert (status, answer["category"], answer["errorMessage"]) == (
        400,
        "RUNTIME_FAILURE",
        "sqlStringifyArrays in the context is neither a boolean nor text.",
    )


def test_async_query_with_lists_is_not_implemented(shared_koalas) -> None:
    """It is refused by name: the results of asynchronous queries have arrays as text."""
    body = {"query": _ARRAYS, "context": {"sqlStringifyArrays": False}}
    status, answer = shared_koalas.call("POST", "/query/sql/statements", body)
    assert (status, answer["message"]) == (
        501,
        "The emulator does not implement sqlStringifyArrays in the context of asynchronous queries.",
    )
