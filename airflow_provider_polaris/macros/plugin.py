"""
The plugin that gives templates ``macros.polaris``; holds nothing else.

Registered by the entry point ``airflow.plugins``. Airflow loads the ``plugins`` of a provider's info only with
``[core] lazy_discover_providers = False``, which is not the default (``_get_plugins`` of airflow.sdk.plugins_manager
3.3.2 and ``ensure_plugins_loaded`` of airflow.plugins_manager 2.11.2), and drops what follows a plugin whose name it
has loaded before, so the plugin is named in one place only.
"""

from __future__ import annotations

# Not from compat, which loads Airflow's operators: Airflow imports this module in each of its processes.
from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_polaris.macros import aged_window, floor, interval, shift, split


class PolarisPlugin(AirflowPlugin):
    """Registers the macros of :mod:`airflow_provider_polaris.macros` as ``macros.polaris``."""

    name = "polaris"
    # Airflow takes the name of each macro from the function.
    macros = [interval, floor, shift, aged_window, split]  # noqa: RUF012
