# SPDX-License-Identifier: Apache-2.0
"""Jobs of type ``sql`` run on the same tables and segments as batch jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from airflow_provider_polaris.emulator.settings import EmulatorSettings
from tests.emulator.conftest import Api, Clock

DAY_1 = "__time >= TIMESTAMP '2024-06-01 00:00:00' AND __time < TIMESTAMP '2024-06-02 00:00:00'"


def sql(query: str, **fields: Any) -> dict[str, Any]:
    return {"type": "sql", "query": query, "createTableIfNotExists": True, **fields}


def done(api: Api, query: str, **fields: Any) -> dict[str, Any]:
    job = api.run(sql(query, **fields))
    assert job["executionStatus"] == "completed", job
    return job


@pytest.fixture
def koalas(api: Api) -> Api:
    """Four rows, and a table of countries."""
    return with_countries(api)


@pytest.fixture(scope="module")
def unchanged(portal: BlockingPortal) -> Iterator[Api]:
    """The same for all tests that change nothing."""
    api = with_countries(Api(EmulatorSettings(), Clock(), portal))
    yield api
    api.client.close()
    api.app.state.emulator.close()


def with_countries(api: Api) -> Api:
    api.koalas()
    api.upload("countries.json", [{"city": "Oslo", "country": "NO"}, {"city": "Berlin", "country": "DE"}])
    job = api.upload_job("Countries", "countries.json")
    job["source"]["inputSchema"] = [{"name": "city", "dataType": "string"}, {"name": "country", "dataType": "string"}]
    job["mappings"] = [
        {"columnName": "__time", "expression": "TIMESTAMP '2024-01-01 00:00:00'"},
        {"columnName": "city", "expression": '"city"'},
        {"columnName": "country", "expression": '"country"'},
    ]
    assert api.run(job)["executionStatus"] == "completed"
    return api


def test_a_join_with_a_subquery_and_a_cte_fills_a_new_table(koalas: Api) -> None:
    """The rows are those of the SELECT; the table is partitioned as the statement says."""
    job = done(
        koalas,
        """INSERT INTO "by country"
        WITH long_ones AS (SELECT * FROM "Koalas Source" WHERE "session_length" > ?)
        SELECT l."__time", c."country", l."session_length"
        FROM long_ones l JOIN (SELECT "city", "country" FROM "Countries") c ON l."city" = c."city"
        PARTITIONED BY HOUR CLUSTERED BY 2""",
        parameters=[{"type": "BIGINT", "value": 5}],
    )
    assert koalas.query('SELECT * FROM "by country"') == [
        {"__time": "2024-06-01T00:10:00.000Z", "country": "DE", "session_length": 10},
        {"__time": "2024-06-02T02:00:00.000Z", "country": "NO", "session_length": 7},
    ]
    table = koalas.ok("GET", "/tables/by country")
    assert (table["type"], table["partitioningGranularity"]) == ("detail", "hour")
    metrics = koalas.ok("GET", f"/jobs/{job['id']}/metrics")["totals"]
    assert (metrics["numRowsProcessed"], metrics["numRowsPersisted"]) == (2, 2)


def test_the_echo_has_the_request_and_no_more(koalas: Api) -> None:
    """The target comes from the statement; parameters and context are returned."""
    query = 'INSERT INTO "t" SELECT "__time", "city" FROM "Koalas Source" WHERE "city" = ? PARTITIONED BY DAY'
    parameters = [{"type": "VARCHAR", "value": "Oslo"}]
    job = done(koalas, query, parameters=parameters, context={"airflow": "m"})
    assert job["spec"] == {
        "type": "sql",
        "query": query,
        "context": {"airflow": "m"},
        "createTableIfNotExists": True,
        "parameters": parameters,
    }
    assert job["target"] == {"tableName": "t", "type": "table", "intervals": []}
    assert (job["query"], job["context"], job["parameters"]) == (query, {"airflow": "m"}, parameters)
    (listed,) = koalas.ok("GET", "/jobs?type=sql")["values"]
    assert "query" not in listed
    assert koalas.ok("GET", f"/jobs/{job['id']}/progress") == {"overallProgress": 1.0}


def test_a_replace_hides_the_old_segments_of_its_interval(koalas: Api) -> None:
    """A second run of the same statement gives the same table; other days stay."""
    copy = 'SELECT "__time", "city" FROM "Koalas Source"'
    done(koalas, f'INSERT INTO "t" {copy} PARTITIONED BY DAY')
    for _ in range(2):
        done(
            koalas,
            f"""REPLACE INTO "t" OVERWRITE WHERE {DAY_1}
            SELECT "__time", UPPER("city") AS "city" FROM "Koalas Source" WHERE {DAY_1} PARTITIONED BY DAY""",
        )
    rows = koalas.query('SELECT "city" FROM "t"')
    assert sorted(row["city"] for row in rows) == ["BERLIN", "BERLIN", "OSLO", "Oslo"]
    assert len(koalas.segments("unused", "t")) == 2
    done(koalas, f'REPLACE INTO "t" OVERWRITE ALL {copy} LIMIT 1 PARTITIONED BY ALL')
    assert koalas.count("t") == 1


def test_a_rollup_makes_an_aggregate_table_with_a_count_that_is_null(koalas: Api) -> None:
    """The column __count has values only if the statement writes it."""
    done(
        koalas,
        """INSERT INTO "r" SELECT TIME_FLOOR("__time", 'P1D') AS "__time", COUNT(*) AS "n", SUM("session_length") AS "s"
        FROM "Koalas Source" GROUP BY 1 PARTITIONED BY DAY""",
    )
    table = koalas.ok("GET", "/tables/r")
    assert table["type"] == "aggregate"
    assert [(one["name"], one.get("type")) for one in table["schema"]] == [
        ("__time", "dimension"),
        ("n", "measure"),
        ("s", "measure"),
        ("__count", "measure"),
    ]
    assert koalas.query('SELECT "n", "s", "__count" FROM "r"') == [
        {"n": 3, "s": 45, "__count": None},
        {"n": 1, "s": 7, "__count": None},
    ]


def test_rows_outside_of_the_overwritten_interval_fail_the_job(koalas: Api) -> None:
    """As in Druid; nothing of the table changes."""
    done(koalas, 'INSERT INTO "t" SELECT "__time", "city" FROM "Koalas Source" PARTITIONED BY DAY')
    job = koalas.run(
        sql(f'REPLACE INTO "t" OVERWRITE WHERE {DAY_1} SELECT "__time", "city" FROM "Koalas Source" PARTITIONED BY DAY')
    )
    assert (job["executionStatus"], job["health"]["code"]) == ("failed", "timestamp_out_of_bounds")
    assert koalas.count("t") == 4


@pytest.mark.parametrize(
    ("context", "status", "code", "rows"),
    [({}, "completed", "no_rows_found", 1), ({"failOnEmptyInsert": True}, "failed", "no_rows_ingested", 4)],
)
def test_a_replace_without_rows_empties_its_interval_unless_told_to_fail(
    koalas: Api, context: dict[str, Any], status: str, code: str, rows: int
) -> None:
    """The switch empty_replace counts, too."""
    done(koalas, 'INSERT INTO "t" SELECT "__time", "city" FROM "Koalas Source" PARTITIONED BY DAY')
    query = (
        f'REPLACE INTO "t" OVERWRITE WHERE {DAY_1} SELECT "__time", "city" FROM "Koalas Source" WHERE "city" = \'x\' '
        "PARTITIONED BY DAY"
    )
    job = koalas.run(sql(query, context=context))
    assert (job["executionStatus"], job["health"]["code"]) == (status, code)
    assert koalas.count("t") == rows
    koalas.assume(empty_replace="fail")
    assert koalas.run(sql(query))["executionStatus"] == "failed"


def test_a_statement_without_time_is_stored_at_1970(koalas: Api) -> None:
    """Only PARTITIONED BY ALL allows it; types are stored as Druid stores them."""
    done(
        koalas,
        """REPLACE INTO "t" OVERWRITE ALL SELECT DISTINCT 1.5 AS "f", TRUE AS "b", DATE '2024-01-01' AS "d"
        FROM "Countries" PARTITIONED BY ALL TIME""",
    )
    (row,) = koalas.query('SELECT * FROM "t"')
    assert row == {"__time": "1970-01-01T00:00:00.000Z", "f": 1.5, "b": 1, "d": 1704067200000}
    assert type(row["b"]) is int


def test_an_aggregate_over_no_rows_stores_no_row(koalas: Api) -> None:
    """A SELECT would return one, with the count 0; the job of Druid 27 has none."""
    for condition, rows in (("x", 0), ("Oslo", 1)):
        done(
            koalas,
            f"""REPLACE INTO "t" OVERWRITE ALL SELECT TIMESTAMP '2024-01-01' AS "__time", COUNT(*) AS "n"
            FROM "Koalas Source" WHERE "city" = '{condition}' PARTITIONED BY DAY""",
        )
        assert koalas.count("t") == rows


def test_a_deletion_is_refused_while_a_statement_reads_the_table(koalas: Api, make_api: Any) -> None:
    """Every table of the statement counts, a table in a subquery, too."""
    api = make_api("polls=3")
    api.koalas()
    api.submit(sql('INSERT INTO "t" SELECT * FROM (SELECT "__time", "city" FROM "Koalas Source") x PARTITIONED BY DAY'))
    status, answer = api.call("POST", "/jobs", api.about("delete_data", "Koalas Source", deleteAll=True))
    assert status == 400
    assert "can't be deleted from while job" in answer["message"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT 1", "Received an unexpected token [SELECT], acceptable options: [INSERT, REPLACE]"),
        (
            'INSERT INTO "t" SELECT * FROM "Countries" PARTITIONED BY DAY;',
            "Received an unexpected token [;] (line [1], column [61])",
        ),
        (
            'INSERT INTO "t" ("a") SELECT * FROM "Countries" PARTITIONED BY DAY',
            "Operation [INSERT] cannot be run with a target column list, given [t]",
        ),
        (
            'INSERT INTO "t" SELECT * FROM "Countries"',
            "Operation [INSERT] requires a PARTITIONED BY to be explicitly defined, but none was found.",
        ),
        (
            'INSERT INTO "t" SELECT * FROM "Countries" CLUSTERED BY 1 PARTITIONED BY DAY',
            "CLUSTERED BY found before PARTITIONED BY, CLUSTERED BY must come after the PARTITIONED BY clause",
        ),
        (
            'REPLACE INTO "t" SELECT * FROM "Countries" PARTITIONED BY DAY',
            (
                "Missing time chunk information in OVERWRITE clause for REPLACE. Use OVERWRITE WHERE <__time based "
                "condition> or OVERWRITE ALL to overwrite the entire table."
            ),
        ),
        (
            'INSERT INTO sys."t" SELECT * FROM "Countries" PARTITIONED BY DAY',
            "Table [sys.t] does not support operation [INSERT] because it is not a Druid datasource",
        ),
        (
            'INSERT INTO "t" SELECT * FROM "Countries" PARTITIONED BY QUARTER',
            (
                "Invalid granularity [QUARTER] after PARTITIONED BY. Expected HOUR, DAY, MONTH, YEAR, ALL TIME, "
                "FLOOR() or TIME_FLOOR()"
            ),
        ),
        (
            'INSERT INTO "t" SELECT * FROM "Countries" PARTITIONED BY FLOOR(__time TO WEEK)',
            "PARTITIONED BY 'week' is not a partitioning granularity.",
        ),
        (
            (
                'REPLACE INTO "t" OVERWRITE WHERE __time = TIMESTAMP \'2024-01-01\' SELECT * FROM "Countries" '
                "PARTITIONED BY DAY"
            ),
            (
                "Invalid OVERWRITE WHERE clause [__time = CAST('2024-01-01' AS TIMESTAMP)]: expected clause including "
                "AND, OR, NOT, >, <, >=, <= OR BETWEEN operators"
            ),
        ),
        (
            (
                'REPLACE INTO "t" OVERWRITE WHERE __time >= TIMESTAMP \'2024-01-01\' SELECT * FROM "Countries" '
                "PARTITIONED BY DAY"
            ),
            (
                "OVERWRITE WHERE clause identified interval [2024-01-01T00:00:00.000Z/9999-12-31T23:59:59.999Z] which "
                "is not aligned with PARTITIONED BY granularity [day]"
            ),
        ),
        (
            'INSERT INTO "t" SELECT * FROM "Countries" ORDER BY 1 PARTITIONED BY DAY',
            "Cannot use an ORDER BY clause on a Query of type [INSERT], use CLUSTERED BY instead",
        ),
        (
            'INSERT INTO "t" SELECT * FROM "Countries" LIMIT 1 PARTITIONED BY DAY',
            'INSERT and REPLACE queries cannot have a LIMIT unless PARTITIONED BY is "ALL".',
        ),
        (
            'INSERT INTO "t" SELECT "city" FROM "Countries" PARTITIONED BY DAY',
            (
                "The granularity specified in the PARTITIONED BY clause is different from ALL. Therefore, the query "
                "must specify a time column (named __time)."
            ),
        ),
        (
            'INSERT INTO "t" SELECT "__time", "city", "city" FROM "Countries" PARTITIONED BY DAY',
            "Duplicate field in SELECT: [city]",
        ),
        (
            'INSERT INTO "t" SELECT "__time", UPPER("city") FROM "Countries" PARTITIONED BY DAY',
            (
                "Insertion requires columns to be named, but at least one of the columns was unnamed. Write AS and a "
                "name after each function."
            ),
        ),
        (
            'INSERT INTO "t" SELECT "city" AS "__time" FROM "Countries" PARTITIONED BY DAY',
            "Field [__time] was the wrong type [VARCHAR], expected TIMESTAMP",
        ),
        (
            (
                'INSERT INTO "t" SELECT "__time" FROM "Countries" UNION ALL SELECT "__time" FROM "Countries" '
                "PARTITIONED BY DAY"
            ),
            "UNION at the top level of an ingestion statement is not supported",
        ),
        (
            (
                'INSERT INTO "t" SELECT a."__time" FROM "Countries" a JOIN "Countries" b ON a."city" < b."city" '
                "PARTITIONED BY DAY"
            ),
            "SQL requires a join with 'LT' condition that is not supported.",
        ),
        (
            (
                'INSERT INTO "t" SELECT a."__time" FROM "Countries" a LEFT JOIN "Countries" b ON a."city" = \'x\' '
                "PARTITIONED BY DAY"
            ),
            "SQL is resulting in a join that has unsupported operand types.",
        ),
        (
            (
                'INSERT INTO "t" SELECT a."__time" FROM "Countries" a RIGHT JOIN "Countries" b ON a."city" = b."city" '
                "PARTITIONED BY DAY"
            ),
            (
                "RIGHT join is not supported by engine [msq-task] with sqlJoinAlgorithm: [broadcast]. Try "
                "sqlJoinAlgorithm: sortMerge."
            ),
        ),
        ('INSERT INTO "t" SELECT "__time" FROM "nope" PARTITIONED BY DAY', "Object 'nope' not found"),
        (
            'INSERT INTO "t" SELECT "__time" FROM "Countries" PARTITIONED BY DAY CLUSTERED BY "city"',
            "Column 'city' not found in any table",
        ),
        (
            'INSERT INTO "t" SELECT "__time" FROM "Countries" PARTITIONED BY DAY CLUSTERED BY 2',
            "Ordinal out of range in CLUSTERED BY",
        ),
    ],
)
def test_what_druid_cannot_plan_is_a_400_that_changes_nothing(unchanged: Api, query: str, message: str) -> None:
    """With Druid's reason."""
    before = unchanged.state()
    status, answer = unchanged.call("POST", "/jobs", sql(query))
    assert (status, answer["message"], answer["target"]) == (400, message, "query")
    assert unchanged.state() == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"context": {"sqlTimeZone": "Europe/Berlin"}},
            ("The emulator does not implement time zones other than UTC in 'sqlTimeZone'."),
        ),
        (
            {
                "query": 'INSERT INTO "t" SELECT "__time", LATEST("city", 10) AS "l" FROM "Countries" GROUP BY 1 '
                "PARTITIONED BY DAY"
            },
            ("The emulator does not implement this SQL: function 'LATEST' in an ingestion statement is not supported."),
        ),
        (
            {
                "query": 'INSERT INTO "t" SELECT "__time", APPROX_COUNT_DISTINCT("city") AS "l" FROM "Countries" '
                "GROUP BY 1 PARTITIONED BY DAY",
                "context": {"finalizeAggregations": False},
            },
            (
                "The emulator does not implement this SQL: "
                "function 'APPROX_COUNT_DISTINCT' with finalizeAggregations: false is not supported."
            ),
        ),
        (
            {"query": 'INSERT INTO "t" SELECT "__time", ARRAY[1] AS "l" FROM "Countries" PARTITIONED BY DAY'},
            "The emulator does not implement this SQL: the array in column 'l' can't be stored.",
        ),
    ],
)
def test_what_the_emulator_cannot_do_is_a_501(unchanged: Api, body: dict[str, Any], message: str) -> None:
    """It never pretends."""
    query = 'INSERT INTO "t" SELECT * FROM "Countries" PARTITIONED BY DAY'
    status, answer = unchanged.call("POST", "/jobs", sql(**{"query": query, **body}))
    assert (status, answer["message"]) == (501, message)


def test_a_missing_target_has_to_be_asked_for(unchanged: Api) -> None:
    """As for batch jobs."""
    body = sql('INSERT INTO "t" SELECT * FROM "Countries" PARTITIONED BY DAY', createTableIfNotExists=False)
    assert unchanged.call("POST", "/jobs", body)[1]["message"] == (
        "table 't' does not exist; create it, or set 'createTableIfNotExists' to true."
    )
