# SPDX-License-Identifier: Apache-2.0
"""
Read the columns of tables for lineage, with one request per table and a limit of a few seconds. Errors are ignored.

A job's description contains only the names of the columns that it writes. The Tables API returns all columns and types.
Airflow's OpenLineage provider calls this in a process separate from the task. A task waits at most for the limit, and
not at all if OpenLineage is disabled.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings

#: Limit for all tables together. Airflow's limit for lineage is 10 s (``[openlineage] execution_timeout``).
TABLES_SECONDS: Final = 3.0


class Column(NamedTuple):
    """
    A column of a table.

    :param name: Its name.
    :param type: Polaris' name of its type; None if unknown.
    """

    name: str
    type: str | None


def read_columns(
    settings: ServiceSettings, tables: Iterable[str], seconds: float = TABLES_SECONDS
) -> dict[str, tuple[Column, ...]]:
    """
    Return the columns of tables.

    Never raises. After the limit, a pending request continues in a daemon thread.

    :param settings: Connection settings.
    :param tables: Names of the tables.
    :param seconds: Limit in seconds, DNS lookup included.
    :return: Columns by table, in Polaris' order. Tables whose columns are unknown are omitted.
    """
    found: dict[str, tuple[Column, ...]] = {}
    worker = threading.Thread(
        target=_read, args=(settings, list(tables), seconds, found), name="polaris-lineage", daemon=True
    )
    worker.start()
    worker.join(seconds)
    return dict(found)


def _read(
    settings: ServiceSettings, tables: Iterable[str], seconds: float, found: dict[str, tuple[Column, ...]]
) -> None:
    from airflow_provider_polaris.client import connect

    try:
        limited = replace(
            settings,
            connect_timeout=min(settings.connect_timeout, seconds),
            read_timeout=min(settings.read_timeout, seconds),
            retry_budget=0.0,
        )
        with connect(limited) as client:
            for table in tables:
                if columns := columns_of(client.get_table(table)):
                    found[table] = columns
    except Exception:
        # For example no permission to read tables, or no network. The lineage has no types then.
        return


def columns_of(payload: Mapping[str, Any]) -> tuple[Column, ...]:
    """
    Return the columns from ``GET /tables/{name}``: the declared ones, then those that exist only in the data.

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
