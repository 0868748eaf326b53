# SPDX-License-Identifier: Apache-2.0
"""JSON_VALUE; every value is OBSERVED(Druid 33), on columns and on PARSE_JSON()."""

from __future__ import annotations

import json

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported

DOCUMENT = json.dumps(
    {
        "a": 1,
        "b": "x",
        "c": None,
        "d": 1.5,
        "e": True,
        "g": {"h": {"i": "deep"}, "k": []},
        "m": [{"n": 1}, {"n": 2}],
        "mixed": [{"a": 3}, 5],
        "p q": 7,
        "é": "ü",
        "0": "zero",
        "z": 9223372036854775807,
    },
    ensure_ascii=False,
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a", "1"),
        ("$.a.", "1"),
        ("$.b", "x"),
        ("$.c", None),
        ("$.d", "1.5"),
        ("$.e", "1"),
        ("$.g", None),
        ("$.g.h", None),
        ("$.g.h.i", "deep"),
        ("$.m", None),
        ("$.m[0]", None),
        ("$.m[0].n", "1"),
        ("$.m[01].n", "2"),
        ("$.m[-1].n", "2"),
        ("$.m[9].n", None),
        ("$.mixed", None),
        ("$.mixed[1]", "5"),
        ("$.z", "9223372036854775807"),
        ("$.p q", "7"),
        ("$.é", "ü"),
        ("$.A", None),
        ("$.a.b", None),
        ("$.a[0]", None),
        ("$.a-b", None),
        ("$.0", "zero"),
        ("$[0]", None),
        ("$[''b'']", "x"),
        ("$", None),
        ("$.", None),
        ("", None),
    ],
)
def test_paths(evaluate, path, value):
    """An object has no value, nor has an array with an object or an array in it."""
    assert evaluate(f"JSON_VALUE(o, '{path}')", o=("json", DOCUMENT)) == value
    assert evaluate(f"JSON_VALUE(PARSE_JSON(s), '{path}')", s=DOCUMENT) == value


@pytest.mark.parametrize(
    ("document", "value"),
    [('"plain"', "plain"), ("42", "42"), ("4.5", "4.5"), ("true", "1"), ("[[1], [2]]", None), ("{}", None)],
)
def test_whole_value(evaluate, document, value):
    """The path ``$``, the empty path and NULL are the value itself."""
    for path in ("'$'", "'$.'", "''", "NULL"):
        assert evaluate(f"JSON_VALUE(o, {path})", o=("json", document)) == value


@pytest.mark.parametrize(
    ("document", "text", "long", "double"),
    [
        (1, "1", 1, 1.0),
        (-5, "-5", -5, -5.0),
        (2.7, "2.7", 2, 2.7),
        (-2.7, "-2.7", -2, -2.7),
        (2147483648, "2147483648", 2147483648, 2147483648.0),
        (1e8, "1.0E8", 100000000, 1e8),
        (2.0, "2.0", 2, 2.0),
        (True, "1", 1, 1.0),
        (False, "0", 0, 0.0),
        (None, None, None, None),
        ({"x": 1}, None, None, None),
        ("12", "12", 12, 12.0),
        ("+12", "+12", 12, 12.0),
        ("0012", "0012", 12, 12.0),
        (" 12", " 12", None, None),
        ("", "", None, None),
        ("0x10", "0x10", None, None),
        ("1L", "1L", None, None),
        ("2024-01-01", "2024-01-01", None, None),
        ("-9223372036854775808", "-9223372036854775808", -(2**63), -(2.0**63)),
        ("😀", "😀", None, None),
    ],
)
def test_returning(evaluate, document, text, long, double):
    """A CAST of JSON_VALUE is the same as RETURNING."""
    column = ("json", json.dumps({"v": document}, ensure_ascii=False))
    assert evaluate("JSON_VALUE(o, '$.v')", o=column) == text
    assert evaluate("JSON_VALUE(o, '$.v' RETURNING VARCHAR)", o=column) == text
    assert evaluate("JSON_VALUE(o, '$.v' RETURNING BIGINT)", o=column) == long
    assert evaluate("CAST(JSON_VALUE(o, '$.v') AS BIGINT)", o=column) == long
    assert evaluate("JSON_VALUE(o, '$.v' RETURNING DOUBLE)", o=column) == double
    assert evaluate("CAST(JSON_VALUE(o, '$.v') AS DOUBLE)", o=column) == double
    assert evaluate("JSON_VALUE(o, '$.v' RETURNING DECIMAL NULL ON EMPTY NULL ON ERROR)", o=column) == double


