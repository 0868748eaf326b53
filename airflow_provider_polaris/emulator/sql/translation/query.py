# SPDX-License-Identifier: Apache-2.0
"""
Translate whole queries: SELECT with joins, subqueries, WITH, GROUP BY, HAVING, ORDER BY, LIMIT, UNION ALL.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql: names are case sensitive, GROUP BY takes ordinals but no
aliases, NULL sorts before everything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions import literals
from airflow_provider_polaris.emulator.sql.functions.conditions import as_condition
from airflow_provider_polaris.emulator.sql.translation import grouping, ordering
from airflow_provider_polaris.emulator.sql.translation.context import check_constant
from airflow_provider_polaris.emulator.sql.translation.from_clause.relations import Derived, Environment, Relations
from airflow_provider_polaris.emulator.sql.translation.output_columns import (
    check_equal_names,
    common_field,
    expand,
    finished,
    output_fields,
    output_name,
    replace_aliases,
)
from airflow_provider_polaris.emulator.sql.translation.parsing.outer_select import without_outer_select
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import describe, only, parse_one
from airflow_provider_polaris.emulator.sql.translation.scope import Scope, Source
from airflow_provider_polaris.emulator.sql.translation.translator import Translator
from airflow_provider_polaris.emulator.sql.values import stored_measures as stored
from airflow_provider_polaris.emulator.sql.values.types import (
    Column,
    Query,
    SqlInvalid,
    SqlNotSupported,
    TableRelation,
)
from airflow_provider_polaris.emulator.sql.values.values import (
    ARRAYS,
    MULTI_VALUE,
    SCALAR,
    Sql,
)

_STATEMENT = re.compile(
    r"\s*(INSERT|REPLACE|DELETE|UPDATE|MERGE|CREATE|ALTER|DROP|TRUNCATE|EXPLAIN|DESCRIBE|SHOW|SET)\b", re.IGNORECASE
)
_TAIL = ("order", "limit", "offset")
_FROM = ("from", "from_")
_WITH = ("with", "with_")
"""The names of these parts differ between sqlglot releases."""


def translate_query(
    text: str,
    *,
    table: Callable[[str], TableRelation | None],
    parameters: Sequence[Mapping[str, object]] = (),
    native: bool = False,
) -> Query:
    """
    Translate a query.

    :param text: One SELECT, optionally with a WITH clause.
    :param table: Returns a table by exact name; None if it doesn't exist.
    :param parameters: Values of the ``?``, in order, in the form of the SQL API: ``{"type": "VARCHAR", "value": "x"}``.
    :param native: Whether Druid's native engine runs it, as synchronous queries: it refuses to sort the rows of a table
        by other columns than ``__time``, and most UNION ALL in subqueries. The multi-stage engine has no such limits.
    :return: DuckDB SQL and its columns. A directly selected sketch, variance or pair becomes a text that describes its
        content.
    :raises SqlNotSupported: The emulator doesn't support it; the message names the construct.
    :raises SqlInvalid: The text can't be parsed, or uses an unknown table or column.
    """
    if (statement := _STATEMENT.match(text)) is not None:
        raise SqlNotSupported(f"{statement[1].upper()} is not supported: only SELECT can be queried")
    node = parse_one(text)
    if isinstance(node, exp.Values):
        raise SqlNotSupported("VALUES is not supported: only SELECT can be queried")
    if not isinstance(node, (exp.Query, exp.Subquery)):
        raise SqlInvalid(f"a query begins with SELECT or WITH, this is {describe(node)}")
    node = without_outer_select(node) if native else node
    try:
        derived = Queries(table, bind(node, parameters), native=native).query(node, {}, outermost=True)
    except RecursionError:
        raise SqlInvalid("the SQL is nested too deeply") from None
    check_equal_names(derived.fields)
    return Query(derived.sql, tuple(Column(field.name, field.type) for field in derived.fields))


def bind(node: exp.Expression, parameters: Sequence[Mapping[str, object]]) -> dict[str, Sql]:
    """Assign each ``?`` its value; a placeholder's name is its position in the text."""
    places = sorted({str(found.this) for found in node.find_all(exp.Placeholder)}, key=int)
    return {place: literals.parameter(given) for place, given in zip(places, parameters, strict=False)}


