# SPDX-License-Identifier: Apache-2.0
"""
What the generator may write: one entry for each function and operator, with the kinds of its arguments and its value.

A signature is ``"kind kind? kind+ -> kind"``: ``?`` may be left out, ``+`` may be repeated. ``T`` is any one of
:data:`~literals.SCALARS`, the same everywhere in a signature. A kind that is no type of a value, such as ``period``,
has literals only. ``rough`` is a double whose last place depends on the library, so nothing is computed from it; an
``estimate`` counts by a sketch that is no exact set even for few values. A function of the emulator without an entry
ends the referee: nothing new is forgotten.
"""

from __future__ import annotations

from typing import Final

import collection_signatures as collections
from aggregate_signatures import AGGREGATES

TIMES: Final = {
    "CURRENT_TIMESTAMP": [],  # the two clocks differ
    "CURRENT_DATE": [],
    "DATE_TRUNC": ["truncated timestamp -> timestamp"],
    "MILLIS_TO_TIMESTAMP": ["millis -> timestamp"],
    "TIMESTAMPADD": ["unit step timestamp -> timestamp"],
    "TIMESTAMPDIFF": ["unit timestamp timestamp -> long"],
    "TIMESTAMP_TO_MILLIS": ["timestamp -> long"],
    "TIME_CEIL": ["timestamp period -> timestamp", "timestamp period origin zone? -> timestamp"],
    "TIME_EXTRACT": ["timestamp extracted zone? -> long"],
    "TIME_FLOOR": ["timestamp period -> timestamp", "timestamp period origin zone? -> timestamp"],
    "TIME_FORMAT": [
        "timestamp joda zone? -> string",
        "timestamp -> string",
        "timestamp joda_utc -> string",
    ],
    "TIME_IN_INTERVAL": ["timestamp interval -> boolean"],
    "TIME_PARSE": ["time_text -> timestamp", "time_text joda_read zone? -> timestamp", "string -> timestamp"],
    "TIME_SHIFT": ["timestamp shift_period step zone? -> timestamp"],
}

TEXT: Final = {
    "BTRIM": ["string trimmed? -> string"],
    "CHARACTER_LENGTH": ["string -> long"],
    "CHAR_LENGTH": ["string -> long"],
    "CONCAT": ["string string+ -> string", "string long -> string", "double string -> string"],
    "CONTAINS_STRING": ["string find -> boolean"],
    "ICONTAINS_STRING": ["string find -> boolean"],
    "LEFT": ["string length -> string", "string count -> string"],
    "LENGTH": ["string -> long", "long -> long"],
    "LOWER": ["string -> string"],
    "LPAD": ["string width pad? -> string"],
    "LTRIM": ["string trimmed? -> string"],
    "POSITION": [],  # a special form, see SPECIAL
    "REPEAT": ["string count -> string"],
    "REPLACE": ["string find string -> string", "string string string -> string"],
    "REVERSE": ["string -> string"],
    "RIGHT": ["string length -> string", "string count -> string"],
    "RPAD": ["string width pad? -> string"],
    "RTRIM": ["string trimmed? -> string"],
    "STRLEN": ["string -> long"],
    "STRPOS": ["string find -> long", "string string -> long"],
    "SUBSTR": ["string start length? -> string"],
    "SUBSTRING": [
        "string start length? -> string",
        "string count length? -> string",
        "string start count -> string",
    ],
    "TEXTCAT": ["string string -> string"],
    "UPPER": ["string -> string"],
    "REGEXP_EXTRACT": ["string pattern group_number? -> string"],
    "REGEXP_LIKE": ["string pattern -> boolean"],
    "REGEXP_REPLACE": ["string pattern replacement -> string"],
}

