# SPDX-License-Identifier: Apache-2.0
"""
Sums of a CASE, which Druid's optimizer turns into sums with a FILTER.

OBSERVED(Druid 33): ``SUM(CASE WHEN c THEN x ELSE 0 END)`` of whole numbers is ``SUM(x) FILTER (WHERE c)``, and so NULL
if no row fulfills ``c``; with ``THEN 1`` it is a COUNT, and so 0. A sum of doubles stays as it is. If the planner finds
that WHERE contradicts ``c``, the sum is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import Sql

Source = Callable[[exp.Column], "exp.Expression | None"]
"""Returns the expression of the subquery that a column is."""


def case_of(name: str, arguments: Sequence[exp.Expression], source: Source) -> exp.Case | None:
    """
    Find the CASE that an aggregate is about, under parentheses and casts.

    :raises SqlNotSupported: It is a column of a subquery.
    """
    node = without_casts(arguments[0]) if len(arguments) == 1 else None
    if name not in ("SUM", "ARRAY_AGG") or node is None:
        return None
    inner = source(node) if isinstance(node, exp.Column) else None
    if inner is not None and isinstance(without_casts(inner), exp.Case):
        raise SqlNotSupported(f"function '{name}' is not supported of a CASE in a subquery: use FILTER", name)
    return node if isinstance(node, exp.Case) else None


def move_case_to_filter(
    name: str, arguments: Sequence[exp.Expression], node: exp.Case, translate: Callable[[exp.Expression], Sql]
) -> tuple[Sequence[exp.Expression], exp.Expression | None]:
    """
    Rewrite an aggregate of a CASE as Druid's optimizer does, where the rows that it leaves out change the result.

    :param node: The CASE in ``arguments``.
    :return: The arguments and the condition of their FILTER; None if the aggregate stays as it is.
    :raises SqlNotSupported: The optimizer's result depends on more.
    """
    default, branches = node.args.get("default"), [branch.args["true"] for branch in node.args["ifs"]]
    if name == "ARRAY_AGG":
        if any(value is None or isinstance(value, exp.Null) for value in (default, *branches)):
            raise SqlNotSupported(f"function '{name}' is not supported of a CASE with NULL: use FILTER", name)
        return arguments, None
    if default is None or not _is_number(default, "0") or translate(arguments[0]).type != "long":
        return arguments, None
    value = branches[0]
    if len(branches) == 1 and (isinstance(value, exp.Null) or any(_is_number(value, digit) for digit in "01")):
        return arguments, None
    if len(branches) == 1 and _asks_for_null(node.args["ifs"][0].this, value):
        return arguments, None  # OBSERVED(Druid 33): it is COALESCE(x, 0)
    is_computed = not isinstance(value, exp.Literal) and value.find(exp.Column) is None
    if is_computed or value.find(exp.Case) or (len(branches) > 1 and any(_is_number(each, "0") for each in branches)):
        raise SqlNotSupported(f"function '{name}' is not supported of such a CASE with ELSE 0: use FILTER", name)
    if len(branches) > 1:
        return arguments, None
    when = node.args["ifs"][0].this.copy()
    return [value], when if node.this is None else exp.EQ(this=node.this.copy(), expression=when)


def is_count(argument: exp.Expression, node: exp.Case) -> bool:
    """Whether a SUM is a COUNT to Druid's optimizer: of 1 for one condition or another, and otherwise 0."""
    branches = [branch.args["true"] for branch in node.args["ifs"]]
    default = node.args.get("default")
    is_bare = argument.unnest() is node and default is not None and _is_number(default, "0")
    return is_bare and all(_is_number(value, "1") for value in branches)


def may_be_known(value: exp.Expression, condition: exp.Expression, others: Sequence[exp.Expression]) -> bool:
    """
    Whether the planner may know value or condition of a CASE from other conditions.

    :param others: They contradict the condition only if they have one of its columns. They may say that a column of the
        value is one value, or NULL.
    """
    pinned: list[Any] = [node for other in others for node in other.find_all(exp.EQ, exp.NullSafeEQ, exp.In, exp.Is)]
    return _share_column(condition, others) or _share_column(value, pinned)


def _share_column(node: exp.Expression, others: Sequence[exp.Expression]) -> bool:
    names = {column.name for column in node.find_all(exp.Column)}
    return any(column.name in names for other in others for column in other.find_all(exp.Column))


def without_casts(node: exp.Expression) -> exp.Expression:
    """Return what is inside parentheses and casts, which Druid's optimizer removes."""
    while isinstance(node, (exp.Paren, exp.Cast)):
        node = node.this
    return node


def _asks_for_null(condition: Any, value: exp.Expression) -> bool:
    """Whether a condition is ``value IS NOT NULL``."""
    node: Any = condition.unnest()
    is_null = node.this.unnest() if isinstance(node, exp.Not) else None
    return (
        isinstance(is_null, exp.Is)
        and isinstance(is_null.expression, exp.Null)
        and without_casts(is_null.this) == without_casts(value)
    )


def _is_number(node: exp.Expression, digits: str) -> bool:
    number = without_casts(node)
    return isinstance(number, exp.Literal) and not number.is_string and number.this == digits
