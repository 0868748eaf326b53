# SPDX-License-Identifier: Apache-2.0
"""
The two tables of a job while their rows are counted, kept over a deferral.

A task that is resumed after its counts have ended uses the descriptions that the queries were made from. All checks
before the counts had passed then. Performs no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.tables import TableInfo

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.clock import Clock

#: Seconds for which they are used. Later all checks are repeated, because other jobs may have changed the tables.
_USABLE: Final = 900.0
#: Most characters of both descriptions. Airflow stores them with the deferred task.
_MOST_CHARACTERS: Final = 20_000


class CountedTables:
    """
    Keeps the descriptions of source and target.

    :param memory: Plain JSON that outlives the deferral.
    :param clock: The time.
    """

    def __init__(self, memory: dict[str, Any], clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    def keep(self, source: Mapping[str, Any] | None, target: Mapping[str, Any] | None) -> None:
        """
        Store both descriptions, unless they are long.

        :param source: The description of the source as the service returned it.
        :param target: The same of the target; None if it doesn't exist.
        """
        tables = {"source": source, "target": target}
        if source is not None and len(json.dumps(tables)) <= _MOST_CHARACTERS:
            self._memory.update(at=self._clock.now().timestamp(), **tables)

    def restore(self, source: str, target: str) -> tuple[TableInfo, TableInfo | None] | None:
        """
        Return the tables that a deferral stored; None if there are none, or if they are too old or of other names.

        :param source: Name of the source.
        :param target: Name of the target.
        """
        if not self._memory:
            return None
        at, described = self._memory["at"], self._memory["source"]
        stored = self._memory["target"]
        is_usable = self._clock.now().timestamp() - at <= _USABLE
        if not is_usable or described["name"] != source or (stored is not None and stored["name"] != target):
            self.clear()
            return None
        return TableInfo.from_wire(described), None if stored is None else TableInfo.from_wire(stored)

    def clear(self) -> None:
        """Forget the tables, because the counts are over."""
        self._memory.clear()
