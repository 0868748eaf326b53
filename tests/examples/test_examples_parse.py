# SPDX-License-Identifier: Apache-2.0
"""The example DAGs are parsed as a scheduler does, with no connection configured."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

#: Examples with features of Airflow 3.3: partitions, and watchers with stored state.
PARTITIONED = {"koalas_cascade", "koalas_recascade", "koalas_watch"}
EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "dags_examples").glob("*.py"))


def _parse(path: Path):
    """Parse one file with the DagBag of the tested Airflow; it moved in 3.2."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    extra = {"include_examples": False} if "include_examples" in inspect.signature(DagBag).parameters else {}
    return DagBag(str(path), **extra)


@pytest.mark.parametrize(
    "path",
    [path for path in EXAMPLES if AIRFLOW_VERSION >= (3, 3) or path.stem not in PARTITIONED],
    ids=lambda path: path.stem,
)
def test_example_without_connection_parses_to_dags_of_its_file_name(path: Path) -> None:
    """An example contains DAGs with the name of its file, and needs nothing from its environment."""
    bag = _parse(path)
    assert bag.import_errors == {}
    assert all(dag_id.startswith(path.stem) for dag_id in bag.dags)
    assert bag.dags


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_docstring_has_what_when_and_where_to_look(path: Path) -> None:
    """The first three lines state what it does, when to use it and what to check."""
    lines = path.read_text().split('"""')[1].strip().splitlines()
    assert len([line for line in lines if line.strip()]) == 3
    assert lines[-1].startswith("In the UI look at")
