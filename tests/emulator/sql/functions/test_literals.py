# SPDX-License-Identifier: Apache-2.0
r"""Unicode literals, ``U&'\00C9'``; every value is OBSERVED(Druid 33)."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r"U&'\00C9'", "É"),
        (r"u&'\00e9'", "é"),
        (r"U&'a\\b'", r"a\b"),
        ("U&'it''s'", "it's"),
        ("U&''", ""),
        (r"U&'\D83D\DE00'", "😀"),
        ("U&'!00C9' UESCAPE '!'", "É"),
    ],
)
def test_unicode_literal(evaluate, literal, text):
    """Four digits are a UTF-16 unit; UESCAPE names another escape character."""
    assert evaluate(literal) == text
    assert evaluate(f"LENGTH({literal} || 'x') > 0") is True


@pytest.mark.parametrize(
    ("literal", "error", "message"),
    [
        (r"U&'\00C'", SqlInvalid, "Unicode escape sequence starting at character 0 is not exactly four hex digits"),
        (r"U&'x\ZZZZ'", SqlInvalid, "Unicode escape sequence starting at character 1 is not exactly four hex digits"),
        (
            r"U&'\+01F600'",
            SqlNotSupported,
            r"U&'\+01F600' is not supported: an escape has four hexadecimal digits",
        ),
        (r"U&'\D83D'", SqlNotSupported, r"U&'\D83D' is not supported: it holds half of a surrogate pair"),
    ],
)
def test_literals_that_are_refused(refusal, literal, error, message):
    """Druid refuses the first two with the same message."""
    assert refusal(literal, error) == message
