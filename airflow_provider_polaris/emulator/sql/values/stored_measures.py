"""
Stored forms of measures that are more than a number: what a job writes and a later job or query merges.

GUESS throughout: Polaris stores sketches, which estimate; here a sketch is the exact set of values as text, a variance
its count, mean and sum of squared differences, a longStringPair the time and the string. Merging them gives what one
pass over the original rows would have given.
"""

from __future__ import annotations

from typing import Literal

from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, TEMPORAL, Sql

VarianceKind = Literal["sample", "population", "sample deviation", "population deviation"]

_NO_MOMENTS = f"CAST({{'n': 0, 'mean': 0, 'm2': 0}} AS {DUCKDB_TYPES['variance']})"


def element(value: Sql) -> str:
    """Build the text of a value in a set; a timestamp is its milliseconds."""
    if value.type == "string":
        return value.text
    return f"CAST({f'epoch_ms({value.text})' if value.type in TEMPORAL else value.text} AS VARCHAR)"


def new_set(distinct_list: str) -> str:
    """Build a set, in no order, from ``list(DISTINCT ...)``; of no rows the empty set."""
    return f"coalesce({distinct_list}, CAST([] AS VARCHAR[]))"


def merge_sets(list_of_sets: str) -> str:
    """Build the union of ``list(...)`` of sets."""
    return new_set(f"list_distinct(flatten({list_of_sets}))")


def moments(count: str, mean: str, population_variance: str) -> str:
    """Build a variance's stored form from aggregates over the rows."""
    return (
        f"struct_pack(n := {count}, mean := coalesce({mean}, 0), "
        f"m2 := coalesce({population_variance}, 0) * CAST({count} AS DOUBLE))"
    )


def merge_moments(list_of_moments: str) -> str:
    """
    Build the merger of ``list(...)`` of variances, by the pairwise formula of Chan et al.

    The list is sorted first, so that the same rows give the same last digit whatever order they are read in.
    """
    n = "CAST(a.n + b.n AS DOUBLE)"
    merged = (
        f"struct_pack(n := a.n + b.n, mean := a.mean + (b.mean - a.mean) * b.n / {n}, "
        f"m2 := a.m2 + b.m2 + (b.mean - a.mean) * (b.mean - a.mean) * CAST(a.n AS DOUBLE) * b.n / {n})"
    )
    return f"coalesce(list_reduce(list_sort({list_of_moments}), lambda a, b: {merged}, {_NO_MOMENTS}), {_NO_MOMENTS})"


def variance(moments_sql: str, kind: VarianceKind) -> str:
    """
    Build the number from the stored form.

    OBSERVED 2026-11-22 in Druid's VarianceAggregatorCollector: one value has variance 0, also of a sample.
    """
    divisor = "s.n - 1" if kind.startswith("sample") else "s.n"
    number = f"CASE s.n WHEN 0 THEN NULL WHEN 1 THEN CAST(0 AS DOUBLE) ELSE s.m2 / ({divisor}) END"
    if kind.endswith("deviation"):
        number = f"sqrt({number})"
    return f"list_transform([{moments_sql}], lambda s: {number})[1]"


def pair(time: str, text: str) -> str:
    """Build a time and the value at it; they compare by time first."""
    return f"struct_pack(t := {time}, v := {text})"


def show(value: Sql) -> str:
    """
    Build what a query shows of a column that isn't a number, a text or a time.

    A sketch says that it is exact and how many values it has, instead of bytes that no sketch library could read; a
    variance and a pair show their parts as JSON. DOCUMENTED names of the pair's parts: ``lhs`` and ``rhs`` in Druid.
    """
    text = value.text
    if value.type in ("HLLSketch", "thetaSketch"):
        shown = f"'{value.type} of ' || len({text}) || ' values (exact)'"
    elif value.type == "variance":
        shown = f"CAST(json_object('count', {text}.n, 'mean', {text}.mean, 'nvariance', {text}.m2) AS VARCHAR)"
    elif value.type == "longStringPair":
        shown = f"CAST(json_object('lhs', epoch_ms({text}.t), 'rhs', {text}.v) AS VARCHAR)"
    else:
        return text
    return f"CASE WHEN {text} IS NOT NULL THEN {shown} END"
