"""What a DAG file pays for importing the provider: the scheduler parses it again and again."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

USER_MODULES = [f"airflow_provider_polaris.{name}.polaris" for name in ("operators", "sensors", "hooks", "links")]
PEER = "airflow.providers.dbt.cloud.operators.dbt"

# Everything that a task may need and a DAG file doesn't. Airflow itself may have loaded some of it.
HEAVY = {
    "requests",
    "sqlglot",
    "duckdb",
    "fastapi",
    "wtforms",
    "flask_appbuilder",
    "openlineage",
    "airflow_provider_polaris.client",
    "airflow_provider_polaris.emulator",
    "airflow_provider_polaris.hooks.check",
    "airflow_provider_polaris.hooks.settings",
    "airflow_provider_polaris.jobs.spec",
    "airflow_provider_polaris.lineage",
}

_SCRIPT = """
import json, sys, time
try:
    import airflow.sdk
except ImportError:  # before 3.0
    from airflow.models.baseoperator import BaseOperator
before = set(sys.modules)
milliseconds = []
for name in sys.argv[1:]:
    started = time.perf_counter()
    __import__(name)
    milliseconds.append((time.perf_counter() - started) * 1000)
print(json.dumps({"milliseconds": milliseconds, "loaded": sorted(set(sys.modules) - before)}))
"""


def in_a_new_process(*modules: str) -> dict[str, list]:
    """Import modules one after the other on top of Airflow's own; return how long each took and what was loaded."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *modules], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_imports_of_user_modules_load_nothing_heavy():
    """HTTP, SQL parsing and pydantic models load when a task runs, not when its DAG is parsed."""
    loaded = in_a_new_process(*USER_MODULES)["loaded"]

    assert set(USER_MODULES) <= set(loaded)
    assert HEAVY & set(loaded) == set()


@pytest.mark.performance
def test_import_of_operators_costs_at_most_a_quarter_of_the_peers():
    """The dbt Cloud operators, imported after ours in the same process, add at least four times as much."""
    runs = [in_a_new_process(USER_MODULES[0], PEER)["milliseconds"] for _ in range(3)]

    ours, peers = (statistics.median(column) for column in zip(*runs, strict=True))
    assert ours <= peers / 4, f"ours {ours:.1f} ms, the peer's {peers:.1f} ms"
