# SPDX-License-Identifier: Apache-2.0
"""The workflow that users copy has only existing commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from airflow_provider_polaris import cli
from airflow_provider_polaris.emulator import cli as emulator_cli
from airflow_provider_polaris.emulator.app import create_app

WORKFLOW = Path(__file__).resolve().parents[3] / "docs" / "github-actions.yml"


def _lines() -> list[str]:
    """Return all shell lines of the workflow."""
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["dags"]["steps"]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def test_workflow_gives_the_emulator_arguments_that_it_takes() -> None:
    """The demo's data and a file."""
    (line,) = (line for line in _lines() if line.startswith("polaris-emulator "))
    words = shlex.split(line)
    arguments = emulator_cli._parser().parse_args(words[1 : words.index(">")])
    assert (arguments.seed_demo, arguments.load) == (True, [("events", "tests/data/events.csv")])
    assert f":{arguments.port}/" in next(line for line in _lines() if line.startswith("curl "))


def test_workflow_waits_at_a_route_that_the_emulator_has() -> None:
    """The route responds once everything is loaded."""
    (path,) = re.findall(r"127\.0\.0\.1:\d+(\S+)", "\n".join(_lines()))
    app = create_app()
    app.state.emulator.close()
    assert path in app.openapi()["paths"]


def test_workflow_runs_commands_that_there_are(monkeypatch) -> None:
    """Each line of the package's command line is parsed without an error."""
    ran = []
    monkeypatch.setattr(cli, "_run", lambda command, arguments: ran.append(command.name) or 0)
    for line in _lines():
        if line.startswith("python -m airflow_provider_polaris "):
            assert cli.main(shlex.split(line)[3:]) == 0
    assert ran == ["validate", "test"]
