# SPDX-License-Identifier: Apache-2.0
"""Translate the operators of Druid SQL: arithmetic, comparisons, logic and concatenation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions import comparisons, conditions, literals, text, times
from airflow_provider_polaris.emulator.sql.functions.call import Rewrite
from airflow_provider_polaris.emulator.sql.functions.numeric import arithmetic, numbers
from airflow_provider_polaris.emulator.sql.translation.context import TranslationContext
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import only
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import TEMPORAL, Sql


def _operator(name: str, rewrite: Rewrite) -> Callable[[TranslationContext, exp.Expression], Sql]:
    def handle(context: TranslationContext, node: exp.Expression) -> Sql:
        only(node, "this", "expression", "typed", "safe")
        return rewrite(context.call(name, [node.this, node.expression]))

    return handle


def _plus_or_minus(name: str, sign: int) -> Callable[[TranslationContext, exp.Expression], Sql]:
    plain = _operator(name, arithmetic.arithmetic(name))

    def handle(context: TranslationContext, node: exp.Expression) -> Sql:
        if isinstance(node.expression, exp.Interval):
            only(node, "this", "expression")
            moment = context.translate(node.this)
            if moment.type == "null":
                raise SqlNotSupported(f"'{name}' of NULL and an INTERVAL is not supported")
            if moment.type not in TEMPORAL:
                raise SqlInvalid(f"Cannot apply '{name}' to an INTERVAL and a value that is not a TIMESTAMP")
            return times.add_interval(moment, context.translate(node.expression), sign)
        return plain(context, node)

    return handle


def _remainder(_context: TranslationContext, _node: exp.Expression) -> Sql:
    raise SqlInvalid("'%' is not allowed in Druid SQL: write MOD(a, b)")


def _unary(name: str, rewrite: Rewrite) -> Callable[[TranslationContext, exp.Expression], Sql]:
    def handle(context: TranslationContext, node: exp.Expression) -> Sql:
        only(node, "this")
        return rewrite(context.call(name, [node.this]))

    return handle


def _negative(context: TranslationContext, node: exp.Expression) -> Sql:
    only(node, "this")
    if isinstance(node.this, exp.Literal) and not node.this.is_string:
        return literals.number(f"-{node.this.this}")
    return numbers.negate(context.call("-", [node.this]))


def _chain(name: str, rewrite: Rewrite) -> Callable[[TranslationContext, exp.Expression], Sql]:
    """Build the handler of an operator with any number of operands."""

    def handle(context: TranslationContext, node: exp.Expression) -> Sql:
        # Flattened, because a chain of 1,000 conditions is a tree of 1,000 levels.
        parts: list[exp.Expression] = []
        rest: exp.Expression = node
        while type(rest) is type(node):
            only(rest, "this", "expression", "safe")
            parts.append(rest.expression)
            rest = rest.this
        return rewrite(context.call(name, [rest, *reversed(parts)]))

    return handle


OPERATORS: dict[type[exp.Expression], Callable[[TranslationContext, Any], Sql]] = {
    exp.Neg: _negative,
    exp.Add: _plus_or_minus("+", 1),
    exp.Sub: _plus_or_minus("-", -1),
    exp.Mul: _operator("*", arithmetic.arithmetic("*")),
    exp.Div: _operator("/", arithmetic.divide),
    exp.Mod: _remainder,
    exp.DPipe: _chain("||", text.concat),
    exp.EQ: _operator("=", comparisons.compare("=")),
    exp.NEQ: _operator("<>", comparisons.compare("<>")),
    exp.LT: _operator("<", comparisons.compare("<")),
    exp.LTE: _operator("<=", comparisons.compare("<=")),
    exp.GT: _operator(">", comparisons.compare(">")),
    exp.GTE: _operator(">=", comparisons.compare(">=")),
    exp.NullSafeEQ: _operator("IS NOT DISTINCT FROM", comparisons.compare("IS NOT DISTINCT FROM")),
    exp.NullSafeNEQ: _operator("IS DISTINCT FROM", comparisons.compare("IS DISTINCT FROM")),
    exp.And: _chain("AND", conditions.logic("AND")),
    exp.Or: _chain("OR", conditions.logic("OR")),
    exp.Not: _unary("NOT", conditions.not_),
}
"""Handlers of the operators."""
