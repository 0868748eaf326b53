# SPDX-License-Identifier: Apache-2.0
"""Statements of growing difficulty are read right, or refused with the reason; Druid 27 agreed on each that it has."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.ingestion.statement import find_statement, read_statement
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

S = 'SELECT * FROM "raw"'
FIRST, SECOND = "TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP '2024-01-02 00:00:00'"
DAY_1 = "2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z"
OVERWRITE_FIX = (
    'Write OVERWRITE WHERE "__time" >= TIMESTAMP \'2024-06-01 00:00:00\' AND "__time" < TIMESTAMP \'2024-06-02 '
    "00:00:00', or OVERWRITE ALL."
)
FORM = "Write INSERT INTO or REPLACE INTO, the table, a SELECT and PARTITIONED BY."


def replacing(condition: str) -> str:
    return f"REPLACE INTO t OVERWRITE WHERE {condition} {S} PARTITIONED BY DAY"


def inserting(partitioned_by: str) -> str:
    return f"INSERT INTO t {S} PARTITIONED BY {partitioned_by}"


@pytest.mark.parametrize(
    ("query", "target"),
    [
        (f"INSERT INTO t {S} PARTITIONED BY DAY", "t"),
        (f"insert into T {S} partitioned by day", "T"),
        (f'INSERT INTO "t" {S} PARTITIONED BY DAY ;\n -- done', "t"),
        (f'INSERT INTO "the ""best"" t" {S} PARTITIONED BY DAY', 'the "best" t'),
        (f'INSERT INTO "druid"."t" {S} PARTITIONED BY DAY', "t"),
        (f"INSERT INTO druid.t {S} PARTITIONED BY DAY", "t"),
        (f"-- INSERT INTO x\nINSERT /* INTO y */ INTO t {S} PARTITIONED BY DAY", "t"),
        (f'INSERT INTO "SELECT" {S} PARTITIONED BY DAY', "SELECT"),
        (f"INSERT INTO t ({S}) PARTITIONED BY DAY", "t"),
        (f"INSERT INTO t {S} WHERE \"a\" = 'x; PARTITIONED BY ALL' PARTITIONED BY DAY", "t"),
        ("INSERT INTO t WITH w AS (SELECT * FROM raw) SELECT * FROM w PARTITIONED BY DAY", "t"),
        (f'INSERT INTO t {S} WHERE "PARTITIONED" = 1 PARTITIONED BY DAY', "t"),
        ("INSERT INTO täglich SELECT * FROM raw PARTITIONED BY DAY", "täglich"),
    ],
)
def test_the_target_and_partitions_of_an_insert_are_read(query: str, target: str) -> None:
    """Comments, quotes, keywords in strings and names, brackets and a semicolon at the end change nothing."""
    found = read_statement(query)
    assert (found.target, found.replaces, found.intervals) == (target, False, ())
    assert found.partitioned_by is Granularity.DAY
    assert found.selection is not None
    assert found.selection.tables == ("raw",)
    assert ";" not in found.text.replace("x; P", "")


@pytest.mark.parametrize(
    ("condition", "intervals"),
    [
        (f"__time >= {FIRST} AND __time < {SECOND}", [DAY_1]),
        (f'("__time" < {SECOND}) AND ("__time" >= {FIRST})', [DAY_1]),
        (f"__time BETWEEN {FIRST} AND TIMESTAMP '2024-01-01 23:59:59.999'", [DAY_1]),
        ("__time > TIMESTAMP '2023-12-31 23:59:59.999' AND __time <= TIMESTAMP '2024-01-01 23:59:59.999'", [DAY_1]),
        (f"NOT (__time < {FIRST} OR __time >= {SECOND})", [DAY_1]),
        (f"NOT __time < {FIRST} AND NOT __time >= {SECOND}", [DAY_1]),
        ("__time >= timestamp '2024-01-01' and __time < timestamp '2024-1-2 0:0:0'", [DAY_1]),
        (
            f"__time >= {FIRST} AND __time < {SECOND} OR __time >= {SECOND} AND __time < TIMESTAMP '2024-01-03'",
            ["2024-01-01T00:00:00.000Z/2024-01-03T00:00:00.000Z"],
        ),
        (
            (
                f"__time >= TIMESTAMP '2024-01-05' AND __time < TIMESTAMP '2024-01-06' OR __time >= {FIRST} AND "
                f"__time < {SECOND}"
            ),
            [DAY_1, "2024-01-05T00:00:00.000Z/2024-01-06T00:00:00.000Z"],
        ),
        (
            (
                f"__time >= {FIRST} AND (__time < {SECOND} OR __time >= TIMESTAMP '2024-01-05') AND __time < TIMESTAMP "
                "'2024-01-06'"
            ),
            [DAY_1, "2024-01-05T00:00:00.000Z/2024-01-06T00:00:00.000Z"],
        ),
        (f"__time BETWEEN {FIRST} AND {SECOND}", ["2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.001Z"]),
    ],
)
def test_the_overwritten_intervals_are_those_of_druid(condition: str, intervals: list[str]) -> None:
    """OVERWRITE WHERE is read with the precedence of SQL, to the millisecond, and merged."""
    found = read_statement(replacing(condition))
    assert found.replaces
    assert [str(each) for each in found.intervals] == intervals


def test_literals_are_read_in_the_time_zone_of_the_context() -> None:
    """A day in Berlin begins at 23:00 UTC in winter; an hour that occurs twice is refused."""
    query = replacing(f"__time >= {FIRST} AND __time < {SECOND}")
    found = read_statement(query, {"sqlTimeZone": "Europe/Berlin"})
    assert [str(each) for each in found.intervals] == ["2023-12-31T23:00:00.000Z/2024-01-01T23:00:00.000Z"]
    with pytest.raises(PolarisSpecError) as error:
        read_statement(replacing("__time < TIMESTAMP '2024-10-27 02:30:00'"), {"sqlTimeZone": "Europe/Berlin"})
    assert str(error.value) == (
        "sql (line 1, column 51) has '2024-10-27 02:30:00', which the time zone 'Europe/Berlin' has twice or not at "
        f"all. {OVERWRITE_FIX}"
    )
    with pytest.raises(PolarisSpecError) as error:
        read_statement(query, {"sqlTimeZone": "Mars"})
    assert str(error.value) == (
        "context.sqlTimeZone 'Mars' is not a known time zone, so the times of the statement can't be read. Write a "
        "name such as 'Europe/Berlin', or omit it for UTC."
    )


def test_overwrite_all_replaces_all_of_time() -> None:
    """OVERWRITE ALL, also in front of brackets."""
    found = read_statement(f'REPLACE INTO t OVERWRITE ALL ({S}) PARTITIONED BY ALL TIME CLUSTERED BY 1, "x", UPPER(y)')
    assert found.replaces_all
    assert found.intervals == (Interval.ETERNITY,)
    assert found.partitioned_by is Granularity.ALL
    assert found.clustered_by == ("1", "x", "UPPER(y)")
    assert found.select == S


@pytest.mark.parametrize(
    ("words", "granularity"),
    [
        ("hour", Granularity.HOUR),
        ("MONTH", Granularity.MONTH),
        ("YEAR", Granularity.YEAR),
        ("FLOOR(__time TO WEEK)", Granularity.WEEK),
        ('FLOOR("__time" TO minute)', Granularity.MINUTE),
        ("TIME_FLOOR(__time,'PT1H')", Granularity.HOUR),
        ("time_floor(\"__time\", 'pt15m')", Granularity.FIFTEEN_MINUTE),
        ("TIME_FLOOR(__time, 'P3M')", Granularity.QUARTER),
        ("'P1D'", Granularity.DAY),
    ],
)
def test_all_forms_of_partitions_are_read(words: str, granularity: Granularity) -> None:
    """Words, FLOOR, TIME_FLOOR, and the text of newer versions."""
    assert read_statement(inserting(words)).partitioned_by is granularity


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", f"sql is blank. {FORM}"),
        (
            f"EXPLAIN PLAN FOR {inserting('DAY')}",
            ("sql (line 1, column 1) begins with EXPLAIN, which writes no rows. Remove EXPLAIN PLAN FOR."),
        ),
        (
            f"SET x = 1; {inserting('DAY')}",
            ("sql (line 1, column 1) begins with SET. Set query context parameters with the argument context."),
        ),
        (
            f"{inserting('DAY')};\n{inserting('DAY')}",
            ("sql (line 1, column 53) has more than one statement. Run a task for each statement."),
        ),
        (
            f"WITH w AS ({S}) INSERT INTO t SELECT * FROM w PARTITIONED BY DAY",
            f"sql (line 1, column 1) has 'WITH' where INSERT or REPLACE is expected. {FORM}",
        ),
        (
            f'INSERT INTO t ("a", "b") {S} PARTITIONED BY DAY',
            (
                "sql (line 1, column 15) has a list of columns after the "
                "table, which Druid refuses. Name the columns in the SELECT with AS."
            ),
        ),
        (
            f"INSERT INTO EXTERN(S3(bucket=>'b')) AS CSV {S}",
            ("sql (line 1, column 13) exports to EXTERN instead of a table. Submit an export with PolarisJobOperator."),
        ),
        (
            f"INSERT INTO sys.t {S} PARTITIONED BY DAY",
            (
                "sql writes to 'sys.t', which is no table of the schema 'druid'. "
                "Write the name of the table alone, in double quotes."
            ),
        ),
        (
            f"INSERT INTO DRUID.t {S} PARTITIONED BY DAY",
            (
                "sql writes to 'DRUID.t', which is no table of the schema "
                "'druid'. Write the name of the table alone, in double quotes."
            ),
        ),
        (
            f'INSERT INTO U&"t\\0041" {S} PARTITIONED BY DAY',
            ("sql (line 1, column 13) has 'U&' where the name of a table is expected. Write it in double quotes."),
        ),
        (
            f"INSERT INTO day {S} PARTITIONED BY DAY",
            ("sql (line 1, column 13) has 'day' where the name of a table is expected. Write it in double quotes."),
        ),
        (
            f"INSERT INTO `t` {S} PARTITIONED BY DAY",
            ("sql (line 1, column 13) has '`' where the name of a table is expected. Write it in double quotes."),
        ),
        (
            f"INSERT INTO t OVERWRITE ALL {S} PARTITIONED BY DAY",
            ("sql (line 1, column 15) has OVERWRITE in an INSERT. Write REPLACE INTO to overwrite."),
        ),
        (
            f"REPLACE INTO t {S} PARTITIONED BY DAY",
            (
                "sql (line 1, column 16) has 'SELECT' where OVERWRITE is expected. "
                "Write REPLACE INTO table OVERWRITE WHERE with the interval to replace, or OVERWRITE ALL."
            ),
        ),
        (f"INSERT INTO t {S}", "sql has no PARTITIONED BY. Add it after the SELECT, for example PARTITIONED BY DAY."),
        (
            f"INSERT INTO t {S} CLUSTERED BY 1 PARTITIONED BY DAY",
            ("sql (line 1, column 35) has CLUSTERED BY in front of PARTITIONED BY. Write PARTITIONED BY first."),
        ),
        (
            f"INSERT INTO t {S}\nORDER BY 1 PARTITIONED BY DAY",
            (
                "sql (line 2, column 1) has ORDER BY at its top level, "
                "which Druid refuses. Write CLUSTERED BY after PARTITIONED BY instead."
            ),
        ),
        (
            "INSERT INTO t VALUES (1) PARTITIONED BY DAY",
            f"sql (line 1, column 15) has 'VALUES' where SELECT is expected. {FORM}",
        ),
        (
            f"INSERT INTO t {S} EXCEPT {S} PARTITIONED BY DAY",
            "sql (line 1, column 35) has EXCEPT at its top level. Write it in a subquery.",
        ),
        (
            f"INSERT INTO t {S} // all\nPARTITIONED BY DAY",
            ("sql (line 1, column 35) can't be read: '//' starts a comment in Druid SQL. Write comments as '-- ...'."),
        ),
        (
            f"INSERT INTO t {S} WHERE a = 'x PARTITIONED BY DAY",
            (
                "sql (line 1, column 45) can't be read: the string that "
                "starts with this quote is not closed. Close it; write a quote inside a string twice."
            ),
        ),
        (
            f"INSERT INTO t {S} WHERE a = E'\\'' PARTITIONED BY DAY",
            (
                "sql (line 1, column 46) can't be read: the "
                "backslash in E'...' is an escape. Write U&'...' for special characters."
            ),
        ),
        (
            f"INSERT INTO t {S} /*+ hint */ PARTITIONED BY DAY",
            (
                "sql (line 1, column 35) can't be read: '/*' starts a "
                "comment that is not closed, has another '/*' in it, or begins with '/**' or '/*+'. Write comments "
                "as '-- ...'."
            ),
        ),
        (
            inserting("DAY CLUSTERED BY a DESC"),
            ("sql (line 1, column 69) clusters in descending order, which Druid refuses. Remove DESC."),
        ),
        (
            inserting("?"),
            (
                "sql (line 1, column 50) has a parameter outside of the SELECT, which Druid refuses. Write the "
                "value with a template."
            ),
        ),
    ],
)
def test_what_is_no_ingestion_statement_is_refused_with_its_position(query: str, message: str) -> None:
    """The message gives position, reason and fix."""
    with pytest.raises(PolarisSpecError) as error:
        read_statement(query)
    assert str(error.value) == message
    assert find_statement(query) is None


@pytest.mark.parametrize(
    "query",
    [
        f"INSERT INTO t {S} UNION ALL {S} PARTITIONED BY DAY",
        f"INSERT INTO t ({S} UNION ALL {S}) PARTITIONED BY DAY",
        f"INSERT INTO t (({S}) union ({S})) PARTITIONED BY DAY",
        f"INSERT INTO t ({S}) UNION ALL ({S}) PARTITIONED BY DAY",
    ],
)
def test_a_union_at_the_top_level_is_refused_by_name(query: str) -> None:
    """Also in brackets, which Druid's parser drops; in a subquery it is one task."""
    with pytest.raises(PolarisSpecError, match="has a UNION at its top level, of which Druid may run only the first"):
        read_statement(query)
    assert read_statement(f"INSERT INTO t SELECT * FROM ({S} UNION ALL {S}) PARTITIONED BY DAY").selection is not None


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("TRUE", "(line 1, column 32) has 'TRUE' where the column __time is expected"),
        (f"t.__time >= {FIRST}", "(line 1, column 32) has 't' where the column __time is expected"),
        (f"{FIRST} <= __time", "(line 1, column 32) has 'TIMESTAMP' where the column __time is expected"),
        (
            f"__time NOT BETWEEN {FIRST} AND {SECOND}",
            "(line 1, column 39) compares __time by 'NOT', which is not allowed here",
        ),
        (f"__time = {FIRST}", "(line 1, column 39) compares __time by '=', which is not allowed here"),
        (
            f"__time BETWEEN SYMMETRIC {FIRST} AND {SECOND}",
            "(line 1, column 47) has 'SYMMETRIC' where a TIMESTAMP literal is expected",
        ),
        (
            f"__time >= {FIRST}",
            "(line 1, column 32) overwrites an interval that is open on one side, which Druid refuses",
        ),
        (
            f"__time < {FIRST} OR __time >= {SECOND}",
            "(line 1, column 32) overwrites an interval that is open on one side, which Druid refuses",
        ),
        (f"__time >= {SECOND} AND __time < {FIRST}", "(line 1, column 32) overwrites no time at all"),
        ("__time >= DATE '2024-01-01'", "(line 1, column 42) has 'DATE' where a TIMESTAMP literal is expected"),
        (
            "__time >= TIMESTAMP '2024-01-01T00:00:00Z'",
            "(line 1, column 52) has '2024-01-01T00:00:00Z', which is not of the form '2024-06-01 00:00:00'",
        ),
        (
            "__time >= TIMESTAMP '2024-01-01 00:00:00+02:00'",
            "(line 1, column 52) has '2024-01-01 00:00:00+02:00', which is not of the form '2024-06-01 00:00:00'",
        ),
        ("__time >= TIMESTAMP '2024-02-31'", "(line 1, column 52) has '2024-02-31', which is no date and time"),
        (f"__time < {SECOND} + INTERVAL '1' DAY", "(line 1, column 73) has an unexpected '+' in OVERWRITE WHERE"),
        (f"__time >= {FIRST} AND city = 'x'", "(line 1, column 78) has 'city' where the column __time is expected"),
        (
            "TIME_IN_INTERVAL(__time, '2024/2025')",
            "(line 1, column 32) has 'TIME_IN_INTERVAL' where the column __time is expected",
        ),
        (f"(__time >= {FIRST}", "(line 1, column 32) can't be read: '(' is never closed"),
    ],
)
def test_a_condition_that_druid_refuses_or_misreads_is_refused(condition: str, reason: str) -> None:
    """Nothing about the overwritten time is assumed; Druid 27 reads NOT BETWEEN as BETWEEN."""
    fix = "Correct the brackets." if "never closed" in reason else OVERWRITE_FIX
    with pytest.raises(PolarisSpecError) as error:
        read_statement(replacing(condition))
    assert str(error.value) == f"sql {reason}. {fix}"


@pytest.mark.parametrize(
    "words",
    [
        "WEEK",
        "P1D",
        "TIME_FLOOR(__time, 'PT2H')",
        "TIME_FLOOR(__time, 'P7D')",
        "TIME_FLOOR(__time, 'HOUR')",
        "TIME_FLOOR(__time, 'P1D', NULL, 'Europe/Berlin')",
        "TIME_FLOOR(city, 'PT1H')",
        "FLOOR(raw.__time TO DAY)",
        "CEIL(__time TO DAY)",
        '"DAY"',
        "'DAY'",
        "(DAY)",
        "DATE_TRUNC('day', __time)",
        "MILLISECOND",
    ],
)
def test_other_partitions_are_refused(words: str) -> None:
    """Druid refuses them, too."""
    with pytest.raises(PolarisSpecError, match=r"has PARTITIONED BY .*, which is not a granularity of Druid\. Write"):
        read_statement(inserting(words))


def test_the_number_of_parameters_counts_no_question_mark_in_a_text() -> None:
    """Each ? outside of strings, names and comments."""
    query = f"INSERT INTO t {S} WHERE a = '?' AND \"b?\" > ? AND c < ? -- ?\n PARTITIONED BY DAY"
    assert read_statement(query).parameters == 2
