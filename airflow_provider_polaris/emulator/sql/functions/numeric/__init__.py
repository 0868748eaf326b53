# SPDX-License-Identifier: Apache-2.0
"""Functions of numbers."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Table
from airflow_provider_polaris.emulator.sql.functions.numeric import arithmetic, bits, numbers

FUNCTIONS: Table = {
    **arithmetic.FUNCTIONS,
    **numbers.FUNCTIONS,
    **bits.FUNCTIONS,
}
