# SPDX-License-Identifier: Apache-2.0
"""The arguments and the clauses of an aggregate call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.functions.optimizer.left_out_casts import has_cast_back_to_text
from airflow_provider_polaris.emulator.sql.values.types import sql_name
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, TEMPORAL, Sql, can_fail


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

    def check_chosen(self) -> None:
        """
        Refuse a value of which EARLIEST, LATEST and ANY_VALUE make another one. OBSERVED(Druid 33).

        A CAST is left out: the text of a FLOAT is that of its own digits, -0.1, and a column of text is read as a
        column of numbers, in which ``2f`` is NULL. The text of a BOOLEAN that is NULL can be ``0``. In a query, a time
        or a boolean is its number as text.

        :raises SqlNotSupported: It is such a value, or one that can fail: Druid computes it for the chosen row only.
        """
        value, node = self.value(0), self.nodes[0].unnest()
        if value.type in TEMPORAL | {"boolean"} and not self.storing:
            raise self.refuse(f"for {sql_name(value.type)}, of which Druid returns the number as text")
        if len(self) > 2 and not self.name.endswith("_BY"):
            raise self.refuse("with a third argument")
        if self.name.endswith("_BY") and len(self) > 1 and is_constant(self.nodes[1]):
            raise self.refuse("by a constant time, with which Druid takes any row")
        if can_fail(value.text):
            raise self.refuse("of a value that can fail, such as a division of whole numbers")
        if value.type == "string" and value.cast_from in ("float", "boolean"):
            raise self.refuse(f"with a CAST of a {sql_name(value.cast_from)} to VARCHAR")
        if has_cast_back_to_text(self):
            raise self.refuse("over a CAST to a number and back to VARCHAR")
        source = node.this.unnest() if isinstance(node, exp.Cast) else node
        if value.type in NUMERIC and value.cast_from == "string" and isinstance(source, exp.Column):
            raise self.refuse(f"with a CAST of a column of text to {sql_name(value.type)}")

    def over(self, aggregate: str, *conditions: str) -> str:
        """Append the FILTER clause with the call's own condition and further conditions."""
        every = [*([self.condition] if self.condition else []), *conditions]
        return f"{aggregate} FILTER (WHERE {' AND '.join(every)})" if every else aggregate
