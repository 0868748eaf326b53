# SPDX-License-Identifier: Apache-2.0
"""Whole queries, run in DuckDB over two small tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from airflow_provider_polaris.emulator.sql import Column, SqlInvalid, SqlNotSupported, TableRelation, translate_query
from tests.emulator.sql.releases import SQLGLOT_30

KOALAS = (
    Column("__time", "timestamp"),
    Column("city", "string"),
    Column("session_length", "long"),
    Column("visitors", "HLLSketch"),
    Column("spread", "variance"),
    Column("last", "longStringPair"),
)
CITIES = (Column("name", "string"), Column("country", "varchar"))


FIRST_HOUR = datetime.fromisoformat("2024-06-05 00:00")
SECOND_HOUR = datetime.fromisoformat("2024-06-05 01:00")
IN_CITIES = "not found in any table; known are 'name', 'country'"
ONLY_SELECT = "is not supported: only SELECT can be queried"
ONLY_TABLES = "is not supported: only tables and subqueries are"


def _table(name: str) -> TableRelation | None:
    return {
        "Koalas Source": TableRelation("koalas", KOALAS),
        "cities": TableRelation("(SELECT * FROM cities)", CITIES),
    }.get(name)


@pytest.fixture(scope="module")
def run(connection) -> Callable[..., list[tuple[Any, ...]]]:
    """Translate and run a query."""
    connection.execute(
        """
        CREATE OR REPLACE TABLE koalas AS
        SELECT TIMESTAMP '2024-06-05' + to_minutes(20 * i) AS "__time", city, CAST(i AS BIGINT) AS session_length,
               ['a', CAST(i % 2 AS VARCHAR)] AS visitors,
               {'n': CAST(1 AS BIGINT), 'mean': CAST(i AS DOUBLE), 'm2': CAST(0 AS DOUBLE)} AS spread,
               {'t': TIMESTAMP '2024-06-05', 'v': 'x' || i} AS last
        FROM (VALUES (0, 'rome'), (1, 'oslo'), (2, 'rome'), (3, NULL), (4, 'rome')) AS v(i, city);
        CREATE OR REPLACE TABLE cities AS SELECT * FROM (VALUES ('rome', 'it'), ('oslo', 'no')) AS v(name, country);
        """
    )

    def execute(text: str, *parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        return connection.execute(translate_query(text, table=_table, parameters=parameters).sql).fetchall()

    return execute


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('SELECT COUNT(*) FROM "Koalas Source"', [(5,)]),
        ('SELECT COUNT(*) FROM "druid"."Koalas Source"', [(5,)]),
        (
            'SELECT "city", COUNT(*) AS n, SUM("session_length") FROM "Koalas Source" GROUP BY 1 ORDER BY n DESC, 1',
            [("rome", 3, 6), (None, 1, 3), ("oslo", 1, 1)],
        ),
        (
            'SELECT TIME_FLOOR("__time", \'PT1H\') AS h, COUNT(*) FROM "Koalas Source" GROUP BY 1 ORDER BY 1',
            [(FIRST_HOUR, 3), (SECOND_HOUR, 2)],
        ),
        (
            (
                'SELECT TIME_FLOOR("__time", \'PT1H\'), MAX("session_length") * 10 FROM "Koalas Source" '
                "GROUP BY TIME_FLOOR(\"__time\", 'PT1H') HAVING COUNT(*) > 2"
            ),
            [(FIRST_HOUR, 20)],
        ),
        (
            'SELECT UPPER("city") || \'!\' FROM "Koalas Source" GROUP BY UPPER("city") ORDER BY 1',
            [(None,), ("OSLO!",), ("ROME!",)],
        ),
        ('SELECT DISTINCT "city" FROM "Koalas Source" ORDER BY "city" DESC', [("rome",), ("oslo",), (None,)]),
        ('SELECT "city" FROM "Koalas Source" ORDER BY "session_length" DESC LIMIT 2 OFFSET 1', [(None,), ("rome",)]),
        ("SELECT k.* FROM cities AS k WHERE k.country = 'no'", [("oslo", "no")]),
        (
            'SELECT COUNT(*) FROM "Koalas Source" WHERE TIME_IN_INTERVAL("__time", \'2024-06-05T00:20:00Z/PT40M\')',
            [(2,)],
        ),
        ('SELECT COUNT(*) FROM "Koalas Source" WHERE "__time" >= \'2024-06-05 01:00:00\'', [(2,)]),
        (
            (
                'SELECT c.country, SUM(k."session_length") FROM "Koalas Source" k JOIN cities c ON k.city = c.name '
                "GROUP BY c.country ORDER BY 2 DESC"
            ),
            [("it", 6), ("no", 1)],
        ),
        ('SELECT COUNT(*), COUNT(c.name) FROM "Koalas Source" k LEFT JOIN cities c ON k.city = c.name', [(5, 4)]),
        ("SELECT COUNT(*) FROM cities a, cities b", [(4,)]),
        ("SELECT COUNT(*) FROM cities a CROSS JOIN cities b WHERE a.name <> b.name", [(2,)]),
        (
            (
                'WITH per_city AS (SELECT "city", COUNT(*) AS n FROM "Koalas Source" GROUP BY 1), '
                "big AS (SELECT * FROM per_city WHERE n > 1) SELECT MAX(n), COUNT(*) FROM big"
            ),
            [(3, 1)],
        ),
        (
            'SELECT SUM(n) FROM (SELECT "city" AS "City", COUNT(*) AS n FROM "Koalas Source" GROUP BY "city") AS t',
            [(5,)],
        ),
        (
            'SELECT name FROM cities WHERE name IN (SELECT "city" FROM "Koalas Source" WHERE "session_length" > 1)',
            [("rome",)],
        ),
        (
            (
                'SELECT COUNT(*) FROM "Koalas Source" '
                'WHERE "session_length" = (SELECT MAX("session_length") FROM "Koalas Source")'
            ),
            [(1,)],
        ),
        ("SELECT name FROM cities UNION ALL SELECT country FROM cities ORDER BY name LIMIT 2", [("it",), ("no",)]),
        ("SELECT 1 AS x UNION ALL SELECT 2.5 ORDER BY x DESC", [(2.5,), (1.0,)]),
        ("(SELECT 1) UNION ALL (SELECT 2) UNION ALL SELECT 3", [(1,), (2,), (3,)]),
        ("SELECT 'x', COUNT(*) FROM cities GROUP BY 1", [("x", 2)]),
        ("SELECT name, 5 FROM cities GROUP BY 1, 2 ORDER BY 1", [("oslo", 5), ("rome", 5)]),
        ("SELECT name AS c, country AS c FROM cities ORDER BY 1", [("oslo", "no"), ("rome", "it")]),
        ('SELECT APPROX_COUNT_DISTINCT_DS_HLL("visitors") FROM "Koalas Source"', [(3,)]),
        ('SELECT VAR_POP("spread") FROM "Koalas Source"', [(2.0,)]),
        ('SELECT LATEST("last") FROM "Koalas Source"', [("x4",)]),
        (
            (
                'SELECT APPROX_COUNT_DISTINCT_DS_HLL(s) FROM (SELECT "city", DS_HLL("session_length") AS s '
                'FROM "Koalas Source" GROUP BY 1)'
            ),
            [(5,)],
        ),
        ("-- a comment\nSELECT 1 /* and another */ AS first_one", [(1,)]),
    ],
)
def test_query_rows(run, text, rows):
    """Each clause gives the rows that Druid would."""
    assert run(text) == rows


def test_query_parameters_bind_in_the_order_of_the_text(run):
    """The first ``?`` of the text takes the first parameter, wherever the clause is translated."""
    rows = run(
        'WITH t AS (SELECT "city", "session_length" AS n FROM "Koalas Source" WHERE "session_length" > ?) '
        "SELECT n, ? FROM t WHERE n < ? ORDER BY n LIMIT ?",
        {"type": "BIGINT", "value": 0},
        {"type": "VARCHAR", "value": "it's"},
        {"type": "INTEGER", "value": 4},
        {"type": "INTEGER", "value": 2},
    )
    assert rows == [(1, "it's"), (2, "it's")]


def test_query_timestamp_parameter_takes_text_and_milliseconds(run):
    """A TIMESTAMP parameter may be written either way."""
    text = 'SELECT COUNT(*) FROM "Koalas Source" WHERE "__time" < ?'
    assert run(text, {"type": "TIMESTAMP", "value": "2024-06-05 00:20:00"}) == [(1,)]
    assert run(text, {"type": "TIMESTAMP", "value": 1_717_547_400_000}) == [(2,)]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("SELECT * FROM cities", [("name", "string"), ("country", "string")]),
        (
            "SELECT name, COUNT(*), name AS x FROM cities GROUP BY 1",
            [("name", "string"), ("EXPR$1", "long"), ("x", "string")],
        ),
        (
            "SELECT name, name, country AS name FROM cities",
            [("name", "string"), ("name", "string"), ("name", "string")],
        ),
        (
            "SELECT 1 = 1, NULL, 2.5, CURRENT_DATE",
            [("EXPR$0", "boolean"), ("EXPR$1", "string"), ("EXPR$2", "double"), ("EXPR$3", "date")],
        ),
        ('SELECT "visitors" FROM "Koalas Source"', [("visitors", "HLLSketch")]),
        ("SELECT 1 AS x UNION ALL SELECT 2.5", [("x", "double")]),
    ],
)
def test_query_columns_have_names_and_types(text, columns):
    """Names are the query's own, also if two are equal; types are Polaris' words."""
    query = translate_query(text, table=_table)
    assert [(column.name, column.data_type) for column in query.columns] == columns


def test_query_bare_sketch_says_what_it_is(run):
    """A stored form that is selected as it is shows a text about itself, no made-up bytes."""
    assert run('SELECT "visitors", "spread", "last" FROM "Koalas Source" ORDER BY "session_length" DESC LIMIT 1') == [
        (
            "HLLSketch of 2 values (exact)",
            '{"count":1,"mean":4.0,"nvariance":0.0}',
            '{"lhs":1717545600000,"rhs":"x4"}',
        )
    ]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("SELECT * FROM nope", SqlInvalid, "Object 'nope' not found"),
        ('SELECT * FROM "Cities"', SqlInvalid, "Object 'Cities' not found"),
        ("SELECT nope FROM cities", SqlInvalid, f"Column 'nope' {IN_CITIES}"),
        ("SELECT Name FROM cities", SqlInvalid, f"Column 'Name' {IN_CITIES}"),
        ("SELECT x.name FROM cities", SqlInvalid, "Table 'x' not found"),
        ("SELECT name FROM cities a, cities b", SqlInvalid, "Column 'name' is ambiguous"),
        ("SELECT 1 FROM cities, cities", SqlInvalid, "Duplicate relation name 'cities' in FROM clause"),
        ("SELECT name, COUNT(*) FROM cities", SqlInvalid, "Expression 'name' is not being grouped"),
        ("SELECT country FROM cities GROUP BY name", SqlInvalid, "Expression 'country' is not being grouped"),
        (
            "SELECT 1 FROM cities GROUP BY name ORDER BY country",
            SqlInvalid,
            "Expression 'country' is not being grouped",
        ),
        ("SELECT name AS x FROM cities GROUP BY x", SqlInvalid, f"Column 'x' {IN_CITIES}"),
        ("SELECT name FROM cities WHERE COUNT(*) > 1", SqlInvalid, "Aggregate expression is illegal in WHERE clause"),
        (
            "SELECT COUNT(*) FROM cities GROUP BY COUNT(*)",
            SqlInvalid,
            "Aggregate expression is illegal in GROUP BY clause",
        ),
        ("SELECT name FROM cities WHERE name", SqlInvalid, "WHERE clause must be a condition"),
        ("SELECT name FROM cities ORDER BY 3", SqlInvalid, "ORDER BY ordinal 3 is not between 1 and 1"),
        ("SELECT name FROM cities GROUP BY 0", SqlInvalid, "GROUP BY ordinal 0 is not between 1 and 1"),
        (
            "SELECT DISTINCT name FROM cities ORDER BY country",
            SqlInvalid,
            "Expression in ORDER BY of SELECT DISTINCT is not selected",
        ),
        ("SELECT name FROM cities LIMIT -1", SqlInvalid, "LIMIT needs a whole number that is not negative"),
        (
            "SELECT * FROM cities WHERE name = ?",
            SqlInvalid,
            "Parameter is not bound: the SQL has more '?' than there are parameters",
        ),
        (
            "SELECT name, country FROM cities UNION ALL SELECT name FROM cities",
            SqlInvalid,
            "Column count mismatch in UNION ALL",
        ),
        ("SELECT name FROM cities UNION ALL SELECT 1", SqlInvalid, "Type mismatch in column 'name' of UNION ALL"),
        (
            "SELECT name FROM cities UNION SELECT name FROM cities",
            SqlNotSupported,
            "UNION is not supported: only UNION ALL is",
        ),
        ("SELECT FROM cities", SqlInvalid, "SELECT has no columns"),
        ("SELECT *", SqlInvalid, "SELECT * needs a FROM clause"),
        (
            "SELECT 1; DROP TABLE cities",
            SqlInvalid,
            "'SELECT 1; DROP TABLE cities' does not parse: Invalid expression / Unexpected token (line 1, column 14)",
        ),
        ("SELECT 1; SELECT 2", SqlInvalid, "'SELECT 1; SELECT 2' holds 2 statements; one is allowed"),
        ("", SqlInvalid, "the SQL is empty"),
        ("1", SqlInvalid, "a query begins with SELECT or WITH, this is LITERAL in '1'"),
        ("DROP TABLE cities", SqlNotSupported, f"DROP {ONLY_SELECT}"),
        ("insert into cities select 1", SqlNotSupported, f"INSERT {ONLY_SELECT}"),
        ("EXPLAIN PLAN FOR SELECT 1", SqlNotSupported, f"EXPLAIN {ONLY_SELECT}"),
        (
            "SELECT * FROM INFORMATION_SCHEMA.TABLES",
            SqlNotSupported,
            "schema 'INFORMATION_SCHEMA' is not supported: only tables of schema 'druid' can be queried",
        ),
        ("SELECT * FROM read_csv('/etc/passwd')", SqlNotSupported, f"FROM \"READ_CSV('/etc/passwd')\" {ONLY_TABLES}"),
        ("SELECT * FROM '/etc/passwd'", SqlInvalid, "Object '/etc/passwd' not found"),
        ("SELECT * FROM duckdb_settings()", SqlNotSupported, f"FROM 'DUCKDB_SETTINGS()' {ONLY_TABLES}"),
        ("SELECT getenv('HOME')", SqlNotSupported, "function 'GETENV' is not supported"),
        (
            "SELECT name FROM cities NATURAL JOIN cities b",
            SqlNotSupported,
            "JOIN in 'NATURAL JOIN cities AS b' is not supported (method)",
        ),
        (
            "SELECT 1 FROM cities a JOIN cities b USING (name)",
            SqlNotSupported,
            "JOIN in 'JOIN cities AS b USING (name)' is not supported (using)",
        ),
        (
            "WITH RECURSIVE t AS (SELECT 1) SELECT * FROM t",
            SqlNotSupported,
            "WITH in 'WITH RECURSIVE t AS (SELECT 1)' is not supported (recursive)",
        ),
        (
            "SELECT name FROM cities WHERE EXISTS (SELECT 1)",
            SqlNotSupported,
            "EXISTS in 'EXISTS(SELECT 1)' is not supported",
        ),
        (
            "SELECT ROW_NUMBER() OVER () FROM cities",
            SqlNotSupported,
            "WINDOW in 'ROW_NUMBER() OVER ()' is not supported",
        ),
        pytest.param(
            "SELECT name FROM cities GROUP BY GROUPING SETS ((name), ROLLUP (name))",
            SqlNotSupported,
            None,
            marks=SQLGLOT_30,
        ),
        ("SELECT name FROM cities TABLESAMPLE (10 PERCENT)", SqlNotSupported, None),
        ("SELECT name FROM cities QUALIFY 1 = 1", SqlNotSupported, None),
        (
            'SELECT "visitors" FROM "Koalas Source" ORDER BY 1',
            SqlNotSupported,
            "ORDER BY of HLLSketch is not supported",
        ),
        (
            'SELECT "last" FROM "Koalas Source" GROUP BY 1',
            SqlNotSupported,
            "GROUP BY of longStringPair is not supported",
        ),
    ],
)
def test_query_wrong_or_unsupported_is_refused(text, error, message):
    """Nothing that isn't understood reaches DuckDB; the refusal names it."""
    with pytest.raises(error) as caught:
        translate_query(text, table=_table)
    if message is not None:
        assert caught.value.message == message
