# SPDX-License-Identifier: Apache-2.0
"""The demo, as ``make demo`` runs it."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py"), "--home", str(home), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _result(output: str) -> str:
    """The table of the report, without job ids and times, which differ from run to run."""
    report = output[output.index("What was rolled up:") : output.index("What to try next")]
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "JOB", report)


class FixedDemo(NamedTuple):
    """
    What a newcomer saw who broke the demo and fixed it.

    :param home: Where the demo keeps everything.
    :param broken: The demo while its measure was misspelt.
    :param log: What Airflow logged then.
    :param fixed: The output of the next one.
    """

    home: Path
    broken: subprocess.CompletedProcess[str]
    log: str
    fixed: str


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> FixedDemo:
    """Change a measure as the demo proposes, misspell it, and fix it."""
    here = tmp_path_factory.mktemp("demo")
    for folder in ("scripts", "dags_examples"):
        shutil.copytree(ROOT / folder, here / folder)
    dag = here / "dags_examples" / "koalas_rollup.py"
    right = dag.read_text()
    dag.write_text(right.replace('MAX("session_length")', 'MAXX("session_length")'))
    command = [sys.executable, str(here / "scripts" / "demo.py"), "--home", ".demo", "--port", "0"]
    broken = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=900, check=False)
    log = (here / ".demo" / "airflow" / "airflow.log").read_text()
    dag.write_text(right)
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return FixedDemo(here / ".demo", broken, log, done.stdout)


@pytest.mark.dag
def test_demo_whose_measure_is_broken_says_so_and_can_be_fixed(fixed: FixedDemo) -> None:
    """A newcomer changes a measure as the demo proposes, misspells it, reads the error, and fixes it."""
    assert fixed.broken.returncode == 1
    why, where = fixed.broken.stderr.strip().splitlines()
    assert re.fullmatch(
        r"Task 'wait' failed: AirflowFailException: Job '.+' \(batch into 'Koalas Rollup'\) failed with "
        r"'query_not_supported': .+ function 'MAXX' is not supported\..+",
        why,
    )
    assert where == "The run for 2024-06-01 ended failed. Its log is .demo/airflow/airflow.log."
    assert "Task failed with exception" in fixed.log
    assert "'Koalas Rollup' 864 rows that count 100,000 events" in fixed.fixed


@pytest.mark.dag
def test_demo_run_twice_ends_with_the_same_table(fixed: FixedDemo) -> None:
    """Every event is counted once, and a second run over the same database changes nothing."""
    again = _run(fixed.home)
    assert "'Koalas Source' 100,000 rows  →  'Koalas Rollup' 864 rows that count 100,000 events" in again
    assert _result(again) == _result(fixed.fixed)


@pytest.mark.parametrize(
    ("interpreter", "database", "command"),
    [
        (".venv/bin/python", ".demo/aging.db", ".venv/bin/polaris-emulator --db .demo/aging.db"),
        ("/opt/my tools/bin/python", "/tmp/a.db", "'/opt/my tools/bin/polaris-emulator' --db /tmp/a.db"),
    ],
)
def test_command_that_is_printed_works_in_the_repository(monkeypatch, interpreter, database, command) -> None:
    """No environment is active there, so the command needs its folder; other paths are absolute."""
    emulator_command = runpy.run_path(str(ROOT / "scripts" / "demo.py"))["emulator_command"]
    monkeypatch.setattr(sys, "executable", str(ROOT / interpreter))
    assert emulator_command(Path(database)) == command
