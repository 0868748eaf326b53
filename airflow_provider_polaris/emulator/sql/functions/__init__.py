# SPDX-License-Identifier: Apache-2.0
"""All scalar functions by name; the module ``aggregates`` has the aggregate functions."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions import collections, conditions, numbers, regexes, text, times
from airflow_provider_polaris.emulator.sql.functions.call import Table

FUNCTIONS: Table = {
    **times.FUNCTIONS,
    **text.FUNCTIONS,
    **numbers.FUNCTIONS,
    **regexes.FUNCTIONS,
    **conditions.FUNCTIONS,
    **collections.FUNCTIONS,
}
