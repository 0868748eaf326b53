# SPDX-License-Identifier: Apache-2.0
"""The list of licences of the dependencies."""

from __future__ import annotations

import sys
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.append(str(SCRIPTS))

import licences  # noqa: E402


def metadata(**fields: str | list[str]) -> Any:
    message = Message()
    for name, value in fields.items():
        for each in [value] if isinstance(value, str) else value:
            message[name.replace("_", "-")] = each
    return SimpleNamespace(metadata=message)


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT", "License": "other"}, "MIT"),
        ({"Classifier": ["License :: OSI Approved :: MIT License", "Typing :: Typed"], "License": "x"}, "MIT License"),
        ({"License": "BSD 3\n\nThe whole text"}, "BSD 3"),
        ({}, "unknown"),
    ],
)
def test_licence_is_the_most_exact_statement(fields: dict[str, Any], licence: str) -> None:
    """Expression, classifiers, the first line of the field, nothing."""
    assert licences.licence_of(metadata(**fields)) == licence


def test_list_has_direct_and_indirect_dependencies_and_no_tools() -> None:
    """An extra brings duckdb, requests brings certifi; pytest is a tool."""
    names = {line.name.lower() for line in licences.licences()}
    assert {"apache-airflow", "duckdb", "sqlglot", "requests", "certifi"} <= names
    assert not {"pytest", "ruff", "mypy", "airflow-provider-polaris"} & names
