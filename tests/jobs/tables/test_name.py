# SPDX-License-Identifier: Apache-2.0
"""Each rule for table names: its violation, its message, and a similar valid name."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.validation.rules import check_table_name


@pytest.mark.parametrize(
    "name, message",
    [
        ("", "f '' is empty: a job needs the name of a table. Write the table's name."),
        (" a", "f ' a' begins or ends with white space, which Polaris refuses. Write 'a'."),
        ("a ", "f 'a ' begins or ends with white space, which Polaris refuses. Write 'a'."),
        ("a\tb", "f 'a\\tb' contains the control character '\\t', which Polaris refuses. Remove it."),
        ("a\x7fb", "f 'a\\x7fb' contains the control character '\\x7f', which Polaris refuses. Remove it."),
        (
            "a\u00a0b",
            "f 'a\\xa0b' contains white space other than a blank, '\\xa0', which Polaris refuses. Remove it.",
        ),
        ("..Xa", "f '..Xa' begins with a dot, which Polaris refuses. Write 'Xa', or begin with a letter."),
        ("a/b", "f 'a/b' contains '/', which Polaris refuses. Write 'a_b', for example."),
        ("a\U0001f428", "f 'a🐨' contains the emoji '\\U0001f428', which Polaris refuses. Remove it."),
        ("a\ud800", "f 'a\\ud800' contains the surrogate '\\ud800', which Polaris refuses. Remove it."),
        *(
            (
                f"a{sign}b",
                (
                    f"f {f'a{sign}b'!r} contains {shown}, which is invisible and makes the name look like another. "
                    "Remove it."
                ),
            )
            for sign, shown in [
                ("\u202e", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
                ("\u2066", "U+2066 (LEFT-TO-RIGHT ISOLATE)"),
                ("\u061c", "U+061C (ARABIC LETTER MARK)"),
                ("\u200b", "U+200B (ZERO WIDTH SPACE)"),
                ("\u200d", "U+200D (ZERO WIDTH JOINER)"),
                ("\ufeff", "U+FEFF (ZERO WIDTH NO-BREAK SPACE)"),
                ("\u00ad", "U+00AD (SOFT HYPHEN)"),
                ("\u034f", "U+034F (COMBINING GRAPHEME JOINER)"),
                ("\u3164", "U+3164 (HANGUL FILLER)"),
                ("\ufe00", "U+FE00 (VARIATION SELECTOR-1)"),
                ("\U000e0041", "U+E0041 (TAG LATIN CAPITAL LETTER A)"),
                ("\U000e0fff", "U+E0FFF (no name)"),
            ]
        ),
        (
            "x" * 256,
            f"f '{'x' * 119}… (258 characters) has 256 characters; Polaris takes at most 255. Choose a shorter name.",
        ),
        (3, "f 3 is a int, not text. Write the table's name in quotes."),
    ],
)
def test_check_table_name_that_polaris_refuses(name: object, message: str) -> None:
    """Each rule for names has its message."""
    with pytest.raises(PolarisSpecError) as caught:
        check_table_name(name, "f")

    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["Koalas Source", "a.b", "x" * 255, "Köln ©", "表", "a'b\"c", "..".join("ab"), "1"])
def test_check_table_name_that_polaris_takes(name: str) -> None:
    """Blanks, dots, quotes and other scripts inside a name are valid."""
    check_table_name(name, "f")
