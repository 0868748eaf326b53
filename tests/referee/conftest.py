# SPDX-License-Identifier: Apache-2.0
"""Import the referee's modules as they import each other: from their own folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import duckdb  # noqa: F401  # imported in a test, where each warning is an error, its extension doesn't load
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
_NAMES = frozenset(path.stem for path in (SCRIPTS / "referee").glob("*.py"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a module of the referee by its name; the imports are undone after the test."""
    monkeypatch.syspath_prepend(str(SCRIPTS / "druid"))
    monkeypatch.syspath_prepend(str(SCRIPTS / "referee"))
    for name in _NAMES & sys.modules.keys():
        monkeypatch.delitem(sys.modules, name)

    def load_module(name: str) -> ModuleType:
        module = importlib.import_module(name)
        for other in _NAMES & sys.modules.keys():
            monkeypatch.setitem(sys.modules, other, sys.modules[other])
        return module

    return load_module
