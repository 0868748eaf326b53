# SPDX-License-Identifier: Apache-2.0
"""All scalar functions by name; the module ``aggregates`` has the aggregate functions."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions import (
    collections,
    comparisons,
    conditions,
    formats,
    nested,
    numeric,
    regexes,
    sketches,
    text,
    times,
)
from airflow_provider_polaris.emulator.sql.functions.call import Table

FUNCTIONS: Table = {
    **times.FUNCTIONS,
    **text.FUNCTIONS,
    **numeric.FUNCTIONS,
    **comparisons.FUNCTIONS,
    **regexes.FUNCTIONS,
    **conditions.FUNCTIONS,
    **formats.FUNCTIONS,
    **nested.FUNCTIONS,
    **sketches.FUNCTIONS,
    **collections.FUNCTIONS,
}
