# SPDX-License-Identifier: Apache-2.0
"""
Translate aggregates: to the number for a query, or to the form that a job stores for later rollups.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-aggregations,
https://docs.imply.io/polaris/input-expressions-reference for the aggregates of measures. COUNT, SUM, MIN, MAX and
ANY_VALUE are stored as the number; the others as :mod:`~airflow_provider_polaris.emulator.sql.values.stored_measures`.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.aggregation import Aggregation
from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.functions.collections import collecting
from airflow_provider_polaris.emulator.sql.functions.numeric import bits
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant, is_never_null
from airflow_provider_polaris.emulator.sql.functions.optimizer.left_out_casts import check_average, has_cast_to_number
from airflow_provider_polaris.emulator.sql.functions.sketches import quantiles
from airflow_provider_polaris.emulator.sql.functions.sketches.distinct import check_size
from airflow_provider_polaris.emulator.sql.values import java_text as java
from airflow_provider_polaris.emulator.sql.values import stored_measures as stored
from airflow_provider_polaris.emulator.sql.values.java_numbers import NAN
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, TEMPORAL, Sql, can_fail, double, long

DEFAULT_MAX_BYTES = 1024
"""DOCUMENTED: default length limit of EARLIEST, LATEST and ANY_VALUE for strings."""


def count(call: Aggregation) -> Sql:
    """``COUNT(*)``, ``COUNT(x)``; ``COUNT(DISTINCT x)`` is APPROX_COUNT_DISTINCT_DS_HLL, but exact."""
    if call.is_distinct:
        return count_distinct("HLLSketch")(call)
    if not call.is_star and can_fail(call.value(0).text) and is_never_null(call.nodes[0]):
        # OBSERVED(Druid 33): it isn't computed if the planner knows that it is not NULL.
        raise call.refuse("of a value that can fail, such as a division of whole numbers")
    node = None if call.is_star else call.nodes[0].unnest()
    if isinstance(node, exp.EQ | exp.NEQ) and node.left.unnest() == node.right.unnest():
        raise call.refuse("of a comparison of a value and itself")  # OBSERVED(Druid 33): it also counts NULL
    return long(call.over("count(*)" if call.is_star else f"count({call.value(0).text})"))


def total(call: Aggregation) -> Sql:
    """``SUM(x)``: NULL for no rows. A sum of longs beyond 64 bits fails; Druid's wraps around."""
    if call.number(0).type == "long":
        return long(f"CAST({call.over(f'sum({call.long(0)})')} AS BIGINT)")
    return double(call.over(f"sum({call.double(0)})"))


def extreme(function: str) -> Callable[[Aggregation], Sql]:
    """Build the rewrite of MIN or MAX of numbers and timestamps; Druid doesn't support strings."""

    def rewrite(call: Aggregation) -> Sql:
        value = call.value(0)
        if value.type in ("string", "boolean"):
            raise call.refuse(f"for type {value.type.upper()}")
        if value.type not in NUMERIC | TEMPORAL:
            raise call.invalid()
        if value.type == "float" and is_constant(call.nodes[0]):
            raise call.refuse("of a constant FLOAT")  # its text has the digits of a double
        found = call.over(f"{function}({value.text})")
        if function == "min" and value.type in ("double", "float"):
            # OBSERVED(Druid 33): NaN is the smallest number, and the largest one. In DuckDB it is the largest one only.
            found = f"CASE WHEN {call.over(f'bool_or(isnan({value.text}))')} THEN {NAN} ELSE {found} END"
        return Sql(found, value.type, subtype=None if value.subtype == "REAL" else value.subtype)

    return rewrite


def bitwise(function: str) -> Callable[[Aggregation], Sql]:
    """
    Build the rewrite of BIT_OR or BIT_XOR, only in queries; NULL for no rows.

    GUESS: Polaris doesn't take them as measures; they are not on its page of input expressions. OBSERVED(Druid 33):
    over a CAST from text they give 0, so a CAST is refused.
    """

    def rewrite(call: Aggregation) -> Sql:
        if call.storing:
            raise call.refuse("as a measure")
        if call.value(0).cast_from is not None:
            raise call.refuse("over a CAST")
        bits.check_columns(call)
        if call.number(0).type != "long":
            raise call.invalid()
        return long(call.over(f"{function}({call.long(0)})"))

    return rewrite


def average(call: Aggregation) -> Sql:
    """``AVG(x)``, only in queries, because an average can't be rolled up again."""
    if call.storing:
        raise call.refuse("as a measure: store SUM and COUNT and divide in the query")
    check_average(call)
    return double(call.over(f"avg({call.double(0)})"))


