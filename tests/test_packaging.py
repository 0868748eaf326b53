"""What an installed distribution offers to Airflow, to type checkers and to the shell."""

from __future__ import annotations

from importlib.metadata import distribution
from importlib.resources import files

import airflow_provider_polaris


def test_distribution_has_the_entry_points_that_airflow_and_the_shell_use() -> None:
    """Airflow finds the provider, the shell finds the emulator, and both names load."""
    found = {(entry.group, entry.name): entry for entry in distribution("airflow-provider-polaris").entry_points}
    info = found["apache_airflow_provider", "provider_info"].load()()
    assert info["package-name"] == "airflow-provider-polaris"
    assert info["versions"] == [airflow_provider_polaris.__version__]
    assert callable(found["console_scripts", "polaris-emulator"].load())


def test_package_is_marked_as_typed() -> None:
    """PEP 561: type checkers use the annotations only where the marker is."""
    assert files("airflow_provider_polaris").joinpath("py.typed").is_file()


def test_metadata_version_equals_the_module() -> None:
    """One place holds the version."""
    assert distribution("airflow-provider-polaris").version == airflow_provider_polaris.__version__
