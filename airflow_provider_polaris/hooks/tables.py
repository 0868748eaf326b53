# SPDX-License-Identifier: Apache-2.0
"""Read a table's description and storage from Polaris."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook


@dataclass(frozen=True)
class TableInfo:
    """
    The description of a table.

    :param facts: The part that validation rules need.
    :param storage: Retention and location of its data.
    """

    facts: TableDescription
    storage: TableStorage

    @classmethod
    def from_wire(cls, payload: Mapping[str, Any]) -> TableInfo:
        """Parse the answer to the request for a table."""
        return cls(TableDescription.from_wire(payload), TableStorage.from_wire(payload))


def find_table(hook: PolarisHook, name: str) -> TableInfo | None:
    """
    Return the description of a table; None if it doesn't exist.

    :param hook: The hook.
    :param name: Its name.
    """
    try:
        payload = hook.get_table(name)
    except PolarisNotFoundError:
        return None
    return TableInfo.from_wire(payload)
