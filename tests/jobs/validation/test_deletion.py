# SPDX-License-Identifier: Apache-2.0
"""Data that a deletion would remove in addition to the named interval."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.deletion import check_deletion

OVERRIDE = "Set allow_unaligned=True to delete it anyway."


@pytest.mark.parametrize(
    "interval, partitioning",
    [
        ("2024-06-01/P1D", Granularity.DAY),
        ("2024-06-01T03:00/PT1H", Granularity.HOUR),
        ("2024-06/P1M", Granularity.MONTH),
        (Interval.ETERNITY.to_wire(), Granularity.ALL),
        (Interval.ETERNITY.to_wire(), None),
    ],
)
def test_check_deletion_of_whole_partitions_passes(interval: str, partitioning: Granularity | None) -> None:
    """An interval that is aligned to partitions removes nothing else."""
    check_deletion([Interval.parse(interval)], TableDescription("t", "detail", partitioning))


@pytest.mark.parametrize(
    "interval, partitioning, message",
    [
        (
            "2024-06-01T01:00/P1D",
            Granularity.DAY,
            (
                "intervals[1] '2024-06-01T01:00:00.000Z/2024-06-02T01:00:00.000Z' does not fall on the partitions of "
                "table 't' (day), which are deleted whole: '2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z' would "
                f"be deleted. Use that interval or a smaller one that falls on partitions. {OVERRIDE}"
            ),
        ),
        (
            "2024-06-01/P1D",
            Granularity.ALL,
            (
                "intervals[1] '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z' would delete all data of table 't', "
                f"which is not partitioned by time. Use delete_all=True if that is meant. {OVERRIDE}"
            ),
        ),
        (
            "2024-06-01/P1D",
            None,
            "intervals[1] '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z' can't be checked, because table 't' has "
            "a time partitioning that this package does not support: more than the interval could be deleted. "
            + OVERRIDE,
        ),
    ],
)
def test_check_deletion_of_more_than_is_named_is_refused(
    interval: str, partitioning: Granularity | None, message: str
) -> None:
    """The message names what would be deleted."""
    with pytest.raises(PolarisSpecError) as caught:
        check_deletion([Interval.ETERNITY, Interval.parse(interval)], TableDescription("t", "detail", partitioning))
    assert str(caught.value) == message
