# SPDX-License-Identifier: Apache-2.0
"""
CASTs in an aggregate that Druid's planner leaves out, so that the aggregate has other values.

OBSERVED(Druid 33): sketches, AVG, STRING_AGG and others read the column under a CAST to a number. A CAST to a number
and back to VARCHAR is the text of the column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.functions.optimizer.filtered_sums import without_casts
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC


def has_cast_to_number(call: Call) -> bool:
    """Whether the value of an aggregate is a CAST to a number, or one of it to VARCHAR."""
    value, node = call.value(0), call.nodes[0].unnest()
    if isinstance(node, exp.Cast) and value.type == "string" and value.cast_from in NUMERIC:
        value = call.translate(node.this)
    return value.cast_from is not None and value.type in NUMERIC


def has_cast_back_to_text(call: Call) -> bool:
    """Whether the value of an aggregate is a CAST to a number, and back to VARCHAR."""
    return call.value(0).type == "string" and has_cast_to_number(call)


def check_average(call: Call) -> None:
    """
    Refuse the average of a CAST to a whole number, also inside CASE; of an expression, the CAST is computed.

    :raises SqlNotSupported: It is such a CAST.
    """
    node: Any = call.nodes[0].unnest()
    for part in [branch.args["true"] for branch in node.args["ifs"]] if isinstance(node, exp.Case) else [node]:
        value, source = call.translate(part), part.unnest().this
        if value.type == "long" and value.cast_from not in ("long", None) and _is_column(source.unnest()):
            raise call.refuse("of a column's CAST to BIGINT, which Druid ignores here: write TRUNCATE")


def _is_column(node: exp.Expression) -> bool:
    """Whether the planner makes a column of an expression; COALESCE of one value is this value."""
    if isinstance(node, exp.Anonymous) and str(node.this).upper() in ("COALESCE", "NVL", "IFNULL"):
        first, *others = (each.unnest() for each in node.expressions)
        return _is_column(first) and all(each == first for each in others)
    return isinstance(node, exp.Column)


def reads_json_of_column(value: exp.Expression, source: Callable[[exp.Column], exp.Expression | None]) -> bool:
    """
    Whether a value is JSON_VALUE of a column, also as a column of a subquery.

    :param source: Returns the expression of the subquery that a column is.
    """
    node = without_casts(value)
    inner = source(node) if isinstance(node, exp.Column) else None
    bare = without_casts(inner) if inner is not None else node
    is_json_value = isinstance(bare, exp.Anonymous) and str(bare.this).upper() == "JSON_VALUE"
    return is_json_value and isinstance(bare.expressions[0].unnest(), exp.Column)
