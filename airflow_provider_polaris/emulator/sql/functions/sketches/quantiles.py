# SPDX-License-Identifier: Apache-2.0
"""
Quantiles: the aggregates that make a sketch, and the functions that read one.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-aggregations#quantiles-sketch-functions,
https://druid.apache.org/docs/latest/querying/sql-scalar#quantiles-sketch-functions. A sketch is the list of all values.
OBSERVED(Druid 33): a sketch of few values (DOCUMENTED in datasketches-java: less than twice ``k``, 256 by default) has
all of them in Druid, too, and gives the same; NULL is not counted; the quantile of no values is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from airflow_provider_polaris.emulator.sql.functions.aggregation import Aggregation
from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.values.java_numbers import single_precision
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, TEMPORAL, Sql, double, quote_text

_TYPE = "quantilesDoublesSketch"
_LARGEST_K = 32768
_NAN = "CAST('NaN' AS DOUBLE)"
_MOST_POINTS = 100


def new_sketch(call: Aggregation) -> Sql:
    """``DS_QUANTILES_SKETCH(number or sketch[, k])``."""
    _check_k(call, 1)
    return _sketch(call)


def approx_quantile(call: Aggregation) -> Sql:
    """``APPROX_QUANTILE_DS(number or sketch, fraction[, k])``; a job stores the sketch."""
    fraction = _fraction(call, 1)
    _check_k(call, 2)
    sketch = _sketch(call)
    return sketch if call.storing else double(_quantile(sketch.text, _single_precision(fraction)))


def get_quantile(call: Call) -> Sql:
    """``DS_GET_QUANTILE(sketch, fraction)``. OBSERVED(Druid 33): planning fails for a CAST of it."""
    return Sql(_quantile(_given(call), _single_precision(_fraction(call, 1))), "double", subtype="SKETCH")


def get_quantiles(call: Call) -> Sql:
    """``DS_GET_QUANTILES(sketch, fraction, ...)``: an array that no function takes. OBSERVED(Druid 33)."""
    quantiles = (_quantile(_given(call), repr(_fraction(call, index))) for index in range(1, len(call)))
    return Sql(f"[{', '.join(quantiles)}]", "complex")


def rank(call: Call) -> Sql:
    """``DS_RANK(sketch, number)``: the part of the values that are not larger; planning fails for a CAST of it."""
    return Sql(_rank(_given(call), _number(call, 1)), "double", subtype="SKETCH")


def distribution(call: Call) -> Sql:
    """``DS_CDF(sketch, number, ...)``: the rank of each number, and 1; no function takes it."""
    points = [_number(call, index) for index in range(1, len(call))]
    if any(right <= left for left, right in pairwise(points)):
        raise SqlInvalid("Values must be unique, monotonically increasing and not NaN.")
    sketch = _given(call)
    ranks = ", ".join(_rank(sketch, point) for point in points)
    return Sql(f"[{ranks}, CASE WHEN len({sketch}) > 0 THEN CAST(1 AS DOUBLE) ELSE {_NAN} END]", "complex")


def _sketch(call: Aggregation) -> Sql:
    value = call.value(0)
    if value.type == _TYPE:
        merged = f"flatten({call.over(f'list({value.text})', f'{value.text} IS NOT NULL')})"
    elif value.type in ("string", "null"):
        raise call.refuse("with text: CAST it to a number" if value.type == "string" else "of the literal NULL")
    elif value.type in TEMPORAL | {"boolean"}:
        raise call.refuse("of a time or a boolean")
    elif value.cast_from in NUMERIC:
        # OBSERVED(Druid 33): the sketch is made of the values before the CAST.
        raise call.refuse("with a CAST from a number to a number, which Druid ignores here: write FLOOR")
    else:
        number = cast(call.exact_number(0), "double").text
        # DOCUMENTED in DoublesSketch.update of datasketches-java: NaN is not counted.
        merged = call.over(f"list({number})", f"NOT isnan({number})")
    return Sql(f"coalesce({merged}, CAST([] AS DOUBLE[]))", _TYPE)


def _quantile(sketch: str, fraction: str) -> str:
    """Build the value at a fraction: the smallest one whose rank is not below it."""
    place = f"greatest(CAST(ceil({fraction} * len(__values)) AS BIGINT), 1)"
    value = f"list_sort(__values)[{place}]"
    # Which of the two comes first depends on the order of the rows.
    signs = "list_transform(list_filter(__values, lambda __zero: __zero = 0), lambda __zero: signbit(__zero))"
    both = f"error({quote_text('a quantile of -0.0 and 0.0 is not supported')})"
    zero = f"CASE WHEN len(list_distinct({signs})) > 1 THEN {both} ELSE {value} END"
    found = f"CASE WHEN len(__values) = 0 THEN {_NAN} WHEN {value} = 0 THEN {zero} ELSE {value} END"
    return f"list_transform([{sketch}], lambda __values: {found})[1]"


def _rank(sketch: str, number: float) -> str:
    smaller = f"len(list_filter(__values, lambda __value: __value <= CAST({number!r} AS DOUBLE)))"
    found = f"CASE WHEN len(__values) > 0 THEN CAST({smaller} AS DOUBLE) / len(__values) ELSE {_NAN} END"
    return f"list_transform([{sketch}], lambda __values: {found})[1]"


def _given(call: Call) -> str:
    value = call.value(0)
    if value.type != _TYPE:
        raise call.refuse(f"unless argument 1 is a sketch of type {_TYPE}")
    return value.text


def _number(call: Call, index: int) -> float:
    value = call.value(index)
    if value.type == "null":
        raise SqlInvalid("Illegal use of 'NULL'")
    if value.type == "float":
        raise call.refuse(f"with a FLOAT as argument {index + 1}")
    if value.type not in ("long", "double"):
        raise call.invalid()
    if not isinstance(value.constant, (int, float)):
        if is_constant(call.nodes[index]):
            raise call.refuse(f"unless argument {index + 1} is a literal")
        raise SqlInvalid(f"Argument to function '{call.name}' must be a literal")
    return float(value.constant)


def _fraction(call: Call, index: int) -> float:
    fraction = _number(call, index)
    if not 0 <= fraction <= 1:
        raise SqlInvalid(f"A normalized rank must be >= 0 and <= 1.0: {fraction}")
    return fraction


def _single_precision(fraction: float) -> str:
    """OBSERVED(Druid 33): one quantile is computed from a FLOAT, several from a DOUBLE."""
    # DuckDB before 1.5 casts a decimal literal to the FLOAT below the nearest one.
    return repr(single_precision(fraction))


def _check_k(call: Call, index: int) -> None:
    if len(call) <= index:
        return
    size = call.constant_long(index)
    if not 2 <= size <= _LARGEST_K or size & (size - 1):
        raise SqlInvalid(f"K must be >= 2 and <= {_LARGEST_K} and a power of 2: {size}")


AGGREGATES: dict[str, tuple[Callable[[Aggregation], Sql], int, int]] = {
    "APPROX_QUANTILE_DS": (approx_quantile, 2, 3),
    "DS_QUANTILES_SKETCH": (new_sketch, 1, 2),
}

FUNCTIONS: Table = {
    "DS_GET_QUANTILE": (get_quantile, 2, 2),
    "DS_GET_QUANTILES": (get_quantiles, 2, _MOST_POINTS),
    "DS_RANK": (rank, 2, 2),
    "DS_CDF": (distribution, 2, _MOST_POINTS),
}
