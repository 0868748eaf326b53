# SPDX-License-Identifier: Apache-2.0
"""Statements of SQL jobs over the source of the jobs: joins, subqueries, WITH, rollups, and what Druid 27 refuses."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jobs_cases import SOURCE

#: A second table, to join with.
NAMES: Final = "names"
NAME_COLUMNS: Final = {"city": "string", "country": "string", "weight": "long"}
NAME_ROWS: Final = (
    {"__time": "2024-01-01T00:00:00.000Z", "city": "Oslo", "country": "NO", "weight": 2},
    {"__time": "2024-01-01T00:00:00.000Z", "city": "Lima", "country": "PE", "weight": 3},
    {"__time": "2024-01-02T00:00:00.000Z", "city": "Lima", "country": "LI", "weight": 5},
    {"__time": "2024-01-02T00:00:00.000Z", "city": "Bonn", "country": None, "weight": 7},
)
_LEAP_DAY: Final = "\"__time\" >= TIMESTAMP '2024-02-29 00:00:00' AND \"__time\" < TIMESTAMP '2024-03-01 00:00:00'"
_SORT_MERGE: Final[Mapping[str, Any]] = {"sqlJoinAlgorithm": "sortMerge"}


@dataclass(frozen=True)
class SqlJob:
    """
    A SQL job.

    :param table: Its target.
    :param query: The statement.
    :param context: Query context.
    """

    table: str
    query: str
    context: Mapping[str, Any] = field(default_factory=dict)


#: The SELECT, PARTITIONED BY, and the context. ``{e}`` and ``{n}`` are the tables, ``{where}`` is a condition.
_SELECTS: Final[tuple[tuple[str, str, Mapping[str, Any]], ...]] = (
    ("SELECT * FROM {e} {where}", "{part}", {}),
    ('SELECT "__time", "city", "n" FROM {e} {where}', '{part} CLUSTERED BY 2, "n"', {}),
    (
        'SELECT "__time", UPPER("city") AS "city", "n" * 2 + 1 AS "m", "price" / 2 AS "half" FROM {e} {where}',
        "{part}",
        {},
    ),
    (
        (
            'SELECT TIME_FLOOR("__time", \'PT1H\') AS "__time", "city", COUNT(*) AS "c", SUM("n") AS "s", '
            'MAX("price") AS "p" '
            "FROM {e} {where} GROUP BY 1, 2"
        ),
        "{part}",
        {},
    ),
    (
        (
            'SELECT FLOOR("__time" TO DAY) AS "__time", SUM("n") AS "s", COUNT(DISTINCT "city") AS "d" FROM {e} '
            "GROUP BY 1 "
            'HAVING SUM("n") > 1'
        ),
        "DAY",
        {},
    ),
    ('SELECT DISTINCT FLOOR("__time" TO HOUR) AS "__time", "city" FROM {e} {where}', "{part}", {}),
    ('SELECT e."__time", e."city", c."country", c."weight" FROM {e} e JOIN {n} c ON e."city" = c."city"', "{part}", {}),
    ('SELECT e."__time", e."city", c."country" FROM {e} e LEFT JOIN {n} c ON e."city" = c."city"', "{part}", {}),
    (
        (
            'SELECT e."__time", c."country", SUM(e."n" * c."weight") AS "s" FROM {e} e INNER JOIN {n} c ON c."city" '
            '= e."city" '
            "GROUP BY 1, 2"
        ),
        "{part}",
        {},
    ),
    ('SELECT e."__time", e."n", c."country" FROM {e} e CROSS JOIN {n} c WHERE e."n" < c."weight"', "{part}", {}),
    (
        'SELECT e."__time", e."n", c."country" FROM {e} e, {n} c WHERE e."city" = c."city" AND c."weight" > 2',
        "{part}",
        {},
    ),
    (
        (
            'SELECT e."__time", c."city" FROM {e} e LEFT JOIN (SELECT "city", MAX("weight") AS "w" FROM {n} GROUP BY '
            "1) c ON "
            'UPPER(e."city") = UPPER(c."city")'
        ),
        "{part}",
        {},
    ),
    (
        'SELECT e."__time", e."city", c."country" FROM {e} e JOIN {n} c ON e."city" = c."city" AND e."n" = c."weight"',
        "{part}",
        {},
    ),
    ('SELECT e."__time", e."city", c."country" FROM {e} e JOIN {n} c ON e."city" = c."city"', "{part}", _SORT_MERGE),
    (
        'SELECT e."__time", e."city", c."country" FROM {e} e LEFT JOIN {n} c ON e."city" = c."city"',
        "{part}",
        _SORT_MERGE,
    ),
    (
        (
            'WITH w AS (SELECT "__time", "city", "n" FROM {e} {where}), v AS (SELECT "city", SUM("n") AS "s" FROM w '
            "GROUP BY 1) "
            'SELECT w."__time", w."city", v."s" FROM w JOIN v ON w."city" = v."city"'
        ),
        "{part}",
        {},
    ),
    (
        'SELECT "__time", "s" FROM (SELECT "__time", "city", SUM("n") AS "s" FROM {e} GROUP BY 1, 2) WHERE "s" > 1',
        "{part}",
        {},
    ),
    ('SELECT "__time", "city" FROM {e} WHERE "city" IN (SELECT "city" FROM {n} WHERE "weight" > 2)', "{part}", {}),
    ('SELECT "__time", "n" FROM {e} WHERE "n" > (SELECT MIN("weight") FROM {n})', "{part}", {}),
    (
        (
            'SELECT "__time", CASE WHEN "n" > 2 THEN \'many\' ELSE \'few\' END AS "k", CAST("n" AS VARCHAR) AS "t" '
            "FROM {e}"
        ),
        "{part}",
        {},
    ),
    (
        (
            'SELECT "__time", DATE \'2024-01-01\' AS "d", TRUE AS "b", 1.5 AS "f", CAST("n" AS INTEGER) AS "i" FROM '
            "{e} {where}"
        ),
        "{part}",
        {},
    ),
    (
        'SELECT TIMESTAMP \'2024-02-29 01:00:00\' AS "__time", COUNT(*) AS "c", AVG("n") AS "a" FROM {e} {where}',
        "DAY",
        {},
    ),
    ('SELECT "city", "n" FROM {e}', "ALL TIME", {}),
    ('SELECT "__time", "n" FROM {e} LIMIT 1000', "ALL", {}),
    # What Druid 27 refuses.
    ('SELECT "city", "n" FROM {e}', "DAY", {}),
    ('SELECT "__time", "n" FROM {e} LIMIT 10', "DAY", {}),
    ('SELECT "__time", "n" FROM {e} ORDER BY 1', "DAY", {}),
    ('SELECT "__time", "n", "n" FROM {e}', "DAY", {}),
    ('SELECT "__time", UPPER("city") FROM {e}', "DAY", {}),
    ('SELECT "n" AS "__time" FROM {e}', "DAY", {}),
    ('SELECT "__time", "nope" FROM {e}', "DAY", {}),
    ('SELECT "__time", "n" FROM {e}', "TIME_FLOOR(\"__time\", 'PT2H')", {}),
    ('SELECT "__time", "n" FROM {e}', "DAY CLUSTERED BY 1 DESC", {}),
    ('SELECT "__time", "n" FROM {e}', "DAY CLUSTERED BY 3", {}),
    ('SELECT "__time", "n" FROM {e}', "DAY;", {}),
    ('SELECT e."__time" FROM {e} e JOIN {n} c ON e."n" < c."weight"', "DAY", {}),
    ('SELECT e."__time" FROM {e} e JOIN {n} c ON e."city" = c."city" OR e."n" = c."weight"', "DAY", {}),
    ('SELECT e."__time" FROM {e} e LEFT JOIN {n} c ON e."city" = \'Oslo\'', "DAY", {}),
    ('SELECT e."__time" FROM {e} e RIGHT JOIN {n} c ON e."city" = c."city"', "DAY", {}),
    ('SELECT "__time" FROM {e} e JOIN {n} c ON e."city" = c."city"', "DAY", {}),
    ('SELECT "__time", SUM("n") AS "s" FROM {e}', "DAY", {}),
)
_WHERES: Final = (
    "",
    "",
    f"WHERE {_LEAP_DAY}",
    "WHERE \"city\" = 'Oslo'",
    'WHERE "n" BETWEEN 0 AND 3',
    "WHERE \"city\" = 'Nowhere'",
)
_PARTS: Final = ("HOUR", "DAY", "DAY", "MONTH", "TIME_FLOOR(\"__time\", 'PT6H')", 'FLOOR("__time" TO QUARTER)', "ALL")


def make_sql_jobs(rng: random.Random, count: int, prefix: str) -> Iterator[SqlJob]:
    """
    Make statements, each kind once before any kind again.

    :param prefix: Beginning of the names of all tables.
    """
    kinds: list[tuple[str, str, Mapping[str, Any]]] = []
    for number in range(count):
        if not kinds:
            kinds = rng.sample(_SELECTS, len(_SELECTS))
        select, partitioned_by, context = kinds.pop()
        names = {"e": f'"{prefix}{SOURCE}"', "n": f'"{prefix}{NAMES}"', "where": rng.choice(_WHERES)}
        part = rng.choice(_PARTS)
        table = f"{prefix}{number}"
        heads = [f'INSERT INTO "{table}"', f'REPLACE INTO "{table}" OVERWRITE ALL']
        if part in ("DAY", "HOUR") and "{part}" in partitioned_by:
            heads.append(f'REPLACE INTO "{table}" OVERWRITE WHERE {_LEAP_DAY}')
        text = f"{select.format(**names)} PARTITIONED BY {partitioned_by.format(part=part)}"
        yield SqlJob(table, f"{rng.choice(heads)} {text}", context)
