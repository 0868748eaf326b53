# SPDX-License-Identifier: Apache-2.0
"""The shared state of a translation: scope, parameters, calls, columns and aggregates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions import aggregates, conditions
from airflow_provider_polaris.emulator.sql.functions.aggregation import Aggregation
from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.functions.collections import collecting
from airflow_provider_polaris.emulator.sql.functions.optimizer import filtered_sums
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_pi
from airflow_provider_polaris.emulator.sql.functions.optimizer.ranges import may_be_empty
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import only
from airflow_provider_polaris.emulator.sql.translation.scope import TIME_COLUMN, Scope
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import Sql, quote_text


class TranslationContext(ABC):
    """
    The scope of one translation, and the columns and aggregates that its expressions use.

    :param scope: The visible columns.
    :param clause: Clause that doesn't allow aggregates, for messages; None if aggregates are allowed.
    :param storing: Whether an aggregate is translated to its stored form.
    :param parameters: Value of each ``?``, by its position in the text.
    :param subquery: Translates a SELECT with one column to SQL in parentheses; None if subqueries are not allowed.

    ``each`` has the SQL of one value for columns whose values are translated one by one, ``unnested`` the SQL of group
    keys that have a row for each value, and ``compared`` the conditions on each multi-value column. ``pinned`` has the
    multi-value columns that the WHERE clause compares with one value, and ``constants`` and
    ``compared_before`` are those of the WHERE clause, whose condition is ``where``. ``has_sets`` tells whether rows are
    grouped by sets of keys.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        clause: str | None = None,
        storing: bool = False,
        parameters: Mapping[str, Sql] | None = None,
        subquery: Callable[[exp.Expression], Sql] | None = None,
    ) -> None:
        self.scope = scope
        self.clause = clause
        self.storing = storing
        self.parameters = parameters or {}
        self.subquery = subquery
        self.uses: set[str] = set()
        self.reads = 0
        self.ungrouped: dict[str, None] = {}
        self.grouped: frozenset[str] = frozenset()
        self.has_aggregate = False
        self.has_sets = False
        self.each: dict[str, Sql] = {}
        self.unnested: dict[str, Sql] = {}
        self.compared: dict[str, set[int]] = {}
        self.pinned: dict[str, str] = {}
        self.constants: Mapping[str, str] = {}
        self.compared_before: Mapping[str, set[int]] = {}
        self.where: exp.Expression | None = None
        self.filters = clause == "WHERE"
        self.selects = clause in ("WHERE", "ON")
        self._inside_aggregate = False

    @abstractmethod
    def translate(self, node: exp.Expression) -> Sql:
        """Translate a node; see :class:`~airflow_provider_polaris.emulator.sql.translation.translator.Translator`."""

    def call(self, name: str, nodes: Sequence[exp.Expression]) -> Call:
        """Create a call that uses this translator."""
        native = self.selects or self._inside_aggregate
        return Call(
            name, nodes, self.translate, filters=self.filters, native=native, selects=self.selects, source=self.source
        )

    def source(self, column: exp.Column) -> exp.Expression | None:
        """Return the expression of the subquery that a column is; None for a column of a table, and for PI."""
        return None if is_pi(column) else self.scope.find(column.name, column.table or None)[0].expression

    def column(self, name: str, qualifier: str | None = None) -> Sql:
        """Translate a column name."""
        field, value = self.scope.find(name, qualifier)
        check_constant([field.name] if value.text in self.constants else [])
        self.uses.add(field.name)
        self.reads += 1
        if not self._inside_aggregate:
            self.ungrouped[field.name] = None
        return self.each.get(value.text, value)

    def aggregate(self, name: str, arguments: Sequence[exp.Expression], condition: exp.Expression | None) -> Sql:
        """Translate an aggregate call, with the condition of its FILTER clause."""
        if self.clause is not None:
            raise SqlInvalid(f"Aggregate expression is illegal in {self.clause} clause")
        if self._inside_aggregate:
            raise SqlInvalid("Aggregate expressions cannot be nested")
        self._inside_aggregate = True
        try:
            return self._aggregate(name, arguments, condition)
        finally:
            self._inside_aggregate = False

    def _aggregate(self, name: str, arguments: Sequence[exp.Expression], condition: exp.Expression | None) -> Sql:
        rewrite, least, most = aggregates.FUNCTIONS[name]
        counts = False
        if (case := filtered_sums.case_of(name, arguments, self.source)) is not None:
            counts = name == "SUM" and filtered_sums.is_count(arguments[0], case)
            arguments, when = filtered_sums.move_case_to_filter(name, arguments, case, self.translate)
            if when is not None:
                return self._sum_of_case(arguments, when, condition)
        nodes, is_distinct = _distinct(name, arguments)
        is_star = len(nodes) == 1 and isinstance(nodes[0], exp.Star)
        if is_star and (name != "COUNT" or is_distinct):
            raise SqlInvalid(f"'*' is not an argument of '{name}'")
        if name == "COUNT" and len(nodes) > 1:
            raise SqlNotSupported("function 'COUNT' is not supported with several values", name)
        check_count(name, nodes, least, most)
        if not self.scope.sources and (name in collecting.FUNCTIONS or name == "ANY_VALUE"):
            # OBSERVED(Druid 33): other aggregates of constants are computed, most of these can't be planned.
            raise SqlNotSupported(f"function '{name}' is not supported in a SELECT without FROM", name)
        if self.has_sets and name in collecting.FUNCTIONS and not is_distinct:
            # OBSERVED(Druid 33): the order of the values depends on the rows of all sets.
            raise SqlNotSupported(f"function '{name}' is not supported with GROUPING SETS, ROLLUP or CUBE", name)
        self.has_aggregate = True
        self.reads += 1
        where = self._filter(condition) if condition is not None else None
        value = rewrite(
            Aggregation(
                name,
                nodes,
                self.translate,
                condition=where,
                storing=self.storing,
                is_star=is_star,
                is_distinct=is_distinct,
                time_column=lambda: self.column(TIME_COLUMN).text,
            )
        )
        return self._count_of_ones(value) if counts else value

    def _count_of_ones(self, value: Sql) -> Sql:
        """Return a sum of ones, which is 0 over no rows, or NULL if the planner knows that there are none."""
        text = f"coalesce({value.text}, 0)"
        if (self.where is not None and may_be_empty(self.where)) or not all(s.is_whole for s in self.scope.sources):
            words = "function 'SUM' is not supported of a CASE with ELSE 0 over no rows: use COUNT with FILTER"
            text = f"CASE WHEN count(*) = 0 THEN error({quote_text(words)}) ELSE {text} END"
        return replace(value, text=text)

    def _sum_of_case(
        self, arguments: Sequence[exp.Expression], when: exp.Expression, condition: exp.Expression | None
    ) -> Sql:
        """Translate the SUM of a CASE with ELSE 0; without a row that fulfills its condition, it is NULL or 0."""
        every = when if condition is None else exp.And(this=exp.Paren(this=condition), expression=exp.Paren(this=when))
        total = self._aggregate("SUM", arguments, every)
        others = [other for other in (self.where, condition) if other is not None]
        is_whole = all(source.is_whole for source in self.scope.sources)
        if is_whole and not filtered_sums.may_be_known(arguments[0], when, others):
            return total
        rows = "count(*)" if condition is None else f"count(*) FILTER (WHERE {self._filter(condition)})"
        none = f"{rows} > 0 AND {total.text} IS NULL"
        words = "function 'SUM' is not supported of a CASE with ELSE 0 if no row fulfills its condition: use FILTER"
        return replace(total, text=f"CASE WHEN {none} THEN error({quote_text(words)}) ELSE {total.text} END")

    def _filter(self, condition: exp.Expression) -> str:
        # Druid's optimizer combines the conditions of FILTER with those of WHERE.
        selects, self.filters, self.selects = self.selects, True, True
        self.compared = {name: set(groups) for name, groups in self.compared_before.items()}
        try:
            return conditions.as_condition(self.translate(condition), "FILTER")
        finally:
            self.filters, self.selects = False, selects


