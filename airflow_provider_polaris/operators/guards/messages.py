# SPDX-License-Identifier: Apache-2.0
"""Errors of the guards: what the job would lose and how to proceed; performs no I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.jobs.guards.shrinkage import Shrinkage
from airflow_provider_polaris.jobs.tables.storage_policy import StoragePolicy
from airflow_provider_polaris.jobs.time.instant import format_instant
from airflow_provider_polaris.jobs.time.interval import Interval

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.guards.options import GuardOptions


_MOST_NAMED: Final = 5


def format_intervals(intervals: Sequence[Interval]) -> str:
    """
    Return the first five intervals as text, and the number of the others.

    >>> format_intervals([Interval.ETERNITY])
    'all of time'
    """
    if Interval.ETERNITY in intervals:
        return "all of time"
    more = len(intervals) - _MOST_NAMED
    return ", ".join(repr(each.to_wire()) for each in intervals[:_MOST_NAMED]) + (
        f" and {more} more" if more > 0 else ""
    )


def override_hint(argument: str) -> str:
    """Return a hint on how to disable a guard, permanently or for one run."""
    return f"run the task with {argument}='submit' ({argument}='{{{{ params.{argument} }}}}' allows it for one run)"


#: The line of a dry run in which both counts are turned off.
COUNTS_NOTHING: Final = "count nothing, because on_empty_source and on_shrink are 'submit'"


class JobMessages(ABC):
    """
    Builds the sentences and the errors of the guards for one job.

    :param target: Table that the job writes.
    """

    def __init__(self, target: str) -> None:
        self.target = target

    @property
    @abstractmethod
    def nothing_found(self) -> str:
        """The sentence that the job would find no rows."""

    @abstractmethod
    def counted(self, found: Shrinkage) -> str:
        """Return how many rows the job reads, without a full stop."""

    @abstractmethod
    def compared(self, found: Shrinkage) -> str:
        """Return how many rows the job reads and replaces, without a full stop."""

    @abstractmethod
    def absent(self, source: str, place: str, conn_id: str) -> PolarisGuardError:
        """
        Return the error for a source that doesn't exist.

        :param source: Its name.
        :param place: The project or cluster.
        :param conn_id: Id of the connection.
        """

    @abstractmethod
    def deleting(self, source: str) -> PolarisGuardError:
        """Return the error for a source that is being deleted."""

    @abstractmethod
    def unavailable(self, source: str) -> PolarisGuardUnansweredError:
        """Return the error for a source that is still being loaded after the longest wait."""

    @abstractmethod
    def empty(self) -> PolarisGuardError:
        """Return the error for a job that would find no rows."""

    @abstractmethod
    def lost_rows(self, found: Shrinkage) -> str:
        """Return the sentence on the rows that the job would replace and can't reproduce."""

    @abstractmethod
    def shrunk(self, found: Shrinkage) -> PolarisGuardError:
        """Return the error for a job that would replace rows that it can't reproduce."""

    def dropped(self, policy: StoragePolicy, lost: Sequence[Interval], now: datetime) -> PolarisGuardError:
        """Return the error for a job whose rows would be dropped immediately."""
        return PolarisGuardError(
            f"the storage policy of table {self.target!r} retains {policy.shown!r}, so at {format_instant(now)} "
            f"the service would immediately drop what the job writes to {format_intervals(lost)}. Nothing was "
            "submitted. Extend the table's retention, or write to another table. To submit the job anyway, "
            f"{override_hint('on_retention')}."
        )


