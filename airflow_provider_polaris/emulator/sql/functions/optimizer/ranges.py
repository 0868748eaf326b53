# SPDX-License-Identifier: Apache-2.0
"""Find the conditions of which Druid's planner may know that no row fulfills them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_decided

_BOUNDS: dict[type[exp.Expression], int] = {exp.GT: 0, exp.GTE: 0, exp.LT: 1, exp.LTE: 1}
_MIDNIGHT = " 00:00:00"


def may_be_empty(where: exp.Expression) -> bool:
    """
    Whether the planner may know that no row fulfills a condition.

    :return: False if no part of it is decided and no column occurs twice, except between two literals: ``__time >= a
        AND __time < b``.
    """
    by_column: dict[str, list[exp.Expression]] = defaultdict(list)
    for part in conjuncts(where):
        if is_decided(part):
            return True
        for name in [column.name for column in part.find_all(exp.Column)]:
            by_column[name].append(part)
    return not all((len(parts) == 1 and not _has_between(parts[0])) or _is_range(parts) for parts in by_column.values())


def conjuncts(condition: Any) -> Iterator[Any]:
    """Yield the conditions that AND combines, without brackets around them."""
    node: Any = condition.unnest()
    if isinstance(node, exp.And):
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    else:
        yield node


def _has_between(part: exp.Expression) -> bool:
    return part.find(exp.Between) is not None


def _is_range(parts: list[exp.Expression]) -> bool:
    """Whether the conditions on a column are a lower and a larger upper bound."""
    bounds: list[Any] = [None, None]
    for part in parts:
        node: Any = part
        if isinstance(node, exp.Between) and len(parts) == 1 and isinstance(node.this, exp.Column):
            bounds = [_literal(node.args["low"]), _literal(node.args["high"])]
        elif type(node) in _BOUNDS and isinstance(node.this.unnest(), exp.Column):
            bounds[_BOUNDS[type(node)]] = _literal(node.expression)
    lower, upper = bounds
    is_complete = lower is not None and upper is not None and len(parts) <= 2
    return is_complete and type(lower) is type(upper) and bool(lower < upper)


def _literal(node: exp.Expression) -> float | str | None:
    """Return a number, or the text of a time in one form; None for other expressions."""
    bare: Any = node.unnest()
    if isinstance(bare, exp.Literal) and not bare.is_string:
        return float(bare.this)
    text = bare.this if isinstance(bare, exp.Cast) else bare
    if not isinstance(text, exp.Literal) or not text.is_string:
        return None
    written = str(text.this).replace("T", " ").removesuffix("Z")
    return written + _MIDNIGHT if len(written) == len("2024-01-01") else written
