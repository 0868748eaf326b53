# SPDX-License-Identifier: Apache-2.0
"""Find the string fields of JSON lines that have lists, which Druid reads as multi-value strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_polaris.emulator.engine.model import JobFault
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.stored_table import make_list_sql
from airflow_provider_polaris.emulator.sql import Column
from airflow_provider_polaris.emulator.sql.values.types import canonical
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE, quote_text

_LIST = re.compile(r":\s*\[")


class ListFields:
    """
    The fields of staged files. ``found`` has the names of those with lists, and whether one of them has no value.

    :param schema: The fields and their types.
    :param staging: Name of the table that receives them.
    """

    def __init__(self, schema: Sequence[Column], staging: str) -> None:
        self.columns = tuple(schema)
        self.found: dict[str, bool] = {}
        self._staging = staging

    def look_for(self, text: str, store: Store) -> None:
        """
        Let the staging table store several values for string fields that have a list in these lines.

        :raises JobFault: ``query_not_supported`` for a list with elements that are not strings.
        """
        names = [column.name for column in self.columns if canonical(column.data_type) in ("string", MULTI_VALUE)]
        if not names or not _LIST.search(text):
            return
        items = ", ".join(
            f"bool_or({_is_list(name)}), bool_or({_has_others(name)}), bool_or({_is_empty(name)})" for name in names
        )
        (row,) = store.execute(
            f"SELECT {items} FROM (SELECT unnest(string_split(?, chr(10))) AS line) WHERE json_valid(line)", (text,)
        )
        for name, has_lists, has_others, has_empty in zip(names, row[::3], row[1::3], row[2::3], strict=True):
            if has_others:
                raise JobFault(
                    "query_not_supported",
                    f"field {name!r}: a list with an element that is no string is not supported for data type string.",
                )
            if has_lists and name not in self.found:
                self._make_multi_value(name, store)
            if has_empty:
                self.found[name] = True

    def _make_multi_value(self, name: str, store: Store) -> None:
        store.execute(make_list_sql(self._staging, name))
        self.found[name] = False
        self.columns = tuple(replace(c, data_type=MULTI_VALUE) if c.name == name else c for c in self.columns)


def pointer(name: str) -> str:
    """Format a field's name as a JSON pointer, which can hold every name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _is_list(name: str) -> str:
    return f"json_type(line, {quote_text(pointer(name))}) = 'ARRAY'"


def _has_others(name: str) -> str:
    elements = f"CAST(json_extract(line, {quote_text(pointer(name))}) AS JSON[])"
    others = f"list_filter({elements}, lambda __element: json_type(__element) NOT IN ('VARCHAR', 'NULL'))"
    return f"CASE WHEN {_is_list(name)} THEN len({others}) > 0 ELSE false END"


def _is_empty(name: str) -> str:
    value = f"json_extract(line, {quote_text(pointer(name))})"
    return f"CASE WHEN {_is_list(name)} THEN CAST({value} AS VARCHAR) IN ('[]', '[null]') ELSE false END"