def count_distinct(sketch: str | None) -> Callable[[Aggregation], Sql]:
    """
    Build the rewrite of an APPROX_COUNT_DISTINCT function: exact, while Polaris estimates.

    :param sketch: Data type of its stored form; None if a table can't store it.
    """
    # OBSERVED(Druid 33): as text, the number of a theta sketch is '15.0'.
    subtype = "ESTIMATE" if sketch == "thetaSketch" else None

    def rewrite(call: Aggregation) -> Sql:
        value = call.value(0)
        _check_no_cast(call)
        check_size(call)
        _check_no_float(call, sketch)
        if value.type == sketch:
            merged = stored.merge_sets(call.over(f"list({value.text})", f"{value.text} IS NOT NULL"))
            return Sql(merged, sketch) if call.storing else Sql(f"len({merged})", "long", subtype=subtype)
        if call.scalar(0).type == "timestamp" and call.name != "COUNT":
            value = cast(value, "string")  # OBSERVED(Druid 33): two times in one second are one value
        if not call.storing:
            return Sql(call.over(f"count(DISTINCT {value.text})", *_counted(value, sketch)), "long", subtype=subtype)
        if sketch is None:
            raise call.refuse("as a measure")
        return _new_set(call, value, sketch)

    return rewrite


def new_sketch(sketch: str) -> Callable[[Aggregation], Sql]:
    """Build the rewrite of DS_HLL or DS_THETA: the sketch itself, also in a query."""

    def rewrite(call: Aggregation) -> Sql:
        _check_no_cast(call)
        check_size(call)
        _check_no_float(call, sketch)
        value = call.value(0)
        if value.type == sketch:
            return Sql(stored.merge_sets(call.over(f"list({value.text})", f"{value.text} IS NOT NULL")), sketch)
        return _new_set(call, call.scalar(0), sketch)

    return rewrite


def variance(kind: stored.VarianceKind, *, storable: bool) -> Callable[[Aggregation], Sql]:
    """
    Build the rewrite of a variance or standard deviation: 0 for one value, NULL for no value.

    :param storable: Whether measures may use the function; standard deviations are not allowed.
    """

    def rewrite(call: Aggregation) -> Sql:
        if call.storing and not storable:
            raise call.refuse("as a measure: store VARIANCE")
        if call.value(0).type == "variance":
            text = call.value(0).text
            moments = stored.merge_moments(call.over(f"list({text})", f"{text}.n > 0"))
        else:
            number = f"CAST({call.number(0).text} AS DOUBLE)"
            moments = stored.moments(
                call.over(f"count({number})"), call.over(f"avg({number})"), call.over(f"var_pop({number})")
            )
        return Sql(moments, "variance") if call.storing else double(stored.variance(moments, kind))

    return rewrite


def at_end(function: str, *, by: bool) -> Callable[[Aggregation], Sql]:
    """
    Build the rewrite of EARLIEST, LATEST and their ``_BY`` forms: the value at the smallest or largest time.

    Of several rows with this time, the smallest (EARLIEST) or largest (LATEST) value is used. OBSERVED(Druid 33): it is
    the first or last row of a segment, in the order of ``__time`` and all dimensions; several segments have no order.
    GUESS: a measure of numbers stores only the number, because polaris-sdk 20250425.14.0 has a pair type only for time
    and string. A later rollup uses the time of the stored row.

    :param function: ``min`` or ``max``.
    :param by: Whether the second argument is the time.
    """

    def rewrite(call: Aggregation) -> Sql:
        value = call.value(0)
        call.check_chosen()
        limit = _max_bytes(call, 2 if by else 1)
        if value.type == "longStringPair":
            if by:
                raise call.invalid()
            pair = call.over(f"{function}({value.text})", f"{value.text}.t IS NOT NULL")
            return Sql(pair, "longStringPair") if call.storing else Sql(f"({pair}).v", "string")
        time = call.time(1) if by else call.time_column()
        text = java.first_bytes(call.text(0), limit, call.name) if value.type == "string" else call.scalar(0).text
        pair = call.over(f"{function}({stored.pair(time, text)})", f"{time} IS NOT NULL")
        if call.storing and value.type == "string":
            return Sql(pair, "longStringPair")
        return Sql(f"({pair}).v", value.type, subtype=value.subtype)

    return rewrite


def any_value(call: Aggregation) -> Sql:
    """``ANY_VALUE(x[, maxBytes])``: the smallest value, so that every run gives the same result."""
    value = call.scalar(0)
    call.check_chosen()
    limit = _max_bytes(call, 1)
    text = java.first_bytes(value.text, limit, call.name) if value.type == "string" else value.text
    return Sql(call.over(f"min({text})"), value.type, subtype=value.subtype)


