# SPDX-License-Identifier: Apache-2.0
"""Translate ORDER BY, LIMIT and OFFSET, and the ordinals of output columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.optimizer.ranges import may_be_empty
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import only
from airflow_provider_polaris.emulator.sql.translation.scope import TIME_COLUMN, Scope
from airflow_provider_polaris.emulator.sql.translation.translator import Translator
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import SCALAR, Sql

_LONGEST_ORDINAL = 9


def tail(
    node: exp.Expression,
    values: Sequence[tuple[str, Sql]],
    constants: Callable[[str], Translator],
    translator: Translator | None,
    *,
    distinct: bool = False,
    scan: Scope | None = None,
) -> str:
    """
    Translate ORDER BY, LIMIT and OFFSET.

    :param values: Name and value of each output column.
    :param constants: Creates the translator of a clause without columns.
    :param translator: Translates expressions other than ordinals and aliases; None if they are not allowed.
    :param distinct: Whether only output columns are allowed.
    :param scan: The columns of rows that can be sorted by ``__time`` only; None if they can be sorted by all columns.
    """
    sql, keys, most = "", [], None
    if (order := node.args.get("order")) is not None:
        only(order, "expressions")
        keys = [_sort(ordered, values, translator, distinct=distinct) for ordered in order.expressions]
        sql += f" ORDER BY {', '.join(text for text, _ in keys)}"
    if (limit := node.args.get("limit")) is not None:
        only(limit, "expression", "count", "direction")
        number = limit.expression if isinstance(limit, exp.Limit) else limit.args.get("count")
        most = _whole(number, "LIMIT", constants)
        sql += f" LIMIT {most}"
    if scan is not None and most != 0 and not (translator and translator.has_aggregate):
        where = node.args.get("where")
        if keys and where is not None and _compares_time(where):
            raise SqlNotSupported(
                "ORDER BY is not supported in a synchronous query with a condition that __time is one value: start an "
                "asynchronous query"
            )
        _check_scan(scan, [value for _, value in keys], is_empty=where is not None and may_be_empty(where.this))
    if (offset := node.args.get("offset")) is not None:
        only(offset, "expression")
        sql += f" OFFSET {_whole(offset.expression, 'OFFSET', constants)}"
    return sql


def ordinal(node: exp.Expression, columns: int, clause: str) -> int | None:
    """
    Parse the ordinal of ``GROUP BY 1``.

    :return: The position of the output column, from 0; None if it is not an ordinal.
    :raises SqlInvalid: There is no such column.
    """
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    text = str(node.this)
    # int() fails for thousands of digits.
    if not text.isdecimal() or len(text) > _LONGEST_ORDINAL or not 1 <= int(text) <= columns:
        raise SqlInvalid(f"{clause} ordinal {text[:20]} is not between 1 and {columns}")
    return int(text) - 1


def _check_scan(scan: Scope, keys: Sequence[Sql], *, is_empty: bool) -> None:
    """
    Refuse to sort the rows of a table by another column than ``__time``.

    OBSERVED(Druid 33): the native engine sorts groups and joined or limited rows by all columns, rows of a table by
    ``__time`` only, or not at all. It knows expressions that are ``__time``, such as ``CAST(__time AS BIGINT)``.

    :param is_empty: Whether the planner may know that WHERE is never true: then there is nothing to sort.
    """
    fields = {field.sql: field for field in scan.fields()}
    columns = [fields.get(key.text) for key in keys]
    if any(column is None for column in columns):
        raise SqlNotSupported(
            "ORDER BY of an expression is not supported in a synchronous query of a table's rows: Druid sorts them by "
            "__time only; start an asynchronous query"
        )
    names = [column.stored or column.name for column in columns if column is not None]
    if any(name != TIME_COLUMN for name in names) and is_empty:
        raise SqlNotSupported(
            f"ORDER BY [{', '.join(names)}] is not supported in a synchronous query of a table's rows: Druid sorts "
            "them by __time only, unless its planner finds that WHERE is never true; start an asynchronous query"
        )
    if any(name != TIME_COLUMN for name in names):
        raise SqlInvalid(
            "Query could not be planned. A possible reason is [SQL query requires ordering a table by non-time column "
            f"[[{', '.join(names)}]], which is not supported.]"
        )


def _compares_time(where: exp.Expression) -> bool:
    """Whether a condition is that ``__time`` is a value. OBSERVED(Druid 33): the planner then sorts by this value."""
    equalities = where.find_all(exp.EQ, exp.NullSafeEQ, exp.In)
    return any(column.name == TIME_COLUMN for node in equalities for column in node.find_all(exp.Column))


def _sort(
    ordered: exp.Expression, values: Sequence[tuple[str, Sql]], translator: Translator | None, *, distinct: bool
) -> tuple[str, Sql]:
    """Return the SQL of a key, and its value."""
    only(ordered, "this", "desc", "nulls_first")
    key, is_descending = ordered.this, bool(ordered.args.get("desc"))
    if bool(ordered.args.get("nulls_first")) == is_descending:
        # OBSERVED(Druid 33): NULL is the smallest value in both directions.
        words = ("DESCENDING", "FIRST") if is_descending else ("ASCENDING", "LAST")
        raise SqlInvalid(f"{words[0]} ordering with NULLS {words[1]} is not supported!")
    index = ordinal(key, len(values), "ORDER BY")
    if index is None and isinstance(key, exp.Column) and not key.table:
        named = [at for at, (name, _) in enumerate(values) if name == key.name]
        if len(named) > 1:
            raise SqlInvalid(f"Column '{key.name}' is ambiguous")
        index = named[0] if named else None
    if index is None:
        if translator is None:
            raise SqlInvalid(f"Column '{key.sql()}' not found in any table; ORDER BY takes output columns here")
        value = translator.translate(key)
        index = next((at for at, (_, other) in enumerate(values) if other.text == value.text), None)
        if index is None and distinct:
            raise SqlInvalid("Expression in ORDER BY of SELECT DISTINCT is not selected")
        by = value.text
    else:
        value = values[index][1]
    if value.type not in SCALAR:
        raise SqlNotSupported(f"ORDER BY of {value.type} is not supported")
    if index is not None:
        by = str(index + 1)
    return f"{by} {'DESC NULLS LAST' if is_descending else 'ASC NULLS FIRST'}", value


def _whole(node: exp.Expression | None, clause: str, constants: Callable[[str], Translator]) -> int:
    value = constants(clause).translate(node) if node is not None else None
    if value is None or value.type != "long" or not isinstance(value.constant, int) or value.constant < 0:
        raise SqlInvalid(f"{clause} needs a whole number that is not negative")
    return value.constant
