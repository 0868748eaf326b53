# SPDX-License-Identifier: Apache-2.0
"""Errors of the guards of a SQL job; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.operators.guards.messages import (
    COUNTS_NOTHING,
    JobMessages,
    describe_empty_source,
    describe_target_guards,
    fail_or_ask,
    format_intervals,
    override_hint,
)

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.guards.shrinkage import Shrinkage
    from airflow_provider_polaris.jobs.sql.ingestion.statement import IngestionStatement
    from airflow_provider_polaris.operators.guards.options import GuardOptions


class StatementMessages(JobMessages):
    """
    Builds the guard errors for one statement.

    :param statement: What the statement says.
    """

    def __init__(self, statement: IngestionStatement) -> None:
        super().__init__(statement.target)
        self._spans = statement.intervals

    @property
    def nothing_found(self) -> str:
        """The sentence that the SELECT returns no rows."""
        return f"the SELECT of sql returns no rows in {format_intervals(self._spans)}."

    def counted(self, found: Shrinkage) -> str:
        """Return how many rows the SELECT returns."""
        return (
            f"the SELECT returns {found.source_rows:,} rows; the rows that {self.target!r} loses were not counted, "
            "because on_shrink='submit'"
        )

    def compared(self, found: Shrinkage) -> str:
        """Return how many rows the SELECT returns and how many the job replaces."""
        return (
            f"the SELECT returns {found.source_rows:,} rows; the job replaces {found.target_rows:,} rows of "
            f"{self.target!r}"
        )

    def absent(self, source: str, place: str, conn_id: str) -> PolarisGuardError:
        """Return the error for a table that doesn't exist."""
        return PolarisGuardError(
            f"table {source!r}, which sql reads, does not exist in {place}. Check its name and connection {conn_id!r}."
        )

    def deleting(self, source: str) -> PolarisGuardError:
        """Return the error for a table that is being deleted."""
        return PolarisGuardError(
            f"table {source!r}, which sql reads, is being deleted. Nothing was submitted. Use another table."
        )

    def unavailable(self, source: str) -> PolarisGuardUnansweredError:
        """Return the error for a table that is still being loaded after the longest wait."""
        return PolarisGuardUnansweredError(
            f"table {source!r}, which sql reads, is still 'unavailable': not all of its data is loaded. Nothing was "
            "submitted. Check the table. A retry of this task waits again."
        )

    def empty(self) -> PolarisGuardError:
        """Return the error for a job that would find no rows."""
        return PolarisGuardError(
            f"{self.nothing_found} The job could empty that part of table {self.target!r}, so nothing was submitted. "
            "Check that its tables were loaded, that their old data was not deleted, and that its conditions fit. If "
            "the result is meant to be empty, run the task with on_empty_source='skip', which leaves the target as "
            f"it is, or {override_hint('on_empty_source')}."
        )

    def lost_rows(self, found: Shrinkage) -> str:
        """Return the sentence on the rows that the SELECT no longer returns."""
        parts = []
        if found.emptied:
            parts.append(f"{format_intervals(found.emptied)} has rows there and none in the result of sql")
        if found.fewer:
            parts.append(
                f"{format_intervals(found.fewer)} has {found.fewer_there:,} there and {found.fewer_here:,} in the "
                "result of sql"
            )
        if found.collateral:
            parts.append(
                f"{format_intervals(found.collateral)} lies in time partitions of the table that the job touches, "
                "which the service may replace as a whole, and the result of sql doesn't fill it again"
            )
        return f"the job would replace rows of table {self.target!r} that it can't reproduce: {'; '.join(parts)}."

    def shrunk(self, found: Shrinkage) -> PolarisGuardError:
        """Return the error for a job that would replace rows that its SELECT no longer returns."""
        return PolarisGuardError(
            f"{self.lost_rows(found)} Nothing was submitted, and the table is unchanged. If old data of its "
            "sources was deleted on purpose, the table has the only remaining copy: don't run this task again for that "
            f"time. To replace the rows anyway, {override_hint('on_shrink')}."
        )


def describe_statement_guards(
    options: GuardOptions, statement: IngestionStatement, sources: Sequence[str]
) -> list[str]:
    """
    Return the checks of the guards of a SQL job, one line each.

    :param options: Parsed guard arguments.
    :param statement: What the statement says.
    :param sources: The tables that it reads.
    """
    lines = [f"wait until {', '.join(map(repr, sources))} can be read, 10 minutes at most"] if sources else []
    lines += describe_target_guards(options, statement.target)
    if not statement.replaces:
        return [*lines, "count nothing, because the statement is an INSERT"]
    if not options.counts:
        return [*lines, COUNTS_NOTHING]
    lines.append(f"count the rows of the SELECT, by a query, and {describe_empty_source(options)}")
    if options.on_shrink != "submit":
        lines.append(
            f"count the rows of {statement.target!r} that are replaced, by a query, and "
            f"{fail_or_ask(options.on_shrink)} if the SELECT doesn't return them (on_shrink={options.on_shrink!r})"
        )
    return lines
