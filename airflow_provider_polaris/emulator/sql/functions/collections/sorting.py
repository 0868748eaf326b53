# SPDX-License-Identifier: Apache-2.0
"""
Sort distinct values as Druid does.

OBSERVED(Druid 33): NULL comes first, text is ordered by UTF-16 units, and -0.0 is another value than 0.0, before it.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.values import java_text
from airflow_provider_polaris.emulator.sql.values.java_numbers import is_negative_zero


def sort(distinct: str, element: str, zeros: str) -> str:
    """
    Build the sorted list.

    :param distinct: SQL of the list of the distinct values, for which DuckDB takes -0.0 and 0.0 for one.
    :param element: Type of the values.
    :param zeros: SQL of a list that has all zeros among the values.
    """
    if element == "string":
        ordered = f"list_transform({distinct}, lambda __text: {java_text.order('__text')})"
        return f"list_transform({_sorted(ordered)}, lambda __text: {java_text.unordered('__text')})"
    if element == "double":
        return _with_both_zeros(_sorted(distinct), zeros)
    return _sorted(distinct)


def _sorted(values: str) -> str:
    return f"list_sort({values}, 'ASC', 'NULLS FIRST')"


def _with_both_zeros(values: str, zeros: str) -> str:
    negative = f"len(list_filter({zeros}, lambda __zero: {is_negative_zero('__zero')})) > 0"
    positive = f"len(list_filter({zeros}, lambda __zero: __zero = 0 AND NOT signbit(__zero))) > 0"
    found = f"list_concat(CASE WHEN {negative} THEN [-0e0] ELSE [] END, CASE WHEN {positive} THEN [0e0] ELSE [] END)"
    return f"flatten(list_transform({values}, lambda __each: CASE WHEN __each = 0 THEN {found} ELSE [__each] END))"
