# SPDX-License-Identifier: Apache-2.0
"""The scripts that start a real Druid: their configuration, and their messages without Java or Maven."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Load = Callable[[str], ModuleType]

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "druid"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import the scripts as they import each other: from their own folder; the command is named otherwise."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def load_module(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name.replace("__main__", "druid_main"), SCRIPTS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load_module


@pytest.fixture
def scripts(load: Load) -> Any:
    """Import the module of the cluster."""
    load("configuration")
    return load("cluster")


@pytest.mark.parametrize("number", ["27", "33"])
def test_every_address_of_the_configuration_is_loopback(scripts: Any, number: str) -> None:
    """No process of the cluster listens on or connects to another machine."""
    configuration = sys.modules["configuration"]
    texts = configuration.files(configuration.VERSIONS[number], Path("/home/druid"))

    addresses = {found for text in texts.values() for found in re.findall(r"(?<![\w.])(?:\d+\.){3}\d+", text)}
    assert addresses == {"127.0.0.1"}
    assert "druid.bindOnHost=true" in texts["common.runtime.properties"]
    assert "clientPortAddress=127.0.0.1" in texts["zoo.cfg"]


def test_versions_share_no_port(scripts: Any) -> None:
    """All of them can run at the same time."""
    configuration = sys.modules["configuration"]
    names = (*configuration.PROCESSES, "derby")

    ports = [version.port(name) for version in configuration.VERSIONS.values() for name in names]
    assert len(ports) == len(set(ports)) == 21


def test_missing_java_is_named(scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Java there is one message."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(scripts.ClusterError) as raised:
        scripts.check_java()
    assert str(raised.value) == "Druid needs Java 17, and no java is found. Install it, or set JAVA_HOME."


def test_old_java_is_named(scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An unsupported Java is named with its version."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(scripts.ClusterError) as raised:
        scripts.check_java()
    assert str(raised.value) == (
        f'Druid needs Java 17 or newer; {java} is openjdk version "11.0.2" 2019-01-15. Set JAVA_HOME.'
    )


def test_missing_maven_is_named(scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Maven there is one message."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(scripts.ClusterError) as raised:
        scripts.check_maven()
    assert str(raised.value) == "Druid's jars are fetched by Maven, and no mvn is found. Install Maven 3.8 or newer."


def test_process_of_somebody_else_is_not_ours(scripts: Any, tmp_path: Path) -> None:
    """An id that the system has given to another process is never signaled."""
    configuration = sys.modules["configuration"]
    cluster = scripts.Cluster(configuration.VERSIONS["27"], tmp_path)
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "broker").write_text("1")

    assert not cluster.is_running("broker")
    assert cluster.stop() == []


@pytest.mark.parametrize("arguments", [["stop", "27", "--fresh"], ["stop", "--fresh", "27"], ["--fresh", "stop", "27"]])
def test_option_stands_anywhere(
    scripts: Any, load: Load, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """The order of the command's words has no meaning."""
    done: list[str] = []

    class Cluster:
        def __init__(self, version: Any, _: Path) -> None:
            self.number = version.number

        def stop(self) -> list[str]:
            done.append(f"stop {self.number}")
            return []

        def drop_data(self) -> None:
            done.append(f"drop {self.number}")

    monkeypatch.setattr(scripts, "Cluster", Cluster)
    monkeypatch.setattr(sys, "argv", ["druid", *arguments])
    assert load("__main__").main() == 0
    assert done == ["stop 27", "drop 27"]
