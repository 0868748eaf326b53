# SPDX-License-Identifier: Apache-2.0
"""The source columns of queries over several tables."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.sql.ingestion.column_flow import query_columns

JOIN = 'FROM "s" JOIN "c" ON s."id" = c."id"'


def shown(select: str) -> dict[str, str | None] | None:
    """Return ``table.column kind, ...`` by column."""
    found = query_columns(select)
    if found is None:
        return None
    return {
        name: None if sources is None else ", ".join(f"{one.table}.{one.column} {one.kind}" for one in sources)
        for name, sources in found.items()
    }


@pytest.mark.parametrize(
    ("select", "columns"),
    [
        (
            f'SELECT s."__time", UPPER(c."name") AS "name", s."n" * c."w" AS "m" {JOIN}',
            {"__time": "s.__time identity", "name": "c.name transformation",
             "m": "s.n transformation, c.w transformation"},
        ),
        (
            f'SELECT c."name", SUM(s."n") AS "n", COUNT(*) AS "rows" {JOIN} GROUP BY 1',
            {"name": "c.name identity", "n": "s.n aggregation", "rows": ""},
        ),
        (
            ('WITH w AS (SELECT "id", SUM("n") AS "total" FROM "s" GROUP BY 1) SELECT x."total" + 1 AS "t", c."name" '
            'FROM '
            'w x LEFT JOIN "c" ON x."id" = c."id"'),
            {"t": "s.n aggregation", "name": "c.name identity"},
        ),
        ('SELECT * FROM (SELECT "a" AS "b", LOWER("a") AS "c" FROM "t")',
         {"b": "t.a identity", "c": "t.a transformation"}),
        ('SELECT "b" FROM (SELECT "a" AS "b" FROM "t" UNION ALL SELECT "x" FROM "u") GROUP BY 1',
         {"b": "t.a identity, u.x identity"}),
        ('SELECT u."x" FROM (SELECT "x" FROM "t") u, (SELECT "y" FROM "v") w', {"x": "t.x identity"}),
        ('SELECT "x" FROM (SELECT "x" FROM "t") u, (SELECT "y" FROM "v") w', {"x": "t.x identity"}),
    ],
)  # fmt: skip
def test_columns_are_followed_to_their_tables(select: str, columns: dict[str, str]) -> None:
    """Through joins, subqueries, WITH and unions; the strongest kind on the way counts."""
    assert shown(select) == columns


@pytest.mark.parametrize(
    ("select", "columns"),
    [
        (f'SELECT "name" AS "n", s."x" {JOIN}', {"n": None, "x": "s.x identity"}),
        (f'SELECT z."name" AS "n" {JOIN}', {"n": None}),
        (f'SELECT (SELECT MAX("a") FROM "t") AS "n" {JOIN}', {"n": None}),
        (f"SELECT * {JOIN}", None),
        (f'SELECT s."a", c."a" {JOIN}', None),
        ('SELECT s."a" FROM "s" CROSS JOIN UNNEST(MV_TO_ARRAY(s."b")) AS u(x)', None),
        ("SELECT a FROM TABLE(EXTERN('{}', '{}')) x", None),
        ("SELECT", None),
    ],
)
def test_what_is_not_sure_is_unknown(select: str, columns: dict[str, str | None] | None) -> None:
    """A bare name over two tables, a subquery as a value, and every column of a table."""
    assert shown(select) == columns
