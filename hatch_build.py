"""Puts the example DAGs into the wheel, as Airflow's own providers do, and into no editable installation."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ExampleDags(BuildHookInterface):  # type: ignore[type-arg]
    """The hook."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder; hatchling calls this before it builds."""
        if version == "standard":
            build_data["force_include"]["dags_examples"] = "airflow_provider_polaris/example_dags"
