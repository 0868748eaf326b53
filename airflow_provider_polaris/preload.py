# SPDX-License-Identifier: Apache-2.0
"""
Load what each task would load, once in the process from which Airflow forks its tasks.

A worker of Airflow forks a process for each task, and this process imports the SQL parser, the HTTP library and the
package's own modules. Import this module in ``airflow_local_settings.py``, and the forked processes have them already:

.. code-block:: python

    # $AIRFLOW_HOME/config/airflow_local_settings.py
    import airflow_provider_polaris.preload

Airflow imports its local settings while it is imported itself, so this module loads only what doesn't import Airflow:
the packages ``client`` and ``jobs`` with all that they use. Every process of Airflow pays for it once, at its start.
Where tasks are not forked from a worker, as with the Kubernetes executor, it saves nothing.

Source: "Configuring local settings" in Airflow's documentation.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

from airflow_provider_polaris import client, jobs

for _package in (client, jobs):
    for _module in walk_packages(_package.__path__, f"{_package.__name__}."):
        import_module(_module.name)
import_module("sqlglot.dialects.druid")  # which ``jobs`` imports only to parse
