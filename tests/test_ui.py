# SPDX-License-Identifier: Apache-2.0
"""The script of ``make ui``: the addresses of both servers."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.append(str(SCRIPTS))  # its modules import each other as scripts do

import ui  # noqa: E402


def started(monkeypatch, capsys, tmp_path, polaris: str, *options: str) -> list[str]:
    """Return the output, without the time, if Ctrl-C comes before anything is started."""

    @contextmanager
    def local_polaris(*_: object, port: int | None) -> Iterator[tuple[str, str]]:
        yield polaris if port is None else f"http://127.0.0.1:{port}", "{}"

    def prepare(_: ui.Airflow) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ui, "local_polaris", local_polaris)
    monkeypatch.setattr(ui.Airflow, "prepare", prepare)
    monkeypatch.setattr(ui.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["ui.py", "--home", str(tmp_path / "home"), *options])
    ui.main()
    return [re.sub(r"^\[ *[\d.]+ s\] ", "", line) for line in capsys.readouterr().out.splitlines()]


def test_ui_on_ports_that_are_taken_says_where_it_is_instead(monkeypatch, capsys, tmp_path) -> None:
    """One line for each of the two, because the documentation names the default ports."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(ui, "AIRFLOW_PORT", port)
        first, _, last, _ = started(monkeypatch, capsys, tmp_path, "http://127.0.0.1:46871")
    assert first == "Port 8099 is taken, so the emulator answers at http://127.0.0.1:46871."
    found = re.fullmatch(rf"Port {port} is taken, so Airflow answers at http://127\.0\.0\.1:(\d+)\.", last)
    assert found is not None, last
    assert int(found[1]) != port


def test_ui_on_its_usual_ports_says_nothing_of_them(monkeypatch, capsys, tmp_path) -> None:
    """There is no message."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(ui, "AIRFLOW_PORT", other.getsockname()[1])  # free as soon as the block ends
    said = started(monkeypatch, capsys, tmp_path, "http://127.0.0.1:8099")
    assert said == ["Polaris is up at http://127.0.0.1:8099/__emulator__/ with 'Koalas Source'.", "Stopped."]


def test_ui_on_ports_that_were_asked_for_uses_these(monkeypatch, capsys, tmp_path) -> None:
    """Both servers get the ports of the command, and no line says that they moved."""
    urls: list[str] = []
    prepare = ui.Airflow.__init__

    def remember(airflow: ui.Airflow, *arguments: object) -> None:
        prepare(airflow, *arguments)  # type: ignore[arg-type]
        urls.append(airflow.url)

    monkeypatch.setattr(ui.Airflow, "__init__", remember)
    said = started(monkeypatch, capsys, tmp_path, "", "--airflow-port", "8181", "--polaris-port", "8199")
    assert said == ["Polaris is up at http://127.0.0.1:8199/__emulator__/ with 'Koalas Source'.", "Stopped."]
    assert urls == ["http://127.0.0.1:8181"]