NUMBERS: Final = {
    "ABS": ["long -> long", "double -> double", "float -> float"],
    **{
        name: ["double -> rough", "long -> rough"]
        for name in ("ACOS", "ASIN", "ATAN", "COS", "COT", "EXP", "LN", "LOG10", "SIN", "TAN")
    },
    **{name: ["double -> double", "long -> double"] for name in ("DEGREES", "RADIANS", "SQRT")},
    "ATAN2": ["double double -> rough"],
    "BITWISE_AND": ["long long -> long", "long double -> long"],
    "BITWISE_COMPLEMENT": ["long -> long", "double -> long"],
    "BITWISE_CONVERT_DOUBLE_TO_LONG_BITS": ["double -> long", "long -> long", "float -> long"],
    "BITWISE_CONVERT_LONG_BITS_TO_DOUBLE": ["long -> double", "double -> double"],
    "BITWISE_OR": ["long long -> long", "long double -> long"],
    "BITWISE_SHIFT_LEFT": ["long shift -> long", "long count -> long"],
    "BITWISE_SHIFT_RIGHT": ["long shift -> long", "long count -> long"],
    "BITWISE_XOR": ["long long -> long", "double long -> long"],
    "CEIL": ["double -> double", "long -> long", "float -> float"],
    "CEILING": ["double -> double", "long -> long"],
    "DIV": ["long long -> long", "double double -> long"],
    "FLOOR": ["double -> double", "long -> long", "float -> float"],
    "GREATEST": ["long long+ -> long", "double double+ -> double", "string string+ -> string", "long double -> double"],
    "LEAST": ["long long+ -> long", "double double+ -> double", "string string+ -> string", "long double -> double"],
    "MOD": ["long long -> long", "double double -> double"],
    "POWER": ["double double -> rough", "long count -> rough"],
    "ROUND": ["double digits? -> double", "long digits? -> long", "float -> float"],
    "SAFE_DIVIDE": ["long long -> long", "double double -> double"],
    "TRUNC": ["double digits? -> double", "long digits? -> long"],
    "TRUNCATE": ["double digits? -> double", "long digits? -> long"],
}

CONDITIONS: Final = {
    "COALESCE": ["T T+ -> T", "long double -> double", "string long -> string"],
    "IFNULL": ["T T -> T", "long double -> double"],
    "NULLIF": ["T T -> T", "long double -> long"],
    "NVL": ["T T -> T"],
}

#: Notations: addresses, digits, base64, sizes, Java's formats.
FORMATS: Final = {
    "DECODE_BASE64_UTF8": ["base64 -> string", "string -> string"],
    **{
        f"HUMAN_READABLE_{name}_FORMAT": ["long precision? -> string", "double precision? -> string"]
        for name in ("BINARY_BYTE", "DECIMAL", "DECIMAL_BYTE")
    },
    "IPV4_MATCH": ["ip subnet -> boolean", "ip_number subnet -> boolean", "ip bad_subnet -> refused"],
    "IPV4_PARSE": ["ip -> ip_number", "ip_number -> long", "string -> long"],
    "IPV4_STRINGIFY": ["ip -> string", "ip_number -> ip", "long -> string"],
    "PARSE_LONG": ["digit_text base? -> long", "number_text base? -> long"],
    "STRING_FORMAT": [
        "format_text T -> string",
        "format_text boolean -> string",
        "format_whole long -> string",
        "format_real double -> string",
        "format_real float -> string",
        "format_three string long double -> string",
    ],
}

NESTED: Final = {
    "JSON_KEYS": ["json path -> texts", "json bad_path -> texts"],
    "JSON_OBJECT": [],  # special forms
    "JSON_QUERY": ["json path -> json", "json_text path -> json"],
    "JSON_VALUE": ["json path -> string", "json_text path -> string", "json bad_path -> refused"],
    "PARSE_JSON": ["json_valid -> json"],
    "TO_JSON_STRING": ["json -> json_valid", "T -> json_valid", "boolean -> string"],
    "TRY_PARSE_JSON": ["json_text -> json", "string -> json"],
}

