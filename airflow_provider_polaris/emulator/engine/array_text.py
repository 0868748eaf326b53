# SPDX-License-Identifier: Apache-2.0
"""
The text of arrays and multi-value strings in results of queries.

OBSERVED(Druid 33), in all result formats: an array is a string with JSON, because ``sqlStringifyArrays`` is true unless
the query's context has another value. A multi-value string with one value is this value, with several values JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE

_SMALLEST_PLAIN, _SMALLEST_SCIENTIFIC = 1e-3, 1e7
"""Java writes numbers from the first to below the second without an exponent."""


def list_text(values: Sequence[Any], data_type: str) -> str | None:
    """
    Format a list.

    :param data_type: The array type, or that of a multi-value string.

    >>> list_text(["a", None], "stringArray"), list_text([0.5, 1e300], "doubleArray"), list_text(["a"], MULTI_VALUE)
    ('["a",null]', '[0.5,1.0E300]', 'a')
    """
    if data_type == MULTI_VALUE and len(values) == 1:
        return None if values[0] is None else str(values[0])
    return f"[{','.join(map(_json, values))}]"


def java_text(value: Any) -> str:
    """Format an element of an array without quotes."""
    return _java_number(value) if isinstance(value, float) else str(value)


def _json(value: Any) -> str:
    if isinstance(value, float):
        return _java_number(value)
    text = json.dumps(value, ensure_ascii=False)
    # Jackson writes the digits of a control character in upper case.
    return re.sub(r"(?<!\\)((?:\\\\)*)\\u00([01][0-9a-f])", lambda found: f"{found[1]}\\u00{found[2].upper()}", text)


def _java_number(value: float) -> str:
    """Format a double as Java does: ``1.0E300``; NaN and infinities as strings."""
    if not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else f'"{"-" if value < 0 else ""}Infinity"'
    if value == 0 or _SMALLEST_PLAIN <= abs(value) < _SMALLEST_SCIENTIFIC:
        return format(Decimal(repr(value)), "f") if "e" in repr(value) else repr(value)
    # Java has two digits or more; of those for the same number, it takes the nearest: 4.9E-324, not 5.0E-324.
    two = f"{value:.1e}"
    sign, digits, exponent = Decimal(two if float(two) == value else repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    return f"{'-' if sign else ''}{first}.{''.join(rest) or '0'}E{len(digits) - 1 + int(exponent)}"
