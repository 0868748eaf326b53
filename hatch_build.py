# SPDX-License-Identifier: Apache-2.0
"""Puts the example DAGs and the troubleshooting page into the wheel, and into no editable installation."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Copies(BuildHookInterface):  # type: ignore[type-arg]
    """The hook."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them; hatchling calls this before it builds."""
        if version == "standard":
            build_data["force_include"] |= {
                # As Airflow's own providers have theirs, but with an .airflowignore, so that they are no bundle.
                "dags_examples": "airflow_provider_polaris/example_dags",
                "docs/troubleshooting.md": "airflow_provider_polaris/troubleshooting.md",  # for `explain`
            }
