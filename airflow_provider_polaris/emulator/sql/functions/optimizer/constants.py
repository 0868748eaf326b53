# SPDX-License-Identifier: Apache-2.0
"""
Find what Druid's planner computes or decides before it reads rows.

OBSERVED(Druid 33): it replaces ``CASE WHEN 'a' = 'b' THEN i ELSE 64 END`` by 64, and then computes ``ASIN`` of it,
which fails because the result is not finite. So a CASE that the planner may replace by a literal is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_NEVER_NULL = (exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Star)
_FIRST_OF = frozenset({"COALESCE", "NVL", "IFNULL"})


def is_constant(node: exp.Expression) -> bool:
    """Whether an expression reads neither columns nor rows."""
    return node.find(exp.Star, exp.Query) is None and all(map(is_pi, node.find_all(exp.Column)))


def is_decided(condition: exp.Expression) -> bool:
    """Whether the planner may know the result of a condition, or of a part of it."""
    node: Any = condition.unnest()
    if is_constant(node):
        return True
    if isinstance(node, (exp.And, exp.Or)):
        return is_decided(node.this) or is_decided(node.expression)
    if isinstance(node, exp.Not):
        return is_decided(node.this)
    if isinstance(node, exp.Like):
        return node.expression.is_string and set(node.expression.name) == {"%"}  # it asks for NULL only
    if isinstance(node, exp.Is):
        return is_never_null(node.this) if isinstance(node.expression, exp.Null) else is_decided(node.this)
    if isinstance(node, _COMPARISONS):
        left, right = node.this.unnest(), node.expression.unnest()
        return left == right or exp.Null() in (left, right) or (_has_literals(left) and _has_literals(right))
    return False


def is_never_null(value: exp.Expression) -> bool:
    """Whether the planner may know that a value is not NULL: a number of rows, ``__time``, what is made of them."""
    node: Any = value.unnest()
    if isinstance(node, exp.Column):
        return node.name == "__time"
    if isinstance(node, exp.Case):
        results = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default") or exp.Null()]
        return all(map(is_never_null, results))
    name = str(node.this).upper() if isinstance(node, exp.Anonymous) else ""
    if name in _FIRST_OF:
        return any(map(is_never_null, node.expressions))
    is_nullable = isinstance(node, exp.Null) or name == "NULLIF"
    return isinstance(node, _NEVER_NULL) or (not is_nullable and all(map(is_never_null, node.iter_expressions())))


def is_division(value: exp.Expression) -> bool:
    """Whether a value is NULL exactly if an operand is: the value of an operator, such as a division."""
    node = value.unnest()
    name = str(node.this).upper() if isinstance(node, exp.Anonymous) else ""
    return isinstance(node, (exp.Binary, exp.Unary)) or name in ("MOD", "ABS", "FLOOR", "CEIL")


def has_repeated_operands(conditions: Sequence[exp.Expression]) -> bool:
    """Whether two comparisons have the same operands, so that the planner may make one of them."""
    nodes: list[Any] = [condition.unnest() for condition in conditions]
    operands = [frozenset((node.this, node.expression)) for node in nodes if isinstance(node, _COMPARISONS)]
    return len(set(operands)) < len(operands)


def may_be_literal(node: exp.Case) -> bool:
    """Whether the planner may replace a CASE by a literal."""
    conditions = [branch.this for branch in node.args["ifs"]]
    if node.this is not None:
        conditions = [exp.EQ(this=node.this.copy(), expression=value.copy()) for value in conditions]
    decided = [*map(is_decided, conditions), False]
    results = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default") or exp.Null()]
    left = {result for result, is_left_out in zip(results, decided, strict=True) if not is_left_out}
    return (decided[0] and any(map(is_constant, results))) or (len(left) == 1 and is_constant(left.pop()))


def _has_literals(node: exp.Expression) -> bool:
    """Whether a value is a literal, or is one in some rows."""
    if isinstance(node, exp.Case):
        return any(is_constant(branch.args["true"]) for branch in node.args["ifs"])
    return is_constant(node)


def is_pi(column: Any) -> bool:
    """Whether an expression is the number PI, which has no parentheses."""
    return isinstance(column, exp.Column) and column.name.upper() == "PI" and not column.this.args.get("quoted")
