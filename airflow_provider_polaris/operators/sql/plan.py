# SPDX-License-Identifier: Apache-2.0
"""Check the statement of a SQL job against its target table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_polaris.hooks.tables import find_table
from airflow_provider_polaris.jobs.validation.statement import StatementFacts, check_statement
from airflow_provider_polaris.operators.dry_run.table_reader import TableNotSeenError

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.hooks.task_reads import TaskReads
    from airflow_provider_polaris.operators.sql.arguments import SqlJobArguments


def check_job(
    job: SqlJobArguments, hook: PolarisHook, reads: TaskReads | None = None, sources: Sequence[str] = ()
) -> None:
    """
    Check a SQL job. Reads the target table if the statement replaces or must not create the table.

    :param job: Its arguments.
    :param hook: The hook.
    :param reads: Reads each table once, for the guards, too: the sources are read at the same time. None reads the
        target with ``hook``.
    :param sources: Names of the tables that the statement reads.
    :raises PolarisSpecError: The job would be refused, would fail, or would do harm.
    """
    target, is_absent = None, False
    if job.statement.replaces or not job.create_table_if_not_exists:
        if reads is not None:
            reads.read(*sources, target=job.statement.target)
        with suppress(TableNotSeenError):
            found = find_table(hook, job.statement.target) if reads is None else reads.find(job.statement.target)
            target, is_absent = (None, True) if found is None else (found.facts, False)
    facts = StatementFacts(
        target=target,
        target_known_absent=is_absent,
        creates_target=job.create_table_if_not_exists,
        source_tables=job.source_tables,
        interval=job.interval,
        allow_finer_partitions=job.allow_finer_partitions,
        allow_self_append=job.allow_self_append,
    )
    check_statement(job.statement, facts)
