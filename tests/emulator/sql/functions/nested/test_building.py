# SPDX-License-Identifier: Apache-2.0
"""PARSE_JSON, TRY_PARSE_JSON, TO_JSON_STRING and JSON_OBJECT; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported

KEYS = ("zeta", "alpha", "beta", "x1", "x2", "longer key", "é", "😀", "", "A", "userId", "ts", "event")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('{"a":1,"b":[1,2]}', '{"a":1,"b":[1,2]}'),
        (' { "x" : [ ] } ', '{"x":[]}'),
        ('{"b":1,"a":2}', '{"b":1,"a":2}'),
        ("1.50", "1.5"),
        ('"x"', '"x"'),
        ("true", "true"),
        ("-0", "0"),
        ("[null]", "[null]"),
        ('{"a":null}', '{"a":null}'),
        ('{"b":1.0,"c":0.1,"d":1e5,"e":-0.0}', '{"b":1.0,"c":0.1,"d":100000.0,"e":-0.0}'),
        ('{"f":1E-7,"g":123456789.0,"h":100.0}', '{"f":1.0E-7,"g":1.23456789E8,"h":100.0}'),
        ('{"u":"\\u00e9\\ud83d\\ude00\\/\\n<>"}', '{"u":"é😀/\\n<>"}'),
        ('{"":1,"a.b":2,"a\'b":3}', '{"":1,"a.b":2,"a\'b":3}'),
        ("null", None),
        (None, None),
    ],
)
def test_parse(evaluate, text, written):
    """Blanks are dropped, numbers are written as Java does; ``null`` is NULL."""
    for function in ("PARSE_JSON", "TRY_PARSE_JSON"):
        assert evaluate(f"TO_JSON_STRING({function}(s))", s=("string", text)) == written
        assert evaluate(f"{function}(s) IS NULL", s=("string", text)) is (written is None)


@pytest.mark.parametrize("text", ["", "{bad", "NaN", "{'a':1}", "[1,]", "abc", "01", '{"a":1,}', "[Infinity]"])
def test_text_that_is_no_json(evaluate, text):
    """TRY_PARSE_JSON gives NULL."""
    assert evaluate("TRY_PARSE_JSON(s)", s=text) is None
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate("PARSE_JSON(s)", s=text)
    assert str(raised.value) == f"Invalid Input Error: Function[parse_json] bad string input [{text}]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("true;", "with text behind the value, or half of a surrogate pair"),
        ('"a"x', "with text behind the value, or half of a surrogate pair"),
        ("1 2", "with text behind the value, or half of a surrogate pair"),
        ('{"a":1} x', "with text behind the value, or half of a surrogate pair"),
        ('"\\ud83d"', "with text behind the value, or half of a surrogate pair"),
        ('{"a":1,"a":2}', "with an object that has a key twice"),
        ('[{"b":{"a":1,"a":2}}]', "with an object that has a key twice"),
    ],
)
def test_text_that_druid_reads_otherwise(evaluate, text, why):
    """Druid reads the first value; of a key that is there twice, it takes the last value."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate("TRY_PARSE_JSON(s)", s=text)
    assert str(raised.value) == f"Invalid Input Error: function 'TRY_PARSE_JSON' is not supported {why}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('Grüße "😀"\n', '"Grüße \\"😀\\"\\n"'),
        ("", '""'),
        (("string", None), None),
        (2**63 - 1, "9223372036854775807"),
        (0.5, "0.5"),
        (1e15, "1.0E15"),
        (("float", 0.1), "0.10000000149011612"),
        (datetime(2024, 3, 10, 6, 30), "1710052200000"),  # noqa: DTZ001
    ],
)
def test_values_as_json(evaluate, value, written):
    """JSON_OBJECT writes them in the same way; its NULL is null."""
    assert evaluate("TO_JSON_STRING(v)", v=value) == written
    assert evaluate("TO_JSON_STRING(JSON_OBJECT('a': v))", v=value) == f'{{"a":{written or "null"}}}'


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ("", "{}"),
        ("'a': n", '{"a":1}'),
        ("KEY 'a' VALUE n", '{"a":1}'),
        ("'a' VALUE n, 'b' VALUE s", '{"a":1,"b":"x"}'),
        ("'a', n", '{"a":1}'),
        ("'b': n, 'a': 2", '{"a":2,"b":1}'),
        ("'a': n, 'a': 2", '{"a":2}'),
        ("'BB': 1, 'Aa': 2", '{"BB":1,"Aa":2}'),
        ("'a': n > 3", '{"a":0}'),
        ("'a': JSON_OBJECT('b': n), 's': s", '{"a":{"b":1},"s":"x"}'),
        (
            ", ".join(f"'{key}': n" for key in KEYS),
            (
                '{"zeta":1,"":1,"A":1,"é":1,"userId":1,"longer key":1,"alpha":1,"😀":1,"x1":1,"x2":1,'
                '"event":1,"beta":1,"ts":1}'
            ),
        ),
        (
            ", ".join(f"'k{number:02}': n" for number in range(1, 16)),
            "{" + ",".join(f'"k{number:02}":1' for number in (11, 10, 2, 13, 1, 12, 4, 15, 3, 14, 6, 5, 8, 7, 9)) + "}",
        ),
    ],
)
def test_object(evaluate, arguments, written):
    """The keys are in the order of Java's hash table."""
    assert evaluate(f"TO_JSON_STRING(JSON_OBJECT({arguments}))", n=1, s="x") == written


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("PARSE_JSON(NULL)", SqlInvalid, "Illegal use of 'NULL'"),
        ("PARSE_JSON(n)", SqlInvalid, "Cannot apply 'PARSE_JSON' to arguments of type 'PARSE_JSON(<BIGINT>)'"),
        ("JSON_OBJECT(n: 1)", SqlInvalid, "Function[json_object] field name must be a STRING"),
        (
            "JSON_OBJECT(s: 1)",
            SqlNotSupported,
            "function 'JSON_OBJECT' is not supported unless argument 1 is a string literal",
        ),
        (
            "JSON_OBJECT('a': NULL)",
            SqlNotSupported,
            "function 'JSON_OBJECT' is not supported with a bare NULL: CAST it",
        ),
        ("JSON_OBJECT('a': n NULL ON NULL)", SqlNotSupported, "function 'JSON_OBJECT' is not supported with ON NULL"),
        (
            "TO_JSON_STRING(CAST(n AS FLOAT))",
            SqlNotSupported,
            "function 'TO_JSON_STRING' is not supported with a FLOAT that is not a column",
        ),
    ],
)
def test_arguments_that_are_refused(refusal, expression, error, message):
    """Druid refuses the first three, too."""
    assert refusal(expression, error, n="long", s="string") == message
