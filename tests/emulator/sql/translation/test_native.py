# SPDX-License-Identifier: Apache-2.0
"""What Druid's native engine, which runs synchronous queries, refuses; each line is OBSERVED(Druid 33)."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import Column, SqlInvalid, SqlNotSupported, TableRelation, translate_query

_COLUMNS = [
    *(Column("__time", "timestamp"), Column("id", "long"), Column("n", "long"), Column("s", "string")),
    Column("sa", "stringArray"),
]
_TABLES = {name: TableRelation(name, _COLUMNS) for name in "tu"}


def refusal(sql: str, *, native: bool = True) -> str:
    """Return kind and message of a refusal; an empty text if the query is translated."""
    try:
        translate_query(sql, table=_TABLES.get, native=native)
    except (SqlInvalid, SqlNotSupported) as error:
        return f"{type(error).__name__}: {error.message}"
    return ""


def by_columns(names: str) -> str:
    return (
        "SqlInvalid: Query could not be planned. A possible reason is [SQL query requires ordering a table by "
        f"non-time column [[{names}]], which is not supported.]"
    )


EXPRESSION = (
    "SqlNotSupported: ORDER BY of an expression is not supported in a synchronous query of a table's rows: Druid sorts "
    "them by __time only; start an asynchronous query"
)
UNION = (
    "SqlNotSupported: UNION ALL in a subquery or with ORDER BY is not supported in a synchronous query, unless all "
    "sides have the same columns of whole tables: start an asynchronous query"
)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM t ORDER BY __time LIMIT 2",
        "SELECT __time AS x, id FROM t ORDER BY x DESC",
        "SELECT __time, id FROM t ORDER BY 1 DESC",
        "SELECT id FROM t ORDER BY (__time), __time DESC",
        "SELECT id FROM t ORDER BY CAST(__time AS TIMESTAMP)",
        "SELECT x FROM (SELECT __time AS x FROM t WHERE n > 0) ORDER BY x",
        "SELECT id, y FROM t, UNNEST(sa) AS k(y) ORDER BY __time",
        "SELECT DISTINCT id FROM t ORDER BY id",
        "SELECT id, COUNT(*) FROM t GROUP BY id ORDER BY 2 DESC, id",
        "SELECT id FROM t GROUP BY id ORDER BY MAX(n)",
        "SELECT n FROM t GROUP BY GROUPING SETS ((n), ()) ORDER BY n",
        "SELECT COUNT(*) FROM t ORDER BY 1",
        "SELECT MAX(n) FROM t ORDER BY MAX(n)",
        "SELECT id FROM (SELECT id FROM t LIMIT 4) ORDER BY id",
        "SELECT id FROM (SELECT id FROM t OFFSET 1) ORDER BY id + 1",
        "SELECT id FROM (SELECT id, COUNT(*) AS c FROM t GROUP BY id) WHERE c > 0 ORDER BY id",
        "SELECT id FROM (SELECT id FROM t ORDER BY id)",
        "SELECT MAX(id) FROM (SELECT id FROM t ORDER BY id)",
        "SELECT id FROM t ORDER BY id LIMIT 0",
        "SELECT 1 AS a ORDER BY a",
        "SELECT a.n FROM t AS a JOIN u AS b ON a.n = b.n ORDER BY a.n, b.__time",
        "SELECT x.n FROM (SELECT a.n FROM t AS a JOIN u AS b ON a.n = b.n) AS x ORDER BY n",
        "SELECT n FROM t WHERE n IN (SELECT n FROM u ORDER BY n) ORDER BY n",
        "SELECT n, (SELECT MAX(n) FROM u) FROM t ORDER BY n",
        "SELECT n FROM t WHERE n = (SELECT 1) ORDER BY n",
        "SELECT n, y FROM t, UNNEST(ARRAY[1, 2]) AS k(y) ORDER BY y",
        "SELECT y FROM (SELECT id, sa FROM t LIMIT 2), UNNEST(sa) AS k(y) ORDER BY y",
        "SELECT y FROM (SELECT 1 AS a), UNNEST(ARRAY[2, 1]) AS k(y) ORDER BY y",
        "SELECT __time FROM t UNION ALL SELECT __time FROM u ORDER BY __time",
        "SELECT n AS x FROM t UNION ALL SELECT n FROM u",
        "SELECT n FROM t WHERE n > 1 UNION ALL SELECT COUNT(*) FROM u",
        "SELECT n FROM t UNION ALL SELECT n FROM u UNION ALL SELECT 7",
        "(SELECT n FROM t LIMIT 1) UNION ALL (SELECT n FROM u ORDER BY n)",
        "SELECT MAX(x) FROM (SELECT n AS x, s FROM t UNION ALL SELECT n, s FROM u) WHERE x > 1",
        "SELECT DISTINCT n FROM (SELECT n FROM t UNION ALL SELECT n FROM u UNION ALL SELECT n FROM t)",
        "SELECT MAX(n) FROM (SELECT s, n FROM t UNION ALL SELECT s, n FROM (SELECT * FROM u))",
    ],
)
def test_native_engine_runs(sql: str) -> None:
    """Rows of a table are sorted by time; groups, and rows of joins and of limited subqueries, by any column."""
    assert refusal(sql) == ""


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT s FROM t ORDER BY s", by_columns("s")),
        ("SELECT n AS y FROM t ORDER BY y LIMIT 3 OFFSET 2", by_columns("n")),
        ("SELECT s, id FROM t ORDER BY 2 OFFSET 28", by_columns("id")),
        ("SELECT id FROM t ORDER BY __time, id LIMIT 2", by_columns("__time, id")),
        ("SELECT id FROM t WHERE id = 3 ORDER BY id", by_columns("id")),
        ("SELECT n FROM (SELECT n AS __time, n FROM t) ORDER BY __time", by_columns("n")),
        ("SELECT id FROM (SELECT id FROM t ORDER BY id LIMIT 4) LIMIT 2", by_columns("id")),
        ("SELECT MAX(id) FROM (SELECT id FROM t ORDER BY id OFFSET 1)", by_columns("id")),
        ("SELECT id FROM t WHERE id IN (SELECT id FROM u ORDER BY id LIMIT 2)", by_columns("id")),
        ("SELECT a.n FROM t AS a JOIN (SELECT n FROM u ORDER BY n LIMIT 1) AS b ON a.n = b.n", by_columns("n")),
        ("WITH c AS (SELECT id FROM t) SELECT * FROM c ORDER BY id", by_columns("id")),
        ("SELECT y FROM t, UNNEST(sa) AS k(y) ORDER BY y", by_columns("y")),
        ("SELECT y FROM UNNEST(ARRAY[2, 1]) AS k(y) ORDER BY y", by_columns("y")),
        ("SELECT n AS x FROM t UNION ALL SELECT n FROM u ORDER BY x", by_columns("n")),
        ("SELECT id FROM t ORDER BY FLOOR(__time TO DAY)", EXPRESSION),
        ("SELECT id + 1 AS x FROM t ORDER BY x", EXPRESSION),
        ("SELECT 1 FROM t ORDER BY 1", EXPRESSION),
        ("SELECT id FROM t ORDER BY CURRENT_TIMESTAMP", EXPRESSION),
        ("SELECT n FROM t WHERE n > 1 UNION ALL SELECT n FROM u ORDER BY n", UNION),
        ("SELECT n FROM t UNION ALL SELECT 7 ORDER BY n", UNION),
        ("SELECT COUNT(*) FROM (SELECT n FROM t WHERE n > 1 UNION ALL SELECT n FROM u)", UNION),
        ("SELECT MAX(n) FROM (SELECT n FROM t UNION ALL SELECT COUNT(*) FROM u)", UNION),
        ("SELECT MAX(n) FROM (SELECT n FROM t UNION ALL SELECT id AS n FROM u)", UNION),
        ("SELECT MAX(n) FROM (SELECT 1 AS n UNION ALL SELECT 7)", UNION),
    ],
)
def test_native_engine_refuses(sql: str, message: str) -> None:
    """The multi-stage engine, which runs asynchronous queries, has no such limit."""
    assert refusal(sql) == message
    assert refusal(sql, native=False) == ""


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("s", ""),
        ("s NULLS FIRST", ""),
        ("s DESC", ""),
        ("s DESC NULLS LAST", ""),
        ("s NULLS LAST", "SqlInvalid: ASCENDING ordering with NULLS LAST is not supported!"),
        ("s DESC NULLS FIRST", "SqlInvalid: DESCENDING ordering with NULLS FIRST is not supported!"),
    ],
)
def test_null_is_the_smallest_value(native: bool, order: str, message: str) -> None:
    """The words for the other place are refused."""
    assert refusal(f"SELECT s FROM t GROUP BY s ORDER BY {order}", native=native) == message


@pytest.mark.parametrize(
    "where",
    ["FALSE", "1 = 2", "n > 1 AND n < 0", "n BETWEEN 7 AND 1", "__time IS NULL", "n = NULL", "NOT (n = n)"],
)
def test_order_of_rows_that_the_planner_may_not_find_is_not_supported(where: str) -> None:
    """With a WHERE clause that is never true, the native engine has nothing to sort."""
    assert refusal(f"SELECT id FROM t WHERE {where} ORDER BY n") == (
        "SqlNotSupported: ORDER BY [n] is not supported in a synchronous query of a table's rows: Druid sorts them by "
        "__time only, unless its planner finds that WHERE is never true; start an asynchronous query"
    )
    assert refusal("SELECT id FROM t WHERE n > 1 AND s = 'a' ORDER BY n") == by_columns("n")


@pytest.mark.parametrize("condition", ["__time = DATE '2024-03-10'", "n > 1 AND __time IN (DATE '2024-03-10')"])
def test_order_by_a_time_that_is_one_value_is_not_supported(condition: str) -> None:
    """The planner sorts by the value then, which is no column; other conditions on the time may stand there."""
    assert refusal(f"SELECT id FROM t WHERE {condition} ORDER BY __time") == (
        "SqlNotSupported: ORDER BY is not supported in a synchronous query with a condition that __time is one value: "
        "start an asynchronous query"
    )
    assert refusal("SELECT id FROM t WHERE __time >= DATE '2024-03-10' ORDER BY __time") == ""


_CHECKS = "SELECT 'x' AS a, MIN(n) AS b FROM t UNION ALL SELECT 'yy' AS c, COUNT(*) AS d FROM u WHERE n > 0"


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        (f"SELECT a, b FROM ({_CHECKS})", ["a", "b"]),
        (f"SELECT a, b FROM ({_CHECKS}) AS c", ["a", "b"]),
        (f"SELECT c.a AS k, b FROM ({_CHECKS}) AS c LIMIT 1", ["k", "b"]),
        (f"SELECT * FROM ({_CHECKS} UNION ALL SELECT 'z', 1 FROM t)", ["a", "b"]),
    ],
)
def test_native_engine_runs_a_union_whose_outer_select_changes_only_names(sql, names):
    """Airflow's check operators write such queries. Druid 27 runs them, too."""
    query = translate_query(sql, table=_TABLES.get, native=True)
    assert [(column.name, column.data_type) for column in query.columns] == list(
        zip(names, ["string", "long"], strict=False)
    )


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT b, a FROM ({_CHECKS})",
        f"SELECT a, b, b FROM ({_CHECKS})",
        f"SELECT a, b + 1 FROM ({_CHECKS})",
        f"SELECT DISTINCT a, b FROM ({_CHECKS})",
        f"SELECT a, b FROM ({_CHECKS}) WHERE b > 1",
        f"SELECT a, b FROM ({_CHECKS}) ORDER BY b",
        f"SELECT a, b FROM ({_CHECKS}) LIMIT 1 OFFSET 1",
        f"SELECT COUNT(*) FROM ({_CHECKS})",
    ],
)
def test_native_engine_refuses_a_union_whose_outer_select_does_more(sql):
    """OBSERVED(Druid 27), too."""
    assert refusal(sql) == UNION
    assert refusal(sql, native=False) == ""
