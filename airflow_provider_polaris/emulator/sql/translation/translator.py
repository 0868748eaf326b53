# SPDX-License-Identifier: Apache-2.0
"""
Translate one parsed Druid expression to DuckDB, node by node.

Every supported kind of node and function has an entry in a table; all others raise an error with their name. Only known
constructs reach DuckDB, so a query can't use its table functions, settings or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.collections.lists import or_null
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant, is_pi
from airflow_provider_polaris.emulator.sql.translation.context import TranslationContext
from airflow_provider_polaris.emulator.sql.translation.multi_values import each_value
from airflow_provider_polaris.emulator.sql.translation.nodes import NODES
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import describe
from airflow_provider_polaris.emulator.sql.translation.uses import check_nullable
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE, Sql, can_fail, quote_text

MAX_LENGTH = 1_000_000
"""Maximum length of a translated expression in characters."""


_ARITHMETIC = (exp.Anonymous, exp.Div, exp.Neg, exp.Mul, exp.Add, exp.Sub, exp.Cast, exp.Ceil, exp.Floor)
_EAGER = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_EAGER_NAMES = frozenset(
    {"POWER", "ATAN2", "MOD", "DIV", "BITWISE_AND", "BITWISE_OR", "BITWISE_XOR"}
    | {"BITWISE_SHIFT_LEFT", "BITWISE_SHIFT_RIGHT"}
)
"""Operators and functions for which Druid computes all parts, also if one of them is NULL."""
_FAILING = "failing"
"""Key of a node's meta data: its SQL if it can fail."""
_COMPUTED: dict[str, tuple[type[exp.Expression], ...]] = {
    "double": _ARITHMETIC,
    "float": _ARITHMETIC,
    "timestamp": (exp.Anonymous, exp.Add, exp.Sub),
}
"""Nodes that compute a value of a type from others."""
_FITS = {"double": "isfinite({0})", "float": "isfinite({0})", "timestamp": "year({0}) BETWEEN 0 AND 9999"}
"""Condition for a value of literals that Druid's planner can hold."""


class Translator(TranslationContext):
    """Translates each node with the handler for its kind."""

    def translate(self, node: exp.Expression) -> Sql:
        """
        Translate a node.

        :raises SqlNotSupported: The node, or a part of it, is not supported.
        :raises SqlInvalid: The node is invalid.
        """
        handler = NODES.get(type(node))
        if handler is None:
            raise SqlNotSupported(f"{describe(node)} is not supported")
        before, reads = dict(self.ungrouped), self.reads
        check_nullable(node)
        value = each_value(self, node, lambda _, each: _with_all_parts(each, handler(self, each)))
        node.meta[_FAILING] = value.text if can_fail(value.text) else None
        if self.reads == reads and isinstance(node, _COMPUTED.get(value.type, ())):
            value = _checked(value, node)
        if len(value.text) > MAX_LENGTH:
            # Some translations repeat an argument; nested calls multiply the length.
            raise SqlNotSupported(f"the SQL is not supported: its translation is longer than {MAX_LENGTH} characters")
        if value.text in self.unnested and not self._inside_aggregate:
            value = self.unnested[value.text]
        if value.text in self.grouped and not self._inside_aggregate:
            self.ungrouped = before
        return value

    def unnest(self, group: Sequence[Sql], *, is_outermost: bool) -> str:
        """
        Set the keys of GROUP BY.

        OBSERVED(Druid 33): a row belongs to the group of each of its values; NULL and no values are one NULL.

        :return: The SQL to append to FROM, which makes a row for each value of the keys that are multi-value strings.
        """
        sql = ""
        for number, key in enumerate((key for key in group if key.type == MULTI_VALUE), 1):
            if not is_outermost:
                # Druid moves a condition of the outer query on this column to the rows that are grouped.
                raise SqlNotSupported("GROUP BY of a multi-value string in a subquery is not supported")
            sql += f", (SELECT unnest({or_null(key.text)}) AS c1) AS g{number}"
            self.unnested[key.text] = Sql(f"g{number}.c1", "string")
        self.grouped = frozenset(self.unnested.get(key.text, key).text for key in group)
        return sql

    def translate_having(self, node: exp.Expression) -> Sql:
        """Translate the condition of HAVING; Druid moves one on a multi-value string to the rows that are grouped."""
        unnested, self.unnested, self.selects = self.unnested, {}, True
        try:
            return self.translate(node)
        finally:
            self.unnested, self.selects = unnested, False


def _with_all_parts(node: exp.Expression, value: Sql) -> Sql:
    """
    Compute a part that can fail also if the part before it is NULL in all rows of a batch, where DuckDB skips it.

    OBSERVED(Druid 33): it fails for ``CAST(s AS DOUBLE) / (6 / n)`` if n is 0, whatever s is.
    """
    is_eager = isinstance(node, _EAGER) or (isinstance(node, exp.Anonymous) and str(node.this).upper() in _EAGER_NAMES)
    parts = [*node.iter_expressions()]
    failing = [part.meta.get(_FAILING) for part in parts]
    if not is_eager or not any(failing):
        return value
    if any(is_constant(part) and not _is_literal(part) for part in parts):
        # Druid's planner computes NULL for the whole, and not the part that fails.
        raise SqlNotSupported(
            f"{describe(node)} is not supported: one part can fail, another is computed from literals"
        )
    later = [text for text in failing[1:] if text]
    if not later:
        return value
    return replace(value, text=f"CASE WHEN len([{', '.join(later)}]) > 0 THEN {value.text} END")


def _is_literal(node: exp.Expression) -> bool:
    """Whether a value is a literal, or arithmetic of literals: it is not NULL."""
    bare: Any = node.unnest()
    if isinstance(bare, (exp.Neg, exp.Add, exp.Sub, exp.Mul)):
        return all(map(_is_literal, bare.iter_expressions()))
    return isinstance(bare, (exp.Literal, exp.Boolean)) or is_pi(bare)


def _checked(value: Sql, node: exp.Expression) -> Sql:
    """
    Refuse an expression of literals whose value Druid's planner can't hold. OBSERVED(Druid 33).

    These are numbers that are not finite, and times before the year 0 or after 9999. A zero has no sign. A float is
    computed as a double, so that one beyond the largest float is held.
    """
    failure = quote_text(f"{describe(node)} of literals is not supported: the value is beyond Druid's planner")
    if value.constant is not None:
        return value
    fits = _FITS[value.type].format(value.text)
    text = value.text if value.type == "timestamp" else f"({value.text} + 0e0)"
    return replace(value, text=f"CASE WHEN {fits} OR ({value.text}) IS NULL THEN {text} ELSE error({failure}) END")
