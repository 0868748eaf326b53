# SPDX-License-Identifier: Apache-2.0
"""
Stored forms of measures that are not numbers: a job writes them, and a later job or query merges them.

All of this is GUESS. Polaris stores sketches, which estimate. Here a sketch is the exact set of values as text, for
quantiles all values, a variance its count, mean and sum of squared differences, a longStringPair the time and the
string. Merging them gives the same result as one pass over the original rows.
"""

from __future__ import annotations

from typing import Literal

from airflow_provider_polaris.emulator.sql.values import java_numbers, json_text
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, TEMPORAL, Sql

VarianceKind = Literal["sample", "population", "sample deviation", "population deviation"]

_NO_MOMENTS = f"CAST({{'n': 0, 'mean': 0, 'm2': 0}} AS {DUCKDB_TYPES['variance']})"


_NUMBER = f"chr({0xE000})"
"""Before the number in a set: a character for private use."""


def element(value: Sql) -> str:
    """
    Build the text of a value in a set.

    OBSERVED(Druid 33): the number 1 and the text ``1`` are two values; a timestamp is its milliseconds; a double is the
    whole number that has its bits, so 0, 0.0 and -0.0 are one value.
    """
    if value.type == "string":
        return value.text
    number = f"epoch_ms({value.text})" if value.type in TEMPORAL else value.text
    if value.type in ("double", "float"):
        bits = f"CAST(CAST(CAST({number} AS DOUBLE) AS BIT) AS BIGINT)"
        number = f"CASE WHEN {number} = 0 THEN 0 ELSE {bits} END"
    return f"({_NUMBER} || CAST({number} AS VARCHAR))"


def new_set(distinct_list: str) -> str:
    """Build an unordered set from ``list(DISTINCT ...)``; no rows give the empty set."""
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
    Build the merge of ``list(...)`` of variances, by the pairwise formula of Chan et al.

    The list is sorted first, so that the last digit doesn't depend on the order of the rows.
    """
    n = "CAST(__a.n + __b.n AS DOUBLE)"
    merged = (
        f"struct_pack(n := __a.n + __b.n, mean := __a.mean + (__b.mean - __a.mean) * __b.n / {n}, "
        f"m2 := __a.m2 + __b.m2 + (__b.mean - __a.mean) * (__b.mean - __a.mean) * CAST(__a.n AS DOUBLE) * __b.n / {n})"
    )
    total = f"list_reduce(list_sort({list_of_moments}), lambda __a, __b: {merged}, {_NO_MOMENTS})"
    return f"coalesce({total}, {_NO_MOMENTS})"


def variance(moments_sql: str, kind: VarianceKind) -> str:
    """
    Build the variance number from the stored form.

    OBSERVED 2026-11-22 in Druid's VarianceAggregatorCollector: one value has variance 0, also for a sample.
    """
    divisor = "__moments.n - 1" if kind.startswith("sample") else "__moments.n"
    number = f"CASE __moments.n WHEN 0 THEN NULL WHEN 1 THEN CAST(0 AS DOUBLE) ELSE __moments.m2 / ({divisor}) END"
    if kind.endswith("deviation"):
        number = f"sqrt({number})"
    return f"list_transform([{moments_sql}], lambda __moments: {number})[1]"


def pair(time: str, text: str) -> str:
    """Build a pair of a time and its value; pairs are compared by time first."""
    return f"struct_pack(t := {time}, v := {text})"


def show(value: Sql) -> str:
    """
    Build the query output of a column that isn't a number, a text or a time.

    JSON is written as Druid writes it. A sketch becomes a text with its number of values, because its bytes would not
    be readable by a sketch library. A variance and a pair become JSON with their parts. DOCUMENTED names of the pair's
    parts: ``lhs`` and ``rhs`` in Druid.
    """
    text = value.text
    if value.type in ("HLLSketch", "thetaSketch", "quantilesDoublesSketch"):
        shown = f"'{value.type} of ' || len({text}) || ' values (exact)'"
    elif value.type == "variance":
        shown = f"CAST(json_object('count', {text}.n, 'mean', {text}.mean, 'nvariance', {text}.m2) AS VARCHAR)"
    elif value.type == "json":
        shown = json_text.canonical(text)
    elif value.type == "complex":
        numbers = f"list_transform({text}, lambda __number: {_json_double('__number')})"
        shown = f"'[' || array_to_string({numbers}, ',') || ']'"
    elif value.type == "longStringPair":
        shown = f"CAST(json_object('lhs', epoch_ms({text}.t), 'rhs', {text}.v) AS VARCHAR)"
    else:
        return text
    return f"CASE WHEN {text} IS NOT NULL THEN {shown} END"


def _json_double(number: str) -> str:
    written = java_numbers.real_to_text(number)
    return f"CASE WHEN isnan({number}) OR isinf({number}) THEN '\"' || {written} || '\"' ELSE {written} END"
