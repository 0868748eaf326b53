# SPDX-License-Identifier: Apache-2.0
"""
Parse a table's storage policy: which data Polaris keeps, and which it precaches for queries. Performs no I/O.

Sources: polaris-sdk 20250425.14.0 (``storagePolicy``, ``availability``, sizes), docs.imply.io/polaris/
api-storage-policy and /data-lifecycle-management (by default everything is kept and precached; data of the future is
always kept; data older than the policy is dropped as soon as it is ingested).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.tables.description import column_names
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import OPEN_START
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.time.period import Period


@dataclass(frozen=True)
class StoragePolicy:
    """
    The time range of a storage policy: fixed intervals, a period before the current time, or both.

    :param intervals: Fixed intervals; empty if there are none.
    :param period: Counted back from the current time; None if there is none.
    :param shown: The policy as Polaris wrote it, for messages.
    """

    intervals: tuple[Interval, ...]
    period: Period | None
    shown: str

    @classmethod
    def from_wire(cls, value: Any) -> StoragePolicy | None:
        """
        Parse ``retain`` or ``cached``; None if there is no policy, or if this package cannot parse it.

        :param value: ``{"type": "period", "period": "P3M"}`` or ``{"type": "intervals", "intervals": [...]}``.
        """
        if not isinstance(value, Mapping):
            return None
        period, intervals = value.get("period"), value.get("intervals")
        texts = intervals if isinstance(intervals, list) else []
        if not texts and not period:
            return None
        try:
            return cls(
                intervals=tuple(map(Interval.parse, texts)),
                period=Period.parse(period) if period else None,
                shown=" and ".join([*map(str, texts), *([str(period)] if period else [])]),
            )
        except PolarisSpecError:
            return None

    def keeps(self, bucket: Interval, now: datetime) -> bool:
        """
        Whether a part of a bucket is in the range. If so, Polaris keeps the segment.

        :param bucket: A time partition.
        :param now: The current time.
        """
        if bucket.end > now or any(each.overlaps(bucket) for each in self.intervals):
            return True
        return self.period is not None and bucket.end > _back(now, self.period)


@dataclass(frozen=True)
class TableStorage:
    """
    Properties of a table's data that the guards need, besides :class:`~.description.TableDescription`.

    :param name: The table.
    :param availability: In lower case; None if it is missing.
    :param retain: Which data Polaris keeps; None for all.
    :param has_cached_policy: Only a part of the data is precached.
    :param is_loading: The precached data is smaller than the total data.
    :param is_empty: The description lists no segments and no rows.
    :param columns: Names of the columns, ``__time`` included; empty if the description lists none.
    :param time_resolution: Granularity to which the table rounds time down; None if it is unknown.
    """

    name: str
    availability: str | None = None
    retain: StoragePolicy | None = None
    has_cached_policy: bool = False
    is_loading: bool = False
    is_empty: bool = False
    time_resolution: Granularity | None = Granularity.MILLISECOND
    columns: frozenset[str] = frozenset()

    @classmethod
    def from_wire(cls, payload: Mapping[str, Any]) -> TableStorage:
        """
        Parse the answer to ``GET /tables/{name}``.

        :param payload: The JSON object.
        """
        policy = payload.get("storagePolicy")
        policy = policy if isinstance(policy, Mapping) else {}
        availability = payload.get("availability")
        total, precached = payload.get("totalDataSizeBytes"), payload.get("precachedDataSizeBytes")
        return cls(
            name=str(payload.get("name")),
            availability=availability.lower() if isinstance(availability, str) else None,
            retain=StoragePolicy.from_wire(policy.get("retain")),
            has_cached_policy=policy.get("cached") is not None,
            is_loading=isinstance(total, int) and isinstance(precached, int) and precached < total,
            is_empty=payload.get("segmentCount") == 0 and payload.get("totalRows") in (0, None),
            time_resolution=_time_resolution(payload),
            columns=column_names(payload),
        )

    @property
    def is_wholly_precached(self) -> bool:
        """Whether synchronous SQL reads every row; False if that is not certain."""
        return self.availability == "available" and not self.has_cached_policy and not self.is_loading

    @property
    def why_not_precached(self) -> str:
        """Why synchronous SQL may miss rows, as a clause that follows the table's name."""
        if self.has_cached_policy:
            return "has a storage policy that precaches a part of its data only"
        if self.is_loading:
            return "has data that is not precached at present"
        return f"is {self.availability or 'of unknown availability'!r}, not 'available'"


def _time_resolution(payload: Mapping[str, Any]) -> Granularity | None:
    """Return the resolution; ``queryGranularity`` overrides ``timeResolution``. Source: polaris-sdk 20250425.14.0."""
    word: Any = payload.get("timeResolution")
    granularity = payload.get("queryGranularity")
    if isinstance(granularity, Mapping):
        word = granularity.get("granularity") if granularity.get("type") == "simple" else ""
    if word is None:
        return Granularity.MILLISECOND
    try:
        return Granularity.parse(word)
    except PolarisSpecError:
        return None


def _back(now: datetime, period: Period) -> datetime:
    try:
        return (-period).add_to(now)
    except OverflowError:
        return OPEN_START
