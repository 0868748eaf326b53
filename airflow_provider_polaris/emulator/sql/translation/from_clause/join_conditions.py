# SPDX-License-Identifier: Apache-2.0
"""
Check the conditions of joins.

OBSERVED(Druid 33): an inner join takes any condition, because the planner makes a filter of what is no equality of the
two sides. An outer join takes only such equalities, and those of a column of its right side and a literal.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.optimizer.ranges import conjuncts
from airflow_provider_polaris.emulator.sql.translation.scope import Scope
from airflow_provider_polaris.emulator.sql.translation.translator import Translator
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import ARRAYS

_EQUALITIES = (exp.EQ, exp.NullSafeEQ)


def check_condition(word: str, condition: exp.Expression, scope: Scope, translator: Translator) -> None:
    """
    Check what stands after ON.

    :param word: The join, such as ``LEFT JOIN``.
    :param scope: The relations of both sides; the last one is the right side.
    :raises SqlNotSupported: Druid refuses the condition, or compares the values in another way.
    """
    check_keys(condition, scope, translator)
    if word == "JOIN":
        return
    right = len(scope.sources) - 1
    for term in conjuncts(condition):
        used = _sources(term, scope)
        is_key = isinstance(term, _EQUALITIES) and all(
            sides == {right} or (sides and right not in sides)
            for sides in (_sources(term.left, scope), _sources(term.right, scope))
        )
        if used and not (is_key and used > {right}) and not (used == {right} and _is_column_and_literal(term, scope)):
            raise SqlNotSupported(
                f"{word} is not supported with the condition {term.sql()[:120]!r}: write equalities of the left and "
                "the right side, and conditions on one side in a subquery"
            )


def check_keys(condition: exp.Expression, scope: Scope, translator: Translator) -> None:
    """
    Check the equalities of two relations in ON or WHERE, which become the keys of a join.

    :raises SqlNotSupported: Druid makes no key of such a value, or tells values apart that its comparisons don't.
    """
    for term in conjuncts(condition) if len(scope.sources) > 1 else ():
        if not isinstance(term, _EQUALITIES):
            continue
        left, right = _sources(term.left, scope), _sources(term.right, scope)
        if not left or not right or left & right:
            continue
        parts: tuple[Any, Any] = (term.left, term.right)
        types = {translator.translate(part).type for part in parts}
        if types & ARRAYS:
            raise SqlNotSupported("joining against ARRAY columns is not supported")
        if types & {"double", "float"}:
            # OBSERVED(Druid 33): -0.0 joins with itself only.
            raise SqlNotSupported(f"a join by an equality of fractions is not supported: {term.sql()[:120]!r}")


def _sources(node: Any, scope: Scope) -> set[int]:
    """Return the numbers of the relations of which a node has columns outside of subqueries; a unit isn't a column."""
    parts = node.walk(prune=lambda part: isinstance(part, exp.Query))
    return {
        number
        for column in parts
        if isinstance(column, exp.Column)
        for number, source in enumerate(scope.sources)
        if column.table in ("", source.name) and any(field.name == column.name for field in source.fields)
    }


def _is_column_and_literal(term: exp.Expression, scope: Scope) -> bool:
    """Whether a condition is an equality of a column and a literal of its type."""
    if not isinstance(term, exp.EQ):
        return False
    column, literal = sorted((term.left.unnest(), term.right.unnest()), key=lambda part: isinstance(part, exp.Literal))
    if not isinstance(column, exp.Column) or not isinstance(literal, exp.Literal):
        return False
    kind = "string" if literal.is_string else "long" if literal.is_int else "double"
    return scope.find(column.name, column.table or None)[0].type == kind
