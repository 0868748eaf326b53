# SPDX-License-Identifier: Apache-2.0
"""HUMAN_READABLE_...; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported


@pytest.mark.parametrize(
    ("number", "digits", "binary", "decimal"),
    [
        (0, 2, "0 B", "0"),
        (-1, 2, "-1 B", "-1"),
        (999, 2, "999 B", "999"),
        (1000, 2, "1000 B", "1.00 K"),
        (1023, 2, "1023 B", "1.02 K"),
        (1024, 2, "1.00 KiB", "1.02 K"),
        (1005, 2, "1005 B", "1.01 K"),
        (2500, 0, "2 KiB", "3 K"),
        (-1536, 0, "-2 KiB", "-2 K"),
        (1048523, 3, "1023.948 KiB", "1.048 M"),
        (1048575, 3, "1023.999 KiB", "1.048 M"),
        (1048575, 2, "1024.00 KiB", "1.05 M"),
        (1048576, 2, "1.00 MiB", "1.05 M"),
        (-1048576, 2, "-1.00 MiB", "-1.05 M"),
        (999999, 2, "976.56 KiB", "1000.00 K"),
        (1000000, 3, "976.563 KiB", "1.000 M"),
        (1073741823, 3, "1024.000 MiB", "1.073 G"),
        (999999999999999999, 3, "888.178 PiB", "999.999 P"),
        (2**60 - 1, 3, "1024.000 PiB", "1.152 E"),
        (123456789012345, 2, "112.28 TiB", "123.46 T"),
        (2**63 - 1, 3, "8.000 EiB", "9.223 E"),
        (-(2**63), 1, "-8.0 EiB", "-9.2 E"),
        (None, 2, None, None),
    ],
)
def test_whole_numbers(evaluate, number, digits, binary, decimal):
    """The form for bytes differs from the plain one only by its ``B``."""
    shown = evaluate(f"HUMAN_READABLE_BINARY_BYTE_FORMAT(n, {digits})", n=("long", number))
    assert shown == binary
    shown = evaluate(f"HUMAN_READABLE_DECIMAL_FORMAT(n, {digits})", n=("long", number))
    assert shown == decimal
    shown = evaluate(f"HUMAN_READABLE_DECIMAL_BYTE_FORMAT(n, {digits})", n=("long", number))
    bare = decimal is not None and decimal[-1].isdigit()
    assert shown == (decimal and (f"{decimal} B" if bare else f"{decimal}B"))


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.5, "0 B"),
        (-0.001, "0 B"),
        (9.99, "9 B"),
        (1500.0, "1.46 KiB"),
        (999999.5, "976.56 KiB"),
        (1e300, "8.00 EiB"),
        (-1e300, "-8.00 EiB"),
        (1e15, "909.49 TiB"),
    ],
)
def test_fraction_is_dropped(evaluate, number, shown):
    """A number beyond 64 bits counts as the largest."""
    assert evaluate("HUMAN_READABLE_BINARY_BYTE_FORMAT(d)", d=number) == shown


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ("n, 4", SqlNotSupported, "is not supported with a precision of 4: it is from 0 to 3"),
        ("n, -1", SqlNotSupported, "is not supported with a precision of -1: it is from 0 to 3"),
        ("n, n", SqlNotSupported, "is not supported unless argument 2 is a whole number written as a literal"),
    ],
)
def test_precision_that_is_refused(refusal, arguments, error, reason):
    """Druid fails for the first two while the query runs."""
    name = "HUMAN_READABLE_DECIMAL_FORMAT"
    assert refusal(f"{name}({arguments})", error, n="long") == f"function '{name}' {reason}"


@pytest.mark.parametrize(("argument", "kind"), [("s", "VARCHAR"), ("NULL", "NULL")])
def test_text_is_no_number(refusal, argument, kind):
    """Nor is NULL."""
    name = "HUMAN_READABLE_DECIMAL_FORMAT"
    message = refusal(f"{name}({argument})", SqlInvalid, s="string")
    assert message == f"Cannot apply '{name}' to arguments of type '{name}(<{kind}>)'"
