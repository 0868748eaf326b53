# SPDX-License-Identifier: Apache-2.0
"""
Storage policies of tables: which data is retained and which is precached. Performs no I/O.

DOCUMENTED https://docs.imply.io/polaris/api-storage-policy: ``retain`` and ``cached``, each a period that counts back
from now, or intervals with or without a period.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final, Literal

from airflow_provider_polaris.emulator.engine import TableDef
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.intervals import IntervalError, before, is_finer, parse_interval
from airflow_provider_polaris.emulator.wire.models import Policy, StoragePolicy
from airflow_provider_polaris.emulator.wire.requests import parse

_LAST: Final = datetime.max.replace(tzinfo=timezone.utc)
_NOW: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)

Kept = list[tuple[datetime, datetime]]


def read_policy(data: Mapping[str, Any], partitioning: str) -> dict[str, Any]:
    """
    Check a storage policy.

    :param data: Policy from a table's definition.
    :param partitioning: Granularity of the table.
    :return: The policy as it is echoed, unchanged. GUESS: an empty policy is none.
    :raises ApiError: 400.
    """
    policy = parse(StoragePolicy, data, "storagePolicy")
    for name, one in (("retain", policy.retain), ("cached", policy.cached)):
        if one is not None:
            _check(one, f"storagePolicy.{name}", partitioning)
    return policy.model_dump(by_alias=True, exclude_none=True)


def kept_by(table: TableDef, kind: Literal["retain", "cached"], now: datetime) -> Kept | None:
    """
    Return the intervals that a table retains or precaches.

    DOCUMENTED https://docs.imply.io/polaris/data-lifecycle-management: data with timestamps in the future is always
    retained. GUESS: a period precaches it, too.

    :param now: The present time.
    :return: Half-open intervals; None for everything.
    """
    policy = table.attributes.get("storagePolicy", {}).get(kind)
    if policy is None:
        return None
    kept = [(one.start, one.end) for one in map(parse_interval, policy.get("intervals", ()))]
    if "period" in policy:
        kept.append((before(now, policy["period"]), _LAST))
    if kind == "retain":
        kept.append((now, _LAST))
    return kept


def _check(policy: Policy, field: str, partitioning: str) -> None:
    if policy.type == "period" and (policy.period is None or policy.intervals is not None):
        raise bad_request(f"field {field!r} of type 'period' needs 'period' and nothing else.", field)
    if policy.type == "intervals" and not policy.intervals:
        raise bad_request(f"field {field!r} of type 'intervals' needs 'intervals'.", f"{field}.intervals")
    for text in policy.intervals or ():
        try:
            parse_interval(text)
        except IntervalError as error:
            raise bad_request(f"interval {text!r} is not valid: {error}.", f"{field}.intervals") from None
    if policy.period is None:
        return
    try:
        before(_NOW, policy.period)
    except IntervalError as error:
        raise bad_request(f"period {policy.period!r} is not valid: {error}.", f"{field}.period") from None
    if "T" in policy.period and not is_finer(partitioning, "day"):
        # DOCUMENTED https://docs.imply.io/polaris/data-lifecycle-management: the partitioning limits the period.
        # GUESS: with a 400.
        raise bad_request(
            f"period {policy.period!r} is finer than the partitioning granularity {partitioning!r}.", f"{field}.period"
        )
