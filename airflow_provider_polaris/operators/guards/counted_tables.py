# SPDX-License-Identifier: Apache-2.0
"""
The tables of a job while their rows are counted, kept over a deferral.

A task that is resumed after its counts have ended uses the descriptions that the queries were made from. All checks
before the counts had passed then. Performs no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.tables import TableInfo

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.clock import Clock

#: Seconds for which they are used. Later all checks are repeated, because other jobs may have changed the tables.
_USABLE: Final = 900.0
#: Most characters of all descriptions. Airflow stores them with the deferred task.
_MOST_CHARACTERS: Final = 20_000


class CountedTables:
    """
    Keeps the descriptions of sources and target.

    :param memory: Plain JSON that outlives the deferral.
    :param clock: The time.
    """

    def __init__(self, memory: dict[str, Any], clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    def keep(self, sources: Sequence[Mapping[str, Any]], target: Mapping[str, Any] | None) -> None:
        """
        Store all descriptions, unless they are long.

        :param sources: The descriptions of the sources as the service returned them.
        :param target: The same of the target; None if it doesn't exist.
        """
        tables = {"sources": list(sources), "target": target}
        if len(json.dumps(tables)) <= _MOST_CHARACTERS:
            self._memory.update(at=self._clock.now().timestamp(), **tables)

    def restore(self, sources: Sequence[str], target: str) -> tuple[list[TableInfo], TableInfo | None] | None:
        """
        Return the tables that a deferral stored; None if there are none, or if they are too old or of other names.

        :param sources: Names of the sources.
        :param target: Name of the target.
        """
        if not self._memory:
            return None
        described, stored = self._memory.get("sources", ()), self._memory["target"]
        is_usable = self._clock.now().timestamp() - self._memory["at"] <= _USABLE
        are_ours = [each["name"] for each in described] == list(sources)
        if not (is_usable and are_ours) or (stored is not None and stored["name"] != target):
            self.clear()
            return None
        return [TableInfo.from_wire(each) for each in described], None if stored is None else TableInfo.from_wire(
            stored
        )

    def clear(self) -> None:
        """Forget the tables, because the counts are over."""
        self._memory.clear()
