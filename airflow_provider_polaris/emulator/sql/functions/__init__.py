"""Every function of one row's values, by name; the module ``aggregates`` has those of many rows."""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions import conditions, numbers, regexes, text, times
from airflow_provider_polaris.emulator.sql.functions.call import Table

FUNCTIONS: Table = {
    **times.FUNCTIONS,
    **text.FUNCTIONS,
    **numbers.FUNCTIONS,
    **regexes.FUNCTIONS,
    **conditions.FUNCTIONS,
}
