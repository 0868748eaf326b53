# SPDX-License-Identifier: Apache-2.0
"""The released files: the wheel and the source distribution, built as for an upload."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from airflow_provider_polaris import __version__
from tests.examples.test_examples_parse import _parse

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "airflow_provider_polaris"
INFO = f"{PACKAGE}-{__version__}.dist-info"


def build(source: Path, target: Path, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target), *options],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both once."""
    target = tmp_path_factory.mktemp("dist")
    build(ROOT, target)
    return target


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(dist.glob("*.whl")))


def files_below(folder: Path) -> set[str]:
    """Return the files that git would add: no caches."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not any(part == "__pycache__" or part.endswith("_cache") for part in path.parts)
    }


def test_wheel_holds_the_package_the_examples_and_its_papers_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """No test, no script, no file of a build or of a demo gets into a user's site-packages."""
    expected = {f"{PACKAGE}/{name}" for name in files_below(ROOT / PACKAGE)}
    expected |= {f"{PACKAGE}/example_dags/{path.name}" for path in (ROOT / "dags_examples").iterdir() if path.is_file()}
    expected |= {f"{PACKAGE}/example_dags/.airflowignore", f"{PACKAGE}/troubleshooting.md"}
    expected |= {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}

    assert set(wheel.namelist()) == expected
    assert f"{PACKAGE}/py.typed" in expected


def test_wheel_explains_errors_without_the_repository(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """The command in the log of a failed task finds the page that the wheel contains."""
    assert wheel.read(f"{PACKAGE}/troubleshooting.md") == (ROOT / "docs" / "troubleshooting.md").read_bytes()
    wheel.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", PACKAGE, "explain", "PolarisGuardError"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PolarisGuardError\n\nA guard refused the job")


def test_wheel_has_the_examples_as_they_are(wheel: zipfile.ZipFile) -> None:
    """They are copied into DAG folders, so each is the file that the tests have run."""
    for path in (ROOT / "dags_examples").iterdir():
        if path.is_dir():
            continue  # a cache
        assert wheel.read(f"{PACKAGE}/example_dags/{path.name}") == path.read_bytes()


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")  # Airflow's call of pathspec
@pytest.mark.parametrize("syntax", ["glob", "regexp"])
def test_examples_of_the_wheel_are_no_bundle_of_airflows(
    wheel: zipfile.ZipFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    """With load_examples a copied example is the only DAG of its id, with every syntax of .airflowignore."""
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", syntax)
    wheel.extractall(tmp_path)
    folder = tmp_path / PACKAGE / "example_dags"

    bundle = _parse(folder)
    assert (bundle.dags, bundle.import_errors) == ({}, {})
    (folder / ".airflowignore").unlink()
    assert "koalas_first" in _parse(folder).dags


def test_wheel_has_the_licence_and_the_entry_points(wheel: zipfile.ZipFile) -> None:
    """Airflow, pytest and the shell find the package by its entry points only."""
    assert wheel.read(f"{INFO}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    groups = re.findall(r"^\[(.+)\]$", wheel.read(f"{INFO}/entry_points.txt").decode(), re.MULTILINE)
    assert sorted(groups) == ["airflow.plugins", "apache_airflow_provider", "console_scripts", "pytest11"]


def test_sdist_makes_the_same_wheel_and_has_what_the_tests_need(dist: Path, tmp_path: Path) -> None:
    """Installers build from the source distribution; distributors test it."""
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    for name in ("tests/conftest.py", "scripts/demo.py", "docs/DECISIONS.md", "Makefile", "constraints.txt", "LICENSE"):
        assert (source / name).is_file(), name
    assert not [name for name in files_below(source) if name.startswith((".venv", ".demo", ".bench", "dist/"))]

    build(source, tmp_path / "again", "-t", "wheel")

    (again,) = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as one, zipfile.ZipFile(again) as other:
        assert {each.filename: each.CRC for each in one.infolist() if not each.filename.endswith("RECORD")} == {
            each.filename: each.CRC for each in other.infolist() if not each.filename.endswith("RECORD")
        }


def test_editable_installation_has_no_copies() -> None:
    """A copy in site-packages would become outdated there."""
    names = [path.as_posix() for path in distribution("airflow-provider-polaris").files or ()]

    assert any("editable" in name for name in names), "the tests want an editable installation, as make setup has it"
    assert [name for name in names if "example_dags" in name or name.endswith("troubleshooting.md")] == []


def test_twine_finds_nothing_to_complain_about(dist: Path) -> None:
    """The index renders the README and accepts the metadata."""
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.glob("airflow*"))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_version_is_semantic_and_the_changelog_knows_it() -> None:
    """Three numbers; unreleased changes are in changes/, and released ones have a section."""
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc|\.dev)\d+)?", __version__)
    sections = re.findall(r"^## (\S+) ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert list((ROOT / "changes").glob("*.md")) or sections[:1] == [__version__]


def test_changelog_gets_each_change_whole() -> None:
    """A file with an invalid name would be omitted silently."""
    changes = sorted((ROOT / "changes").glob("*.md"))
    done = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Unreleased", "--dir", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    entries = re.findall(r"^- (.+(?:\n  .+)*)", done.stdout, re.MULTILINE)
    assert sorted(re.sub(r"\n *", " ", entry) for entry in entries) == sorted(
        path.read_text().strip().replace("\n", " ") for path in changes
    )
