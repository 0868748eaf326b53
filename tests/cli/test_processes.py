# SPDX-License-Identifier: Apache-2.0
"""The command lines as processes: Airflow's own, and the one that works with every version."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

needs_airflow_3_2 = pytest.mark.skipif(AIRFLOW_VERSION < (3, 2), reason="Airflow asks providers for commands since 3.2")
# Airflow 3.2 writes lines of its own to stdout before any command runs: "setup plugin alembic...".
needs_clean_airflow = pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="Airflow 3.2 logs to stdout")
AIRFLOW = [sys.executable, "-m", "airflow", "polaris"]
MODULE = [sys.executable, "-m", "airflow_provider_polaris"]


@pytest.mark.parametrize("command", [pytest.param(AIRFLOW, marks=needs_clean_airflow), MODULE])
def test_process_lists_jobs_as_clean_json(polaris_emulator, command) -> None:
    """Only the result is on stdout, whatever Airflow logs at startup."""
    polaris_emulator.load("events", [{"__time": 0}])
    done = subprocess.run(
        [*command, "jobs", "list", "-o", "json"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [job["id"] for job in json.loads(done.stdout)] == [polaris_emulator.jobs()[0]["id"]]


@needs_airflow_3_2
def test_airflows_process_ends_with_the_commands_exit_code(polaris_emulator) -> None:
    """Airflow ignores the return value of a command, so the command must exit by itself."""
    done = subprocess.run([*AIRFLOW, "jobs", "watch", "x"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert AIRFLOW_VERSION < (3, 3) or done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("polaris: GET /v1/projects/")


@pytest.mark.polaris_emulator(progression="polls=1000000")
def test_process_that_is_interrupted_leaves_the_job_alone(polaris_emulator) -> None:
    """Ctrl-C during a sleep: exit code 130, no traceback."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from tests.emulator.testing.client import ROLLUP

    polaris_emulator.load("events", [{"__time": 0}])
    hook = PolarisHook()
    job_id = hook.submit_job(ROLLUP)["id"]
    hook.close()
    command = [*MODULE, "jobs", "watch", job_id, "--poll-interval", "600"]

    def hear_interrupts() -> None:
        # A shell starts background processes with these signals ignored, and their children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=hear_interrupts) as process:
        try:
            for line in process.stderr:
                if "is 'running'" in line:
                    break
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == f"Stopped watching. Job {job_id!r} continues; its last status was 'running'."
    assert polaris_emulator.jobs("hourly")[0]["desiredExecutionStatus"] == "running"


def test_commands_load_nothing_but_the_standard_library_before_they_run() -> None:
    """Airflow imports them each time its command line starts."""
    code = (
        "import sys; from airflow_provider_polaris.cli import get_cli_commands;"
        "print(*sorted(name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {root!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [
        "__main__",
        "airflow_provider_polaris",
        "airflow_provider_polaris.cli",
        "airflow_provider_polaris.cli.commands",
    ]