def _new_set(call: Aggregation, value: Sql, sketch: str) -> Sql:
    if value.type == "boolean":
        raise call.refuse("of a BOOLEAN")
    return Sql(
        stored.new_set(
            call.over(f"list(DISTINCT {stored.element(value)})", f"{value.text} IS NOT NULL", *_counted(value, sketch))
        ),
        sketch,
    )


def _check_no_cast(call: Aggregation) -> None:
    """
    Refuse a CAST between numbers, and a constant that may be NULL.

    OBSERVED(Druid 33): the sketch is made of the values before the CAST; the planner fails for a NULL.
    """
    if is_constant(call.nodes[0]) and not is_never_null(call.nodes[0]):
        raise call.refuse("of a constant that may be NULL")
    if has_cast_to_number(call):
        raise call.refuse("with a CAST to a number, which Druid ignores here: write FLOOR")


def _check_no_float(call: Aggregation, sketch: str | None) -> None:
    """Refuse FLOAT for a theta sketch. OBSERVED(Druid 33): a column fails, and an expression does in some queries."""
    if sketch != "thetaSketch" or call.value(0).type != "float":
        return
    if isinstance(call.nodes[0].unnest(), exp.Column):
        raise SqlInvalid("Illegal type received while theta sketch merging [class java.lang.Float]")
    raise call.refuse("of a FLOAT")


def _counted(value: Sql, sketch: str | None) -> tuple[str, ...]:
    """
    Return the condition for a value to change a sketch.

    OBSERVED(Druid 33): the empty string doesn't. DOCUMENTED in the update methods of datasketches-java.
    """
    return (f"{value.text} <> ''",) if sketch is not None and value.type == "string" else ()


def _max_bytes(call: Aggregation, index: int) -> int:
    """
    Return the limit of a text; OBSERVED(Druid 33): the fraction of a number is dropped.

    Numbers have no limit, so that any is taken. A limit of 0 gives empty texts, NULL, or an error.
    """
    constant = call.exact_number(index).constant if len(call) > index else DEFAULT_MAX_BYTES
    limit = int(constant) if isinstance(constant, (int, float)) else call.constant_long(index)
    is_text = call.value(0).type in ("string", "longStringPair")
    if limit == 0 and is_text:
        raise call.refuse("with a limit of 0 bytes")
    if limit < 0 and is_text:
        raise SqlInvalid(f"function '{call.name}' needs a positive number of bytes, not {limit}")
    return limit


FUNCTIONS: dict[str, tuple[Callable[[Aggregation], Sql], int, int]] = {
    "COUNT": (count, 1, 1),
    "BIT_OR": (bitwise("bit_or"), 1, 1),
    "BIT_XOR": (bitwise("bit_xor"), 1, 1),
    "SUM": (total, 1, 1),
    "MIN": (extreme("min"), 1, 1),
    "MAX": (extreme("max"), 1, 1),
    "AVG": (average, 1, 1),
    "APPROX_COUNT_DISTINCT": (count_distinct(None), 1, 1),
    "APPROX_COUNT_DISTINCT_BUILTIN": (count_distinct(None), 1, 1),
    "APPROX_COUNT_DISTINCT_DS_HLL": (count_distinct("HLLSketch"), 1, 3),
    "APPROX_COUNT_DISTINCT_DS_THETA": (count_distinct("thetaSketch"), 1, 2),
    "DS_HLL": (new_sketch("HLLSketch"), 1, 3),
    "DS_THETA": (new_sketch("thetaSketch"), 1, 2),
    "VARIANCE": (variance("sample", storable=True), 1, 1),
    "VAR_SAMP": (variance("sample", storable=True), 1, 1),
    "VAR_POP": (variance("population", storable=True), 1, 1),
    "STDDEV": (variance("sample deviation", storable=False), 1, 1),
    "STDDEV_SAMP": (variance("sample deviation", storable=False), 1, 1),
    "STDDEV_POP": (variance("population deviation", storable=False), 1, 1),
    "EARLIEST": (at_end("min", by=False), 1, 3),
    "LATEST": (at_end("max", by=False), 1, 3),
    "EARLIEST_BY": (at_end("min", by=True), 2, 3),
    "LATEST_BY": (at_end("max", by=True), 2, 3),
    "ANY_VALUE": (any_value, 1, 3),
    **quantiles.AGGREGATES,
    **collecting.FUNCTIONS,
}
"""Maps the name of an aggregate to its rewrite and the minimum and maximum number of arguments."""
