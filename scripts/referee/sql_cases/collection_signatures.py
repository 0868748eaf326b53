# SPDX-License-Identifier: Apache-2.0
"""
What the generator may write of arrays and multi-value strings.

``texts``, ``wholes`` and ``numbers`` are arrays of strings, longs and doubles; ``values`` is a multi-value string.
"""

from __future__ import annotations

from typing import Final

ARRAYS: Final = {"texts": "string", "wholes": "long", "numbers": "double"}
"""Kind of the elements of each kind of array."""

_EACH = (*ARRAYS.items(),)

COLUMNS: Final = {
    "texts": ["sa"],
    "wholes": ["la"],
    "numbers": ["da"],
    "values": ["mv"],
    "values_column": ["mv", "s"],
}

LITERALS: Final = {
    "texts": ["ARRAY['a', 'b']", "ARRAY['a']", "ARRAY['', NULL]", "ARRAY[u, 'x']", "ARRAY[u, x, 'é😀']"],
    "wholes": ["ARRAY[1, 2]", "ARRAY[0]", "ARRAY[7, NULL]", "ARRAY[n, 1]", "ARRAY[9223372036854775807, i]"],
    "numbers": ["ARRAY[1.5, 2.5]", "ARRAY[0.0, NULL]", "ARRAY[d, 0.5]", "ARRAY[1e300, e]"],
    "position": ["0", "1", "2", "3", "7", "-1"],
    "separator": ["','", "'a'", "' '", "'; '", "'|'", "'é'", "'\\.'", "'[|]'"],
    "item": ["'a'", "'b'", "''", "'x y'", "'é😀'", "'zz'"],
    "items": ["ARRAY['a', 'b']", "ARRAY['a', NULL]", "ARRAY['']", "ARRAY['zz']", "'a'", "NULL"],
    "item_array": ["ARRAY['a', 'b']", "ARRAY['a', NULL]", "ARRAY['']", "ARRAY['zz', 'é😀']"],
    "item_like": ["'a%'", "'%x%'", "'_'", "'%😀'"],
    "large": ["100000"],
}

FUNCTIONS: Final = {
    "ARRAY_APPEND": [f"{array} {element} -> {array}" for array, element in _EACH],
    "ARRAY_CONCAT": [f"{array} {array} -> {array}" for array in ARRAYS],
    "ARRAY_CONTAINS": [
        *(f"{array} {element} -> boolean" for array, element in _EACH),
        *(f"{array} {array} -> boolean" for array in ARRAYS),
    ],
    "ARRAY_LENGTH": [*(f"{array} -> long" for array in ARRAYS), "string -> long", "values -> long"],
    "ARRAY_OFFSET": [f"{array} position -> {element}" for array, element in _EACH],
    "ARRAY_OFFSET_OF": [f"{array} {element} -> long" for array, element in _EACH],
    "ARRAY_ORDINAL": [f"{array} position -> {element}" for array, element in _EACH],
    "ARRAY_ORDINAL_OF": [f"{array} {element} -> long" for array, element in _EACH],
    "ARRAY_OVERLAP": [f"{array} {array} -> boolean" for array in ARRAYS],
    "ARRAY_PREPEND": [f"{element} {array} -> {array}" for array, element in _EACH],
    "ARRAY_SLICE": [f"{array} position position? -> {array}" for array in ARRAYS],
    "ARRAY_TO_MV": [f"{array} -> values" for array in ARRAYS],
    "ARRAY_TO_STRING": [f"{array} separator -> string" for array in ARRAYS],
    "SCALAR_IN_ARRAY": [f"{element} {array} -> boolean" for array, element in _EACH],
    "STRING_TO_ARRAY": ["string separator -> texts"],
    "MV_APPEND": ["values string -> values"],
    "MV_CONCAT": ["values values -> values", "values item_array -> values", "string values -> values"],
    "MV_CONTAINS": ["values_column items -> boolean"],
    "MV_FILTER_NONE": ["values item_array -> values", "values_column item_array -> values"],
    "MV_FILTER_ONLY": ["values item_array -> values", "values_column item_array -> values"],
    "MV_LENGTH": ["values -> long", "string -> long"],
    "MV_OFFSET": ["values position -> string", "string position -> string"],
    "MV_OFFSET_OF": ["values string -> long", "values item -> long"],
    "MV_ORDINAL": ["values position -> string", "string position -> string"],
    "MV_ORDINAL_OF": ["values string -> long", "values item -> long"],
    "MV_OVERLAP": ["values_column items -> boolean"],
    "MV_PREPEND": ["string values -> values"],
    "MV_SLICE": ["values position position? -> values"],
    "MV_TO_ARRAY": ["values_column -> texts"],
    "MV_TO_STRING": ["values separator -> string"],
    "STRING_TO_MV": ["string separator -> values"],
}

