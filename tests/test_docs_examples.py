# SPDX-License-Identifier: Apache-2.0
"""The examples of the documentation work: DAGs are parsed as a scheduler does, tests run as users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.dag_store import BUILD_NEWEST_API_ONLY
from tests.examples.test_examples_parse import _parse
from tests.fixtures import airflow_db

__all__ = ["airflow_db"]

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "examples"
#: The Airflow version that has the feature of an example.
SINCE = {"on_table_change": (3, 0), "retry_policy": (3, 3), "age_out_approved": (3, 1), "asking_rollup": (3, 1)}
DAGS = [path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("test_")]


@pytest.mark.parametrize(
    "path",
    [path for path in DAGS if SINCE.get(path.stem, (2, 11)) <= AIRFLOW_VERSION],
    ids=lambda path: path.stem,
)
def test_example_of_a_page_parses_to_the_dag_of_its_file_name(path: Path) -> None:
    """A pasted example is a DAG."""
    bag = _parse(path)
    assert bag.import_errors == {}
    assert list(bag.dags) == [path.stem]


def test_every_example_is_on_a_page() -> None:
    """A file that no page shows is not documentation."""
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    for path in FOLDER.glob("*.py"):
        assert f"<!-- docs/examples/{path.name}#{path.stem} -->" in pages, path.name


@pytest.mark.dag
@pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="dag.test() had other arguments")
def test_tests_of_the_page_on_testing_pass(airflow_db: None, tmp_path: Path) -> None:
    """In a separate process with its own configuration, as in a user's project."""
    dags = ROOT / "dags_examples"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {dags}\n")
    # The emulator's jobs and queries end after some polls, not after some time.
    short_sleeps = "import time\nsleep = time.sleep\ntime.sleep = lambda seconds: sleep(min(seconds, 0.05))\n"
    (tmp_path / "conftest.py").write_text(BUILD_NEWEST_API_ONLY + short_sleeps)
    test = tmp_path / "test_koalas.py"
    test.write_text((FOLDER / "test_koalas.py").read_text())
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(test)],
        cwd=tmp_path,
        env={**os.environ, "AIRFLOW__CORE__DAGS_FOLDER": str(dags)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    assert "4 passed" in ran.stdout
