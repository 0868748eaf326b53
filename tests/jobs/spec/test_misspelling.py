# SPDX-License-Identifier: Apache-2.0
"""Misspelt names of fields: which are refused, which cause a hint, and which neither."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.spec.misspelling import hint, misspelt

FIELDS = ["filterExpression", "context", "versions", "mappings"]


@pytest.mark.parametrize(
    "name, field",
    [
        ("filter_expression", "filterExpression"),
        ("filterExpresion", "filterExpression"),
        ("contetx", "context"),
        ("version", "versions"),
        ("maping", None),
        ("contents", None),
        ("mappings2024", None),
        ("", None),
    ],
)
def test_misspelt_is_one_slip_away(name: str, field: str | None) -> None:
    """A less similar name may be a new field of the API, and is sent."""
    assert misspelt(name, FIELDS) == field


@pytest.mark.parametrize(
    "field, names, sentence",
    [
        ("mappings", ["type", "maping"], "'maping' is not a field of Polaris: write 'mappings'."),
        ("tableName", ["type", 3, "Table"], "'Table' is not a field of Polaris: write 'tableName'."),
        ("tableName", ["type", "name"], ""),
        ("source", {}, ""),
    ],
)
def test_hint_names_what_was_meant(field: str, names: list[object], sentence: str) -> None:
    """A missing field is an error anyway, so a hint may be less similar."""
    assert hint(field, names) == sentence
