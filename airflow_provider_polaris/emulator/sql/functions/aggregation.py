# SPDX-License-Identifier: Apache-2.0
"""The arguments and the clauses of an aggregate call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported, sql_name
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, Sql, can_fail


class Aggregation(Call):
    """
    A call of an aggregate function.

    :param condition: DuckDB SQL of its ``FILTER (WHERE ...)``, or None.
    :param storing: True for a job's measure, False for a query.
    :param is_star: ``COUNT(*)``.
    :param is_distinct: ``COUNT(DISTINCT x)``.
    :param time_column: Returns the SQL of ``__time``.
    """

    def __init__(
        self,
        name: str,
        nodes: Sequence[exp.Expression],
        translate: Callable[[exp.Expression], Sql],
        *,
        condition: str | None,
        storing: bool,
        is_star: bool,
        is_distinct: bool,
        time_column: Callable[[], str],
    ) -> None:
        super().__init__(name, nodes, translate)
        self.condition = condition
        self.storing = storing
        self.is_star = is_star
        self.is_distinct = is_distinct
        self.time_column = time_column

    def collection(self, index: int) -> Sql:
        """
        Translate an argument.

        :raises SqlNotSupported: It can fail in a row that FILTER or CASE leaves out. OBSERVED(Druid 33): the planner
            makes a FILTER of CASE, and the values of all rows of a batch are computed.
        """
        value = super().collection(index)
        if can_fail(value.text) and (self.condition or isinstance(self.nodes[index].unnest(), exp.Case)):
            raise self.refuse(
                "with FILTER or CASE of a value that can fail, such as a division of whole numbers: write "
                "NULLIF(divisor, 0), or SAFE_DIVIDE"
            )
        return value

    def check_cast(self, index: int) -> None:
        """
        Refuse a CAST that EARLIEST, LATEST and ANY_VALUE leave out.

        OBSERVED(Druid 33): the text of a FLOAT is that of its own digits, -0.1; a column of text is read as a column of
        numbers, in which ``2f`` is NULL.

        :raises SqlNotSupported: The argument is a CAST of a FLOAT to VARCHAR, or of a column of text to a number.
        """
        value, node = self.value(index), self.nodes[index].unnest()
        if value.type == "string" and value.cast_from == "float":
            raise self.refuse("with a CAST of a FLOAT to VARCHAR")
        source = node.this.unnest() if isinstance(node, exp.Cast) else node
        if value.type in NUMERIC and value.cast_from == "string" and isinstance(source, exp.Column):
            raise self.refuse(f"with a CAST of a column of text to {sql_name(value.type)}")

    def over(self, aggregate: str, *conditions: str) -> str:
        """Append the FILTER clause with the call's own condition and further conditions."""
        every = [*([self.condition] if self.condition else []), *conditions]
        return f"{aggregate} FILTER (WHERE {' AND '.join(every)})" if every else aggregate


def move_case_to_filter(
    name: str,
    arguments: Sequence[exp.Expression],
    condition: exp.Expression | None,
    translate: Callable[[exp.Expression], Sql],
) -> tuple[Sequence[exp.Expression], exp.Expression | None]:
    """
    Rewrite an aggregate of a CASE as Druid's optimizer does, where the rows that it leaves out change the result.

    OBSERVED(Druid 33): ``SUM(CASE WHEN c THEN x ELSE 0 END)`` of whole numbers is ``SUM(x) FILTER (WHERE c)``, and so
    NULL if no row fulfills ``c``; with ``THEN 1`` it is a COUNT, and so 0. A sum of doubles stays as it is.

    :param condition: Condition of the FILTER clause.
    :return: The arguments and the condition.
    :raises SqlNotSupported: The optimizer's result depends on more.
    """
    node = _without_casts(arguments[0]) if len(arguments) == 1 else None
    if not isinstance(node, exp.Case) or name not in ("SUM", "ARRAY_AGG"):
        return arguments, condition
    default, branches = node.args.get("default"), [branch.args["true"] for branch in node.args["ifs"]]
    if name == "ARRAY_AGG":
        if any(value is None or isinstance(value, exp.Null) for value in (default, *branches)):
            raise SqlNotSupported(f"function '{name}' is not supported of a CASE with NULL: use FILTER", name)
        return arguments, condition
    if default is None or not _is_number(default, "0") or translate(arguments[0]).type != "long":
        return arguments, condition
    value = branches[0]
    if len(branches) == 1 and (isinstance(value, exp.Null) or any(_is_number(value, digit) for digit in "01")):
        return arguments, condition
    is_computed = not isinstance(value, exp.Literal) and value.find(exp.Column) is None
    if is_computed or value.find(exp.Case) or (len(branches) > 1 and any(_is_number(each, "0") for each in branches)):
        raise SqlNotSupported(f"function '{name}' is not supported of such a CASE with ELSE 0: use FILTER", name)
    if len(branches) > 1:
        return arguments, condition
    when = node.args["ifs"][0].this.copy()
    if node.this is not None:
        when = exp.EQ(this=node.this.copy(), expression=when)
    every = when if condition is None else exp.And(this=exp.Paren(this=condition), expression=exp.Paren(this=when))
    return [value], every


def _is_number(node: exp.Expression, digits: str) -> bool:
    number = _without_casts(node)
    return isinstance(number, exp.Literal) and not number.is_string and number.this == digits


def _without_casts(node: exp.Expression) -> exp.Expression:
    """Return what is inside parentheses and casts, which Druid's optimizer removes."""
    while isinstance(node, (exp.Paren, exp.Cast)):
        node = node.this
    return node
