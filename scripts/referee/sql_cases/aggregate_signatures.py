# SPDX-License-Identifier: Apache-2.0
"""What the generator may write of aggregates, and of functions of the sketch that an aggregate makes."""

from __future__ import annotations

from typing import Final

import collection_signatures as collections
from literals import SCALARS

#: Aggregates have no part that is an aggregate. SUM and AVG of doubles take a column whose sums are exact.
AGGREGATES: Final = {
    "ANY_VALUE": [],  # any of the values
    **collections.AGGREGATES,
    "APPROX_COUNT_DISTINCT": ["string -> estimate", "long -> estimate"],
    "APPROX_COUNT_DISTINCT_BUILTIN": ["string -> estimate", "long -> estimate"],
    "APPROX_COUNT_DISTINCT_DS_HLL": ["string -> long", "long -> long", "string lgk hll -> long"],
    "APPROX_COUNT_DISTINCT_DS_THETA": ["string -> long", "long -> long"],
    "APPROX_QUANTILE_DS": ["long fraction k? -> double", "double fraction k? -> double", "float fraction -> double"],
    "AVG": ["count -> double", "stable -> double"],
    **{name: ["long -> long", "millis -> long"] for name in ("BIT_OR", "BIT_XOR")},
    "COUNT": ["T -> long", "boolean -> long", "json -> long"],
    "DS_HLL": [],  # a sketch has no readable form
    "DS_QUANTILES_SKETCH": [],
    "DS_THETA": [],
    "EARLIEST": ["long -> long", "stable -> double", "string bytes -> string"],
    "EARLIEST_BY": ["long unique_time -> long", "string unique_time bytes -> string"],
    "LATEST": ["long -> long", "stable -> double", "string bytes -> string"],
    "LATEST_BY": ["long unique_time -> long", "string unique_time bytes -> string"],
    "MAX": ["long -> long", "double -> double", "float -> float", "timestamp -> timestamp"],
    "MIN": ["long -> long", "double -> double", "float -> float", "timestamp -> timestamp"],
    "STDDEV": [],  # the extension druid-stats is in no repository of jars
    "STDDEV_POP": [],
    "STDDEV_SAMP": [],
    "SUM": ["count -> long", "stable -> double", "long -> long"],
    "VARIANCE": [],
    "VAR_POP": [],
    "VAR_SAMP": [],
}

#: Aggregates with a syntax of their own, and functions of the sketch that an aggregate makes.
SPECIAL_AGGREGATES: Final = {
    **collections.SPECIAL_AGGREGATES,
    "COUNT(*)": ("COUNT(*)", ["-> long"]),
    "COUNT DISTINCT": ("COUNT(DISTINCT {0})", ["string -> estimate", "long -> estimate", "timestamp -> estimate"]),
    "FILTER": ("SUM({0}) FILTER (WHERE {1})", ["count boolean -> long"]),
    # A comparison with a constant becomes a native filter.
    **{
        f"FILTER {sign}": (
            f"SUM(id) FILTER (WHERE {{0}} {sign} {{1}})",
            ["number_text long -> long", *(f"{kind} double -> long" for kind in ("long", "double", "float"))],
        )
        for sign in ("=", "<>", "<", ">=")
    },
    "FILTER IN": ("SUM(id) FILTER (WHERE {0} IN ({1}, {2}))", [f"{kind} {kind} {kind} -> long" for kind in SCALARS]),
    "CASE in SUM": ("SUM(CASE WHEN {0} = {1} THEN id END)", [f"{kind} {kind} -> long" for kind in SCALARS]),
    "CASE in SUM ELSE 0": ("SUM(CASE WHEN {0} THEN {1} ELSE 0 END)", ["boolean count -> long", "boolean long -> long"]),
    "AVG CAST": ("AVG(CAST({0} AS BIGINT))", ["count -> double", "stable -> double", "float -> double"]),
    "STRING CAST": ("LATEST(CAST(CAST({0} AS BIGINT) AS VARCHAR), 100)", ["stable -> string", "count -> string"]),
    "NULLIF in MIN": ("MIN(NULLIF({0}, {1}))", [f"{kind} {kind} -> {kind}" for kind in ("long", "double", "float")]),
    "FILTER CAST": (
        "SUM(id) FILTER (WHERE CAST({0} AS VARCHAR) = {1})",
        [f"{kind} number_text -> long" for kind in ("long", "double", "float")],
    ),
    **{
        f"DS_{name}": (
            f"DS_{name}(DS_QUANTILES_SKETCH({{0}}), {arguments})",
            [f"{kind} {kinds}" for kind in ("long", "double", "float")],
        )
        for name, arguments, kinds in (
            ("CDF", "-1, {1}", "point -> complex"),
            ("GET_QUANTILE", "{1}", "fraction -> double"),
            ("GET_QUANTILES", "{1}, {2}", "fraction fraction -> complex"),
            ("RANK", "{1}", "point -> double"),
        )
    },
    # Rounded, because the estimate of a few values is no whole number.
    "HLL_SKETCH_ESTIMATE": ("HLL_SKETCH_ESTIMATE(DS_HLL({0}), TRUE)", [f"{kind} -> double" for kind in SCALARS]),
    "HLL_SKETCH_UNION": (
        "HLL_SKETCH_ESTIMATE(HLL_SKETCH_UNION(DS_HLL({0}), DS_HLL({1})), TRUE)",
        ["string string -> double", "long long -> double"],
    ),
    "THETA_SKETCH_ESTIMATE": ("THETA_SKETCH_ESTIMATE(DS_THETA({0}))", [f"{kind} -> double" for kind in SCALARS]),
    **{
        f"THETA_SKETCH_{name}": (
            f"THETA_SKETCH_ESTIMATE(THETA_SKETCH_{name}(DS_THETA({{0}}), DS_THETA({{1}})))",
            ["string string -> double", "long long -> double", "double long -> double"],
        )
        for name in ("INTERSECT", "NOT", "UNION")
    },
    "COUNT FILTER": ("COUNT(*) FILTER (WHERE {0})", ["boolean -> long"]),
}