@pytest.mark.parametrize(
    ("document", "value"),
    [("1", True), ("0", False), ("-5", False), ("2.7", True), ("true", True), ("false", False), ("null", None)],
)
def test_returning_boolean(evaluate, document, value):
    """A number is true if it is positive."""
    assert evaluate("JSON_VALUE(o, '$' RETURNING BOOLEAN)", o=("json", document)) is value


def test_large_double_as_a_whole_number(evaluate):
    """It becomes the largest or smallest number of 64 bits."""
    assert evaluate("JSON_VALUE(o, '$' RETURNING BIGINT)", o=("json", "1e300")) == 2**63 - 1
    assert evaluate("JSON_VALUE(o, '$' RETURNING BIGINT)", o=("json", "-1e300")) == -(2**63)


def test_text_is_not_parsed(evaluate):
    """A text is a value without parts."""
    assert evaluate("JSON_VALUE(s, '$.a')", s='{"a": 1}') is None
    assert evaluate("JSON_VALUE(s, '$')", s='{"a": 1}') == '{"a": 1}'
    assert evaluate("JSON_VALUE(NULL, '$.a' RETURNING BIGINT)") is None


@pytest.mark.parametrize(
    ("call", "document", "why"),
    [
        ("JSON_VALUE(o, '$')", "[1, 2]", "with the path of an array"),
        ("JSON_VALUE(o, '$')", "[]", "with the path of an array"),
        ("JSON_VALUE(o, '$' RETURNING BIGINT)", "[null]", "with the path of an array"),
        (
            "JSON_VALUE(o, '$[0]')",
            "[1, 2]",
            "with an index of an array without objects in a column: use JSON_QUERY",
        ),
        ("JSON_VALUE(o, '$' RETURNING BIGINT)", '"1.7"', "with RETURNING BIGINT for such a text"),
        ("JSON_VALUE(o, '$' RETURNING BIGINT)", '"1e3"', "with RETURNING BIGINT for such a text"),
        ("JSON_VALUE(o, '$' RETURNING BIGINT)", '"12.0"', "with RETURNING BIGINT for such a text"),
        ("JSON_VALUE(o, '$' RETURNING BIGINT)", '"true"', "with RETURNING BIGINT for such a text"),
        ("JSON_VALUE(o, '$' RETURNING BIGINT)", '"1f"', "with RETURNING BIGINT for such a text"),
        ("JSON_VALUE(o, '$' RETURNING BIGINT)", '"١"', "with RETURNING BIGINT for such a text"),
        ("JSON_VALUE(o, '$' RETURNING DOUBLE)", '"NaN"', "with RETURNING DOUBLE for such a text"),
        ("JSON_VALUE(o, '$' RETURNING DOUBLE)", '"-0"', "with RETURNING DOUBLE for such a text"),
        ("JSON_VALUE(o, '$' RETURNING BOOLEAN)", '"true"', "with RETURNING BOOLEAN for a text"),
        (
            "JSON_VALUE(o, '$' RETURNING BIGINT)",
            '"9223372036854775808"',
            "with a whole number of more than 64 bits",
        ),
        ("JSON_VALUE(o, '$')", "9223372036854775808", "with a whole number of more than 64 bits"),
    ],
)
def test_values_that_depend_on_the_segments(evaluate, call, document, why):
    """Druid gives one value for a column and another for PARSE_JSON(), or for a column with other rows."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate(call, o=("json", document))
    assert str(raised.value) == f"Invalid Input Error: function 'JSON_VALUE' is not supported {why}"


def test_index_of_parsed_text(evaluate):
    """Only a column is stored in segments."""
    assert evaluate("JSON_VALUE(PARSE_JSON(s), '$[0]' RETURNING BIGINT)", s="[10, 20]") == 10
    assert evaluate("JSON_VALUE(PARSE_JSON(s), '$[-1]')", s='[10, "x"]') == "x"
    assert evaluate("JSON_VALUE(o, '$[-1]')", o=("json", "[10, 20]")) == "20"


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (".a", SqlInvalid, "JSONPath [.a] is invalid, it must start with '$'"),
        ("lax $.a", SqlInvalid, "JSONPath [lax $.a] is invalid, it must start with '$'"),
        ("$a", SqlInvalid, "JSONPath [$a] is invalid, path parts must be separated with '.'"),
        ("$..a", SqlInvalid, "jq path [$..a] is invalid, path parts separated by '.' must not be empty"),
        ('$["a"', SqlInvalid, "JSONPath [$[\"a\"] is invalid, unterminated '['"),
        ("$.''a''", SqlInvalid, "JSONPath [$.'a'] is invalid, single-quote (') must be immediately after '['"),
        (
            "$.f[*]",
            SqlInvalid,
            (
                "JSONPath [$.f[*]] is invalid, array specifier [*] should be a number, it was not.  "
                "Use ' if this value was meant to be a field name"
            ),
        ),
        (
            '$["a"]',
            SqlInvalid,
            (
                'JSONPath [$["a"]] is invalid, array specifier ["a"] should be a number, it was not.  '
                "Use ' if this value was meant to be a field name"
            ),
        ),
        ("$.*", SqlNotSupported, "function 'JSON_VALUE' is not supported with the path '$.*'"),
        ("$[''a.b'']", SqlNotSupported, "function 'JSON_VALUE' is not supported with the path \"$['a.b']\""),
    ],
)
def test_paths_that_are_refused(refusal, path, error, message):
    """The messages of the invalid ones are Druid's."""
    assert refusal(f"JSON_VALUE(o, '{path}')", error, o="json") == message


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ("o, '$' RETURNING INTEGER", SqlNotSupported, "function 'JSON_VALUE' is not supported with RETURNING INTEGER"),
        ("o, '$' RETURNING FLOAT", SqlNotSupported, "function 'JSON_VALUE' is not supported with RETURNING FLOAT"),
        (
            "o, '$' RETURNING BIGINT ARRAY",
            SqlNotSupported,
            "function 'JSON_VALUE' is not supported with RETURNING BIGINT ARRAY",
        ),
        ("n, '$'", SqlNotSupported, "function 'JSON_VALUE' is not supported with a value that is not JSON"),
        (
            "o, s",
            SqlNotSupported,
            "function 'JSON_VALUE' is not supported unless argument 2 is a string literal",
        ),
        (
            "o, '$' DEFAULT 'x' ON EMPTY",
            SqlInvalid,
            "JSON_VALUE takes no other words in front of ON EMPTY and ON ERROR than NULL",
        ),
        (
            "o, '$' RETURNING BIGINT ERROR ON ERROR",
            SqlInvalid,
            "JSON_VALUE takes no other words in front of ON EMPTY and ON ERROR than NULL",
        ),
    ],
)
def test_arguments_that_are_refused(refusal, arguments, error, message):
    """Druid refuses what stands in front of ON; the others depend on the segments or on the row."""
    assert refusal(f"JSON_VALUE({arguments})", error, o="json", n="long", s="string") == message


