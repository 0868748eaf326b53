# SPDX-License-Identifier: Apache-2.0
"""Numbers as decimal text with a fixed number of places, as Java's ``%.2f`` writes them."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.values.values import quote_text

MOST_PLACES = 15


def fixed(number: str, places: int, function: str) -> str:
    """
    Build the text of a double's absolute value; halves of its shortest decimal text round away from zero.

    OBSERVED(Druid 33): 1.005 with two places is ``1.01``. The query fails for a number whose digits DuckDB's decimals
    can't hold: below 0.00001, or of 1E15 or more.

    :param number: SQL of a double.
    :param places: From 0 to :data:`MOST_PLACES`.
    """
    size = f"abs({number})"
    rounded = f"round(CAST(CAST({size} AS VARCHAR) AS DECIMAL(38, 22)), {places})"
    written = f"CAST(CAST({rounded} AS DECIMAL(38, {places})) AS VARCHAR)"
    message = quote_text(f"function '{function}' is not supported with a number below 0.00001, or of 1E15 or more")
    return (
        f"CASE WHEN {number} = 0 OR ({size} >= 1e-5 AND {size} < 1e15) THEN {written} "
        f"WHEN {number} IS NOT NULL THEN error({message}) END"
    )
