# SPDX-License-Identifier: Apache-2.0
"""An environment with an earlier release of the package, which is upgraded to the package in the tree."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
#: What 0.1.0 is: it was never tagged; the package wrote and read the same stored data until the work on 0.2.0 began.
COMMITS = {"0.1.0": "c540eac6d3d704e31d114a820f1f32bbd3ef885b"}


class Installation:
    """
    A virtual environment with the Airflow of the tests.

    :param folder: Where it is created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.python = folder / "venv" / "bin" / "python"
        # Only the environment of the newest Airflow has uv; those of others have its name and a suffix.
        prefixes = (sys.prefix, sys.prefix.removesuffix(f"-{_minor()}"))
        self._uv = next(uv for prefix in prefixes if (uv := Path(prefix, "bin", "uv")).exists())
        _run(self._uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))

    def install(self, release: str) -> None:
        """
        Install a release, and Airflow with it.

        A clone without the history, and a source distribution, skip the test.

        :param release: Its version.
        """
        source = self._folder / release
        if _git("rev-parse", "--is-shallow-repository").strip() != b"false":
            pytest.skip("release 0.1.0 is built from the history of a whole clone")
        archive = _git("archive", COMMITS[release])
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(source, filter="data")
        constraints = ROOT / f"constraints-{_minor()}.txt"
        if not constraints.exists():
            constraints = ROOT / "constraints.txt"
        drivers = ("asyncpg", "psycopg2-binary")
        self._pip("--constraint", str(constraints), str(self._wheel(source)), *drivers)

    def upgrade(self) -> None:
        """Replace the package with the one in the tree."""
        self._pip("--no-deps", str(self._wheel(ROOT)))

    def version(self) -> str:
        """Return the version of the package that is installed."""
        return _run(self.python, "-I", "-c", "import airflow_provider_polaris as p; print(p.__version__)").strip()

    def _pip(self, *arguments: str) -> None:
        _run(self._uv, "pip", "install", "--quiet", "--python", str(self.python), *arguments)

    def _wheel(self, source: Path) -> Path:
        target = self._folder / f"dist-{source.name}"
        _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target), cwd=source)
        (wheel,) = target.glob("*.whl")
        return wheel


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False, timeout=60).stdout


def _minor() -> str:
    return version("apache-airflow").rpartition(".")[0]


def _run(program: Path | str, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run([str(program), *arguments], cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
