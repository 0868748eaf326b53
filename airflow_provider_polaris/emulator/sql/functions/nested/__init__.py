# SPDX-License-Identifier: Apache-2.0
"""Functions of nested JSON."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Table
from airflow_provider_polaris.emulator.sql.functions.nested import building, extraction, scalars

FUNCTIONS: Table = {
    **extraction.FUNCTIONS,
    **building.FUNCTIONS,
    **scalars.FUNCTIONS,
}
