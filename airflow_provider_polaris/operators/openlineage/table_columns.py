"""
Columns of tables, asked of Polaris for lineage only: within seconds, once, and without complaint if there is no answer.

A job's description names columns but no types, and only those that it writes; what a table has stands in the Tables
API. Asked in the process that Airflow's OpenLineage provider keeps apart from the task, so no task waits for more than
the limit here, and none where OpenLineage is off.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ClientSettings

#: For all tables together. Airflow gives lineage 10 s in all (``[openlineage] execution_timeout``).
TABLES_SECONDS: Final = 3.0


class Column(NamedTuple):
    """
    A column of a table.

    :param name: Its name.
    :param type: Polaris' word for its type; None if it didn't say.
    """

    name: str
    type: str | None


def read_columns(
    settings: ClientSettings, tables: Iterable[str], seconds: float = TABLES_SECONDS
) -> dict[str, tuple[Column, ...]]:
    """
    Ask for the columns of tables.

    Never raises. A request that is still out when time is up goes on in a thread that nobody waits for.

    :param settings: How to reach Polaris.
    :param tables: Their names.
    :param seconds: Time in all, name look-up included.
    :return: By table, in Polaris' order; without the tables that no columns are known of.
    """
    found: dict[str, tuple[Column, ...]] = {}
    worker = threading.Thread(
        target=_read, args=(settings, list(tables), seconds, found), name="polaris-lineage", daemon=True
    )
    worker.start()
    worker.join(seconds)
    return dict(found)


def _read(
    settings: ClientSettings, tables: Iterable[str], seconds: float, found: dict[str, tuple[Column, ...]]
) -> None:
    from airflow_provider_polaris.client import PolarisClient

    try:
        hasty = replace(
            settings,
            connect_timeout=min(settings.connect_timeout, seconds),
            read_timeout=min(settings.read_timeout, seconds),
            retry_budget=0.0,
        )
        with PolarisClient(hasty) as client:
            for table in tables:
                if columns := columns_of(client.get_table(table)):
                    found[table] = columns
    except Exception:
        # No permission to look at tables, no network: lineage does without types. What was found stays.
        return


def columns_of(payload: Mapping[str, Any]) -> tuple[Column, ...]:
    """
    Read the columns from ``GET /tables/{name}``: the declared ones, then those that only the data has.

    Source: polaris-sdk 20250425.14.0 (``schema``, ``queryableSchema``).

    :param payload: The answer.
    """
    columns: dict[str, Column] = {}
    for part in ("schema", "queryableSchema"):
        entries = payload.get(part)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and isinstance(name := entry.get("name"), str):
                kind = entry.get("dataType")
                columns.setdefault(name, Column(name, kind if isinstance(kind, str) else None))
    return tuple(columns.values())