#: Functions of a sketch are generated with the aggregate that makes it, see :mod:`aggregate_signatures`.
SKETCHES: Final[dict[str, list[str]]] = {
    name: []
    for name in (
        *("DS_CDF", "DS_GET_QUANTILE", "DS_GET_QUANTILES", "DS_RANK", "HLL_SKETCH_ESTIMATE", "HLL_SKETCH_UNION"),
        *("THETA_SKETCH_ESTIMATE", "THETA_SKETCH_INTERSECT", "THETA_SKETCH_NOT", "THETA_SKETCH_UNION"),
    )
}

FUNCTIONS: Final = {**TIMES, **TEXT, **NUMBERS, **CONDITIONS, **FORMATS, **NESTED, **SKETCHES, **collections.FUNCTIONS}

#: Forms with a syntax of their own: template and signatures.
SPECIAL: Final = {
    **{
        f"a {sign} b": (
            f"({{0}} {sign} {{1}})",
            [
                "long long -> long",
                "double double -> double",
                "long double -> double",
                "float double -> double",
                "float float -> float",
            ],
        )
        for sign in "+-*/"
    },
    "-a": ("(-{0})", ["long -> long", "double -> double"]),
    **{
        f"a {sign} b": (
            f"({{0}} {sign} {{1}})",
            [
                "T T -> boolean",
                "long double -> boolean",
                "string number_text -> boolean",
                "long float -> boolean",
            ],
        )
        for sign in ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
    },
    "time = text": ("({0} >= {1})", ["timestamp time_text -> boolean"]),
    "text = number": ("({0} = {1})", ["number_text long -> boolean", "number_text double -> boolean"]),
    "text < number": ("({0} < {1})", ["number_text long -> boolean"]),
    "text + number": ("({0} + {1})", ["number_text long -> double", "number_text double -> double"]),
    "a || b": (
        "({0} || {1})",
        [
            "string string -> string",
            "string long -> string",
            "double string -> string",
            "string timestamp -> string",
            "float string -> string",
            "string boolean -> string",
        ],
    ),
    "AND": ("({0} AND {1})", ["boolean boolean -> boolean"]),
    "OR": ("({0} OR {1})", ["boolean boolean -> boolean"]),
    "PI": ("PI", ["-> double"]),
    "NOT": ("(NOT {0})", ["boolean -> boolean"]),
    **{
        f"IS {word}": (f"({{0}} IS {word})", ["boolean -> boolean"])
        for word in ("TRUE", "FALSE", "NOT TRUE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN")
    },
    "IS NULL": ("({0} IS NULL)", ["T -> boolean", "boolean -> boolean", "json -> boolean"]),
    "IS NOT NULL": ("({0} IS NOT NULL)", ["T -> boolean", "json -> boolean"]),
    "LIKE": ("({0} LIKE {1})", ["string like -> boolean"]),
    "NOT LIKE": ("({0} NOT LIKE {1})", ["string like -> boolean"]),
    "LIKE ESCAPE": ("({0} LIKE {1} ESCAPE {2})", ["string like escape -> boolean"]),
    "BETWEEN": ("({0} BETWEEN {1} AND {2})", ["T T T -> boolean", "timestamp time_text time_text -> boolean"]),
    "NOT BETWEEN": ("({0} NOT BETWEEN {1} AND {2})", ["long long long -> boolean"]),
    "IN": ("({0} IN ({1}, {2}))", ["T T T -> boolean"]),
    "NOT IN": ("({0} NOT IN ({1}, {2}, {3}))", ["T T T T -> boolean"]),
    "CASE": ("CASE WHEN {0} THEN {1} ELSE {2} END", ["boolean T T -> T", "boolean long double -> double"]),
    "CASE without ELSE": ("CASE WHEN {0} THEN {1} WHEN {2} THEN {3} END", ["boolean T boolean T -> T"]),
    "CASE value": ("CASE {0} WHEN {1} THEN {2} ELSE {3} END", ["T T string string -> string", "T T long long -> long"]),
    "CAST VARCHAR": (
        "CAST({0} AS VARCHAR)",
        [f"{kind} -> string" for kind in ("long", "double", "float", "timestamp", "boolean")],
    ),
    "CAST BIGINT": (
        "CAST({0} AS BIGINT)",
        [f"{kind} -> long" for kind in ("number_text", "string", "double", "float", "timestamp", "boolean")],
    ),
    "CAST INTEGER": ("CAST({0} AS INTEGER)", ["number_text -> long", "double -> long", "long -> long"]),
    "CAST DOUBLE": (
        "CAST({0} AS DOUBLE)",
        [f"{kind} -> double" for kind in ("number_text", "string", "long", "float")],
    ),
    "CAST FLOAT": ("CAST({0} AS FLOAT)", [f"{kind} -> float" for kind in ("number_text", "long", "double")]),
    "CAST DECIMAL": ("CAST({0} AS DECIMAL)", ["number_text -> double", "long -> double"]),
    "CAST TIMESTAMP": (
        "CAST({0} AS TIMESTAMP)",
        ["time_text -> timestamp", "millis -> timestamp", "string -> timestamp"],
    ),
    "CAST DATE": ("CAST({0} AS DATE)", ["time_text -> timestamp", "timestamp -> timestamp"]),
    "CAST BOOLEAN": ("CAST({0} AS BOOLEAN)", ["string -> boolean", "long -> boolean"]),
    "EXTRACT": ("EXTRACT({0} FROM {1})", ["extracted_word timestamp -> long"]),
    "FLOOR TO": ("FLOOR({0} TO {1})", ["timestamp unit -> timestamp"]),
    "CEIL TO": ("CEIL({0} TO {1})", ["timestamp unit -> timestamp"]),
    "time + interval": ("({0} + {1})", ["timestamp span -> timestamp"]),
    "time - interval": ("({0} - {1})", ["timestamp span -> timestamp"]),
    "TRIM": ("TRIM({0})", ["string -> string"]),
    **{
        f"TRIM {side}": (f"TRIM({side} {{0}} FROM {{1}})", ["trimmed string -> string"])
        for side in ("BOTH", "LEADING", "TRAILING")
    },
    "POSITION": ("POSITION({0} IN {1})", ["find string -> long", "string string -> long"]),
    "POSITION FROM": ("POSITION({0} IN {1} FROM {2})", ["find string start -> long"]),
    **{
        f"JSON_VALUE RETURNING {word}": (f"JSON_VALUE({{0}}, {{1}} RETURNING {word})", [f"json path -> {kind}"])
        for word, kind in (
            *(("VARCHAR", "string"), ("BIGINT", "long"), ("DOUBLE", "double"), ("DECIMAL", "double")),
            *(("BOOLEAN", "boolean"), ("INTEGER", "long"), ("FLOAT", "float")),
        )
    },
    **{
        f"CAST JSON_VALUE {word}": (f"CAST(JSON_VALUE({{0}}, {{1}}) AS {word})", [f"json path -> {kind}"])
        for word, kind in (("BIGINT", "long"), ("DOUBLE", "double"), ("VARCHAR", "string"))
    },
    "JSON_OBJECT": ("JSON_OBJECT(KEY {0} VALUE {1})", ["key T -> json", "key boolean -> json", "key json -> json"]),
    "JSON_OBJECT of two": ("JSON_OBJECT({0}:{1}, {2}:{3})", ["key T key T -> json", "key json key long -> json"]),
    **collections.SPECIAL,
    "SUBSTRING FROM": ("SUBSTRING({0} FROM {1} FOR {2})", ["string start length -> string"]),
}


def missing(functions: set[str], aggregates: set[str]) -> list[str]:
    """Return the functions of the emulator for which there is no entry."""
    return sorted((functions - FUNCTIONS.keys()) | (aggregates - AGGREGATES.keys()))
