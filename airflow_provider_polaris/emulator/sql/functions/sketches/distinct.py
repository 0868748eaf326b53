# SPDX-License-Identifier: Apache-2.0
"""
Estimates and set operations of HLL and theta sketches.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#hll-sketch-functions,
https://druid.apache.org/docs/latest/querying/sql-scalar#theta-sketch-functions. An estimate is a double. OBSERVED(Druid
33): HLL_SKETCH_ESTIMATE of 8 values is 8.000000139077509; the emulator's is 8.0.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.values import stored_measures as stored
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import Sql

_MOST_SKETCHES = 100
_SET_OPERATIONS = frozenset({"HLL_SKETCH_UNION", "THETA_SKETCH_UNION", "THETA_SKETCH_INTERSECT", "THETA_SKETCH_NOT"})


def estimate(sketch: str) -> Rewrite:
    """Build the rewrite of a sketch's number of distinct values; a second argument asks for a rounded number."""

    def rewrite(call: Call) -> Sql:
        if len(call) > 1 and call.value(1).type != "boolean":
            raise call.invalid()
        return Sql(f"CAST(len({_sketch(call, 0, sketch)}) AS DOUBLE)", "double", subtype=_subtype(call, sketch))

    return rewrite


def _subtype(call: Call, sketch: str) -> str | None:
    """
    Return how the estimate may be converted.

    OBSERVED(Druid 33): planning fails for a CAST of a set operation, and a rounded HLL estimate becomes the text '4'.
    """
    node = call.nodes[0].unnest()
    if isinstance(node, exp.Anonymous) and str(node.this).upper() in _SET_OPERATIONS:
        return "SKETCH"
    return "ESTIMATE" if sketch == "HLLSketch" else None


def union(sketch: str) -> Rewrite:
    """Build the rewrite of the union of sketches."""

    def rewrite(call: Call) -> Sql:
        parts = ", ".join(_sketch(call, index, sketch) for index in range(len(call)))
        return Sql(stored.merge_sets(f"[{parts}]"), sketch)

    return rewrite


def intersect(call: Call) -> Sql:
    """``THETA_SKETCH_INTERSECT(sketch, sketch, ...)``: the values that all have."""
    found = _sketch(call, 0, "thetaSketch")
    for index in range(1, len(call)):
        found = f"list_intersect({found}, {_sketch(call, index, 'thetaSketch')})"
    return Sql(found, "thetaSketch")


def without(call: Call) -> Sql:
    """``THETA_SKETCH_NOT(sketch, sketch, ...)``: the values of the first that no other has."""
    found = _sketch(call, 0, "thetaSketch")
    for index in range(1, len(call)):
        other = _sketch(call, index, "thetaSketch")
        found = f"list_filter({found}, lambda __value: NOT list_contains({other}, __value))"
    return Sql(found, "thetaSketch")


def _sketch(call: Call, index: int, sketch: str) -> str:
    value = call.value(index)
    if value.type != sketch:
        raise call.refuse(f"unless argument {index + 1} is a sketch of type {sketch}")
    return value.text


def check_size(call: Call) -> None:
    """Check the optional arguments of a sketch, which change its size only. OBSERVED(Druid 33)."""
    if "null" in [call.value(index).type for index in range(1, len(call))]:
        raise call.refuse("with NULL as the size or the type")
    if len(call) > 1:
        size = call.constant_long(1)
        if size < 1 or (call.name.endswith("THETA") and size & (size - 1)):
            raise SqlInvalid(
                f"function '{call.name}' needs a positive size, of a theta sketch a power of 2, not {size}"
            )
    if len(call) > 2 and call.constant_text(2) not in ("HLL_4", "HLL_6", "HLL_8"):
        raise SqlInvalid(f"No enum constant org.apache.datasketches.hll.TgtHllType.{call.constant_text(2)}")


FUNCTIONS: Table = {
    "HLL_SKETCH_ESTIMATE": (estimate("HLLSketch"), 1, 2),
    "HLL_SKETCH_UNION": (union("HLLSketch"), 2, _MOST_SKETCHES),
    "THETA_SKETCH_ESTIMATE": (estimate("thetaSketch"), 1, 1),
    "THETA_SKETCH_UNION": (union("thetaSketch"), 2, _MOST_SKETCHES),
    "THETA_SKETCH_INTERSECT": (intersect, 2, _MOST_SKETCHES),
    "THETA_SKETCH_NOT": (without, 2, _MOST_SKETCHES),
}
