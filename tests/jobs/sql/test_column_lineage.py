# SPDX-License-Identifier: Apache-2.0
"""Column lineage of a job's mappings, compared with lineage written by hand."""

from __future__ import annotations

import doctest
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
from airflow_provider_polaris.jobs.sql import column_lineage as lineage
from airflow_provider_polaris.jobs.sql.column_lineage import (
    StatementLineage,
    column_lineage,
    expression_lineage,
    statement_lineage,
    tables_read,
)

# Twenty mappings of growing difficulty: expression, isAggregation, and by hand: column and kind
# (i = identity, t = transformation, a = aggregation) in the order of the expression; None = unknown.
BY_HAND: dict[str, tuple[str, bool | None, str | None]] = {
    "01 column": ('"city"', None, "city i"),
    "02 column without quotes, in parentheses": ("(city)", None, "city i"),
    "03 constant": ("'AU'", None, ""),
    "04 time floor": ("TIME_FLOOR(\"__time\", 'PT1H')", None, "__time t"),
    "05 scalar function": ('UPPER("city")', None, "city t"),
    "06 measure": ('MAX("session_length")', True, "session_length a"),
    "07 count of rows": ("COUNT(*)", True, ""),
    "08 name with quotes and sign": ('SUM("the ""best"" city, 100%")', True, 'the "best" city, 100% a'),
    "09 several columns, one twice": (
        """CONCAT("city", '-', "country", "city") || TRIM(BOTH ' ' FROM "zip")""",
        None,
        "city t, country t, zip t",
    ),
    "10 condition decides": (
        "CASE WHEN \"country\" IN ('AU', 'NZ') THEN \"city\" ELSE 'elsewhere' END",
        None,
        "country t, city t",
    ),
    "11 distinct count of an expression": ('COUNT(DISTINCT LOWER("uid"))', True, "uid a"),
    "12 aggregate with filter": (
        'SUM("session_length") FILTER (WHERE "country" = \'AU\')',
        True,
        "session_length a, country a",
    ),
    "13 ratio of two aggregates": (
        'SAFE_DIVIDE(SUM("session_length"), COUNT(DISTINCT "uid"))',
        True,
        "session_length a, uid a",
    ),
    "14 column inside and outside of aggregates": (
        'MAX("price") / "price" - "discount" * SUM("discount") + "fee"',
        True,
        "price a, discount a, fee t",
    ),
    "15 units of time are no columns": (
        'TIMESTAMPADD(DAY, 1, "starts") + INTERVAL \'1\' HOUR * EXTRACT(HOUR FROM FLOOR("__time" TO MONTH))',
        None,
        "starts t, __time t",
    ),
    "16 the clock is no column": ('TIMESTAMPDIFF(HOUR, "__time", CURRENT_TIMESTAMP) + LOCALTIME', None, "__time t"),
    "17 ordered and sketched": (
        'DS_HLL(LISTAGG("name", \',\') WITHIN GROUP (ORDER BY "rank"), 12)',
        True,
        "name a, rank a",
    ),
    "18 window over an aggregate": (
        (
            'SUM("paid") FILTER (WHERE "ok") OVER (PARTITION BY MIN("city") ORDER BY LATEST_BY("rate", "__time")) '
            '+ SUM(SUM("tax")) OVER ()'
        ),
        None,
        "paid t, ok t, city a, rate a, __time a, tax a",
    ),
    "19 unknown function of a measure": ('NEWEST_SKETCH("uid", "salt", 12)', True, "uid a, salt a"),
    "20 subquery": ('"price" * (SELECT MAX("rate") FROM "rates")', None, None),
}
KINDS = {"i": "identity", "t": "transformation", "a": "aggregation"}


def written(text: str | None) -> list[tuple[str, str]] | None:
    """Read the shorthand of :data:`BY_HAND`."""
    if text is None:
        return None
    # From the right, because the name of a column may contain commas and blanks.
    return [
        (entry[:-2], KINDS[entry[-1]])
        for entry in text.replace(" i, ", " i\n").replace(" t, ", " t\n").replace(" a, ", " a\n").splitlines()
    ]


def batch(mappings: list[dict[str, Any]], source: dict[str, Any] | None = None) -> BatchJobSpec:
    """Create a job that writes these mappings."""
    spec = parse_spec(
        {
            "type": "batch",
            "source": source or {"type": "table", "tableName": "Koalas Source"},
            "target": {"type": "table", "tableName": "Koalas Rollup"},
            "mappings": mappings,
        }
    )
    assert isinstance(spec, BatchJobSpec)
    return spec


