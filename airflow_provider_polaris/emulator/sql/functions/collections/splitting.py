# SPDX-License-Identifier: Apache-2.0
"""Split a text at a separator, as Java's ``String.split`` does."""

from __future__ import annotations

import re

from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.values.values import quote_text

_PLAIN = re.compile(r"[^\\^$.|?*+()\[\]{}]+")
_ESCAPED = re.compile(r"\\([\\^$.|?*+()\[\]{}])")
_BRACKETED = re.compile(r"\[([$.|?*+(){}])\]")


def split(call: Call) -> str:
    """
    Build the list of the parts of ``STRING_TO_ARRAY(text, separator)``.

    OBSERVED(Druid 33): the separator is a regular expression; empty parts at the end are left out, but the empty text
    gives one empty part. Only separators that match one fixed text are supported.
    """
    value = call.value(0)
    if value.type == "null":
        raise call.refuse("with NULL as the text")
    text, separator = call.text(0), _fixed(call)
    if isinstance(value.constant, str) and value.constant and not value.constant.replace(separator, ""):
        # OBSERVED(Druid 33): an error of the planner, because the array would have no element.
        raise call.refuse("of a literal without an element")
    parts = f"string_split({text}, {quote_text(separator)})"
    kept = f"list_filter({parts}, lambda __kept_part, __kept_at: __kept_at <= {_last(parts)})"
    return f"CASE WHEN {text} = '' THEN [''] ELSE {kept} END"


def _last(parts: str) -> str:
    """Build the number of the last part that isn't empty; 0 if all are."""
    numbers = f"list_transform({parts}, lambda __part, __at: CASE WHEN __part <> '' THEN __at ELSE 0 END)"
    return f"list_max({numbers})"


def _fixed(call: Call) -> str:
    """Return the text that the separator matches."""
    if call.value(1).type == "null":
        raise call.refuse("with NULL as the separator")  # Druid returns each character
    pattern = call.separator(1)
    if _PLAIN.fullmatch(pattern):
        return pattern
    match = _ESCAPED.fullmatch(pattern) or _BRACKETED.fullmatch(pattern)
    if match is None:
        raise call.refuse(f"with the separator {pattern!r}, which is a regular expression")
    return match[1]