class GuardMessages(JobMessages):
    """
    Builds the guard errors for one table-to-table job.

    :param source: Table that the job reads.
    :param target: Table that the job writes.
    :param spans: Intervals that the job replaces.
    :param has_filter: Whether the job has a filter, so that only matching rows count.
    """

    def __init__(self, *, source: str, target: str, spans: tuple[Interval, ...], has_filter: bool) -> None:
        super().__init__(target)
        self._source = repr(source)
        self._spans = spans
        self._filter = " that pass filter_expression" if has_filter else ""

    @property
    def nothing_found(self) -> str:
        """The sentence that the source has no rows."""
        return f"the source {self._source} has no rows in {format_intervals(self._spans)}{self._filter}."

    def counted(self, found: Shrinkage) -> str:
        """Return how many rows the source has."""
        return (
            f"{self._source} has {found.source_rows:,} rows for the job; the rows that {self.target!r} loses were not "
            "counted, because on_shrink='submit'"
        )

    def compared(self, found: Shrinkage) -> str:
        """Return how many rows the source and the target have."""
        return (
            f"{self._source} has {found.source_rows:,} rows for the job, which replaces {found.target_rows:,} rows of "
            f"{self.target!r}"
        )

    def absent(self, source: str, place: str, conn_id: str) -> PolarisGuardError:
        """Return the error for a source that doesn't exist."""
        return PolarisGuardError(
            f"source_table {source!r} does not exist in {place}. Check its name and connection {conn_id!r}."
        )

    def deleting(self, source: str) -> PolarisGuardError:
        """Return the error for a source that is being deleted."""
        return PolarisGuardError(
            f"source_table {source!r} is being deleted, so nothing can be read from it. Nothing was submitted. Use "
            "another table."
        )

    def unavailable(self, source: str) -> PolarisGuardUnansweredError:
        """Return the error for a source that is still being loaded after the longest wait."""
        return PolarisGuardUnansweredError(
            f"source_table {source!r} is still 'unavailable': not all of its data is loaded, and the service refuses "
            "to read such a table. Nothing was submitted. Check the table. A retry of this task waits again."
        )

    def empty(self) -> PolarisGuardError:
        """Return the error for a job that would find no rows."""
        return PolarisGuardError(
            f"{self.nothing_found} The job could empty that part of table {self.target!r}, so nothing was submitted. "
            "Check that the source was loaded and that its old data was not deleted. If it is meant "
            f"to be empty, run the task with on_empty_source='skip', which leaves the target as it is, or "
            f"{override_hint('on_empty_source')}."
        )

    def lost_rows(self, found: Shrinkage) -> str:
        """Return the sentence on the rows that the source no longer has."""
        parts = []
        if found.emptied:
            parts.append(
                f"{format_intervals(found.emptied)} has rows there and none in the source {self._source}{self._filter}"
            )
        if found.fewer:
            parts.append(
                f"of the {found.fewer_there:,} rows that {format_intervals(found.fewer)} was built from, the source "
                f"{self._source} has {found.fewer_here:,}{self._filter}"
            )
        if found.collateral:
            parts.append(
                f"{format_intervals(found.collateral)} lies in time partitions of the table that the job touches, "
                f"which the service may replace as a whole, and the source {self._source} can't fill it again"
            )
        return f"the job would replace rows of table {self.target!r} that it can't reproduce: {'; '.join(parts)}."

    def shrunk(self, found: Shrinkage) -> PolarisGuardError:
        """Return the error for a job that would replace rows that the source no longer has."""
        return PolarisGuardError(
            f"{self.lost_rows(found)} Nothing was submitted, and the table is unchanged. If the source's old data "
            "was deleted on purpose, its rollup is the only remaining copy: don't run this task again for that time. "
            f"To replace the rows anyway, {override_hint('on_shrink')}."
        )


def describe_target_guards(options: GuardOptions, target: str) -> list[str]:
    """
    Return the checks of other jobs and of the storage policy, one line each.

    :param options: Parsed guard arguments.
    :param target: Table that the job writes.
    """
    conflict = {
        "wait": "wait for other jobs that work on the same partitions",
        "fail": "fail if another job works on the same partitions",
    }[options.on_conflict]
    lines = [f"{conflict} of {target!r} (on_conflict={options.on_conflict!r})"]
    if options.on_retention != "submit":
        action = fail_or_ask(options.on_retention)
        lines.append(
            f"{action} if the storage policy of {target!r} would drop what is written "
            f"(on_retention={options.on_retention!r})"
        )
    return lines


def fail_or_ask(value: str) -> str:
    """Return what a guard does about a finding, for a dry run."""
    return "ask a person" if value == "ask" else "fail"


def describe_empty_source(options: GuardOptions) -> str:
    """
    Return what the task does if the job would find no rows.

    :param options: Parsed guard arguments.
    """
    action = {
        "fail": "fail if there are none",
        "ask": "ask a person if there are none",
        "skip": "be skipped if there are none",
        "succeed": "succeed without a job if there are none and the target has none either",
        "submit": "continue if there are none",
    }[options.on_empty_source]
    return f"{action} (on_empty_source={options.on_empty_source!r})"


def describe_source_guards(
    options: GuardOptions, mode: str, source: str, target: str, condition: str | None = None
) -> list[str]:
    """
    Return the checks of the guards of a table-to-table job, one line each.

    :param options: Parsed guard arguments.
    :param mode: ``replace`` or ``append``.
    :param source: Table that the job reads.
    :param target: Table that it writes.
    :param condition: Filter of the job.
    """
    from airflow_provider_polaris.jobs.errors import PolarisSpecError
    from airflow_provider_polaris.jobs.sql.single_expression import check_expression

    lines = [f"wait until {source!r} is available, 10 minutes at most", *describe_target_guards(options, target)]
    if mode != "replace":
        return [*lines, "count nothing, because the job appends"]
    if not options.counts:
        return [*lines, COUNTS_NOTHING]
    try:
        if condition is not None:
            check_expression(condition, "filter_expression")
    except PolarisSpecError as error:
        return [f"fail, because {error}"]
    lines.append(f"count the rows of {source!r} for the job, by a query, and {describe_empty_source(options)}")
    if options.on_shrink != "submit":
        lines.append(
            f"count the rows of {target!r} that would be replaced, by a query, and {fail_or_ask(options.on_shrink)} if "
            f"there are any that {source!r} no longer has (on_shrink={options.on_shrink!r})"
        )
    return lines
