# SPDX-License-Identifier: Apache-2.0
"""
IPv4 addresses: ``IPV4_PARSE``, ``IPV4_STRINGIFY``, ``IPV4_MATCH``.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#ip-address-functions. OBSERVED(Druid 33): blanks
around an address are ignored, an octet has up to three digits; a whole number is an address from 0 to 4294967295; a
DOUBLE, a BOOLEAN and a TIMESTAMP are none.
"""

from __future__ import annotations

import ipaddress

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid
from airflow_provider_polaris.emulator.sql.values.values import SCALAR, Sql, boolean, long, quote_text, string

_OCTET = "(25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
_ADDRESS = rf"'\s*{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}\s*'"
_RANGE = r"'\s*([*%]+|[0-9*%_-]+([.][0-9*%_-]+){1,3})\s*'"
"""Druid reads some forms of address ranges as their first address."""
_LARGEST = 2**32 - 1


def parse(call: Call) -> Sql:
    """``IPV4_PARSE(address)``: the address as a number; NULL for anything else."""
    return long(_number(call, 0))


def stringify(call: Call) -> Sql:
    """``IPV4_STRINGIFY(address)``: a number as ``192.168.0.1``; a text that is an address is unchanged."""
    number = _number(call, 0)
    if call.value(0).type == "string":
        return string(f"CASE WHEN {number} IS NOT NULL THEN {call.value(0).text} END")
    octets = " || '.' || ".join(f"CAST(({number} >> {shift}) & 255 AS VARCHAR)" for shift in (24, 16, 8, 0))
    return string(f"({octets})")


def match(call: Call) -> Sql:
    """``IPV4_MATCH(address, subnet)``: false for NULL and for what is not an address."""
    if call.value(0).type not in ("string", "long", "null"):
        raise call.invalid()
    written = call.constant_text(1)
    address, slash, length = written.partition("/")
    if slash and _is_address(address) and _is_address(length):
        raise call.refuse("with a mask in place of the number of bits")
    if not (slash and length.isascii() and length.isdigit() and int(length) <= 32 and _is_address(address)):
        raise SqlInvalid(f"Function[ipv4_match] subnet arg has an invalid format: {written}")
    network = ipaddress.IPv4Network((address, int(length)), strict=False)
    first, last = int(network.network_address), int(network.broadcast_address)
    return boolean(f"coalesce({_number(call, 0)} BETWEEN {first} AND {last}, FALSE)")


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _number(call: Call, index: int) -> str:
    value = call.value(index)
    if value.type == "long":
        return f"CASE WHEN {value.text} BETWEEN 0 AND {_LARGEST} THEN {value.text} END"
    if value.type not in SCALAR:
        raise call.invalid()
    if value.type != "string":
        return "CAST(NULL AS BIGINT)"
    text = value.text
    octets = " + ".join(
        f"CAST(regexp_extract({text}, {_ADDRESS}, {group}) AS BIGINT) * {256 ** (4 - group)}" for group in (1, 2, 3, 4)
    )
    message = quote_text(f"function '{call.name}' is not supported with ranges of addresses")
    is_range = f"regexp_full_match({text}, {_RANGE}) AND regexp_matches({text}, '[*%_-]')"
    return (
        f"CASE WHEN regexp_full_match({text}, {_ADDRESS}) THEN {octets} "
        f"WHEN {is_range} THEN CAST(error({message}) AS BIGINT) END"
    )


FUNCTIONS: Table = {
    "IPV4_PARSE": (parse, 1, 1),
    "IPV4_STRINGIFY": (stringify, 1, 1),
    "IPV4_MATCH": (match, 2, 2),
}