class Queries:
    """Translates the SELECTs of one query."""

    def __init__(
        self, table: Callable[[str], TableRelation | None], parameters: Mapping[str, Sql], *, native: bool
    ) -> None:
        self._parameters = parameters
        self._native = native
        self._relations = Relations(
            table,
            lambda node, environment: self.query(node, environment),
            lambda scope, clause: self._translator(scope, {}, clause),
            (f"r{number}" for number in count(1)),
        )

    def query(self, node: exp.Expression, environment: Environment, *, outermost: bool = False) -> Derived:
        """Translate a SELECT or UNION ALL, with its WITH clause."""
        environment = self._with_ctes(node, environment)
        if isinstance(node, exp.Subquery):
            only(node, "this", *_WITH)
            return self.query(node.this, environment, outermost=outermost)
        if isinstance(node, exp.Union):
            return self._union(node, environment, outermost)
        if isinstance(node, exp.Select):
            return self._select(node, environment, outermost)
        raise SqlNotSupported(f"{node.key.upper()} is not supported: only SELECT and UNION ALL are")

    def _with_ctes(self, node: exp.Expression, environment: Environment) -> Environment:
        clause = _part(node, _WITH)
        if clause is None:
            return environment
        only(clause, "expressions")
        found = dict(environment)
        for cte in clause.expressions:
            only(cte, "this", "alias")
            if cte.args["alias"].args.get("columns"):
                raise SqlNotSupported(f"a list of column names after {cte.alias!r} is not supported")
            found[cte.alias] = self.query(cte.this, found)
        return found

    def _union(self, node: exp.Expression, environment: Environment, outermost: bool) -> Derived:
        only(node, "this", "expression", "distinct", *_WITH, *_TAIL)
        sides = [self.query(side, environment, outermost=outermost) for side in (node.this, node.expression)]
        if node.args.get("distinct"):
            raise SqlNotSupported("UNION is not supported: only UNION ALL is")
        if len(sides[0].fields) != len(sides[1].fields):
            raise SqlInvalid("Column count mismatch in UNION ALL")
        fields = tuple(common_field(*pair) for pair in zip(sides[0].fields, sides[1].fields, strict=True))
        sql = f"({sides[0].sql}) UNION ALL ({sides[1].sql})"
        # A column's type may be wider than a branch's. ORDER BY uses the whole result, so it is applied outside.
        names = ", ".join(
            f"{field.sql} AS {output_name(field.name, index, outermost)}" for index, field in enumerate(fields, 1)
        )
        renamed = ", ".join(field.sql for field in fields)
        is_whole = all(side.is_whole for side in sides) and all(field.stored for field in fields)
        if self._native and not is_whole and (not outermost or node.args.get("order")):
            # OBSERVED(Druid 33): the native engine runs the SELECTs one after the other, and returns their rows.
            raise SqlNotSupported(
                "UNION ALL in a subquery or with ORDER BY is not supported in a synchronous query, unless all sides "
                "have the same columns of whole tables: start an asynchronous query"
            )
        values = [(field.name, Sql(field.sql, field.type)) for field in fields]
        tail = ordering.tail(
            node,
            values,
            self._constants,
            None,
            scan=Scope((Source(None, fields),)) if self._sorts(node, outermost) else None,
        )
        is_whole = is_whole and not _is_limited(node)
        return Derived(f"SELECT {names} FROM ({sql}) AS u({renamed}){tail}", fields, is_whole, is_whole)

    def _select(self, node: exp.Expression, environment: Environment, outermost: bool) -> Derived:
        only(node, "expressions", *_FROM, *_WITH, "joins", "where", "group", "having", "distinct", *_TAIL)
        relation, scope = "", Scope()
        if (clause := _part(node, _FROM)) is not None:
            only(clause, "this")
            sql, scope = self._relations.translate(clause.this, node.args.get("joins") or [], environment)
            relation = f" FROM {sql}"
        distinct = self._is_distinct(node)
        where = ""
        constants: Mapping[str, str] = {}
        compared: Mapping[str, set[int]] = {}
        if (condition := node.args.get("where")) is not None:
            filter_translator = self._translator(scope, environment, "WHERE")
            filtered = filter_translator.translate(condition.this)
            self._relations.check_filter(condition.this, scope, filter_translator)
            constants, compared = filter_translator.pinned, filter_translator.compared
            where = f" WHERE {as_condition(filtered, 'WHERE')}"

        if not node.expressions:
            raise SqlInvalid("SELECT has no columns")
        items = expand(node.expressions, scope)
        translator = self._translator(scope, environment, None)
        translator.constants, translator.compared_before = constants, compared
        translator.where = condition.this if condition is not None else None
        elements = _grouping_elements(node)
        translator.has_sets = grouping.has_total(elements)
        group = self._group(node, items, scope, environment)
        in_from = " ".join([relation, *(key.text for key in group)])
        check_constant(name for text, name in constants.items() if text in in_from)
        relation += translator.unnest(group, is_outermost=outermost)
        values = [(name, finished(translator.translate(item), outermost=outermost)) for name, item in items]
        if distinct and any(value.type == MULTI_VALUE for _, value in values):
            raise SqlNotSupported("SELECT DISTINCT of a multi-value string is not supported: use GROUP BY")
        having = ""
        if (condition := node.args.get("having")) is not None:
            condition = replace_aliases(condition.this, node.expressions)
            having = f" HAVING {as_condition(translator.translate_having(condition), 'HAVING')}"
        # Druid makes a join of a subquery in an expression.
        is_scan = scope.is_scan and not (distinct or elements or having or _has_subquery(node))
        sorted_scan = scope if is_scan and self._sorts(node, outermost) else None
        tail = ordering.tail(node, values, self._constants, translator, distinct=distinct, scan=sorted_scan)
        is_scan = is_scan and not translator.has_aggregate and not _is_limited(node)
        if (elements or having or translator.has_aggregate) and translator.ungrouped:
            raise SqlInvalid(f"Expression '{next(iter(translator.ungrouped))}' is not being grouped")

        shown = ", ".join(
            f"{stored.show(value) if outermost else value.text} AS {output_name(name, index, outermost)}"
            for index, (name, value) in enumerate(values, 1)
        )
        keys = [translator.unnested.get(value.text, value).text for value in group]
        # An aggregate makes one row of all, also if its value isn't used.
        by = f" GROUP BY {grouping.clause(elements, keys) or '()'}" if elements or translator.has_aggregate else ""
        if grouping.has_total(elements):
            having = f"{having} AND count(*) > 0" if having else " HAVING count(*) > 0"
        fields = output_fields(items, [value for _, value in values], scope)
        return Derived(
            f"SELECT {'DISTINCT ' if distinct else ''}{shown}{relation}{where}{by}{having}{tail}",
            fields,
            is_scan,
            is_scan
            and not where
            and all(field.stored for field in fields)
            and all(source.is_whole for source in scope.sources),
        )

    def _sorts(self, node: exp.Expression, outermost: bool) -> bool:
        """Whether the native engine sorts; it leaves out an ORDER BY in a subquery without LIMIT or OFFSET."""
        return self._native and (_is_limited(node) or (outermost and node.find_ancestor(exp.Union) is None))

    def _is_distinct(self, node: exp.Expression) -> bool:
        distinct = node.args.get("distinct")
        if distinct is not None:
            only(distinct)
        return distinct is not None

    def _group(
        self, node: exp.Expression, items: Sequence[tuple[str, exp.Expression]], scope: Scope, environment: Environment
    ) -> list[Sql]:
        translator = self._translator(scope, environment, "GROUP BY")
        group = []
        for element in grouping.keys(_grouping_elements(node)):
            index = ordering.ordinal(element, len(items), "GROUP BY")
            value = translator.translate(element if index is None else items[index][1])
            if value.type not in SCALAR | ARRAYS | {MULTI_VALUE}:
                raise SqlNotSupported(f"GROUP BY of {value.type} is not supported")
            group.append(value)
        return group

    def _constants(self, clause: str) -> Translator:
        return self._translator(Scope(), {}, clause)

    def _translator(self, scope: Scope, environment: Environment, clause: str | None) -> Translator:
        def subquery(node: exp.Expression) -> Sql:
            derived = self.query(node, environment)
            if len(derived.fields) != 1:
                raise SqlInvalid(f"A subquery in an expression needs one column, not {len(derived.fields)}")
            (field,) = derived.fields
            return Sql(f"({derived.sql})", field.type, subtype=field.subtype, cast_from=field.cast_from)

        return Translator(scope, clause=clause, parameters=self._parameters, subquery=subquery)


def _part(node: exp.Expression, names: Sequence[str]) -> exp.Expression | None:
    return next((node.args[name] for name in names if node.args.get(name)), None)


def _is_limited(node: exp.Expression) -> bool:
    return any(node.args.get(name) is not None for name in ("limit", "offset"))


def _has_subquery(node: exp.Expression) -> bool:
    parts = [*node.expressions, node.args.get("where"), node.args.get("order")]
    return any(part.find(exp.Query) for part in parts if part is not None)


def _grouping_elements(node: exp.Expression) -> list[exp.Expression]:
    clause = node.args.get("group")
    if clause is None:
        return []
    if clause.args.get("all") is not None:
        raise SqlNotSupported("GROUP BY ALL and GROUP BY DISTINCT are not supported")
    # sqlglot before 30.30 has the elements of each kind in a list of their own.
    names = ("expressions", "grouping_sets", "cube", "rollup")
    only(clause, *names)
    elements = [element for name in names for element in clause.args.get(name) or ()]
    if any(isinstance(element, (exp.Rollup, exp.Cube)) and not element.expressions for element in elements):
        raise SqlNotSupported("GROUP BY ... WITH ROLLUP and WITH CUBE, and those without elements, are not supported")
    return elements
