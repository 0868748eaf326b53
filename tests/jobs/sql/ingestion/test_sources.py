# SPDX-License-Identifier: Apache-2.0
"""What a SELECT reads and returns."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.sql.ingestion.sources import Selection, read_selection
from airflow_provider_polaris.jobs.sql.ingestion.time_condition import read_zone

UTC = read_zone(None)
FIRST, SECOND = "TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP '2024-01-02 00:00:00'"


def selection(select: str, zone: str | None = None) -> Selection:
    found = read_selection(select, read_zone(zone))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("select", "tables"),
    [
        ("SELECT a FROM t", ("t",)),
        ('SELECT a FROM druid."the ""t" x JOIN u ON x.a = u.a LEFT JOIN v ON v.a = u.a', ('the "t', "u", "v")),
        ("SELECT a FROM t, u, (SELECT b FROM v) w", ("t", "u", "v")),
        ("WITH w AS (SELECT * FROM t), x AS (SELECT * FROM w) SELECT * FROM x JOIN u ON x.a = u.a", ("t", "u")),
        ("WITH w AS (SELECT * FROM w) SELECT * FROM w", ("w",)),
        ("SELECT * FROM w, (WITH w AS (SELECT 1 AS a) SELECT * FROM w) x", ("w",)),
        ("WITH w AS (SELECT * FROM t) SELECT * FROM druid.w", ("t", "w")),
        ("SELECT * FROM (SELECT a FROM t UNION ALL SELECT a FROM u)", ("t", "u")),
        ("SELECT a FROM t WHERE b IN (SELECT b FROM u) AND c > (SELECT MAX(c) FROM v)", ("t", "u", "v")),
        ("SELECT t.a, l.v FROM t LEFT JOIN lookup.codes l ON t.k = l.k", ("t",)),
        ("SELECT LOOKUP(a, 'codes') AS b FROM t CROSS JOIN UNNEST(MV_TO_ARRAY(t.b)) AS u(x)", ("t",)),
        ("SELECT * FROM TABLE(EXTERN('{}', '{}')) EXTEND (a VARCHAR, b BIGINT)", ()),
        ("SELECT * FROM TABLE(inline(data => 'a', format => 'csv')) (a VARCHAR)", ()),
        ("SELECT * FROM (VALUES (1, 2)) AS v(a, b)", ()),
        ("SELECT TIMESTAMP '2024-01-01 00:00:00' AS __time", ()),
    ],
)
def test_every_table_is_found_and_no_name_of_a_with(select: str, tables: tuple[str, ...]) -> None:
    """Joins, subqueries, unions in subqueries, WITH; lookups and files are no tables."""
    assert selection(select).tables == tables


@pytest.mark.parametrize(
    "select",
    [
        "SELECT a FROM sys.segments",
        "SELECT a FROM x.y.z",
        'SELECT a FROM U&"t\\0041"',
        "SELECT a FROM",
        "TABLE t",
        "",
        "SELECT * FROM TABLE(APPEND('t', 'u'))",
        "SELECT * FROM t JOIN TABLE(APPEND('u', 'v')) w ON t.a = w.a",
        """SELECT * FROM TABLE(EXTERN('{"type": "druid", "dataSource": "t"}', '{}')) EXTEND (a VARCHAR)""",
        "SELECT * FROM t TABLESAMPLE BERNOULLI(10)",
    ],
)
def test_what_is_not_sure_is_unknown(select: str) -> None:
    """Tables of other schemas, escapes, functions that read tables, samples, and what sqlglot can't parse."""
    assert read_selection(select, UTC) is None


