# SPDX-License-Identifier: Apache-2.0
"""What the guards know about a job, and what they decide; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.approval.findings import Finding, check_approved
from airflow_provider_polaris.operators.job_run.run import NoJobNeeded
from airflow_provider_polaris.runtime.compat import AirflowSkipException

#: Maximum number of partitions checked against a storage policy. A job can't write more partitions.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_PARTITIONS: Final = 5_000


@dataclass(frozen=True)
class GuardDecision:
    """
    Result of the guards.

    :param action: ``submit`` the job, ``skip`` the task, or let it ``succeed`` without a job.
    :param reason: A sentence: why there is no job, or what was counted.
    :param source_rows: Number of rows that the job should process; None if they were not counted.
    :param findings: What a person has to approve before the job is submitted.
    """

    action: Literal["submit", "skip", "succeed"]
    reason: str
    source_rows: int | None = None
    findings: tuple[Finding, ...] = ()

    def apply(self, approved: Mapping[str, Any] | None = None) -> None:
        """
        Do nothing if the job is to be submitted.

        :param approved: What a person has approved in this try; None if nobody was asked.
        :raises AirflowSkipException: The task is skipped.
        :raises NoJobNeeded: The task succeeds without a job.
        :raises NeedsApproval: A person has to approve the job.
        :raises PolarisGuardError: The guards found more than was approved.
        """
        if self.action == "skip":
            raise AirflowSkipException(self.reason)
        if self.action == "succeed":
            raise NoJobNeeded(self.reason)
        check_approved(self.findings, approved)


@dataclass(frozen=True)
class GuardedJob:
    """
    What the guards need to know about a job.

    :param sources: Names of the tables that it reads, each once.
    :param target: Name of the table that it writes.
    :param replaces: Whether it replaces rows; otherwise it only adds rows.
    :param partitioned_by: Granularity of the partitions that it writes; None for the table's own.
    :param written: Intervals in which it writes rows; empty or unbounded if they are unknown.
    :param conflicting: Intervals in which no other job may work.
    """

    sources: tuple[str, ...]
    target: str
    replaces: bool
    partitioned_by: Granularity | None
    written: tuple[Interval, ...]
    conflicting: tuple[Interval, ...]

    def partitions(self, own: Granularity | None) -> list[Interval]:
        """
        Return the partitions in the written intervals; empty if the intervals are unbounded.

        :param own: Granularity of the target's own partitions; None if unknown.
        """
        partition = self.granularities(own)[0]
        buckets: list[Interval] = []
        for span in self.written:
            if span.start == Interval.ETERNITY.start or span.end == Interval.ETERNITY.end:
                return []
            if partition is Granularity.ALL:
                return []
            for bucket in span.buckets(partition):
                buckets.append(bucket)
                if len(buckets) > _MOST_PARTITIONS:
                    return []
        return buckets

    def granularities(self, own: Granularity | None) -> tuple[Granularity, Granularity]:
        """
        Return the granularity of the partitions that the job writes, and the table's own.

        :param own: As in :meth:`partitions`.
        """
        written = self.partitioned_by or own or Granularity.DAY
        return written, own or written
