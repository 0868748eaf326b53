# SPDX-License-Identifier: Apache-2.0
"""The entry points and files of an installed distribution, for Airflow, type checkers and the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution
from importlib.resources import files

import pytest

import airflow_provider_polaris


def test_distribution_has_the_entry_points_that_airflow_and_the_shell_use() -> None:
    """Airflow finds the provider, the shell finds the emulator, and both names load."""
    found = {(entry.group, entry.name): entry for entry in distribution("airflow-provider-polaris").entry_points}
    info = found["apache_airflow_provider", "provider_info"].load()()
    assert info["package-name"] == "airflow-provider-polaris"
    assert info["versions"] == [airflow_provider_polaris.__version__]
    assert callable(found["console_scripts", "polaris-emulator"].load())


def test_package_is_marked_as_typed() -> None:
    """PEP 561: type checkers use the annotations only if the marker exists."""
    assert files("airflow_provider_polaris").joinpath("py.typed").is_file()


def test_metadata_version_equals_the_module() -> None:
    """The version is defined in one place."""
    assert distribution("airflow-provider-polaris").version == airflow_provider_polaris.__version__


@pytest.mark.dag
@pytest.mark.compat
def test_airflows_command_line_lists_the_provider_and_tells_its_name() -> None:
    """Discovery as a user checks it, in a separate process."""

    def ask(*arguments: str) -> str:
        command = [sys.executable, "-m", "airflow", "providers", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # Airflow writes lines of its own before the answer.
    listed = next(line for line in ask("list", "-o", "json").splitlines() if line.startswith("[{"))
    found = {each["package_name"]: each for each in json.loads(listed)}
    assert found["airflow-provider-polaris"]["version"] == airflow_provider_polaris.__version__
    assert "Imply Polaris" in ask("get", "airflow-provider-polaris", "--full", "-o", "json")
