# SPDX-License-Identifier: Apache-2.0
"""Names of tables and files."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.wire.names import file_name_fault, table_name_fault


@pytest.mark.parametrize("name", ["Koalas Rollup", "a", "x" * 255, "über-tabelle", "a.b", "50% + 1", "表"])
def test_table_name_legal_has_no_fault(name: str) -> None:
    """Spaces inside, punctuation and other scripts are allowed."""
    assert table_name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "it is empty"),
        ("x" * 256, "it is longer than 255 characters"),
        (" a", "it starts or ends with a space"),
        ("a ", "it starts or ends with a space"),
        (".a", "it starts with '.'"),
        ("a/b", "it contains '/'"),
        ("a\tb", "it contains the control character '\\t'"),
        ("a\x00b", "it contains the control character '\\x00'"),
        ("a\x80b", "it contains the control character '\\x80'"),
        ("a\u00a0b", "it contains the whitespace '\\xa0'"),
        ("a\ud800b", "it contains the control character '\\ud800'"),
        ("koala🐨", "it contains the symbol '🐨'"),
        ("a\ufffdb", "it contains the symbol '\ufffd'"),
    ],
)
def test_table_name_illegal_says_why(name: str, fault: str) -> None:
    """Each rule of the vendor's page has its own message."""
    assert table_name_fault(name) == fault


@pytest.mark.parametrize("name", ["", ".", "..", "../x.json", "a\\b.json", "x\x00.json", "x" * 256])
def test_file_name_that_could_be_a_path_has_a_fault(name: str) -> None:
    """No name refers to a path outside of the staging area."""
    assert file_name_fault(name) is not None


def test_file_name_legal_has_no_fault() -> None:
    """An ordinary name is valid."""
    assert file_name_fault("kttm-2019-08-20.json.gz") is None
