"""A table as Polaris describes it: what the rules need of it, and where its data is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook


@dataclass(frozen=True)
class TableInfo:
    """
    A table.

    :param facts: What the rules need.
    :param storage: What is kept, and where.
    """

    facts: TableDescription
    storage: TableStorage


def find_table(hook: PolarisHook, name: str) -> TableInfo | None:
    """
    Describe a table; None if there is none of that name.

    :param hook: Asks Polaris.
    :param name: Its name.
    """
    try:
        payload = hook.get_table(name)
    except PolarisNotFoundError:
        return None
    return TableInfo(TableDescription.from_wire(payload), TableStorage.from_wire(payload))
