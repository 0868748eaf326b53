# SPDX-License-Identifier: Apache-2.0
"""Scalar functions that read or write a notation: addresses, digits, bits, base64, sizes and formats."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Table
from airflow_provider_polaris.emulator.sql.functions.formats import addresses, encodings, sizes, string_format

FUNCTIONS: Table = {
    **addresses.FUNCTIONS,
    **encodings.FUNCTIONS,
    **sizes.FUNCTIONS,
    **string_format.FUNCTIONS,
}