def check_constant(names: Iterable[str]) -> None:
    """
    Refuse to use multi-value columns that the WHERE clause compares with one value.

    OBSERVED(Druid 33): after ``WHERE tags = 'a'``, the optimizer replaces ``tags`` by 'a' in the rest of the query.

    :raises SqlNotSupported: There is such a column.
    """
    for name in names:
        raise SqlNotSupported(
            f"multi-value column '{name}' is not supported beside a condition in WHERE that it is one value: "
            "use MV_CONTAINS"
        )


def check_count(name: str, nodes: Sequence[Any], least: int, most: int) -> None:
    """
    Check the number of arguments of a call.

    :raises SqlInvalid: The number is too small or too large.
    """
    if not least <= len(nodes) <= most:
        expected = str(least) if least == most else f"{least} to {most}"
        raise SqlInvalid(f"Invalid number of arguments to function '{name}': expected {expected}, got {len(nodes)}")


def _distinct(name: str, arguments: Sequence[exp.Expression]) -> tuple[list[exp.Expression], bool]:
    if not (len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)):
        return list(arguments), False
    only(arguments[0], "expressions")
    inner = arguments[0].expressions
    if name in collecting.FUNCTIONS:
        return inner, True
    if name != "COUNT":
        raise SqlNotSupported(f"function '{name}' is not supported with DISTINCT", name)
    if len(inner) != 1:
        raise SqlNotSupported("function 'COUNT' is not supported with DISTINCT of several values", name)
    return inner, True