#: Forms with a syntax of their own, and text functions of each value.
SPECIAL: Final = {
    "ARRAY": (
        "ARRAY[{0}, {1}]",
        [*(f"{element} {element} -> {array}" for array, element in _EACH), "long double -> numbers"],
    ),
    **{
        f"array {sign} array": (f"({{0}} {sign} {{1}})", [f"{array} {array} -> boolean" for array in ARRAYS])
        for sign in ("=", "<>", "<", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
    },
    "array IS NULL": ("({0} IS NULL)", [f"{array} -> boolean" for array in ARRAYS]),
    "CASE of arrays": (
        "CASE WHEN {0} THEN {1} ELSE {2} END",
        [f"boolean {array} {array} -> {array}" for array in ARRAYS],
    ),
    "COALESCE of arrays": ("COALESCE({0}, {1})", [f"{array} {array} -> {array}" for array in ARRAYS]),
    "TO_JSON_STRING of arrays": ("TO_JSON_STRING({0})", [f"{array} -> string" for array in ARRAYS]),
    **{
        f"{name} of each value": (template, ["values -> values"])
        for name, template in (
            *(("UPPER", "UPPER({0})"), ("CONCAT", "CONCAT({0}, '-', {0})"), ("SUBSTRING", "SUBSTRING({0}, 2, 1)")),
            *(("LPAD", "LPAD({0}, 3, '*')"), ("REPLACE", "REPLACE({0}, 'a', 'é')"), ("||", "({0} || 'z')")),
            *(("LENGTH", "LENGTH({0})"), ("REGEXP_REPLACE", "REGEXP_REPLACE({0}, '^(.)', '<$1>')")),
        )
    },
}

AGGREGATES: Final = {
    "ARRAY_AGG": ["string large -> texts", "long large? -> wholes", "double large -> numbers"],
    "ARRAY_CONCAT_AGG": [f"{array} large -> {array}" for array in ARRAYS],
    "LISTAGG": ["string separator large -> string", "long separator large? -> string"],
    "STRING_AGG": [
        "string separator large -> string",
        "long separator large? -> string",
        "double separator large -> string",
    ],
}

#: Aggregates with DISTINCT, and the conditions of FILTER on each value.
SPECIAL_AGGREGATES: Final = {
    "ARRAY_AGG DISTINCT": ("ARRAY_AGG(DISTINCT {0}, {1})", [f"{element} large -> {array}" for array, element in _EACH]),
    "ARRAY_CONCAT_AGG DISTINCT": (
        "ARRAY_CONCAT_AGG(DISTINCT {0}, {1})",
        [f"{array} large -> {array}" for array in ARRAYS],
    ),
    "STRING_AGG DISTINCT": ("STRING_AGG(DISTINCT {0}, {1}, {2})", ["string separator large -> string"]),
    **{
        f"FILTER values {sign}": (
            f"COUNT(*) FILTER (WHERE {{0}} {sign} {{1}})",
            [f"values {'item_like' if 'LIKE' in sign else 'item'} -> long"],
        )
        for sign in ("=", "<>", "<", ">=", "LIKE", "NOT LIKE", "IS DISTINCT FROM")
    },
    "FILTER NOT": ("COUNT(*) FILTER (WHERE NOT ({0} = {1}))", ["values item -> long"]),
    "FILTER values IN": ("COUNT(*) FILTER (WHERE {0} IN ({1}, {2}))", ["values item item -> long"]),
    "FILTER values IS NULL": ("COUNT(*) FILTER (WHERE {0} IS NULL)", ["values -> long"]),
    "FILTER MV_CONTAINS": ("COUNT(*) FILTER (WHERE MV_CONTAINS({0}, {1}))", ["values_column items -> long"]),
    "FILTER NOT MV_OVERLAP": ("COUNT(*) FILTER (WHERE NOT MV_OVERLAP({0}, {1}))", ["values_column items -> long"]),
    "FILTER ARRAY_CONTAINS": (
        "COUNT(*) FILTER (WHERE ARRAY_CONTAINS({0}, {1}))",
        [f"{array} {element} -> long" for array, element in _EACH],
    ),
}
