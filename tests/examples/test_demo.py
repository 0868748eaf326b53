"""The demo, as ``make demo`` runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py"), "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _result(output: str) -> str:
    """The table of the report, without job ids and times, which differ from run to run."""
    report = output[output.index("What was rolled up:") : output.index("What to try next")]
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "JOB", report)


@pytest.mark.dag
def test_demo_run_twice_ends_with_the_same_table(tmp_path: Path) -> None:
    """Every event is counted once, and a second run over the same database changes nothing."""
    first = _run(tmp_path)
    assert "'Koalas Source' 100,000 rows  →  'Koalas Rollup' 864 rows that count 100,000 events" in first
    assert _result(_run(tmp_path)) == _result(first)
