# SPDX-License-Identifier: Apache-2.0
"""
Translate the SELECT of an ingestion statement, and refuse what Druid refuses there. Performs no I/O.

OBSERVED(Druid 27), the multi-stage engine, for every refusal and its text, except where tagged otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.aggregates import FUNCTIONS as AGGREGATES
from airflow_provider_polaris.emulator.sql.functions.optimizer.ranges import conjuncts
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import describe, parse_one
from airflow_provider_polaris.emulator.sql.translation.query import Queries, bind
from airflow_provider_polaris.emulator.sql.translation.scope import TIME_COLUMN
from airflow_provider_polaris.emulator.sql.values.types import (
    Column,
    SqlInvalid,
    SqlNotSupported,
    TableRelation,
    sql_name,
)
from airflow_provider_polaris.emulator.sql.values.values import ARRAYS

#: Data types that columns don't have, and the types in which Druid stores their values.
_STORED = {"date": "timestamp", "boolean": "long"}


@dataclass(frozen=True)
class Ingestion:
    """
    A translated SELECT whose rows are stored.

    :param sql: DuckDB SQL; its columns are ``c1``, ``c2``, ...
    :param columns: Names and data types of the columns; the values have their stored form.
    :param measures: Names of the columns that aggregate.
    :param aggregates: Names of the aggregate functions in upper case.
    :param groups: Whether the SELECT merges rows.
    :param tables: Names of the tables that it reads, in order.
    """

    sql: str
    columns: tuple[Column, ...]
    measures: frozenset[str]
    aggregates: frozenset[str]
    groups: bool
    tables: tuple[str, ...]


def translate_ingestion(
    text: str,
    *,
    verb: str,
    table: Callable[[str], TableRelation | None],
    parameters: Sequence[Mapping[str, object]] = (),
    is_all: bool = False,
    join_algorithm: str = "broadcast",
) -> Ingestion:
    """
    Translate the SELECT of an ingestion statement.

    :param text: The SELECT, without ``PARTITIONED BY``.
    :param verb: ``INSERT`` or ``REPLACE``, for messages.
    :param table: Returns a table by exact name; None if it doesn't exist.
    :param parameters: Values of the ``?``, in order.
    :param is_all: Whether the statement is ``PARTITIONED BY ALL``.
    :param join_algorithm: ``sqlJoinAlgorithm`` of the context.
    :raises SqlInvalid: Druid refuses it.
    :raises SqlNotSupported: The emulator doesn't support it.
    """
    node = parse_one(text)
    while isinstance(node, exp.Subquery) and not node.alias:
        node = node.this
    if isinstance(node, exp.SetOperation):
        # Druid 27 makes several tasks of it, and runs only the first.
        raise SqlInvalid(f"{node.key.upper()} at the top level of an ingestion statement is not supported")
    if not isinstance(node, exp.Select):
        raise SqlInvalid(f"the query of an ingestion statement begins with SELECT or WITH, this is {describe(node)}")
    _check_select(node, verb, is_all)
    for join in node.find_all(exp.Join):
        _check_join(join, join_algorithm)
    tables: dict[str, None] = {}

    def find(name: str) -> TableRelation | None:
        tables[name] = None
        return table(name)

    try:
        derived = Queries(find, bind(node, parameters), native=False).query(node, {})
    except RecursionError:
        raise SqlInvalid("the SQL is nested too deeply") from None
    columns = tuple(Column(field.name, field.type) for field in derived.fields)
    _check_columns(columns, is_all)
    measures = {item.alias for item in node.expressions if isinstance(item, exp.Alias) and set(_aggregates(item.this))}
    aggregates = frozenset(name for item in node.expressions for name in _aggregates(item))
    groups = bool(aggregates) or node.args.get("group") is not None
    sql = derived.sql
    if aggregates and node.args.get("group") is None:
        if any(node.args.get(part) is not None for part in ("having", "limit", "offset")):
            raise SqlNotSupported("HAVING or LIMIT of an aggregate without GROUP BY is not supported in ingestion")
        sql += " HAVING count(*) > 0"  # Druid stores no row then
    return Ingestion(
        _as_stored(sql, columns),
        tuple(Column(column.name, _STORED.get(column.data_type, column.data_type)) for column in columns),
        frozenset(measures),
        aggregates,
        groups,
        tuple(tables),
    )


def _as_stored(sql: str, columns: Sequence[Column]) -> str:
    """Druid has no columns of booleans: it stores 1 and 0."""
    if all(column.data_type != "boolean" for column in columns):
        return sql
    values = (
        f"CAST(c{number} AS BIGINT) AS c{number}" if column.data_type == "boolean" else f"c{number}"
        for number, column in enumerate(columns, 1)
    )
    return f"SELECT {', '.join(values)} FROM ({sql}) AS booleans"


def _check_select(node: exp.Expression, verb: str, is_all: bool) -> None:
    if node.args.get("order") is not None:
        raise SqlInvalid(f"Cannot use an ORDER BY clause on a Query of type [{verb}], use CLUSTERED BY instead")
    limited = any(node.args.get(name) is not None for name in ("limit", "offset"))
    if limited and not is_all:
        raise SqlInvalid('INSERT and REPLACE queries cannot have a LIMIT unless PARTITIONED BY is "ALL".')
    for item in node.expressions:
        star = item.this if isinstance(item, exp.Column) else item
        if not isinstance(item, (exp.Alias, exp.Column)) and not isinstance(star, exp.Star):
            raise SqlInvalid(
                "Insertion requires columns to be named, but at least one of the columns was unnamed. Write AS and a "
                "name after each function."
            )


def _check_columns(columns: Sequence[Column], is_all: bool) -> None:
    names = [column.name for column in columns]
    for column in columns:
        if names.count(column.name) > 1:
            raise SqlInvalid(f"Duplicate field in SELECT: [{column.name}]")
        if column.name == TIME_COLUMN and column.data_type != "timestamp":
            raise SqlInvalid(
                f"Field [{TIME_COLUMN}] was the wrong type [{sql_name(column.data_type)}], expected TIMESTAMP"
            )
        if column.data_type in ARRAYS:
            # Druid 27 stores an array of strings as a multi-value string, and no other array.
            raise SqlNotSupported(f"the array in column '{column.name}' can't be stored")
    if TIME_COLUMN not in names and not is_all:
        raise SqlInvalid(
            "The granularity specified in the PARTITIONED BY clause is different from ALL. Therefore, the query must "
            f"specify a time column (named {TIME_COLUMN})."
        )


def _check_join(join: exp.Expression, algorithm: str) -> None:
    """
    Check that a join has only equalities of the two sides.

    Druid 27 refuses other comparisons, OR, and an equality of one side and a literal.
    """
    side = str(join.args.get("side") or "").upper()
    if side in ("RIGHT", "FULL") and algorithm != "sortMerge":
        raise SqlInvalid(
            f"{side} join is not supported by engine [msq-task] with sqlJoinAlgorithm: [{algorithm}]. Try "
            "sqlJoinAlgorithm: sortMerge."
        )
    condition = join.args.get("on")
    if condition is None:
        return
    for term in conjuncts(condition):
        if not isinstance(term, exp.EQ):
            raise SqlInvalid(
                f"SQL requires a join with '{type(term).__name__.upper()}' condition that is not supported."
            )
        sides = [[column.table for column in part.find_all(exp.Column)] for part in (term.left, term.right)]
        left, right = (set(names) for names in sides)
        joined = join.this.alias_or_name
        is_apart = "" in left | right or ((joined in left) != (joined in right) and not left & right)
        if not left or not right or not is_apart:
            raise SqlInvalid("SQL is resulting in a join that has unsupported operand types.")


def _aggregates(node: exp.Expression) -> Iterator[str]:
    """Yield the names of the aggregate functions outside of subqueries."""
    if isinstance(node, exp.Query):
        return
    if isinstance(node, exp.Anonymous) and str(node.this).upper() in AGGREGATES:
        yield str(node.this).upper()
    for part in node.iter_expressions():
        yield from _aggregates(part)