def test_third_argument_does_not_parse(refusal):
    """The type stands behind RETURNING only."""
    message = refusal("JSON_VALUE(o, '$', 'BIGINT')", SqlInvalid, o="json")
    assert message.startswith("\"JSON_VALUE(o, '$', 'BIGINT')\" does not parse: Expected two arguments in JSON_VALUE")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT CASE WHEN {} THEN 1 END FROM t",
        "SELECT {} AND TRUE FROM t",
        "SELECT NOT {} FROM t",
        "SELECT {}, COUNT(*) FROM t GROUP BY 1",
    ],
)
def test_boolean_of_a_column_inside_an_expression_is_refused(polaris_emulator, query):
    """OBSERVED(Druid 33): true is false or NULL in some of them."""
    polaris_emulator.load("t", [{"__time": "2024-03-10T06:30:00Z", "o": {"a": True}}])
    with pytest.raises(ValueError, match="can't be answered: ") as raised:
        polaris_emulator.query(query.format("JSON_VALUE(o, '$.a' RETURNING BOOLEAN)"))
    assert str(raised.value).split("can't be answered: ")[-1] == (
        "function 'JSON_VALUE' is not supported with RETURNING BOOLEAN for a column, unless it is a condition of WHERE "
        "or a result"
    )


def test_boolean_of_a_column_as_a_condition(polaris_emulator):
    """OBSERVED(Druid 33) for a result, and for conditions of WHERE and FILTER."""
    polaris_emulator.load("t", [{"__time": "2024-03-10T06:30:00Z", "o": {"a": flag}} for flag in (True, False)])
    flag = "JSON_VALUE(o, '$.a' RETURNING BOOLEAN)"
    assert polaris_emulator.query(f"SELECT {flag} AS r FROM t WHERE {flag} AND TRUE") == [{"r": True}]
    assert polaris_emulator.query(f"SELECT COUNT(*) FILTER (WHERE {flag}) AS r FROM t") == [{"r": 1}]
