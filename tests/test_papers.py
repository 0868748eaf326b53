# SPDX-License-Identifier: Apache-2.0
"""The contributors' documents are accurate: commands exist, and so do the tests that enforce invariants."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*## ", MAKEFILE, re.MULTILINE))
VERSIONS = re.search(r"^VERSIONS \?= (.+)$", MAKEFILE, re.MULTILINE)[1].split()  # type: ignore[index]


def code_of(page: Path) -> list[str]:
    """Return each line of code blocks, without its comment, and each code span in the text."""
    text = page.read_text()
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line] + re.findall(r"`([^`\n]+)`", text)


def test_commands_of_contributing_exist() -> None:
    """A copied line runs as described."""
    seen = set()
    for code in code_of(ROOT / "CONTRIBUTING.md"):
        command, *arguments = code.split()
        if command == "make":
            wanted = [each for each in re.sub(r'[A-Z]+="[^"]*"', "", code).split()[1:] if "=" not in each]
            assert set(wanted) <= TARGETS, code
            seen |= set(wanted)
        elif command == ".venv/bin/python":
            assert arguments[0] == "-m", code
            module = arguments[1].replace(".", "/")
            assert arguments[1] == "pytest" or (ROOT / f"{module}.py").is_file(), code
            for path in (each for each in arguments[2:] if each.startswith("tests")):
                assert (ROOT / path).exists(), code
    assert {"setup", "test", "lint", "types", "format", "docs", "compat", "e2e", "release-check"} <= seen


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_target_is_one_that_make_knows(target: str) -> None:
    """The printed list and the rule are equal; nothing is run here."""
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert re.search(rf"^\.PHONY:.* {target}( |$)", MAKEFILE, re.MULTILINE), f"{target} is not among the .PHONY"


def test_each_version_of_the_matrix_has_pins_of_its_own() -> None:
    """The newest version has constraints.txt, each older one the file with its name."""
    for version in VERSIONS:
        pins = ROOT / ("constraints.txt" if version == VERSIONS[-1] else f"constraints-{version}.txt")
        assert re.search(rf"^apache-airflow=={re.escape(version)}\.\d+$", pins.read_text(), re.MULTILINE), pins.name
    assert sorted(path.name for path in ROOT.glob("constraints-*.txt")) == sorted(
        f"constraints-{version}.txt" for version in VERSIONS[:-1]
    )
    assert f"NEWEST := {VERSIONS[-1]}\nOLDEST := {VERSIONS[0]}\n" in MAKEFILE


def test_oldest_airflow_is_tested_with_the_oldest_dependencies() -> None:
    """A lower bound in pyproject.toml that nothing tests is a guess; newer names make the package unusable."""
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("\ndependencies") : text.index("[project.entry-points")]
    floors = dict(re.findall(r'"([a-z0-9-]+)>=([0-9.]+)"', block))
    pinned = dict(
        re.findall(r"^([a-z0-9-]+)==([0-9.]+)$", (ROOT / f"constraints-{VERSIONS[0]}.txt").read_text(), re.MULTILINE)
    )

    del floors["apache-airflow-providers-standard"]  # of an extra that needs Airflow 3.1
    assert len(floors) == 16
    assert floors.pop("apache-airflow") == VERSIONS[0]
    assert {name: pinned.get(name) for name in floors} == floors


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("requests", (2, 32, 4)),  # CVE-2024-47081
        ("urllib3", (2, 6, 3)),  # CVE-2025-66418, CVE-2025-66471, CVE-2026-21441: decompression without a limit
        ("starlette", (0, 47, 2)),  # CVE-2025-54121
        ("h11", (0, 16, 0)),  # CVE-2025-43859
        ("jinja2", (3, 1, 6)),  # CVE-2025-27516
    ],
)
def test_dependency_starts_above_its_known_holes(name: str, version: tuple[int, ...]) -> None:
    """HTTP libraries are never installed in a version with a known vulnerability."""
    (floor,) = re.findall(rf'"{name}>=([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    assert tuple(map(int, floor.split("."))) >= version


#: Documents whose tables name in their last column the test for the row.
HELD = ("INVARIANTS.md", "SECURITY.md")
ROWS = [
    row for paper in HELD for row in re.findall(r"^\| \*\*(.+?)\| (.+) \|$", (ROOT / paper).read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("enforced_by", [row[1] for row in ROWS], ids=[row[0].split("**")[0] for row in ROWS])
def test_what_enforces_an_invariant_is_there(enforced_by: str) -> None:
    """A renamed or deleted test would otherwise remove its invariant, or its protection, silently."""
    contracts = re.findall(r'contract "([^"]+)"', enforced_by)
    tests = re.findall(r"`([^`]+)`", enforced_by)
    assert contracts or tests
    for name in contracts:
        assert f'name = "{name}"' in (ROOT / "pyproject.toml").read_text(), name
    for test in tests:
        file, _, function = test.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in names if function else any(name.startswith("test_") for name in names), test


def test_every_line_of_the_tables_says_what_enforces_it() -> None:
    """A table row that the test above doesn't read would be unverified."""
    lines = [line for paper in HELD for line in (ROOT / paper).read_text().splitlines() if line.startswith("|")]
    rows = [line for line in lines if not line.startswith(("|---", "| invariant", "| what is protected"))]

    assert len(ROWS) == len(rows) > 30


def test_airflows_moved_names_come_from_one_module() -> None:
    """Only compat.py tries one location in Airflow and then another."""
    for path in (ROOT / "airflow_provider_polaris").rglob("*.py"):
        if path.name == "compat.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Try):
                modules = [each.module or "" for each in ast.walk(node) if isinstance(each, ast.ImportFrom)]
                moved = [name for name in modules if name.split(".")[0] == "airflow"]
                assert len(moved) < 2, f"{path.name}:{node.lineno} {moved}"
