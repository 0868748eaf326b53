# SPDX-License-Identifier: Apache-2.0
"""Functions of arrays and of multi-value strings, by name, and the arguments that they read as a list."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_polaris.emulator.sql.functions.call import Table
from airflow_provider_polaris.emulator.sql.functions.collections import arrays, multi_values

FUNCTIONS: Table = {**arrays.FUNCTIONS, **multi_values.FUNCTIONS}

LIST_ARGUMENTS: Mapping[str, tuple[int, ...]] = {**arrays.LIST_ARGUMENTS, **multi_values.LIST_ARGUMENTS}
"""Positions of the arguments that a function reads as a list."""
