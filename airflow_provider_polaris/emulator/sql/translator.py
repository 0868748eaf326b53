"""
Translate one parsed Druid expression to DuckDB, node by node.

Every kind of node and every function has an entry in a table; what has none is refused by name. Nothing that the
translator doesn't know reaches DuckDB, so no table function, setting or file can be reached either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql import aggregates, conditions, literals, numbers, regexes, text, times
from airflow_provider_polaris.emulator.sql.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.casts import cast
from airflow_provider_polaris.emulator.sql.model import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.scope import TIME_COLUMN, Scope
from airflow_provider_polaris.emulator.sql.values import TEMPORAL, Sql

FUNCTIONS: Table = {
    **times.FUNCTIONS,
    **text.FUNCTIONS,
    **numbers.FUNCTIONS,
    **regexes.FUNCTIONS,
    **conditions.FUNCTIONS,
}
"""Every function of one row's values."""


class Translator:
    """
    Translates expressions over one scope and remembers what they used.

    :param scope: Columns in reach.
    :param clause: Clause that may hold no aggregate, for messages; None where aggregates are allowed.
    :param storing: Whether an aggregate gives its stored form.
    :param parameters: Values of ``?`` in the order of the text, as literals.
    :param subquery: Translates the SELECT of ``x IN (SELECT ...)`` to SQL and the type of its one column.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        clause: str | None = None,
        storing: bool = False,
        parameters: Mapping[int, Sql] | None = None,
        subquery: Callable[[exp.Expression], Sql] | None = None,
    ) -> None:
        self.scope = scope
        self.clause = clause
        self.storing = storing
        self.parameters = parameters or {}
        self.subquery = subquery
        self.uses: set[str] = set()
        self.ungrouped: dict[str, None] = {}
        self.grouped: frozenset[str] = frozenset()
        self.has_aggregate = False
        self._inside_aggregate = False

    def translate(self, node: exp.Expression) -> Sql:
        """
        Translate a node.

        :raises SqlNotSupported: It, or something in it, has no translation.
        :raises SqlInvalid: It is wrong.
        """
        handler = _NODES.get(type(node))
        if handler is None:
            raise SqlNotSupported(f"{describe(node)} is not supported")
        before = dict(self.ungrouped)
        value = handler(self, node)
        if value.text in self.grouped and not self._inside_aggregate:
            self.ungrouped = before
        return value

    def call(self, name: str, nodes: Sequence[exp.Expression]) -> Call:
        """Make a call of this translator."""
        return Call(name, nodes, self.translate)

    def column(self, name: str, qualifier: str | None = None) -> Sql:
        """Translate a column's name."""
        field, value = self.scope.find(name, qualifier)
        self.uses.add(field.name)
        if not self._inside_aggregate:
            self.ungrouped[field.name] = None
        return value

    def aggregate(self, name: str, arguments: Sequence[exp.Expression], condition: exp.Expression | None) -> Sql:
        """Translate a call of an aggregate, with the condition of its FILTER clause."""
        rewrite, least, most = aggregates.FUNCTIONS[name]
        if self.clause is not None:
            raise SqlInvalid(f"Aggregate expression is illegal in {self.clause} clause")
        if self._inside_aggregate:
            raise SqlInvalid("Aggregate expressions cannot be nested")
        nodes, is_distinct = _distinct(name, arguments)
        is_star = len(nodes) == 1 and isinstance(nodes[0], exp.Star)
        if is_star and (name != "COUNT" or is_distinct):
            raise SqlInvalid(f"'*' is no argument of '{name}'")
        _check_count(name, nodes, least, most)
        self.has_aggregate = True
        self._inside_aggregate = True
        try:
            where = conditions.as_condition(self.translate(condition), "FILTER") if condition is not None else None
            return rewrite(
                aggregates.Aggregation(
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
        finally:
            self._inside_aggregate = False


def describe(node: exp.Expression) -> str:
    """Name a node in a message: the function it calls, or its kind and text."""
    if isinstance(node, exp.Anonymous):
        return f"function '{str(node.this).upper()}'"
    try:
        shown = " ".join(node.sql().split())
    except (ValueError, RecursionError):
        shown = ""
    return f"{type(node).__name__.upper()} in {shown[:120]!r}"


def only(node: exp.Expression, *known: str) -> None:
    """
    Refuse a node that has parts which its translation doesn't read.

    sqlglot gains parts with every release; one that is ignored could change a number.
    """
    unread = [name for name, part in node.args.items() if part and name not in known]
    if unread:
        raise SqlNotSupported(f"{describe(node)} is not supported ({', '.join(sorted(unread))})")


def _distinct(name: str, arguments: Sequence[exp.Expression]) -> tuple[list[exp.Expression], bool]:
    if not (len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)):
        return list(arguments), False
    only(arguments[0], "expressions")
    inner = arguments[0].expressions
    if name != "COUNT":
        raise SqlNotSupported(f"function '{name}' is not supported with DISTINCT", name)
    if len(inner) != 1:
        raise SqlNotSupported("function 'COUNT' is not supported with DISTINCT of several values", name)
    return inner, True


def _check_count(name: str, nodes: Sequence[Any], least: int, most: int) -> None:
    if not least <= len(nodes) <= most:
        expected = str(least) if least == most else f"{least} to {most}"
        raise SqlInvalid(f"Invalid number of arguments to function '{name}': expected {expected}, got {len(nodes)}")


def _function(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "expressions")
    name = str(node.this).upper()
    if name in aggregates.FUNCTIONS:
        return translator.aggregate(name, node.expressions, None)
    if name not in FUNCTIONS:
        raise SqlNotSupported(f"function '{name}' is not supported", name)
    rewrite, least, most = FUNCTIONS[name]
    _check_count(name, node.expressions, least, most)
    return rewrite(translator.call(name, node.expressions))


def _filtered(translator: Translator, node: exp.Expression) -> Sql:
    """``aggregate(...) FILTER (WHERE condition)``."""
    only(node, "this", "expression")
    inner, where = node.this, node.expression
    name = str(inner.this).upper() if isinstance(inner, exp.Anonymous) else ""
    if name not in aggregates.FUNCTIONS or not isinstance(where, exp.Where):
        raise SqlInvalid(f"FILTER follows an aggregate only, not {describe(inner)}")
    only(inner, "this", "expressions")
    return translator.aggregate(name, inner.expressions, where.this)


def _column(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "table")
    if not isinstance(node.this, exp.Identifier):
        raise SqlNotSupported(f"{describe(node)} is not supported")
    if not node.this.quoted and not node.args.get("table") and node.name.upper() == "PI":
        return numbers.pi(translator.call("PI", []))
    return translator.column(node.name, node.table or None)


def _operator(name: str, rewrite: Rewrite) -> Callable[[Translator, exp.Expression], Sql]:
    def handle(translator: Translator, node: exp.Expression) -> Sql:
        only(node, "this", "expression", "typed", "safe")
        return rewrite(translator.call(name, [node.this, node.expression]))

    return handle


def _plus_or_minus(name: str, sign: int) -> Callable[[Translator, exp.Expression], Sql]:
    arithmetic = _operator(name, numbers.arithmetic(name))

    def handle(translator: Translator, node: exp.Expression) -> Sql:
        if isinstance(node.expression, exp.Interval):
            only(node, "this", "expression")
            moment = translator.translate(node.this)
            if moment.type not in TEMPORAL:
                raise SqlInvalid(f"Cannot apply '{name}' to an INTERVAL and what is no TIMESTAMP")
            return times.add_interval(moment, translator.translate(node.expression), sign)
        return arithmetic(translator, node)

    return handle


def _unary(name: str, rewrite: Rewrite) -> Callable[[Translator, exp.Expression], Sql]:
    def handle(translator: Translator, node: exp.Expression) -> Sql:
        only(node, "this")
        return rewrite(translator.call(name, [node.this]))

    return handle


def _negative(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this")
    if isinstance(node.this, exp.Literal) and not node.this.is_string:
        return literals.number(f"-{node.this.this}")
    return numbers.negate(translator.call("-", [node.this]))


def _parentheses(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this")
    return translator.translate(node.this)


def _logic(name: str) -> Callable[[Translator, exp.Expression], Sql]:
    rewrite = conditions.logic(name)

    def handle(translator: Translator, node: exp.Expression) -> Sql:
        # A chain is flattened: thousands of conditions nest thousands of levels deep otherwise.
        parts: list[exp.Expression] = []
        rest: exp.Expression = node
        while type(rest) is type(node):
            only(rest, "this", "expression")
            parts.append(rest.expression)
            rest = rest.this
        return rewrite(translator.call(name, [rest, *reversed(parts)]))

    return handle


def _is(translator: Translator, node: exp.Expression) -> Sql:
    """``a IS NULL``, ``a IS TRUE``, ``a IS FALSE``."""
    only(node, "this", "expression", "negate")
    if isinstance(node.expression, exp.Null):
        value = conditions.is_null(translator.call("IS NULL", [node.this]))
    elif isinstance(node.expression, exp.Boolean):
        value = conditions.compare("IS NOT DISTINCT FROM")(translator.call("IS", [node.this, node.expression]))
    else:
        raise SqlNotSupported(f"{describe(node)} is not supported")
    return _negated(value, node)


def _like(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "expression", "negate")
    return _negated(text.like(translator.call("LIKE", [node.this, node.expression])), node)


def _escape(translator: Translator, node: exp.Expression) -> Sql:
    """``a LIKE pattern ESCAPE character``."""
    only(node, "this", "expression")
    if not isinstance(node.this, exp.Like):
        raise SqlNotSupported(f"{describe(node)} is not supported")
    only(node.this, "this", "expression", "negate")
    call = translator.call("LIKE", [node.this.this, node.this.expression, node.expression])
    return _negated(text.like(call), node.this)


def _between(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "low", "high", "negate")
    return _negated(conditions.between(translator.call("BETWEEN", [node.this, node.args["low"], node.args["high"]])), node)


def _in(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "expressions", "query", "negate")
    query = node.args.get("query")
    if query is None:
        if not node.expressions:
            raise SqlInvalid("IN needs at least one value")
        return _negated(conditions.in_list(translator.call("IN", [node.this, *node.expressions])), node)
    if translator.subquery is None:
        raise SqlNotSupported("IN (SELECT ...) is not supported here")
    needle, found = translator.translate(node.this), translator.subquery(query)
    if needle.type != found.type:
        raise SqlInvalid(f"Values passed to IN operator must have compatible types, not {needle.type} and {found.type}")
    return _negated(Sql(f"({needle.text} IN {found.text})", "boolean"), node)


def _negated(value: Sql, node: exp.Expression) -> Sql:
    # Releases of sqlglot differ in whether NOT LIKE is a NOT around LIKE or a mark on it.
    return Sql(f"(NOT {value.text})", "boolean") if node.args.get("negate") else value


def _case(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "ifs", "default")
    nodes: list[exp.Expression] = []
    for branch in node.args["ifs"]:
        only(branch, "this", "true")
        condition = exp.EQ(this=node.this, expression=branch.this) if node.this else branch.this
        nodes += [condition, branch.args["true"]]
    default = node.args.get("default")
    has_default = default is not None
    return conditions.case(translator.call("CASE", [*nodes, default] if has_default else nodes), has_default=has_default)


def _cast(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "to")
    return cast(translator.translate(node.this), literals.cast_target(node.args["to"]))


def _extract(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "expression")
    return times.extract(translator.call("EXTRACT", [node.expression]), node.name)


def _rounded(name: str) -> Callable[[Translator, exp.Expression], Sql]:
    to_unit = times.floor_to if name == "FLOOR" else times.ceil_to
    plain = numbers.FUNCTIONS[name][0]

    def handle(translator: Translator, node: exp.Expression) -> Sql:
        """``FLOOR(number)`` or ``FLOOR(timestamp TO unit)``."""
        only(node, "this", "to")
        call = translator.call(name, [node.this])
        unit = node.args.get("to")
        return to_unit(call, unit.name) if unit is not None else plain(call)

    return handle


def _trim(translator: Translator, node: exp.Expression) -> Sql:
    """``TRIM([BOTH|LEADING|TRAILING] [characters] FROM text)`` and ``TRIM(text)``."""
    only(node, "this", "position", "expression")
    side = {"LEADING": text.ltrim, "TRAILING": text.rtrim}.get(str(node.args.get("position") or "").upper(), text.trim)
    characters = [node.expression] if node.args.get("expression") else []
    return side(translator.call("TRIM", [node.this, *characters]))


def _substring(translator: Translator, node: exp.Expression) -> Sql:
    only(node, "this", "start", "length")
    parts = [part for part in (node.this, node.args.get("start"), node.args.get("length")) if part is not None]
    if len(parts) < 2:
        raise SqlInvalid("Invalid number of arguments to function 'SUBSTRING': expected 2 to 3, got 1")
    return text.substring(translator.call("SUBSTRING", parts))


def _now(name: str) -> Callable[[Translator, exp.Expression], Sql]:
    def handle(translator: Translator, node: exp.Expression) -> Sql:
        only(node)
        return FUNCTIONS[name][0](translator.call(name, []))

    return handle


def _placeholder(translator: Translator, node: exp.Expression) -> Sql:
    only(node)
    if id(node) not in translator.parameters:
        raise SqlInvalid("Parameter is not bound: the SQL has more '?' than there are parameters")
    return translator.parameters[id(node)]


_NODES: dict[type[exp.Expression], Callable[[Translator, Any], Sql]] = {
    exp.Anonymous: _function,
    exp.Filter: _filtered,
    exp.Column: _column,
    exp.Literal: lambda _, node: literals.literal(node),
    exp.Boolean: lambda _, node: Sql("TRUE" if node.this else "FALSE", "boolean", bool(node.this)),
    exp.Null: lambda _, node: Sql("NULL", "null"),
    exp.Interval: lambda _, node: literals.interval(node),
    exp.Placeholder: _placeholder,
    exp.Paren: _parentheses,
    exp.Neg: _negative,
    exp.Add: _plus_or_minus("+", 1),
    exp.Sub: _plus_or_minus("-", -1),
    exp.Mul: _operator("*", numbers.arithmetic("*")),
    exp.Div: _operator("/", numbers.divide),
    exp.Mod: _operator("%", numbers.mod),
    exp.DPipe: _operator("||", text.concat),
    exp.EQ: _operator("=", conditions.compare("=")),
    exp.NEQ: _operator("<>", conditions.compare("<>")),
    exp.LT: _operator("<", conditions.compare("<")),
    exp.LTE: _operator("<=", conditions.compare("<=")),
    exp.GT: _operator(">", conditions.compare(">")),
    exp.GTE: _operator(">=", conditions.compare(">=")),
    exp.NullSafeEQ: _operator("IS NOT DISTINCT FROM", conditions.compare("IS NOT DISTINCT FROM")),
    exp.NullSafeNEQ: _operator("IS DISTINCT FROM", conditions.compare("IS DISTINCT FROM")),
    exp.And: _logic("AND"),
    exp.Or: _logic("OR"),
    exp.Not: _unary("NOT", conditions.not_),
    exp.Is: _is,
    exp.Like: _like,
    exp.Escape: _escape,
    exp.Between: _between,
    exp.In: _in,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.Extract: _extract,
    exp.Floor: _rounded("FLOOR"),
    exp.Ceil: _rounded("CEIL"),
    exp.Trim: _trim,
    exp.Substring: _substring,
    exp.CurrentTimestamp: _now("CURRENT_TIMESTAMP"),
    exp.CurrentDate: _now("CURRENT_DATE"),
}
"""Every kind of node that has a translation."""
