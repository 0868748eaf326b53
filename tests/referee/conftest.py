# SPDX-License-Identifier: Apache-2.0
"""Import the referee's modules as they import each other: from their own folders."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import duckdb  # noqa: F401  # imported in a test, where each warning is an error, its extension doesn't load
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
_FOLDERS = [SCRIPTS / "referee", SCRIPTS / "referee" / "sql_cases", SCRIPTS / "referee" / "job_cases"]
_NAMES = frozenset(path.stem for folder in _FOLDERS for path in folder.glob("*.py"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a module of the referee by its name; the imports are undone after the test."""
    for folder in (SCRIPTS / "druid", *_FOLDERS):
        monkeypatch.syspath_prepend(str(folder))
    for name in _NAMES & sys.modules.keys():
        monkeypatch.delitem(sys.modules, name)

    def load_module(name: str) -> ModuleType:
        module = importlib.import_module(name)
        for other in _NAMES & sys.modules.keys():
            monkeypatch.setitem(sys.modules, other, sys.modules[other])
        return module

    return load_module
