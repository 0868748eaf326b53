# SPDX-License-Identifier: Apache-2.0
"""``airflow polaris jobs list``, ``cancel`` and ``sql``."""

from __future__ import annotations

from typing import Any

from airflow_provider_polaris.cli.connection import connected
from airflow_provider_polaris.cli.output import CommandError, Output
from airflow_provider_polaris.hooks.job_origin import MOST_READS, JobMakers
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.tables.name import check_table_name
from airflow_provider_polaris.jobs.time.instant import format_instant

_HEADER = ("ID", "TYPE", "TABLE", "STATUS", "HEALTH", "CREATED", "SECONDS", "MADE BY")


def list_jobs(arguments: Any, screen: Output) -> int:
    """Print jobs, newest first."""
    if arguments.table is not None:
        check_table_name(arguments.table, "--table")
    with connected(arguments.conn_id) as hook:
        found = list(
            hook.iter_jobs(
                execution_status=arguments.status or (),
                target_table=arguments.table,
                type=arguments.type or (),
                page_size=min(arguments.limit, 1000),
                limit=arguments.limit,
            )
        )
        if arguments.output == "json":
            screen.print_json(found)
            return 0
        if not found:
            screen.print_message("No jobs match.")
            return 0
        # The service's list has no origins, so each job is read.
        makers = JobMakers(hook, MOST_READS if arguments.origin else 0)
        screen.print_table(_HEADER, [_row(JobState.from_wire(job), makers) for job in found])
    if arguments.origin and len(found) > MOST_READS:
        screen.print_message(f"Which task made a job was read for {MOST_READS} jobs only.")
    if len(found) == arguments.limit:
        screen.print_message(f"The newest {len(found)}; there may be more: raise --limit.")
    return 0


def cancel_job(arguments: Any, screen: Output) -> int:
    """Request the cancellation of a job that has not ended."""
    with connected(arguments.conn_id) as hook:
        job = JobState.from_wire(hook.get_job(arguments.job_id))
        if job.is_terminal:
            raise CommandError(f"{_named(job)} has ended: it is {job.status!r}, so there is nothing to cancel.")
        origin = JobMakers(hook).origin(job)
        status = hook.cancel_job(job.job_id)
    if arguments.output == "json":
        screen.print_json({"id": job.job_id, "status": status})
    else:
        maker = "" if origin is None else f", made by {origin},"
        screen.print_result(f"{_named(job)}{maker} is to be canceled; its status is {status!r}.")
    return 0


def show_sql(arguments: Any, screen: Output) -> int:
    """Print Polaris' SQL of a job; if there is none, the SQL that the package builds from its spec."""
    from airflow_provider_polaris.jobs.sql.statement import job_statement

    with connected(arguments.conn_id) as hook:
        job = JobState.from_wire(hook.get_job(arguments.job_id))
    sql = job.query or job_statement(job.body.get("spec") or {})
    if sql is None:
        raise CommandError(f"{_named(job)} has no SQL: Druid SQL has no equivalent statement.")
    if arguments.output == "json":
        screen.print_json({"id": job.job_id, "sql": sql})
    else:
        screen.print_result(sql)
    return 0


def _row(job: JobState, makers: JobMakers) -> tuple[Any, ...]:
    health = None if job.health is None else job.health.code or job.health.status
    created = None if job.created is None else format_instant(job.created)[:19].replace("T", " ") + "Z"
    seconds = None if job.seconds is None else f"{job.seconds:.1f}"
    status = f"{job.status} (canceling)" if job.is_canceling else job.status
    origin = makers.origin(job)
    maker = makers.user(job) if origin is None else origin.label
    return job.job_id, job.type, job.target_table, status, health, created, seconds, maker


def _named(job: JobState) -> str:
    return f"Job {job.job_id!r} ({job.purpose})"
