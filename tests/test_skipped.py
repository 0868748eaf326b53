# SPDX-License-Identifier: Apache-2.0
"""A run reports at its end what it skipped, and what was missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.emulator.pages.browser import REQUIRED

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]
BROWSER_TESTS = ("tests/emulator/pages/test_browser.py", "tests/test_pictures.py")


def run(tmp_path, *arguments: str, **environment: str) -> list[str]:
    """Run the tests that need Chromium without it; return the printed lines."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *BROWSER_TESTS, *arguments]
    inherited = {"HOME": str(tmp_path), "PATH": str(tmp_path), "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, cwd=ROOT, env=inherited, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_last_line_says_how_many_tests_were_skipped_for_want_of_chromium(tmp_path) -> None:
    """Below pytest's own summary, and for tests of several files together."""
    lines = run(tmp_path)
    number = lines[-1].partition(" skipped in ")[0]
    assert int(number) >= 23
    assert lines[-2] == f"skipped: {number} tests for want of Chromium (Debian package chromium)"


def test_tests_fail_without_chromium_where_it_is_required(tmp_path) -> None:
    """Continuous integration must not ignore them."""
    lines = run(tmp_path, "-k", "field_that_is_filled", **{REQUIRED: "1"})
    assert "1 error in " in lines[-1]
    message = f"There is no Chromium (Debian package chromium), and {REQUIRED} is set."
    assert any(line.endswith(message) for line in lines)


def test_module_that_is_missing_is_named_and_what_does_not_suit_this_airflow_is_not(pytester) -> None:
    """A skip for the version of Airflow is expected."""
    pytester.makeconftest("from tests.skipped import pytest_terminal_summary")
    pytester.makepyfile(
        test_a="import pytest\npytest.importorskip('no_such.module')\n",
        test_b="""
        import pytest
        def test_a():
            pytest.importorskip("no_such.module")
        def test_b():
            pytest.skip("this Airflow has no rollup mapper")
        def test_c():
            pytest.skip("for want of a cup of tea")
        """,
    )
    lines = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest").outlines
    assert lines[-3:-1] == [
        "skipped: 2 tests for want of the module 'no_such.module'",
        "skipped: 1 test for want of a cup of tea",
    ]
