# SPDX-License-Identifier: Apache-2.0
"""The command of the referee without a Druid."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Load = Callable[[str], ModuleType]

_MAIN = Path(__file__).resolve().parents[2] / "scripts" / "referee" / "__main__.py"


@pytest.fixture
def command(load: Load, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the command, for which no Druid runs."""
    load("druid_client")
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("referee_main", _MAIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.Druid, "is_running", lambda _: False)
    monkeypatch.setattr(module, "check_java", lambda: "java")
    monkeypatch.setattr(module, "check_maven", lambda: "mvn")
    return module


@pytest.mark.parametrize(
    ("failing", "error", "code", "words"),
    [
        ("check_java", "ToolMissing", 0, ["--smoke"]),
        ("check_maven", "ToolMissing", 0, ["--smoke"]),
        ("check_java", "ToolMissing", 1, []),
        ("start", "ClusterError", 1, ["--smoke"]),
        ("start", "ClusterError", 1, ["--smoke", "expressions"]),
        ("start", "ClusterError", 1, []),
    ],
)
def test_run_without_druid_is_red(
    command: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failing: str,
    error: str,
    code: int,
    words: list[str],
) -> None:
    """Only a bounded run, on a machine without Java or Maven, is none and green; it says so in one line."""

    def fail(*_: Any) -> None:
        raise getattr(command, error)("A sentence.")

    monkeypatch.setattr(command.Cluster if failing == "start" else command, failing, fail)
    monkeypatch.setattr(command.Cluster, "stop", lambda _: [])
    monkeypatch.setattr(sys, "argv", ["referee", *words])
    assert command.main() == code
    assert capsys.readouterr().out == "referee: not run. A sentence.\n"


def test_run_ends_with_a_sentence_when_druid_is_gone(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each later case would be a fault of the emulator."""

    def gone(*_: Any) -> bool:
        raise command.DruidGone("http://127.0.0.1:1", "Connection refused")

    monkeypatch.setattr(command, "PARTS", {"syntax": (gone, ("33",), 1, 1), "jobs": (None, ("27",), 1, 1)})
    monkeypatch.setattr(command.Druid, "is_running", lambda _: True)
    monkeypatch.setattr(sys, "argv", ["referee", "--seed", "5"])
    assert command.main() == 1
    assert capsys.readouterr().out == (
        "seed 5\n== syntax\nreferee: stopped. Druid's process at http://127.0.0.1:1 doesn't answer: "
        "Connection refused. Run make druid, and then the referee again with --seed 5 syntax.\n"
    )
