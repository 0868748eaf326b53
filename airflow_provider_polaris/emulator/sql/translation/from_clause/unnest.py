# SPDX-License-Identifier: Apache-2.0
"""
Translate ``UNNEST(array)`` in a FROM clause.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql#unnest. OBSERVED(Druid 33): no rows for NULL and for an
empty array, but a row with NULL for ``UNNEST(MV_TO_ARRAY(column))`` of NULL.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.collections.lists import ELEMENTS
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import only
from airflow_provider_polaris.emulator.sql.translation.scope import Field, Scope, Source
from airflow_provider_polaris.emulator.sql.translation.translator import Translator
from airflow_provider_polaris.emulator.sql.translation.uses import check_nullable
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported, sql_name

_CHOICES = frozenset({"CASE", "COALESCE", "NVL", "NVL2", "IFNULL", "NULLIF"})
_UNNAMED = "EXPR$0"


def unnested(
    node: exp.Unnest, scope: Scope, make_translator: Callable[[Scope, str], Translator], name: str
) -> tuple[str, Source]:
    """
    Translate an UNNEST.

    :param node: The UNNEST with its alias.
    :param scope: The columns of the relations before it.
    :param make_translator: Creates the translator of the array.
    :param name: Name of the DuckDB relation.
    :return: The SQL of the relation, and its column.
    """
    only(node, "expressions", "alias")
    if len(node.expressions) != 1:
        raise SqlNotSupported(f"UNNEST of {len(node.expressions)} arrays is not supported")
    (array,) = node.expressions
    for part in array.find_all(exp.Case, exp.Anonymous):
        name = str(part.this).upper() if isinstance(part, exp.Anonymous) else "CASE"
        if name in _CHOICES:
            # OBSERVED(Druid 33): the planner fails or ignores an alternative, depending on the rest of the query.
            raise SqlNotSupported(f"UNNEST of {name} is not supported")
    check_nullable(node)
    value = make_translator(scope, "UNNEST").translate(array)
    if value.type not in ELEMENTS:
        if value.type in ("null", "floatArray"):
            raise SqlNotSupported(f"UNNEST of {sql_name(value.type)} is not supported")
        raise SqlInvalid(f"Cannot apply 'UNNEST' to arguments of type 'UNNEST(<{sql_name(value.type)}>)'")
    text = value.text
    if isinstance(array, exp.Anonymous) and str(array.this).upper() == "MV_TO_ARRAY":
        text = f"coalesce({text}, [NULL])"
    relation, column = _names(node)
    field = Field(column, ELEMENTS[value.type], f"{name}.c1")
    # Druid joins an array of literals to the rows before it.
    is_scan = not scope.sources or array.find(exp.Column) is not None
    return f"(SELECT unnest({text}) AS c1) AS {name}", Source(relation, (field,), is_scan)


def _names(node: exp.Unnest) -> tuple[str | None, str]:
    """Return the names of the relation and of its column; a relation without column names names the column."""
    alias = node.args.get("alias")
    if alias is None:
        return None, _UNNAMED
    columns = alias.args.get("columns") or []
    if len(columns) > 1:
        raise SqlInvalid(f"UNNEST has 1 column, and {alias.name!r} names {len(columns)}")
    return str(alias.name), str(columns[0].name) if columns else str(alias.name)
