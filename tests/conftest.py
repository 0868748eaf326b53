# SPDX-License-Identifier: Apache-2.0
"""Environment of all tests: a temporary Airflow home, set before Airflow is imported."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.skipped import pytest_terminal_summary as pytest_terminal_summary  # a hook of pytest

if TYPE_CHECKING:
    from airflow_provider_polaris.emulator.server import EmulatorServer

_HOME = tempfile.mkdtemp(prefix="airflow-test-home-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_HOME}/airflow.db"
# A limit for a busy machine: Airflow's own is 30 seconds.
os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = "600"
# Without it Airflow 2.11 warns, and warnings are errors.
os.environ["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = "True"

# No test judges a duration: the time of an example depends on the machine.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Garbage collection took a tenth of a run, and a sixth of the imports and the collection of the tests.
gc.set_threshold(20_000, 50, 100)


#: Files whose tests take longest: whole demos, and processes with an Airflow of their own.
_LONGEST = {"test_demo.py", "test_demo_aging.py", "test_docs_examples.py", "test_conservation.py", "test_fixture.py"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are cores, because a test waits for answers for a sixth of its time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Start the longest tests first: at the end, one worker would run them while the other is idle.

    Then those that run a DAG, so that one worker runs most of them: the first one takes a process six seconds, in which
    Airflow 3 builds all versions of its execution API.
    """
    items.sort(key=lambda item: (item.path.name not in _LONGEST, item.get_closest_marker("dag") is None))


def pytest_collection_finish() -> None:
    """Exclude imported and collected objects from garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the interpreter free everything at its end, because DuckDB's library reports remaining objects."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def emulator_server() -> Iterator[EmulatorServer]:
    """Run a server for the emulators of all tests."""
    serving = pytest.importorskip("airflow_provider_polaris.emulator.server")
    with serving.EmulatorServer() as server:
        yield server


pytest_plugins = ("tests.fixtures", "tests.druid_service")


@pytest.fixture(autouse=True)
def requests_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Send the requests that a task sends at once one after the other, with one client, so that their order is certain.

    A module whose tests are about requests at once has a fixture of the same name that does nothing.
    """
    monkeypatch.setattr("airflow_provider_polaris.hooks.parallel.MOST_AT_ONCE", 1)
