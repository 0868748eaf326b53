# SPDX-License-Identifier: Apache-2.0
"""
Run the tests that an Airflow can break on several Airflows, and print one line for each.

Leaves out what no Airflow takes part in: the random schedules of crashes, and the emulator but for what depends on the
versions of its parser and its database, which are the oldest ones beside the oldest Airflow.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    "tests/jobs",
    "tests/client",
    "tests/cli",
    "tests/emulator/engine",
    "tests/emulator/sql",
    "tests/hooks",
    "tests/late_data",
    "tests/links",
    "tests/macros",
    "tests/operators",
    "tests/retry_policies",
    "tests/runtime",
    "tests/sensors",
    "tests/task_groups",
    "tests/triggers",
    "tests/test_assets.py",
    "tests/test_imports.py",
    "tests/test_provider_info.py",
    "tests/examples/test_examples_parse.py",
    "tests/examples/test_examples_run.py",
    "tests/upgrade",
    "tests/test_packaging.py",
)
LEFT_OUT = (
    "tests/operators/submission/test_schedules.py",
    "tests/task_groups/age_out/test_conservation.py",
)
#: Airflow 3.1 takes many seconds for each task that a test runs, so few of these tests are marked for the matrix.
CHOICE = "not e2e and not druid and (not dag or compat)"


class Result(NamedTuple):
    """What the tests came to on one Airflow; no numbers if they did not run."""

    version: str
    seconds: float
    ok: bool
    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None

    @property
    def line(self) -> str:
        verdict = "ok    " if self.ok else "FAILED"
        if self.passed is None:
            return f"Airflow {self.version:<8}{verdict}  the tests did not run"
        counts = f"{self.passed:>6} passed{self.failed:>5} failed{self.skipped:>5} skipped"
        return f"Airflow {self.version:<8}{verdict}{counts}{self.seconds:>7.0f} s"


def installed(python: Path) -> str:
    """Return the version of the Airflow of an environment."""
    code = "from importlib.metadata import version; print(version('apache-airflow'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def run_tests(python: Path, version: str, workers: str) -> Result:
    """Run them on one Airflow."""
    begin = time.monotonic()
    with TemporaryDirectory() as home:
        report = Path(home) / "report.xml"
        command = [python, "-m", "pytest", *TESTS, *(f"--ignore={path}" for path in LEFT_OUT), f"--junitxml={report}"]
        command += ["-q", "-m", CHOICE, "-p", "no:cacheprovider"]
        command += ["-n", workers, "--dist", "loadfile"]
        done = subprocess.run(command, cwd=ROOT, check=False)
        return read_report(report, version, time.monotonic() - begin, done.returncode == 0)


def read_report(report: Path, version: str, seconds: float, ok: bool) -> Result:
    """
    Read what pytest wrote down.

    :param report: A JUnit XML file; missing if pytest did not come so far.
    """
    if not report.exists():
        return Result(version, seconds, False)
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in ET.parse(report).iter("testsuite"):  # noqa: S314  # pytest's own
        for name in counts:
            counts[name] += int(suite.get(name, "0"))
    failed = counts["failures"] + counts["errors"]
    passed = counts["tests"] - failed - counts["skipped"]
    return Result(version, seconds, ok and failed == 0 and passed > 0, passed, failed, counts["skipped"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", nargs="+", metavar="VERSION=VENV", help="such as 3.0=.venv-3.0")
    parser.add_argument("--workers", default="auto", help="processes for each Airflow (default: one a core)")
    arguments = parser.parse_args()
    results = []
    for wanted, _, home in (each.partition("=") for each in arguments.environments):
        python = (ROOT / home).absolute() / "bin" / "python"
        version = installed(python)
        if not version.startswith(f"{wanted}."):
            sys.exit(f"{home} has Airflow {version} and not {wanted}; remove it, and make builds it anew.")
        print(f"\nAirflow {version}, in {home}", flush=True)
        results.append(run_tests(python, version, arguments.workers))
    print("", *(result.line for result in results), sep="\n")
    if not all(result.ok for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
