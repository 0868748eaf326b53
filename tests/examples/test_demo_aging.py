# SPDX-License-Identifier: Apache-2.0
"""The aging demo, as ``make demo-aging`` runs it, and with it two of the example DAGs on a real Airflow."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.dag
def test_demo_shrinks_the_table_and_restores_a_day(tmp_path: Path) -> None:
    """Rows are in one table or the other, with fewer bytes in total, and the restored day is live."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo_aging.py"), "--home", str(tmp_path), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.findall(
        r"^  (\S+(?: \w+)?) +'Koalas Source' +([\d,]+) rows +[\d,]+ bytes +'Koalas Archive' +([\d,]+) rows",
        done.stdout,
        re.MULTILINE,
    )
    assert shown == [
        ("before", "100,000", "0"),
        ("2024-06-01 aged", "66,666", "288"),
        ("2024-06-02 aged", "33,333", "576"),
        ("2024-06-01 restored", "66,667", "576"),
    ]
    before, after = re.search(r"([\d,]+) bytes before, ([\d,]+) after", done.stdout).groups()  # type: ignore[union-attr]
    assert int(after.replace(",", "")) < int(before.replace(",", "")) / 2

    (command,) = re.findall(r"^  (\S+/polaris-emulator --db .*)$", done.stdout, re.MULTILINE)
    words = shlex.split(command)
    assert words[-1] == str(tmp_path / "aging.db")
    subprocess.run([*words, "--help"], cwd=ROOT, capture_output=True, timeout=300, check=True)
