# SPDX-License-Identifier: Apache-2.0
"""
Apply a function or a condition to each value of a multi-value string, as Druid does.

A text function gives a multi-value string. A condition in a WHERE or FILTER clause is true if it is true for one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.collections.lists import or_null
from airflow_provider_polaris.emulator.sql.translation.context import TranslationContext
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import describe
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE, Sql, boolean

Handler = Callable[[TranslationContext, exp.Expression], Sql]

_MAPPED = frozenset(
    {"UPPER", "LOWER", "CONCAT", "TEXTCAT", "SUBSTRING", "SUBSTR", "LEFT", "RIGHT", "BTRIM"}
    | {"LTRIM", "RTRIM", "REPLACE", "REVERSE", "REPEAT", "LPAD", "RPAD", "REGEXP_REPLACE"}
)
"""OBSERVED(Druid 33): functions that have a multi-value string for a multi-value string."""

_MAPPED_FORMS = (exp.Trim, exp.Substring, exp.DPipe)
_CONDITIONS = (exp.EQ, exp.NullSafeEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.In, exp.Between, exp.Is)
_NEGATED: dict[type[exp.Expression], type[exp.Expression]] = {exp.NEQ: exp.EQ, exp.NullSafeNEQ: exp.NullSafeEQ}
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)

_EACH = Sql("__each_value", "string")


def each_value(context: TranslationContext, node: exp.Expression, handler: Handler) -> Sql:
    """
    Translate a node, once for each value if one of its operands is a multi-value column.

    :raises SqlNotSupported: Druid's result for this use of a multi-value string isn't reproduced.
    """
    is_condition = isinstance(node, _CONDITIONS) or type(node) in _NEGATED
    is_mapped = isinstance(node, _MAPPED_FORMS) or (
        isinstance(node, exp.Anonymous) and str(node.this).upper() in _MAPPED
    )
    if not is_condition and not is_mapped:
        return handler(context, node)
    # To the parser, the word after IS can be a column: UNKNOWN.
    parts = [node.this] if isinstance(node, exp.Is) else node.iter_expressions()
    operands = [part for part in parts if isinstance(part, exp.Column)]
    columns = [part for part in operands if context.translate(part).type == MULTI_VALUE]
    if not columns:
        return handler(context, node)
    if sum(other.name == columns[0].name for other in node.find_all(exp.Column)) > 1 or len(columns) > 1:
        raise SqlNotSupported(f"{describe(node)} is not supported with several multi-value strings")
    if is_mapped:
        return _mapped(context, node, columns[0], handler)
    if not context.filters:
        raise SqlNotSupported(f"{describe(node)} is not supported with a multi-value string outside of a WHERE clause")
    _check(context, node, columns[0])
    return _any(context, node, columns[0])


def _mapped(context: TranslationContext, node: exp.Expression, column: exp.Column, handler: Handler) -> Sql:
    values = context.translate(column).text
    with _one_by_one(context, values):
        result = handler(context, node)
    return Sql(f"list_transform({or_null(values)}, lambda {_EACH.text}: {result.text})", MULTI_VALUE)


def _any(context: TranslationContext, node: exp.Expression, column: exp.Column) -> Sql:
    """Build the condition: true if one value fulfills it, otherwise unknown if it is unknown for one value."""
    values = context.translate(column).text
    is_negated = bool(node.args.get("negate")) or type(node) in _NEGATED
    plain: exp.Expression = node.copy()
    plain.set("negate", None)
    if type(node) in _NEGATED:
        plain = _NEGATED[type(node)](this=plain.this, expression=plain.expression)
    with _one_by_one(context, values):
        condition = context.translate(plain).text
    each = f"CASE WHEN {condition} THEN 2 WHEN ({condition}) IS NULL THEN 1 ELSE 0 END"
    most = f"list_max(list_transform({or_null(values)}, lambda {_EACH.text}: {each}))"
    found = f"(CASE {most} WHEN 2 THEN TRUE WHEN 0 THEN FALSE END)"
    return boolean(f"(NOT {found})" if is_negated else found)


@contextmanager
def _one_by_one(context: TranslationContext, values: str) -> Iterator[None]:
    context.each[values] = _EACH
    try:
        yield
    finally:
        del context.each[values]


def _check(context: TranslationContext, node: exp.Expression, column: exp.Column) -> None:
    """Refuse conditions that Druid's optimizer combines or turns around as if the column had one value."""
    if any(not _is_literal(part, node) for part in node.iter_expressions() if part is not column):
        raise SqlNotSupported(f"{describe(node)} is not supported with a multi-value string and an expression")
    ancestors = list(_ancestors(node))
    if isinstance(node, _RANGES) and (node.args.get("negate") or any(isinstance(a, exp.Not) for a in ancestors)):
        raise SqlNotSupported(f"NOT of {describe(node)} is not supported with a multi-value string")
    if isinstance(node, exp.Like):
        pattern = str(node.expression.this)
        if not pattern.strip("%") or not set("%_") & set(pattern):
            raise SqlNotSupported(f"{describe(node)} is not supported with a multi-value string and this pattern")
    if context.clause == "WHERE" and _pins(node):
        context.pinned[context.translate(column).text] = column.name
    alternatives = [a for a in ancestors if isinstance(a, exp.Or)] if isinstance(node, exp.EQ) else []
    group = id(alternatives[-1] if alternatives else node)
    groups = context.compared.setdefault(context.translate(column).text, set())
    groups.add(group)
    if len(groups) > 1:
        raise SqlNotSupported(
            f"several conditions on the multi-value column '{column.name}' are not supported: use MV_CONTAINS or "
            "MV_OVERLAP"
        )


def _pins(node: exp.Expression) -> bool:
    """Whether the optimizer takes the column for one value in the rest of the query."""
    is_negated = bool(node.args.get("negate")) != (type(node) in _NEGATED)
    for ancestor in _ancestors(node):
        is_negated ^= isinstance(ancestor, exp.Not)
    is_one_of_one = isinstance(node, exp.In) and len(node.expressions) < 2
    is_equality = isinstance(node, (exp.EQ, exp.NullSafeEQ, exp.Is)) or type(node) in _NEGATED
    return not is_negated and (is_one_of_one or is_equality)


def _ancestors(node: exp.Expression) -> Iterator[exp.Expression]:
    while isinstance(node.parent, (exp.And, exp.Or, exp.Not, exp.Paren)):
        node = node.parent
        yield node


def _is_literal(part: exp.Expression, node: exp.Expression) -> bool:
    if isinstance(part, exp.Null):
        return isinstance(node, exp.Is)
    return isinstance(part, exp.Literal) and part.is_string
