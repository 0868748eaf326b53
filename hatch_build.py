# SPDX-License-Identifier: Apache-2.0
"""Add the example DAGs and the troubleshooting page to the wheel, but not to an editable installation."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Copies(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling's hook, which adds files of the repository to the wheel under other names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files; hatchling calls this before it builds."""
        if version == "standard":
            build_data["force_include"] |= {
                # Airflow's own providers also have this folder. The .airflowignore keeps Airflow from loading it.
                "dags_examples": "airflow_provider_polaris/example_dags",
                "scripts/example_dags.airflowignore": "airflow_provider_polaris/example_dags/.airflowignore",
                "docs/troubleshooting.md": "airflow_provider_polaris/troubleshooting.md",  # for `explain`
            }