@pytest.mark.parametrize("expression, is_aggregation, by_hand", BY_HAND.values(), ids=BY_HAND.keys())
def test_expression_lineage_equals_what_was_written_by_hand(
    expression: str, is_aggregation: bool | None, by_hand: str | None
):
    """Names, kinds and order agree for each of the twenty."""
    found = expression_lineage(expression, is_aggregation=is_aggregation)

    assert (None if found is None else [tuple(source) for source in found]) == written(by_hand)


def test_column_lineage_of_a_job_with_all_twenty_has_one_entry_for_each():
    """An unparsable column does not affect the others."""
    mappings = [
        {"columnName": name, "expression": expression, "isAggregation": is_aggregation}
        for name, (expression, is_aggregation, _) in BY_HAND.items()
    ]

    found = column_lineage(batch(mappings))

    assert {
        name: None if sources is None else [tuple(source) for source in sources] for name, sources in found.items()
    } == {"__time": [("__time", "identity")], **{name: written(by_hand) for name, (_, _, by_hand) in BY_HAND.items()}}


def test_column_lineage_of_a_mapped_time_is_the_mappings():
    """A rounded time is a transformation, not an identity."""
    found = column_lineage(batch([{"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'P1D')"}]))

    assert found == {"__time": (("__time", "transformation"),)}


def test_column_lineage_of_files_has_no_time_that_nobody_mapped():
    """Only a table has a __time that is copied unchanged."""
    source = {"type": "uploaded", "fileList": ["a.json"], "inputSchema": [], "formatSettings": {"format": "nd-json"}}

    assert column_lineage(batch([{"columnName": "city", "expression": '"city"'}], source)) == {
        "city": (("city", "identity"),)
    }


def test_column_lineage_of_no_mappings_is_empty():
    """Without mappings the lineage is empty, because it is not documented."""
    assert column_lineage(batch([])) == {}


@pytest.mark.parametrize(
    "expression",
    [
        "",
        " ",
        'UPPER("city"',
        'SELECT "city"',
        "DROP TABLE koalas",
        '"city" AS "town"',
        '"unterminated',
        "(" * 20_000 + '"a"' + ")" * 20_000,
        '"a"' + " + 1" * 30_000,
        '"Koalas Source"."city"',
        'UPPER("Koalas Source"."city")',
    ],
    ids=lambda text: repr(text[:20]),
)
def test_expression_lineage_of_what_cannot_be_read_is_unknown(expression: str):
    """Invalid SQL, other SQL and very long texts give no lineage and no exception."""
    assert expression_lineage(expression) is None


def test_expression_lineage_of_a_sum_of_thousands_is_found():
    """A text below the length limit is parsed in time proportional to its length."""
    columns = [f"c{number}" for number in range(8_000)]

    found = expression_lineage(" + ".join(f'"{column}"' for column in columns))

    assert found == tuple((column, "transformation") for column in columns)


def test_expression_lineage_of_a_bare_word_that_is_no_known_column_is_unknown():
    """An unquoted word may be a keyword; a quoted one is a column even if the schema doesn't list it."""
    assert expression_lineage('COALESCE(city, "town")', source_columns=["city"]) == (
        ("city", "transformation"),
        ("town", "transformation"),
    )
    assert expression_lineage('COALESCE(City, "town")', source_columns=["city"]) is None


def test_expression_lineage_of_an_unknown_function_follows_the_mapping():
    """An unknown function without isAggregation is a transformation, also beside a known aggregate."""
    assert expression_lineage('BUILD_GEO("lat", "lon")') == (("lat", "transformation"), ("lon", "transformation"))
    assert expression_lineage('BUILD_GEO(MAX("lat"), "lon")', is_aggregation=True) == (
        ("lat", "aggregation"),
        ("lon", "transformation"),
    )


def test_statement_lineage_equals_what_was_written_by_hand():
    """Tables, qualified names, comments and Druid's own clauses are parsed; a column without a name is omitted."""
    found = statement_lineage(
        """
        REPLACE INTO "druid"."Koalas Rollup" OVERWRITE WHERE "__time" >= TIMESTAMP '2024-06-01'
        SELECT
          TIME_FLOOR(k."__time", 'PT1H') AS "__time", -- "not" a column
          k."city",
          "country" AS "partitioned",
          MAX("session_length") FILTER (WHERE k."ok") AS "longest",
          COUNT(*) AS "__count",
          SUM("nameless"),
          u."x" AS "elsewhere"
        FROM "Koalas Source" AS k
        WHERE TIME_IN_INTERVAL("__time", '2024-06-01/P1D') AND "city" <> 'PARTITIONED'
        GROUP BY 1, 2, 3
        PARTITIONED BY DAY CLUSTERED BY "city";
        """
    )

    assert found == StatementLineage(
        "Koalas Source",
        "Koalas Rollup",
        {
            "__time": (("__time", "transformation"),),
            "city": (("city", "identity"),),
            "partitioned": (("country", "identity"),),
            "longest": (("session_length", "aggregation"), ("ok", "aggregation")),
            "__count": (),
            "elsewhere": None,
        },
    )


