# SPDX-License-Identifier: Apache-2.0
"""The matrix reports the results of each version, and never treats missing output as success."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "compat.py"
REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests">
  <testsuite name="pytest" errors="{errors}" failures="{failures}" skipped="2" tests="{tests}" time="1.5" />
</testsuites>
"""


@pytest.fixture(scope="module")
def compat() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compat", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "tests, failures, errors, ok, line",
    [
        (10, 0, 0, True, "Airflow 3.0.6   ok         8 passed    0 failed    2 skipped     62 s"),
        (10, 1, 2, True, "Airflow 3.0.6   FAILED     5 passed    3 failed    2 skipped     62 s"),
        (10, 0, 0, False, "Airflow 3.0.6   FAILED     8 passed    0 failed    2 skipped     62 s"),
        (2, 0, 0, True, "Airflow 3.0.6   FAILED     0 passed    0 failed    2 skipped     62 s"),
    ],
    ids=["all well", "failures and errors", "pytest failed otherwise", "nothing was tested"],
)
def test_report_becomes_one_line(
    compat: ModuleType, tmp_path: Path, tests: int, failures: int, errors: int, ok: bool, line: str
) -> None:
    """Passed is the remainder; only a run that ended well and tested something is ok."""
    report = tmp_path / "report.xml"
    report.write_text(REPORT.format(tests=tests, failures=failures, errors=errors))

    assert compat.read_report(report, "3.0.6", 61.7, ok).line == line


def test_run_without_a_report_has_failed(compat: ModuleType, tmp_path: Path) -> None:
    """A pytest that is killed or can't start writes none."""
    result = compat.read_report(tmp_path / "none.xml", "3.0.6", 61.7, True)

    assert (result.ok, result.line) == (
        False,
        "Airflow 3.0.6   FAILED  the tests did not run",
    )


def test_environment_of_another_version_is_refused(
    compat: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outdated environment would otherwise be taken for another version."""
    monkeypatch.setattr(compat, "installed", lambda python: "3.1.8")
    monkeypatch.setattr(sys, "argv", ["compat.py", f"3.0={tmp_path}"])

    with pytest.raises(SystemExit) as caught:
        compat.main()

    assert str(caught.value) == f"{tmp_path} has Airflow 3.1.8 and not 3.0; remove it, and make builds it anew."


def test_everything_that_is_named_for_the_matrix_exists(compat: ModuleType) -> None:
    """A path that was moved would be omitted silently if it were only ignored."""
    for path in (*compat.TESTS, *compat.LEFT_OUT):
        assert (compat.ROOT / path).exists(), path
