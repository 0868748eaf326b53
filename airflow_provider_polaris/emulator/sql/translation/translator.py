"""
Translate one parsed Druid expression to DuckDB, node by node.

Every kind of node and every function has an entry in a table; what has none is refused by name. Nothing that the
translator doesn't know reaches DuckDB, so no table function, setting or file can be reached either.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.translation.context import TranslationContext
from airflow_provider_polaris.emulator.sql.translation.nodes import NODES
from airflow_provider_polaris.emulator.sql.translation.parser import describe
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import Sql

MAX_LENGTH = 1_000_000
"""Longest translation of an expression, in characters."""


class Translator(TranslationContext):
    """Translates each node by the function that the table of nodes has for its kind."""

    def translate(self, node: exp.Expression) -> Sql:
        """
        Translate a node.

        :raises SqlNotSupported: It, or something in it, has no translation.
        :raises SqlInvalid: It is wrong.
        """
        handler = NODES.get(type(node))
        if handler is None:
            raise SqlNotSupported(f"{describe(node)} is not supported")
        before = dict(self.ungrouped)
        value = handler(self, node)
        if len(value.text) > MAX_LENGTH:
            # Some translations repeat an argument; calls inside calls multiply that.
            raise SqlNotSupported(f"the SQL is not supported: its translation is longer than {MAX_LENGTH} characters")
        if value.text in self.grouped and not self._inside_aggregate:
            self.ungrouped = before
        return value
