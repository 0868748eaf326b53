# SPDX-License-Identifier: Apache-2.0
"""JSON_QUERY and JSON_KEYS; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import SqlNotSupported

DOCUMENT = '{"b": 1, "a": {"b": {"c": 1}}, "c": null, "f": [1, "x", 2.5, null, true], "g": [], "e": true}'


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("$.b", "1"),
        ("$.a", '{"b":{"c":1}}'),
        ("$.c", None),
        ("$.x", None),
        ("$.f", '[1,"x",2.5,null,true]'),
        ("$.f[0]", "1"),
        ("$.f[1]", '"x"'),
        ("$.f[3]", None),
        ("$.f[-1]", "true"),
        ("$.g", "[]"),
        ("$.e", "true"),
    ],
)
def test_query(evaluate, path, part):
    """NULL for a missing part and for one that is null."""
    assert evaluate(f"TO_JSON_STRING(JSON_QUERY(o, '{path}'))", o=("json", DOCUMENT)) == part


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("$", ["b", "a", "c", "f", "g", "e"]),
        ("$.a", ["b"]),
        ("$.a.b", ["c"]),
        ("$.b", None),
        ("$.c", None),
        ("$.x", None),
        ("$.f", ["0", "1", "2", "3", "4"]),
        ("$.g", []),
    ],
)
def test_keys(evaluate, path, keys):
    """The keys of an object in its order, the indexes of an array."""
    assert evaluate(f"JSON_KEYS(o, '{path}')", o=("json", DOCUMENT)) == keys


def test_text_has_no_parts(evaluate):
    """A text is not parsed: it is a JSON string."""
    assert evaluate("TO_JSON_STRING(JSON_QUERY(s, '$'))", s='{"a":1}') == '"{\\"a\\":1}"'
    assert evaluate("JSON_QUERY(s, '$.a')", s='{"a":1}') is None
    assert evaluate("JSON_QUERY(s, '$')", s=("string", None)) is None
    assert evaluate("JSON_KEYS(s, '$')", s='{"a":1}') is None


def test_keys_of_constants_are_refused(refusal):
    """Druid's planner fails for an array without elements."""
    message = refusal("JSON_KEYS(PARSE_JSON('{}'), '$')", SqlNotSupported)
    assert message == "function 'JSON_KEYS' is not supported with constants only"


@pytest.mark.parametrize("name", ["JSON_QUERY", "JSON_KEYS"])
def test_number_is_refused(refusal, name):
    """Druid gives NULL, or the number for the path ``$``."""
    message = refusal(f"{name}(n, '$.a')", SqlNotSupported, n="long")
    assert message == f"function '{name}' is not supported with a value that is not JSON"
