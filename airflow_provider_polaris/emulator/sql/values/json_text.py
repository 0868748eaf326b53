# SPDX-License-Identifier: Apache-2.0
"""
The text of JSON values as Druid writes it: no blanks, numbers as Java formats them.

OBSERVED(Druid 33): ``1e5`` is written as ``100000.0``, ``1e8`` as ``1.0E8``; of a key that an object has twice, the
last value counts. DuckDB's JSON keeps the first, so such objects are refused.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.values.java_numbers import real_to_text
from airflow_provider_polaris.emulator.sql.values.values import quote_text

_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKENS = quote_text(rf"{_STRING}|[^,:\[\]{{}}\"]+|[,:\[\]{{}}]")
_UNSURE_NUMBER = r"'[0-9][eE]|[0-9]{8}\.|0\.000|[0-9]{19}'"
"""What a number has that Java writes differently, or could; JSON without it is unchanged, which is much faster."""
_LARGEST = "9007199254740992.0"
"""2 ** 53. OBSERVED(Java 17): for larger numbers, ``Double.toString`` doesn't always give the shortest digits."""
_SMALLEST = "1e-300"


def canonical(json: str) -> str:
    """Build Druid's text of a value of type JSON; the query fails for numbers whose text is uncertain."""
    text = f"CAST(json_extract({json}, '$') AS VARCHAR)"
    refused = quote_text("a whole number of more than 64 bits in JSON is not supported")
    token = (
        "CASE WHEN NOT regexp_matches(__token, '^[-0-9]') THEN __token "
        f"WHEN regexp_matches(__token, '[.eE]') THEN {java_double('CAST(__token AS DOUBLE)')} "
        f"WHEN TRY_CAST(__token AS BIGINT) IS NULL THEN error({refused}) ELSE __token END"
    )
    rewritten = f"array_to_string(list_transform(regexp_extract_all({text}, {_TOKENS}), lambda __token: {token}), '')"
    return f"CASE WHEN regexp_matches({text}, {_UNSURE_NUMBER}) THEN {rewritten} ELSE {text} END"


def java_double(number: str) -> str:
    """Build the text of a double as ``Double.toString`` writes it; the query fails where its digits are uncertain."""
    message = quote_text("the text of a number above 2^53 or below 1E-300 is not supported")
    unsure = f"abs(__number) > {_LARGEST} OR (__number <> 0 AND abs(__number) < {_SMALLEST})"
    text = f"CASE WHEN {unsure} THEN error({message}) ELSE {real_to_text('__number')} END"
    return f"list_transform([{number}], lambda __number: CASE WHEN __number IS NOT NULL THEN {text} END)[1]"


def is_strict(text: str) -> str:
    """Build the condition for a text that DuckDB takes as JSON to be JSON: it takes ``NaN`` and ``[1,]``, too."""
    bare = f"regexp_replace({text}, {quote_text(_STRING)}, '0', 'g')"
    return f"NOT regexp_matches({bare}, '(?i)nan|inf|,\\s*[\\]}}]')"


def repeats_key(json: str) -> str:
    """Build the condition for an object anywhere in the value to have a key twice."""
    repeated = "lambda __keys: len(__keys) <> len(list_distinct(__keys))"
    # json_keys with a wildcard fails in DuckDB 1.4.
    inside = f"list_transform(json_extract({json}, '$..*'), lambda __part: json_keys(__part))"
    everywhere = f"list_append({inside}, json_keys({json}))"
    return f"len(list_filter({everywhere}, {repeated})) > 0"