@pytest.mark.parametrize(
    ("where", "span"),
    [
        (f"__time >= {FIRST} AND __time < {SECOND}", "2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z"),
        (
            f"t.__time >= {FIRST} AND ({SECOND} > t.__time AND b = 1)",
            "2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z",
        ),
        (f"__time > {FIRST} AND __time <= {SECOND}", "2024-01-01T00:00:00.001Z/2024-01-02T00:00:00.001Z"),
        (f"__time BETWEEN {FIRST} AND {SECOND}", "2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.001Z"),
        ("TIME_IN_INTERVAL(__time, '2024-01-01/2024-01-02')", "2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z"),
        (f"__time >= {FIRST}", "2024-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"),
        (f"__time >= {FIRST} OR b = 1", None),
        (f"NOT __time >= {FIRST}", None),
        (f"u.__time >= {FIRST}", None),
        ("__time >= CURRENT_TIMESTAMP", None),
        ("b = 1", None),
    ],
)
def test_the_interval_of_a_table_is_read_only_for_sure(where: str, span: str | None) -> None:
    """Terms that AND joins; anything else restricts nothing that can be relied on."""
    (read,) = selection(f"SELECT a FROM t WHERE {where}").reads
    assert (None if read.span is None else str(read.span)) == span


def test_an_interval_without_a_zone_is_not_sure_in_another_time_zone() -> None:
    """Druid reads it in that of the query."""
    (read,) = selection("SELECT a FROM t WHERE TIME_IN_INTERVAL(__time, '2024/2025')", "Asia/Tokyo").reads
    assert read.span is None


def test_in_a_join_a_bare_time_belongs_to_no_table_for_sure() -> None:
    """Each side has the interval that names it; the time zone of the context counts."""
    found = selection(
        f"SELECT t.a FROM t JOIN u ON t.a = u.a WHERE t.__time >= {FIRST} AND __time < {SECOND}", "Asia/Tokyo"
    )
    assert [(each.table, str(each.span)) for each in found.reads] == [
        ("t", "2023-12-31T15:00:00.000Z/5000-01-01T00:00:00.000Z"),
        ("u", "None"),
    ]


@pytest.mark.parametrize(
    ("select", "columns", "groups", "keeps_time"),
    [
        ("SELECT * FROM t", None, False, True),
        ('SELECT __time, UPPER(a) AS "the a", b, c + 1 FROM t', ("__time", "the a", "b", ""), False, True),
        ("SELECT TIME_FLOOR(__time, 'PT1H') AS __time, SUM(a) AS s FROM t GROUP BY 1", ("__time", "s"), True, True),
        ("SELECT FLOOR(__time TO DAY) AS __time, a FROM t", ("__time", "a"), False, True),
        ("SELECT DISTINCT __time, a FROM t", ("__time", "a"), True, True),
        ("SELECT MAX(__time) AS __time FROM t", ("__time",), True, False),
        ("SELECT TIMESTAMPADD(DAY, 1, __time) AS __time FROM t", ("__time",), False, False),
        ("SELECT __time, SUM(a) OVER (PARTITION BY b) AS s FROM t", ("__time", "s"), False, True),
        ("SELECT __time, (SELECT MAX(a) FROM u) AS m FROM t", ("__time", "m"), False, False),
        ("SELECT t.__time FROM t JOIN u ON t.a = u.a", ("__time",), False, False),
        ("SELECT * FROM (SELECT * FROM t)", None, False, False),
        ("SELECT * FROM t LEFT JOIN lookup.codes l ON t.k = l.k", None, False, True),
        ("SELECT __time, x FROM t CROSS JOIN UNNEST(b) AS u(x)", ("__time", "x"), False, True),
        ("SELECT u.__time FROM t CROSS JOIN UNNEST(b) AS u(__time)", ("__time",), False, False),
        ("SELECT v.__time FROM t JOIN (VALUES (1, 2)) AS v(__time, a) ON t.a = v.a", ("__time",), False, False),
        ("SELECT * FROM TABLE(EXTERN('{}', '{}', '[]')) e JOIN t ON e.a = t.a", None, False, False),
    ],
)
def test_columns_grouping_and_time_of_the_result(
    select: str, columns: tuple[str, ...] | None, groups: bool, keeps_time: bool
) -> None:
    """Window functions and subqueries merge no rows; only one table's own time is kept."""
    found = selection(select)
    assert (found.columns, found.groups, found.keeps_time) == (columns, groups, keeps_time)
