# SPDX-License-Identifier: Apache-2.0
"""Parse the table properties that validation needs from an answer of the Tables API; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisProtocolError, PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote


@dataclass(frozen=True, slots=True)
class TableDescription:
    """
    Properties of one Polaris table at the time of the request.

    :param name: Its name.
    :param type: ``detail`` or ``aggregate``.
    :param partitioning: Time partitioning; None if Polaris' word is unknown.
    :param availability: ``available``, ``unavailable`` or ``deleting``, as Polaris wrote it; None if it is missing.
    :param columns: Names of the columns, ``__time`` included; None if the answer lists none, as in a summary.
    :param measures: Names of the columns that are declared as measures.
    """

    name: str
    type: str
    partitioning: Granularity | None = Granularity.DAY
    availability: str | None = None
    columns: frozenset[str] | None = None
    measures: frozenset[str] = frozenset()

    @classmethod
    def from_wire(cls, payload: Mapping[str, Any]) -> TableDescription:
        """
        Parse the answer to ``GET /tables/{name}``, or an entry of ``GET /tables``.

        Source: polaris-sdk 20250425.14.0 (fields), docs.imply.io/polaris/partitioning (day is the default).

        :raises PolarisProtocolError: The name or the type is missing.
        """
        name, kind = payload.get("name"), payload.get("type")
        if not isinstance(name, str) or not isinstance(kind, str):
            raise PolarisProtocolError(
                f"The service described a table without {'name' if not isinstance(name, str) else 'type'}: "
                f"{quote(dict(payload))}. Install a newer version of this package."
            )
        declared = _columns(payload.get("schema"))
        availability = payload.get("availability")
        return cls(
            name=name,
            type=kind.lower(),
            partitioning=_partitioning(payload.get("partitioningGranularity")),
            availability=availability if isinstance(availability, str) else None,
            columns=column_names(payload) or None,
            measures=frozenset(column["name"] for column in declared if column.get("type") == "measure"),
        )


def column_names(payload: Mapping[str, Any]) -> frozenset[str]:
    """
    Return the names of a table's declared and stored columns; empty if its description lists none.

    :param payload: The answer to ``GET /tables/{name}``.
    """
    listed = _columns(payload.get("schema")) + _columns(payload.get("queryableSchema"))
    return frozenset(column["name"] for column in listed)


def _columns(value: Any) -> list[Mapping[str, Any]]:
    columns = value if isinstance(value, list) else []
    return [column for column in columns if isinstance(column, Mapping) and isinstance(column.get("name"), str)]


def _partitioning(word: Any) -> Granularity | None:
    if word is None:
        return Granularity.DAY
    try:
        return Granularity.parse(word)
    except PolarisSpecError:
        return None
