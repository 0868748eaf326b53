# SPDX-License-Identifier: Apache-2.0
"""Random rows and random sequences of table-to-table jobs; the same seed makes the same ones."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any, Final

from jobs_model import JobSequence

from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

#: Name of the table that all sequences read.
SOURCE: Final = "events"
COLUMNS: Final = {"city": "string", "n": "long", "price": "double"}
TARGETS: Final = ("detail", "rollup")

#: Hours that lie around the bounds of days, months, quarters and years, and in a leap day.
HOURS: Final = tuple(
    datetime(*parts, tzinfo=timezone.utc)
    for parts in (
        (2023, 12, 31, 22), (2023, 12, 31, 23), (2024, 1, 1, 0), (2024, 1, 1, 7),
        (2024, 2, 28, 23), (2024, 2, 29, 0), (2024, 2, 29, 5), (2024, 2, 29, 6), (2024, 2, 29, 13), (2024, 2, 29, 23),
        (2024, 3, 1, 0), (2024, 3, 1, 8), (2024, 3, 31, 23), (2024, 4, 1, 0),
    )
)  # fmt: skip
_MILLISECONDS: Final = (0, 0, 1, 60_000, 1_800_000, 3_599_999)
_CITIES: Final = ("Oslo", "Lima", "", "São Paulo", "oslo", None)
_PARTITIONS: Final = ("hour", "hour", "six_hour", "eight_hour", "day", "day", "day", "month", "month", "quarter",
                      "year", "all")  # fmt: skip
_FLOORS: Final = ("PT1M", "PT15M", "PT1H", "PT1H", "PT6H", "P1D", "P1M")
#: No condition is negated: Druid 27 keeps a row whose condition is NULL under NOT, newer versions drop it.
_FILTERS: Final = (
    "\"city\" = 'Oslo'",
    "\"city\" IN ('Oslo', 'Lima')",
    '"city" IS NULL',
    '"city" IS NOT NULL',
    "\"city\" = ''",
    "\"city\" LIKE '%s%'",
    "UPPER(\"city\") = 'OSLO'",
    '"n" > 2',
    '"n" BETWEEN 0 AND 3 OR "price" < 1',
    '"n" = 1 -- one',
    "\"__time\" >= TIMESTAMP '2024-02-29 05:30:00'",
    "TIME_IN_INTERVAL(\"__time\", '2024-02-29T00:00:00Z/P1D')",
    "\"city\" = 'Nowhere'",
    "\"city\" IN ('Oslo', 'oslo') AND \"n\" IS NOT NULL",
    '"price" > 0 AND ("n" = 1 OR "n" = 2)',
    "CASE WHEN \"n\" > 1 THEN 'many' ELSE 'few' END = 'many'",
    'EXTRACT(DAY FROM "__time") = 29',
    "TIME_FLOOR(\"__time\", 'P1D') = TIMESTAMP '2024-02-29'",
    'COALESCE("n", 0) = 0',
    "REGEXP_LIKE(\"city\", '^[OL]')",
)

_TEXTS: Final = (
    'UPPER("city")',
    '"city" -- as it is\n',
    "COALESCE(\"city\", 'none')",
    "NULLIF(\"city\", '')",
    'SUBSTRING(LOWER(TRIM("city")), 1, 2)',
    "CONCAT(COALESCE(\"city\", ''), '-', COALESCE(\"n\", 0))",
    "CASE WHEN \"city\" IN ('Oslo', 'oslo') THEN 'Oslo' WHEN \"n\" > 1 THEN 'many' ELSE \"city\" END",
    "CASE WHEN \"n\" >= 2 THEN 'high' WHEN \"n\" IS NULL THEN 'none' ELSE 'low' END",
    "REGEXP_REPLACE(\"city\", '[aeiou]', '*')",
    "REPLACE(\"city\", 'o', '0')",
    "TIME_FORMAT(\"__time\", 'yyyy-MM')",
    'CAST("n" AS VARCHAR)',
    'CAST(EXTRACT(HOUR FROM "__time") AS VARCHAR)',
)
_WHOLES: Final = (
    'COALESCE("n", 0)',
    '"n" * 2 + 1',
    'CASE WHEN "price" > 0.3 THEN "n" ELSE 0 END',
    'CAST("price" AS BIGINT)',
    'MOD("n", 2)',
    'EXTRACT(DAY FROM "__time")',
    'LENGTH("city")',
    'GREATEST(COALESCE("n", 0), 1)',
    'ABS("n")',
    'TIMESTAMP_TO_MILLIS("__time")',
)
#: Their values are sums of powers of two, so that sums don't depend on the order of rows.
_REALS: Final = (
    '"price" * 2',
    'COALESCE("price", 0.0)',
    'ROUND("price", 0)',
    'CAST("n" AS DOUBLE)',
    'CASE WHEN "price" > 0 THEN "price" END',
    '"price" / NULLIF("n" - "n" + 2, 0)',
    'COALESCE("price", 0) + COALESCE("n", 0)',
    'ABS("price")',
)
_COUNTS: Final = (
    'SUM(CASE WHEN "city" = \'Oslo\' THEN "n" ELSE 0 END)',
    'SUM(CASE WHEN "price" > 0 THEN 1 ELSE 0 END)',
    'SUM(CASE WHEN "city" LIKE \'%s%\' THEN "n" END)',
    'SUM("n") FILTER (WHERE "price" > 0)',
    'MAX("n" * 2)',
    'SUM(COALESCE("n", 1))',
    'COUNT("n")',
    'COUNT(*) FILTER (WHERE "n" IS NULL)',
)
_SUMS: Final = (
    'MAX("price")',
    'MIN("price")',
    'SUM("price" * 0.5)',
    'SUM(CASE WHEN "city" = \'Lima\' THEN "price" ELSE 0 END)',
    'SUM("price") FILTER (WHERE "n" > 1)',
    'SUM(COALESCE("price", 0.25))',
)


def make_rows(rng: random.Random, number: int = 60) -> list[dict[str, Any]]:
    """Make the rows of the source: text, a long and a double, each sometimes null, and equal rows."""
    rows = []
    for _ in range(number):
        instant = rng.choice(HOURS) + timedelta(milliseconds=rng.choice(_MILLISECONDS))
        rows.append(
            {
                "__time": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "city": rng.choice(_CITIES),
                "n": rng.choice((None, 0, 1, 2, 3, -1, 1 << 40)),
                "price": rng.choice((None, 0.25, 0.5, 1.75, -3.0)),
            }
        )
    return rows


def make_sequences(rng: random.Random, jobs: int, prefix: str) -> Iterator[JobSequence]:
    """
    Make sequences until they hold this many jobs.

    :param rng: Source of randomness.
    :param jobs: Number of jobs, at least.
    :param prefix: What the names of all tables begin with.
    """
    made = 0
    for number in count():
        if made >= jobs:
            return
        names = {table: f"{prefix}{number}_{table}" for table in TARGETS}
        names[SOURCE] = f"{prefix}{SOURCE}"
        sequence = JobSequence(number, tuple(_make_jobs(rng, names)))
        yield sequence
        made += len(sequence.jobs)


def _make_jobs(rng: random.Random, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    filled: list[str] = []
    home = {table: rng.choice(_PARTITIONS) for table in TARGETS}
    for _ in range(rng.randint(4, 9)):
        target = rng.choice(TARGETS)
        source = rng.choice([SOURCE, SOURCE, *filled])
        yield _make_job(rng, names, source, target, home[target], is_first=target not in filled)
        if target not in filled:
            filled.append(target)


def _make_job(
    rng: random.Random, names: Mapping[str, str], source: str, target: str, home: str, *, is_first: bool
) -> dict[str, Any]:
    granularity = home if rng.random() < 0.6 else rng.choice(_PARTITIONS)
    kind = rng.choice(("append", "append", "replace", "replace", "replace", "replace all"))
    if kind == "replace" and granularity == "all" and rng.random() < 0.9:
        kind = "replace all"
    # A replace by rows without a column may leave no segment with it, and Druid without the column.
    leaves_out = kind == "append" and not is_first and rng.random() < 0.2
    spec: dict[str, Any] = {
        "type": "batch",
        "source": {"type": "table", "tableName": names[source]},
        "target": {"type": "table", "tableName": names[target]},
        "createTableIfNotExists": True,
        "partitionedBy": granularity,
        # Druid 27 fails a job without rows, unless it is partitioned by ALL; newer versions fail it only on request.
        "context": {"failOnEmptyInsert": granularity != "all"},
        "mappings": _mappings(rng, source, target, Granularity(granularity), leaves_out=leaves_out),
    }
    if rng.random() < 0.3 and not is_first:
        spec["source"]["interval"] = _any_interval(rng)
    if rng.random() < 0.25:
        spec["filterExpression"] = rng.choice(_FILTERS)
    if rng.random() < 0.2:
        spec["clusteringColumns"] = ["__time"] if leaves_out else rng.choice((["city"], ["city", "__time"]))
    if kind == "replace all":
        spec |= {"ingestionMode": "replace", "replaceAll": True}
    elif kind == "replace":
        spec["ingestionMode"] = "replace"
        spec["target"]["intervals"] = _intervals(rng, Granularity(granularity))
    return spec


def _mappings(
    rng: random.Random, source: str, target: str, granularity: Granularity, *, leaves_out: bool
) -> list[dict[str, Any]]:
    # A floor that is coarser than the partition moves rows out of what a replace replaces.
    floors = [each for each in _FLOORS if Granularity.parse(each).divides(granularity) or rng.random() < 0.05]
    time = {"columnName": "__time", "expression": f"TIME_FLOOR(\"__time\", '{rng.choice(floors)}')"}
    city = {
        "columnName": "city",
        "expression": '"city"' if rng.random() < 0.5 else rng.choice(_TEXTS),
    }
    if rng.random() < 0.05:
        time["expression"] = f"TIME_SHIFT(\"__time\", '{rng.choice(('PT1H', 'P1D', 'P1M'))}', {rng.choice((-1, 1))})"
    if target == "detail":
        others = [
            {"columnName": name, "expression": f'"{name}"' if rng.random() < 0.6 else rng.choice(expressions)}
            for name, expressions in (("n", _WHOLES), ("price", _REALS))
        ]
        keeps_time = rng.random() < 0.6
        return [*others, *([] if leaves_out else [city]), *([] if keeps_time else [time])]
    number = f'{rng.choice(("SUM", "MIN", "MAX"))}("n")' if rng.random() < 0.6 else rng.choice(_COUNTS)
    price = 'SUM("price")' if rng.random() < 0.6 else rng.choice(_SUMS)
    measures = [
        {"columnName": "n", "expression": number, "isAggregation": True},
        {"columnName": "price", "expression": price, "isAggregation": True},
        {
            "columnName": "__count",
            "expression": 'SUM("__count")' if source == "rollup" else "COUNT(*)",
            "isAggregation": True,
        },
    ]
    keys = [time] if leaves_out else [city] if rng.random() < 0.2 else [time, city]
    return [*keys, *measures]


def _any_interval(rng: random.Random) -> str:
    """An interval whose bounds need not be those of partitions."""
    start, end = sorted(rng.sample(HOURS, 2))
    if rng.random() < 0.3:
        end += timedelta(minutes=30, milliseconds=1)
    if rng.random() < 0.15:
        return f"-1000-01-01T00:00:00.000Z/{_text(end)}"
    return f"{_text(start)}/{_text(end)}"


def _intervals(rng: random.Random, granularity: Granularity) -> list[str]:
    if granularity is Granularity.ALL:
        return [Interval.ETERNITY.to_wire()]
    found = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        span = Interval(*(start := rng.choice(HOURS), start + timedelta(hours=rng.choice((1, 6, 24, 48)))))
        found.append(span.widen(granularity).to_wire())
    if rng.random() < 0.05:
        found[0] = f"-1000-01-01T00:00:00.000Z/{found[0].partition('/')[2]}"
    return found


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def anonymous(message: str) -> str:
    """Return a message without the names and times in it, so that equal ones can be counted."""
    return re.sub(r"'[^']*'|\d{4}-\d\d-\d\dT[\d:.]+Z", "…", message)
