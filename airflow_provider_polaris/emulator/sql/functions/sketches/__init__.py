# SPDX-License-Identifier: Apache-2.0
"""Functions of sketches. A sketch here has all values, so the results are exact; those of Druid are estimates."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Table
from airflow_provider_polaris.emulator.sql.functions.sketches import distinct, quantiles

FUNCTIONS: Table = {
    **distinct.FUNCTIONS,
    **quantiles.FUNCTIONS,
}
