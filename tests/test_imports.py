# SPDX-License-Identifier: Apache-2.0
"""The import cost of the provider for a DAG file, which the scheduler parses repeatedly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import airflow_provider_polaris

USER_MODULES = [f"airflow_provider_polaris.{name}.polaris" for name in ("operators", "sensors", "hooks", "links")]
OTHER_MODULES = [f"airflow_provider_polaris.{name}.polaris" for name in ("triggers", "task_groups")]
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
    "airflow_provider_polaris.hooks.connections",
    "airflow_provider_polaris.jobs.spec.job_spec",
    "airflow_provider_polaris.operators.openlineage",
}

_SCRIPT = """
import json, sys
try:
    import airflow.sdk
except ImportError:  # before 3.0
    from airflow.models.baseoperator import BaseOperator
before = set(sys.modules)
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(*modules: str) -> set[str]:
    """Import modules in order on top of Airflow's own, in a new process; return all loaded modules."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *modules], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_imports_of_user_modules_load_nothing_heavy():
    """HTTP, SQL parsing and pydantic models load when a task runs, not when its DAG is parsed."""
    loaded = loaded_by(*USER_MODULES)

    assert set(USER_MODULES) <= loaded
    assert HEAVY & loaded == set()


def test_hook_of_sql_operators_is_loaded_by_nothing_of_the_package():
    """Airflow's SQL code loads SQLAlchemy and sqlparse; only a task that uses it needs them."""
    loaded = loaded_by(*USER_MODULES, *OTHER_MODULES, "airflow_provider_polaris.provider_info")

    assert {name for name in loaded if name.startswith("airflow.providers.common.sql")} == set()
    assert "airflow_provider_polaris.hooks.sql" not in loaded


def test_import_of_operators_loads_at_most_a_quarter_of_the_peers_modules():
    """The operator of dbt Cloud adds at least four times as many to Airflow's own; `make bench` has the time."""
    ours, peers = (
        # Without Airflow's own modules: 2.11 loads dozens of them for any operator.
        [name for name in loaded_by(module) if not name.startswith("airflow.")]
        for module in (USER_MODULES[0], PEER)
    )

    assert len(ours) <= len(peers) / 4


def test_preload_loads_what_a_task_needs_and_no_airflow():
    """Airflow imports its local settings while it is imported itself."""
    code = "import json, sys; import airflow_provider_polaris.preload; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    package = Path(airflow_provider_polaris.__file__).parent
    files = (
        path.relative_to(package.parent) for layer in ("client", "jobs") for path in (package / layer).rglob("*.py")
    )
    modules = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files}

    assert modules - loaded == set()
    assert {"requests", "sqlglot.dialects.druid"} <= loaded
    assert {"airflow", "airflow_provider_polaris.emulator", "duckdb"} & loaded == set()
