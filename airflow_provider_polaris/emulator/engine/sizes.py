"""How large stored rows are, in the emulator's own measure."""

from __future__ import annotations

from airflow_provider_polaris.emulator.engine.segments import written_by
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.stored import StoredTable
from airflow_provider_polaris.emulator.sql.values import quote_name

_SAMPLE = 20_000
_FIXED = {"TIMESTAMP": 8, "BIGINT": 8, "DOUBLE": 8, "FLOAT": 4, "BOOLEAN": 1}


def row_bytes(table: StoredTable, load: int, store: Store) -> float:
    """
    Estimate the uncompressed size of a load's average row in bytes.

    8 bytes for a number or a time (4 for ``float``), the length in UTF-8 for text, 8 an element for arrays and
    sketches; null counts nothing. It is measured on the first 20,000 rows of the load, so it is exact for smaller
    loads. GUESS that this is a useful stand-in: the sizes that Polaris reports are those of compressed segments.

    :param load: The newest load of the table.
    :return: At least 0.
    """
    names = [quote_name(name) for name in table.physical]
    sizes = [_size(quote_name(name), duckdb_type) for name, duckdb_type in table.physical.items()]
    ((average,),) = store.execute(
        f"SELECT avg({' + '.join(sizes)}) FROM"
        f" (SELECT {', '.join(names)} FROM {table.data_name} WHERE {written_by(load)} LIMIT {_SAMPLE})"
    )
    return float(average or 0.0)


def _size(column: str, duckdb_type: str) -> str:
    if duckdb_type in _FIXED:
        return f"CASE WHEN {column} IS NULL THEN 0 ELSE {_FIXED[duckdb_type]} END"
    if duckdb_type.endswith("[]"):
        return f"coalesce(8 * len({column}), 0)"
    return f"coalesce(strlen(CAST({column} AS VARCHAR)), 0)"