@pytest.mark.parametrize(
    "query",
    [
        "",
        "INSERT",
        "SELECT a FROM s",
        "INSERT INTO t SELECT * FROM s PARTITIONED BY DAY",
        "INSERT INTO t SELECT s.* FROM s PARTITIONED BY DAY",
        "INSERT INTO t (b) SELECT a FROM s PARTITIONED BY DAY",
        "INSERT INTO t SELECT a FROM s JOIN u ON s.x = u.x PARTITIONED BY DAY",
        "INSERT INTO t SELECT a FROM s, UNNEST(b) AS u(c) PARTITIONED BY DAY",
        "INSERT INTO t SELECT a FROM (SELECT a FROM s) PARTITIONED BY DAY",
        "INSERT INTO t SELECT (SELECT MAX(b) FROM u) AS a FROM s PARTITIONED BY DAY",
        "INSERT INTO t WITH w AS (SELECT 1 AS a) SELECT a FROM w PARTITIONED BY DAY",
        "REPLACE INTO t OVERWRITE ALL WITH w AS (SELECT a FROM s) SELECT a FROM w PARTITIONED BY DAY",
        "INSERT INTO t SELECT a FROM s UNION ALL SELECT a FROM u PARTITIONED BY DAY",
        "INSERT INTO t SELECT a FROM TABLE(EXTERN('{}', '{}')) EXTEND (a VARCHAR) PARTITIONED BY DAY",
        "INSERT INTO t SELECT a FROM lookup.s PARTITIONED BY DAY",
        "INSERT INTO t SELECT 1 AS a PARTITIONED BY DAY",
        "INSERT INTO t SELECT 'unterminated FROM s",
        "INSERT INTO t SELECT a FROM s WHERE a IN (" + "1," * 60_000 + "1) PARTITIONED BY DAY",
    ],
    ids=lambda query: query[:60],
)
def test_statement_lineage_of_what_is_not_one_table_is_unknown(query: str):
    """An ambiguous column gives no lineage and no exception."""
    assert statement_lineage(query) is None


@pytest.mark.parametrize(
    "query, tables",
    [
        ('INSERT INTO t SELECT a FROM "druid"."b a" PARTITIONED BY DAY', ("b a",)),
        ("REPLACE INTO t OVERWRITE WHERE (a > 1) SELECT a FROM s JOIN (SELECT b FROM u) ON s.a = u.b", ("s", "u")),
        (
            "REPLACE INTO t OVERWRITE ALL WITH s AS (SELECT a FROM s) SELECT a FROM s UNION ALL SELECT b FROM t",
            ("s", "t"),
        ),
        ("INSERT INTO t WITH w AS (SELECT 1 AS a) SELECT a FROM w WHERE a IN (SELECT b FROM u)", ("u",)),
        ("INSERT INTO t SELECT a FROM s, lookup.l, TABLE(EXTERN('{}', '{}')) EXTEND (b VARCHAR)", ("s",)),
        ("INSERT INTO t SELECT a FROM s, lookup.l, INFORMATION_SCHEMA.TABLES", ("s",)),
        ("INSERT INTO t SELECT 1 AS a PARTITIONED BY ALL", ()),
        ("SELECT a FROM s", None),
        ("INSERT INTO t SELECT a FROM (", None),
        ("", None),
    ],
)
def test_tables_read_of_each_form_of_statement(query: str, tables: tuple[str, ...] | None):
    """Joins and subqueries are included; names of a WITH and anything other than tables are not."""
    assert tables_read(query) == tables


def test_examples_in_the_docstrings_hold():
    """The examples of the module run."""
    assert doctest.testmod(lineage) == doctest.TestResults(failed=0, attempted=5)


def test_import_of_lineage_loads_no_sqlglot():
    """The parser is loaded when a task runs."""
    module = "airflow_provider_polaris.jobs.sql.column_lineage"
    code = f"import sys, {module}; print({{'sqlglot', 'pydantic'}} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
