# SPDX-License-Identifier: Apache-2.0
"""IPV4_PARSE, IPV4_STRINGIFY and IPV4_MATCH; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("192.168.0.1", 3232235521),
        ("01.2.3.4", 16909060),
        ("001.002.003.004", 16909060),
        ("0001.2.3.4", None),
        (" 1.2.3.4", 16909060),
        ("\t1.2.3.4\n", 16909060),
        ("1.2. 3.4", None),
        ("0.0.0.0", 0),
        ("255.255.255.255", 4294967295),
        ("256.1.1.1", None),
        ("1.2.3", None),
        ("1.2.3.", None),
        ("1.2.3.4.5", None),
        ("1.2.3.a", None),
        ("1.2.3.4/32", None),
        ("1.2.3.4\u00a0", None),
        ("::1", None),
        ("-", None),
        ("", None),
        (None, None),
    ],
)
def test_parse_of_text(evaluate, text, number):
    """IPV4_STRINGIFY keeps a text that is an address as it is."""
    assert evaluate("IPV4_PARSE(s)", s=("string", text)) == number
    assert evaluate("IPV4_STRINGIFY(s)", s=("string", text)) == (text if number is not None else None)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0.0.0.0"),
        (1500, "0.0.5.220"),
        (3232235521, "192.168.0.1"),
        (4294967295, "255.255.255.255"),
        (4294967296, None),
        (-1, None),
        (None, None),
    ],
)
def test_stringify_of_a_number(evaluate, number, text):
    """IPV4_PARSE keeps a number that is an address."""
    assert evaluate("IPV4_STRINGIFY(n)", n=("long", number)) == text
    assert evaluate("IPV4_PARSE(n)", n=("long", number)) == (number if text is not None else None)


def test_double_is_no_address(evaluate):
    """Neither is NULL."""
    assert evaluate("IPV4_PARSE(d)", d=1.0) is None
    assert evaluate("IPV4_STRINGIFY(d)", d=1.0) is None
    assert evaluate("IPV4_PARSE(NULL)") is None


@pytest.mark.parametrize(
    ("subnet", "text", "number"),
    [
        ("192.168.0.0/16", True, True),
        ("192.168.5.1/16", True, True),
        ("192.168.0.1/32", True, True),
        ("192.168.0.2/32", False, False),
        ("0.0.0.0/0", True, True),
        ("192.168.0.0/016", True, True),
    ],
)
def test_match_of_a_subnet(evaluate, subnet, text, number):
    """The bits behind the prefix don't count."""
    assert evaluate(f"IPV4_MATCH(s, '{subnet}')", s="192.168.0.1") is text
    assert evaluate(f"IPV4_MATCH(n, '{subnet}')", n=3232235521) is number


@pytest.mark.parametrize("text", [None, "", "x", "256.1.1.1", "0.0.0.0/0"])
def test_what_is_no_address_matches_nothing(evaluate, text):
    """The result is false, not NULL."""
    assert evaluate("IPV4_MATCH(s, '0.0.0.0/0')", s=("string", text)) is False


@pytest.mark.parametrize("text", ["1.2.3.*", "1.2.3.1-5", "1.2.3._", "1.2.3.%", "1.2.3.-4", "*", "**", "%"])
def test_ranges_are_named(evaluate, text):
    """Druid reads them as their first address."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate("IPV4_PARSE(s)", s=text)
    assert str(raised.value) == "Invalid Input Error: function 'IPV4_PARSE' is not supported with ranges of addresses"


@pytest.mark.parametrize("subnet", ["192.168.0.1", "192.168.0.1/33", "bad", "", "192.168.0.0/16/3", "192.168/16"])
def test_subnet_that_druid_refuses(refusal, subnet):
    """The message is Druid's."""
    message = refusal(f"IPV4_MATCH(s, '{subnet}')", SqlInvalid, s="string")
    assert message == f"Function[ipv4_match] subnet arg has an invalid format: {subnet}"


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (
            "IPV4_MATCH(s, '192.168.0.0/255.255.0.0')",
            SqlNotSupported,
            "function 'IPV4_MATCH' is not supported with a mask in place of the number of bits",
        ),
        (
            "IPV4_MATCH(s, s)",
            SqlNotSupported,
            "function 'IPV4_MATCH' is not supported unless argument 2 is a string literal",
        ),
        (
            "IPV4_MATCH(d, '0.0.0.0/0')",
            SqlInvalid,
            "Cannot apply 'IPV4_MATCH' to arguments of type 'IPV4_MATCH(<DOUBLE>, <VARCHAR>)'",
        ),
        (
            "IPV4_PARSE(ARRAY[s])",
            SqlInvalid,
            "Cannot apply 'IPV4_PARSE' to arguments of type 'IPV4_PARSE(<VARCHAR ARRAY>)'",
        ),
    ],
)
def test_arguments_that_are_refused(refusal, expression, error, message):
    """A mask is read by Druid; the others are not."""
    assert refusal(expression, error, s="string", d="double", t="timestamp") == message
