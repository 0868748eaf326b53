# SPDX-License-Identifier: Apache-2.0
"""What a guard asks a person about, instead of an error; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_polaris.operators.approval.findings import Finding
from airflow_provider_polaris.operators.guards.messages import JobMessages, format_intervals

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.guards.shrinkage import Shrinkage
    from airflow_provider_polaris.jobs.tables.storage_policy import StoragePolicy
    from airflow_provider_polaris.jobs.time.interval import Interval


def empty_source(messages: JobMessages) -> Finding:
    """
    Return the finding that the job would find no rows.

    :param messages: Texts for the job.
    """
    sentence = f"{messages.nothing_found} The job could empty that part of table {messages.target!r}."
    return Finding("on_empty_source", sentence)


def lost_rows(messages: JobMessages, found: Shrinkage) -> Finding:
    """
    Return the finding that the job would replace rows that it can't reproduce.

    :param messages: Texts for the job.
    :param found: The comparison of the counts.
    """
    where = {"emptied": found.emptied, "fewer": found.fewer, "collateral": found.collateral}
    return Finding(
        "on_shrink",
        messages.lost_rows(found),
        {kind: _wire(intervals) for kind, intervals in where.items()},
        {"events": found.fewer_there - found.fewer_here, "replaced": found.target_rows},
    )


def dropped_rows(messages: JobMessages, policy: StoragePolicy, lost: Sequence[Interval]) -> Finding:
    """
    Return the finding that the service would immediately drop what the job writes.

    :param messages: Texts for the job.
    :param policy: Storage policy of the target.
    :param lost: Intervals whose rows would be dropped.
    """
    # Without the time of the check: the same finding has the same text in each try.
    sentence = (
        f"the storage policy of table {messages.target!r} retains {policy.shown!r}, so the service would immediately "
        f"drop what the job writes to {format_intervals(lost)}."
    )
    return Finding("on_retention", sentence, {"dropped": _wire(lost)})


def _wire(intervals: Sequence[Interval]) -> tuple[str, ...]:
    return tuple(each.to_wire() for each in intervals)
