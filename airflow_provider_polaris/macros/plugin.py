# SPDX-License-Identifier: Apache-2.0
"""
The Airflow plugin that provides ``macros.polaris`` to templates.

The entry point ``airflow.plugins`` registers it. Airflow loads the ``plugins`` of a provider's info only with
``[core] lazy_discover_providers = False``, which is not the default (``_get_plugins`` of airflow.sdk.plugins_manager
3.3.2 and ``ensure_plugins_loaded`` of airflow.plugins_manager 2.11.2), and drops everything after a plugin whose name
is already loaded. The plugin is therefore registered in one place only.
"""

from __future__ import annotations

# Not from compat, which loads Airflow's operators: Airflow imports this module in all of its processes.
from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_polaris.macros import aged_window, floor, interval, shift, split, within


class PolarisPlugin(AirflowPlugin):
    """Register the macros of :mod:`airflow_provider_polaris.macros` as ``macros.polaris``."""

    name = "polaris"
    # Airflow takes the name of each macro from the function.
    macros = [interval, within, floor, shift, aged_window, split]  # noqa: RUF012
