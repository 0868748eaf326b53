# SPDX-License-Identifier: Apache-2.0
"""PARSE_LONG, the bits of a double and base64; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

import math

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported


@pytest.mark.parametrize(
    ("text", "base", "number"),
    [
        ("123", 10, 123),
        ("+5", 10, 5),
        ("", 10, None),
        ("a", 10, None),
        (" 1", 10, None),
        ("_1", 10, None),
        ("1e3", 10, None),
        ("-9223372036854775808", 10, -(2**63)),
        ("9223372036854775808", 10, None),
        ("a", 16, 10),
        ("0x1F", 16, 31),
        ("0X1f", 16, 31),
        ("-0x1F", 16, None),
        ("+0x5", 16, None),
        ("0x", 16, None),
        ("x", 16, None),
        ("", 16, None),
        ("7FFFFFFFFFFFFFFF", 16, 2**63 - 1),
        ("1e3", 16, 483),
        ("123", 2, None),
        ("-0x1F", 36, -42819),
        ("zz", 36, 1295),
        ("7FFFFFFFFFFFFFFF", 36, None),
        ("123", 37, None),
        ("123", 1, None),
        ("123", 0, None),
    ],
)
def test_parse_long_reads_digits_of_the_base(evaluate, text, base, number):
    """Blanks, fractions and numbers beyond 64 bits are NULL, and so is every text in a base that doesn't exist."""
    assert evaluate(f"PARSE_LONG(s, {base})", s=text) == number


def test_parse_long_without_a_base_is_decimal(evaluate):
    """A base that is NULL gives NULL."""
    assert evaluate("PARSE_LONG(s)", s="123") == 123
    assert evaluate("PARSE_LONG(s, NULL)", s="123") is None
    assert evaluate("PARSE_LONG(s)", s=("string", None)) is None


def test_parse_long_names_digits_of_other_scripts(evaluate):
    """Druid reads them, so NULL would be another value."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate("PARSE_LONG(s)", s="٣")
    assert (
        str(raised.value)
        == "Invalid Input Error: function 'PARSE_LONG' is not supported with digits that are not ASCII"
    )


@pytest.mark.parametrize(
    ("number", "bits"),
    [
        (0.5, 4602678819172646912),
        (0.0, 0),
        (1e300, 9094988921128908188),
        (-1e300, -128383115725867620),
        (-0.001, -4661117527937406468),
        (math.nan, 9221120237041090560),
    ],
)
def test_bits_of_a_double(evaluate, number, bits):
    """Both directions; a whole number becomes a double first."""
    assert evaluate("BITWISE_CONVERT_DOUBLE_TO_LONG_BITS(d)", d=number) == bits
    assert evaluate("BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(n)", n=bits) == pytest.approx(number, rel=0, nan_ok=True)


def test_bits_of_other_numbers(evaluate):
    """A fraction is dropped before bits become a double; NULL stays NULL."""
    assert evaluate("BITWISE_CONVERT_DOUBLE_TO_LONG_BITS(n)", n=1) == 4607182418800017408
    assert evaluate("BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(d)", d=9.99) == 4.4e-323
    assert math.copysign(1, evaluate("BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(n)", n=-(2**63))) == -1
    assert evaluate("BITWISE_CONVERT_DOUBLE_TO_LONG_BITS(d)", d=("double", None)) is None


@pytest.mark.parametrize("number", [1e19, -1e19])
def test_bits_beyond_64_are_refused(evaluate, number):
    """A double has to be a whole number of 64 bits."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate("BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(d)", d=number)
    function = "function 'BITWISE_CONVERT_LONG_BITS_TO_DOUBLE'"
    assert str(raised.value) == f"Invalid Input Error: {function} is not supported with a number beyond 64 bits"


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("R3LDvMOfZQ==", "Grüße"),
        ("aGVsbG8gd29ybGQhDQo=", "hello world!\r\n"),
        ("8J+YgA==", "😀"),
        ("aGVsbG8", "hello"),
        ("aG", "h"),
        ("", ""),
        (None, None),
    ],
)
def test_decode_base64(evaluate, text, decoded):
    """The padding may be missing."""
    assert evaluate("DECODE_BASE64_UTF8(s)", s=("string", text)) == decoded


@pytest.mark.parametrize("text", ["a", "aGVs bG8=", "8J-YgA==", "aGVsbG8==", "/w=="])
def test_decode_base64_fails_for_other_text(evaluate, text):
    """Druid fails for all but the last, whose bytes are not UTF-8 and which is not supported here."""
    with pytest.raises(duckdb.ConversionException):
        evaluate("DECODE_BASE64_UTF8(s)", s=text)


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("PARSE_LONG(NULL)", SqlInvalid, "Illegal use of 'NULL'"),
        ("PARSE_LONG(n)", SqlInvalid, "Cannot apply 'PARSE_LONG' to arguments of type 'PARSE_LONG(<BIGINT>)'"),
        (
            "PARSE_LONG(s, '16')",
            SqlInvalid,
            "Cannot apply 'PARSE_LONG' to arguments of type 'PARSE_LONG(<VARCHAR>, <VARCHAR>)'",
        ),
        (
            "PARSE_LONG(s, n)",
            SqlNotSupported,
            "function 'PARSE_LONG' is not supported unless argument 2 is a whole number written as a literal",
        ),
        ("DECODE_BASE64_UTF8(NULL)", SqlInvalid, "Illegal use of 'NULL'"),
        (
            "DECODE_BASE64_UTF8(n)",
            SqlInvalid,
            "Cannot apply 'DECODE_BASE64_UTF8' to arguments of type 'DECODE_BASE64_UTF8(<BIGINT>)'",
        ),
        ("BITWISE_CONVERT_DOUBLE_TO_LONG_BITS(NULL)", SqlInvalid, "Illegal use of 'NULL'"),
        (
            "BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(s)",
            SqlInvalid,
            (
                "Cannot apply 'BITWISE_CONVERT_LONG_BITS_TO_DOUBLE' to arguments of type "
                "'BITWISE_CONVERT_LONG_BITS_TO_DOUBLE(<VARCHAR>)'"
            ),
        ),
    ],
)
def test_arguments_that_are_refused(refusal, expression, error, message):
    """Druid refuses them, too, apart from a base in a column."""
    assert refusal(expression, error, s="string", n="long") == message
